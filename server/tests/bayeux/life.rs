//! Handles, events, local clients, and the end.

use std::time::Duration;

use axum::Router;
use futures_util::StreamExt;
use mirrorball_server::{
    Bayeux, Value as Json,
    bayeux::{Event, Pattern, broker::Cause},
};
use serde_json::json;
use tokio::net::TcpListener;

use crate::site::{Site, Ws, connect, patient, publish, soon, subscribe};

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_of_sessions_and_subscriptions() {
    let site = Site::start(Bayeux::builder().options(patient())).await;
    let mut events = Box::pin(site.bayeux.events().into_stream());
    let (mut ws, id) = site.ws_client().await;
    let session = site.bayeux.find(&id).unwrap();
    ws.subscribe(&id, "/a").await;
    let subscribers = site.bayeux.subscribers(&pattern("/a"));
    assert_eq!(subscribers, std::slice::from_ref(&session));
    assert!(session.disconnect());
    assert_eq!(ws.next().await["channel"], "/meta/disconnect");
    let mut told = Vec::new();
    while told.len() < 6 {
        match soon(events.next()).await.unwrap() {
            Event::Detached(_) | Event::ChannelRemoved(_) => break,
            event => told.push(event),
        }
    }
    for expected in [
        Event::SessionAdded(session.clone()),
        Event::ChannelAdded(pattern("/a")),
        Event::Subscribed(session.clone(), pattern("/a")),
        Event::Unsubscribed(session.clone(), pattern("/a")),
        Event::SessionRemoved(session.clone(), Cause::Dismissed),
    ] {
        assert!(told.contains(&expected), "{expected:?} in {told:?}");
    }
    assert!(!session.is_alive() && !session.disconnect());
    assert_eq!(session.deliver("/a", &Json::Null), Ok(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_in_the_process_subscribe_and_publish() {
    let site = Site::start(
        Bayeux::builder()
            .on_subscribe(async |_| Err("nobody".into()))
            .options(patient()),
    )
    .await;
    // It asks nobody.
    let mut local = site.bayeux.subscribe(&pattern("/**")).unwrap();
    let (mut ws, id) = site.ws_client().await;
    ws.send(json!([publish(&id, "/a/b", json!({"n": 1}))]))
        .await;
    let message = soon(local.next()).await.unwrap();
    assert_eq!(message.channel().as_deref(), Some("/a/b"));
    assert_eq!(message.data(), Some(json!({"n": 1}).into()));
    ws.next().await;
    let session = site.bayeux.find(&id).unwrap();
    assert!(session.subscribe(&pattern("/to")));
    local.session().publish("/to", &Json::from("you")).unwrap();
    assert_eq!(ws.next().await["data"], "you");
    {
        let batch = session.batch();
        session.deliver("/one", &1.into()).unwrap();
        session.deliver("/two", &2.into()).unwrap();
        drop(batch);
    }
    assert_eq!(ws.next().await["data"], 1);
    assert_eq!(ws.next().await["data"], 2);
    let handle = local.session().clone();
    let mut stream = Box::pin(local.into_stream());
    assert_eq!(
        soon(stream.next()).await.unwrap().channel().as_deref(),
        Some("/to")
    );
    assert!(handle.disconnect());
    assert!(soon(stream.next()).await.is_none());
    drop(stream);
    assert_eq!(site.bayeux.sessions(), [session]);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_nests_in_an_app_of_somebody_elses() {
    let bayeux = Bayeux::builder().path("/bus").build();
    let app = Router::new()
        .nest("/inner", bayeux.clone().into_router())
        .into_make_service_with_connect_info::<std::net::SocketAddr>();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut http = crate::site::Http::connect(address).await;
    let body = json!([crate::site::handshake()]).to_string();
    for path in ["/inner/bus", "/inner/bus/", "/inner/bus/handshake"] {
        let answer = http.request("POST", path, &[], &body).await;
        assert_eq!(answer.messages()[0]["successful"], true, "{path}");
    }
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closes_answers_what_it_holds() {
    let mut options = patient();
    options.detailed_events = true;
    let builder = Bayeux::builder()
        .options(options)
        .drain(Duration::from_millis(50), Duration::from_millis(10))
        .shutdown_timeout(crate::site::PATIENCE);
    let site = Site::start_with(builder, |server| {
        server.shutdown_timeout(crate::site::PATIENCE)
    })
    .await;
    let mut events = site.bayeux.events();
    let (mut http, id) = site.http_client().await;
    let (mut ws, ws_id) = site.ws_client().await;
    let mut fresh = site.http().await;
    http.begin(json!([connect(&id, "c1")])).await;
    ws.send(json!([connect(&ws_id, "c1")])).await;
    for _ in 0..2 {
        while !matches!(soon(events.next()).await, Some(Event::Suspended(_))) {}
    }
    let bayeux = site.bayeux.clone();
    let closing = tokio::spawn(async move { bayeux.close().await });
    let messages = http.answer().await.messages();
    assert_eq!(messages[0]["successful"], true);
    assert_eq!(messages[0]["advice"]["reconnect"], "retry");
    assert_eq!(ws.close_code().await, 1012);
    let answer = fresh.request("POST", "/cometd", &[], "[]").await;
    assert_eq!(answer.status, 503);
    assert!(Ws::connect(site.address, &[]).await.is_err());
    soon(closing).await.unwrap();
    assert!(soon(site.server.close()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_takes_its_subscriptions_along() {
    let site = Site::start(Bayeux::builder().options(patient())).await;
    let (mut http, id) = site.http_client().await;
    http.post(json!([subscribe(&id, "/a")])).await;
    let mut held = http.twin().await;
    held.begin(json!([connect(&id, "c1")])).await;
    let answer = http
        .post(json!([{"channel": "/meta/disconnect", "clientId": id, "id": "d"}]))
        .await;
    assert_eq!(answer[0]["successful"], true);
    let last = held.answer().await.messages();
    let last = last.last().unwrap();
    // Whichever of the two came first.
    assert!(last["advice"]["reconnect"] == "none" || last["error"] == "402::session_unknown");
    assert!(site.bayeux.subscribers(&pattern("/a")).is_empty());
}
