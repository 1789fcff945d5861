//! The contract between the rules and the shells that run them.

use alloc::string::String;

use crate::{json::Text, reason::Reason, time::Instant};

/// One end of a connection, without I/O.
///
/// There are four kinds of methods, here and on every type that implements this:
///
/// - **inputs**: [`handle`](Self::handle) takes what happened, and when;
/// - **commands**: plain methods (`request`, `notify`, `close`) take what the application wants;
/// - **outputs**: [`poll`](Self::poll) gives what has to be done next, [`deadline`](Self::deadline) when to
///   come back at the latest;
/// - **getters** tell and change nothing.
///
/// **The driving rule**: after any input or command, poll to `None`, then sleep until the deadline. A shell
/// is this loop:
///
/// 1. take one input or command, and the time;
/// 2. pass it to the machine;
/// 3. poll; carry the output out while nothing of the machine is borrowed; again, until there is none;
/// 4. if the deadline is another than the timer is set to, set the timer;
/// 5. when the timer fires, pass [`Input::Tick`]; early and repeated ticks do nothing;
/// 6. go on at 1.
///
/// Outputs come in the order in which they were caused. They are polled, not returned, so that the code
/// that an output calls may call back into the machine.
pub trait Machine {
    /// A text as the network hands it over.
    type Text: Text;
    /// A text as the network takes it.
    type Frame;
    /// What the application is told.
    type Event;

    /// Takes what happened.
    fn handle(&mut self, input: Input<Self::Text>, now: Instant);

    /// What has to be done next; `None` where there is nothing until the next input or command.
    fn poll(&mut self) -> Option<Output<Self::Frame, Self::Event>>;

    /// When [`Input::Tick`] is due if nothing else happens before; `None` for never.
    fn deadline(&self) -> Option<Instant>;
}

/// What happened to a connection.
///
/// Whatever concerns a socket carries the number of the attempt that made it, so that a late event of an
/// older socket is ignored. A server's connection has the one attempt `0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<T> {
    /// The socket is open.
    Opened {
        /// The socket's attempt.
        attempt: u32,
    },
    /// A text message came.
    Text {
        /// The socket's attempt.
        attempt: u32,
        /// The whole WebSocket message.
        text: T,
    },
    /// A binary message came.
    Binary {
        /// The socket's attempt.
        attempt: u32,
    },
    /// What came is no WebSocket message, or a larger one than is taken.
    Malformed {
        /// The socket's attempt.
        attempt: u32,
        /// What is wrong with it.
        reason: Reason,
    },
    /// The socket is closed, or could not be opened.
    Closed {
        /// The socket's attempt.
        attempt: u32,
        /// The close code; 1006 where there was none.
        code: u16,
    },
    /// The socket can take another message, or, with `false`, cannot.
    Writable(bool),
    /// The network seems to be back: do not wait any longer.
    Online,
    /// Time went by.
    Tick,
}

/// What a shell has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<F, E> {
    /// Open a socket.
    Connect {
        /// The number of this attempt; its events carry it.
        attempt: u32,
        /// Which of the configured addresses to try.
        address: usize,
        /// What the address's query is to say besides.
        query: Option<String>,
    },
    /// Send a text message.
    Send {
        /// The socket's attempt.
        attempt: u32,
        /// The message.
        frame: F,
    },
    /// Close the socket. Its events do not matter any more.
    Close {
        /// The socket's attempt.
        attempt: u32,
        /// Why.
        reason: Reason,
    },
    /// Tell the application.
    Event(E),
}

/// `address` with `query` added to its own.
#[must_use]
pub fn with_query(address: &str, query: &str) -> String {
    let mut whole = String::with_capacity(address.len() + query.len() + 1);
    whole.push_str(address);
    whole.push(if address.bytes().any(|byte| byte == b'?') {
        '&'
    } else {
        '?'
    });
    whole.push_str(query);
    whole
}
