//! The native client over real sockets: with our server, and with servers that are slow, hostile or gone.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test a panic is the report"
)]

mod hostile;
mod life;
mod mirroring;
mod notifications;
mod raw;
mod requests;
mod site;
mod tls;

use std::{future::Future, time::Duration};

use mirrorball_client::{
    Address, AddressError, Value,
    juggler::{Builder, Client},
};

/// How long anything may take. Nothing here is ever waited for in vain.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// A JSON text as a value.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Waits until the state is `expected`.
async fn until_state(client: &Client, expected: &Value) {
    let mut changes = client.changes();
    soon(&format!("the state {expected:.100}"), async {
        while &changes.next().await.expect("the client is over") != expected {}
    })
    .await;
}

/// Waits until the status is such.
async fn until_status(
    client: &Client,
    what: &str,
    is: impl Fn(&mirrorball_client::juggler::Status) -> bool,
) {
    let mut statuses = client.statuses();
    soon(what, async {
        while !is(&statuses.next().await.expect("the client is over")) {}
    })
    .await;
}
