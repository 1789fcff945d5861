//! Notifications, to everybody and to one.

use mirrorball_server::{Juggler, ServerOptions, State, Value};
use serde_json::json;

use crate::site::Site;

#[tokio::test]
async fn everybody_hears_them_in_order() {
    let site = Site::start(Juggler::builder(State::new(0))).await;
    // To nobody.
    site.juggler.notify("n", &Value::from("nobody"));
    let mut peers = site.connect_all(20).await;
    for n in 0..100 {
        site.juggler.notify("n", &Value::from(n));
    }
    for peer in &mut peers {
        for n in 0..100 {
            let expected = json!({ "type": "notify", "name": "n", "data": n });
            assert_eq!(peer.message().await, expected);
        }
    }
    // They are not stored.
    let mut late = site.connect().await;
    late.state().await;
    late.request(1, "", json!(null)).await;
    assert_eq!(late.message().await["type"], "response");
}

#[tokio::test]
async fn one_hears_its_own() {
    let builder = Juggler::builder(State::new(0)).on_request(|connection, name, data| async move {
        for n in 0..50 {
            connection.notify(&name, &Value::from(n)).await.unwrap();
        }
        connection.notify(&name, &data).await.unwrap();
        Ok(Value::from(connection.id().to_string()))
    });
    let site = Site::start(builder).await;
    let mut peers = site.connect_all(3).await;
    let mut ids = Vec::new();
    for (index, peer) in peers.iter_mut().enumerate() {
        peer.request(1, "own", json!(index)).await;
        let mut heard = Vec::new();
        for _ in 0..52 {
            let message = peer.message().await;
            if message["type"] == "response" {
                ids.push(message["data"].clone());
            } else {
                assert_eq!(message["name"], "own");
                heard.push(message["data"].as_i64().unwrap());
            }
        }
        assert!(heard.into_iter().eq((0..50).chain([index as i64])));
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

/// A client that would miss some is disconnected: it comes back and knows that there is a gap.
#[tokio::test]
async fn whoever_lags_behind_is_disconnected() {
    let mut options = ServerOptions::default();
    options.send_queue_size = 4;
    let site = Site::start(Juggler::builder(State::new(0)).options(options)).await;
    let mut peers = site.connect_all(2).await;
    // More than the queue holds, while nobody else runs: there is one thread.
    for n in 0..10 {
        site.juggler.notify("n", &Value::from(n));
    }
    for peer in peers.drain(..) {
        let (code, reason) = peer.goodbye().await;
        assert_eq!((code, &*reason), (4008, "messages are taken too slowly"));
    }
}
