//! Connections begin and end, and the other side notices.

use std::time::Duration;

use mirrorball_client::{ConnectionError, juggler::RequestError};
use mirrorball_protocol::juggler::keepalive::KeepaliveOptions;
use mirrorball_server::{Juggler, ServerOptions};
use serde_json::json;

use super::{House, is_open, soon};
use crate::{peer::Peer, site::Site};

const COUNTS: [usize; 3] = [1, 2, 5];

#[tokio::test]
async fn one_two_or_five_clients_connect() {
    for count in COUNTS {
        let mut house = House::open(|builder| builder).await;
        let pairs = house.connect_all(count).await;
        assert_eq!(house.juggler.connections(), count);
        for pair in &pairs {
            assert!(is_open(pair).await);
        }
        for (client, connection) in &pairs {
            client.close().await;
            connection.close();
            soon("the connection's end", connection.closed()).await;
        }
        assert!(house.server.close().await, "something had to be cut");
    }
}

#[tokio::test]
async fn a_client_that_closes_is_noticed() {
    for count in COUNTS {
        let mut house = House::open(|builder| builder).await;
        let mut pairs = house.connect_all(count).await;
        while let Some((client, connection)) = pairs.pop() {
            client.close().await;
            soon("the connection's end", connection.closed()).await;
            assert!(connection.flush().await.is_err());
            assert!(connection.notify("late", &0.into()).await.is_err());
            assert_eq!(client.request("late", &0).await, Err(RequestError::Closed));
            for pair in &pairs {
                assert!(is_open(pair).await, "another one of {count} is closed");
            }
        }
        house.server.close().await;
    }
}

#[tokio::test]
async fn a_connection_that_closes_is_noticed() {
    for count in COUNTS {
        let mut house = House::open(|builder| builder).await;
        let mut pairs = house.connect_all(count).await;
        while let Some((client, connection)) = pairs.pop() {
            connection.close();
            let why = soon("the client's end", client.closed()).await;
            assert!(
                matches!(&why, Some(ConnectionError::Closed { code: 1000, .. })),
                "{why:?}"
            );
            soon("the connection's end", connection.closed()).await;
            for pair in &pairs {
                assert!(is_open(pair).await, "another one of {count} is closed");
            }
        }
        house.server.close().await;
    }
}

#[tokio::test]
async fn a_server_that_closes_is_noticed() {
    for count in COUNTS {
        let mut house = House::open(|builder| builder).await;
        let pairs = house.connect_all(count).await;
        assert!(house.server.close().await, "something had to be cut");
        soon("the server's end", house.server.closed()).await;
        for (client, connection) in &pairs {
            soon("the connection's end", connection.closed()).await;
            let why = soon("the client's end", client.closed()).await;
            assert!(
                matches!(&why, Some(ConnectionError::Closed { code: 1012, .. })),
                "{why:?}"
            );
        }
    }
}

/// Whoever does not answer a ping is left, with the code that says so; whoever does is kept.
#[tokio::test]
async fn a_silent_client_is_left() {
    let mut options = ServerOptions::default();
    options.keepalive = KeepaliveOptions {
        ping_delay: Some(Duration::from_millis(50)),
        ping_timeout: Duration::from_secs(2),
    };
    let site = Site::start(Juggler::builder(None).options(options)).await;
    let (mut lively, silent) = (site.connect().await, site.connect().await);
    let left = tokio::spawn(silent.goodbye());
    while !left.is_finished() {
        // Pings are answered while something else is waited for.
        lively.request(1, "", json!("still there")).await;
        assert_eq!(lively.response().await["data"], "still there");
    }
    let (code, reason) = left.await.unwrap();
    assert_eq!(
        (code, &*reason),
        (4000, "nothing heard within the ping timeout")
    );
    drop::<Peer>(lively);
}
