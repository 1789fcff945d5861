//! Handshakes.

use alloc::{format, string::String, sync::Arc, vec::Vec};

use super::{
    Broker, BrokerEvent, Denial, Effect, PeerId, Request, SessionId, Transport, Turn, Verdict,
    Welcome,
    queue::Queue,
    reply::{Ack, Greeting, Opening, Reply},
    request::Refusal,
    session::Session,
};
use crate::{
    bayeux::{Advice, ErrorText, Field, Message, Meta, Reconnect},
    json::{Object, Value},
    time::Instant,
};

impl<P: Clone, F: Default> Broker<P, F> {
    /// Whether both ends have a version and a connection type in common. What is not said is no mismatch.
    pub(super) fn check_handshake(&self, message: &Message<Value>) -> Result<(), Refusal> {
        let version = message.text(Field::Version);
        let minimum = message.text(Field::MinimumVersion);
        let is_too_new = minimum.as_deref().is_some_and(|it| !is_at_most_ours(it));
        let is_other = version.as_deref().is_some_and(|version| {
            let major = major(version);
            major != Some(1) && (major < Some(1) || minimum.is_none())
        });
        if is_too_new || is_other {
            let version = version.as_deref().unwrap_or_default();
            return Err(self.mismatch(format!("300:{version}:Version mismatch")));
        }
        let types = message.texts(Field::SupportedConnectionTypes);
        let types = types.filter(|types| !types.is_empty());
        let ours = &self.options.connection_types;
        if let Some(types) = types
            && !types.iter().any(|it| ours.iter().any(|our| **our == **it))
        {
            let types: Vec<&str> = types.iter().map(|it| &**it).collect();
            let types = types.join(",");
            return Err(self.mismatch(format!("301:{types}:Connection types not supported")));
        }
        Ok(())
    }

    fn mismatch(&self, error: String) -> Refusal {
        Refusal {
            error,
            advice: Some(self.handshake_advice()),
        }
    }

    /// Opens a session, or says why not.
    pub(super) fn shake_hands(
        &mut self,
        turn: &Turn,
        request: &Request,
        verdict: Verdict,
        now: Instant,
    ) -> Effect {
        let refusal = match verdict {
            Verdict::Welcome(welcome) => match self.open(turn.peer, &welcome, now) {
                Some(session) => {
                    self.opened(turn.peer, session, request, welcome);
                    return Effect::Opened(session);
                }
                // There is room again once others are gone.
                None => self.mismatch(ErrorText::HANDSHAKE_DENIED.into()),
            },
            Verdict::Denied(Denial::Handshake { ext, advice }) => {
                return self.deny(turn, request, &ext, &advice);
            }
            Verdict::Deleted => self.stay_away(ErrorText::MESSAGE_DELETED),
            Verdict::Granted | Verdict::Denied(_) => self.stay_away(ErrorText::HANDSHAKE_FAILED),
        };
        self.refuse(turn, request, &refusal)
    }

    fn stay_away(&self, error: &str) -> Refusal {
        Refusal {
            error: error.into(),
            advice: Some(Advice {
                reconnect: Some(Reconnect::None),
                ..self.handshake_advice()
            }),
        }
    }

    fn deny(&mut self, turn: &Turn, request: &Request, ext: &Object, advice: &Advice) -> Effect {
        let refusal = self.stay_away(ErrorText::HANDSHAKE_DENIED);
        let now = self.wall(self.now);
        let sync = self.sync(request);
        let defaults = refusal.advice.unwrap_or_default();
        let id = request.message.id();
        let channel = request.message.channel();
        if let Some(peer) = self.peers.get_mut(turn.peer.0) {
            let reply = Reply {
                channel: channel.as_deref(),
                id: id.as_ref(),
                error: Some(&refusal.error),
                advice: Some(advice.over(&defaults)),
                greeting: Some(Greeting {
                    client_id: None,
                    connection_types: &self.options.connection_types,
                    messages: None,
                }),
                ext: Some(ext),
                sync: sync.as_ref(),
                now,
                is_stamped: self.options.timestamp,
                ..Reply::default()
            };
            reply.write(&mut peer.replies);
        }
        Effect::Done
    }

    /// A new session, where there is room and its name is free.
    pub(super) fn open(
        &mut self,
        at: PeerId,
        welcome: &Welcome,
        now: Instant,
    ) -> Option<SessionId> {
        let peer = self.peers.get(at.0)?;
        let (caller, transport) = (Arc::clone(&peer.caller), peer.transport);
        let is_local = transport == Transport::Local;
        let is_full = self.sessions.len() >= self.options.max_sessions && !is_local;
        if is_full || self.ids.contains_key(&welcome.client_id) {
            return None;
        }
        if let Some(address) = &caller.address {
            let most = self.options.max_sessions_per_address;
            if !self.addresses.add(address, most) {
                return None;
            }
        }
        let session = Session {
            client_id: Arc::clone(&welcome.client_id),
            caller,
            transport,
            socket: None,
            origin: at,
            connect: None,
            queue: Queue::default(),
            lent_to: None,
            subscriptions: Vec::new(),
            attributes: welcome.attributes.clone(),
            options: None,
            is_connected: false,
            needs_advice: false,
            acknowledges: false,
            turns: 0,
            batches: 0,
            busy_since: None,
            interval: None,
            expires: None,
            lazy_due: None,
            active: now,
            alarm: None,
            mark: 0,
        };
        let id = SessionId(self.sessions.insert(session));
        self.ids.insert(Arc::clone(&welcome.client_id), id);
        self.follow(id, at, now);
        if let Some(session) = self.sessions.get_mut(id.0) {
            session.needs_advice = false;
        }
        self.tell(BrokerEvent::SessionAdded {
            session: id,
            client_id: Arc::clone(&welcome.client_id),
        });
        Some(id)
    }

    /// A session is there: what its extensions are, and what its handshake's reply will say.
    fn opened(&mut self, at: PeerId, id: SessionId, request: &Request, welcome: Welcome) {
        let ext = request.message.ext().unwrap_or_default();
        let wants = |name: &str| ext.get(name).is_some_and(|it| it.as_bool() == Some(true));
        let wants_ack = self.options.ack && wants("ack");
        let replays = wants("replay") && self.replays;
        let with_session = Request {
            session: Some(id),
            ..request.clone()
        };
        let sync = self.sync(&with_session);
        if let Some(session) = self.sessions.get_mut(id.0) {
            session.acknowledges = wants_ack;
        }
        if let Some(peer) = self.peers.get_mut(at.0) {
            peer.openings.push(Opening {
                session: id,
                client_id: welcome.client_id,
                channel: request.message.channel(),
                id: request.message.id(),
                ext: welcome.ext,
                sync,
                replays,
            });
        }
        self.hold_for_turn(at, id);
    }

    /// Writes the replies to the handshakes of a payload, which come before everything else. Returns whose they are.
    pub(super) fn greet(&mut self, at: PeerId, now: Instant) -> Vec<SessionId> {
        let mut opened = Vec::new();
        let openings = self.peers.get_mut(at.0);
        let openings = openings.map(|peer| core::mem::take(&mut peer.openings));
        for opening in openings.unwrap_or_default() {
            let wall = self.wall(now);
            let delivers = self.options.allow_message_delivery_during_handshake;
            let (Some(peer), Some(session)) = (
                self.peers.get_mut(at.0),
                self.sessions.get_mut(opening.session.0),
            ) else {
                continue;
            };
            let messages = delivers.then(|| session.queue.unsent());
            let ack = session.acknowledges.then(|| match messages {
                Some(_) => Ack::EnabledFrom(session.queue.seal()),
                None => Ack::Enabled,
            });
            let reply = Reply {
                channel: Some(opening.channel.as_deref().unwrap_or(Meta::Handshake.name())),
                id: opening.id.as_ref(),
                advice: Some(session.advice(Reconnect::Retry, &self.options)),
                greeting: Some(Greeting {
                    client_id: Some(&opening.client_id),
                    connection_types: &self.options.connection_types,
                    messages,
                }),
                ext: Some(&opening.ext),
                ack,
                sync: opening.sync.as_ref(),
                replays: opening.replays,
                now: wall,
                is_stamped: self.options.timestamp,
                ..Reply::default()
            };
            reply.write(&mut peer.first);
            peer.cargo.written.answered.push(opening.session);
            if delivers {
                self.send_with_reply(opening.session, at);
            }
            opened.push(opening.session);
        }
        opened
    }
}

/// The number before the first point.
fn major(version: &str) -> Option<u64> {
    version.split('.').next()?.parse().ok()
}

/// Whether who asks for at least this version gets along with 1.0.
fn is_at_most_ours(version: &str) -> bool {
    match major(version) {
        Some(0) => true,
        Some(1) => version
            .split('.')
            .skip(1)
            .all(|part| part.bytes().all(|byte| byte == b'0')),
        _ => false,
    }
}
