//! What a client asks for, and what becomes of it.

use std::time::Duration;

use mirrorball_client::{
    Value,
    bayeux::{Binary, CommandError, ConnectionType, Error, ErrorKind, Options},
};
use serde_json::json;

use crate::{
    EACH, client, open, open_with,
    scripted::{Scripted, reply},
    soon,
};

#[tokio::test]
async fn a_request_comes_back_with_its_reply() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, _held) = open(&mut server, way).await;
        let publish = client.publish("/chat/a", &json!({ "text": "\u{1f600}" }));
        let answer = async {
            let call = server.expect("/chat/a").await;
            assert_eq!(call.messages[0]["data"], json!({ "text": "\u{1f600}" }));
            assert_eq!(call.messages[0]["clientId"], "one");
            call.accept_with(&json!({ "ext": { "seen": 7 } }));
        };
        let (published, ()) = tokio::join!(soon("a reply", publish), answer);
        let published = published.unwrap();
        assert_eq!(published.channel(), "/chat/a");
        assert_eq!(published.successful(), Some(true));
        assert_eq!(published.ext().unwrap().get("seen"), Some(&7.into()));

        let subscribe = client.subscribe_with(
            "/chat/*",
            &Options::default().ext(crate::json(r#"{"k":1}"#)),
        );
        let answer = async {
            let call = server.expect("/meta/subscribe").await;
            assert_eq!(call.messages[0]["subscription"], "/chat/*");
            assert_eq!(call.messages[0]["ext"]["k"], 1);
            call.accept();
        };
        let (subscribed, ()) = tokio::join!(soon("a reply", subscribe), answer);
        assert_eq!(subscribed.unwrap().channel(), "/chat/*");
        assert!(client.subscriptions().contains("/chat/*"));

        let answer = async { server.expect("/meta/unsubscribe").await.accept() };
        let (reply, ()) = tokio::join!(soon("a reply", client.unsubscribe("/chat/*")), answer);
        assert_eq!(reply.unwrap().channel(), "/meta/unsubscribe");
        assert!(client.subscriptions().is_empty());
    }
}

#[tokio::test]
async fn a_request_that_is_refused_says_which_and_why() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, _held) = open(&mut server, way).await;
        let refuse = async {
            for _ in 0..4 {
                server.call().await.refuse("403:no:denied");
            }
        };
        let ask = async {
            let errors = [
                client.publish("/a", &1).await.unwrap_err(),
                client.publish("/service/a", &1).await.unwrap_err(),
                client.subscribe("/a").await.map(|_| ()).unwrap_err(),
                client.unsubscribe("/a").await.unwrap_err(),
            ];
            errors.map(|error| {
                assert!(error.is(ErrorKind::Server));
                let Error::Server(error) = error else {
                    panic!("{error:?}")
                };
                assert_eq!(error.error_message(), Some("denied"));
                error.message()
            })
        };
        let (messages, ()) = tokio::join!(soon("refusals", ask), refuse);
        assert_eq!(
            messages,
            [
                "Publish request failed.",
                "Service request failed.",
                "Subscribe request failed.",
                "Unsubscribe request failed."
            ]
        );
        assert!(client.subscriptions().is_empty());
    }
}

#[tokio::test]
async fn a_reply_that_does_not_say_whether_it_succeeded_did() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, _held) = open(&mut server, way).await;
        let answer = async {
            let call = server.expect("/a").await;
            let reply = json!([{ "channel": "/a", "id": call.messages[0]["id"] }]);
            call.answer(reply);
        };
        let (published, ()) = tokio::join!(soon("a reply", client.publish("/a", &1)), answer);
        assert_eq!(published.unwrap().successful(), None);
    }
}

#[tokio::test]
async fn a_message_is_no_reply_even_where_it_has_the_requests_id() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, _held) = open(&mut server, way).await;
        let answer = async {
            let call = server.expect("/a").await;
            let message = json!({ "channel": "/a", "id": call.messages[0]["id"], "data": "own" });
            let yes = reply(&call.messages[0], &json!({}));
            call.answer(json!([message, yes]));
        };
        let (published, ()) = tokio::join!(soon("a reply", client.publish("/a", &1)), answer);
        assert!(published.unwrap().data().is_null());
        let message = soon("the message", client.receive()).await.unwrap();
        assert_eq!(message.data(), &"own".into());
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_at_once() {
    let mut server = Scripted::start().await;
    let closed = client(server.url()).build().unwrap();
    for error in [
        closed.publish("/a", &1).await.unwrap_err(),
        closed.subscribe("/a").await.map(|_| ()).unwrap_err(),
        closed.unsubscribe("/a").await.unwrap_err(),
        closed.receive().await.unwrap_err(),
    ] {
        assert_eq!(error, Error::Closed);
        assert_eq!(error.kind(), ErrorKind::ClientInvalidOperation);
        assert!(error.is(ErrorKind::Client) && error.is(ErrorKind::Any));
    }

    let builder = client(server.url())
        .max_message_size(100)
        .max_subscriptions(0);
    let (client, _held) = open_with(&mut server, builder).await;
    let error = client.publish("/a", &"x".repeat(100)).await.unwrap_err();
    assert_eq!(error, Error::Invalid(CommandError::Large));
    let error = client.publish("/meta/connect", &1).await.unwrap_err();
    assert_eq!(error, Error::Invalid(CommandError::Meta));
    let error = client.publish("a", &1).await.unwrap_err();
    assert!(
        matches!(error, Error::Invalid(CommandError::Channel(_))),
        "{error:?}"
    );
    let error = client.subscribe("/a").await.unwrap_err();
    assert_eq!(error, Error::Invalid(CommandError::Full));
    let nameless = std::collections::HashMap::from([(vec![1], 1)]);
    let error = client.publish("/a", &nameless).await.unwrap_err();
    assert!(matches!(error, Error::Mismatch(_)), "{error:?}");
}

#[tokio::test]
async fn a_request_whose_connection_is_lost_has_an_unknown_end_and_is_not_sent_again() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, _held) = open(&mut server, way).await;
        let cut = async { server.expect("/a").await.cut() };
        let (published, ()) = tokio::join!(soon("an end", client.publish("/a", &1)), cut);
        assert_eq!(published, Err(Error::Unknown));
        assert_eq!(Error::Unknown.kind(), ErrorKind::TransportConnectionClosed);
        server.expect("/meta/connect").await.accept();
        server.expect("/meta/connect").await;
    }
}

#[tokio::test]
async fn while_the_connection_is_lost_requests_wait_for_the_next() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, held) = open(&mut server, way).await;
        let mut statuses = client.statuses();
        held.cut();
        let answer = async {
            // Not before it is known that the connection is lost.
            while statuses.next().await.unwrap().last_error.is_none() {}
            let publish = tokio::spawn(client.publish("/a", &1));
            let mut has_connected = false;
            let mut has_published = false;
            while !(has_connected && has_published) {
                let call = server.call().await;
                match call.channel() {
                    "/a" => has_published = true,
                    _ => has_connected = true,
                }
                call.accept();
            }
            publish.await.unwrap()
        };
        let published = soon("a reply", answer).await;
        assert!(published.is_ok(), "{published:?}");
    }
}

#[tokio::test]
async fn a_request_may_take_as_long_as_it_says() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, _held) = open(&mut server, way).await;
        let options = Options::default().timeout(Duration::from_secs(1));
        let publish = client.publish_with("/a", &1, &options);
        let (published, _unanswered) = tokio::join!(soon("an end", publish), server.expect("/a"));
        assert_eq!(published, Err(Error::TimedOut));
        assert!(!client.is_closed());
    }
}

#[tokio::test]
async fn a_batch_goes_in_one_payload_in_order() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, _held) = open(&mut server, way).await;
        let mut batch = client.batch();
        let subscribed = batch.subscribe("/a");
        let first = batch.publish("/a", &1);
        let second = batch.publish("/a", &2);
        let unsubscribed = batch.unsubscribe("/a");
        let dropped = {
            let mut dropped = client.batch();
            dropped.publish("/never", &1)
        };
        let answer = async {
            let call = server.expect("/meta/subscribe").await;
            let channels: Vec<_> = call.messages.iter().map(|it| &it["channel"]).collect();
            assert_eq!(
                json!(channels),
                json!(["/meta/subscribe", "/a", "/a", "/meta/unsubscribe"])
            );
            // What was published overtakes the reply, as it does with some servers.
            let mut answer = vec![
                json!({ "channel": "/a", "data": 1 }),
                json!({ "channel": "/a", "data": 2 }),
            ];
            answer.extend(call.yes());
            call.answer(answer);
        };
        let asked = async {
            batch.send().await.unwrap();
            tokio::join!(subscribed, first, second, unsubscribed)
        };
        let ((subscribed, first, second, unsubscribed), ()) =
            tokio::join!(soon("replies", asked), answer);
        assert!(first.is_ok() && second.is_ok() && unsubscribed.is_ok());
        let mut subscription = subscribed.unwrap();
        for number in 1..=2 {
            let message = soon("a message", subscription.next())
                .await
                .unwrap()
                .unwrap();
            assert_eq!(message.data(), &number.into());
        }
        assert!(soon("the end", subscription.next()).await.is_none());
        assert_eq!(soon("never sent", dropped).await, Err(Error::Closed));
    }
}

#[tokio::test]
async fn a_call_waits_for_the_answer_of_the_application() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, held) = open(&mut server, way).await;
        let answer = async {
            let call = server.expect("/service/rpc/add").await;
            let answer = json!({ "channel": "/service/rpc/add", "id": call.messages[0]["id"], "successful": true, "data": { "sum": 3 } });
            call.accept();
            match held.is_request() {
                true => {
                    let connected = reply(&held.messages[0], &json!({}));
                    held.answer(json!([answer, connected]));
                }
                false => held.line().push(json!([answer])),
            }
        };
        let (sum, ()) = tokio::join!(soon("an answer", client.call("rpc/add", &[1, 2])), answer);
        assert_eq!(sum.unwrap().get("sum"), Some(&3.into()));
    }
    let mut server = Scripted::start().await;
    let (client, _held) = open(&mut server, ConnectionType::WebSocket).await;
    let answer = async {
        let call = server.expect("/service/rpc/fail").await;
        let answer = json!({ "channel": "/service/rpc/fail", "id": call.messages[0]["id"], "successful": false, "data": "broken" });
        let yes = call.yes();
        call.line().push(yes);
        call.answer(json!([answer]));
    };
    let (failed, ()) = tokio::join!(
        soon("an answer", client.call("/service/rpc/fail", &())),
        answer
    );
    let Err(Error::Server(error)) = failed else {
        panic!("{failed:?}")
    };
    assert_eq!(error.message(), "Remote call failed.");
    assert_eq!(error.response().unwrap().data(), &"broken".into());
    let answer = async {
        let call = server.expect("/service/rpc/add").await;
        let answer = reply(&call.messages[0], &json!({ "data": 3 }));
        call.answer(json!([answer]));
    };
    let (sum, ()) = tokio::join!(
        soon("an answer", client.call_as::<u8, _>("rpc/add", &())),
        answer
    );
    assert_eq!(sum, Ok(3));
}

#[tokio::test]
async fn bytes_are_published_as_cometd_does() {
    let mut server = Scripted::start().await;
    let (client, held) = open(&mut server, ConnectionType::WebSocket).await;
    let binary = Binary {
        bytes: vec![1, 2, 3, 4, 5],
        is_last: true,
        meta: Value::from("m"),
    };
    let answer = async {
        let call = server.expect("/b").await;
        assert_eq!(call.messages[0]["ext"], json!({ "binary": {} }));
        assert_eq!(
            call.messages[0]["data"],
            json!({ "data": "0rJua1P", "last": true, "meta": "m" })
        );
        let event =
            json!({ "channel": "/b", "ext": { "binary": {} }, "data": call.messages[0]["data"] });
        call.accept();
        held.line().push(json!([event]));
    };
    let (published, ()) = tokio::join!(
        soon("a reply", client.publish_binary("/b", &binary)),
        answer
    );
    published.unwrap();
    let message = soon("a message", client.receive()).await.unwrap();
    assert_eq!(message.binary(), Some(Ok(binary)));
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_is_forgotten() {
    let mut server = Scripted::start().await;
    let builder = client(server.url()).max_pending(1);
    let (client, _held) = open_with(&mut server, builder).await;
    for _ in 0..3 {
        let publish = tokio::spawn(client.publish("/a", &1));
        let call = server.expect("/a").await;
        publish.abort();
        assert!(publish.await.unwrap_err().is_cancelled());
        // The answer to what was given up says that there is room again.
        call.accept();
        let answer = async { server.expect("/b").await.accept() };
        let publish = async {
            while client.publish("/b", &1).await == Err(Error::Invalid(CommandError::Full)) {}
        };
        tokio::join!(soon("room", publish), answer);
    }
}
