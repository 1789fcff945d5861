//! [`Activity`]: when sessions end that do nothing but connect.

use core::time::Duration;

/// When sessions end that do nothing but connect. It is looked at whenever one connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// What counts.
    pub kind: ActivityKind,
    /// How long nothing may happen.
    pub max_inactivity: Duration,
}

/// What counts as activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivityKind {
    /// Messages from the client, apart from `/meta/connect`.
    Client,
    /// Those, and messages to the client, apart from replies to `/meta/connect`.
    ClientServer,
}
