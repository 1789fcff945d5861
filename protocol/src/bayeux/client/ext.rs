//! Extensions, as a client knows them.

pub(super) mod replay;
pub(super) mod timesync;

use crate::json::Json;

/// The members that extensions name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name {
    Ack,
    Batch,
    Enabled,
    Event,
    Replay,
    ReplayId,
    Sent,
    Received,
    Spent,
    Timesync,
}

impl Name {
    const NAMES: &[&str] = &[
        "ack", "batch", "enabled", "event", "replay", "replayId", "tc", "ts", "p", "timesync",
    ];

    /// The member of `object`, where it is an object that has it.
    pub(super) fn of<J: Json>(self, object: &J) -> Option<J> {
        object.named(Self::NAMES, self as usize)
    }
}
