//! How the clients of a service that closes go: one after another, with their answers, and told that they may
//! come back.

use std::{future::pending, sync::Arc, time::Duration};

use mirrorball_server::{Juggler, Server, State, Value, juggler::Builder};
use serde_json::json;
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    http::{UPGRADE, get},
    peer::Peer,
    site::Site,
};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// A time that is never over.
const LONG: Duration = Duration::from_secs(3_600);

/// What every client is told.
fn restart() -> (u16, String) {
    (1012, "service restart".to_owned())
}

/// A service whose second client has to wait for long.
fn slow_drain(state: &State) -> Builder {
    Juggler::builder(state.clone())
        .autoflush_delay(Some(Duration::ZERO))
        .shutdown_timeout(PATIENCE)
        .drain(LONG)
        .drain_step(LONG)
}

fn close(juggler: &Juggler) -> JoinHandle<()> {
    let juggler = juggler.clone();
    tokio::spawn(async move { juggler.close().await })
}

async fn until_connections(juggler: &Juggler, count: usize) {
    let gone = async {
        while juggler.connections() > count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("they do not go");
}

/// Those that are still there once there is a new state, all others being told that the service restarts.
async fn served(peers: Vec<Peer>, state: &State) -> Vec<Peer> {
    state.set("", "news").unwrap();
    let mut served = Vec::new();
    for peer in peers {
        match peer.state_or_goodbye().await {
            Ok(peer) => {
                assert_eq!(peer.mirrored(), "news");
                served.push(peer);
            }
            Err(goodbye) => assert_eq!(goodbye, restart()),
        }
    }
    served
}

/// A hundred go one after another in no time.
#[tokio::test]
async fn everybody_is_told_to_come_back() {
    let site = Site::start(Juggler::builder(State::new(0)).shutdown_timeout(PATIENCE)).await;
    let peers = site.connect_all(100).await;
    let closing = close(&site.juggler);
    for peer in peers {
        assert_eq!(peer.goodbye().await, restart());
    }
    closing.await.unwrap();
    assert_eq!(site.juggler.connections(), 0);
    // Once it is closed, that is all.
    timeout(PATIENCE, site.juggler.close()).await.unwrap();
}

/// The first goes at once. The others are served until their turn comes, or somebody is in a hurry.
#[tokio::test]
async fn each_goes_in_its_turn() {
    let state = State::new(0);
    let site = Site::start(slow_drain(&state)).await;
    let peers = site.connect_all(4).await;
    let closing = [close(&site.juggler), close(&site.juggler)];
    until_connections(&site.juggler, 3).await;
    let mut served = served(peers, &state).await;
    assert_eq!(served.len(), 3);
    for peer in &mut served {
        peer.request(1, "", json!("still there")).await;
        assert_eq!(peer.response().await["data"], "still there");
    }
    // Nobody comes in between.
    let answer = get(site.address, "/ws", UPGRADE).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(site.juggler.connections(), 3);
    assert!(closing.iter().all(|closing| !closing.is_finished()));

    let hurrying = tokio::spawn({
        let juggler = site.juggler.clone();
        async move { juggler.close_now().await }
    });
    for peer in served {
        assert_eq!(peer.goodbye().await, restart());
    }
    for ended in closing.into_iter().chain([hurrying]) {
        timeout(PATIENCE, ended).await.unwrap().unwrap();
    }
    assert_eq!(site.juggler.connections(), 0);
}

/// What was asked before is answered, also what waits for another request.
#[tokio::test]
async fn requests_are_answered_before_the_goodbye() {
    let (release, released) = mpsc::unbounded_channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let builder = Juggler::builder(State::new(0))
        .shutdown_timeout(PATIENCE)
        .drain(Duration::ZERO)
        .on_request(move |_, _, data| {
            let released = Arc::clone(&released);
            async move {
                released.lock().await.recv().await;
                Ok(data)
            }
        });
    let site = Site::start(builder).await;
    let mut peers = site.connect_all(2).await;
    let (mut asking, idle) = (peers.remove(0), peers.remove(0));
    for id in [1, 2] {
        asking.request(id, "wait", json!(id)).await;
    }
    // They have arrived.
    asking.send_text("2x").await;
    assert_eq!(asking.frame().await, "3x");
    let closing = close(&site.juggler);
    assert_eq!(idle.goodbye().await, restart());
    assert!(!closing.is_finished());
    for id in [1, 2] {
        release.send(()).unwrap();
        assert_eq!(asking.response().await["data"], id);
    }
    assert_eq!(asking.goodbye().await, restart());
    closing.await.unwrap();
}

/// A request that never ends does not hold up the end, and its client is told what the others are.
#[tokio::test]
async fn the_wait_for_answers_is_bounded() {
    let builder = Juggler::builder(State::new(0))
        .shutdown_timeout(Duration::from_millis(50))
        .on_request(|_, _, _| pending());
    let site = Site::start(builder).await;
    let mut peer = site.connect().await;
    peer.request(1, "never", json!(null)).await;
    peer.send_text("2x").await;
    while peer.frame().await != "3x" {}
    timeout(PATIENCE, site.juggler.close()).await.unwrap();
    assert_eq!(peer.goodbye().await, restart());
}

/// A server's shutdown timeout begins when the drain is over, and a hurry ends both.
#[tokio::test]
async fn a_servers_timeout_contains_the_drain() {
    let state = State::new(0);
    let juggler = slow_drain(&state).build();
    let server = Server::builder()
        .juggler(juggler.clone())
        .shutdown_timeout(Duration::ZERO)
        .bind("127.0.0.1:0")
        .await
        .unwrap()
        .serve();
    let mut peers = Vec::new();
    for _ in 0..3 {
        let mut peer = Peer::connect(server.addresses()[0]).await;
        peer.state().await;
        peers.push(peer);
    }
    let closing = tokio::spawn({
        let server = server.clone();
        async move { server.close().await }
    });
    until_connections(&juggler, 2).await;
    let served = served(peers, &state).await;
    assert_eq!(served.len(), 2);
    assert!(!closing.is_finished());

    let hurrying = tokio::spawn({
        let server = server.clone();
        async move { server.close_now().await }
    });
    for peer in served {
        assert_eq!(peer.goodbye().await, restart());
    }
    for ended in [closing, hurrying] {
        timeout(PATIENCE, ended).await.unwrap().unwrap();
    }
    timeout(PATIENCE, server.closed()).await.unwrap();
}

/// In a hurry there are neither turns nor answers, also where nobody has closed anything before.
#[tokio::test]
async fn a_server_closes_at_once() {
    let state = State::new(0);
    let juggler = slow_drain(&state).on_request(|_, _, _| pending::<Result<Value, _>>());
    let server = Server::builder()
        .juggler(juggler.build())
        .shutdown_timeout(LONG)
        .bind("127.0.0.1:0")
        .await
        .unwrap()
        .serve();
    let mut peer = Peer::connect(server.addresses()[0]).await;
    peer.request(1, "never", json!(null)).await;
    peer.send_text("2x").await;
    while peer.frame().await != "3x" {}
    let closing = tokio::spawn({
        let server = server.clone();
        async move { server.close_now().await }
    });
    assert_eq!(peer.goodbye().await, restart());
    timeout(PATIENCE, closing).await.unwrap().unwrap();
}
