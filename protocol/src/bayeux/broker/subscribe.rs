//! Subscriptions.

use alloc::{sync::Arc, vec::Vec};

use super::{Broker, BrokerEvent, Delivery, Request, SessionId, request::Refusal};
use crate::{
    bayeux::{
        ErrorText, Pattern, Reach,
        channel::is_service,
        ext::replay::{Ring, UnknownReplayId},
    },
    json::{Json, Value},
    time::Instant,
};

impl<P: Clone, F: Default> Broker<P, F> {
    /// Subscribes a session, without asking anybody. Returns whether it is subscribed: not where a bound is reached.
    pub fn subscribe(&mut self, session: SessionId, pattern: &Pattern, now: Instant) -> bool {
        self.now = self.now.max(now);
        let patterns = core::slice::from_ref(pattern);
        self.check_room(session, patterns).is_ok() && self.add_subscription(session, pattern)
    }

    /// Ends a subscription. Returns whether there was one.
    pub fn unsubscribe(&mut self, session: SessionId, pattern: &Pattern) -> bool {
        if !self.has(session) || !self.channels.unsubscribe(pattern, session.0.index) {
            return false;
        }
        if let Some(session) = self.sessions.get_mut(session.0) {
            session.subscriptions.retain(|other| other != pattern);
        }
        self.tell(BrokerEvent::Unsubscribed {
            session,
            pattern: pattern.clone(),
        });
        self.plan_sweep();
        true
    }

    /// Subscribes a session to all of these, or to none.
    pub(super) fn subscribe_all(
        &mut self,
        session: SessionId,
        patterns: &[Pattern],
        request: &Request,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.check_room(session, patterns)
            .map_err(|()| Refusal::new(ErrorText::SUBSCRIBE_FAILED))?;
        let ext = request.message.ext();
        let replay = ext.and_then(|ext| ext.get("replay").cloned());
        let missed = replay.map_or(Ok(Vec::new()), |replay| self.missed(patterns, &replay))?;
        for pattern in patterns {
            self.add_subscription(session, pattern);
        }
        for delivery in missed {
            self.enqueue(session, delivery, now);
        }
        Ok(())
    }

    /// Whether a session may subscribe to as many more, and as many channels may exist.
    fn check_room(&self, id: SessionId, patterns: &[Pattern]) -> Result<(), ()> {
        let session = self.sessions.get(id.0).ok_or(())?;
        let is_news = |at: usize, pattern: &Pattern| {
            let before = patterns.get(..at).unwrap_or_default();
            !is_service(pattern.text())
                && !self.channels.has(pattern, id.0.index)
                && !before.contains(pattern)
        };
        let news = patterns.iter().enumerate();
        let news = news.filter(|(at, pattern)| is_news(*at, pattern));
        let (mut added, mut created) = (0, 0);
        for (_, pattern) in news {
            added += 1;
            created += usize::from(self.channels.node(pattern).is_none());
        }
        let fits = session.subscriptions.len() + added <= self.options.max_subscriptions
            && (created == 0 || self.channels.len() + created <= self.options.max_channels);
        if fits { Ok(()) } else { Err(()) }
    }

    /// Returns whether the session is there. Nothing is subscribed to on service channels: no message of those is broadcast.
    fn add_subscription(&mut self, id: SessionId, pattern: &Pattern) -> bool {
        let Some(session) = self.sessions.get_mut(id.0) else {
            return false;
        };
        if is_service(pattern.text()) {
            return true;
        }
        let (node, is_new) = self.channels.ensure(pattern);
        let Err(at) = node.subscribers.binary_search(&id.0.index) else {
            return true;
        };
        node.subscribers.insert(at, id.0.index);
        // All subscribers share one text.
        let name = node.name.as_ref().unwrap_or(pattern).clone();
        session.subscriptions.push(name.clone());
        if is_new {
            self.tell(BrokerEvent::ChannelAdded(name.clone()));
        }
        self.tell(BrokerEvent::Subscribed {
            session: id,
            pattern: name,
        });
        true
    }

    /// The messages that a session wants that comes late: those of the channels that it subscribes to, behind the numbers
    /// that it says.
    fn missed(
        &self,
        patterns: &[Pattern],
        replay: &Value,
    ) -> Result<Vec<Arc<Delivery<F>>>, Refusal> {
        let Some(wanted) = replay.as_object() else {
            return Ok(Vec::new());
        };
        if wanted.len() > self.options.max_subscriptions {
            return Err(Refusal::new(ErrorText::SUBSCRIBE_FAILED));
        }
        let mut missed = Vec::new();
        for (channel, id) in wanted.iter() {
            let (Ok(channel), Some(id)) = (Pattern::parse(channel), id.as_integer()) else {
                continue;
            };
            let is_here = channel.reach() == Reach::Here;
            let is_wanted =
                |it: &Pattern| *it == channel || (is_here && it.matches(channel.text()));
            if patterns.iter().any(is_wanted) {
                self.collect_missed(&channel, id, &mut missed)
                    .map_err(|error| Refusal::new(error.error()))?;
            }
        }
        Ok(missed)
    }

    fn collect_missed(
        &self,
        channel: &Pattern,
        id: i64,
        missed: &mut Vec<Arc<Delivery<F>>>,
    ) -> Result<(), UnknownReplayId> {
        if channel.reach() != Reach::Here {
            // Numbers are of one channel each: of several one may want all or nothing.
            if id != Ring::<F>::NEW && id != Ring::<F>::ALL {
                return Err(UnknownReplayId(id));
            }
            for ring in self.channels.iter() {
                let name = ring.name.as_ref().map(Pattern::text);
                if let (Some(name), Some(ring)) = (name, &ring.ring)
                    && channel.matches(name)
                {
                    missed.extend(ring.since(id)?.map(|(delivery, _)| Arc::clone(delivery)));
                }
            }
            return Ok(());
        }
        let node = self.channels.channel(channel.text());
        if let Some(ring) = node.and_then(|node| node.ring.as_ref()) {
            missed.extend(ring.since(id)?.map(|(delivery, _)| Arc::clone(delivery)));
        } else if id >= 0 && self.keeps(channel.text()) {
            // It was there before the server started anew.
            return Err(UnknownReplayId(id));
        }
        Ok(())
    }

    fn keeps(&self, channel: &str) -> bool {
        let mut matching = self.channels.matching(channel);
        matching.any(|node| node.options.replay > 0)
    }

    /// Who subscribed to a pattern, to the letter.
    pub fn subscribers(&self, pattern: &Pattern) -> impl Iterator<Item = SessionId> {
        let node = self.channels.node(pattern);
        let places = node.into_iter().flat_map(|node| &node.subscribers);
        places.filter_map(|index| self.sessions.key(*index).map(SessionId))
    }

    /// What a session subscribed to.
    pub fn subscriptions(&self, session: SessionId) -> impl Iterator<Item = &Pattern> {
        let session = self.sessions.get(session.0);
        session.into_iter().flat_map(|it| &it.subscriptions)
    }
}
