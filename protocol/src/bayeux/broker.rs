//! [`Broker`]: a server's end of all its connections.
//!
//! | module | what it knows |
//! | --- | --- |
//! | `turn`, `handshake`, `connect`, `subscribe`, `publish` | what comes in, and what it does |
//! | `outbound` | what goes out, and what becomes of it when a connection breaks |
//! | `clock` | what time brings |
//! | `session`, `queue`, `channels`, `peer` | what is kept |
//! | `request`, `parcel`, `event`, `options` | what the shell says and hears |

mod channels;
mod clock;
mod connect;
mod event;
mod handshake;
mod options;
mod outbound;
mod parcel;
mod peer;
mod publish;
mod queue;
mod reply;
mod request;
mod session;
mod slab;
mod subscribe;
mod tally;
#[cfg(test)]
mod tests;
mod turn;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    vec::Vec,
};

pub use event::{BrokerEvent, Cause, Output};
pub use options::{BrokerOptions, ChannelOptions, Overflow, TransportOptions};
pub use parcel::{Delivery, Parcel};
pub use peer::{Caller, PeerId, SessionId, Transport, Turn};
pub use request::{Call, Denial, Effect, Place, Question, Request, Verdict, Welcome};
pub use session::SessionOptions;

use self::{
    channels::Channels,
    peer::Peer,
    session::Session,
    slab::{Key, Slab},
    tally::Tally,
};
use super::Pattern;
use crate::{json::Object, time::Instant};

/// A server's end of all its connections: sessions, what they subscribed to, and what waits for them.
///
/// `P` is how the shell knows a connection; it is cloned whenever there is something to be sent. `F` is what the shell
/// keeps with each message that goes to many: the frames that it made of it.
///
/// The shell keeps it behind one lock, and does everything slow outside: it reads JSON, asks policies, runs handlers,
/// writes. One payload goes like this:
///
/// 1. [`attach`](Self::attach) the connection: a socket, or the one request that polling makes of it;
/// 2. [`begin`](Self::begin) a payload;
/// 3. for each of its messages, one after another: [`examine`](Self::examine) it, ask whoever has to be asked about the
///    [`Question`], [`carry_out`](Self::carry_out) what was decided, and see to the [`Effect`];
/// 4. [`finish`](Self::finish) the payload, whatever happened, so that its effects are sent at once with its replies;
/// 5. [`poll`](Self::poll) to `None` after each of these and all other calls: wake connections, tell the application;
/// 6. a connection that was woken [`collect`](Self::collect)s a [`Parcel`], writes it, says that it is
///    [`delivered`](Self::delivered), and begins again, until there is nothing;
/// 7. [`detach`](Self::detach) the connection when it is over: what it did not deliver goes back to its sessions.
///
/// Somewhere a timer calls [`tick`](Self::tick) whenever the [`deadline`](Self::deadline) is there.
#[derive(Debug)]
pub struct Broker<P, F> {
    options: BrokerOptions,
    peers: Slab<Peer<P, F>>,
    sessions: Slab<Session<F>>,
    /// The sessions by their secret names.
    ids: BTreeMap<Arc<str>, SessionId>,
    channels: Channels<F>,
    /// Connects that are held, by browser.
    browsers: Tally,
    /// Sessions, by address.
    addresses: Tally,
    /// When sessions are to be looked at.
    alarms: BTreeSet<(Instant, Key)>,
    sweep_at: Option<Instant>,
    /// The latest moment that was heard of.
    now: Instant,
    /// What the wall clock showed at some moment, in milliseconds since 1970.
    clock: (u64, Instant),
    turns: u64,
    /// Publishes so far: each session is met by each of them once.
    marks: u64,
    /// Room for the sessions that a publish meets.
    met: Vec<(u32, bool)>,
    /// Whether a channel's messages are kept.
    replays: bool,
    replay_bytes: usize,
    outputs: VecDeque<Output<P>>,
}

impl<P: Clone, F: Default> Broker<P, F> {
    /// A broker without sessions.
    #[must_use]
    pub fn new(options: BrokerOptions) -> Self {
        Self {
            options,
            peers: Slab::default(),
            sessions: Slab::default(),
            ids: BTreeMap::new(),
            channels: Channels::default(),
            browsers: Tally::default(),
            addresses: Tally::default(),
            alarms: BTreeSet::new(),
            sweep_at: None,
            now: Instant::default(),
            clock: (0, Instant::default()),
            turns: 0,
            marks: 0,
            met: Vec::new(),
            replays: false,
            replay_bytes: 0,
            outputs: VecDeque::new(),
        }
    }

    /// What it is bound by.
    #[must_use]
    pub const fn options(&self) -> &BrokerOptions {
        &self.options
    }

    /// Tells what the wall clock shows at a moment, in milliseconds since 1970. To be said at the beginning, and again now
    /// and then, since clocks are set.
    pub const fn set_clock(&mut self, unix_millis: u64, now: Instant) {
        self.clock = (unix_millis, now);
    }

    /// What the wall clock shows.
    fn wall(&self, now: Instant) -> u64 {
        let (millis, at) = self.clock;
        millis.saturating_add(u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX))
    }

    /// There is a new connection.
    pub fn attach(&mut self, peer: P, transport: Transport, caller: Caller) -> PeerId {
        PeerId(self.peers.insert(Peer::new(peer, transport, caller)))
    }

    /// What has to be done next. A shell that called anything else asks until there is nothing.
    pub fn poll(&mut self) -> Option<Output<P>> {
        self.outputs.pop_front()
    }

    fn tell(&mut self, event: BrokerEvent) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Opens a session of a local client at a peer of [`Transport::Local`]. It lives until the peer is detached. `None` where
    /// the name is taken, or the peer is none of those.
    pub fn open_local(&mut self, at: PeerId, welcome: &Welcome, now: Instant) -> Option<SessionId> {
        self.now = self.now.max(now);
        let peer = self.peers.get(at.0)?;
        let is_local = peer.transport == Transport::Local;
        is_local.then(|| self.open(at, welcome, now))?
    }

    /// Holds back what is for a session until [`end_batch`](Self::end_batch) was called as often: a shell's guard does that.
    pub fn begin_batch(&mut self, session: SessionId) {
        if let Some(session) = self.sessions.get_mut(session.0) {
            session.batches += 1;
        }
    }

    /// Ends what [`begin_batch`](Self::begin_batch) began.
    pub fn end_batch(&mut self, session: SessionId, now: Instant) {
        self.now = self.now.max(now);
        if let Some(session) = self.sessions.get_mut(session.0) {
            session.batches = session.batches.saturating_sub(1);
        }
        self.flush(session, now);
    }

    /// Says what differs from the options for a session. The client learns of it with the next reply to a connect.
    pub fn configure_session(&mut self, session: SessionId, options: SessionOptions) {
        if let Some(session) = self.sessions.get_mut(session.0) {
            session.needs_advice |= session.own().transport != options.transport;
            session.options = Some(Box::new(options));
        }
    }

    /// What the application noted about a session, by name. Where a client says how long its messages take, that is `lag`,
    /// in milliseconds.
    #[must_use]
    pub fn attributes(&self, session: SessionId) -> Option<&Object> {
        Some(&self.sessions.get(session.0)?.attributes)
    }

    /// The same, to be changed.
    pub fn attributes_mut(&mut self, session: SessionId) -> Option<&mut Object> {
        Some(&mut self.sessions.get_mut(session.0)?.attributes)
    }

    /// The session of this name.
    #[must_use]
    pub fn find(&self, client_id: &str) -> Option<SessionId> {
        self.ids.get(client_id).copied()
    }

    fn has(&self, session: SessionId) -> bool {
        self.sessions.get(session.0).is_some()
    }

    /// A session's secret name.
    #[must_use]
    pub fn client_id(&self, session: SessionId) -> Option<&Arc<str>> {
        Some(&self.sessions.get(session.0)?.client_id)
    }

    /// Who shook hands for a session.
    #[must_use]
    pub fn caller(&self, session: SessionId) -> Option<&Caller> {
        Some(&self.sessions.get(session.0)?.caller)
    }

    /// What a session spoke through last.
    #[must_use]
    pub fn transport(&self, session: SessionId) -> Option<Transport> {
        Some(self.sessions.get(session.0)?.transport)
    }

    /// How many messages wait for a session, those that are on their way included.
    #[must_use]
    pub fn queued(&self, session: SessionId) -> usize {
        let session = self.sessions.get(session.0);
        session.map_or(0, |session| session.queue.len())
    }

    /// All sessions.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        self.sessions.iter().map(|(key, _)| SessionId(key))
    }

    /// All channels and patterns that exist.
    pub fn channels(&self) -> impl Iterator<Item = &Pattern> {
        self.channels.iter().filter_map(|node| node.name.as_ref())
    }

    /// Says what holds for the channels that a pattern matches, and creates it where it does not exist: it stays for as
    /// long as something holds there that is no default. Returns whether there was room.
    pub fn configure(&mut self, pattern: &Pattern, options: ChannelOptions) -> bool {
        let has_room = self.channels.len() < self.options.max_channels;
        if !has_room && self.channels.node(pattern).is_none() {
            return false;
        }
        self.replays |= options.replay > 0;
        let (node, is_new) = self.channels.ensure(pattern);
        node.options = options;
        self.channels.needs_sweep = true;
        if is_new {
            self.tell(BrokerEvent::ChannelAdded(pattern.clone()));
        }
        self.plan_sweep();
        true
    }

    /// Removes a channel or pattern: everybody who subscribed to it does not any more, and what was kept to be replayed is
    /// gone. Returns whether it was there.
    pub fn remove_channel(&mut self, pattern: &Pattern) -> bool {
        let Some(node) = self.channels.remove(pattern) else {
            return false;
        };
        self.replay_bytes -= node.ring.map_or(0, |ring| ring.bytes());
        for index in node.subscribers {
            let Some(session) = self.sessions.key(index).map(SessionId) else {
                continue;
            };
            if let Some(session) = self.sessions.at_mut(index) {
                session.subscriptions.retain(|other| other != pattern);
            }
            self.tell(BrokerEvent::Unsubscribed {
                session,
                pattern: pattern.clone(),
            });
        }
        self.tell(BrokerEvent::ChannelRemoved(pattern.clone()));
        true
    }
}
