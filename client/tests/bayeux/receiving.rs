//! How messages come out of a client.

use std::time::Duration;

use futures_util::StreamExt;
use mirrorball_client::bayeux::{Client, ConnectionType, Error, ErrorKind, State, Subscription};
use serde_json::{Value, json};

use crate::{
    EACH, client, open, open_with,
    scripted::{Call, Scripted, reply},
    soon,
};

/// Hands messages with these numbers to the client. Returns the next held connect.
async fn deliver(server: &mut Scripted, held: Call, channel: &str, numbers: &[i64]) -> Call {
    let message = |number: &i64| json!({ "channel": channel, "data": number });
    let mut messages: Vec<Value> = numbers.iter().map(message).collect();
    if !held.is_request() {
        held.line().push(messages);
        return held;
    }
    messages.push(reply(&held.messages[0], &json!({})));
    held.answer(messages);
    server.expect("/meta/connect").await
}

async fn subscribe(server: &mut Scripted, client: &Client, channel: &str) -> Subscription {
    let answer = async { server.expect("/meta/subscribe").await.accept() };
    let (subscribed, ()) = tokio::join!(soon("a reply", client.subscribe(channel)), answer);
    subscribed.unwrap()
}

async fn number(client: &Client) -> i64 {
    let message = soon("a message", client.receive()).await.unwrap();
    message.data_as().unwrap()
}

#[tokio::test]
async fn messages_are_received_in_order_and_counted() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, held) = open(&mut server, way).await;
        drop(subscribe(&mut server, &client, "/a").await);
        assert!(!client.has_pending_messages());
        let held = deliver(&mut server, held, "/a", &[1, 2, 3]).await;
        assert_eq!(number(&client).await, 1);
        assert_eq!(client.pending_count(), 2);
        assert!(client.has_pending_messages());
        assert_eq!(number(&client).await, 2);
        // Waiting for nothing loses nothing.
        assert_eq!(number(&client).await, 3);
        let waiting = tokio::time::timeout(Duration::ZERO, client.receive()).await;
        assert!(waiting.is_err());
        let _held = deliver(&mut server, held, "/a", &[4]).await;
        assert_eq!(number(&client).await, 4);
    }
}

#[tokio::test]
async fn what_is_left_can_be_received_after_closing_and_iteration_ends_with_it() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, held) = open(&mut server, way).await;
        drop(subscribe(&mut server, &client, "/a").await);
        let mut messages = client.messages();
        let held = deliver(&mut server, held, "/a", &[1, 2, 3]).await;
        let first = soon("a message", messages.next()).await.unwrap().unwrap();
        assert_eq!(first.data(), &1.into());
        tokio::join!(soon("close", client.close()), server.close(held));
        assert_eq!(number(&client).await, 2);
        let rest: Vec<_> = soon("the end", messages.collect()).await;
        assert_eq!(rest.len(), 1);
        assert_eq!(rest[0].as_ref().unwrap().data(), &3.into());
        assert_eq!(client.receive().await, Err(Error::Closed));
    }
}

#[tokio::test]
async fn a_subscription_takes_its_messages_and_leaves_them_when_it_is_dropped() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, held) = open(&mut server, way).await;
        let mut one = subscribe(&mut server, &client, "/a").await;
        let mut all = subscribe(&mut server, &client, "/**").await;
        drop(subscribe(&mut server, &client, "/b").await);
        let held = deliver(&mut server, held, "/a", &[1, 2, 3]).await;
        for subscription in [&mut one, &mut all] {
            let message = soon("a message", subscription.next())
                .await
                .unwrap()
                .unwrap();
            assert_eq!(message.data(), &1.into());
        }
        drop(all);
        let _held = deliver(&mut server, held, "/b", &[4]).await;
        // First what the dropped one did not take.
        assert_eq!(number(&client).await, 2);
        assert_eq!(number(&client).await, 3);
        assert_eq!(number(&client).await, 4);
        assert_eq!(client.subscriptions().len(), 3);

        let answer = async { server.expect("/meta/unsubscribe").await.accept() };
        let (reply, ()) = tokio::join!(soon("a reply", client.unsubscribe("/a")), answer);
        reply.unwrap();
        let rest: Vec<_> = soon("the end", one.collect()).await;
        let rest: Vec<i64> = rest
            .into_iter()
            .map(|it| it.unwrap().data_as().unwrap())
            .collect();
        assert_eq!(rest, [2, 3]);
    }
}

#[tokio::test]
async fn a_server_that_ends_the_session_is_told_behind_its_messages() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, held) = open(&mut server, way).await;
        let mut subscription = subscribe(&mut server, &client, "/b").await;
        let message = json!({ "channel": "/a", "data": 1 });
        let end =
            json!({ "advice": { "reconnect": "none" }, "successful": false, "error": "402::gone" });
        let end = reply(&held.messages[0], &end);
        held.answer(json!([message, end]));
        let messages: Vec<_> = soon("the end", client.messages().collect()).await;
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0].as_ref().unwrap().data(), &1.into());
        let ended = |error: &Error| {
            assert_eq!(error.kind(), ErrorKind::Server);
            let Error::Server(error) = error else {
                panic!("{error:?}")
            };
            assert_eq!(error.message(), "Connection closed by the server");
            assert_eq!(error.error(), Some("402::gone"));
        };
        ended(messages[1].as_ref().unwrap_err());
        ended(&client.receive().await.unwrap_err());
        ended(&client.publish("/a", &1).await.unwrap_err());
        ended(&client.subscribe("/a").await.unwrap_err());
        ended(
            &soon("the end", subscription.next())
                .await
                .unwrap()
                .unwrap_err(),
        );
        assert!(subscription.next().await.is_none());
        ended(&client.closed().await.unwrap());
        assert!(client.is_closed());
        assert_eq!(client.status().state, State::Ended);
        assert!(client.subscriptions().is_empty());
        let (opened, _held) = tokio::join!(soon("open", client.open()), server.open());
        assert_eq!(opened, Ok(()));
    }
}

#[tokio::test]
async fn receiving_ends_where_the_connection_is_lost_for_too_long_and_may_go_on() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let builder = client(server.url())
            .connection_types([way])
            .connection_timeout(Some(Duration::from_millis(30)));
        let (client, held) = open_with(&mut server, builder).await;
        let mut messages = client.messages();
        drop(subscribe(&mut server, &client, "/a").await);
        held.cut();
        // Connected again it is not before the answer.
        let call = server.expect("/meta/connect").await;
        assert_eq!(soon("lost", client.receive()).await, Err(Error::Lost));
        assert_eq!(Error::Lost.kind(), ErrorKind::TransportTimeout);
        let lost = soon("lost", messages.next()).await;
        assert_eq!(lost, Some(Err(Error::Lost)));
        assert!(!client.is_closed());
        call.accept();
        let held = server.expect("/meta/connect").await;
        let _held = deliver(&mut server, held, "/a", &[1]).await;
        let message = soon("a message", messages.next()).await.unwrap();
        assert_eq!(message.unwrap().data(), &1.into());
    }
}

#[tokio::test]
async fn a_message_that_failed_is_an_error() {
    let mut server = Scripted::start().await;
    let (client, held) = open(&mut server, ConnectionType::WebSocket).await;
    let mut subscription = subscribe(&mut server, &client, "/a").await;
    let failed = |channel: &str| json!({ "channel": channel, "data": 1, "successful": false, "error": "500::x" });
    held.line()
        .push(json!([failed("/a"), failed("/service/b")]));
    let error = soon("a message", subscription.next())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!(error.to_string(), "Publish request failed. (500::x)");
    let error = soon("a message", client.receive()).await.unwrap_err();
    assert_eq!(error.to_string(), "Service request failed. (500::x)");
}

#[tokio::test]
async fn with_as_many_messages_as_are_to_wait_the_connection_is_suspended_and_replies_are_not() {
    let mut server = Scripted::start().await;
    let builder = client(server.url())
        .connection_types([ConnectionType::LongPolling])
        .max_pending_count(4);
    let (client, held) = open_with(&mut server, builder).await;
    drop(subscribe(&mut server, &client, "/a").await);
    // The next connect is on its way before anybody can say that there is enough.
    let held = deliver(&mut server, held, "/a", &[1, 2, 3]).await;
    let held = deliver(&mut server, held, "/a", &[4]).await;
    let last = json!({ "channel": "/a", "data": 5 });
    let yes = reply(&held.messages[0], &json!({}));
    held.answer(json!([last, yes]));
    // Requests are answered, before and after; no connect is among them.
    for expected in 1..=2 {
        for _ in 0..3 {
            let answer = async { server.expect("/b").await.accept() };
            let (published, ()) = tokio::join!(soon("a reply", client.publish("/b", &1)), answer);
            published.unwrap();
        }
        assert_eq!(number(&client).await, expected);
    }
    assert_eq!(number(&client).await, 3);
    server.expect("/meta/connect").await;
    assert_eq!(client.pending_count(), 2);
}

#[tokio::test]
async fn what_has_no_room_is_told_as_missing_in_its_place() {
    let mut server = Scripted::start().await;
    let builder = client(server.url())
        .connection_types([ConnectionType::WebSocket])
        .max_pending_count(2)
        .max_queue(3);
    let (client, held) = open_with(&mut server, builder).await;
    let mut subscription = subscribe(&mut server, &client, "/a").await;
    let _held = deliver(&mut server, held, "/a", &[1, 2, 3, 4, 5, 6]).await;
    // A reply says that they have come.
    let answer = async { server.expect("/b").await.accept() };
    let (published, ()) = tokio::join!(soon("a reply", client.publish("/b", &1)), answer);
    published.unwrap();
    for number in 1..=3 {
        let message = soon("a message", subscription.next()).await.unwrap();
        assert_eq!(message.unwrap().data(), &number.into());
    }
    let missed = soon("what is missing", subscription.next()).await;
    assert_eq!(missed, Some(Err(Error::Missed(3))));
}

#[tokio::test]
async fn services_messages_and_those_that_nobody_asked_for_are_received() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, held) = open(&mut server, way).await;
        let held = deliver(&mut server, held, "/service/a", &[1]).await;
        let _held = deliver(&mut server, held, "/unasked", &[2]).await;
        assert_eq!(number(&client).await, 1);
        assert_eq!(number(&client).await, 2);
    }
}
