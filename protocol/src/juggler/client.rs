//! A client's whole life.

mod event;
mod machine;
mod mirror;
mod open;
mod options;
mod requests;
mod status;

use alloc::{boxed::Box, collections::VecDeque, string::String};
use core::time::Duration;

pub use event::{ClientEvent, RequestError};
pub use options::ClientOptions;
pub use requests::Outcome;
pub use status::{Fault, State, Status};

use self::{
    mirror::Mirror,
    open::Open,
    requests::{Requests, Wait},
};
use super::{
    message::{ServerMessage, request},
    segment::Sealed,
};
use crate::{
    backoff::Backoff,
    json::{Field, Json, Text},
    machine::Output,
    reason::Reason,
    time::Instant,
};

/// A connection that lasted this long in sync has proved itself: what went wrong before is forgotten.
const SETTLED: Duration = Duration::from_secs(5);

/// A client of a Juggler server: one mirrored state, over one socket after another.
#[derive(Debug)]
pub struct Client<J: Json> {
    options: ClientOptions,
    backoff: Backoff,
    attempt: u32,
    /// Which address the next attempt goes to.
    next_address: usize,
    phase: Phase<J::Text>,
    /// The last state of an older connection, until the first one of the new connection.
    kept: J,
    mirror: Mirror<J>,
    /// The life of the server in which requests may be sent again.
    repeat_in: Option<String>,
    requests: Requests,
    violations: u32,
    ever_connected: bool,
    /// A socket was open once, and notifications may have come over it.
    ever_open: bool,
    last_fault: Option<Fault>,
    outputs: VecDeque<Output<String, ClientEvent<J>>>,
}

#[derive(Debug)]
enum Phase<T> {
    Connecting { since: Instant },
    Open(Box<Open<T>>),
    Waiting { until: Instant },
    Closed,
    Failed,
}

impl<J: Json> Client<J> {
    /// A client that connects at once.
    #[must_use]
    pub fn new(options: ClientOptions, now: Instant) -> Self {
        let mut client = Self {
            backoff: Backoff::new(
                options.min_retry_delay,
                options.max_retry_delay,
                options.seed,
            ),
            attempt: 0,
            next_address: 0,
            phase: Phase::Closed,
            kept: J::null(),
            mirror: Mirror::new(options.state.clone()),
            repeat_in: None,
            requests: Requests::default(),
            violations: 0,
            ever_connected: false,
            ever_open: false,
            last_fault: None,
            outputs: VecDeque::new(),
            options,
        };
        client.connect(now);
        client
    }

    /// The mirrored state: the same value until it changes, and never changing itself. `null` until there was
    /// one; after a loss the last one, until the first one of the new connection.
    pub fn state(&mut self) -> J {
        match &mut self.phase {
            Phase::Open(open) if open.synced.is_some() => self.mirror.share(),
            _ => self.kept.clone(),
        }
    }

    /// Where the client is in its life.
    #[must_use]
    pub fn status(&self) -> Status {
        let in_sync = matches!(&self.phase, Phase::Open(open) if open.synced.is_some());
        let next_retry = match self.phase {
            Phase::Waiting { until } => Some(until),
            _ => None,
        };
        let state = match self.phase {
            Phase::Closed => State::Closed,
            Phase::Failed => State::Failed,
            _ if in_sync => State::Connected,
            _ if self.ever_connected => State::Stale,
            _ => State::Connecting,
        };
        Status {
            state,
            retries: self.backoff.failures(),
            next_retry,
            ever_connected: self.ever_connected,
            in_flight: self.requests.len(),
            last_fault: self.last_fault,
        }
    }

    /// Containers copied so far so that no state that was handed out changes, where the carrier counts it.
    pub fn copies(&self) -> u64 {
        self.mirror.copies()
    }

    /// Sends a request: `ask` is what [`message::ask`](super::message::ask) writes. Its end is a
    /// [`ClientEvent::Response`] with the id that is returned. Before the first connection it waits for that. `timeout`
    /// takes the place of [`ClientOptions::request_timeout`].
    ///
    /// Where it has a key (`is_keyed`), and the server counts its states, a loss of the connection is not its end: it is
    /// sent again over the next one, if that leads to the same life of the server within
    /// [`ClientOptions::repeat_within`]. The server carries it out once.
    ///
    /// # Errors
    ///
    /// Where it is not sent, and never will be.
    pub fn request(
        &mut self,
        ask: &str,
        is_keyed: bool,
        timeout: Option<Duration>,
        now: Instant,
    ) -> Result<i64, RequestError> {
        match &self.phase {
            Phase::Closed | Phase::Failed => return Err(RequestError::Closed),
            Phase::Connecting { .. } | Phase::Waiting { .. } if self.ever_connected => {
                return Err(RequestError::Disconnected);
            }
            _ if self.requests.len() >= self.options.max_pending => {
                return Err(RequestError::Full);
            }
            _ => {}
        }
        let deadline = timeout
            .or(self.options.request_timeout)
            .map(|timeout| now + timeout);
        let id = self.requests.next_id();
        let message = request(id, ask).seal(self.options.max_segment_size);
        match &mut self.phase {
            Phase::Open(open) => {
                if is_keyed {
                    self.repeat_in = self.mirror.epoch();
                }
                let until = (is_keyed && self.repeat_in.is_some())
                    .then(|| now + self.options.repeat_within);
                open.link.send(Sealed::clone(&message));
                self.requests.insert(id, deadline, message, until);
            }
            _ => self.requests.queue(id, deadline, message),
        }
        Ok(id)
    }

    /// Forgets a request: nobody waits for its response any more. The server may carry it out all the same.
    pub fn abandon(&mut self, id: i64) {
        self.requests.remove(id);
    }

    /// Requests that wait to be sent.
    #[must_use]
    pub fn queued(&self) -> usize {
        match &self.phase {
            Phase::Open(open) => open.link.queued(),
            _ => self.requests.len(),
        }
    }

    /// There are so many addresses from now on. The next attempt begins with the first of them; a connection
    /// that stands is kept.
    pub const fn set_addresses(&mut self, addresses: usize) {
        self.options.addresses = addresses;
        self.next_address = 0;
    }

    /// Leaves the connection, where there is one, and makes another at once.
    pub fn reconnect(&mut self, now: Instant) {
        self.cut(now);
        if matches!(self.phase, Phase::Waiting { .. }) {
            self.connect(now);
        }
    }

    /// Closes for good. Requests in progress end as [`Outcome::Closed`].
    pub fn close(&mut self) {
        if matches!(self.phase, Phase::Closed | Phase::Failed) {
            return;
        }
        self.kept = self.state();
        self.leave(Reason::NORMAL);
        self.phase = Phase::Closed;
        self.end_requests(|_| Outcome::Closed);
        self.tell(ClientEvent::Status);
    }

    /// Drops the connection as a fault of the network would.
    pub fn cut(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Open(_) | Phase::Connecting { .. }) {
            self.lose(Fault::Closed(Reason::CUT), now);
        }
    }

    fn connect(&mut self, now: Instant) {
        let address = self.next_address % self.options.addresses.max(1);
        self.next_address = address + 1;
        self.attempt = self.attempt.wrapping_add(1);
        self.phase = Phase::Connecting { since: now };
        self.outputs.push_back(Output::Connect {
            attempt: self.attempt,
            address,
            query: self.mirror.query(),
        });
        self.tell(ClientEvent::Status);
    }

    fn open(&mut self, now: Instant) {
        let mut open = Open::new(&self.options, now);
        self.requests
            .take(Wait::Connection, Wait::Response)
            .for_each(|message| open.link.send(message));
        self.phase = Phase::Open(Box::new(open));
        if core::mem::replace(&mut self.ever_open, true) {
            self.tell(ClientEvent::Gap);
        }
    }

    /// Tells the socket to close, where there is one.
    fn leave(&mut self, reason: Reason) {
        if matches!(self.phase, Phase::Open(_) | Phase::Connecting { .. }) {
            self.outputs.push_back(Output::Close {
                attempt: self.attempt,
                reason,
            });
        }
    }

    /// The connection, or the attempt at one, came to an end that nobody wanted.
    fn lose(&mut self, fault: Fault, now: Instant) {
        self.kept = self.state();
        if let Phase::Open(open) = &self.phase
            && open
                .synced
                .is_some_and(|synced| now.since(synced) >= SETTLED)
        {
            self.backoff.reset();
            self.violations = 0;
        }
        self.leave(match fault {
            Fault::Lost(_) => Reason::GOING_AWAY,
            Fault::Closed(reason) => reason,
            Fault::Patch(_) => Reason::BAD_PATCH,
        });
        self.last_fault = Some(fault);
        if fault.is_violation() {
            // What went wrong may be in the mirror.
            self.mirror.forget();
            self.violations += 1;
            self.tell(ClientEvent::Violation(fault));
        }
        let wait = self.backoff.fail();
        let given_up = self.violations >= self.options.max_violations || self.is_enough(fault);
        self.phase = if given_up {
            Phase::Failed
        } else {
            Phase::Waiting { until: now + wait }
        };
        if !given_up {
            self.requests.hold(now);
        }
        self.end_requests(|wait| {
            let waits = matches!(wait, Wait::Connection | Wait::Repetition);
            (given_up || !waits).then_some(Outcome::Lost)
        });
        self.tell(ClientEvent::Status);
    }

    /// Whether the application wants no further attempt, after one that ended by `fault`.
    fn is_enough(&self, fault: Fault) -> bool {
        if self.ever_connected {
            !self.options.reconnect && fault != Fault::Closed(Reason::CUT)
        } else {
            let attempts = self.options.first_attempts;
            attempts.is_some_and(|attempts| self.backoff.failures() >= attempts)
        }
    }

    /// Sends again what was sent over the last connection, where this one leads to the same life of the server.
    fn repeat(&mut self) {
        if let Phase::Open(open) = &mut self.phase
            && self.repeat_in.is_some()
            && self.repeat_in == self.mirror.epoch()
        {
            self.requests
                .take(Wait::Repetition, Wait::LateResponse)
                .for_each(|message| open.link.send(message));
        }
        self.end_requests(|wait| (wait == Wait::Repetition).then_some(Outcome::Lost));
    }

    /// Ends the requests for which `end` has an outcome; it is told what each waits for.
    fn end_requests<E: Into<Option<Outcome<J>>>>(&mut self, end: impl Fn(Wait) -> E) {
        for (id, outcome) in self.requests.end(|wait| end(wait).into()) {
            self.tell(ClientEvent::Response { id, outcome });
        }
    }

    fn take_text(&mut self, text: J::Text, now: Instant) -> Result<(), Fault> {
        let Phase::Open(open) = &mut self.phase else {
            return Ok(());
        };
        let Some((message, text)) = open.receive(text, &self.options.state, now)? else {
            return Ok(());
        };
        match ServerMessage::read(&message).map_err(Fault::Closed)? {
            ServerMessage::State { diff, version } => {
                let is_first = !core::mem::replace(&mut open.has_begun, true);
                if is_first {
                    self.mirror.begin(&message).map_err(Fault::Closed)?;
                }
                let applied = self.mirror.apply(&diff, &text, version);
                let applied = applied.map_err(Fault::Patch)?;
                if is_first {
                    self.repeat();
                }
                self.sync(now);
                self.tell(ClientEvent::Change {
                    operations: applied.operations,
                    length: text.len(),
                });
            }
            ServerMessage::Response { id, success, data } => {
                if let Some(is_repeated) = self.requests.remove(id) {
                    let is_unhandled = || message.field(Field::Unhandled).is_some();
                    let outcome = if success {
                        Outcome::Done(data)
                    } else if is_repeated && is_unhandled() {
                        // What became of it when it came first is unknown.
                        Outcome::Lost
                    } else {
                        Outcome::Refused(data)
                    };
                    self.tell(ClientEvent::Response { id, outcome });
                }
            }
            ServerMessage::Notify { name, data } => self.tell(ClientEvent::Notify { name, data }),
        }
        Ok(())
    }

    /// The mirror is the server's state from now on.
    fn sync(&mut self, now: Instant) {
        if let Phase::Open(open) = &mut self.phase
            && open.synced.is_none()
        {
            open.synced = Some(now);
            self.kept = J::null();
            self.ever_connected = true;
            self.tell(ClientEvent::Status);
        }
    }

    fn tick(&mut self, now: Instant) {
        for id in self.requests.expire(now) {
            self.tell(ClientEvent::Response {
                id,
                outcome: Outcome::TimedOut,
            });
        }
        match &mut self.phase {
            Phase::Connecting { since } if *since + self.options.connect_timeout <= now => {
                self.lose(Fault::Closed(Reason::CONNECT_TIMEOUT), now);
            }
            Phase::Waiting { until } if *until <= now => self.connect(now),
            Phase::Open(open) => {
                if let Err(reason) = open.link.tick(now) {
                    self.lose(Fault::Closed(reason), now);
                } else if open
                    .sync_deadline(self.options.sync_timeout)
                    .is_some_and(|it| it <= now)
                {
                    self.mirror.hide();
                    self.repeat();
                    self.sync(now);
                    self.tell(ClientEvent::Change {
                        operations: 0,
                        length: 0,
                    });
                }
            }
            _ => {}
        }
    }

    fn tell(&mut self, event: ClientEvent<J>) {
        self.outputs.push_back(Output::Event(event));
    }
}
