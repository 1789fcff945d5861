//! Connections come, go and come back.

use std::{
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::Request,
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use mirrorball_client::{
    ConnectionError, Credentials,
    juggler::{ConnectionState, Notification, RequestError},
};
use mirrorball_server::{Juggler, State};
use mirrorball_tests::{child::Child, mirror, plan::Plan};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::{
    client, json as parse,
    raw::Raw,
    site::{Site, start_process, url},
    soon, until_state, until_status,
};

fn signal(child: &Child, name: &str) {
    let pid = child.pid().unwrap().to_string();
    let sent = Command::new("kill").args(["-s", name, &pid]).status();
    assert!(sent.unwrap().success());
}

/// A server that is killed and started again: the last state stays, is marked, and is replaced.
#[tokio::test]
async fn a_client_comes_back_to_a_server_that_was_killed() {
    let mut plan = Plan {
        state: json!({ "old": [1, 2] }).into(),
        ..Plan::default()
    };
    let server = start_process(&plan).await;
    plan.port = server.port();
    let client = client(url(&server)).connect().await.unwrap();
    let mut notifications = client.notifications();
    let waiting = tokio::spawn(client.request("never", &()));
    // The request is on its way before those behind it are answered.
    client.request("", &()).await.unwrap();
    server.kill().await.unwrap();
    assert_eq!(
        soon("its end", waiting).await.unwrap(),
        Err(RequestError::ConnectionLost)
    );
    until_status(&client, "stale", |status| {
        status.state == ConnectionState::Stale
    })
    .await;
    assert_eq!(client.state(), json!({ "old": [1, 2] }).into());
    let status = client.status();
    assert!(
        status.ever_connected && status.last_error.is_some(),
        "{status:?}"
    );
    until_status(&client, "attempts", |status| status.retries > 2).await;

    plan.state = json!({ "new": "😀" }).into();
    let server = start_process(&plan).await;
    until_state(&client, &plan.state).await;
    assert_eq!(client.status().state, ConnectionState::Connected);
    assert_eq!(notifications.next().await, Some(Notification::Reconnected));
    server.kill().await.unwrap();
}

/// A client that comes back says what it holds, and goes on from there; an address with a query keeps it.
#[tokio::test]
async fn a_client_goes_on_where_its_last_connection_ended() {
    let queries: Arc<Mutex<Vec<String>>> = Arc::default();
    let state = State::new(parse(r#"{"a":{"b":1},"c":[]}"#));
    let juggler = Juggler::builder(state.clone()).build();
    let note = {
        let queries = Arc::clone(&queries);
        move |request: Request, next: Next| {
            let query = request.uri().query().unwrap_or_default().to_owned();
            queries.lock().unwrap().push(query);
            next.run(request)
        }
    };
    let app = juggler
        .clone()
        .into_router()
        .layer(middleware::from_fn(note));
    let site = Site::serve(app).await;
    let client = client(format!("{}?key=1", site.url()))
        .connect()
        .await
        .unwrap();
    for n in 2..5 {
        client.reconnect();
        state.set("/a/b", n).unwrap();
        until_state(&client, &state.snapshot()).await;
        until_status(&client, "connected", |status| {
            status.state == ConnectionState::Connected
        })
        .await;
    }
    let queries = std::mem::take(&mut *queries.lock().unwrap());
    assert_eq!(queries[0], "key=1");
    assert!(queries.len() > 3, "{queries:?}");
    for query in &queries[1..] {
        assert!(query.starts_with("key=1&resume="), "{query}");
    }
    juggler.close().await;
}

/// A server that restarts says so, and its clients wait their turn and come back.
#[tokio::test]
async fn a_client_comes_back_to_a_server_that_restarts() {
    let raw = Raw::bind().await;
    let (client, mut line) =
        tokio::join!(client(raw.url()).connect(), raw.accept_with(r#"{"old":1}"#));
    let client = client.unwrap();
    let restart = CloseFrame {
        code: CloseCode::Restart,
        reason: "service restart".into(),
    };
    line.send_message(Message::Close(Some(restart))).await;
    until_status(&client, "stale", |status| {
        status.state == ConnectionState::Stale
            && matches!(
                &status.last_error,
                Some(ConnectionError::Closed { code: 1012, .. })
            )
    })
    .await;
    let _line = raw.accept_with(r#"{"new":2}"#).await;
    until_state(&client, &parse(r#"{"new":2}"#)).await;
    assert_eq!(client.status().state, ConnectionState::Connected);
    client.close().await;
}

/// A server that does not move any more is found out by its silence.
#[tokio::test]
async fn a_silent_server_is_left() {
    let server = start_process(&Plan {
        state: 1.into(),
        ..Plan::default()
    })
    .await;
    let builder = client(url(&server))
        .ping_delay(Some(Duration::from_millis(50)))
        .ping_timeout(Duration::from_millis(200))
        .connect_timeout(Duration::from_millis(200));
    let client = builder.connect().await.unwrap();
    signal(&server, "STOP");
    until_status(&client, "silence", |status| {
        status.last_error == Some(ConnectionError::Silent)
    })
    .await;
    // The system still takes connections, and nobody answers.
    until_status(&client, "no handshake", |status| {
        status.last_error == Some(ConnectionError::TimedOut)
    })
    .await;
    assert_eq!(
        (client.state(), client.status().state),
        (1.into(), ConnectionState::Stale)
    );
    signal(&server, "CONT");
    until_status(&client, "connected", |status| {
        status.state == ConnectionState::Connected
    })
    .await;
    server.kill().await.unwrap();
}

/// Pings keep a connection on which nothing happens, on both sides.
#[tokio::test]
async fn pings_are_sent_and_answered() {
    let raw = Raw::bind().await;
    let builder = client(raw.url()).ping_delay(Some(Duration::from_millis(10)));
    let (client, mut line) = tokio::join!(builder.connect(), raw.accept_with("1"));
    let client = client.unwrap();
    for _ in 0..3 {
        assert_eq!(line.text().await, "2");
        line.send("3").await;
    }
    line.send("2payload 😀").await;
    while line.text().await != "3payload 😀" {}
    assert_eq!(client.status().state, ConnectionState::Connected);
    client.close().await;
    assert_eq!(line.goodbye().await, 1000);
}

/// Addresses are tried in turn, and can be others later.
#[tokio::test]
async fn addresses_are_tried_in_turn() {
    let gone = Raw::bind().await.url();
    let one = Site::start(Plan {
        state: "one".into(),
        ..Plan::default()
    })
    .await;
    let two = Site::start(Plan {
        state: "two".into(),
        ..Plan::default()
    })
    .await;
    let builder = client(&gone).address(one.url()).address(two.url());
    let client = soon("one", builder.connect()).await.unwrap();
    assert_eq!(client.state(), "one".into());
    client.reconnect();
    until_state(&client, &"two".into()).await;
    client.reconnect();
    until_state(&client, &"one".into()).await;

    // A connection that stands is kept.
    client.set_addresses([two.url()]).unwrap();
    assert_eq!(
        client.request("snapshot", &()).await.unwrap(),
        "\"one\"".into()
    );
    client.reconnect();
    until_state(&client, &"two".into()).await;
    assert!(client.set_addresses(["nowhere at all"]).is_err());
    assert!(client.set_addresses::<&str>([]).is_err());
    assert_eq!(client.request("", &1).await, Ok(1.into()));
    assert_eq!(*client.addresses(), [two.url().parse().unwrap()]);
}

/// An error is that of the last attempt, not of one before.
#[tokio::test]
async fn an_old_error_is_forgotten() {
    let raw = Raw::bind().await;
    let client = client(raw.url()).start().unwrap();
    let mut stream = raw.accept_stream().await;
    let refused = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(refused).await.unwrap();
    until_status(&client, "a refusal", |status| {
        status.last_error == Some(ConnectionError::Refused(403))
    })
    .await;
    drop(raw.accept_with("1").await);
    until_status(&client, "a loss", |status| {
        status.state == ConnectionState::Stale
            && status.last_error != Some(ConnectionError::Refused(403))
    })
    .await;
}

/// Without an answer from any address there is no client, and it is told why.
#[tokio::test]
async fn a_client_that_cannot_connect_says_why() {
    let connect = async |url: String| {
        let connected = soon("an end", client(url).connect()).await;
        connected.map(|_| ()).unwrap_err()
    };
    let gone = Raw::bind().await.url();
    let error = connect(gone.clone()).await;
    assert!(matches!(error, ConnectionError::Network(_)), "{error:?}");
    let error = connect("nowhere at all".to_owned()).await;
    assert!(matches!(error, ConnectionError::Address(_)), "{error:?}");
    let error = connect(gone.replace("ws:", "wss:")).await;
    assert!(matches!(error, ConnectionError::Network(_)), "{error:?}");

    let site = Site::start(Plan::default()).await;
    let error = connect(site.url().replace("/ws", "/elsewhere")).await;
    assert_eq!(error, ConnectionError::Refused(404));

    let raw = Raw::bind().await;
    let answer = async {
        let mut stream = raw.accept_stream().await;
        stream.write_all(b"SSH-2.0-hello\r\n\r\n").await.unwrap();
        stream
    };
    let (error, _stream) = tokio::join!(connect(raw.url()), answer);
    assert!(matches!(error, ConnectionError::Handshake(_)), "{error:?}");

    let raw = Raw::bind().await;
    let builder = client(raw.url()).connect_timeout(Duration::from_millis(20));
    let (connected, _stream) = tokio::join!(builder.connect(), raw.accept_stream());
    assert_eq!(connected.map(|_| ()), Err(ConnectionError::TimedOut));

    // It tries the others first.
    let site = Site::start(Plan {
        state: 1.into(),
        ..Plan::default()
    })
    .await;
    assert!(client(&gone).address(site.url()).connect().await.is_ok());
}

/// What a server says when it closes is told; where the client is not to come back, that is its end.
#[tokio::test]
async fn without_reconnecting_a_loss_is_the_end() {
    let raw = Raw::bind().await;
    let builder = client(raw.url()).reconnect(false);
    let (client, mut line) = tokio::join!(builder.connect(), raw.accept_with("1"));
    let client = client.unwrap();
    let mut changes = client.changes();
    assert_eq!(changes.next().await, Some(1.into()));
    let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame {
        code: 4242.into(),
        reason: "for a reason".into(),
    };
    line.send_message(tokio_tungstenite::tungstenite::Message::Close(Some(frame)))
        .await;
    let expected = ConnectionError::Closed {
        code: 4242,
        reason: "for a reason".to_owned(),
    };
    assert_eq!(soon("the end", client.closed()).await, Some(expected));
    assert_eq!(changes.next().await, None);
    assert_eq!(
        (client.state(), client.status().state),
        (1.into(), ConnectionState::Failed)
    );
    assert_eq!(client.request("", &()).await, Err(RequestError::Closed));
    assert_eq!(line.goodbye().await, 4242);
}

/// Closing says goodbye; so does dropping the last handle, and streams do not keep it open.
#[tokio::test]
async fn closing_and_dropping_say_goodbye() {
    let raw = Raw::bind().await;
    let (one, line) = tokio::join!(client(raw.url()).connect(), raw.accept_with("1"));
    let one = one.unwrap();
    let waiting = tokio::spawn({
        let one = one.clone();
        async move { one.closed().await }
    });
    one.close().await;
    one.close().await;
    assert_eq!(soon("the end", waiting).await.unwrap(), None);
    assert_eq!(one.status().state, ConnectionState::Closed);
    assert_eq!(line.goodbye().await, 1000);

    let (two, line) = tokio::join!(client(raw.url()).connect(), raw.accept_with("1"));
    let two = two.unwrap();
    let mut changes = two.changes();
    assert_eq!(changes.next().await, Some(1.into()));
    drop(two.clone());
    assert_eq!(two.state(), 1.into());
    drop(two);
    assert_eq!(line.goodbye().await, 1000);
    assert_eq!(soon("the end", changes.next()).await, None);
}

/// A server that wants Basic authentication.
#[tokio::test]
async fn users_and_passwords_are_shown_and_not_told() {
    async fn guard(request: Request, next: Next) -> Response {
        // ann:p@ss😀
        let expected = "Basic YW5uOnBAc3Pwn5iA";
        let authorization = request.headers().get(header::AUTHORIZATION);
        if authorization.is_some_and(|it| it == expected) {
            next.run(request).await
        } else {
            StatusCode::UNAUTHORIZED.into_response()
        }
    }
    let app: Router = mirror::juggler(&Plan {
        state: 1.into(),
        ..Plan::default()
    })
    .unwrap()
    .into_router();
    let site = Site::serve(app.layer(middleware::from_fn(guard))).await;
    let ann = Credentials::new("ann", "p@ss😀").unwrap();
    let builder = client(site.url()).auth(ann.clone());
    assert!(!format!("{builder:?}").contains("p@ss"));
    assert!(builder.connect().await.is_ok());
    let named = site.url().replace("ws://", "ws://ann:p%40ss%F0%9F%98%80@");
    // The address prevails.
    let builder = client(&named).auth(Credentials::new("bob", "").unwrap());
    assert!(!format!("{builder:?}").contains("p%40ss"));
    assert!(builder.connect().await.is_ok());
    for builder in [
        client(site.url()),
        client(named.replace("ann", "bob")).auth(ann),
    ] {
        let error = builder.connect().await.map(|_| ()).unwrap_err();
        assert_eq!(error, ConnectionError::Unauthorized);
    }
}
