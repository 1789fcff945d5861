//! [`Peer`]: one connection of the shell.

use alloc::sync::Arc;

use super::slab::Key;

/// A connection: a socket, one HTTP request, or a local client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub(super) Key);

/// A session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(super) Key);

/// What a connection is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// A socket: messages are pushed.
    WebSocket,
    /// One HTTP request: one parcel, and it is over.
    LongPolling,
    /// One HTTP request by which a page loads a script.
    CallbackPolling,
    /// A client in the server's process.
    Local,
}

impl Transport {
    /// Whether a connection is one request.
    #[must_use]
    pub const fn is_polling(self) -> bool {
        matches!(self, Self::LongPolling | Self::CallbackPolling)
    }
}

/// Who is at the other end of a connection, as far as the shell knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The value of the browser's cookie. A session that was made with one is for that browser only.
    pub browser: Option<Arc<str>>,
    /// The authenticated user. A session is for the one who made it only.
    pub principal: Option<Arc<str>>,
    /// Where it comes from, to count sessions by.
    pub address: Option<Arc<str>>,
}

/// A payload that is being carried out. A shell finishes each one, whatever happens meanwhile: what its effects
/// are to be sent waits for that.
#[derive(Debug)]
#[must_use = "what a payload came to is sent when it is finished"]
pub struct Turn {
    pub(super) peer: PeerId,
    pub(super) number: u64,
}

impl Turn {
    /// Whose payload it is.
    #[must_use]
    pub const fn peer(&self) -> PeerId {
        self.peer
    }
}
