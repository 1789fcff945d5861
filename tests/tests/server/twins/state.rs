//! A state and its changes, gathered, flushed or one by one, shared or not.

use std::time::Duration;

use mirrorball_client::{Changes, Value, juggler::Client};
use mirrorball_server::State;
use tokio::task::yield_now;

use super::{House, soon};
use crate::peer::Peer;

/// The states from here to `last`, which has to come; whatever comes behind it would come before the answer to a
/// request.
async fn states_up_to(client: &Client, states: &mut Changes<Value>, last: u64) -> Vec<u64> {
    let mut seen = Vec::new();
    while seen.last() != Some(&last) {
        let state = soon("another state", states.next()).await.unwrap();
        seen.push(state.as_u64().unwrap());
    }
    client.request("", &()).await.unwrap();
    assert_eq!(client.state(), last.into(), "nothing beyond the last");
    seen
}

fn rises(seen: &[u64]) -> bool {
    seen.is_sorted_by(|one, two| one < two)
}

#[tokio::test]
async fn of_many_changes_the_last_arrives() {
    let delay = Some(Duration::from_millis(1));
    for count in [1, 10, 100, 10_000] {
        let mut house = House::open(|builder| builder.autoflush_delay(delay)).await;
        let (client, connection) = house.connect().await;
        assert_eq!(connection.state().snapshot(), Value::Null);
        let mut states = client.changes();
        assert_eq!(states.next().await, Some(Value::Null));
        for n in 0..count {
            connection.state().set("", n).unwrap();
            yield_now().await;
        }
        let seen = states_up_to(&client, &mut states, count - 1).await;
        assert!(rises(&seen), "{seen:?}");
    }
}

#[tokio::test]
async fn without_autoflush_a_flush_brings_the_last() {
    for count in [1, 10, 100, 10_000] {
        let mut house = House::open(|builder| builder.autoflush_delay(None)).await;
        let (client, connection) = house.connect().await;
        let mut states = client.changes();
        assert_eq!(states.next().await, Some(Value::Null));
        for n in 0..count {
            connection.state().set("", n).unwrap();
            yield_now().await;
        }
        // What was sent before this arrives before it, and requests do not flush what no handler changed.
        client.request("", &()).await.unwrap();
        assert_eq!(client.state(), Value::Null, "sent before it was flushed");
        connection.flush().await.unwrap();
        assert_eq!(
            states_up_to(&client, &mut states, count - 1).await,
            [count - 1]
        );
    }
}

/// Every value is sent, in order. A client of ours shows a state as a level; so a peer counts them beside it.
#[tokio::test]
async fn without_a_delay_each_change_arrives() {
    for count in [1, 10, 100] {
        let state = State::default();
        let mut house = House::open_with(Some(state.clone()), |builder| {
            builder.autoflush_delay(Some(Duration::ZERO))
        })
        .await;
        let (client, _connection) = house.connect().await;
        let mut peer = Peer::connect(house.address()).await;
        soon("the peer's connection", house.connections.recv())
            .await
            .unwrap();
        let mut states = client.changes();
        assert_eq!(states.next().await, Some(Value::Null));
        for n in 0..count {
            state.set("", n).unwrap();
            yield_now().await;
        }
        for n in 0..count {
            assert_eq!(peer.state().await, n);
        }
        peer.request(1, "", serde_json::Value::Null).await;
        assert_eq!(peer.message().await["type"], "response", "nothing beyond");
        let seen = states_up_to(&client, &mut states, count - 1).await;
        assert!(rises(&seen), "{seen:?}");
    }
}

#[tokio::test]
async fn a_shared_state_is_everybodys() {
    let state = State::new(0);
    let mut house = House::open_with(Some(state.clone()), |builder| {
        builder.autoflush_delay(Some(Duration::ZERO))
    })
    .await;
    let pairs = house.connect_all(5).await;
    let mut streams: Vec<_> = pairs.iter().map(|(client, _)| client.changes()).collect();
    for (n, (_, connection)) in (1_u64..).zip(&pairs) {
        connection.state().set("", n).unwrap();
        assert_eq!(state.snapshot(), n.into());
        for states in &mut streams {
            while soon("the change", states.next()).await != Some(n.into()) {}
        }
    }
}

#[tokio::test]
async fn an_own_state_is_nobody_elses() {
    let mut house = House::open(|builder| builder.autoflush_delay(Some(Duration::ZERO))).await;
    let pairs = house.connect_all(5).await;
    for (n, (client, connection)) in (1_u64..).zip(&pairs) {
        connection.state().set("", n).unwrap();
        let mut states = client.changes();
        while soon("the change", states.next()).await != Some(n.into()) {}
    }
    for (n, (client, _)) in (1_u64..).zip(&pairs) {
        client.request("", &()).await.unwrap();
        assert_eq!(client.state(), n.into());
    }
}
