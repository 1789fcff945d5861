//! What a handshake made.

use alloc::string::String;

use crate::time::Instant;

/// What a handshake made: it outlives connections.
#[derive(Debug)]
pub(super) struct Session {
    /// Its name.
    pub(super) client_id: String,
    /// The connection types in common with the server, one bit for each place in the options.
    pub(super) offered: u32,
    /// Whether a connect of it was ever answered well.
    pub(super) is_proven: bool,
    /// Whether the last connect was answered well.
    pub(super) is_connected: bool,
    /// Since when there was no connection.
    pub(super) lost: Option<Instant>,
    /// Whether anything was sent in it.
    pub(super) is_used: bool,
    /// Messages may have been lost, and nobody was told.
    pub(super) has_gap: bool,
    /// Whether the server sends messages again until they are acknowledged.
    pub(super) acks: bool,
    /// The last batch that came whole.
    pub(super) batch: i64,
    /// Whether the server understands replay ids.
    pub(super) replays: bool,
}
