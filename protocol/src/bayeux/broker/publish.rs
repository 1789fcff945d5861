//! Messages: encoded once, and queued for everyone whom they are for.

use alloc::{string::String, sync::Arc, vec::Vec};

use super::{
    Broker, BrokerEvent, BrokerOptions, Call, Cause, ChannelOptions, Delivery, Effect, Overflow,
    Request, SessionId,
};
use crate::{
    bayeux::{
        Channel, Field, Members, Pattern,
        channel::{is_meta, is_service},
        ext::{replay::Ring, timestamp},
    },
    json::{Object, Value},
    time::Instant,
};

/// Members of `ext` that are between a client and its server.
const HOP_EXT: [&str; 4] = ["ack", "replay", "replayId", "timesync"];

/// What is published.
enum Content<'a> {
    /// A client's message.
    Message(&'a Object),
    /// The application's part of one.
    Data(&'a Value),
}

impl<P: Clone, F: Default> Broker<P, F> {
    /// Sends a message to everyone who subscribed to its channel; on behalf of a session, where it is one's. Service and meta channels
    /// are never broadcast. Returns how many it is for.
    pub fn publish(
        &mut self,
        from: Option<SessionId>,
        channel: &Channel,
        data: &Value,
        now: Instant,
    ) -> usize {
        self.now = self.now.max(now);
        self.broadcast(from, channel, &Content::Data(data), now)
    }

    /// Sends a message to one session, whether it subscribed or not. Returns whether it is there.
    pub fn deliver(
        &mut self,
        session: SessionId,
        channel: &Channel,
        data: &Value,
        now: Instant,
    ) -> bool {
        self.now = self.now.max(now);
        let text = self.encode(channel, &Content::Data(data), None);
        self.enqueue(session, Arc::new(Delivery::new(text)), now)
    }

    /// Answers a message to a service channel: a remote call. Returns whether its session is still there.
    pub fn answer(&mut self, call: &Call, result: Result<Value, Value>, now: Instant) -> bool {
        self.now = self.now.max(now);
        let Some(session) = call.session else {
            return false;
        };
        let is_successful = result.is_ok();
        let data = result.unwrap_or_else(|failure| failure);
        let text = batch_of_one(|message| {
            message.text(Field::Channel.name(), call.channel.name());
            if let Some(id) = &call.id {
                message.value(Field::Id.name(), id);
            }
            message.flag(Field::Successful.name(), is_successful);
            message.value(Field::Data.name(), &data);
        });
        self.enqueue(session, Arc::new(Delivery::new(text)), now)
    }

    /// A client's message goes to those whom it is for.
    pub(super) fn carry_out_publish(
        &mut self,
        channel: Channel,
        request: Request,
        now: Instant,
    ) -> Effect {
        if is_service(channel.name()) {
            return Effect::Service(Call {
                session: request.session,
                channel,
                id: request.message.id(),
                message: request.message,
            });
        }
        if let Some(message) = request.message.0.as_object() {
            self.broadcast(request.session, &channel, &Content::Message(message), now);
        }
        Effect::Done
    }

    fn broadcast(
        &mut self,
        from: Option<SessionId>,
        channel: &Channel,
        content: &Content<'_>,
        now: Instant,
    ) -> usize {
        // These are not for whoever subscribed to everything.
        if is_service(channel.name()) || is_meta(channel.name()) {
            return 0;
        }
        let options = self.channels.options(channel);
        let has_subscribers = self
            .channels
            .matching(channel.name())
            .any(|node| !node.subscribers.is_empty());
        if !has_subscribers && options.replay == 0 {
            return 0;
        }
        let number = self.number(channel, &options);
        let text = self.encode(channel, content, number);
        let delivery = Arc::new(Delivery::new(text));
        if number.is_some() {
            self.keep(channel, &delivery, &options);
        }
        let lazy_due = options.lazy.then(|| {
            let most = self.options.max_lazy_timeout;
            now + options.lazy_timeout.map_or(most, |own| own.min(most))
        });
        let hidden = from.filter(|from| self.hides_own(*from, &options));
        self.fan_out(channel, &delivery, hidden, lazy_due, now)
    }

    /// Queues a message for each session once, however many of its patterns match.
    fn fan_out(
        &mut self,
        channel: &Channel,
        delivery: &Arc<Delivery<F>>,
        hidden: Option<SessionId>,
        lazy_due: Option<Instant>,
        now: Instant,
    ) -> usize {
        self.marks += 1;
        let hidden = hidden.map(|id| id.0.index);
        // Sessions that something more has to be done about: kept from one publish to the next.
        let mut met = core::mem::take(&mut self.met);
        let mut overflown = Vec::new();
        let mut count = 0;
        let is_detailed = self.options.detailed_events;
        for node in self.channels.matching(channel.name()) {
            for index in &node.subscribers {
                let Some(session) = self.sessions.at_mut(*index) else {
                    continue;
                };
                if session.mark == self.marks || hidden == Some(*index) {
                    continue;
                }
                session.mark = self.marks;
                count += 1;
                if !session.queue.fits(delivery, &self.options) {
                    overflown.push(*index);
                    continue;
                }
                let was_empty = session.queue.len() == 0;
                session.queue.push(Arc::clone(delivery), lazy_due.is_some());
                if let Some(due) = lazy_due {
                    session.lazy_due = Some(session.lazy_due.map_or(due, |before| before.min(due)));
                }
                let is_blocked = session.is_held_back() || session.lent_to.is_some();
                if !is_blocked || lazy_due.is_some() || (was_empty && is_detailed) {
                    met.push((*index, was_empty));
                }
            }
        }
        for (index, was_empty) in met.drain(..) {
            let Some(id) = self.sessions.key(index).map(SessionId) else {
                continue;
            };
            if was_empty && is_detailed {
                self.tell(BrokerEvent::Queued(id));
            }
            if lazy_due.is_some() {
                self.arm(id);
            } else {
                self.flush(id, now);
            }
        }
        self.met = met;
        for index in overflown {
            if let Some(id) = self.sessions.key(index).map(SessionId) {
                self.overflow(id, Arc::clone(delivery), lazy_due.is_some(), now);
            }
        }
        count
    }

    /// Queues a message for one session. Returns whether it is there.
    pub(super) fn enqueue(
        &mut self,
        id: SessionId,
        delivery: Arc<Delivery<F>>,
        now: Instant,
    ) -> bool {
        let Some(session) = self.sessions.get_mut(id.0) else {
            return false;
        };
        if !session.queue.fits(&delivery, &self.options) {
            return self.overflow(id, delivery, false, now);
        }
        let was_empty = session.queue.len() == 0;
        session.queue.push(delivery, false);
        if was_empty && self.options.detailed_events {
            self.tell(BrokerEvent::Queued(id));
        }
        self.flush(id, now);
        true
    }

    /// A message does not fit. Returns whether the session is still there.
    fn overflow(
        &mut self,
        id: SessionId,
        delivery: Arc<Delivery<F>>,
        is_lazy: bool,
        now: Instant,
    ) -> bool {
        let policy = self.options.overflow;
        let Some(session) = self.sessions.get_mut(id.0) else {
            return false;
        };
        let mut lost = 0;
        if policy == Overflow::DropOldest {
            while !session.queue.fits(&delivery, &self.options) && session.queue.drop_oldest() {
                lost += 1;
            }
        }
        let fits = session.queue.fits(&delivery, &self.options);
        if fits {
            session.queue.push(delivery, is_lazy);
        } else if policy == Overflow::Disconnect {
            lost = session.queue.len() + 1;
        } else {
            lost += 1;
        }
        self.tell(BrokerEvent::Overflowed { session: id, lost });
        if fits {
            self.flush(id, now);
        } else if policy == Overflow::Disconnect {
            self.remove(id, Cause::Overflow, None, now);
            return false;
        }
        true
    }

    fn hides_own(&self, from: SessionId, channel: &ChannelOptions) -> bool {
        let session = self.sessions.get(from.0);
        channel.hides_own
            || !self.options.broadcast_to_publisher
            || session.is_some_and(|session| session.own().hides_own)
    }

    /// The number of the next message on a channel whose messages are kept. None are where too many channels exist.
    fn number(&mut self, channel: &Channel, options: &ChannelOptions) -> Option<u64> {
        if options.replay == 0 {
            return None;
        }
        let has_room = self.channels.len() < self.options.max_channels;
        // After a restart numbers go on above those from before, as far as the clock does.
        let first = self.wall(self.now).max(1);
        if self.channels.channel(channel.name()).is_none() && !has_room {
            return None;
        }
        let pattern = Pattern::from(channel);
        let (node, is_new) = self.channels.ensure(&pattern);
        let ring = node.ring.get_or_insert_with(|| Ring::new(first).into());
        let number = ring.next();
        if is_new {
            self.tell(BrokerEvent::ChannelAdded(pattern));
        }
        Some(number)
    }

    /// Keeps a message to be replayed.
    fn keep(&mut self, channel: &Channel, delivery: &Arc<Delivery<F>>, options: &ChannelOptions) {
        let pattern = Pattern::from(channel);
        let node = self.channels.node_mut(&pattern);
        if let Some(ring) = node.and_then(|node| node.ring.as_mut()) {
            let others = self.replay_bytes - ring.bytes();
            let most = self.options.max_replay_bytes.saturating_sub(others);
            let bytes = delivery.batch().len();
            ring.push(Arc::clone(delivery), bytes, options.replay, most);
            self.replay_bytes = others + ring.bytes();
        }
    }

    /// A message as its subscribers get it: who sent it and which of its requests it was is nobody's business, and what only
    /// a server says is not said by a client.
    fn encode(&self, channel: &Channel, content: &Content<'_>, number: Option<u64>) -> String {
        let number = number.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
        batch_of_one(|message| {
            message.text(Field::Channel.name(), channel.name());
            let mut ext = None;
            match content {
                Content::Data(data) => message.value(Field::Data.name(), *data),
                Content::Message(object) => {
                    for (name, value) in object.iter() {
                        if name == Field::Ext.name() {
                            ext = Some(value);
                        } else if name == Field::Data.name() || !is_reserved(name) {
                            message.value(name, value);
                        }
                    }
                }
            }
            let ext = ext.map(|ext| scrubbed(ext, &self.options));
            match (ext, number) {
                (Some(Ext::Object(members)), _) => {
                    if !members.is_empty() || number.is_some() {
                        message.object(Field::Ext.name(), |ext| {
                            for (name, value) in members {
                                ext.value(name, value);
                            }
                            if let Some(number) = number {
                                ext.integer("replayId", number);
                            }
                        });
                    }
                }
                (_, Some(number)) => {
                    message.object(Field::Ext.name(), |ext| ext.integer("replayId", number));
                }
                (Some(Ext::Plain(ext)), None) => message.value(Field::Ext.name(), ext),
                (None, None) => {}
            }
            if self.options.timestamp {
                message.text("timestamp", &timestamp::text(self.wall(self.now)));
            }
        })
    }
}

/// What is forwarded of a message's `ext`.
enum Ext<'a> {
    /// It as it is: no object, or an empty one.
    Plain(&'a Value),
    /// These of its members.
    Object(Vec<(&'a str, &'a Value)>),
}

fn scrubbed<'a>(ext: &'a Value, options: &BrokerOptions) -> Ext<'a> {
    match ext.as_object() {
        Some(members) if !members.is_empty() => Ext::Object(
            members
                .iter()
                .filter(|(name, _)| !HOP_EXT.contains(name) && !is_secret(name, options))
                .collect(),
        ),
        _ => Ext::Plain(ext),
    }
}

/// Whether a member of `ext` holds credentials by its name, whatever comes before its last dot.
fn is_secret(name: &str, options: &BrokerOptions) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let mut secrets = options.scrubbed_ext.iter();
    secrets.any(|secret| secret.eq_ignore_ascii_case(last))
}

/// Whether a member means something to the protocol, or, in a message that a server sends, to its clients.
fn is_reserved(name: &str) -> bool {
    Field::NAMES.contains(&name) || matches!(name, "timestamp" | "x-messages" | "authSuccessful")
}

/// A batch of one message that `write` writes.
pub(super) fn batch_of_one(write: impl FnOnce(&mut Members<'_>)) -> String {
    let mut text = String::from("[");
    Members::write(&mut text, write);
    text.push(']');
    text
}
