//! Other credentials, where the server does not take the ones so far.

use super::{Client, ClientEvent, Exchange, Fault, Phase, Wait};
use crate::{
    bayeux::{Batch, ErrorText, Message, Meta},
    json::{Json, Key, Text},
    time::Instant,
};

/// What a server says by the status of an HTTP response, as a reply: the argument is the status.
const DENIED: [&str; 2] = ["403:401:denied", "403:403:denied"];

impl<J: Json> Client<J> {
    /// The end of what [`ClientEvent::Authenticate`] began: whether there are other credentials. What was refused is sent once
    /// more, or stays refused.
    pub fn authenticated(&mut self, is_renewed: bool, now: Instant) {
        let Some(renewal) = self.renewal.take() else {
            return;
        };
        // Only what they were asked for is not to ask once more.
        self.is_renewed |= match &self.phase {
            Phase::Waiting { .. } => true,
            Phase::Open(open) => matches!(open.exchange, Exchange::Denied(_)),
            _ => false,
        };
        if is_renewed {
            self.held.clear();
            for pending in self.requests.iter_mut() {
                if pending.wait == Wait::Credentials {
                    pending.wait = Wait::Turn;
                    pending.is_retried = true;
                }
            }
        } else {
            self.end_requests(&|wait| wait == Wait::Credentials);
        }
        match &mut self.phase {
            Phase::Waiting { .. } if is_renewed => self.connect(now),
            Phase::Waiting { until } if *until == renewal => {
                let wait = self.fail();
                self.phase = Phase::Waiting { until: now + wait };
                if self.is_enough() {
                    self.end(super::Ending::GivenUp);
                } else {
                    self.tell(ClientEvent::Status);
                }
            }
            Phase::Open(open) if matches!(open.exchange, Exchange::Denied(_)) => {
                open.is_hasty = true;
                let denied = core::mem::replace(&mut open.exchange, Exchange::Due(now));
                if let Exchange::Denied(reply) = denied
                    && !is_renewed
                {
                    self.follow_refusal(*reply, now);
                }
            }
            _ => {}
        }
        self.advance(now);
    }

    /// A payload was answered with this HTTP status, 401 or 403, and was not looked at: all its messages are refused, with the
    /// error `403:<status>:denied`. The shell says this in place of [`Input::Closed`](crate::machine::Input::Closed), which ends
    /// the other payloads, too.
    pub fn denied(&mut self, payload: u32, status: u16, now: Instant) {
        let error = DENIED[usize::from(status == 403)];
        let mut batch = Batch::default();
        let mut refuse = |channel: &str, wire: u64| {
            batch.message(|message| {
                message.text("channel", channel);
                message.integer("id", wire.cast_signed());
                message.flag("successful", false);
                message.text("error", error);
            });
        };
        if let Phase::Open(open) = &self.phase
            && let Exchange::Sent {
                wire,
                payload: sent,
                ..
            } = open.exchange
            && sent == payload
        {
            let meta = if self.has_session() {
                Meta::Connect
            } else {
                Meta::Handshake
            };
            refuse(meta.name(), wire);
        }
        for pending in self.requests.iter() {
            if pending.is_under_way() && pending.payload == payload {
                let meta = pending.purpose.meta().map(Meta::name);
                refuse(meta.unwrap_or(&pending.channel), pending.wire);
            }
        }
        if let Some(closing) = &self.closing
            && closing.payload == payload
        {
            refuse(Meta::Disconnect.name(), closing.wire);
        }
        if !batch.is_empty()
            && let Err(fault) = self.take_text(&J::Text::new(&batch.into_text()), now)
        {
            self.lose(fault, now);
        }
        self.advance(now);
    }

    /// Whether a refusal asks for other credentials, and the application has any.
    pub(super) fn wants_credentials(&self, message: &Message<J>) -> bool {
        self.options.authenticates
            && message.error().is_some_and(|error| {
                let error = error.to_str();
                let error = ErrorText::new(&error);
                let is_unknown = error
                    .message()
                    .is_some_and(|it| it.eq_ignore_ascii_case("unknown client"));
                matches!(error.code(), Some(401 | 403)) && !is_unknown
            })
    }

    /// Asks for other credentials, where a connection was refused for want of them.
    pub(super) fn asks_for_credentials(&mut self, fault: Fault, now: Instant) -> bool {
        let asks = matches!(fault, Fault::Lost(401 | 403))
            && self.options.authenticates
            && !self.is_renewed;
        if asks {
            self.ask_for_credentials(now);
        }
        asks
    }

    pub(super) fn ask_for_credentials(&mut self, now: Instant) {
        if self.renewal.is_none() {
            self.renewal = Some(now + self.options.authentication_timeout);
            self.tell(ClientEvent::Authenticate);
        }
    }
}
