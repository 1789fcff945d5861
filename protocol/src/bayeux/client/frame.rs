//! What a client hands to the network.

use alloc::string::String;

/// What a client hands to the network: one payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is about: a URL may end with it, and a connect needs a request of its own.
    pub kind: Kind,
    /// Its number, which is what [`Client::denied`](super::Client::denied) asks for.
    pub payload: u32,
    /// The messages: a JSON array.
    pub text: String,
}

/// What a payload is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A handshake, alone.
    Handshake,
    /// A connect, alone: the server may hold it for long.
    Connect,
    /// A disconnect, alone.
    Disconnect,
    /// Everything else.
    Other,
}

impl Kind {
    /// What a URL ends with behind a slash, where it is to say what the payload is about.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Connect => "connect",
            Self::Disconnect => "disconnect",
            Self::Other => "",
        }
    }
}
