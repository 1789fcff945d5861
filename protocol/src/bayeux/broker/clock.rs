//! What time brings: connects that were held long enough, sessions that are over, channels that nobody uses.

use super::{Broker, BrokerEvent, Cause, PeerId, SessionId, connect::Ending};
use crate::{
    bayeux::{Advice, ErrorText, Meta, Reconnect},
    time::Instant,
};

impl<P: Clone, F: Default> Broker<P, F> {
    /// Time went by. Early and repeated calls do nothing.
    pub fn tick(&mut self, now: Instant) {
        self.now = self.now.max(now);
        while let Some((at, key)) = self.alarms.first().copied() {
            if at > now {
                break;
            }
            self.alarms.pop_first();
            let id = SessionId(key);
            if let Some(session) = self.sessions.get_mut(key) {
                session.alarm = None;
                self.look_at(id, now);
                self.arm(id);
            }
        }
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.sweep_at = None;
            for pattern in self.channels.sweep() {
                self.tell(BrokerEvent::ChannelRemoved(pattern));
            }
            self.plan_sweep();
        }
    }

    /// When [`tick`](Self::tick) is due at the latest; `None` for never.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let alarm = self.alarms.first().map(|(at, _)| *at);
        [alarm, self.sweep_at].into_iter().flatten().min()
    }

    /// What is due for a session.
    fn look_at(&mut self, id: SessionId, now: Instant) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let Some(session) = self.sessions.get_mut(id.0) else {
            return;
        };
        if is_due(session.expires) {
            return self.remove(id, Cause::Expired, None, now);
        }
        let most = self.options.max_processing;
        if is_due(
            session
                .busy_since
                .zip(most)
                .map(|(since, most)| since + most),
        ) {
            return self.remove(id, Cause::Stuck, None, now);
        }
        if is_due(session.lazy_due) {
            session.lazy_due = None;
            session.queue.hasten();
            self.flush(id, now);
        }
        let connect = self.sessions.get(id.0);
        let connect = connect.and_then(|session| session.connect.as_ref());
        if is_due(connect.map(|connect| connect.until)) {
            self.end_connect(id, Ending::Regular, now);
        }
    }

    /// Sees to it that a session is looked at when something is due. One that is looked at too early does not mind.
    pub(super) fn arm(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id.0) else {
            return;
        };
        let Some(due) = session.due(&self.options) else {
            return;
        };
        if session.alarm.is_none_or(|alarm| due < alarm) {
            if let Some(alarm) = session.alarm.replace(due) {
                self.alarms.remove(&(alarm, id.0));
            }
            self.alarms.insert((due, id.0));
        }
    }

    /// A session has to connect in time from now on.
    pub(super) fn expire_later(&mut self, id: SessionId, now: Instant) {
        if let Some(session) = self.sessions.get_mut(id.0) {
            session.start_expiry(now, &self.options);
            self.arm(id);
        }
    }

    /// A client said something.
    pub(super) fn hear(&mut self, peer: PeerId, id: SessionId, is_connect: bool, now: Instant) {
        self.follow(id, peer, now);
        self.hold_for_turn(peer, id);
        if let Some(session) = self.sessions.get_mut(id.0) {
            if is_connect {
                session.expires = None;
            } else {
                session.active = now;
                session.extend(now, &self.options);
            }
        }
        self.arm(id);
    }

    /// What is for a session waits until the payload that it is part of is carried out.
    pub(super) fn hold_for_turn(&mut self, peer: PeerId, id: SessionId) {
        let turn = self.peers.get_mut(peer.0);
        let turn = turn.and_then(|peer| peer.turn.as_mut());
        let (Some(turn), Some(session)) = (turn, self.sessions.get_mut(id.0)) else {
            return;
        };
        if !turn.sessions.contains(&id) {
            turn.sessions.push(id);
            session.turns += 1;
            session.busy_since = session.busy_since.or(Some(turn.since));
        }
    }

    pub(super) fn plan_sweep(&mut self) {
        if self.channels.needs_sweep && self.sweep_at.is_none() {
            self.sweep_at = Some(self.now + self.options.sweep_period);
        }
    }

    /// Ends a session, and tells its client. Returns whether it was there.
    pub fn disconnect(&mut self, session: SessionId, now: Instant) -> bool {
        self.now = self.now.max(now);
        let is_there = self.has(session);
        self.remove(session, Cause::Dismissed, None, now);
        is_there
    }

    /// A client ended its session; what waits for it goes with the reply.
    pub(super) fn end_by_client(&mut self, peer: PeerId, session: SessionId, now: Instant) {
        self.remove(session, Cause::Disconnected, Some(peer), now);
    }

    /// A session is over. What it has to be told goes to `via`, or to wherever something can be sent to it.
    pub(super) fn remove(
        &mut self,
        id: SessionId,
        cause: Cause,
        via: Option<PeerId>,
        now: Instant,
    ) {
        let Some(session) = self.sessions.get(id.0) else {
            return;
        };
        let holder = session.connect.as_ref().map(|connect| connect.peer);
        let to = via.or(holder).or(session.socket);
        let none = session.advice(Reconnect::None, &self.options);
        let ending = match cause {
            Cause::Disconnected | Cause::Dismissed | Cause::Inactive => Ending::Advised(none),
            // A reply that was successful cannot say this: clients do not expect it there.
            Cause::Expired | Cause::Stuck | Cause::Overflow => Ending::Refused(
                ErrorText::SESSION_UNKNOWN,
                Advice {
                    reconnect: Some(Reconnect::Handshake),
                    interval: Some(core::time::Duration::ZERO),
                    ..none
                },
            ),
        };
        if let Some(to) = to.filter(|_| cause != Cause::Overflow) {
            self.take_along(id, to);
            if matches!(cause, Cause::Dismissed | Cause::Inactive)
                && let Some(peer) = self.peers.get_mut(to.0)
            {
                peer.replies.message(|message| {
                    message.text("channel", Meta::Disconnect.name());
                    message.flag("successful", true);
                });
                self.wake(to);
            }
        }
        self.end_connect(id, ending, now);
        self.forget(id, cause);
    }

    fn forget(&mut self, id: SessionId, cause: Cause) {
        let Some(session) = self.sessions.get_mut(id.0) else {
            return;
        };
        for pattern in core::mem::take(&mut session.subscriptions) {
            if self.channels.unsubscribe(&pattern, id.0.index) {
                self.tell(BrokerEvent::Unsubscribed {
                    session: id,
                    pattern,
                });
            }
        }
        let Some(session) = self.sessions.remove(id.0) else {
            return;
        };
        self.ids.remove(&session.client_id);
        if let Some(alarm) = session.alarm {
            self.alarms.remove(&(alarm, id.0));
        }
        if let Some(address) = &session.caller.address {
            self.addresses.remove(address);
        }
        let at = session.socket.and_then(|peer| self.peers.get_mut(peer.0));
        if let Some(peer) = at {
            peer.sessions.retain(|other| *other != id);
        }
        self.tell(BrokerEvent::SessionRemoved {
            session: id,
            client_id: session.client_id,
            cause,
        });
        self.plan_sweep();
    }
}
