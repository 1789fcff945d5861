//! Twins of what the tests of hat-juggler hold: our native client and our server do the same.

mod life;
mod messages;
mod state;
mod surroundings;

use std::{future::Future, net::SocketAddr, time::Duration};

use mirrorball_client::juggler::{Client, ConnectionState};
use mirrorball_server::{Connection, Juggler, Server, State, juggler::Builder};
use serde_json::json;
use tokio::{sync::mpsc, time::timeout};

/// How long anything may take. Nothing here is ever waited for in vain.
const PATIENCE: Duration = Duration::from_secs(60);

/// What hat-juggler's tests send, whole numbers and texts, nothing, and what is nested.
fn data() -> [serde_json::Value; 5] {
    [
        json!(null),
        json!(42),
        json!("42"),
        json!([]),
        json!({ "a": [true, {}] }),
    ]
}

/// What `future` comes to, which it has to.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("in vain: {what}"))
}

/// A client as hat-juggler's is: where its connection is lost, it is at its end.
fn client(address: SocketAddr) -> mirrorball_client::juggler::Builder {
    Client::builder(format!("ws://{address}/ws"))
        .reconnect(false)
        // The states here begin as null, of which no message tells.
        .sync_timeout(Duration::from_millis(1))
}

/// A server whose connections come out of a channel.
struct House {
    server: Server,
    juggler: Juggler,
    connections: mpsc::UnboundedReceiver<Connection>,
}

impl House {
    /// Where each connection has a state of its own.
    async fn open(change: impl FnOnce(Builder) -> Builder) -> Self {
        Self::open_with(None, change).await
    }

    /// Where this state is shared, if there is one.
    async fn open_with(shared: Option<State>, change: impl FnOnce(Builder) -> Builder) -> Self {
        let (sender, connections) = mpsc::unbounded_channel();
        let builder = Juggler::builder(shared).on_connection(move |connection| {
            let sender = sender.clone();
            async move { sender.send(connection).unwrap() }
        });
        let juggler = change(builder).build();
        let server = Server::builder().juggler(juggler.clone());
        let server = server.bind("127.0.0.1:0").await.unwrap().serve();
        Self {
            server,
            juggler,
            connections,
        }
    }

    fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    fn client(&self) -> mirrorball_client::juggler::Builder {
        client(self.address())
    }

    /// Both ends of the next connection.
    async fn connected(
        &mut self,
        builder: mirrorball_client::juggler::Builder,
    ) -> (Client, Connection) {
        let client = soon("a client", builder.connect()).await.unwrap();
        let connection = soon("a connection", self.connections.recv()).await;
        (client, connection.unwrap())
    }

    async fn connect(&mut self) -> (Client, Connection) {
        self.connected(self.client()).await
    }

    async fn connect_all(&mut self, count: usize) -> Vec<(Client, Connection)> {
        let mut pairs = Vec::new();
        for _ in 0..count {
            pairs.push(self.connect().await);
        }
        pairs
    }
}

/// Whether both ends are open.
async fn is_open((client, connection): &(Client, Connection)) -> bool {
    client.status().state == ConnectionState::Connected && connection.flush().await.is_ok()
}
