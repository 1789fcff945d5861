//! What goes out: through which connection, and what becomes of it there.

use super::{
    Broker, BrokerEvent, Cause, Output, Parcel, PeerId, SessionId, Transport, connect::Ending,
    peer::Written, session::Session,
};
use crate::{
    bayeux::{Batch, Reconnect, ext::ActivityKind},
    time::Instant,
};

impl<P: Clone, F: Default> Broker<P, F> {
    /// What a peer is sent next. A shell that was woken collects, sends, says [`delivered`](Self::delivered), and so on until
    /// there is nothing. A polling request gets one parcel, which may be empty.
    ///
    /// There is nothing, too, while the last parcel is being written, or a payload of the peer is being carried out.
    pub fn collect(&mut self, id: PeerId, now: Instant) -> Option<Parcel<F>> {
        self.now = self.now.max(now);
        let peer = self.peers.get_mut(id.0)?;
        if peer.writing.is_some() || peer.turn.is_some() {
            peer.is_woken = false;
            peer.is_put_off = true;
            return None;
        }
        if peer.close.is_none() {
            self.load(id);
        }
        let peer = self.peers.get_mut(id.0)?;
        let has_something = core::mem::take(&mut peer.is_complete)
            || !peer.first.is_empty()
            || !peer.replies.is_empty()
            || !peer.cargo.deliveries.is_empty()
            || peer.close.is_some();
        if !has_something {
            peer.is_woken = false;
            return None;
        }
        let cargo = core::mem::take(&mut peer.cargo);
        peer.writing = Some(cargo.written);
        let text = |batch: &mut Batch| {
            let batch = core::mem::take(batch);
            (!batch.is_empty()).then(|| batch.into_text())
        };
        Some(Parcel {
            first: text(&mut peer.first),
            deliveries: cargo.deliveries,
            replies: text(&mut peer.replies),
            is_joined: core::mem::take(&mut peer.is_joined) || peer.transport.is_polling(),
            close: peer.close.take(),
        })
    }

    /// Takes along what waits for the sessions of a peer.
    fn load(&mut self, id: PeerId) {
        let mut at = 0;
        while let Some(session) = self.session_at(id, at) {
            at += 1;
            let Some(state) = self.sessions.get(session.0) else {
                continue;
            };
            let pushes = state.pushes_to(&self.options) == Some(id) && !state.is_held_back();
            // What came since the request was answered goes along.
            let is_lent = state.lent_to == Some(id);
            if pushes || is_lent {
                self.lend(session, id);
            }
        }
    }

    fn session_at(&self, peer: PeerId, at: usize) -> Option<SessionId> {
        self.peers.get(peer.0)?.sessions.get(at).copied()
    }

    /// So many messages of the last parcel, from its first on, are written: should the connection break before the rest is,
    /// they are not sent again. Where that is unknown, all of them are.
    pub fn progressed(&mut self, id: PeerId, deliveries: usize, now: Instant) {
        self.now = self.now.max(now);
        let mut left = deliveries;
        while left > 0 {
            let writing = self.peers.get_mut(id.0).and_then(|it| it.writing.as_mut());
            let Some(loan) = writing.and_then(|writing| writing.loans.first_mut()) else {
                return;
            };
            let written = left.min(loan.1);
            loan.1 -= written;
            left -= written;
            let (session, rest) = *loan;
            if let Some(session) = self.borrower(session, id) {
                session.queue.settle(written);
            }
            let writing = self.peers.get_mut(id.0).and_then(|it| it.writing.as_mut());
            if let Some(writing) = writing.filter(|_| rest == 0) {
                writing.loans.remove(0);
            }
        }
    }

    /// A session whose messages a peer has.
    fn borrower(&mut self, session: SessionId, peer: PeerId) -> Option<&mut Session<F>> {
        let session = self.sessions.get_mut(session.0)?;
        (session.lent_to == Some(peer)).then_some(session)
    }

    /// All of the last parcel is written. Polling requests say so before their client can send the next one: as the last of
    /// the body is handed over.
    pub fn delivered(&mut self, id: PeerId, now: Instant) {
        self.now = self.now.max(now);
        let Some(peer) = self.peers.get_mut(id.0) else {
            return;
        };
        let Some(Written { loans, answered }) = peer.writing.take() else {
            return;
        };
        for (session, count) in &loans {
            if let Some(session) = self.borrower(*session, id) {
                session.queue.settle(*count);
            }
        }
        let counts = self.options.activity.map(|activity| activity.kind);
        let counts = counts == Some(ActivityKind::ClientServer);
        let is_detailed = self.options.detailed_events;
        for (id_of_session, _) in loans {
            if let Some(session) = self.borrower(id_of_session, id) {
                session.lent_to = None;
                if counts {
                    session.active = now;
                }
                if is_detailed && session.queue.len() == 0 {
                    self.tell(BrokerEvent::Drained(id_of_session));
                }
            }
            self.flush(id_of_session, now);
        }
        for session in answered {
            self.expire_later(session, now);
        }
        self.wake_again(id);
    }

    /// Wakes a peer that found nothing only because it came too early.
    pub(super) fn wake_again(&mut self, id: PeerId) {
        let peer = self.peers.get_mut(id.0);
        if peer.is_some_and(|peer| core::mem::take(&mut peer.is_put_off)) {
            self.wake(id);
        }
    }

    /// Tells the shell, once, that there is something for a peer.
    pub(super) fn wake(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(id.0)
            && !core::mem::replace(&mut peer.is_woken, true)
        {
            self.outputs.push_back(Output::Wake(peer.handle.clone()));
        }
    }

    /// Sends what waits for a session, where something is worth it and there is a way.
    pub(super) fn flush(&mut self, id: SessionId, now: Instant) {
        let Some(session) = self.sessions.get(id.0) else {
            return;
        };
        if session.is_held_back() || !session.queue.is_eager() || session.lent_to.is_some() {
            return;
        }
        if let Some(socket) = session.pushes_to(&self.options) {
            self.wake(socket);
        } else if session.connect.is_some() {
            self.end_connect(id, Ending::Regular, now);
        }
    }

    /// Sends what waits for a session with the reply that was just written, where it is not pushed anyway.
    pub(super) fn send_with_reply(&mut self, id: SessionId, to: PeerId) {
        let Some(session) = self.sessions.get_mut(id.0) else {
            return;
        };
        if session.acknowledges {
            let Some(peer) = self.peers.get_mut(to.0) else {
                return;
            };
            // They stay in the queue until they are acknowledged. A parcel that answers two connects has them once.
            peer.cargo.unload(id);
            peer.cargo.load(id, session.queue.out());
            peer.is_joined = true;
            session.lazy_due = None;
        } else if session.pushes_to(&self.options).is_none() {
            self.lend(id, to);
        }
    }

    /// Entrusts what waits for a session to a peer, unless another has some already.
    fn lend(&mut self, id: SessionId, to: PeerId) {
        let (Some(session), Some(peer)) = (self.sessions.get_mut(id.0), self.peers.get_mut(to.0))
        else {
            return;
        };
        // What is being written is known to have arrived all at once.
        let is_free = session
            .lent_to
            .is_none_or(|other| other == to && peer.writing.is_none());
        if is_free && !session.acknowledges && session.queue.unsent() > 0 {
            session.lent_to = Some(to);
            session.lazy_due = None;
            peer.cargo.load(id, session.queue.lend());
        }
    }

    /// What a peer has and did not deliver goes back.
    pub(super) fn take_back(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get_mut(id.0) else {
            return;
        };
        let cargo = core::mem::take(&mut peer.cargo).written.loans;
        let writing = peer.writing.as_mut();
        let writing = writing.map(|it| core::mem::take(&mut it.loans));
        for (session, _) in cargo.into_iter().chain(writing.unwrap_or_default()) {
            self.revoke(session, id);
        }
    }

    /// What a peer has of a session goes back to it.
    fn revoke(&mut self, session: SessionId, peer: PeerId) {
        if let Some(borrower) = self.borrower(session, peer) {
            borrower.queue.revoke();
            borrower.lent_to = None;
            if let Some(peer) = self.peers.get_mut(peer.0) {
                peer.cargo.unload(session);
            }
        }
    }

    /// A payload is finished: its replies are sent, with what its effects are.
    pub(super) fn send_turn(&mut self, id: PeerId, sessions: &[SessionId], opened: &[SessionId]) {
        let Some(peer) = self.peers.get(id.0) else {
            return;
        };
        let has_replies = !peer.first.is_empty() || !peer.replies.is_empty();
        let is_polling = peer.transport.is_polling();
        let is_held = |session: &&SessionId| {
            let session = self.sessions.get(session.0);
            let connect = session.and_then(|session| session.connect.as_ref());
            connect.is_some_and(|connect| connect.peer == id)
        };
        if !is_polling {
            if has_replies {
                self.wake(id);
            }
        } else if !sessions.iter().any(|session| is_held(&session)) {
            for session in sessions.iter().filter(|it| !opened.contains(it)) {
                let state = self.sessions.get(session.0);
                if state.is_some_and(|it| !it.is_held_back() && !it.is_connect_only(&self.options))
                {
                    self.lend(*session, id);
                }
            }
            if let Some(peer) = self.peers.get_mut(id.0) {
                peer.is_complete = true;
            }
            self.wake(id);
        }
    }

    /// A session follows the connection that it spoke through last.
    pub(super) fn follow(&mut self, id: SessionId, to: PeerId, now: Instant) {
        let Some(peer) = self.peers.get_mut(to.0) else {
            return;
        };
        let (transport, is_polling) = (peer.transport, peer.transport.is_polling());
        if !peer.sessions.contains(&id) {
            peer.sessions.push(id);
        }
        let Some(session) = self.sessions.get_mut(id.0) else {
            return;
        };
        let is_other = core::mem::replace(&mut session.transport, transport) != transport;
        session.needs_advice |= is_other;
        let socket = (!is_polling).then_some(to);
        let before = core::mem::replace(&mut session.socket, socket);
        session.needs_advice |= before != socket;
        let holder = session.connect.as_ref().map(|connect| connect.peer);
        if let Some(before) = before.filter(|before| Some(*before) != socket) {
            if let Some(peer) = self.peers.get_mut(before.0) {
                peer.sessions.retain(|other| *other != id);
            }
            self.revoke(id, before);
            if holder == Some(before) {
                self.drop_connect(id);
            }
        } else if is_other && holder.is_some() {
            let advice = self.sessions.get(id.0);
            let advice = advice.map(|it| it.advice(Reconnect::Retry, &self.options));
            self.end_connect(id, Ending::Advised(advice.unwrap_or_default()), now);
        }
    }

    /// A connection is over: closed, aborted, or answered. What it was given and did not deliver goes back to its
    /// sessions, and those that have no other have to connect again in time.
    pub fn detach(&mut self, id: PeerId, now: Instant) {
        self.now = self.now.max(now);
        let mut touched = self.end_turn(id);
        self.take_back(id);
        let Some(peer) = self.peers.get_mut(id.0) else {
            return;
        };
        let is_polling = peer.transport.is_polling();
        let is_local = peer.transport == Transport::Local;
        let openings = core::mem::take(&mut peer.openings);
        touched.extend(core::mem::take(&mut peer.sessions));
        touched.extend(openings.into_iter().map(|opening| opening.session));
        touched.sort_unstable();
        touched.dedup();
        for session in &touched {
            self.lose(*session, id, is_polling, now);
        }
        self.peers.remove(id.0);
        for session in touched {
            if is_local {
                self.remove(session, Cause::Disconnected, None, now);
            } else {
                self.flush(session, now);
            }
        }
    }

    /// A session's connection is gone.
    fn lose(&mut self, id: SessionId, peer: PeerId, is_polling: bool, now: Instant) {
        let Some(session) = self.sessions.get_mut(id.0) else {
            return;
        };
        let had_socket = session.socket == Some(peer);
        session.socket = session.socket.filter(|socket| *socket != peer);
        let had_connect = session.connect.as_ref().is_some_and(|it| it.peer == peer);
        if had_connect {
            self.drop_connect(id);
        }
        let is_waiting = self
            .sessions
            .get(id.0)
            .is_some_and(|session| session.expires.is_none());
        if had_socket || had_connect || is_waiting {
            self.expire_later(id, now);
        }
        if had_socket || (had_connect && is_polling) {
            self.tell(BrokerEvent::Detached(id));
        }
    }

    /// Everything that waits for a session, to be sent before it is over.
    pub(super) fn take_along(&mut self, id: SessionId, to: PeerId) {
        let (Some(session), Some(peer)) = (self.sessions.get_mut(id.0), self.peers.get_mut(to.0))
        else {
            return;
        };
        peer.cargo.load(id, session.queue.lend());
    }
}
