//! Over WebSockets.

use mirrorball_server::{Bayeux, Value as Json};
use serde_json::json;

use crate::site::{Site, Ws, connect, handshake, patient, publish, soon, subscribe};

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_pushed_to_who_subscribed() {
    let site = Site::start(Bayeux::builder().options(patient())).await;
    let (mut one, id_one) = site.ws_client().await;
    let (mut two, id_two) = site.ws_client().await;
    one.subscribe(&id_one, "/chat/*").await;
    one.send(json!([connect(&id_one, "c1")])).await;
    two.send(json!([publish(&id_two, "/chat/a", json!({"n": 1}))]))
        .await;
    let ack = two.next().await;
    assert_eq!(
        ack,
        json!({"channel": "/chat/a", "id": "p", "successful": true})
    );
    // The connect is still held.
    assert_eq!(
        one.frame().await,
        [json!({"channel": "/chat/a", "data": {"n": 1}})]
    );
    site.bayeux
        .publish("/chat/b", &Json::from("of the server"))
        .unwrap();
    assert_eq!(one.next().await["data"], "of the server");
    // Deliveries first, each in a frame of its own, then the replies in one.
    one.send(json!([
        publish(&id_one, "/chat/x", json!(1)),
        publish(&id_one, "/chat/x", json!(2)),
    ]))
    .await;
    assert_eq!(
        one.frame().await,
        [json!({"channel": "/chat/x", "data": 1})]
    );
    assert_eq!(
        one.frame().await,
        [json!({"channel": "/chat/x", "data": 2})]
    );
    let replies = one.frame().await;
    assert_eq!(replies.len(), 2);
    assert_eq!(replies[0]["successful"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_object_is_a_message_and_other_frames_are_none() {
    let site = Site::start(Bayeux::builder()).await;
    let mut ws = site.ws().await;
    ws.say("").await;
    ws.say(" \n").await;
    ws.send(handshake()).await;
    assert_eq!(ws.frame().await[0]["successful"], true);
    for (text, code) in [
        ("[", 1007),
        ("nonsense", 1007),
        ("7", 1008),
        ("[]", 1008),
        ("[7]", 1008),
    ] {
        let mut ws = site.ws().await;
        ws.say(text).await;
        assert_eq!(ws.close_code().await, code, "{text}");
    }
    let mut ws = site.ws().await;
    ws.send(json!(vec![handshake(); 65])).await;
    assert_eq!(ws.close_code().await, 1009);
    let mut ws = site.ws().await;
    ws.say(&" ".repeat((1 << 20) + 1)).await;
    assert_eq!(ws.close_code().await, 1009);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_follows_its_newest_socket_and_loses_nothing_of_a_cut_one() {
    let site = Site::start(Bayeux::builder().options(patient())).await;
    let (mut first, id) = site.ws_client().await;
    first.subscribe(&id, "/chat/a").await;
    site.bayeux.publish("/chat/a", &Json::from(1)).unwrap();
    assert_eq!(first.next().await["data"], 1);
    let mut events = site.bayeux.events();
    drop(first);
    let gone = |event: &_| matches!(event, mirrorball_server::bayeux::Event::Detached(_));
    while !gone(&soon(events.next()).await.unwrap()) {}
    for n in 2..5 {
        site.bayeux.publish("/chat/a", &Json::from(n)).unwrap();
    }
    let mut second = site.ws().await;
    second.send(json!([connect(&id, "c1")])).await;
    for n in 2..5 {
        assert_eq!(second.next().await["data"], n);
    }
    // The old one hears no more once there is another.
    let mut third = site.ws().await;
    third.send(json!([publish(&id, "/chat/a", json!(5))])).await;
    assert_eq!(third.next().await["data"], 5);
    site.bayeux.publish("/chat/a", &Json::from(6)).unwrap();
    assert_eq!(third.next().await["channel"], "/chat/a");
    assert_eq!(third.next().await["data"], 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_long_polling_goes_on_over_a_socket() {
    let site = Site::start(Bayeux::builder().options(patient())).await;
    let (mut http, id) = site.http_client().await;
    http.post(json!([subscribe(&id, "/chat/a")])).await;
    // Without a cookie: clients' jars drop those of hosts that are addresses.
    let mut ws = site.ws().await;
    ws.send(json!([connect(&id, "c1")])).await;
    site.bayeux.publish("/chat/a", &Json::from(1)).unwrap();
    loop {
        let message = ws.next().await;
        if message["channel"] == "/chat/a" {
            break;
        }
    }
    // With another browser's it is another's.
    let cookie = [("cookie", "BAYEUX_BROWSER=0123456789abcdef")];
    let mut other = Ws::connect(site.address, &cookie).await.unwrap();
    other.send(json!([publish(&id, "/chat/a", json!(2))])).await;
    assert_eq!(other.next().await["error"], "402::session_unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_pages_and_other_subprotocols_do_not_connect() {
    let site = Site::start(Bayeux::builder().protocol(Some("bayeux"))).await;
    let with =
        |headers: &'static [(&'static str, &'static str)]| Ws::connect(site.address, headers);
    assert!(with(&[]).await.is_err());
    assert!(with(&[("sec-websocket-protocol", "other")]).await.is_err());
    assert!(
        with(&[("sec-websocket-protocol", "x, bayeux")])
            .await
            .is_ok()
    );
    let foreign = [
        ("sec-websocket-protocol", "bayeux"),
        ("origin", "https://evil.example"),
    ];
    assert!(Ws::connect(site.address, &foreign).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_messages_share_a_frame_as_are_told_to() {
    for (per_frame, expected) in [(0, vec![5]), (1, vec![1; 5]), (2, vec![2, 2, 1])] {
        let builder = Bayeux::builder().options(patient());
        let site = Site::start(builder.messages_per_frame(per_frame)).await;
        let (mut ws, id) = site.ws_client().await;
        let session = site.bayeux.find(&id).unwrap();
        let batch = session.batch();
        for n in 0..5 {
            session.deliver("/told", &Json::from(n)).unwrap();
        }
        drop(batch);
        let mut frames = Vec::new();
        for _ in &expected {
            frames.push(ws.frame().await);
        }
        let lengths: Vec<_> = frames.iter().map(Vec::len).collect();
        assert_eq!(lengths, expected);
        let data: Vec<_> = frames
            .concat()
            .iter()
            .map(|it| it["data"].clone())
            .collect();
        assert_eq!(json!(data), json!([0, 1, 2, 3, 4]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_too_fast_is_read_more_slowly_and_loses_nothing() {
    let site = Site::start(Bayeux::builder().max_inbound_rate(Some(200), 1)).await;
    let (mut ws, id) = site.ws_client().await;
    for n in 0..40 {
        ws.send(json!([publish(&id, "/a", json!(n))])).await;
    }
    for _ in 0..40 {
        assert_eq!(ws.next().await["successful"], true);
    }
}
