//! Where a client is in its life.

use core::fmt;

use crate::{reason::Reason, time::Instant};

/// Where a client is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not opened yet, or closed by the application.
    Disconnected,
    /// On the way to a session, or back to it after a loss.
    Connecting,
    /// The server answered the last connect.
    Connected,
    /// Closed by the application; the server has not answered that yet.
    Disconnecting,
    /// There is no further attempt; [`Status::ending`] says why.
    Ended,
}

/// What a client's application may want to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Where the client is in its life.
    pub state: State,
    /// The place in [`ClientOptions::connection_types`](super::ClientOptions::connection_types) of the way to the server that is
    /// in use or tried.
    pub connection_type: usize,
    /// Attempts that failed since the last connection that lasted.
    pub retries: u32,
    /// When the next attempt begins, while the client waits for it.
    pub next_retry: Option<Instant>,
    /// Whether there was a connection since the client was opened.
    pub ever_connected: bool,
    /// Requests that were sent and have no end.
    pub in_flight: usize,
    /// Requests that wait to be sent.
    pub queued: usize,
    /// What ended the last connection or attempt.
    pub last_fault: Option<Fault>,
    /// Why there is no further attempt.
    pub ending: Option<Ending>,
}

/// What ended a connection, or an attempt at one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The socket closed with this code, or the HTTP request failed with this status; 1006 where there was neither.
    Lost(u16),
    /// This end closed it.
    Closed(Reason),
}

impl Fault {
    /// Whether the server broke the protocol.
    pub(super) fn is_violation(self) -> bool {
        matches!(self, Self::Closed(reason) if (1002..=1009).contains(&reason.code))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(code) => write!(out, "the connection was lost (code {code})"),
            Self::Closed(reason) => reason.fmt(out),
        }
    }
}

impl core::error::Error for Fault {}

/// Why there is no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server's advice is to stay away.
    Advice,
    /// The server ended the session with a `/meta/disconnect` of its own.
    Disconnected,
    /// The server speaks over none of [`ClientOptions::connection_types`](super::ClientOptions::connection_types).
    NoTransport,
    /// As many first attempts failed as [`ClientOptions::first_attempts`](super::ClientOptions::first_attempts) allows.
    GivenUp,
}

impl fmt::Display for Ending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Advice => "the server advises to stay away",
            Self::Disconnected => "the server ended the session",
            Self::NoTransport => "none of the connection types that the server offers is supported",
            Self::GivenUp => "no connection could be made",
        })
    }
}

impl core::error::Error for Ending {}
