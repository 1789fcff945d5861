//! How a client behaves.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::time::Duration;

use crate::{
    bayeux::{Advice, Reconnect},
    json::Limits,
};

/// How a client behaves, and what it is bound by.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientOptions {
    /// The ways to the server, the preferred one first; at most 32 count. Default WebSocket, then long-polling.
    pub connection_types: Vec<ConnectionType>,
    /// Whether a way that worked is kept when it breaks; otherwise the preferred one is tried again. Default yes.
    pub sticky: bool,
    /// Attempts that may fail before the first connection; then the client gives up. `None`, the default, for any number.
    pub first_attempts: Option<u32>,
    /// How long a socket may take to open; default 10 s.
    pub connect_timeout: Duration,
    /// How long a reply may take, and that to a `/meta/connect` beyond the time for which the server holds it; default 10 s.
    pub max_network_delay: Duration,
    /// How long a request may take from the command to its end where it does not say otherwise, waiting to be sent included;
    /// `None` for ever. Default 30 s.
    pub request_timeout: Option<Duration>,
    /// How long [`Client::close`](super::Client::close) waits for the server's reply; default 5 s.
    pub disconnect_timeout: Duration,
    /// The shortest wait before a new attempt; default 250 ms.
    pub min_retry_delay: Duration,
    /// The longest wait before a new attempt; default 30 s.
    pub max_retry_delay: Duration,
    /// What the waits are drawn from. Different for every client, so that they do not come back together.
    pub seed: u64,
    /// What holds where the server advises nothing. Default: retry, no pause, connects held for 60 s.
    pub advice: Advice,
    /// Requests without an end, sent or waiting to be sent; one more is refused. Default 1,024.
    pub max_pending: usize,
    /// Bytes that those requests hold; more are refused. Default 16 MiB.
    pub max_pending_size: usize,
    /// Subscriptions; one more is refused. Default 1,024.
    pub max_subscriptions: usize,
    /// Messages of one payload; default 64. What does not fit goes with the next.
    pub max_batch: usize,
    /// Bytes of one payload; default 64 KiB. A message that is longer by itself is sent by itself.
    pub max_payload_size: usize,
    /// Bytes of one request; a longer one is refused. Default 1 MiB.
    pub max_message_size: usize,
    /// Whether over HTTP requests wait while a payload is under way, and then go together; default yes. Each is a payload of its
    /// own otherwise, and they may overtake each other.
    pub auto_batch: bool,
    /// Messages of one payload from the server; more break the protocol. Default 65,536.
    pub max_received: usize,
    /// How large JSON from the server may be.
    pub limits: Limits,
    /// Whether the application can renew its credentials: then a first 401 or 403 is not yet a refusal but a
    /// [`ClientEvent::Authenticate`](super::ClientEvent::Authenticate). Default no.
    pub authenticates: bool,
    /// How long the application may take for that; default 30 s.
    pub authentication_timeout: Duration,
    /// The members of the `ext` of handshakes, as a JSON object: credentials, mostly. Default none.
    pub handshake_ext: Option<String>,
    /// Whether to ask for messages to be sent again until they are acknowledged; default no.
    pub ack: bool,
    /// Whether to find out the server's time; default no.
    pub timesync: bool,
    /// Whether messages say when they were sent; default no.
    pub timestamp: bool,
    /// Whether subscriptions go on after the last message that was seen. Default no.
    pub replay: Option<Replay>,
    /// Channels whose last replay id is remembered; beyond that the longest known is forgotten. Default 1,024.
    pub max_replays: usize,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            connection_types: Vec::from([ConnectionType::WebSocket, ConnectionType::LongPolling]),
            sticky: true,
            first_attempts: None,
            connect_timeout: Duration::from_secs(10),
            max_network_delay: Duration::from_secs(10),
            request_timeout: Some(Duration::from_secs(30)),
            disconnect_timeout: Duration::from_secs(5),
            min_retry_delay: Duration::from_millis(250),
            max_retry_delay: Duration::from_secs(30),
            seed: 0,
            advice: Advice {
                reconnect: Some(Reconnect::Retry),
                interval: Some(Duration::ZERO),
                timeout: Some(Duration::from_secs(60)),
                max_interval: None,
                multiple_clients: false,
            },
            max_pending: 1_024,
            max_pending_size: 16 << 20,
            max_subscriptions: 1_024,
            max_batch: 64,
            max_payload_size: 64 << 10,
            max_message_size: 1 << 20,
            auto_batch: true,
            max_received: 65_536,
            limits: Limits::default(),
            authenticates: false,
            authentication_timeout: Duration::from_secs(30),
            handshake_ext: None,
            ack: false,
            timesync: false,
            timestamp: false,
            replay: None,
            max_replays: 1_024,
        }
    }
}

/// A way to the server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionType {
    /// A WebSocket.
    WebSocket,
    /// HTTP requests, one of which the server holds until it has something to say.
    LongPolling,
    /// One of the shell's own, by the name that it has on the wire.
    Other(Arc<str>),
}

impl ConnectionType {
    /// The name on the wire.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::WebSocket => "websocket",
            Self::LongPolling => "long-polling",
            Self::Other(name) => name,
        }
    }
}

/// How subscriptions go on after the last message that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Replay {
    /// The id to subscribe with once more where the server does not know the one that was remembered: -1 for what is new, -2
    /// for everything that it has. `None`, the default, for not at all.
    pub fallback: Option<i64>,
    /// Whether to say ids to a server, too, that did not say that it understands them. Default no.
    pub always: bool,
}
