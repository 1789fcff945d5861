//! Notifications, requests and their answers.

use std::time::Duration;

use mirrorball_client::{
    Value,
    juggler::{Notification, RequestError},
};
use mirrorball_server::{RequestError as Refusal, ServerOptions, to_value};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::{House, data, soon};
use crate::peer::Peer;

const NAMES: [&str; 2] = ["name1", "name2"];

#[tokio::test]
async fn a_notification_arrives_as_it_was_sent() {
    let mut house = House::open(|builder| builder).await;
    let mut builder = house.client();
    let mut notifications = builder.notifications();
    let (_client, connection) = house.connected(builder).await;
    for name in NAMES {
        for data in data() {
            let data = to_value(&data).unwrap();
            connection.notify(name, &data).await.unwrap();
            let expected = Notification::Message {
                name: name.into(),
                data,
            };
            assert_eq!(soon("it", notifications.next()).await, Some(expected));
        }
    }
}

#[tokio::test]
async fn a_notification_of_eight_mebibytes_arrives() {
    let mut house = House::open(|builder| builder).await;
    let mut builder = house.client();
    let mut notifications = builder.notifications();
    let (client, connection) = house.connected(builder).await;
    let text = "1".repeat(4_194_304 * 2);
    let sent = Value::from(text.as_str());
    connection.notify("big", &sent).await.unwrap();
    let Some(Notification::Message { name, data }) = soon("it", notifications.next()).await else {
        panic!("no notification");
    };
    assert_eq!(&*name, "big");
    assert!(data.as_str() == Some(&text), "another text");
    assert_eq!(client.request("", &1).await, Ok(1.into()));
}

#[tokio::test]
async fn a_request_waits_for_its_answer() {
    let (sender, mut asked) = mpsc::unbounded_channel();
    let mut house = House::open(|builder| {
        builder.on_request(move |connection, name, data| {
            let (answer, answered) = oneshot::channel::<Value>();
            sender.send((connection.id(), name, data, answer)).unwrap();
            async move { answered.await.map_err(Refusal::new) }
        })
    })
    .await;
    let (client, connection) = house.connect().await;
    for name in NAMES {
        for data in data() {
            let waiting = tokio::spawn(client.request(name, &data));
            let (id, asked, got, answer) = soon("a request", asked.recv()).await.unwrap();
            let data = to_value(&data).unwrap();
            assert_eq!(
                (id, asked.as_str(), &got),
                (connection.id(), name, &data),
                "as it was sent"
            );
            assert!(
                !waiting.is_finished(),
                "answered before there was an answer"
            );
            let response = to_value(&("response", &data)).unwrap();
            answer.send(response.clone()).unwrap();
            assert_eq!(soon("an answer", waiting).await.unwrap(), Ok(response));
        }
    }
}

#[tokio::test]
async fn a_handlers_error_is_the_clients() {
    let mut house = House::open(|builder| {
        builder.on_request(|_, name, data| async move {
            assert_eq!((name.as_str(), &data), ("name", &42.into()));
            Err("error".into())
        })
    })
    .await;
    let (client, _connection) = house.connect().await;
    let error = RequestError::Remote("error".into());
    assert_eq!(client.request("name", &42).await, Err(error));
}

#[tokio::test]
async fn without_a_handler_a_request_fails() {
    let mut house = House::open(|builder| builder).await;
    let (client, _connection) = house.connect().await;
    let answer = client.request("name", &42).await;
    assert!(matches!(answer, Err(RequestError::Remote(_))), "{answer:?}");
    assert_eq!(client.request("", &42).await, Ok(42.into()), "but an echo");
}

/// What is asked by name, and by whom it is to be answered.
type Asked = mpsc::UnboundedReceiver<(String, oneshot::Sender<Value>)>;

/// A server whose requests are answered by the test.
async fn asking(parallel: bool) -> (House, Asked) {
    let (sender, asked) = mpsc::unbounded_channel();
    let mut options = ServerOptions::default();
    options.parallel_requests = parallel;
    let house = House::open(|builder| {
        builder.options(options).on_request(move |_, name, _| {
            let (answer, answered) = oneshot::channel();
            sender.send((name, answer)).unwrap();
            async move { answered.await.map_err(Refusal::new) }
        })
    });
    (house.await, asked)
}

#[tokio::test]
async fn requests_are_handled_one_after_another() {
    let (house, mut asked) = asking(false).await;
    let mut peer = Peer::connect(house.address()).await;
    peer.request(1, "first", json!(null)).await;
    peer.request(2, "second", json!(null)).await;
    // Whoever answers a ping has read what came before it.
    peer.send_text("2").await;
    assert_eq!(peer.frame().await, "3");
    for (id, expected) in [(1, "first"), (2, "second")] {
        let (name, answer) = soon("a request", asked.recv()).await.unwrap();
        assert_eq!(name, expected);
        assert!(asked.try_recv().is_err(), "handled before its turn");
        answer.send(name.into()).unwrap();
        let response = peer.response().await;
        assert_eq!(
            (&response["id"], &response["data"]),
            (&json!(id), &json!(expected))
        );
    }
}

#[tokio::test]
async fn parallel_requests_are_handled_at_once() {
    let (mut house, mut asked) = asking(true).await;
    let (client, _connection) = house.connect().await;
    let first = tokio::spawn(client.request("first", &()));
    let (_, answer) = soon("the first", asked.recv()).await.unwrap();
    let second = tokio::spawn(client.request("second", &()));
    let (_, other) = soon("the second", asked.recv()).await.unwrap();
    other.send(2.into()).unwrap();
    assert_eq!(soon("its answer", second).await.unwrap(), Ok(2.into()));
    assert!(!first.is_finished(), "answered before there was an answer");
    answer.send(1.into()).unwrap();
    assert_eq!(soon("its answer", first).await.unwrap(), Ok(1.into()));
}

/// The example of hat-juggler's documentation.
#[tokio::test]
async fn the_example_of_the_documentation_holds() {
    let mut house = House::open(|builder| builder.autoflush_delay(Some(Duration::ZERO))).await;
    let (client, connection) = house.connect().await;
    let mut states = client.changes();
    assert_eq!(states.next().await, Some(Value::Null));
    connection.state().set("", 123).unwrap();
    assert_eq!(soon("the state", states.next()).await, Some(123.into()));
    assert!(house.server.close().await);
    soon("the connection's end", connection.closed()).await;
    soon("the client's end", client.closed()).await;
    assert_eq!(client.state(), 123.into());
}
