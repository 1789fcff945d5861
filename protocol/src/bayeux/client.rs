//! A client's whole life.

mod credentials;
mod event;
mod ext;
mod frame;
mod life;
mod machine;
mod meta;
mod open;
mod options;
mod receive;
mod requests;
mod send;
mod session;
mod status;
mod subscriptions;

use alloc::{boxed::Box, collections::VecDeque, string::String, sync::Arc, vec::Vec};
use core::time::Duration;

pub use event::{ClientEvent, CommandError, Outcome};
pub use frame::{Frame, Kind};
pub use options::{ClientOptions, ConnectionType, Replay};
pub use requests::RequestId;
pub use status::{Ending, Fault, State, Status};

use self::{
    ext::{replay::Positions, timesync::Timesync},
    open::{Exchange, Open},
    requests::{Purpose, Requests, Wait},
    session::Session,
    subscriptions::Subscriptions,
};
use crate::{
    backoff::Backoff,
    bayeux::{
        Advice, Message,
        channel::{check_loosely, is_meta, is_service},
    },
    json::Json,
    machine::Output,
    reason::Reason,
    time::Instant,
};

/// What a request may say besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras<'a> {
    /// The members of the message's `ext`, as a JSON object. What a subscription was made with goes with it when it is made again.
    pub ext: Option<&'a str>,
    /// Takes the place of [`ClientOptions::request_timeout`].
    pub timeout: Option<Duration>,
    /// Subscriptions: the replay id after which to begin; takes the place of the one that is remembered.
    pub replay: Option<i64>,
}

/// A client of a Bayeux server: one session after another, over one connection after another.
///
/// While there is no session or no connection, requests wait, at most [`ClientOptions::max_pending`] of them and each for its
/// own time; what was sent over a connection that is lost then ends as [`Outcome::Unknown`], and is never sent again.
#[derive(Debug)]
pub struct Client<J: Json> {
    options: ClientOptions,
    backoff: Backoff,
    now: Instant,
    phase: Phase<J>,
    attempt: u32,
    /// The place of the connection type that is in use or tried.
    way: usize,
    /// The one over which the server was heard last.
    heard_way: Option<usize>,
    /// Connection types over which the server was heard, one bit for each.
    proven: u32,
    /// Connection types that could not be opened.
    failed: u32,
    /// Attempts that failed since the last connection that lasted.
    failures: u32,
    session: Option<Session>,
    /// The number of the session, or of the next one.
    session_number: u32,
    /// A session was lost, and nobody was told.
    has_lost_session: bool,
    advice: Advice,
    requests: Requests,
    /// Replies to requests that wait for other credentials.
    held: Vec<(RequestId, Message<J>)>,
    subscriptions: Subscriptions,
    positions: Positions,
    timesync: Timesync,
    last_wire: u64,
    last_payload: u32,
    /// Batches that have begun and not ended.
    batches: u32,
    is_suspended: bool,
    /// Until when the application may renew its credentials.
    renewal: Option<Instant>,
    /// Credentials were renewed, and no handshake or connect went well since.
    is_renewed: bool,
    closing: Option<Closing>,
    ever_connected: bool,
    last_fault: Option<Fault>,
    last_connect: Option<Message<J>>,
    outputs: VecDeque<Output<Frame, ClientEvent<J>>>,
}

#[derive(Debug)]
enum Phase<J: Json> {
    Disconnected,
    Ended(Ending),
    Waiting { until: Instant },
    Opening { since: Instant },
    Open(Box<Open<J>>),
}

/// The application wants no session any more.
#[derive(Debug)]
struct Closing {
    /// Until when the server may reply.
    until: Instant,
    /// What the disconnect is called on the wire; zero before it is sent.
    wire: u64,
    payload: u32,
}

impl<J: Json> Client<J> {
    /// A client that is not open yet.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        Self {
            backoff: Backoff::new(
                options.min_retry_delay,
                options.max_retry_delay,
                options.seed,
            ),
            now: Instant::default(),
            phase: Phase::Disconnected,
            attempt: 0,
            way: 0,
            heard_way: None,
            proven: 0,
            failed: 0,
            failures: 0,
            session: None,
            session_number: 0,
            has_lost_session: false,
            advice: options.advice.clone(),
            requests: Requests::default(),
            held: Vec::new(),
            subscriptions: Subscriptions::default(),
            positions: Positions::default(),
            timesync: Timesync::default(),
            last_wire: 0,
            last_payload: 0,
            batches: 0,
            is_suspended: false,
            renewal: None,
            is_renewed: false,
            closing: None,
            ever_connected: false,
            last_fault: None,
            last_connect: None,
            outputs: VecDeque::new(),
            options,
        }
    }

    /// Makes a session and connects. Nothing is subscribed to.
    ///
    /// # Errors
    ///
    /// Where it is open.
    pub fn open(&mut self, now: Instant) -> Result<(), CommandError> {
        if !matches!(self.phase, Phase::Disconnected | Phase::Ended(_)) {
            return Err(CommandError::Open);
        }
        self.begin(now);
        Ok(())
    }

    /// Ends the session: tells the server, and waits for its reply for at most [`ClientOptions::disconnect_timeout`]. Asked
    /// once more it waits no longer. What waits to be sent never will be.
    pub fn close(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Disconnected | Phase::Ended(_)) {
            return;
        }
        // Where there is no connection nobody can be told.
        let is_open = matches!(self.phase, Phase::Open(_)) && self.has_session();
        if self.closing.is_some() || !is_open {
            return self.finish(Phase::Disconnected);
        }
        self.closing = Some(Closing {
            until: now + self.options.disconnect_timeout,
            wire: 0,
            payload: 0,
        });
        self.end_requests(&|wait| matches!(wait, Wait::Turn | Wait::Credentials));
        self.tell(ClientEvent::Status);
        self.advance(now);
    }

    /// Publishes `data`, a JSON text, on a broadcast or service channel.
    ///
    /// # Errors
    ///
    /// Where it is not sent, and never will be.
    pub fn publish(
        &mut self,
        channel: &str,
        data: &str,
        extras: Extras<'_>,
        now: Instant,
    ) -> Result<RequestId, CommandError> {
        self.request(Purpose::Publish, channel, data, extras, now)
    }

    /// As [`publish`](Self::publish), on a service channel, and waits for the server's application to answer: the reply has its
    /// `data`.
    ///
    /// # Errors
    ///
    /// Where it is not sent, and never will be.
    pub fn call(
        &mut self,
        channel: &str,
        data: &str,
        extras: Extras<'_>,
        now: Instant,
    ) -> Result<RequestId, CommandError> {
        if !is_service(channel) {
            return Err(CommandError::Service);
        }
        self.request(Purpose::Call, channel, data, extras, now)
    }

    /// Subscribes to a channel or pattern. Who listens is the shell's business: this is one request to the server.
    ///
    /// # Errors
    ///
    /// Where it is not sent, and never will be.
    pub fn subscribe(
        &mut self,
        channel: &str,
        extras: Extras<'_>,
        now: Instant,
    ) -> Result<RequestId, CommandError> {
        let is_new = |it: &&requests::Pending| it.purpose == Purpose::Subscribe;
        let count = self.subscriptions.len() + self.requests.iter().filter(is_new).count();
        if count >= self.options.max_subscriptions {
            return Err(CommandError::Full);
        }
        self.request(Purpose::Subscribe, channel, "", extras, now)
    }

    /// Ends a subscription.
    ///
    /// # Errors
    ///
    /// Where it is not sent, and never will be.
    pub fn unsubscribe(
        &mut self,
        channel: &str,
        extras: Extras<'_>,
        now: Instant,
    ) -> Result<RequestId, CommandError> {
        self.request(Purpose::Unsubscribe, channel, "", extras, now)
    }

    fn request(
        &mut self,
        purpose: Purpose,
        channel: &str,
        data: &str,
        extras: Extras<'_>,
        now: Instant,
    ) -> Result<RequestId, CommandError> {
        if matches!(self.phase, Phase::Disconnected | Phase::Ended(_)) || self.closing.is_some() {
            return Err(CommandError::Closed);
        }
        check_loosely(channel).map_err(CommandError::Channel)?;
        if is_meta(channel) {
            return Err(CommandError::Meta);
        }
        let size = channel.len() + data.len() + extras.ext.map_or(0, str::len);
        if size > self.options.max_message_size {
            return Err(CommandError::Large);
        }
        if self.requests.len() >= self.options.max_pending
            || self.requests.size() + size > self.options.max_pending_size
        {
            return Err(CommandError::Full);
        }
        let timeout = extras.timeout.or(self.options.request_timeout);
        let ext = extras.ext.map(String::from);
        let pending = self.requests.add(purpose, channel.into(), data.into(), ext);
        pending.deadline = timeout.map(|timeout| now + timeout);
        pending.replay = extras.replay;
        let id = pending.id;
        self.advance(now);
        Ok(id)
    }

    /// Forgets a request: nobody waits for its end any more. Where it was not sent yet it never will be.
    pub fn abandon(&mut self, id: RequestId) {
        let patience = self.now + self.options.max_network_delay;
        if let Some(pending) = self.requests.find_mut(id) {
            if pending.is_under_way() {
                pending.is_abandoned = true;
                pending.deadline = Some(pending.deadline.map_or(patience, |it| it.min(patience)));
            } else {
                self.requests.remove(id);
            }
        }
    }

    /// From here on requests wait, to go together once as many batches have ended as begun.
    pub const fn begin_batch(&mut self) {
        self.batches = self.batches.saturating_add(1);
    }

    /// Ends what [`begin_batch`](Self::begin_batch) began.
    pub fn end_batch(&mut self, now: Instant) {
        self.batches = self.batches.saturating_sub(1);
        self.advance(now);
    }

    /// While suspended and connected no further connect is sent: over long-polling, and with acknowledgements, the server
    /// delivers no more messages but those that replies bring along. Replies come all the same. The session ends if it lasts.
    pub fn suspend(&mut self, suspended: bool, now: Instant) {
        self.is_suspended = suspended;
        self.advance(now);
    }

    /// The members of the `ext` of handshakes from now on, as a JSON object.
    pub fn set_handshake_ext(&mut self, ext: Option<String>) {
        self.options.handshake_ext = ext;
    }

    /// What a clock on the wall shows now: the time since 1970 in UTC. Timestamps and the server's time need it.
    pub fn set_wall_clock(&mut self, since_1970: Duration, now: Instant) {
        self.timesync.set(since_1970, now);
    }

    /// Leaves the connection, where there is one, and makes another at once, within the same session. What was sent and not
    /// answered ends as [`Outcome::Unknown`].
    pub fn reconnect(&mut self, now: Instant) {
        if self.closing.is_none() && !matches!(self.phase, Phase::Disconnected | Phase::Ended(_)) {
            self.leave(Reason::CUT);
            self.end_under_way();
            self.connect(now);
        }
    }

    /// Where the client is in its life.
    #[must_use]
    pub fn status(&self) -> Status {
        let is_connected = self.session.as_ref().is_some_and(|it| it.is_connected);
        let next_retry = match &self.phase {
            Phase::Waiting { until } => Some(*until),
            Phase::Open(open) if !is_connected => match open.exchange {
                Exchange::Due(at) => Some(at),
                _ => None,
            },
            _ => None,
        };
        let queued = self.requests.queued();
        Status {
            state: match self.phase {
                Phase::Disconnected => State::Disconnected,
                Phase::Ended(_) => State::Ended,
                _ if self.closing.is_some() => State::Disconnecting,
                _ if is_connected => State::Connected,
                _ => State::Connecting,
            },
            connection_type: self.way,
            retries: self.failures,
            next_retry,
            ever_connected: self.ever_connected,
            in_flight: self.requests.len() - queued,
            queued,
            last_fault: self.last_fault,
            ending: match self.phase {
                Phase::Ended(ending) => Some(ending),
                _ => None,
            },
        }
    }

    /// The way to the server that is in use, while there is a session.
    #[must_use]
    pub fn connection_type(&self) -> Option<&ConnectionType> {
        self.session.as_ref()?;
        self.options.connection_types.get(self.way)
    }

    /// The session's name, while there is one.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.session.as_ref().map(|session| &*session.client_id)
    }

    /// What is subscribed to, as the server said; after the loss of a session, what will be again.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Arc<str>> {
        self.subscriptions.iter().map(|it| &it.channel)
    }

    /// What the server advises, over the defaults.
    #[must_use]
    pub const fn advice(&self) -> &Advice {
        &self.advice
    }

    /// The reply to the last connect: why a client has ended, mostly.
    #[must_use]
    pub const fn last_connect(&self) -> Option<&Message<J>> {
        self.last_connect.as_ref()
    }

    /// How far the server's clock is ahead of the one on the wall, in milliseconds. Zero until the server said its time.
    #[must_use]
    pub const fn time_offset(&self) -> i64 {
        self.timesync.offset
    }

    /// How long a message takes to the server, in milliseconds. Zero until the server said its time.
    #[must_use]
    pub const fn network_lag(&self) -> i64 {
        self.timesync.lag
    }

    /// What the server's clock shows: the time since 1970 in UTC. `None` without a clock on the wall.
    #[must_use]
    pub fn server_time(&self, now: Instant) -> Option<Duration> {
        self.timesync.server_time(now)
    }

    const fn has_session(&self) -> bool {
        self.session.is_some()
    }

    fn tell(&mut self, event: ClientEvent<J>) {
        self.outputs.push_back(Output::Event(event));
    }
}
