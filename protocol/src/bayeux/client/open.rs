//! A connection that stands.

use alloc::boxed::Box;

use crate::{bayeux::Message, json::Json, time::Instant};

/// A connection that stands.
#[derive(Debug)]
pub(super) struct Open<J: Json> {
    /// When anything came over it.
    pub(super) heard: Option<Instant>,
    /// Whether it can take another message.
    pub(super) is_writable: bool,
    /// Whether the server is to answer the next connect at once.
    pub(super) is_hasty: bool,
    /// Connects over it that were answered well.
    pub(super) connects: u32,
    /// The handshake or, once there is a session, the connect.
    pub(super) exchange: Exchange<J>,
}

/// Where the handshake or connect is.
#[derive(Debug)]
pub(super) enum Exchange<J: Json> {
    /// It is to be sent at this moment.
    Due(Instant),
    /// It was sent.
    Sent {
        wire: u64,
        payload: u32,
        /// When the reply is too late.
        until: Instant,
    },
    /// It was refused, and waits for other credentials.
    Denied(Box<Message<J>>),
}

impl<J: Json> Open<J> {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            heard: None,
            is_writable: true,
            is_hasty: true,
            connects: 0,
            exchange: Exchange::Due(now),
        }
    }

    /// Whether this is what the handshake or connect that was sent is called; a server that says nothing means it.
    pub(super) fn awaits(&self, id: Option<u64>) -> bool {
        matches!(self.exchange, Exchange::Sent { wire, .. } if id.is_none_or(|id| id == wire))
    }
}
