//! [`Peer`]: one connection of the shell.

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use super::{Delivery, reply::Opening, slab::Key};
use crate::{bayeux::Batch, reason::Reason, time::Instant};

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

/// One connection of the shell.
#[derive(Debug)]
pub(super) struct Peer<P, F> {
    pub(super) handle: P,
    pub(super) transport: Transport,
    pub(super) caller: Arc<Caller>,
    /// The sessions that follow this socket, or spoke in this request.
    pub(super) sessions: Vec<SessionId>,
    pub(super) turn: Option<Box<OpenTurn>>,
    /// Handshakes whose replies are to be written.
    pub(super) openings: Vec<Opening>,
    pub(super) first: Batch,
    pub(super) replies: Batch,
    pub(super) cargo: Cargo<F>,
    /// What is being written.
    pub(super) writing: Option<Written>,
    pub(super) is_joined: bool,
    pub(super) is_woken: bool,
    /// Whether it came too early for what there is.
    pub(super) is_put_off: bool,
    /// Whether the request can be answered.
    pub(super) is_complete: bool,
    pub(super) close: Option<Reason>,
}

/// What goes with a peer's next parcel.
#[derive(Debug)]
pub(super) struct Cargo<F> {
    pub(super) deliveries: Vec<Arc<Delivery<F>>>,
    pub(super) written: Written,
}

/// Whom it concerns that a parcel is written.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Whose messages are in it, in order.
    pub(super) loans: Vec<(SessionId, usize)>,
    /// Whose connects and handshakes it answers.
    pub(super) answered: Vec<SessionId>,
}

impl<F> Default for Cargo<F> {
    fn default() -> Self {
        Self {
            deliveries: Vec::new(),
            written: Written::default(),
        }
    }
}

impl<F> Cargo<F> {
    /// Adds messages of a session.
    pub(super) fn load(
        &mut self,
        session: SessionId,
        messages: impl ExactSizeIterator<Item = Arc<Delivery<F>>>,
    ) {
        let count = messages.len();
        self.deliveries.extend(messages);
        match self.written.loans.last_mut() {
            Some((last, before)) if *last == session => *before += count,
            _ => self.written.loans.push((session, count)),
        }
    }

    /// Takes out what is of a session.
    pub(super) fn unload(&mut self, session: SessionId) {
        let loans = core::mem::take(&mut self.written.loans);
        let mut at = 0;
        for (owner, count) in loans {
            if owner == session {
                self.deliveries.drain(at..at + count);
            } else {
                at += count;
                self.written.loans.push((owner, count));
            }
        }
    }
}

/// A payload that is being carried out.
#[derive(Debug)]
pub(super) struct OpenTurn {
    pub(super) number: u64,
    /// Whether it is of one message.
    pub(super) is_alone: bool,
    pub(super) since: Instant,
    /// The sessions that wait for its end.
    pub(super) sessions: Vec<SessionId>,
}

impl<P, F> Peer<P, F> {
    /// Whether what it is sent, or is going to be, answers a connect or handshake of a session.
    pub(super) fn answers(&self, session: SessionId) -> bool {
        let written = self.writing.iter().chain([&self.cargo.written]);
        let mut answered = written.flat_map(|written| &written.answered);
        answered.any(|answered| *answered == session)
    }

    pub(super) fn new(handle: P, transport: Transport, caller: Caller) -> Self {
        Self {
            handle,
            transport,
            caller: Arc::new(caller),
            sessions: Vec::new(),
            turn: None,
            openings: Vec::new(),
            first: Batch::default(),
            replies: Batch::default(),
            cargo: Cargo::default(),
            writing: None,
            is_joined: false,
            is_woken: false,
            is_put_off: false,
            is_complete: false,
            close: None,
        }
    }
}
