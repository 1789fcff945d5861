//! Bounds: sessions, subscriptions, queues.

use std::{collections::HashSet, time::Duration};

use mirrorball_server::{
    Bayeux, Limits, Value as Json,
    bayeux::{
        Event,
        broker::{Cause, ChannelOptions, Overflow},
    },
};
use serde_json::json;

use crate::site::{Site, connect, handshake, patient, publish, soon, subscribe};

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_as_many_as_there_may_be() {
    let mut options = patient();
    options.max_sessions = 50;
    options.max_sessions_per_address = 40;
    let site = Site::start(Bayeux::builder().options(options).max_batch(100)).await;
    let mut http = site.http().await;
    let mut ids = HashSet::new();
    for _ in 0..20 {
        for answer in http.post(json!(vec![handshake(); 100])).await {
            if answer["successful"] == true {
                ids.insert(answer["clientId"].as_str().unwrap().to_owned());
            } else {
                assert!(answer["error"].is_string(), "{answer}");
            }
        }
    }
    assert_eq!((ids.len(), site.bayeux.sessions().len()), (40, 40));
    assert!(ids.iter().all(|id| id.len() == 40));
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_do_not_connect_expire() {
    let mut options = patient();
    options.max_interval = Duration::from_millis(50);
    let site = Site::start(Bayeux::builder().options(options)).await;
    let mut events = site.bayeux.events();
    let mut http = site.http().await;
    let answer = http.post(json!([handshake()])).await;
    let id = answer[0]["clientId"].as_str().unwrap().to_owned();
    loop {
        if let Some(Event::SessionRemoved(_, cause)) = soon(events.next()).await {
            assert_eq!(cause, Cause::Expired);
            break;
        }
    }
    let answer = http.post(json!([connect(&id, "c1")])).await;
    assert_eq!(answer[0]["error"], "402::session_unknown");
    assert_eq!(answer[0]["advice"]["reconnect"], "handshake");
    assert!(site.bayeux.sessions().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_and_names_are_bounded() {
    let mut options = patient();
    options.max_subscriptions = 3;
    let site = Site::start(Bayeux::builder().options(options)).await;
    let (mut ws, id) = site.ws_client().await;
    let mut subscribes = async |pattern: &str| {
        ws.send(json!([subscribe(&id, pattern)])).await;
        ws.next().await["successful"] == true
    };
    assert!(subscribes("/a").await && subscribes("/b/**").await);
    assert!(!subscribes(&format!("/{}", "x".repeat(255))).await);
    assert!(!subscribes(&"/x".repeat(17)).await);
    assert!(subscribes("/c").await);
    assert!(!subscribes("/d").await);
    assert!(subscribes("/a").await);
    assert_eq!(site.bayeux.find(&id).unwrap().subscriptions().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_overflows_does_what_it_is_told() {
    for (overflow, ends, kept) in [
        (Overflow::Disconnect, true, None),
        (Overflow::Reject, false, Some(0..5)),
        (Overflow::DropOldest, false, Some(15..20)),
    ] {
        let mut options = patient();
        options.max_queue = 5;
        options.overflow = overflow;
        let site = Site::start(Bayeux::builder().options(options)).await;
        let (mut http, id) = site.http_client().await;
        http.post(json!([subscribe(&id, "/a")])).await;
        for n in 0..20 {
            site.bayeux.publish("/a", &n.into()).unwrap();
        }
        let messages = http.post(json!([connect(&id, "c1")])).await;
        if ends {
            assert_eq!(
                messages.last().unwrap()["error"],
                "402::session_unknown",
                "{messages:?}"
            );
        }
        if let Some(kept) = kept {
            let data: Vec<_> = messages
                .iter()
                .filter_map(|it| it["data"].as_i64())
                .collect();
            assert_eq!(data, kept.collect::<Vec<_>>());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_stopped_is_closed_and_holds_up_nobody() {
    let mut options = patient();
    options.max_queue = 1_000_000;
    options.max_queue_bytes = 1 << 30;
    let builder = Bayeux::builder()
        .options(options)
        .compression(None)
        .write_timeout(Some(Duration::from_secs(3)));
    let site = Site::start_with(builder, |server| {
        let mut limits = Limits::default();
        limits.send_buffer = 8 << 10;
        server.limits(limits)
    })
    .await;
    let (mut slow, slow_id) = site.ws_client().await;
    let (mut fast, fast_id) = site.ws_client().await;
    slow.subscribe(&slow_id, "/a").await;
    fast.subscribe(&fast_id, "/a").await;
    let mut events = site.bayeux.events();
    let session = site.bayeux.find(&slow_id).unwrap();
    // More than two systems keep for a socket, one after another.
    let pad = "x".repeat(64 << 10);
    let mut sent = 0;
    while session.queued() < 32 {
        let data = json!({"n": sent, "pad": pad}).into();
        site.bayeux.publish("/a", &data).unwrap();
        assert_eq!(fast.next().await["data"]["n"], sent);
        sent += 1;
    }
    let gone = soon(events.next()).await;
    assert_eq!(gone, Some(Event::Detached(session.clone())));
    // Its socket is closed; its session waits for it to come back, with all that its system did not take.
    let waiting = session.queued();
    assert!(waiting > 0);
    let mut back = site.ws().await;
    back.send(json!([connect(&slow_id, "c1")])).await;
    for n in sent - waiting..sent {
        assert_eq!(back.next().await["data"]["n"], n);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_not_written_is_not_lost() {
    let mut options = patient();
    options.max_queue_bytes = 32 << 20;
    let site = Site::start_with(Bayeux::builder().options(options), |server| {
        let mut limits = Limits::default();
        limits.send_buffer = 8 << 10;
        server.limits(limits)
    })
    .await;
    let (mut http, id) = site.http_client().await;
    http.post(json!([subscribe(&id, "/a")])).await;
    // More than two systems keep for a socket.
    let large = Json::from("x".repeat(256 << 10));
    for _ in 0..16 {
        site.bayeux.publish("/a", &large).unwrap();
    }
    for _ in 0..3 {
        let mut cut = http.twin().await;
        cut.begin(json!([connect(&id, "cut")])).await;
        // It has begun to be answered, and is gone then.
        cut.first_byte().await;
    }
    let messages = http.post(json!([connect(&id, "again")])).await;
    let count = messages.iter().filter(|it| it["channel"] == "/a").count();
    assert_eq!(count, 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_of_a_publisher_are_kept_from_subscribers() {
    let site = Site::start(Bayeux::builder()).await;
    let (mut one, id_one) = site.ws_client().await;
    let (mut two, id_two) = site.ws_client().await;
    one.subscribe(&id_one, "/a").await;
    let mut message = publish(&id_two, "/a", json!(1));
    message["ext"] = json!({"token": "secret", "com.acme.auth": {"password": "secret"}, "fine": 1});
    two.send(json!([message])).await;
    assert_eq!(two.next().await["successful"], true);
    let heard = one.next().await;
    assert_eq!(heard["data"], 1);
    for secret in ["secret", id_two.as_str(), "\"id\""] {
        assert!(!heard.to_string().contains(secret), "{heard}");
    }
    // Without a session, or with one that never was, nothing is published.
    for id in [json!(null), json!("0123456789")] {
        let forged = json!({"channel": "/a", "id": "1", "data": 2, "clientId": id});
        two.send(json!([forged])).await;
        assert_eq!(two.next().await["error"], "402::session_unknown");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_session_publishes_where_that_is_allowed() {
    let mut anonymous = ChannelOptions::default();
    anonymous.anonymous = true;
    let open = mirrorball_server::bayeux::Pattern::parse("/open/*").unwrap();
    let site = Site::start(Bayeux::builder().channel(open.clone(), anonymous)).await;
    let mut heard = site.bayeux.subscribe(&open).unwrap();
    let mut http = site.http().await;
    let answer = http
        .post(json!([{"channel": "/open/a", "id": "1", "data": 7}]))
        .await;
    assert_eq!(answer[0]["successful"], true);
    let message = soon(heard.next()).await.unwrap();
    assert_eq!(message.data(), Some(Json::from(7)));
    let answer = http
        .post(json!([{"channel": "/shut/a", "id": "1", "data": 7}]))
        .await;
    assert_eq!(answer[0]["error"], "402::session_unknown");
}
