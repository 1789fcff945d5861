//! Why a connection is closed.

use core::fmt;

/// A WebSocket close code with the text that goes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The code, as RFC 6455 and this protocol's own range number them.
    pub code: u16,
    /// What happened, in a few words for the other end's log.
    pub text: &'static str,
}

impl Reason {
    /// The application is done.
    pub const NORMAL: Self = Self::new(1000, "done");
    /// The other end is gone, or the page is left.
    pub const GOING_AWAY: Self = Self::new(1001, "going away");
    /// A binary message came where only text is spoken.
    pub const BINARY: Self = Self::new(1003, "binary messages are not understood");
    /// A text that is not JSON.
    pub const NOT_JSON: Self = Self::new(
        1007,
        "the message is not JSON, nested too deep or too large",
    );
    /// A message or its parts pass a limit.
    pub const TOO_BIG: Self = Self::new(1009, "the message is too big");
    /// The server shuts down, and it or another one can be connected to again.
    pub const RESTART: Self = Self::new(1012, "service restart");
    /// The other end went silent.
    pub const SILENT: Self = Self::new(4000, "nothing heard within the ping timeout");
    /// A socket did not open in time.
    pub const CONNECT_TIMEOUT: Self = Self::new(4001, "the connection did not open in time");
    /// The application cut the connection in order to see it come back.
    pub const CUT: Self = Self::new(4002, "cut on request");
    /// The state's diff does not apply here.
    pub const BAD_PATCH: Self = Self::new(4003, "the diff does not apply");
    /// The other end takes its messages too slowly.
    pub const SLOW: Self = Self::new(4008, "messages are taken too slowly");

    /// A reason of one's own.
    #[must_use]
    pub const fn new(code: u16, text: &'static str) -> Self {
        Self { code, text }
    }

    /// The other end broke the protocol.
    #[must_use]
    pub const fn protocol(text: &'static str) -> Self {
        Self::new(1002, text)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text)
    }
}
