//! What comes from the server.

use super::{
    Client, ClientEvent, Fault, Outcome, Phase, Purpose, RequestId, Wait, ext::Name, life::bit,
};
use crate::{
    bayeux::{BatchError, ErrorText, Field, Message, Meta, channel::is_meta, messages},
    json::{Json, Key},
    reason::Reason,
    time::Instant,
};

const BATCH: Reason = Reason::protocol("what the server sent is no batch of messages");

impl<J: Json> Client<J> {
    /// Takes one payload.
    pub(super) fn take_text(&mut self, text: &J::Text, now: Instant) -> Result<(), Fault> {
        if !matches!(self.phase, Phase::Open(_)) {
            return Ok(());
        }
        let batch = J::parse(text, &self.options.limits);
        let batch = batch.map_err(|_| Fault::Closed(Reason::NOT_JSON))?;
        let messages = match messages(batch, self.options.max_received) {
            Err(BatchError::Empty) => return Ok(()),
            messages => messages.map_err(|_| Fault::Closed(BATCH))?,
        };
        self.hear(now);
        let is_new = self.is_new(&messages);
        let attempt = self.attempt;
        for message in messages {
            self.take_message(message, is_new, now)?;
            if !matches!(self.phase, Phase::Open(_)) || self.attempt != attempt {
                break;
            }
        }
        Ok(())
    }

    /// The server speaks.
    fn hear(&mut self, now: Instant) {
        if let Phase::Open(open) = &mut self.phase
            && open.heard.replace(now).is_none()
        {
            self.proven |= bit(self.way);
            if let Some(from) = self.heard_way.replace(self.way)
                && from != self.way
            {
                let to = self.way;
                self.tell(ClientEvent::TransportChanged { from, to });
            }
        }
    }

    /// Whether the messages of a payload did not come before. Where they are acknowledged, those that come with the reply to a
    /// connect count only with that reply: otherwise they come again.
    fn is_new(&self, messages: &[Message<J>]) -> bool {
        let acks = self.session.as_ref().map_or(self.options.ack, |it| it.acks);
        if !acks {
            return true;
        }
        let mut replies = messages
            .iter()
            .filter(|it| it.meta() == Some(Meta::Connect))
            .peekable();
        replies.peek().is_none()
            || replies.any(|reply| {
                let batch = reply.ext().and_then(|ext| Name::Ack.of(&ext)?.as_integer());
                let last = self.session.as_ref().map(|it| it.batch);
                self.awaits(reply) && (batch.is_none() || batch > last)
            })
    }

    fn take_message(
        &mut self,
        message: Message<J>,
        is_new: bool,
        now: Instant,
    ) -> Result<(), Fault> {
        let Some(channel) = message.channel() else {
            return Ok(());
        };
        let channel = channel.to_str();
        match Meta::of(&channel) {
            Some(Meta::Handshake) => return self.take_handshake(message, now),
            Some(Meta::Connect) => self.take_connect(message, now),
            Some(Meta::Disconnect) => self.take_disconnect(&message),
            Some(Meta::Subscribe | Meta::Unsubscribe) => {
                if let Some(id) = self.request_of(&message, &channel) {
                    self.take_reply(id, message, now);
                }
            }
            None if is_meta(&channel) => {}
            None => match self.request_of(&message, &channel) {
                Some(id) => self.take_reply(id, message, now),
                None if is_new && is_event(&message) => self.take_event(message, &channel),
                None => {}
            },
        }
        Ok(())
    }

    /// The request that a message is the reply to.
    fn request_of(&mut self, message: &Message<J>, channel: &str) -> Option<RequestId> {
        let has_data = message.data().is_some();
        let found = match wire(message) {
            Some(wire) => self.requests.by_wire(wire, channel),
            // A publication that a server passes on says as little.
            None if has_data || message.successful().is_none() => None,
            None => {
                let subscription = message.text(Field::Subscription);
                let subscription = subscription.as_ref().map(Key::to_str);
                self.requests.by_channel(channel, subscription.as_deref())
            }
        }?;
        // Who publishes hears no data; an event may have the publisher's id.
        let is_event = has_data && found.purpose == Purpose::Publish;
        (!is_event).then_some(found.id)
    }

    fn take_event(&mut self, message: Message<J>, channel: &str) {
        self.tell_gap();
        if self.options.replay.is_some() {
            let most = self.options.max_replays;
            self.positions.remember(channel, &message, most);
        }
        let subscriptions = self.subscriptions.matching(channel);
        self.tell(ClientEvent::Message {
            message,
            subscriptions,
        });
    }

    /// Tells, once, that messages may be lost.
    pub(super) fn tell_gap(&mut self) {
        if let Some(session) = &mut self.session
            && core::mem::take(&mut session.has_gap)
        {
            self.tell(ClientEvent::Gap);
        }
    }

    fn take_reply(&mut self, id: RequestId, message: Message<J>, now: Instant) {
        let is_done = message.successful() != Some(false);
        let number = self.session_number;
        let has_session = self.has_session();
        let wants_credentials = !is_done && self.wants_credentials(&message);
        let fallback = self.options.replay.and_then(|it| it.fallback);
        let Some(pending) = self.requests.find_mut(id) else {
            return;
        };
        let is_current = has_session && pending.session == number;
        let is_retried = pending.is_retried;
        let purpose = pending.purpose;
        if wants_credentials && !is_retried {
            pending.wait = Wait::Credentials;
            self.held.push((id, message));
            return self.ask_for_credentials(now);
        }
        if is_done && purpose == Purpose::Call && message.data().is_none() {
            pending.wait = Wait::Result;
            return;
        }
        if !is_done
            && purpose.meta() == Some(Meta::Subscribe)
            && fallback.is_some()
            && pending.replay != fallback
            && refuses_replay(&message)
        {
            pending.replay = fallback;
            pending.wait = Wait::Turn;
            let channel = pending.channel.clone();
            return self.positions.forget(&channel);
        }
        if is_current {
            self.take_advice(&message);
        }
        let is_session_lost = !is_done && is_session_unknown(&message);
        if let Some(pending) = self.requests.remove(id) {
            let channel = &pending.channel;
            match purpose {
                Purpose::Subscribe | Purpose::Restore if is_done => {
                    if !pending.is_void {
                        let ext = pending.ext.clone();
                        self.subscriptions.add(channel.clone(), ext, !is_current);
                        if purpose == Purpose::Restore {
                            self.tell(ClientEvent::Restored(channel.clone()));
                        }
                    }
                    self.restore();
                }
                Purpose::Subscribe if !is_session_lost => self.subscriptions.remove(channel),
                Purpose::Restore if !is_session_lost => {
                    self.subscriptions.remove(channel);
                    self.tell(ClientEvent::Dropped {
                        channel: channel.clone(),
                        reply: message.clone(),
                    });
                    self.restore();
                }
                Purpose::Unsubscribe if is_done || is_session_lost => {
                    self.subscriptions.remove(channel);
                }
                _ => {}
            }
            let outcome = if is_done {
                Outcome::Done(message)
            } else {
                Outcome::Refused(message)
            };
            self.tell_end(&pending, outcome);
        }
        if is_session_lost && is_current {
            self.lose_session(now);
        }
    }

    /// Follows the advice of a message, where it has one.
    pub(super) fn take_advice(&mut self, message: &Message<J>) {
        if let Some(advice) = message.advice() {
            self.advice = advice.over(&self.options.advice);
        }
    }

    /// Whether this is the reply to the handshake or connect that was sent last.
    pub(super) fn awaits(&self, message: &Message<J>) -> bool {
        matches!(&self.phase, Phase::Open(open) if open.awaits(wire(message)))
    }
}

/// Whether somebody published a message: what has no data and says more than its channel is the late reply to something.
fn is_event<J: Json>(message: &Message<J>) -> bool {
    message.data().is_some() || message.successful().is_none() && message.id().is_none()
}

/// What the request is called to which a message says that it is the reply: a number, or what no request is called.
pub(super) fn wire<J: Json>(message: &Message<J>) -> Option<u64> {
    let id = message.id()?;
    let number = id.as_integer().map(i64::cast_unsigned);
    let text = || id.clone().into_key()?.to_str().parse().ok();
    Some(number.or_else(text).unwrap_or_default())
}

/// Whether an error says that the session is gone.
pub(super) fn is_session_unknown<J: Json>(message: &Message<J>) -> bool {
    let error = message.error();
    error.is_some_and(|error| ErrorText::new(&error.to_str()).is_session_unknown())
}

/// Whether an error says that a replay id is none, or not any more.
fn refuses_replay<J: Json>(message: &Message<J>) -> bool {
    message.error().is_some_and(|error| {
        let error = error.to_str();
        ErrorText::new(&error).code() == Some(400) && error.contains("eplay")
    })
}
