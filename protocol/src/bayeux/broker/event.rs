//! What the application is told of sessions, subscriptions and queues.

use alloc::sync::Arc;

use super::SessionId;
use crate::bayeux::Pattern;

/// What a shell has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<P> {
    /// There is something to be [collected](super::Broker::collect) for this peer. It is said once, until it collects nothing.
    Wake(P),
    /// Tell the application.
    Event(BrokerEvent),
}

/// What happened in a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BrokerEvent {
    /// A handshake was successful.
    SessionAdded {
        /// The session.
        session: SessionId,
        /// Its secret name.
        client_id: Arc<str>,
    },
    /// A session is over.
    SessionRemoved {
        /// The session.
        session: SessionId,
        /// Its secret name.
        client_id: Arc<str>,
        /// Why.
        cause: Cause,
    },
    /// A channel or pattern came into being.
    ChannelAdded(Pattern),
    /// A channel or pattern is gone.
    ChannelRemoved(Pattern),
    /// A session subscribed to what it had not subscribed to.
    Subscribed {
        /// The session.
        session: SessionId,
        /// What it subscribed to.
        pattern: Pattern,
    },
    /// A session ended a subscription, or ended with it.
    Unsubscribed {
        /// The session.
        session: SessionId,
        /// What it had subscribed to.
        pattern: Pattern,
    },
    /// More waited for a session than may, and something was lost.
    Overflowed {
        /// The session.
        session: SessionId,
        /// How many messages.
        lost: usize,
    },
    /// The last connection of a session is gone; what is for it waits.
    Detached(SessionId),
    /// A connect is held. Only with [`BrokerOptions::detailed_events`](super::BrokerOptions::detailed_events).
    Suspended(SessionId),
    /// A held connect is answered. Only with detailed events.
    Resumed(SessionId),
    /// Something waits for a session for which nothing waited. Only with detailed events.
    Queued(SessionId),
    /// Nothing waits for a session any more. Only with detailed events.
    Drained(SessionId),
    /// A batch of messages was sent. Only with detailed events.
    BatchSent {
        /// The session.
        session: SessionId,
        /// The batch's number.
        batch: u64,
    },
    /// A client says that it has a batch and all before it. Only with detailed events.
    BatchReceived {
        /// The session.
        session: SessionId,
        /// The batch's number.
        batch: u64,
    },
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its client said so.
    Disconnected,
    /// The server's application said so.
    Dismissed,
    /// Its client did not connect again in time.
    Expired,
    /// Its client did nothing but connect for too long.
    Inactive,
    /// A message of its client was in processing for too long.
    Stuck,
    /// Too much waited for it.
    Overflow,
}
