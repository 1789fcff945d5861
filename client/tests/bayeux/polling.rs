//! Long-polling: requests, cookies, paths.

use mirrorball_client::{
    ConnectionError, Credentials,
    bayeux::{Builder, ConnectionType, Error},
};
use serde_json::json;

use crate::{
    client, open_with,
    scripted::{Scripted, reply},
    soon,
};

fn polling(server: &Scripted) -> Builder {
    client(server.url()).connection_types([ConnectionType::LongPolling])
}

#[tokio::test]
async fn one_request_is_held_and_the_others_go_one_after_another() {
    let mut server = Scripted::start().await;
    let builder = polling(&server);
    let (client, held) = open_with(&mut server, builder).await;
    let publishes: Vec<_> = (0..5)
        .map(|it| tokio::spawn(client.publish("/a", &it)))
        .collect();
    let mut numbers = Vec::new();
    while numbers.len() < 5 {
        let call = server.expect("/a").await;
        // While it is not answered, nothing else comes.
        tokio::task::yield_now().await;
        assert!(server.is_quiet());
        numbers.extend(call.messages.iter().map(|it| it["data"].as_i64().unwrap()));
        call.accept();
    }
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
    for publish in publishes {
        assert!(soon("a reply", publish).await.unwrap().is_ok());
    }
    drop(held);
}

#[tokio::test]
async fn more_requests_may_go_at_a_time() {
    let mut server = Scripted::start().await;
    let builder = polling(&server).max_connections(4);
    let (client, _held) = open_with(&mut server, builder).await;
    let publishes: Vec<_> = (0..4)
        .map(|it| tokio::spawn(client.publish("/a", &it)))
        .collect();
    let mut calls = Vec::new();
    for _ in 0..3 {
        calls.push(server.expect("/a").await);
    }
    assert!(server.is_quiet());
    for call in calls {
        call.accept();
    }
    server.expect("/a").await.accept();
    for publish in publishes {
        assert!(soon("a reply", publish).await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn a_cookie_goes_back_to_an_address_too_and_to_its_web_socket() {
    let mut server = Scripted::start().await;
    let opening = tokio::spawn(polling(&server).open());
    let call = server.expect("/meta/handshake").await;
    assert!(call.headers.get("cookie").is_none());
    let yes = call.yes();
    call.answer_with(
        yes,
        &[("set-cookie", "BAYEUX_BROWSER=abc; Path=/; HttpOnly")],
    );
    let call = server.expect("/meta/connect").await;
    assert_eq!(call.headers["cookie"], "BAYEUX_BROWSER=abc");
    call.accept();
    let _client = soon("open", opening).await.unwrap().unwrap();

    let mut server = Scripted::start().await;
    let builder = client(server.url())
        .connection_types([ConnectionType::LongPolling, ConnectionType::WebSocket]);
    let opening = tokio::spawn(builder.open());
    let call = server.expect("/meta/handshake").await;
    let yes = reply(
        &call.messages[0],
        &json!({ "supportedConnectionTypes": ["websocket"] }),
    );
    call.answer_with(
        json!([yes]),
        &[("set-cookie", "BAYEUX_BROWSER=abc; Path=/; HttpOnly")],
    );
    let call = server.expect("/meta/connect").await;
    assert!(!call.is_request());
    assert_eq!(call.headers["cookie"], "BAYEUX_BROWSER=abc");
    call.accept();
    let client = soon("open", opening).await.unwrap().unwrap();
    assert_eq!(client.connection_type(), Some(ConnectionType::WebSocket));
    drop(client);
}

#[tokio::test]
async fn a_path_says_what_a_request_is_about_where_it_can() {
    let mut server = Scripted::start().await;
    let opening = tokio::spawn(polling(&server).open());
    for path in ["/cometd/handshake", "/cometd/connect"] {
        let call = server.call().await;
        assert_eq!(call.path, path);
        assert_eq!(
            call.headers["content-type"],
            "application/json;charset=UTF-8"
        );
        call.accept();
    }
    let client = soon("open", opening).await.unwrap().unwrap();
    let held = server.expect("/meta/connect").await;
    let answer = async {
        let call = server.expect("/a").await;
        assert_eq!(call.path, "/cometd/");
        call.accept();
    };
    let (published, ()) = tokio::join!(soon("a reply", client.publish("/a", &1)), answer);
    published.unwrap();
    let goodbye = async {
        let call = server.expect("/meta/disconnect").await;
        assert_eq!(call.path, "/cometd/disconnect");
        call.accept();
    };
    tokio::join!(soon("close", client.close()), goodbye);
    drop(held);

    for (query, append) in [("?a=b", true), ("", false)] {
        let url = format!("{}{query}", server.url());
        let builder = crate::client(url)
            .connection_types([ConnectionType::LongPolling])
            .append_message_type(append);
        let opening = tokio::spawn(builder.open());
        let call = server.expect("/meta/handshake").await;
        assert_eq!(call.path, format!("/cometd{query}"));
        opening.abort();
    }
}

#[tokio::test]
async fn a_client_that_closes_lets_go_of_the_request_that_is_held() {
    let mut server = Scripted::start().await;
    let builder = polling(&server);
    let (client, held) = open_with(&mut server, builder).await;
    let goodbye = async { server.expect("/meta/disconnect").await.accept() };
    tokio::join!(soon("close", client.close()), goodbye);
    soon("the request's end", held.gone()).await;
}

#[tokio::test]
async fn an_answer_has_a_limit_and_is_utf8() {
    for (text, problem) in [(vec![b' '; 2_000], "too big"), (vec![0xff], "UTF-8")] {
        let mut server = Scripted::start().await;
        let builder = polling(&server).max_payload_size(1_000);
        let answer = async { server.expect("/meta/handshake").await.answer_bytes(text) };
        let (opened, ()) = tokio::join!(soon("its end", builder.open()), answer);
        let Err(Error::Connection(ConnectionError::Protocol(error))) = opened else {
            panic!("{opened:?}")
        };
        assert!(error.contains(problem), "{error}");
    }
}

#[tokio::test]
async fn a_user_and_a_password_go_with_each_request() {
    let mut server = Scripted::start().await;
    let builder = polling(&server).credentials(Credentials::new("ann", "secret").unwrap());
    let opening = tokio::spawn(builder.open());
    for channel in ["/meta/handshake", "/meta/connect"] {
        let call = server.expect(channel).await;
        assert_eq!(call.headers["authorization"], "Basic YW5uOnNlY3JldA==");
        call.accept();
    }
    let _client = soon("open", opening).await.unwrap().unwrap();
}
