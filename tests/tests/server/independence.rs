//! Reading, pongs, handlers and sending do not wait for one another.

use std::sync::Arc;

use mirrorball_server::{Juggler, RequestError, State, Value};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{peer::Peer, site::Site};

/// A service whose requests wait for permits.
async fn waiting(state: State) -> (Site, Arc<Semaphore>) {
    let permits = Arc::new(Semaphore::new(0));
    let builder = Juggler::builder(state).on_request({
        let permits = Arc::clone(&permits);
        move |_, _, data| {
            let permits = Arc::clone(&permits);
            async move {
                permits.acquire().await.map_err(RequestError::new)?.forget();
                Ok(data)
            }
        }
    });
    (Site::start(builder).await, permits)
}

/// While a handler takes its time, pings are answered, the state goes on, and notifications come.
#[tokio::test]
async fn nothing_waits_for_a_handler() {
    let state = State::new(json_value(json!({ "n": 0 })));
    let (site, permits) = waiting(state.clone()).await;
    let mut peer = site.connect().await;
    peer.state().await;
    peer.request(1, "wait", json!(null)).await;
    for n in 1..20 {
        peer.send_text(format!("2{n}")).await;
        assert_eq!(peer.frame().await, format!("3{n}"));
        state.set("/n", n).unwrap();
        site.juggler.flush();
        assert_eq!(peer.state().await["n"], n);
        site.juggler.notify("n", &n.into());
        assert_eq!(peer.message().await["data"], n);
    }
    permits.add_permits(1);
    assert_eq!(peer.message().await["id"], 1);
}

/// While a client takes nothing, what it sends is read, its handlers run, and nobody else notices.
#[tokio::test]
async fn nothing_waits_for_a_client_that_takes_nothing() {
    const REQUESTS: i64 = 20;
    let state = State::new(Value::from("x".repeat(32 << 20)));
    let handled = Arc::new(Semaphore::new(0));
    let builder = Juggler::builder(state.clone()).on_request({
        let handled = Arc::clone(&handled);
        move |_, _, data| {
            handled.add_permits(1);
            async move { Ok(data) }
        }
    });
    let site = Site::start(builder).await;
    // Its first state is more than the sockets take.
    let mut stalled = Peer::connect_narrow(site.address).await;
    for id in 0..REQUESTS {
        stalled.request(id, "count", json!(id)).await;
    }
    let all = u32::try_from(REQUESTS).unwrap();
    handled.acquire_many(all).await.unwrap().forget();
    let mut other = site.connect().await;
    other.state().await;
    state.set("", 7).unwrap();
    site.juggler.flush();
    assert_eq!(other.state().await, &json!(7));
    // Once it reads it finds everything: its answers tell of the state that it holds by then.
    for id in 0..REQUESTS {
        let response = stalled.response().await;
        assert_eq!(
            (&response["id"], stalled.mirrored()),
            (&json!(id), &json!(7))
        );
    }
}

fn json_value(value: serde_json::Value) -> Value {
    Value::from(value)
}
