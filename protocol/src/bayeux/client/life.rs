//! From one connection to the next, and from one session to the next.

use alloc::{boxed::Box, string::String};
use core::time::Duration;

use super::{
    Client, ClientEvent, Ending, Exchange, Fault, Open, Outcome, Phase, Purpose, RequestId, Wait,
    requests::Pending,
};
use crate::{json::Json, machine::Output, reason::Reason, time::Instant};

impl<J: Json> Client<J> {
    /// The application opened it.
    pub(super) fn begin(&mut self, now: Instant) {
        self.backoff.reset();
        self.heard_way = None;
        self.proven = 0;
        self.failed = 0;
        self.failures = 0;
        self.way = 0;
        self.has_lost_session = false;
        self.advice = self.options.advice.clone();
        self.is_renewed = false;
        self.ever_connected = false;
        self.last_fault = None;
        self.last_connect = None;
        if self.options.connection_types.is_empty() {
            return self.end(Ending::NoTransport);
        }
        self.connect(now);
    }

    /// Makes the next attempt.
    pub(super) fn connect(&mut self, now: Instant) {
        if let Some(session) = &mut self.session {
            session.is_connected = false;
            session.has_gap |= session.is_used && !session.acks;
        }
        self.attempt = self.attempt.wrapping_add(1);
        self.phase = Phase::Opening { since: now };
        self.outputs.push_back(Output::Connect {
            attempt: self.attempt,
            address: self.way,
            query: None,
        });
        self.tell(ClientEvent::Status);
    }

    /// The attempt succeeded.
    pub(super) fn opened(&mut self, now: Instant) {
        self.phase = Phase::Open(Box::new(Open::new(now)));
        self.restore();
    }

    /// Tells the connection to close, where there is one.
    pub(super) fn leave(&mut self, reason: Reason) {
        if matches!(self.phase, Phase::Open(_) | Phase::Opening { .. }) {
            self.outputs.push_back(Output::Close {
                attempt: self.attempt,
                reason,
            });
        }
    }

    /// The connection, or the attempt at one, came to an end that nobody wanted.
    pub(super) fn lose(&mut self, fault: Fault, now: Instant) {
        let was_heard = match &self.phase {
            Phase::Open(open) => open.heard.is_some(),
            Phase::Opening { .. } => false,
            _ => return,
        };
        self.leave(match fault {
            Fault::Lost(_) => Reason::GOING_AWAY,
            Fault::Closed(reason) => reason,
        });
        // Until it is known what comes next.
        self.phase = Phase::Disconnected;
        self.last_fault = Some(fault);
        if fault.is_violation() {
            self.tell(ClientEvent::Violation(fault));
        }
        self.end_under_way();
        if self.closing.is_some() {
            return self.finish(Phase::Disconnected);
        }
        if let Some(session) = &mut self.session {
            session.is_connected = false;
            session.lost.get_or_insert(now);
        }
        let wait = if self.asks_for_credentials(fault, now) {
            self.options.authentication_timeout
        } else if self.choose_way(was_heard) {
            Duration::ZERO
        } else {
            self.fail()
        };
        if self.is_enough() {
            return self.end(Ending::GivenUp);
        }
        self.forget_session(now + wait);
        if wait.is_zero() {
            return self.connect(now);
        }
        self.phase = Phase::Waiting { until: now + wait };
        self.tell(ClientEvent::Status);
    }

    /// Counts a failure; returns how long to wait after it.
    pub(super) fn fail(&mut self) -> Duration {
        self.failures = self.failures.saturating_add(1);
        self.interval().saturating_add(self.backoff.fail())
    }

    /// How long the server wants every client to wait.
    pub(super) fn interval(&self) -> Duration {
        self.advice.interval.unwrap_or_default()
    }

    /// Whether the application wants no further attempt.
    pub(super) fn is_enough(&self) -> bool {
        let attempts = self.options.first_attempts;
        !self.ever_connected && attempts.is_some_and(|attempts| self.failures >= attempts)
    }

    /// Chooses the connection type of the next attempt; returns whether to try it at once.
    fn choose_way(&mut self, was_heard: bool) -> bool {
        let own = bit(self.way);
        if was_heard && !self.options.sticky {
            self.failed = 0;
            self.way = self.first_way().unwrap_or_default();
            return false;
        }
        if was_heard || self.options.sticky && self.proven & own != 0 {
            return false;
        }
        self.failed |= own;
        let other = self.first_way();
        if other.is_none() {
            self.failed = 0;
        }
        self.way = other.or_else(|| self.first_way()).unwrap_or_default();
        other.is_some()
    }

    /// The preferred connection type among those that the server offers and that did not fail.
    pub(super) fn first_way(&self) -> Option<usize> {
        let offered = self.session.as_ref().map_or(u32::MAX, |it| it.offered);
        let mut ways = 0..self.options.connection_types.len();
        ways.find(|way| bit(*way) & offered & !self.failed != 0)
    }

    /// Forgets the session if the server will have forgotten it by then.
    fn forget_session(&mut self, by: Instant) {
        if let Some(session) = &self.session
            && let Some(lost) = session.lost
            && let Some(max_interval) = self.advice.max_interval.filter(|it| !it.is_zero())
        {
            let timeout = self.advice.timeout.unwrap_or_default();
            let life = timeout.saturating_add(self.interval());
            if by.since(lost) > life.saturating_add(max_interval) {
                self.drop_session();
            }
        }
    }

    /// The server knows the session no more: another one has to be made.
    pub(super) fn lose_session(&mut self, now: Instant) {
        let Some(was_proven) = self.session.as_ref().map(|it| it.is_proven) else {
            return;
        };
        self.drop_session();
        // A session that never lasted is no reason to hurry.
        let wait = if was_proven {
            self.interval()
        } else {
            self.fail()
        };
        if self.is_enough() {
            return self.end(Ending::GivenUp);
        }
        self.schedule(now + wait);
        self.tell(ClientEvent::Status);
    }

    fn drop_session(&mut self) {
        if self.session.take().is_some() {
            self.session_number = self.session_number.wrapping_add(1);
            self.has_lost_session = true;
            self.subscriptions.lose();
            self.requests.take(&|it| it.purpose == Purpose::Restore);
        }
    }

    /// Sends the handshake or the connect at this moment, and has it answered at once.
    pub(super) fn schedule(&mut self, at: Instant) {
        if let Phase::Open(open) = &mut self.phase {
            open.exchange = Exchange::Due(at);
            open.is_hasty = true;
        }
    }

    /// Asks for the subscriptions of a session that is gone, where there is another one; tells when that is done.
    pub(super) fn restore(&mut self) {
        if !self.has_session() {
            return;
        }
        for lost in self.subscriptions.iter().filter(|it| it.is_lost) {
            let is_asked =
                |it: &Pending| it.purpose == Purpose::Restore && it.channel == lost.channel;
            if !self.requests.iter().any(is_asked) {
                let channel = lost.channel.clone();
                self.requests
                    .add(Purpose::Restore, channel, String::new(), lost.ext.clone());
            }
        }
        if self.subscriptions.are_whole() && core::mem::take(&mut self.has_lost_session) {
            if let Some(session) = &mut self.session {
                session.has_gap = false;
            }
            self.tell(ClientEvent::SessionLost);
        }
    }

    /// There will be no further attempt.
    pub(super) fn end(&mut self, ending: Ending) {
        self.finish(Phase::Ended(ending));
        self.tell(ClientEvent::Ended(ending));
    }

    /// Nothing goes on from here.
    pub(super) fn finish(&mut self, phase: Phase<J>) {
        self.leave(Reason::NORMAL);
        self.phase = phase;
        self.closing = None;
        self.renewal = None;
        self.drop_session();
        self.has_lost_session = false;
        self.subscriptions.clear();
        self.end_requests(&|_| true);
        self.tell(ClientEvent::Status);
    }

    /// Ends the requests that were sent.
    pub(super) fn end_under_way(&mut self) {
        self.end_requests(&|wait| matches!(wait, Wait::Reply | Wait::Result));
    }

    /// Ends the requests that wait for such things.
    pub(super) fn end_requests(&mut self, is_over: &dyn Fn(Wait) -> bool) {
        for pending in self.requests.take(&|it| is_over(it.wait)) {
            let outcome = if pending.is_under_way() {
                Outcome::Unknown
            } else {
                self.release(pending.id).unwrap_or(Outcome::Unsent)
            };
            self.tell_end(&pending, outcome);
        }
    }

    /// The refusal of a request that waits for other credentials.
    pub(super) fn release(&mut self, id: RequestId) -> Option<Outcome<J>> {
        let at = self.held.iter().position(|(held, _)| *held == id)?;
        Some(Outcome::Refused(self.held.remove(at).1))
    }

    /// Tells the application how a request of its own ended.
    pub(super) fn tell_end(&mut self, pending: &Pending, outcome: Outcome<J>) {
        let is_unknown = matches!(outcome, Outcome::Unknown | Outcome::TimedOut);
        if pending.purpose == Purpose::Unsubscribe && is_unknown {
            // Nobody wants it, whatever the server did.
            self.subscriptions.remove(&pending.channel);
            for other in self.requests.iter_mut() {
                let is_older = other.is_under_way() && other.wire < pending.wire;
                other.is_void |= is_older && other.channel == pending.channel;
            }
        }
        if pending.purpose != Purpose::Restore && !pending.is_abandoned {
            let id = pending.id;
            self.tell(ClientEvent::Reply { id, outcome });
        }
    }
}

/// The bit of a connection type.
pub(super) const fn bit(way: usize) -> u32 {
    if way < 32 { 1 << way } else { 0 }
}
