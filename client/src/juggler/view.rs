//! What a client shows.

use std::time::Instant;

use mirrorball_protocol::{json::Value, juggler::client::State as ConnectionState};

use crate::ConnectionError;

/// What a client shows: state and status of one moment.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) state: Value,
    /// Rises with every change of the state; zero while there was none.
    pub(super) version: u64,
    pub(super) status: Status,
}

/// What an application may want to show of a connection.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// Where the client is in its life.
    pub state: ConnectionState,
    /// Attempts that failed since the last connection that lasted.
    pub retries: u32,
    /// When the next attempt begins, while the client waits for it.
    pub next_retry: Option<Instant>,
    /// Whether the mirror was in step with a server once.
    pub ever_connected: bool,
    /// What ended the last connection or attempt.
    pub last_error: Option<ConnectionError>,
}

impl Status {
    /// Whether nothing is going to change any more.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(
            self.state,
            ConnectionState::Closed | ConnectionState::Failed
        )
    }
}
