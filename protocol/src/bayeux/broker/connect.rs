//! Connects: which are held, and how they come to their end.

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use super::{
    Broker, BrokerEvent, Cause, Parcel, PeerId, Request, SessionId, Transport, Turn,
    reply::{Ack, Reply},
    session::Connect,
};
use crate::{
    bayeux::{Advice, Meta, Reconnect},
    json::Json,
    time::Instant,
};

/// What a browser's session is refused with that is one too many.
const CROWDED: &str = "403::too_many_sessions";

/// How a connect comes to its end.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// As it should: messages go with it.
    Regular,
    /// With nothing but this advice.
    Advised(Advice),
    /// With an error, and this advice.
    Refused(&'static str, Advice),
}

impl<P: Clone, F: Default> Broker<P, F> {
    /// Carries a connect out: it is answered, or held.
    pub(super) fn connect(&mut self, turn: &Turn, id: SessionId, request: &Request, now: Instant) {
        let peer = turn.peer;
        self.replace_connect(id, peer, now);
        if self.is_inactive(id, now) {
            // It is answered with the session's end.
            self.hold(peer, id, request, now);
            self.remove(id, Cause::Inactive, None, now);
            return;
        }
        let advice = request.message.advice().unwrap_or_default();
        let batch = request.message.ext();
        let batch = batch.and_then(|ext| ext.get("ack").and_then(Json::as_integer));
        let batch = batch.and_then(|batch| u64::try_from(batch).ok());
        let is_alone = self.peers.get(peer.0);
        let is_alone = is_alone.and_then(|peer| peer.turn.as_ref());
        let is_alone = is_alone.is_some_and(|turn| turn.is_alone);
        let Some(session) = self.sessions.get_mut(id.0) else {
            return;
        };
        let is_first = !core::mem::replace(&mut session.is_connected, true);
        if let Some(batch) = batch.filter(|_| session.acknowledges) {
            if session.queue.acknowledge(batch) {
                session.queue.hasten();
            }
            if self.options.detailed_events {
                let session = id;
                self.tell(BrokerEvent::BatchReceived { session, batch });
            }
        }
        let Some(session) = self.sessions.get_mut(id.0) else {
            return;
        };
        let most = session.timeout(&self.options);
        let timeout = advice.timeout.unwrap_or(most).min(most);
        // Who may stay silent for that long on a connect may stay silent for that long between two.
        session.interval = advice.interval.map(|interval| interval.min(most));
        session.needs_advice |= advice.timeout.is_some() || advice.interval.is_some();
        let pushes = session.pushes_to(&self.options).is_some();
        let has_more =
            session.queue.is_eager() && session.lent_to.is_none() && session.batches == 0;
        let is_held = !is_first && is_alone && (pushes || !has_more) && timeout > Duration::ZERO;
        let is_crowded = is_held && !self.count_browser(peer);
        self.hold(peer, id, request, now + timeout);
        if is_crowded {
            let ending = self.crowded(id);
            self.end_connect(id, ending, now);
        } else if is_held {
            if let Some(connect) = self.connect_of(id) {
                connect.is_counted = true;
            }
            self.arm(id);
            if self.options.detailed_events {
                self.tell(BrokerEvent::Suspended(id));
            }
        } else {
            self.end_connect(id, Ending::Regular, now);
        }
    }

    fn connect_of(&mut self, id: SessionId) -> Option<&mut Connect> {
        self.sessions.get_mut(id.0)?.connect.as_mut()
    }

    fn hold(&mut self, peer: PeerId, id: SessionId, request: &Request, until: Instant) {
        let sync = self.sync(request).map(Box::new);
        if let Some(session) = self.sessions.get_mut(id.0) {
            session.expires = None;
            session.connect = Some(Connect {
                peer,
                id: request.message.id(),
                until,
                sync,
                is_counted: false,
            });
        }
    }

    /// A newer connect came. The older one may be the dead half of a connection: nothing is entrusted to it.
    fn replace_connect(&mut self, id: SessionId, peer: PeerId, now: Instant) {
        let Some(session) = self.sessions.get(id.0) else {
            return;
        };
        let older = session.connect.as_ref().map(|connect| connect.peer);
        if older == Some(peer) {
            self.end_connect(id, Ending::Regular, now);
        } else if let Some(older) = older {
            self.drop_connect(id);
            self.supersede(older);
        }
        // One that is answered and not collected yet is the same. One that is being written may have arrived, and this be
        // what comes after it: whether it is written or lost is waited for.
        let lender = self.sessions.get(id.0).and_then(|session| session.lent_to);
        if let Some(lender) = lender.filter(|lender| *lender != peer) {
            let answers = self.peers.get(lender.0);
            if answers.is_some_and(|it| it.writing.is_none() && it.answers(id)) {
                self.supersede(lender);
            }
        }
    }

    /// A polling request is answered by an error, and what was for it goes elsewhere.
    fn supersede(&mut self, peer: PeerId) {
        let polls = self.peers.get(peer.0);
        if polls.is_some_and(|peer| peer.transport.is_polling()) {
            self.take_back(peer);
            if let Some(polling) = self.peers.get_mut(peer.0) {
                polling.is_complete = true;
                polling.close = Some(Parcel::<F>::DUPLICATE);
            }
            self.wake(peer);
        }
    }

    /// Forgets the connect that is held, without an answer.
    pub(super) fn drop_connect(&mut self, id: SessionId) -> Option<Connect> {
        let connect = self.sessions.get_mut(id.0)?.connect.take()?;
        if connect.is_counted {
            let caller = self.peers.get(connect.peer.0);
            let caller = caller.map(|peer| (peer.transport, Arc::clone(&peer.caller)));
            if let Some((transport, caller)) = caller
                && let Some(browser) = caller.browser.as_ref().filter(|_| transport.is_polling())
            {
                self.browsers.remove(browser);
            }
            if self.options.detailed_events {
                self.tell(BrokerEvent::Resumed(id));
            }
        }
        Some(connect)
    }

    /// Answers the connect that is held.
    pub(super) fn end_connect(&mut self, id: SessionId, ending: Ending, now: Instant) {
        let Some(connect) = self.drop_connect(id) else {
            return;
        };
        let wall = self.wall(now);
        let options = &self.options;
        let (Some(peer), Some(session)) = (
            self.peers.get_mut(connect.peer.0),
            self.sessions.get_mut(id.0),
        ) else {
            return;
        };
        let (advice, error, is_regular) = match ending {
            Ending::Regular => {
                let is_due = core::mem::take(&mut session.needs_advice);
                let advice = is_due.then(|| session.advice(Reconnect::Retry, options));
                (advice, None, true)
            }
            Ending::Advised(advice) => (Some(advice), None, false),
            Ending::Refused(error, advice) => (Some(advice), Some(error), false),
        };
        let batch = (session.acknowledges && is_regular).then(|| session.queue.seal());
        let reply = Reply {
            channel: Some(Meta::Connect.name()),
            id: connect.id.as_ref(),
            error,
            advice,
            ack: batch.map(Ack::Batch),
            sync: connect.sync.as_deref(),
            now: wall,
            is_stamped: options.timestamp,
            ..Reply::default()
        };
        reply.write(&mut peer.replies);
        peer.cargo.written.answered.push(id);
        peer.is_complete = peer.transport.is_polling();
        if let Some(batch) = batch.filter(|_| options.detailed_events) {
            self.tell(BrokerEvent::BatchSent { session: id, batch });
        }
        if is_regular {
            self.send_with_reply(id, connect.peer);
        }
        self.wake(connect.peer);
    }

    /// Counts a connect among those of its browser. Returns whether it may be held.
    fn count_browser(&mut self, peer: PeerId) -> bool {
        let Some(peer) = self.peers.get(peer.0) else {
            return false;
        };
        let most = self.options.max_sessions_per_browser;
        let browser = peer.caller.browser.as_ref();
        match browser.filter(|_| peer.transport.is_polling()) {
            Some(browser) => self.browsers.add(browser, most.unwrap_or(usize::MAX)),
            None => true,
        }
    }

    /// What a session is told whose browser has too many: to poll now and then, or to go.
    fn crowded(&mut self, id: SessionId) -> Ending {
        let interval = self.options.multi_session_interval;
        let Some(session) = self.sessions.get_mut(id.0) else {
            return Ending::Regular;
        };
        let advice = Advice {
            multiple_clients: true,
            ..session.advice(Reconnect::Retry, &self.options)
        };
        if interval.is_zero() {
            let reconnect = Some(Reconnect::None);
            return Ending::Refused(
                CROWDED,
                Advice {
                    reconnect,
                    ..advice
                },
            );
        }
        session.interval = Some(interval);
        Ending::Advised(Advice {
            interval: Some(interval),
            ..advice
        })
    }

    fn is_inactive(&self, id: SessionId, now: Instant) -> bool {
        let limit = self.options.activity;
        let session = self.sessions.get(id.0);
        session.zip(limit).is_some_and(|(session, limit)| {
            session.transport != Transport::Local
                && now.since(session.active) > limit.max_inactivity
        })
    }

    /// Answers every connect that is held, each with how long the client is to wait before the next one: the server goes
    /// away.
    pub fn release(&mut self, mut interval: impl FnMut() -> Duration, now: Instant) {
        self.now = self.now.max(now);
        let held = self.sessions.iter();
        let held = held.filter(|(_, session)| session.connect.is_some());
        let held: alloc::vec::Vec<_> = held.map(|(key, _)| SessionId(key)).collect();
        for id in held {
            self.release_session(id, interval(), now);
        }
    }

    /// Answers the connects that are held at one peer, as [`release`](Self::release) does those of all.
    pub fn release_at(&mut self, peer: PeerId, interval: Duration, now: Instant) {
        self.now = self.now.max(now);
        let sessions = self.peers.get(peer.0).map(|peer| peer.sessions.clone());
        for id in sessions.unwrap_or_default() {
            let connect = self.sessions.get(id.0).and_then(|it| it.connect.as_ref());
            if connect.is_some_and(|connect| connect.peer == peer) {
                self.release_session(id, interval, now);
            }
        }
    }

    fn release_session(&mut self, id: SessionId, interval: Duration, now: Instant) {
        let Some(session) = self.sessions.get_mut(id.0) else {
            return;
        };
        session.interval = Some(interval);
        let advice = Advice {
            interval: Some(interval),
            ..session.advice(Reconnect::Retry, &self.options)
        };
        self.end_connect(id, Ending::Advised(advice), now);
    }
}
