//! What a client shows, and what it tells.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use mirrorball_protocol::bayeux::client::{ConnectionType, State};

use super::{Error, ServerError};
use crate::{ConnectionError, hub};

/// What a client shows at one moment.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) status: Status,
    /// Whether there was a connection since it was opened.
    pub(super) is_open: bool,
    pub(super) connection_type: Option<ConnectionType>,
    pub(super) client_id: Option<Arc<str>>,
    pub(super) subscriptions: Arc<BTreeSet<Arc<str>>>,
    pub(super) time: ServerTime,
    /// Why there is no further attempt.
    pub(super) end: Option<Error>,
}

/// What an application may want to show of a connection.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// Where the client is in its life.
    pub state: State,
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
    pub last_error: Option<ConnectionError>,
}

impl Status {
    pub(super) const fn new() -> Self {
        Self {
            state: State::Disconnected,
            retries: 0,
            next_retry: None,
            ever_connected: false,
            in_flight: 0,
            queued: 0,
            last_error: None,
        }
    }

    /// Whether nothing happens until the client is opened.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, State::Disconnected | State::Ended)
    }
}

/// What is known of the server's clock, by [`Builder::timesync`](super::Builder::timesync). Zero until it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerTime {
    /// How far it is ahead of the clock here, in milliseconds.
    pub offset: i64,
    /// How long a message takes to the server, in milliseconds.
    pub lag: i64,
}

/// What happens in a client's life, beside messages and replies.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The session was lost and there is a new one. What was published in between is missing. [`Restored`](Self::Restored) and
    /// [`SubscriptionLost`](Self::SubscriptionLost) have told before what became of the subscriptions.
    SessionLost,
    /// In a new session, this was subscribed to again.
    Restored(Arc<str>),
    /// In a new session, the server refused to subscribe to this again: there is no such subscription any more.
    SubscriptionLost {
        /// What was subscribed to.
        channel: Arc<str>,
        /// What the server says.
        error: ServerError,
    },
    /// The connection was lost and made again, within the session: messages that were on their way may be missing.
    Gap,
    /// The client speaks with the server in another way.
    TransportChanged {
        /// The way so far.
        from: ConnectionType,
        /// The way from now on.
        to: ConnectionType,
    },
    /// The server refused a handshake or a connect. What happens next is what it advises.
    Refused(ServerError),
    /// Other credentials could not be found.
    NotAuthenticated(String),
    /// The server broke the protocol.
    Violation(String),
    /// Nobody took these events in time, and so many were dropped.
    Missed(u64),
}

impl hub::Item for Event {
    fn missed(count: u64) -> Self {
        Self::Missed(count)
    }
}
