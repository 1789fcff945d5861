//! How a client behaves.

use core::time::Duration;

use crate::{
    json::Limits,
    juggler::{
        keepalive::KeepaliveOptions,
        segment::{AssemblyLimits, MAX_SEGMENT_SIZE},
    },
};

/// How a client behaves, and what it is bound by.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientOptions {
    /// How many addresses there are; they are tried in turn. Default 1.
    pub addresses: usize,
    /// Attempts that may fail before the first connection; then the client gives up. `None`, the default, for
    /// any number.
    pub first_attempts: Option<u32>,
    /// Whether a connection that is lost is made again; default yes. Otherwise the client has given up by then.
    pub reconnect: bool,
    /// Bytes of UTF-8 in a segment's payload; default 65,536.
    pub max_segment_size: usize,
    /// The keep-alive; default 30 s of silence, then 30 s for an answer.
    pub keepalive: KeepaliveOptions,
    /// How long a socket may take to open; default 10 s.
    pub connect_timeout: Duration,
    /// How long a new connection may stay without a state before the server's state is taken to be `null`,
    /// for which no message is sent; default 2 s.
    pub sync_timeout: Duration,
    /// How long a request may take where it does not say otherwise; `None` for ever. Default 30 s.
    pub request_timeout: Option<Duration>,
    /// How long after it was sent a request with a key may be sent again; default 45 s. Servers remember their answers for
    /// 60 s.
    pub repeat_within: Duration,
    /// Requests without a response; one more is refused. Default 1,024.
    pub max_pending: usize,
    /// The shortest wait before a new attempt; default 250 ms.
    pub min_retry_delay: Duration,
    /// The longest wait before a new attempt; default 20 s.
    pub max_retry_delay: Duration,
    /// Violations of the protocol, one connection after another, after which the client gives up; default 3.
    pub max_violations: u32,
    /// What the waits are drawn from. Different for every client, so that they do not come back together.
    pub seed: u64,
    /// How large a server's message may be; default 64 MiB in 65,536 segments.
    pub assembly: AssemblyLimits,
    /// How large the state may be.
    pub state: Limits,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            addresses: 1,
            first_attempts: None,
            reconnect: true,
            max_segment_size: MAX_SEGMENT_SIZE,
            keepalive: KeepaliveOptions::default(),
            connect_timeout: Duration::from_secs(10),
            sync_timeout: Duration::from_secs(2),
            request_timeout: Some(Duration::from_secs(30)),
            repeat_within: Duration::from_secs(45),
            max_pending: 1_024,
            min_retry_delay: Duration::from_millis(250),
            max_retry_delay: Duration::from_secs(20),
            max_violations: 3,
            seed: 0,
            assembly: AssemblyLimits {
                message_bytes: 64 << 20,
                segments: 65_536,
                ping_bytes: 4_096,
                timeout: None,
            },
            state: Limits::default(),
        }
    }
}
