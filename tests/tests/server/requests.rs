//! Requests and their answers.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mirrorball_server::{Juggler, RequestError, ServerOptions, State, Value};
use serde_json::json;
use tokio::sync::{Barrier, mpsc};

use crate::site::Site;

/// Without a handler there is the echo and nothing else.
#[tokio::test]
async fn without_a_handler_requests_fail_and_echoes_do_not() {
    let site = Site::start(Juggler::builder(State::default())).await;
    let mut peer = site.connect().await;
    let data = json!({ "k": [1, 2.5, null, "ü😀\n"] });
    peer.request(7, "", data.clone()).await;
    let echo = json!({ "type": "response", "id": 7, "success": true, "data": data });
    assert_eq!(peer.message().await, echo);
    peer.request(-8, "anything", data).await;
    let refusal = json!({ "type": "response", "id": -8, "success": false,
        "data": "this server handles no requests" });
    assert_eq!(peer.message().await, refusal);
}

/// Answers, errors of any shape, and a panic, of which nothing is told.
#[tokio::test]
async fn a_handler_answers_refuses_or_panics() {
    let builder =
        Juggler::builder(State::default()).on_request(|connection, name, data| async move {
            assert!(connection.remote().is_some());
            match name.as_str() {
                "answer" => Ok(data),
                "refuse" => Err(RequestError::from(data)),
                "panic" => panic!("the secret is {data}"),
                other => Err(RequestError::unknown(other)),
            }
        });
    let site = Site::start(builder).await;
    let mut peer = site.connect().await;
    for (name, success, expected) in [
        ("answer", true, json!({ "secret": 1 })),
        ("refuse", false, json!({ "secret": 1 })),
        (
            "panic",
            false,
            json!("the request failed inside the server"),
        ),
        (
            "other",
            false,
            json!({ "code": "unknown-request", "message": "this server has no request `other`" }),
        ),
        ("answer", true, json!({ "secret": 1 })),
    ] {
        peer.request(1, name, json!({ "secret": 1 })).await;
        let response = peer.message().await;
        let expected = json!({ "type": "response", "id": 1, "success": success, "data": expected });
        assert_eq!(response, expected);
    }
}

/// What a handler sends before it answers goes before its answer.
#[tokio::test]
async fn a_handlers_notifications_go_before_its_answer() {
    let builder = Juggler::builder(State::default()).on_request(|connection, _, data| async move {
        connection
            .notify("progress", &data)
            .await
            .map_err(RequestError::new)?;
        Ok(data)
    });
    let site = Site::start(builder).await;
    let mut peer = site.connect().await;
    for id in 0..50 {
        peer.request(id, "work", json!(id)).await;
        let progress = json!({ "type": "notify", "name": "progress", "data": id });
        assert_eq!(peer.message().await, progress);
        let answer = json!({ "type": "response", "id": id, "success": true, "data": id });
        assert_eq!(peer.message().await, answer);
    }
}

/// One after another, in order: the second begins when the first has ended.
#[tokio::test]
async fn requests_are_handled_in_order() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let (release, released) = mpsc::unbounded_channel::<()>();
    let released = Arc::new(tokio::sync::Mutex::new(released));
    let builder = Juggler::builder(State::default()).on_request({
        let log = Arc::clone(&log);
        move |_, name, data| {
            let (log, released) = (Arc::clone(&log), Arc::clone(&released));
            async move {
                log.lock().unwrap().push(format!("{name} begins"));
                released.lock().await.recv().await;
                log.lock().unwrap().push(format!("{name} ends"));
                Ok(data)
            }
        }
    });
    let site = Site::start(builder).await;
    let mut peer = site.connect().await;
    for (id, name) in ["a", "b", "c"].iter().enumerate() {
        peer.request(id as i64, name, json!(null)).await;
    }
    // An echo needs no handler, and waits for those before it all the same. The answer to a ping says that all
    // of them have arrived.
    peer.request(3, "", json!(null)).await;
    peer.send_text("2x").await;
    assert_eq!(peer.frame().await, "3x");
    for id in 0..3 {
        release.send(()).unwrap();
        assert_eq!(peer.message().await["id"], id);
    }
    assert_eq!(peer.message().await["id"], 3);
    let log = log.lock().unwrap().join(", ");
    assert_eq!(log, "a begins, a ends, b begins, b ends, c begins, c ends");
}

/// At once where that is asked for: each waits for the others.
#[tokio::test]
async fn parallel_requests_are_handled_at_once() {
    const COUNT: usize = 10;
    let barrier = Arc::new(Barrier::new(COUNT));
    let mut options = ServerOptions::default();
    options.parallel_requests = true;
    let builder = Juggler::builder(State::default())
        .options(options)
        .on_request(move |_, _, data| {
            let barrier = Arc::clone(&barrier);
            async move {
                barrier.wait().await;
                Ok(data)
            }
        });
    let site = Site::start(builder).await;
    let mut peer = site.connect().await;
    for id in 0..COUNT {
        peer.request(id as i64, "wait", json!(id)).await;
    }
    let mut answered = Vec::new();
    for _ in 0..COUNT {
        let response = peer.message().await;
        assert_eq!(response["id"], response["data"]);
        answered.push(response["id"].as_u64().unwrap());
    }
    answered.sort_unstable();
    assert!(answered.into_iter().eq(0..COUNT as u64));
}

/// One more than may be in progress is refused, and the others are not disturbed.
#[tokio::test]
async fn too_many_requests_are_refused() {
    let mut options = ServerOptions::default();
    options.max_pending_requests = 3;
    let (release, released) = mpsc::unbounded_channel::<()>();
    let released = Arc::new(tokio::sync::Mutex::new(released));
    let builder = Juggler::builder(State::default())
        .options(options)
        .on_request(move |_, _, data| {
            let released = Arc::clone(&released);
            async move {
                released.lock().await.recv().await;
                Ok(data)
            }
        });
    let site = Site::start(builder).await;
    let mut peer = site.connect().await;
    for id in 0..5 {
        peer.request(id, "wait", json!(null)).await;
    }
    for id in [3, 4] {
        let refusal = peer.message().await;
        assert_eq!(
            (&refusal["id"], &refusal["success"]),
            (&json!(id), &json!(false))
        );
        assert!(
            refusal["data"]
                .as_str()
                .unwrap()
                .starts_with("too many requests")
        );
    }
    for id in 0..3 {
        release.send(()).unwrap();
        assert_eq!(peer.message().await["id"], id);
    }
}

/// What all clients together may have in progress one alone may have, too; then the others are refused until an
/// answer is given, or a client is gone.
#[tokio::test]
async fn too_many_requests_of_all_clients_are_refused() {
    let (release, released) = mpsc::unbounded_channel::<()>();
    let released = Arc::new(tokio::sync::Mutex::new(released));
    let builder = Juggler::builder(State::default())
        .pending_total(3, 1 << 20, 1_000)
        .on_request(move |_, _, data| {
            let released = Arc::clone(&released);
            async move {
                released.lock().await.recv().await;
                Ok(data)
            }
        });
    let site = Site::start(builder).await;
    let (mut one, mut two) = (site.connect().await, site.connect().await);
    for id in 0..4 {
        one.request(id, "wait", json!(null)).await;
    }
    let refusal = one.message().await;
    assert_eq!(
        (&refusal["id"], &refusal["success"]),
        (&json!(3), &json!(false))
    );
    for name in ["wait", ""] {
        two.request(1, name, json!(null)).await;
        let refusal = two.message().await;
        assert_eq!(refusal["success"], false);
        let text = refusal["data"].as_str().unwrap();
        assert!(text.starts_with("too many requests"), "{text}");
    }
    release.send(()).unwrap();
    assert_eq!(one.message().await["id"], 0);
    two.request(2, "", json!(null)).await;
    assert_eq!(two.message().await["success"], true);
    // Whoever goes leaves its share to the others.
    drop(one);
    while site.juggler.connections() > 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for id in 3..6 {
        two.request(id, "wait", json!(null)).await;
    }
    for id in 3..6 {
        release.send(()).unwrap();
        let answer = two.message().await;
        assert_eq!(
            (&answer["id"], &answer["success"]),
            (&json!(id), &json!(true))
        );
    }
}

/// A handler is dropped with its connection, and the connection's handle says that it is over.
#[tokio::test]
async fn a_handler_ends_with_its_connection() {
    struct Guard(mpsc::UnboundedSender<&'static str>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.send("dropped").unwrap();
        }
    }
    let (sender, mut events) = mpsc::unbounded_channel();
    let builder = Juggler::builder(State::default()).on_request(move |connection, _, _| {
        let sender = sender.clone();
        async move {
            let _guard = Guard(sender.clone());
            let closed = connection.clone();
            tokio::spawn(async move {
                closed.closed().await;
                let told = closed.notify("late", &Value::Null).await;
                assert!(told.is_err());
                sender.send("closed").unwrap();
            });
            std::future::pending().await
        }
    });
    let site = Site::start(builder).await;
    let mut peer = site.connect().await;
    peer.request(1, "wait", json!(null)).await;
    peer.send_text("2x").await;
    assert_eq!(peer.frame().await, "3x");
    drop(peer);
    let mut seen = [events.recv().await.unwrap(), events.recv().await.unwrap()];
    seen.sort_unstable();
    assert_eq!(seen, ["closed", "dropped"]);
}

/// A segment of 65,536 UTF-16 units, as one public peer cuts them, is up to 196,609 bytes long.
#[tokio::test]
async fn the_largest_segment_of_a_peer_passes() {
    let site = Site::start(Juggler::builder(State::default())).await;
    let mut peer = site.connect().await;
    let head = r#"{"type":"request","id":1,"name":"","data":""#;
    let fill = "€".repeat((196_608 - head.len()) / 3) + &"x".repeat((196_608 - head.len()) % 3);
    let segment = format!("1{head}{fill}");
    assert_eq!(segment.len(), 196_609);
    peer.send_text(segment).await;
    peer.send_text("0\"}").await;
    let response = peer.message().await;
    assert_eq!(response["data"], fill);
}

/// Requests in segments of one byte, and of one character.
#[tokio::test]
async fn small_segments_pass() {
    let site = Site::start(Juggler::builder(State::default())).await;
    let mut peer = site.connect().await;
    let request = json!({ "type": "request", "id": 1, "name": "", "data": "aé😀".repeat(50) });
    let text = request.to_string();
    let last = text.chars().count() - 1;
    for (index, character) in text.chars().enumerate() {
        let header = if index == last { '0' } else { '1' };
        peer.send_text(format!("{header}{character}")).await;
        if index % 50 == 0 {
            peer.send_text(format!("2{index}")).await;
            assert_eq!(peer.frame().await, format!("3{index}"));
        }
    }
    assert_eq!(peer.message().await["data"], request["data"]);
}
