//! The handle of a connection, and the state that a connection may have to itself.

use std::time::Duration;

use mirrorball_server::{Connection, Juggler, Reason, RequestError, ServerOptions, State, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::mpsc;

use crate::{peer::Peer, site::Site};

/// Every way in which changes are gathered.
const DELAYS: [Option<Duration>; 3] =
    [None, Some(Duration::ZERO), Some(Duration::from_secs(3_600))];

/// A service whose connections come out of a channel. With `shared` they share a state.
async fn site(
    shared: Option<State>,
    delay: Option<Duration>,
) -> (Site, mpsc::UnboundedReceiver<Connection>) {
    let (sender, connections) = mpsc::unbounded_channel();
    let builder = Juggler::builder(shared)
        .autoflush_delay(delay)
        .on_connection(move |connection| {
            let sender = sender.clone();
            async move { sender.send(connection).unwrap() }
        });
    (Site::start(builder).await, connections)
}

/// Without a shared state each connection has its own, which nobody else sees.
#[tokio::test]
async fn each_connection_has_a_state_of_its_own() {
    let builder = Juggler::builder(None)
        .on_connection(|connection| async move {
            connection
                .state()
                .set("/you", connection.id().to_string())
                .unwrap();
        })
        .request("set", |connection, data: Value| async move {
            connection.state().set("/data", data)?;
            Ok::<_, RequestError>(())
        });
    let site = Site::start(builder).await;
    assert!(site.juggler.state().is_none());
    let mut peers = site.connect_all(3).await;
    for (index, peer) in peers.iter_mut().enumerate() {
        peer.request(1, "set", json!(index)).await;
        // Read your writes: the state goes before the answer.
        let state = peer.state().await.clone();
        assert_eq!(state["data"], index);
        assert_eq!(peer.message().await["data"], json!(null));
    }
    let mut ids: Vec<_> = peers
        .iter()
        .map(|peer| peer.mirrored()["you"].clone())
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    for peer in &mut peers {
        peer.request(2, "", json!(null)).await;
        assert_eq!(peer.message().await["id"], 2);
    }
}

/// A flush sends what changed, whatever the delay, and is done when it is on its way.
#[tokio::test]
async fn a_flush_waits_until_changes_are_handed_over() {
    for delay in DELAYS {
        for shared in [None, Some(State::default())] {
            let case = format!("{delay:?}, shared: {}", shared.is_some());
            let (site, mut connections) = site(shared, delay).await;
            let mut peer = site.connect().await;
            let connection = connections.recv().await.unwrap();
            connection.flush().await.unwrap();
            for n in 0..20 {
                connection.state().set("/n", n).unwrap();
                connection.flush().await.unwrap();
                connection.notify("flushed", &n.into()).await.unwrap();
                // What is notified later comes later.
                assert_eq!(peer.state().await, &json!({ "n": n }), "{case}");
                assert_eq!(peer.message().await["data"], n, "{case}");
            }
        }
    }
}

/// A flush of all sends to all, and to states of their own as well.
#[tokio::test]
async fn a_flush_of_everybody_reaches_everybody() {
    for shared in [None, Some(State::default())] {
        let (site, mut connections) = site(shared, None).await;
        let mut peers = Vec::new();
        for _ in 0..3 {
            peers.push((site.connect().await, connections.recv().await.unwrap()));
        }
        for (_, connection) in &peers {
            connection.state().set("/n", 1).unwrap();
        }
        for (peer, _) in &mut peers {
            peer.request(1, "", json!(null)).await;
            assert_eq!(peer.message().await["id"], 1);
        }
        site.juggler.flush();
        for (peer, _) in &mut peers {
            assert_eq!(peer.state().await, &json!({ "n": 1 }));
        }
    }
}

/// A flush fails where the connection closes before it is done, and where it is closed already.
#[tokio::test]
async fn a_flush_fails_with_its_connection() {
    for shared in [None, Some(State::default())] {
        let (site, mut connections) = site(shared, None).await;
        let peer = Peer::connect_narrow(site.address).await;
        let connection = connections.recv().await.unwrap();
        // More than the sockets take, and nobody reads.
        connection
            .state()
            .set("/text", "x".repeat(32 << 20))
            .unwrap();
        let waiting = tokio::spawn({
            let connection = connection.clone();
            async move { connection.flush().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(peer);
        assert!(waiting.await.unwrap().is_err());
        connection.closed().await;
        assert!(connection.flush().await.is_err());
        assert!(connection.notify("n", &Value::Null).await.is_err());
    }
}

/// With no delay each change is a diff, however quickly they follow each other.
#[tokio::test]
async fn each_change_is_a_diff_without_a_pause_between() {
    const CHANGES: usize = 500;
    for shared in [None, Some(State::default())] {
        let (site, mut connections) = site(shared, Some(Duration::ZERO)).await;
        let mut peer = site.connect().await;
        let connection = connections.recv().await.unwrap();
        // Nothing else runs between these: there is one thread, and no `await`.
        for n in 0..CHANGES {
            connection.state().set("/n", n).unwrap();
        }
        for n in 0..CHANGES {
            assert_eq!(peer.state().await, &json!({ "n": n }));
        }
    }
}

/// A connection is closed with a reason, even while its client takes nothing and its queue is full.
#[tokio::test]
async fn a_connection_is_closed_with_a_reason() {
    let mut options = ServerOptions::default();
    options.send_queue_size = 1;
    let (sender, mut connections) = mpsc::unbounded_channel();
    let builder = Juggler::builder(State::new("x".repeat(32 << 20)))
        .options(options)
        .on_connection(move |connection| {
            let sender = sender.clone();
            async move { sender.send(connection).unwrap() }
        });
    let site = Site::start(builder).await;
    let peer = site.connect().await;
    let connection = connections.recv().await.unwrap();
    connection.close_with(Reason::new(4321, "go home"));
    assert_eq!(peer.goodbye().await, (4321, "go home".to_owned()));
    connection.closed().await;

    // The state is more than the sockets take, one notification waits behind it, and the others for that.
    let _peer = Peer::connect_narrow(site.address).await;
    let connection = connections.recv().await.unwrap();
    for n in 0..17 {
        connection.notify("n", &n.into()).await.unwrap();
    }
    let waiting = tokio::spawn({
        let connection = connection.clone();
        async move { connection.notify("n", &Value::Null).await }
    });
    tokio::task::yield_now().await;
    connection.close();
    connection.closed().await;
    assert!(waiting.await.unwrap().is_err());
}

/// What is done with a connection from its beginning ends with it, and may panic.
#[tokio::test]
async fn a_connections_handler_ends_with_it() {
    struct Guard(mpsc::UnboundedSender<()>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }
    let (sender, mut dropped) = mpsc::unbounded_channel();
    let builder = Juggler::builder(State::new(0)).on_connection(move |connection| {
        assert_ne!(connection.id(), 1, "as the test wants it");
        let guard = Guard(sender.clone());
        async move {
            let _guard = guard;
            std::future::pending::<()>().await;
        }
    });
    let site = Site::start(builder).await;
    let mut peers = site.connect_all(2).await;
    for peer in &mut peers {
        peer.request(1, "", json!(null)).await;
        assert_eq!(peer.message().await["id"], 1);
    }
    drop(peers);
    dropped.recv().await.unwrap();
}

#[derive(Deserialize)]
struct Sum {
    one: i64,
    #[serde(default)]
    two: i64,
}

#[derive(Serialize)]
struct Total {
    total: i64,
}

enum TooMuch {
    By(i64),
    Far,
}

impl From<TooMuch> for RequestError {
    fn from(error: TooMuch) -> Self {
        match error {
            TooMuch::By(by) => Self::with_data(&json!({ "by": by })),
            TooMuch::Far => Self::new("far too much"),
        }
    }
}

/// Handlers take and return types of their own, and errors of any shape.
#[tokio::test]
async fn handlers_are_typed() {
    let builder = Juggler::builder(State::new(0))
        .request("sum", |_, Sum { one, two }| async move {
            match one.checked_add(two) {
                None => Err(TooMuch::Far),
                Some(total @ ..100) => Ok(Total { total }),
                Some(total) => Err(TooMuch::By(total - 100)),
            }
        })
        .request("nothing", |_, ()| async { Ok::<_, RequestError>(()) })
        .on_request(|_, name, data| async move {
            if name == "raw" {
                Ok(data)
            } else {
                Err(RequestError::unknown(&name))
            }
        });
    let site = Site::start(builder).await;
    let mut peer = site.connect().await;
    let unsuitable = |message: &str| json!({ "code": "unsuitable-data", "message": message });
    for (name, data, success, answer) in [
        (
            "sum",
            json!({ "one": 1, "two": 2 }),
            true,
            json!({ "total": 3 }),
        ),
        (
            "sum",
            json!({ "one": 1, "more": [] }),
            true,
            json!({ "total": 1 }),
        ),
        (
            "sum",
            json!({ "one": 77, "two": 33 }),
            false,
            json!({ "by": 10 }),
        ),
        (
            "sum",
            json!({ "one": i64::MAX, "two": 1 }),
            false,
            json!("far too much"),
        ),
        ("nothing", json!(null), true, json!(null)),
        ("raw", json!([1]), true, json!([1])),
        (
            "other",
            json!(0),
            false,
            json!({ "code": "unknown-request", "message": "this server has no request `other`" }),
        ),
        (
            "sum",
            json!({ "two": 2 }),
            false,
            unsuitable(
                "the request `sum` takes other data: missing field `one` at line 1 column 9",
            ),
        ),
    ] {
        peer.request(1, name, data).await;
        let response = peer.response().await;
        assert_eq!(
            (&response["success"], &response["data"]),
            (&json!(success), &answer),
            "{name}"
        );
    }
}

/// As long as there is: no clock shows such a moment, and nothing waits for one.
#[tokio::test]
async fn every_wait_may_be_endless() {
    let mut options = ServerOptions::default();
    options.keepalive.ping_delay = Some(Duration::MAX);
    options.keepalive.ping_timeout = Duration::MAX;
    options.write_timeout = Some(Duration::MAX);
    options.assembly.timeout = Some(Duration::MAX);
    let state = State::new(1);
    let builder = Juggler::builder(state.clone())
        .options(options)
        .autoflush_delay(Some(Duration::MAX));
    let site = Site::start(builder).await;
    let mut peer = site.connect().await;
    assert_eq!(peer.state().await, &json!(1));
    state.set("", 2).unwrap();
    peer.request(1, "", json!("still there?")).await;
    assert_eq!(peer.response().await["data"], json!("still there?"));
    site.juggler.flush();
    assert_eq!(peer.state().await, &json!(2));
}
