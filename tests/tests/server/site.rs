//! A server under test.

use std::net::SocketAddr;

use mirrorball_server::{Juggler, juggler::Builder};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::peer::Peer;

/// A service on a port of its own, gone when it is dropped.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    pub(crate) juggler: Juggler,
    server: JoinHandle<()>,
}

impl Site {
    pub(crate) async fn start(builder: Builder) -> Self {
        let juggler = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = juggler
            .clone()
            .into_router()
            .into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            juggler,
            server,
        }
    }

    pub(crate) async fn connect(&self) -> Peer {
        Peer::connect(self.address).await
    }

    /// Connections whose first state has arrived.
    pub(crate) async fn connect_all(&self, count: usize) -> Vec<Peer> {
        let mut peers = Vec::new();
        for _ in 0..count {
            let mut peer = self.connect().await;
            peer.state().await;
            peers.push(peer);
        }
        peers
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.server.abort();
    }
}
