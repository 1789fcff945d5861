//! Connections and sessions that are lost, and what comes back.

use std::time::Duration;

use mirrorball_client::bayeux::{Client, ConnectionType, Error, Event, Events, Replay, State};
use serde_json::json;

use crate::{
    EACH, client, open, open_with,
    scripted::{Scripted, Takes},
    soon,
};

async fn subscribe(server: &mut Scripted, client: &Client, channel: &str) {
    let answer = async { server.expect("/meta/subscribe").await.accept() };
    let (subscribed, ()) = tokio::join!(soon("a reply", client.subscribe(channel)), answer);
    subscribed.unwrap();
}

async fn next(events: &mut Events) -> Event {
    soon("an event", events.next()).await.unwrap()
}

#[tokio::test]
async fn a_connection_that_is_cut_is_made_again_within_the_session() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, held) = open(&mut server, way).await;
        subscribe(&mut server, &client, "/a").await;
        let mut events = client.events();
        held.cut();
        let call = server.expect("/meta/connect").await;
        assert_eq!(call.messages[0]["clientId"], "one");
        assert_eq!(call.messages[0]["advice"], json!({ "timeout": 0 }));
        assert_eq!(client.status().state, State::Connecting);
        assert!(!client.is_closed());
        call.accept();
        assert_eq!(next(&mut events).await, Event::Gap);
        assert_eq!(client.subscriptions().len(), 1);
        let held = server.expect("/meta/connect").await;
        assert!(held.messages[0].get("advice").is_none());
    }
}

#[tokio::test]
async fn a_session_that_the_server_lost_is_made_anew_with_its_subscriptions() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, held) = open(&mut server, way).await;
        for channel in ["/a", "/b", "/c"] {
            subscribe(&mut server, &client, channel).await;
        }
        let mut taken = {
            let answer = async { server.expect("/meta/subscribe").await.accept() };
            let (taken, ()) = tokio::join!(soon("a reply", client.subscribe("/b")), answer);
            taken.unwrap()
        };
        let mut events = client.events();
        held.accept_with(&json!({
            "successful": false,
            "error": "402::session_unknown",
            "advice": { "reconnect": "handshake", "interval": 0 },
        }));
        server
            .expect("/meta/handshake")
            .await
            .accept_with(&json!({ "clientId": "two" }));
        // Subscriptions go together; the connect may be on its way, too.
        let mut held = Vec::new();
        let call = loop {
            let call = server.call().await;
            if call.channel() == "/meta/subscribe" {
                break call;
            }
            held.push(call);
        };
        let mut channels: Vec<_> = call
            .messages
            .iter()
            .map(|it| it["subscription"].as_str().unwrap())
            .collect();
        channels.sort_unstable();
        assert_eq!(channels, ["/a", "/b", "/c"]);
        assert!(call.messages.iter().all(|it| it["clientId"] == "two"));
        let mut answers = call.yes();
        for answer in &mut answers {
            if answer["subscription"] == "/b" {
                answer["successful"] = false.into();
                answer["error"] = "403::no".into();
            }
        }
        call.answer(answers);
        for call in held {
            call.accept();
        }
        let mut restored = Vec::new();
        loop {
            match next(&mut events).await {
                Event::Restored(channel) => restored.push(channel),
                Event::SubscriptionLost { channel, error } => {
                    assert_eq!(&*channel, "/b");
                    assert_eq!(error.error_code(), Some(403));
                }
                Event::SessionLost => break,
                other => panic!("{other:?}"),
            }
        }
        restored.sort();
        assert_eq!(restored, ["/a".into(), "/c".into()]);
        assert_eq!(client.subscriptions().len(), 2);
        assert_eq!(client.client_id().as_deref(), Some("two"));
        let end = soon("the end", taken.next()).await.unwrap();
        assert!(matches!(end, Err(Error::Server(_))), "{end:?}");
    }
}

#[tokio::test]
async fn a_server_that_comes_back_is_found() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let builder = client(server.url()).connection_types([way]);
        let (client, _held) = open_with(&mut server, builder).await;
        subscribe(&mut server, &client, "/a").await;
        let mut events = client.events();
        let mut statuses = client.statuses();
        let port = server.address.port();
        drop(server);
        soon("two attempts in vain", async {
            while statuses.next().await.unwrap().retries < 2 {}
        })
        .await;
        let mut server = Scripted::start_with(Takes::Both, port).await;
        // It knows nothing of the session.
        let call = server.expect("/meta/connect").await;
        call.accept_with(&json!({ "successful": false, "error": "402::session_unknown" }));
        server
            .expect("/meta/handshake")
            .await
            .accept_with(&json!({ "clientId": "two" }));
        for _ in 0..2 {
            server.call().await.accept();
        }
        assert_eq!(next(&mut events).await, Event::Restored("/a".into()));
        assert_eq!(next(&mut events).await, Event::SessionLost);
        let mut held = Vec::new();
        let published = async {
            let publish = tokio::spawn(client.publish("/a", &1));
            loop {
                let call = server.call().await;
                if call.channel() == "/a" {
                    call.accept();
                    break publish.await.unwrap();
                }
                held.push(call);
            }
        };
        assert!(soon("a reply", published).await.is_ok());
    }
}

#[tokio::test]
async fn advice_is_followed_in_milliseconds_and_partial_advice_erases_nothing() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, held) = open(&mut server, way).await;
        held.accept_with(&json!({ "advice": { "interval": 20 } }));
        let held = server.expect("/meta/connect").await;
        held.accept_with(&json!({ "advice": { "reconnect": "retry" } }));
        server.expect("/meta/connect").await;
        assert_eq!(client.status().state, State::Connected);
    }
}

#[tokio::test]
async fn a_server_that_says_goodbye_ends_the_session() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, held) = open(&mut server, way).await;
        let goodbye = json!([{ "channel": "/meta/disconnect", "successful": true }]);
        if held.is_request() {
            held.answer(goodbye);
        } else {
            held.line().push(goodbye);
        }
        let end = soon("the end", client.closed()).await;
        assert!(matches!(end, Some(Error::Server(_))), "{end:?}");
    }
}

#[tokio::test]
async fn a_silent_server_is_left_and_looked_for_again() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let builder = client(server.url())
            .connection_types([way])
            .max_network_delay(Duration::from_secs(2));
        let (client, _held) = open_with(&mut server, builder).await;
        let publish = tokio::spawn(client.publish("/a", &1));
        let _unanswered = server.expect("/a").await;
        assert_eq!(soon("an end", publish).await.unwrap(), Err(Error::TimedOut));
        server.expect("/meta/connect").await.accept();
    }
}

#[tokio::test]
async fn what_is_no_json_loses_the_connection_and_is_told() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, held) = open(&mut server, way).await;
        let mut events = client.events();
        if held.is_request() {
            held.answer_text(200, "<html>");
        } else {
            held.line().send("<html>");
        }
        let event = next(&mut events).await;
        assert!(matches!(event, Event::Violation(_)), "{event:?}");
        server.expect("/meta/connect").await.accept();
        assert_eq!(next(&mut events).await, Event::Gap);
    }
}

#[tokio::test]
async fn without_sticking_to_it_a_way_that_breaks_is_chosen_anew() {
    let mut server = Scripted::start_with(Takes::Requests, 0).await;
    let builder = client(server.url()).sticky(false);
    let (client, held) = open_with(&mut server, builder).await;
    assert_eq!(client.connection_type(), Some(ConnectionType::LongPolling));
    let mut events = client.events();
    let port = server.address.port();
    drop(server);
    drop(held);
    let mut server = Scripted::start_with(Takes::Sockets(404), port).await;
    let call = server.expect("/meta/connect").await;
    assert!(!call.is_request());
    assert_eq!(call.messages[0]["clientId"], "one");
    call.accept();
    let mut changed = false;
    loop {
        match next(&mut events).await {
            Event::TransportChanged { to, .. } => changed = to == ConnectionType::WebSocket,
            Event::Gap => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(changed);
}

#[tokio::test]
async fn a_connection_can_be_left_for_another() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, _held) = open(&mut server, way).await;
        client.reconnect().await;
        let call = server.expect("/meta/connect").await;
        assert_eq!(call.messages[0]["clientId"], "one");
    }
}

#[tokio::test]
async fn extensions_of_the_protocol_are_options() {
    let mut server = Scripted::start().await;
    let builder = client(server.url())
        .connection_types([ConnectionType::LongPolling])
        .ack(true)
        .timesync(true)
        .timestamp(true)
        .replay(Replay::default());
    let opening = tokio::spawn(builder.open());
    let call = server.expect("/meta/handshake").await;
    let ext = &call.messages[0]["ext"];
    assert_eq!((&ext["ack"], &ext["replay"]), (&json!(true), &json!(true)));
    assert!(ext["timesync"]["tc"].is_i64());
    assert!(call.messages[0]["timestamp"].is_string());
    let ahead = ext["timesync"]["tc"].as_i64().unwrap() + 3_600_000;
    let timesync = json!({ "tc": ext["timesync"]["tc"], "ts": ahead, "p": 0, "a": 0 });
    call.accept_with(&json!({ "ext": { "ack": true, "replay": true, "timesync": timesync } }));
    let call = server.expect("/meta/connect").await;
    assert_eq!(call.messages[0]["ext"]["ack"], 0);
    call.accept_with(&json!({ "ext": { "ack": 7 } }));
    let client = soon("open", opening).await.unwrap().unwrap();
    let held = server.expect("/meta/connect").await;
    assert_eq!(held.messages[0]["ext"]["ack"], 7);
    let offset = client.server_time().offset;
    assert!((3_000_000..=3_600_000).contains(&offset), "{offset}");
}
