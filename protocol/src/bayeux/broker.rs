//! [`Broker`]: a server's end of all its connections.

mod event;
mod options;
mod parcel;
mod peer;
mod request;
mod slab;

use alloc::{collections::VecDeque, sync::Arc};

pub use event::{BrokerEvent, Cause, Output};
pub use options::{BrokerOptions, ChannelOptions, Overflow, TransportOptions};
pub use parcel::{Delivery, Parcel};
pub use peer::{Caller, PeerId, SessionId, Transport, Turn};
pub use request::{Call, Denial, Effect, Place, Question, Request, Verdict, Welcome};

use self::slab::{Key, Slab};
use super::{Channel, Message, Pattern};
use crate::{
    json::{Object, Value},
    time::Instant,
};

#[derive(Debug)]
pub struct Broker<P, F> {
    options: BrokerOptions,
    peers: Slab<P>,
    outputs: VecDeque<Output<P>>,
    frame: Option<F>,
}

impl<P: Clone, F: Default> Broker<P, F> {
    /// A broker without sessions.
    #[must_use]
    pub fn new(options: BrokerOptions) -> Self {
        Self {
            options,
            peers: Slab::default(),
            outputs: VecDeque::new(),
            frame: None,
        }
    }
    /// What it is bound by.
    #[must_use]
    pub const fn options(&self) -> &BrokerOptions {
        &self.options
    }
    /// Tells what the wall clock shows at a moment, in milliseconds since 1970. To be said at the beginning, and again now and then, since clocks are set.
    pub fn set_clock(&mut self, unix_millis: u64, now: Instant) {}
    /// There is a new connection.
    pub fn attach(&mut self, peer: P, transport: Transport, caller: Caller) -> PeerId {
        PeerId(self.peers.insert(peer))
    }
    /// A connection is over. What it was given and did not deliver goes back to its session.
    pub fn detach(&mut self, peer: PeerId, now: Instant) {}
    /// A payload of so many messages came.
    pub fn begin(&mut self, peer: PeerId, count: usize, now: Instant) -> Turn {
        Turn { peer, number: 0 }
    }
    /// Looks at the next message of a payload.
    pub fn examine(&mut self, turn: &Turn, message: Message<Value>, now: Instant) -> Request {
        Request {
            message,
            session: None,
            question: Question::Nothing,
            kind: request::Kind::Handshake,
            received: 0,
        }
    }
    /// Carries a message out, and writes its reply.
    pub fn carry_out(
        &mut self,
        turn: &Turn,
        request: Request,
        verdict: Verdict,
        now: Instant,
    ) -> Effect {
        Effect::Done
    }
    /// A payload is carried out, or given up half-way: what it came to is sent.
    pub fn finish(&mut self, turn: Turn, now: Instant) {}
    /// Answers a message to a service channel: a remote call. Returns whether its session is still there.
    pub fn answer(&mut self, call: &Call, result: Result<Value, Value>, now: Instant) -> bool {
        false
    }
    /// Sends a message to everyone who subscribed to its channel; on behalf of a session, where it is one's. Service channels are never broadcast.
    pub fn publish(
        &mut self,
        from: Option<SessionId>,
        channel: &Channel,
        data: &Value,
        now: Instant,
    ) {
    }
    /// Sends a message to one session, whether it subscribed or not. Returns whether it is there.
    pub fn deliver(
        &mut self,
        session: SessionId,
        channel: &Channel,
        data: &Value,
        now: Instant,
    ) -> bool {
        false
    }
    /// Ends a session, and tells its client. Returns whether it was there.
    pub fn disconnect(&mut self, session: SessionId, now: Instant) -> bool {
        false
    }
    /// Opens a session of a local client at a peer of [`Transport::Local`]. It is never swept. `None` where the name is taken, or the peer is none of those.
    pub fn open_local(
        &mut self,
        peer: PeerId,
        welcome: Welcome,
        now: Instant,
    ) -> Option<SessionId> {
        None
    }
    /// Subscribes a session, without asking anybody. Returns whether it did: not where a bound is reached.
    pub fn subscribe(&mut self, session: SessionId, pattern: &Pattern, now: Instant) -> bool {
        false
    }
    /// Ends a subscription. Returns whether there was one.
    pub fn unsubscribe(&mut self, session: SessionId, pattern: &Pattern) -> bool {
        false
    }
    /// Holds back what is for a session until [`end_batch`](Self::end_batch) was called as often.
    pub fn begin_batch(&mut self, session: SessionId) {}
    /// Ends what [`begin_batch`](Self::begin_batch) began.
    pub fn end_batch(&mut self, session: SessionId, now: Instant) {}
    /// What differs from the options for a session.
    pub fn configure_session(&mut self, session: SessionId, options: TransportOptions) {}
    /// What the application noted about a session, by name.
    #[must_use]
    pub fn attributes(&self, session: SessionId) -> Option<&Object> {
        None
    }
    /// The same, to be changed.
    pub fn attributes_mut(&mut self, session: SessionId) -> Option<&mut Object> {
        None
    }
    /// The session of this name.
    #[must_use]
    pub fn find(&self, client_id: &str) -> Option<SessionId> {
        None
    }
    /// A session's secret name.
    #[must_use]
    pub fn client_id(&self, session: SessionId) -> Option<&Arc<str>> {
        None
    }
    /// All sessions.
    pub fn sessions(&self) -> impl Iterator<Item = SessionId> {
        core::iter::empty()
    }
    /// What a session subscribed to.
    pub fn subscriptions(&self, session: SessionId) -> impl Iterator<Item = &Pattern> {
        core::iter::empty()
    }
    /// Who subscribed to a pattern, to the letter.
    pub fn subscribers(&self, pattern: &Pattern) -> impl Iterator<Item = SessionId> {
        core::iter::empty()
    }
    /// All channels and patterns that exist.
    pub fn channels(&self) -> impl Iterator<Item = &Pattern> {
        core::iter::empty()
    }
    /// Says what holds for the channels that a pattern matches. Returns whether it did: not where there are too many channels.
    pub fn configure(&mut self, pattern: &Pattern, options: ChannelOptions) -> bool {
        false
    }
    /// Removes a channel or pattern: everybody who subscribed to it does not any more. Returns whether it was there.
    pub fn remove_channel(&mut self, pattern: &Pattern) -> bool {
        false
    }
    /// Answers every connect that is held, each with how long the client is to wait before the next one: the server goes away.
    pub fn release(&mut self, interval: impl FnMut() -> core::time::Duration, now: Instant) {}
    /// What a peer is sent next. A shell that was woken collects, sends, says [`delivered`](Self::delivered), and so on until there is nothing.
    pub fn collect(&mut self, peer: PeerId, now: Instant) -> Option<Parcel<F>> {
        None
    }
    /// So many messages of the last parcel, from its first on, are written: should the connection break before the rest is, they are not sent again. Optional.
    pub fn progressed(&mut self, peer: PeerId, deliveries: usize, now: Instant) {}
    /// All of the last parcel is written.
    pub fn delivered(&mut self, peer: PeerId, now: Instant) {}
    /// What has to be done next. A shell that called anything else asks until there is nothing.
    pub fn poll(&mut self) -> Option<Output<P>> {
        self.outputs.pop_front()
    }
    /// Time went by.
    pub fn tick(&mut self, now: Instant) {}
    /// When [`tick`](Self::tick) is due at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        None
    }
}
