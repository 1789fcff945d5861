//! A client as a [`Machine`].

use super::{
    Client, ClientEvent, ConnectionType, Exchange, Fault, Frame, Outcome, Phase, Purpose, Wait,
    requests::Pending,
};
use crate::{
    json::Json,
    machine::{Input, Machine, Output},
    reason::Reason,
    time::Instant,
};

impl<J: Json> Machine for Client<J> {
    type Text = J::Text;
    type Frame = Frame;
    type Event = ClientEvent<J>;

    fn handle(&mut self, input: Input<J::Text>, now: Instant) {
        self.now = now;
        let is_open = matches!(self.phase, Phase::Open(_));
        let handled = match input {
            Input::Opened { attempt }
            | Input::Text { attempt, .. }
            | Input::Binary { attempt }
            | Input::Malformed { attempt, .. }
            | Input::Closed { attempt, .. }
                if attempt != self.attempt =>
            {
                Ok(())
            }
            Input::Opened { .. } => {
                if matches!(self.phase, Phase::Opening { .. }) {
                    self.opened(now);
                }
                Ok(())
            }
            Input::Text { text, .. } => self.take_text(&text, now),
            Input::Binary { .. } if is_open => Err(Fault::Closed(Reason::BINARY)),
            Input::Malformed { reason, .. } if is_open => Err(Fault::Closed(reason)),
            Input::Closed { code, .. } => Err(Fault::Lost(code)),
            Input::Online => {
                self.probe(now);
                Ok(())
            }
            Input::Writable(writable) => {
                if let Phase::Open(open) = &mut self.phase {
                    open.is_writable = writable;
                }
                Ok(())
            }
            Input::Tick => self.tick(now),
            Input::Binary { .. } | Input::Malformed { .. } => Ok(()),
        };
        if let Err(fault) = handled {
            self.lose(fault, now);
        }
        self.advance(now);
    }

    fn poll(&mut self) -> Option<Output<Frame, ClientEvent<J>>> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        let own = match &self.phase {
            Phase::Opening { since } => Some(*since + self.options.connect_timeout),
            Phase::Waiting { until } => Some(*until),
            Phase::Open(open) => match open.exchange {
                // What is due and not sent waits for something else.
                Exchange::Due(at) => Some(at).filter(|at| *at > self.now),
                Exchange::Sent { until, .. } => Some(until),
                Exchange::Denied(_) => None,
            },
            Phase::Disconnected | Phase::Ended(_) => None,
        };
        let patience = self.options.max_network_delay;
        let requests = self.requests.iter().flat_map(|it| {
            let reply = (it.wait == Wait::Reply).then(|| it.sent + patience);
            [it.deadline, reply]
        });
        let closing = self.closing.as_ref().map(|closing| closing.until);
        let own = [own, closing, self.renewal].into_iter();
        own.chain(requests).flatten().min()
    }
}

impl<J: Json> Client<J> {
    fn tick(&mut self, now: Instant) -> Result<(), Fault> {
        if self.closing.as_ref().is_some_and(|it| it.until <= now) {
            self.finish(Phase::Disconnected);
        }
        if self.renewal.is_some_and(|until| until <= now) {
            self.authenticated(false, now);
        }
        self.expire(now);
        match &self.phase {
            Phase::Opening { since } if *since + self.options.connect_timeout <= now => {
                Err(Fault::Closed(Reason::CONNECT_TIMEOUT))
            }
            Phase::Waiting { until } if *until <= now => {
                self.connect(now);
                Ok(())
            }
            Phase::Open(open) => {
                let is_late = matches!(open.exchange, Exchange::Sent { until, .. } if until <= now);
                if is_late || self.is_silent(now) {
                    Err(Fault::Closed(Reason::SILENT))
                } else {
                    Ok(())
                }
            }
            _ => Ok(()),
        }
    }

    /// Ends the requests whose time is up.
    fn expire(&mut self, now: Instant) {
        let is_over = |deadline: Option<Instant>| deadline.is_some_and(|it| it <= now);
        for pending in self.requests.take(&|it| is_over(it.deadline)) {
            let outcome = if pending.is_under_way() {
                Outcome::TimedOut
            } else {
                self.release(pending.id).unwrap_or(Outcome::Unsent)
            };
            self.tell_end(&pending, outcome);
        }
    }

    /// Ends the requests whose replies are late; returns whether that says that the connection is dead: over a WebSocket it is not
    /// as long as anything else comes.
    fn is_silent(&mut self, now: Instant) -> bool {
        let Phase::Open(open) = &self.phase else {
            return false;
        };
        let heard = open.heard;
        let way = self.options.connection_types.get(self.way);
        let is_socket = way == Some(&ConnectionType::WebSocket);
        let patience = self.options.max_network_delay;
        let mut is_silent = false;
        for pending in self.requests.iter_mut() {
            if pending.wait == Wait::Reply && pending.sent + patience <= now {
                is_silent |= !is_socket
                    || pending.purpose == Purpose::Restore
                    || heard.is_none_or(|heard| heard <= pending.sent);
                if pending.purpose == Purpose::Call {
                    pending.wait = Wait::Result;
                } else {
                    pending.deadline = Some(now);
                }
            }
        }
        self.expire(now);
        is_silent
    }

    /// The network may be another one: finds out whether the connection still stands, or makes another at once.
    fn probe(&mut self, now: Instant) {
        let soon = now + self.options.max_network_delay;
        let is_idle = !self.requests.iter().any(Pending::is_under_way);
        let way = self.options.connection_types.get(self.way);
        let is_socket = way == Some(&ConnectionType::WebSocket);
        match &mut self.phase {
            Phase::Waiting { .. } if self.renewal.is_none() => self.connect(now),
            Phase::Open(open) if self.session.is_some() && self.closing.is_none() => {
                match &mut open.exchange {
                    Exchange::Due(at) => *at = now.min(*at),
                    // The server answers the one that it holds, too, or forgets it.
                    Exchange::Sent { until, .. }
                        if *until > soon && is_socket && open.is_writable && !self.is_suspended =>
                    {
                        open.is_hasty = true;
                        open.exchange = Exchange::Due(now);
                    }
                    // Requests that are under way find it out, and must not be lost for nothing.
                    Exchange::Sent { until, .. } if *until > soon && is_idle && !is_socket => {
                        self.leave(Reason::GOING_AWAY);
                        self.connect(now);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}
