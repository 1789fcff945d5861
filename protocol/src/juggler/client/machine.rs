//! A client as a [`Machine`].

use alloc::string::String;

use super::{Client, ClientEvent, Fault, Phase};
use crate::{
    json::Json,
    machine::{Input, Machine, Output},
    reason::Reason,
    time::Instant,
};

impl<J: Json> Machine for Client<J> {
    type Text = J::Text;
    type Frame = String;
    type Event = ClientEvent<J>;

    fn handle(&mut self, input: Input<J::Text>, now: Instant) {
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
            Input::Opened { .. } if matches!(self.phase, Phase::Connecting { .. }) => {
                self.open(now);
                Ok(())
            }
            Input::Text { text, .. } => self.take_text(text, now),
            Input::Binary { .. } if matches!(self.phase, Phase::Open(_)) => {
                Err(Fault::Closed(Reason::BINARY))
            }
            Input::Malformed { reason, .. } if matches!(self.phase, Phase::Open(_)) => {
                Err(Fault::Closed(reason))
            }
            Input::Closed { code, .. }
                if matches!(self.phase, Phase::Open(_) | Phase::Connecting { .. }) =>
            {
                Err(Fault::Lost(code))
            }
            Input::Online => {
                match &mut self.phase {
                    Phase::Waiting { .. } => self.connect(now),
                    Phase::Open(open) => open.link.probe(now),
                    _ => {}
                }
                Ok(())
            }
            Input::Writable(writable) => {
                if let Phase::Open(open) = &mut self.phase {
                    open.writable = writable;
                }
                Ok(())
            }
            Input::Tick => {
                self.tick(now);
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err(fault) = handled {
            self.lose(fault, now);
        }
    }

    fn poll(&mut self) -> Option<Output<String, ClientEvent<J>>> {
        if let Some(output) = self.outputs.pop_front() {
            return Some(output);
        }
        let Phase::Open(open) = &mut self.phase else {
            return None;
        };
        Some(Output::Send {
            attempt: self.attempt,
            frame: open.poll_frame()?,
        })
    }

    fn deadline(&self) -> Option<Instant> {
        let own = match &self.phase {
            Phase::Connecting { since } => Some(*since + self.options.connect_timeout),
            Phase::Waiting { until } => Some(*until),
            Phase::Open(open) => open.deadline(self.options.sync_timeout),
            Phase::Closed | Phase::Failed => None,
        };
        [own, self.requests.deadline()].into_iter().flatten().min()
    }
}
