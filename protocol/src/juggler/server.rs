//! One connection of a server.

use alloc::{collections::VecDeque, string::String};

use super::{
    keepalive::KeepaliveOptions,
    link::Link,
    message::{Request, response},
    segment::{AssemblyLimits, MAX_SEGMENT_SIZE, Sealed},
};
use crate::{
    json::{Limits, Value},
    machine::{Input, Machine, Output},
    reason::Reason,
    time::Instant,
};

/// What a server's connections are bound by.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerOptions {
    /// Bytes of UTF-8 in a segment's payload; default 65,536.
    pub max_segment_size: usize,
    /// The keep-alive; default 30 s of silence, then 30 s for an answer.
    pub keepalive: KeepaliveOptions,
    /// Whether requests of one connection are handled at once, instead of one after another in order;
    /// default no.
    pub parallel_requests: bool,
    /// Requests of one connection that are handled or wait to be; one more is refused at once. Default 64.
    pub max_pending_requests: usize,
    /// Messages that wait to be sent; with as many, nothing more is read from the client and
    /// [`Server::notify`] is refused. Default 1,024.
    pub send_queue_size: usize,
    /// How large a client's message may be; default 4 MiB in 4,096 segments.
    pub assembly: AssemblyLimits,
    /// How deep a client's data may be nested (default 100), and how many values it may have (100,000).
    pub json: Limits,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            max_segment_size: MAX_SEGMENT_SIZE,
            keepalive: KeepaliveOptions::default(),
            parallel_requests: false,
            max_pending_requests: 64,
            send_queue_size: 1_024,
            assembly: AssemblyLimits::default(),
            json: Limits {
                nodes: 100_000,
                ..Limits::default()
            },
        }
    }
}

/// What a server's application is told of a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerEvent {
    /// Answer this with [`Server::respond`].
    Request(Request<Value>),
    /// The socket is ready for the state: encode the diff and pass it to [`Server::mirror`], or nothing
    /// where the two are equal. Whoever serves many connections encodes each pair once.
    Diff {
        /// What the client holds.
        from: Value,
        /// What it is to hold.
        to: Value,
    },
    /// The connection is over.
    Closed(Reason),
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
    writable: bool,
    /// What the client holds once everything that was handed out is sent.
    sent: Value,
    /// What it is to hold.
    target: Value,
    step: Step,
    waiting: VecDeque<Request<Value>>,
    running: usize,
    closed: Option<Reason>,
    outputs: VecDeque<Output<F, ServerEvent>>,
}

/// Where the diff is that leads from what the client holds to what it was to hold when it was asked for.
/// There is one at a time: the next one begins where this one ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// There is none, or it is being sent.
    None,
    /// It was asked for and is to be passed back.
    Asked,
    /// It is the first in the queue.
    Queued,
}

/// The send queue is full. Wait until [`Server::has_room`], then try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl<F: From<String> + Clone> Server<F> {
    /// The socket opened just now.
    #[must_use]
    pub fn new(options: ServerOptions, now: Instant) -> Self {
        Self {
            link: Link::new(options.assembly.clone(), options.keepalive.clone(), now),
            options,
            writable: true,
            sent: Value::Null,
            target: Value::Null,
            step: Step::None,
            waiting: VecDeque::new(),
            running: 0,
            closed: None,
            outputs: VecDeque::new(),
        }
    }

    /// The client is to hold this state.
    pub fn set_state(&mut self, state: Value) {
        self.target = state;
    }

    /// The answer to [`ServerEvent::Diff`]: the message, or `None` where there is no difference.
    pub fn mirror(&mut self, message: Option<Sealed<F>>) {
        self.step = Step::None;
        if let Some(message) = message {
            self.step = Step::Queued;
            self.link.send_first(message);
        }
    }

    /// Answers a request: what it came to, or what went wrong.
    pub fn respond(&mut self, id: i64, result: Result<&Value, &Value>) {
        self.running = self.running.saturating_sub(1);
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

    /// Whether the send queue takes another message. While it does not, the shell reads nothing more.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.link.queued() < self.options.send_queue_size
    }

    /// Whether everything up to the last state that was set is handed to the socket.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.step == Step::None
            && self.link.is_between()
            && self.link.queued() == 0
            && !self.is_behind()
    }

    fn is_behind(&self) -> bool {
        let same = self.target.is_same(&self.sent);
        !same && (self.target.is_container() || self.target != self.sent)
    }

    fn answer(&mut self, id: i64, result: Result<&Value, &Value>) {
        if self.closed.is_none() {
            self.link
                .send(response(id, result).seal(self.options.max_segment_size));
        }
    }

    fn take_text(&mut self, text: String, now: Instant) -> Result<(), Reason> {
        let Some(message) = self.link.receive(text, now)? else {
            return Ok(());
        };
        let mut limits = self.options.json.clone();
        // The message is one level around the data.
        limits.depth += 1;
        let message = Value::parse(&message, &limits).map_err(|_| Reason::NOT_JSON)?;
        let request = Request::<Value>::read(&message)?;
        if request.name.is_empty() {
            self.answer(request.id, Ok(&request.data));
        } else if self.waiting.len() + self.running >= self.options.max_pending_requests {
            let busy = Value::from("too many requests in progress: wait for a response first");
            self.answer(request.id, Err(&busy));
        } else {
            self.waiting.push_back(request);
            self.start_requests();
        }
        Ok(())
    }

    fn start_requests(&mut self) {
        while self.options.parallel_requests || self.running == 0 {
            let Some(request) = self.waiting.pop_front() else {
                break;
            };
            self.running += 1;
            self.outputs
                .push_back(Output::Event(ServerEvent::Request(request)));
        }
    }

    fn end(&mut self, reason: Reason) {
        self.closed = Some(reason);
        self.waiting.clear();
        self.outputs
            .push_back(Output::Event(ServerEvent::Closed(reason)));
    }
}

impl<F: From<String> + Clone> Machine for Server<F> {
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
                self.writable = writable;
                Ok(())
            }
            Input::Tick => self.link.tick(now),
            Input::Opened { .. } | Input::Online => Ok(()),
        };
        if let Err(reason) = handled {
            self.close(reason);
        }
    }

    fn poll(&mut self) -> Option<Output<F, ServerEvent>> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        if self.closed.is_some() || !self.writable {
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
            let to = self.target.clone();
            let from = core::mem::replace(&mut self.sent, to.clone());
            return Some(Output::Event(ServerEvent::Diff { from, to }));
        }
        self.step = Step::None;
        let frame = self.link.poll_segment()?;
        Some(Output::Send { attempt: 0, frame })
    }

    fn deadline(&self) -> Option<Instant> {
        if self.closed.is_some() {
            None
        } else {
            self.link.deadline()
        }
    }
}
