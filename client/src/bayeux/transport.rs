//! [`Transport`]s of the application's own.

use std::{future::Future, sync::Arc};

use http::HeaderMap;
use mirrorball_protocol::bayeux::client::Kind;
use tokio::sync::mpsc;

use super::extension::BoxFuture;
use crate::ConnectionError;

/// Carries payloads where neither a WebSocket nor long-polling does: over a proxy, a pipe, within a process.
///
/// It is registered by [`Builder::transport`](super::Builder::transport), and takes part in the choice of the connection type
/// as the others do.
///
/// ```
/// use std::sync::Arc;
/// use mirrorball_client::{ConnectionError, bayeux::{Transport, Wire}};
///
/// struct Pipe(tokio::sync::mpsc::Sender<String>);
///
/// impl Transport for Pipe {
///     fn connection_type(&self) -> &str {
///         "pipe"
///     }
///
///     async fn run(self: Arc<Self>, mut wire: Wire) -> ConnectionError {
///         while let Some(payload) = wire.next().await {
///             if self.0.send(payload.text).await.is_err() {
///                 break;
///             }
///             // What comes back: wire.deliver(text, None).await
///         }
///         ConnectionError::Closed { code: 1006, reason: "the pipe is broken".to_owned() }
///     }
/// }
/// ```
pub trait Transport: Send + Sync + 'static {
    /// The name of the connection type, as servers know it.
    fn connection_type(&self) -> &str;

    /// Carries payloads for as long as there is a connection, and returns why there is none any more. It is called for each
    /// connection; the future is dropped where the client leaves it.
    fn run(self: Arc<Self>, wire: Wire) -> impl Future<Output = ConnectionError> + Send;
}

/// A payload to be carried to the server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Outgoing {
    /// The messages: a JSON array.
    pub text: String,
    /// What the extensions and [`Builder::headers`](super::Builder::headers) say besides.
    pub headers: HeaderMap,
    /// Whether it is a `/meta/connect`, which the server may hold for long.
    pub is_connect: bool,
}

/// Where a [`Transport`] takes payloads from, and leaves those that come.
#[derive(Debug)]
pub struct Wire {
    pub(super) outgoing: mpsc::Receiver<Outgoing>,
    pub(super) incoming: mpsc::Sender<Incoming>,
}

/// A payload that came.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) text: String,
    pub(crate) headers: Option<HeaderMap>,
}

/// Payloads on their way through a transport, in each direction.
const PAYLOADS: usize = 16;

/// A transport's two ends.
pub(crate) fn wire() -> (Wire, mpsc::Sender<Outgoing>, mpsc::Receiver<Incoming>) {
    let (sender, outgoing) = mpsc::channel(PAYLOADS);
    let (incoming, receiver) = mpsc::channel(PAYLOADS);
    (Wire { outgoing, incoming }, sender, receiver)
}

impl Outgoing {
    pub(crate) fn new(kind: Kind, text: String, headers: HeaderMap) -> Self {
        Self {
            text,
            headers,
            is_connect: kind == Kind::Connect,
        }
    }
}

impl Wire {
    /// Waits for the next payload; `None` once the client has left. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Outgoing> {
        self.outgoing.recv().await
    }

    /// Hands over a payload that came, a JSON array, with the headers that came with it. Waits where the client is slow.
    pub async fn deliver(&self, text: String, headers: Option<HeaderMap>) {
        // The client may have left.
        let _ = self.incoming.send(Incoming { text, headers }).await;
    }
}

/// A transport of any type.
pub(crate) trait Carrier: Send + Sync {
    fn name(&self) -> &str;
    fn start(self: Arc<Self>, wire: Wire) -> BoxFuture<'static, ConnectionError>;
}

impl<T: Transport> Carrier for T {
    fn name(&self) -> &str {
        self.connection_type()
    }

    fn start(self: Arc<Self>, wire: Wire) -> BoxFuture<'static, ConnectionError> {
        Box::pin(self.run(wire))
    }
}
