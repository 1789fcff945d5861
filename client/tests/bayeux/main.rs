//! The native client of Bayeux over real sockets.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test a panic is the report"
)]

mod extending;
mod losing;
mod opening;
mod polling;
mod receiving;
mod requests;
mod scripted;
mod serving;
mod site;

use std::{future::Future, time::Duration};

use mirrorball_client::{
    Address, AddressError, Value,
    bayeux::{Builder, Client, ConnectionType},
};

/// How long anything may take. Nothing here is ever waited for in vain.
const PATIENCE: Duration = Duration::from_secs(60);

/// Both transports, each alone.
const EACH: [ConnectionType; 2] = [ConnectionType::WebSocket, ConnectionType::LongPolling];

/// What `future` comes to, which it has to.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("in vain: {what}"))
}

/// A client that comes back quickly.
fn client<A>(address: A) -> Builder
where
    A: TryInto<Address>,
    A::Error: Into<AddressError>,
{
    let (min, max) = (Duration::from_millis(5), Duration::from_millis(50));
    Client::builder(address).retry_delay(min, max)
}

/// A client that is open over this transport, and the connect that its server holds.
async fn open(
    server: &mut scripted::Scripted,
    connection_type: ConnectionType,
) -> (Client, scripted::Call) {
    open_with(
        server,
        client(server.url()).connection_types([connection_type]),
    )
    .await
}

async fn open_with(server: &mut scripted::Scripted, builder: Builder) -> (Client, scripted::Call) {
    let (client, held) = tokio::join!(soon("the client opens", builder.open()), server.open());
    (client.unwrap(), held)
}

/// A JSON text as a value.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
