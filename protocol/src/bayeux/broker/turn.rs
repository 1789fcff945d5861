//! Payloads: each message is looked at, carried out and answered, and in the end all is sent.

use alloc::{borrow::ToOwned, boxed::Box, string::String, vec::Vec};

use super::{
    Broker, Denial, Effect, PeerId, Place, Question, Request, SessionId, Turn, Verdict,
    peer::OpenTurn,
    reply::{Greeting, Reply},
    request::{Kind, Refusal},
};
use crate::{
    bayeux::{
        Advice, Channel, ChannelError, ErrorText, Field, Message, Meta, Pattern, Reconnect,
        channel::{is_meta, is_service},
        ext::timesync::Sync,
    },
    json::{Json, Value},
    time::Instant,
};

/// What is refused of channels that look like the protocol's own, and of those for subscriptions.
const META_CREATE: &str = "403:denied_by_security_policy:create_denied";
const META_SUBSCRIBE: &str = "403:denied_by_security_policy:subscribe_denied";
const META_PUBLISH: &str = "403:denied_by_security_policy:channel_create_denied";

impl<P: Clone, F: Default> Broker<P, F> {
    /// A payload of so many messages came. One that is still open on this connection is given up.
    pub fn begin(&mut self, peer: PeerId, count: usize, now: Instant) -> Turn {
        self.now = self.now.max(now);
        self.end_turn(peer);
        self.turns += 1;
        let number = self.turns;
        if let Some(peer) = self.peers.get_mut(peer.0) {
            peer.turn = Some(Box::new(OpenTurn {
                number,
                is_alone: count == 1,
                since: now,
                sessions: Vec::new(),
            }));
        }
        Turn { peer, number }
    }

    /// Looks at the next message of a payload: whether it is valid, whose it is, and what the policy has to be asked.
    pub fn examine(&mut self, turn: &Turn, message: Message<Value>, now: Instant) -> Request {
        self.now = self.now.max(now);
        let received = self.wall(now);
        let (session, kind) = match self.read(turn, &message) {
            Ok((session, kind)) => (session, kind),
            Err(refusal) => (None, Kind::Refused(refusal)),
        };
        if let Some(session) = session {
            let is_connect = matches!(kind, Kind::Connect);
            self.hear(turn.peer, session, is_connect, now);
        }
        Request {
            question: self.question(&kind),
            message,
            session,
            kind,
            received,
        }
    }

    /// Carries a message out, and writes its reply.
    pub fn carry_out(
        &mut self,
        turn: &Turn,
        request: Request,
        verdict: Verdict,
        now: Instant,
    ) -> Effect {
        self.now = self.now.max(now);
        if !self.is_open(turn) {
            return Effect::Done;
        }
        let lost = request.session.filter(|id| !self.has(*id)).is_some();
        if lost {
            let refusal = self.unknown_session(matches!(request.kind, Kind::Connect));
            return self.refuse(turn, &request, &refusal);
        }
        let error = match (&request.kind, &verdict) {
            (Kind::Refused(refusal), _) => {
                let refusal = refusal.clone();
                return self.refuse(turn, &request, &refusal);
            }
            (Kind::Handshake, _) => return self.shake_hands(turn, &request, verdict, now),
            (_, Verdict::Denied(denial)) => Some(error_of(denial)),
            (_, Verdict::Deleted) => Some(ErrorText::MESSAGE_DELETED.to_owned()),
            _ => None,
        };
        if let Some(error) = error {
            return self.refuse(turn, &request, &Refusal::new(error));
        }
        match (&request.kind, request.session) {
            (Kind::Connect, Some(session)) => self.connect(turn, session, &request, now),
            (Kind::Disconnect, Some(session)) => {
                self.succeed(turn, &request);
                self.end_by_client(turn.peer, session, now);
            }
            (Kind::Subscribe(patterns), Some(session)) => {
                if let Err(refusal) = self.subscribe_all(session, patterns, &request, now) {
                    return self.refuse(turn, &request, &refusal);
                }
                self.succeed(turn, &request);
            }
            (Kind::Unsubscribe(patterns), Some(session)) => {
                for pattern in patterns {
                    self.unsubscribe(session, pattern);
                }
                self.succeed(turn, &request);
            }
            (Kind::Publish(channel), _) => {
                self.succeed(turn, &request);
                return self.carry_out_publish(channel.clone(), request, now);
            }
            _ => {}
        }
        Effect::Done
    }

    /// A payload is carried out, or given up half-way: what it came to is sent.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a payload is finished once: its turn is used up"
    )]
    pub fn finish(&mut self, turn: Turn, now: Instant) {
        self.now = self.now.max(now);
        if !self.is_open(&turn) {
            return;
        }
        let peer = turn.peer;
        let sessions = self.end_turn(peer);
        let opened = self.greet(peer, now);
        self.send_turn(peer, &sessions, &opened);
        self.wake_again(peer);
        for session in sessions {
            self.flush(session, now);
        }
    }

    /// Ends the payload that is open on a connection, and returns the sessions that waited for that.
    pub(super) fn end_turn(&mut self, peer: PeerId) -> Vec<SessionId> {
        let turn = self.peers.get_mut(peer.0).and_then(|peer| peer.turn.take());
        let sessions = turn.map(|turn| turn.sessions).unwrap_or_default();
        for id in &sessions {
            let answers = self.peers.get(peer.0).is_some_and(|it| it.answers(*id));
            if let Some(session) = self.sessions.get_mut(id.0) {
                session.turns = session.turns.saturating_sub(1);
                session.busy_since = session.busy_since.filter(|_| session.turns > 0);
                // A connect may have been given up before it was carried out.
                if session.expires.is_none() && !answers {
                    self.expire_later(*id, self.now);
                }
            }
        }
        sessions
    }

    fn is_open(&self, turn: &Turn) -> bool {
        let open = self.peers.get(turn.peer.0);
        let open = open.and_then(|peer| peer.turn.as_ref());
        open.is_some_and(|open| open.number == turn.number)
    }

    /// Whose a message is, and what.
    fn read(
        &self,
        turn: &Turn,
        message: &Message<Value>,
    ) -> Result<(Option<SessionId>, Kind), Refusal> {
        let is_foreign = |id: &Value| id.is_container();
        if self.options.validate_message_fields && message.id().as_ref().is_some_and(is_foreign) {
            return Err(Refusal::new(ErrorText::ID_INVALID));
        }
        let Some(channel) = message.field(Field::Channel) else {
            return Err(Refusal::new(ErrorText::CHANNEL_MISSING));
        };
        let channel = channel
            .as_str()
            .ok_or_else(|| Refusal::new(ErrorText::CHANNEL_INVALID))?;
        let meta = Meta::of(channel);
        if meta == Some(Meta::Handshake) {
            self.check_handshake(message)?;
            return Ok((None, Kind::Handshake));
        }
        let kind = match meta {
            Some(meta) => Err(meta),
            None => Ok(Kind::Publish(self.read_channel(channel)?)),
        };
        let session = self.session_of(turn.peer, message);
        let Some(session) = session else {
            if let Ok(Kind::Publish(channel)) = kind
                && message.field(Field::ClientId).is_none()
                && self.channels.options(&channel).anonymous
            {
                return Ok((None, Kind::Publish(channel)));
            }
            return Err(self.unknown_session(meta == Some(Meta::Connect)));
        };
        let kind = match kind {
            Ok(publish) => publish,
            Err(Meta::Connect) => Kind::Connect,
            Err(Meta::Disconnect) => Kind::Disconnect,
            Err(Meta::Subscribe) => Kind::Subscribe(self.read_patterns(message)?),
            Err(_) => Kind::Unsubscribe(self.read_patterns(message)?),
        };
        if let Kind::Subscribe(patterns) = &kind {
            check_subscription(patterns)?;
        }
        Ok((Some(session), kind))
    }

    /// A channel that can be published to.
    fn read_channel(&self, name: &str) -> Result<Channel, Refusal> {
        if looks_like_meta(name) {
            return Err(Refusal::new(META_PUBLISH));
        }
        let channel = Channel::parse(name).map_err(|_| Refusal::new(ErrorText::CHANNEL_INVALID))?;
        self.check_length(channel.name())
            .map_err(|_| Refusal::new(ErrorText::CHANNEL_INVALID))?;
        Ok(channel)
    }

    fn read_patterns(&self, message: &Message<Value>) -> Result<Vec<Pattern>, Refusal> {
        let invalid = || Refusal::new(ErrorText::SUBSCRIPTION_INVALID);
        let subscription = message
            .field(Field::Subscription)
            .ok_or_else(|| Refusal::new(ErrorText::SUBSCRIPTION_MISSING))?;
        if subscription.items() > self.options.max_subscriptions {
            return Err(Refusal::new(ErrorText::SUBSCRIBE_FAILED));
        }
        let texts = message.texts(Field::Subscription).ok_or_else(invalid)?;
        texts
            .iter()
            .map(|text| {
                // What looks like the protocol's own is told apart before a slash is taken off it.
                if is_meta(text) && Meta::of(text).is_none() {
                    return Err(Refusal::new(META_CREATE));
                }
                let pattern = Pattern::parse(text).map_err(|_| invalid())?;
                self.check_length(pattern.text()).map_err(|_| invalid())?;
                Ok(pattern)
            })
            .collect()
    }

    fn check_length(&self, name: &str) -> Result<(), ChannelError> {
        let segments = name.bytes().filter(|byte| *byte == b'/').count();
        if name.len() > self.options.max_channel_length || segments > self.options.max_segments {
            return Err(ChannelError::Long);
        }
        Ok(())
    }

    /// What the policy has to be asked.
    fn question(&self, kind: &Kind) -> Question {
        match kind {
            Kind::Handshake => Question::Handshake,
            Kind::Subscribe(patterns) => {
                let broadcast = patterns.iter().filter(|it| !is_service(it.text()));
                Question::Subscribe(
                    broadcast
                        .map(|pattern| Place {
                            is_new: self.channels.node(pattern).is_none(),
                            name: pattern.clone(),
                        })
                        .collect(),
                )
            }
            Kind::Publish(channel) => Question::Publish(Place {
                is_new: self.channels.channel(channel.name()).is_none(),
                name: channel.clone(),
            }),
            _ => Question::Nothing,
        }
    }

    /// The session that a message is of, where it may be.
    fn session_of(&self, peer: PeerId, message: &Message<Value>) -> Option<SessionId> {
        let client_id = message.client_id()?;
        let caller = &self.peers.get(peer.0)?;
        let id = self.find(&client_id)?;
        let session = self.sessions.get(id.0)?;
        let (owner, caller, transport) = (&session.caller, &caller.caller, caller.transport);
        if owner.principal != caller.principal {
            return None;
        }
        let is_other = match (&owner.browser, &caller.browser) {
            (Some(owner), Some(caller)) => owner != caller,
            // Only polling needs a cookie in each request: a page of another site can neither read nor set it.
            (Some(_), None) => transport.is_polling(),
            (None, _) => false,
        };
        if is_other && !self.options.trust_client_session {
            return None;
        }
        let is_bound = self.options.require_handshake_per_connection && !transport.is_polling();
        (!is_bound || session.origin == peer).then_some(id)
    }

    pub(super) fn unknown_session(&self, is_connect: bool) -> Refusal {
        // Advice in other replies would be taken for the one of a newer session.
        Refusal {
            error: ErrorText::SESSION_UNKNOWN.into(),
            advice: is_connect.then(|| self.handshake_advice()),
        }
    }

    /// What who has no session is to do.
    pub(super) fn handshake_advice(&self) -> Advice {
        Advice {
            reconnect: Some(Reconnect::Handshake),
            interval: Some(core::time::Duration::ZERO),
            timeout: Some(self.options.timeout),
            ..Advice::default()
        }
    }

    pub(super) fn refuse(&mut self, turn: &Turn, request: &Request, refusal: &Refusal) -> Effect {
        let error = Some(refusal.error.as_str());
        self.reply(turn.peer, request, error, refusal.advice.clone());
        Effect::Done
    }

    fn succeed(&mut self, turn: &Turn, request: &Request) {
        self.reply(turn.peer, request, None, None);
    }

    /// Answers a request.
    fn reply(
        &mut self,
        peer: PeerId,
        request: &Request,
        error: Option<&str>,
        advice: Option<Advice>,
    ) {
        let now = self.wall(self.now);
        let sync = self.sync(request);
        let Some(peer) = self.peers.get_mut(peer.0) else {
            return;
        };
        let message = &request.message.0;
        let echoes = matches!(
            request.message.meta(),
            Some(Meta::Subscribe | Meta::Unsubscribe)
        );
        let subscription = message.get(Field::Subscription.name());
        let is_handshake = request.message.meta() == Some(Meta::Handshake);
        let reply = Reply {
            channel: message.get(Field::Channel.name()).and_then(Value::as_str),
            id: message
                .get(Field::Id.name())
                .filter(|id| !self.options.validate_message_fields || !id.is_container()),
            error,
            subscription: subscription.filter(|_| echoes),
            advice,
            greeting: is_handshake.then_some(Greeting {
                client_id: None,
                connection_types: &self.options.connection_types,
                messages: None,
            }),
            sync: sync.as_ref(),
            now,
            is_stamped: self.options.timestamp,
            ..Reply::default()
        };
        reply.write(&mut peer.replies);
    }

    /// What a request wants to know of the time. What it knows is noted.
    pub(super) fn sync(&mut self, request: &Request) -> Option<Sync> {
        if !self.options.timesync || request.message.meta().is_none() {
            return None;
        }
        let sync = Sync::read(&request.message.ext()?, request.received)?;
        let session = request.session.and_then(|id| self.sessions.get_mut(id.0));
        if let (Some(lag), Some(session)) = (sync.lag(), session) {
            session.attributes.insert("lag", lag.into());
        }
        Some(sync)
    }
}

impl Refusal {
    pub(super) fn new(error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            advice: None,
        }
    }
}

/// Whether a name is that of a meta channel, or could be taken for one.
fn looks_like_meta(name: &str) -> bool {
    let first = name.split('/').nth(1).unwrap_or_default();
    is_meta(name) || first.eq_ignore_ascii_case("meta")
}

/// Nobody subscribes to the protocol's own channels.
fn check_subscription(patterns: &[Pattern]) -> Result<(), Refusal> {
    match patterns.iter().find(|it| looks_like_meta(it.text())) {
        Some(pattern) if Meta::of(pattern.text()).is_some() => Err(Refusal::new(META_SUBSCRIBE)),
        Some(_) => Err(Refusal::new(META_CREATE)),
        None => Ok(()),
    }
}

fn error_of(denial: &Denial) -> String {
    match denial {
        Denial::Handshake { .. } => ErrorText::HANDSHAKE_DENIED.into(),
        Denial::Failed => ErrorText::HANDSHAKE_FAILED.into(),
        Denial::Create(reason) => alloc::format!("403:{reason}:create_denied"),
        Denial::Subscribe(reason) => alloc::format!("403:{reason}:subscribe_denied"),
        Denial::CreateToPublish(reason) => alloc::format!("403:{reason}:channel_create_denied"),
        Denial::Publish(reason) => alloc::format!("403:{reason}:publish_denied"),
    }
}
