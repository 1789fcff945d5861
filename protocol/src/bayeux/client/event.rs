//! What a client's application is told.

use alloc::{sync::Arc, vec::Vec};
use core::fmt;

use super::{Ending, Fault, RequestId};
use crate::{
    bayeux::{ChannelError, Message, Meta},
    json::Json,
};

/// What a client's application is told.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientEvent<J: Json> {
    /// [`Client::status`](super::Client::status) changed.
    Status,
    /// A message.
    Message {
        /// The message.
        message: Message<J>,
        /// The subscriptions that it matches; none where the server sent it unasked.
        subscriptions: Vec<Arc<str>>,
    },
    /// A request came to its end.
    Reply {
        /// What the command returned.
        id: RequestId,
        /// The end.
        outcome: Outcome<J>,
    },
    /// The server refused a handshake or a connect. What happens next is what its advice says.
    Refused {
        /// Which of them.
        meta: Meta,
        /// The reply.
        reply: Message<J>,
    },
    /// In a new session this subscription was made again.
    Restored(Arc<str>),
    /// In a new session this subscription was refused: there is none any more.
    Dropped {
        /// What was subscribed to.
        channel: Arc<str>,
        /// The server's reply.
        reply: Message<J>,
    },
    /// The session was lost and there is a new one, with each subscription restored or dropped: messages in between are lost.
    SessionLost,
    /// Connected again, within the same session: messages that were under way may be lost.
    Gap,
    /// The way to the server is another one.
    TransportChanged {
        /// The place in [`ClientOptions::connection_types`](super::ClientOptions::connection_types) of the one so far.
        from: usize,
        /// The place of the one from now on.
        to: usize,
    },
    /// The server wants other credentials. [`Client::authenticated`](super::Client::authenticated) is to be called once they are
    /// there.
    Authenticate,
    /// The server broke the protocol.
    Violation(Fault),
    /// There will be no further attempt.
    Ended(Ending),
}

/// How a request ended. Each request ends once.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<J: Json> {
    /// The server carried it out; this is its reply, or the result of a call.
    Done(Message<J>),
    /// The server did not carry it out; this is its reply.
    Refused(Message<J>),
    /// The connection was lost or closed. Whether the server carried it out is unknown.
    Unknown,
    /// There was no reply in time. Whether the server carried it out is unknown.
    TimedOut,
    /// It was never sent: its time was up before there was a connection, or the client was closed.
    Unsent,
}

/// Why a command was not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// The client is open.
    Open,
    /// The client is closed, closing, or has ended.
    Closed,
    /// As many requests as [`ClientOptions::max_pending`](super::ClientOptions::max_pending) allows have no end, or as many
    /// subscriptions as [`ClientOptions::max_subscriptions`](super::ClientOptions::max_subscriptions) allows are there.
    Full,
    /// The request has more bytes than [`ClientOptions::max_message_size`](super::ClientOptions::max_message_size) allows.
    Large,
    /// The channel is none.
    Channel(ChannelError),
    /// Nothing can be published to, and nobody can subscribe to, a channel of the protocol's own.
    Meta,
    /// Remote calls go to channels below `/service`.
    Service,
}

impl fmt::Display for CommandError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Open => "the client is open: close it before it is opened again",
            Self::Closed => "the client is closed: open it first",
            Self::Full => "too many requests or subscriptions: wait until some have ended",
            Self::Large => "the message is too big: send less at once",
            Self::Channel(error) => return error.fmt(out),
            Self::Meta => "channels below /meta are the protocol's own: choose another",
            Self::Service => "a remote call goes to a channel below /service",
        })
    }
}

impl core::error::Error for CommandError {}
