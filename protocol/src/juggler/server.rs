//! One connection of a server.

mod options;
mod requests;

use alloc::{collections::VecDeque, string::String, sync::Arc};

pub use options::ServerOptions;

use self::requests::Requests;
use super::{
    budget::{Budget, RequestBudget},
    link::Link,
    message::{Request, refusal, response},
    segment::Sealed,
};
use crate::{
    json::{Malformed, Value, mend},
    machine::{Input, Machine, Output},
    rate::Rate,
    reason::Reason,
    time::Instant,
};

/// What a server's application is told of a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerEvent {
    /// Answer this with [`Server::respond`].
    Request(Request<Value>),
    /// The socket is ready for the state: encode the diff and pass it to [`Server::mirror`], or nothing
    /// where the two are equal. Whoever serves many connections encodes each pair once.
    Diff {
        /// What the client holds.
        from: Level,
        /// What it is to hold.
        to: Level,
        /// Whether this is the first diff of a connection that goes on where another one ended: it is sent even
        /// where the two are equal.
        is_resumed: bool,
    },
    /// The connection is over.
    Closed(Reason),
}

/// One of the server's states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Level {
    /// The state.
    pub value: Value,
    /// Its number, where states are counted.
    pub version: Option<u64>,
}

impl From<Value> for Level {
    /// A state that is not counted.
    fn from(value: Value) -> Self {
        Self {
            value,
            version: None,
        }
    }
}

impl Level {
    /// Whether both are the same for whoever encodes the way from one to another.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let same = self.value.is_same(&other.value);
        self.version == other.version && (same || (self.value.is_null() && other.value.is_null()))
    }
}

/// A server's end of one connection. `F` is a text in the form in which the socket takes it.
///
/// State is a level, not a queue: [`set_state`](Self::set_state) says what the client is to hold, and when
/// the socket is ready the difference to what it holds is asked for. A slow client gets fewer and larger
/// diffs, never a backlog.
#[derive(Debug)]
pub struct Server<F> {
    options: ServerOptions,
    link: Link<String, F>,
    rate: Option<Rate>,
    /// Since when the socket takes nothing.
    blocked: Option<Instant>,
    /// What the client holds once everything that was handed out is sent.
    sent: Level,
    /// What it is to hold.
    target: Level,
    /// Whether the client goes on from a state of another connection and has not been told so.
    is_resuming: bool,
    step: Step,
    /// States that were set so far.
    revision: u64,
    /// The revision that the step leads to.
    asked: u64,
    /// The newest revision that is handed out whole.
    handed_out: u64,
    requests: Requests,
    /// Why the connection is closed once its requests are answered.
    retiring: Option<Reason>,
    closed: Option<Reason>,
    outputs: VecDeque<Output<F, ServerEvent>>,
}

/// Where the diff is that leads from what the client holds to what it was to hold when it was asked for.
/// There is one at a time: the next one begins where this one ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// There is none.
    None,
    /// It was asked for and is to be passed back.
    Asked,
    /// It is the first in the queue.
    Queued,
    /// Some of its segments are sent.
    Begun,
}

/// The send queue is full. Wait until [`Server::has_room`], then try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

const STRANGE: &str = "the request has half of a surrogate pair, which is no character, or a number that is too large";
const BUSY: &str = "too many requests in progress: wait for a response first";

impl<F: From<String> + AsRef<[u8]> + Clone> Server<F> {
    /// The socket opened just now.
    #[must_use]
    pub fn new(options: ServerOptions, now: Instant) -> Self {
        Self {
            link: Link::new(options.assembly.clone(), options.keepalive.clone(), now),
            rate: options
                .max_inbound_rate
                .map(|rate| Rate::new(rate, options.max_inbound_burst, now)),
            options,
            blocked: None,
            sent: Level::default(),
            target: Level::default(),
            is_resuming: false,
            step: Step::None,
            revision: 0,
            asked: 0,
            handed_out: 0,
            requests: Requests::default(),
            retiring: None,
            closed: None,
            outputs: VecDeque::new(),
        }
    }

    /// Takes what half a message holds off what all connections together may hold.
    pub fn share(&mut self, budget: Arc<Budget>) {
        self.link.share(budget);
    }

    /// Takes what pending requests hold off what those of all connections together may hold; one that passes it is
    /// refused, as one that passes the connection's own bounds. To be called before the first comes.
    pub fn share_requests(&mut self, budget: Arc<RequestBudget>) {
        self.requests.share(budget);
    }

    /// The client is to hold this state.
    pub fn set_state(&mut self, state: impl Into<Level>) {
        self.target = state.into();
        self.revision += 1;
    }

    /// The client holds this state already, from another connection. To be called before anything was sent.
    pub fn resume(&mut self, state: Level) {
        self.sent = state;
        self.is_resuming = true;
    }

    /// How many states were set so far.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether everything up to this [`revision`](Self::revision) is handed to the socket.
    #[must_use]
    pub fn is_handed_out(&self, revision: u64) -> bool {
        revision <= self.handed_out || (self.step == Step::None && !self.is_behind())
    }

    /// The answer to [`ServerEvent::Diff`]: the message, or `None` where there is no difference.
    pub fn mirror(&mut self, message: Option<Sealed<F>>) {
        if let Some(message) = message {
            self.step = Step::Queued;
            self.link.send_first(message);
        } else {
            self.step = Step::None;
            self.handed_out = self.asked;
        }
    }

    /// Answers a request: what it came to, or what went wrong.
    pub fn respond(&mut self, id: i64, result: Result<&Value, &Value>) {
        self.requests.end(id);
        self.answer(id, result);
        self.start_requests();
    }

    /// Sends a notification, or any other message that was encoded before.
    ///
    /// # Errors
    ///
    /// [`Full`] where as many messages wait as [`ServerOptions::send_queue_size`] allows.
    pub fn notify(&mut self, message: Sealed<F>) -> Result<(), Full> {
        if !self.has_room() {
            return Err(Full);
        }
        self.link.send(message);
        Ok(())
    }

    /// Closes the connection.
    pub fn close(&mut self, reason: Reason) {
        if self.closed.is_none() {
            self.outputs.push_back(Output::Close { attempt: 0, reason });
            self.end(reason);
        }
    }

    /// Closes the connection once the requests that came are answered and the socket took everything that is queued.
    /// Nothing more is wanted from the client: what it asks from here on is lost with the connection, and not
    /// refused, so that it knows that it may ask again.
    pub const fn retire(&mut self, reason: Reason) {
        if self.retiring.is_none() {
            self.retiring = Some(reason);
        }
    }

    /// Whether the send queue takes another message.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.link.queued() < self.options.send_queue_size
            && self.link.queued_bytes() < self.options.send_queue_bytes
    }

    /// Whether the shell is to read on: there is room for an answer, the client is not too fast, and the connection
    /// is not about to be closed.
    #[must_use]
    pub fn wants_input(&self) -> bool {
        let paused = self.rate.as_ref().and_then(Rate::pause).is_some();
        !paused && self.retiring.is_none() && self.has_room()
    }

    /// Whether everything up to the last state that was set is handed to the socket.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.is_handed_over() && !self.is_behind()
    }

    /// Whether no message is on its way to the socket.
    fn is_handed_over(&self) -> bool {
        self.step == Step::None && self.link.is_between() && self.link.queued() == 0
    }

    fn is_behind(&self) -> bool {
        let (target, sent) = (&self.target.value, &self.sent.value);
        let same = target.is_same(sent);
        self.is_resuming || (!same && (target.is_container() || target != sent))
    }

    fn answer(&mut self, id: i64, result: Result<&Value, &Value>) {
        if self.closed.is_none() {
            self.link
                .send(response(id, result).seal(self.options.max_segment_size));
        }
    }

    fn take_text(&mut self, text: String, now: Instant) -> Result<(), Reason> {
        let is_part = text.starts_with('1');
        if let Some(rate) = self.rate.as_mut().filter(|_| !is_part) {
            rate.count(now);
        }
        let Some(text) = self.link.receive(text, now)? else {
            return Ok(());
        };
        let (message, is_strange) = match self.parse(&text) {
            Ok(message) => (message, false),
            Err(_) => {
                let mended = mend(&text).ok_or(Reason::NOT_JSON)?;
                let message = self.parse(&mended).map_err(|_| Reason::NOT_JSON)?;
                (message, true)
            }
        };
        let request = Request::<Value>::read(&message)?;
        if is_strange {
            self.answer(request.id, Err(&STRANGE.into()));
        } else if let Err(request) = self.requests.push(request, text.len(), &self.options) {
            let refusal = refusal(request.id, &BUSY.into());
            self.link.send(refusal.seal(self.options.max_segment_size));
        }
        self.start_requests();
        Ok(())
    }

    fn parse(&self, text: &str) -> Result<Value, Malformed> {
        let mut limits = self.options.json.clone();
        // The message is one level around the data.
        limits.depth += 1;
        Value::parse(text, &limits)
    }

    fn start_requests(&mut self) {
        while let Some(request) = self.requests.next(&self.options) {
            // An echo keeps its place among the others.
            if request.name.is_empty() {
                self.answer(request.id, Ok(&request.data));
            } else {
                self.outputs
                    .push_back(Output::Event(ServerEvent::Request(request)));
            }
        }
    }

    fn tick(&mut self, now: Instant) -> Result<(), Reason> {
        if let Some(rate) = &mut self.rate {
            rate.tick(now);
        }
        if self
            .drained_by()
            .is_some_and(|drained_by| drained_by <= now)
        {
            return Err(Reason::SLOW);
        }
        self.link.tick(now)
    }

    /// Why the connection is to be closed now, where it is. To be asked before anything more is handed out: what was
    /// before is taken by then, or the socket is blocked.
    fn retired(&self) -> Option<Reason> {
        let is_done = self.requests.is_empty() && self.is_handed_over() && self.blocked.is_none();
        self.retiring.filter(|_| is_done)
    }

    /// When the socket has to take something again.
    fn drained_by(&self) -> Option<Instant> {
        Some(self.blocked? + self.options.write_timeout?)
    }

    fn end(&mut self, reason: Reason) {
        self.closed = Some(reason);
        self.requests.clear();
        self.outputs
            .push_back(Output::Event(ServerEvent::Closed(reason)));
    }
}

impl<F: From<String> + AsRef<[u8]> + Clone> Machine for Server<F> {
    type Text = String;
    type Frame = F;
    type Event = ServerEvent;

    fn handle(&mut self, input: Input<String>, now: Instant) {
        if self.closed.is_some() {
            return;
        }
        let handled = match input {
            Input::Text { text, .. } => self.take_text(text, now),
            Input::Binary { .. } => Err(Reason::BINARY),
            Input::Malformed { reason, .. } => Err(reason),
            Input::Closed { .. } => {
                self.end(Reason::GOING_AWAY);
                Ok(())
            }
            Input::Writable(writable) => {
                self.blocked = if writable {
                    None
                } else {
                    self.blocked.or(Some(now))
                };
                Ok(())
            }
            Input::Tick => self.tick(now),
            Input::Opened { .. } | Input::Online => Ok(()),
        };
        if let Err(reason) = handled {
            self.close(reason);
        } else if let Some(reason) = self.retired() {
            self.close(reason);
        }
    }

    fn poll(&mut self) -> Option<Output<F, ServerEvent>> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if self.closed.is_some() || self.blocked.is_some() {
            return None;
        }
        if let Some(frame) = self.link.poll_keepalive() {
            return Some(Output::Send { attempt: 0, frame });
        }
        // An answer may tell of the state that the diff leads to: it waits.
        if self.step == Step::Asked {
            return None;
        }
        if self.step == Step::None && self.link.is_between() && self.is_behind() {
            self.step = Step::Asked;
            self.asked = self.revision;
            let to = self.target.clone();
            let from = core::mem::replace(&mut self.sent, to.clone());
            let is_resumed = core::mem::take(&mut self.is_resuming);
            return Some(Output::Event(ServerEvent::Diff {
                from,
                to,
                is_resumed,
            }));
        }
        let frame = self.link.poll_segment()?;
        if self.step != Step::None {
            self.step = Step::Begun;
            if self.link.is_between() {
                self.step = Step::None;
                self.handed_out = self.asked;
            }
        }
        Some(Output::Send { attempt: 0, frame })
    }

    fn deadline(&self) -> Option<Instant> {
        if self.closed.is_some() {
            return None;
        }
        if self.retired().is_some() {
            return Some(Instant::default());
        }
        let pause = self.rate.as_ref().and_then(Rate::pause);
        [self.link.deadline(), pause, self.drained_by()]
            .into_iter()
            .flatten()
            .min()
    }
}
