//! Where a client is in its life.

use core::fmt;

use crate::{json::PatchError, reason::Reason, time::Instant};

/// Where a client is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not connected yet, or connected and the first state is still to come.
    Connecting,
    /// The mirror is the server's state.
    Connected,
    /// The connection was lost: the mirror is what the server's state was.
    Stale,
    /// Closed by the application.
    Closed,
    /// Given up: the server keeps breaking the protocol.
    Failed,
}

/// What a client's application may want to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Where the client is in its life.
    pub state: State,
    /// Attempts that failed since the last connection that lasted.
    pub retries: u32,
    /// When the next attempt begins, while the client waits for it.
    pub next_retry: Option<Instant>,
    /// Whether the mirror was in step with a server once.
    pub ever_connected: bool,
    /// Requests without a response.
    pub in_flight: usize,
    /// What ended the last connection or attempt.
    pub last_fault: Option<Fault>,
}

/// What ended a connection, or an attempt at one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The socket closed with this code; 1006 where there was none.
    Lost(u16),
    /// This end closed it.
    Closed(Reason),
    /// The server's diff does not apply to the mirror.
    Patch(PatchError),
}

impl Fault {
    /// Whether the server broke the protocol.
    pub(super) fn is_violation(self) -> bool {
        match self {
            Self::Patch(_) => true,
            Self::Closed(reason) => (1002..=1009).contains(&reason.code),
            Self::Lost(_) => false,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(code) => write!(out, "the connection was lost (close code {code})"),
            Self::Closed(reason) => reason.fmt(out),
            Self::Patch(error) => error.fmt(out),
        }
    }
}

impl core::error::Error for Fault {}
