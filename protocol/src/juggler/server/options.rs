//! What a server's connections are bound by.

use core::time::Duration;

use crate::{
    json::Limits,
    juggler::{
        keepalive::KeepaliveOptions,
        segment::{AssemblyLimits, MAX_SEGMENT_SIZE},
    },
};

/// What a server's connections are bound by.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerOptions {
    /// Bytes of UTF-8 in a segment's payload; default 65,536.
    pub max_segment_size: usize,
    /// The keep-alive; default 30 s of silence, then 30 s for an answer.
    pub keepalive: KeepaliveOptions,
    /// Whether requests of one connection are handled at once, instead of one after another in order;
    /// default no.
    pub parallel_requests: bool,
    /// Requests of one connection that are handled or wait to be; one more is refused at once. Default 64.
    pub max_pending_requests: usize,
    /// Bytes of text of those requests together; one that passes it is refused at once. Default 4 MiB.
    pub max_pending_bytes: usize,
    /// Values in the data of those; default 120,000: a message may have 100,000.
    pub max_pending_values: usize,
    /// Messages that a client may send each second, pings included and whatever the number of segments;
    /// then nothing is read from it for a while. `None` for as many as it likes. Default 200.
    pub max_inbound_rate: Option<u32>,
    /// Messages that a client may send at once before [`max_inbound_rate`](Self::max_inbound_rate) counts.
    /// Default 400.
    pub max_inbound_burst: u32,
    /// Messages that wait to be sent; with as many, nothing more is read from the client and
    /// [`Server::notify`](super::Server::notify) is refused. Default 1,024.
    pub send_queue_size: usize,
    /// Bytes of those messages together; with as many, the same. Default 1 MiB, and one message more.
    pub send_queue_bytes: usize,
    /// How long the socket may take nothing before the connection is closed (4008). `None` for as long as it
    /// likes. Default 10 s.
    pub write_timeout: Option<Duration>,
    /// How large a client's message may be; default 4 MiB in 4,096 segments that come within 60 s.
    pub assembly: AssemblyLimits,
    /// How deep a client's data may be nested (default 100), and how many values it may have (100,000).
    pub json: Limits,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            max_segment_size: MAX_SEGMENT_SIZE,
            keepalive: KeepaliveOptions::default(),
            parallel_requests: false,
            max_pending_requests: 64,
            max_pending_bytes: 4 << 20,
            max_pending_values: 120_000,
            max_inbound_rate: Some(200),
            max_inbound_burst: 400,
            send_queue_size: 1_024,
            send_queue_bytes: 1 << 20,
            write_timeout: Some(Duration::from_secs(10)),
            assembly: AssemblyLimits::default(),
            json: Limits {
                nodes: 100_000,
                ..Limits::default()
            },
        }
    }
}
