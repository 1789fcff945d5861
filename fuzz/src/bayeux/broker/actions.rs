//! The steps of a script.

use std::time::Duration;

use mirrorball_protocol::{
    bayeux::{
        Advice, Channel, Message, Meta, Pattern,
        broker::{
            Caller, ChannelOptions, Denial, Effect, Question, Request, SessionId, SessionOptions,
            Transport, TransportOptions, Turn, Verdict, Welcome,
        },
        messages,
    },
    json::{Object, Value},
};

use super::bench::{Bench, NUMBERED};

/// How far time goes, in milliseconds.
const PAUSES: [u64; 10] = [0, 1, 50, 997, 1_000, 2_000, 3_000, 5_000, 10_000, 60_000];

impl Bench {
    /// Does what a line says. What says nothing does nothing.
    pub(super) fn act(&mut self, line: &str) {
        self.overflown.clear();
        let mut characters = line.chars();
        let Some(step) = characters.next() else {
            return;
        };
        let mut digit = || {
            characters
                .next()
                .and_then(|it| it.to_digit(10))
                .unwrap_or(0) as usize
        };
        let (one, two) = (digit(), digit());
        let rest = characters.as_str();
        let now = self.now;
        match step {
            'a' => drop(self.attach(transport(one), caller(two))),
            't' | 'T' => {
                self.now = now + Duration::from_millis(PAUSES[one]);
                if step == 't' {
                    self.tick();
                }
            }
            'p' | 'C' | 'R' => self.about(step, one, two, rest),
            'e' => self
                .broker
                .release(|| Duration::from_millis(PAUSES[one]), now),
            'A' => self.answer(one),
            'q' => self.revive(),
            'n' | 'k' | 'o' | 's' | 'S' | 'U' => {
                let living = self.broker.sessions().count().max(1);
                let session = self.broker.sessions().nth(one % living);
                if let Some(session) = session {
                    self.about_session(step, session, two, rest);
                }
            }
            'c' => {
                if let Some(session) = self.batches.pop() {
                    self.broker.end_batch(session, now);
                }
            }
            _ if self.peers.is_empty() => {}
            _ => self.about_peer(step, one % self.peers.len(), two, rest),
        }
        self.settle();
    }

    fn about_peer(&mut self, step: char, at: usize, two: usize, rest: &str) {
        match step {
            'm' => {
                self.begin(at, two, rest, false);
                self.finish(at);
            }
            'b' => self.begin(at, two, rest, true),
            'f' => self.finish(at),
            'r' => drop(self.collect(at)),
            'g' => self.progressed(at, two),
            'd' => drop(self.delivered(at)),
            'x' => self.detach(at),
            'l' => {
                self.named += 1;
                self.opening = Some(self.peers[at].transport);
                let welcome = Welcome::new(format!("s{}", self.named));
                let opened = self
                    .broker
                    .open_local(self.peers[at].id, &welcome, self.now);
                let is_local = self.peers[at].transport == Transport::Local;
                assert!(is_local || opened.is_none());
            }
            'E' => {
                let interval = Duration::from_millis(PAUSES[two]);
                self.broker
                    .release_at(self.peers[at].id, interval, self.now);
            }
            _ => {}
        }
    }

    fn about_session(&mut self, step: char, session: SessionId, two: usize, rest: &str) {
        match (step, Pattern::parse(rest)) {
            ('n', _) => self.deliver(session, two),
            ('k', _) => assert!(self.broker.disconnect(session, self.now)),
            ('o', _) => {
                self.broker.begin_batch(session);
                self.batches.push(session);
            }
            ('s', _) => {
                let transport = TransportOptions {
                    meta_connect_deliver_only: two % 4 > 1,
                    timeout: (two > 3).then_some(Duration::from_secs(1)),
                    ..TransportOptions::default()
                };
                let hides_own = two % 2 == 1;
                let options = SessionOptions {
                    transport,
                    hides_own,
                };
                self.broker.configure_session(session, options);
            }
            ('S', Ok(pattern)) => drop(self.broker.subscribe(session, &pattern, self.now)),
            ('U', Ok(pattern)) => drop(self.broker.unsubscribe(session, &pattern)),
            _ => {}
        }
    }

    fn about(&mut self, step: char, one: usize, two: usize, rest: &str) {
        match (step, Pattern::parse(rest), Channel::parse(rest)) {
            ('p', _, Ok(channel)) if !is_numbered(channel.name()) => {
                let data = Value::from("x".repeat(two * 40));
                let subscribers = self.broker.publish(None, &channel, &data, self.now);
                assert!(subscribers <= self.sessions.len());
            }
            ('C', Ok(pattern), _) => {
                let mut options = ChannelOptions::default();
                options.persistent = one & 1 > 0;
                options.lazy = one & 2 > 0;
                options.lazy_timeout = (one & 4 > 0).then_some(Duration::from_millis(200));
                options.hides_own = two & 1 > 0;
                options.anonymous = two & 2 > 0;
                options.replay = if two & 4 > 0 { 2 } else { 0 };
                let _ = self.broker.configure(&pattern, options);
            }
            ('R', Ok(pattern), _) => drop(self.broker.remove_channel(&pattern)),
            _ => {}
        }
    }

    /// A payload comes, and is carried out but, where it `waits`, for its last message.
    pub(super) fn begin(&mut self, at: usize, verdict: usize, payload: &str, waits: bool) {
        let peer = &mut self.peers[at];
        if peer.transport.is_polling() && std::mem::replace(&mut peer.is_used, true) {
            return;
        }
        let payload = Value::parse(payload, &crate::limits()).ok();
        let most = self.broker.options().max_messages;
        let payload = payload.and_then(|payload| messages(payload, most).ok());
        let payload = payload.unwrap_or_default();
        if let Some((turn, held)) = peer.turn.take() {
            self.stale.push((turn, held.map(|(request, _)| request)));
        }
        let id = peer.id;
        let turn = self.broker.begin(id, payload.len(), self.now);
        self.settle();
        let mut held = None;
        let count = payload.len();
        for (place, mut message) in payload.into_iter().enumerate() {
            if let Value::Object(members) = &mut message.0
                && members.get("id").is_none_or(|id| !id.is_container())
            {
                self.last += 1;
                members.insert("id", Value::from(format!("q{}", self.last)));
            }
            let request = self.broker.examine(&turn, message, self.now);
            self.settle();
            if let Some(session) = request.session() {
                self.is_its_own(session, at);
                self.doubt(session, id);
            }
            let verdict = self.verdict(&request, verdict);
            if waits && place + 1 == count {
                held = Some((request, verdict));
            } else {
                self.carry_out(at, &turn, request, verdict);
            }
        }
        self.peers[at].turn = Some((turn, held));
    }

    /// A session is spoken for by the one who made it: with another user nobody is, and no browser with another's cookie.
    fn is_its_own(&self, session: SessionId, at: usize) {
        let peer = &self.peers[at];
        let owner = self.broker.caller(session).expect("it is there");
        assert_eq!(owner.principal, peer.caller.principal, "another user's");
        let is_other = owner.browser.is_some()
            && peer.caller.browser != owner.browser
            && (peer.caller.browser.is_some() || peer.transport.is_polling());
        let trusts = self.broker.options().trust_client_session;
        assert!(!is_other || trusts, "another browser's");
    }

    fn carry_out(&mut self, at: usize, turn: &Turn, request: Request, verdict: Verdict) {
        let (handle, transport) = (self.peers[at].handle, self.peers[at].transport);
        let message = request.message();
        let meta = message.meta();
        if let Some(id) = message.0.get("id").and_then(Value::as_str) {
            let may_wait = meta == Some(Meta::Connect);
            self.asked.insert(id.to_owned(), (handle, may_wait));
        }
        let wants_ack = wants_ack(message);
        self.opening = Some(transport);
        let effect = self.broker.carry_out(turn, request, verdict, self.now);
        self.settle();
        match effect {
            Effect::Opened(session) => {
                let acknowledges = wants_ack && self.broker.options().ack;
                let state = self.sessions.get_mut(&session).expect("it is there");
                state.heard.acknowledges = acknowledges;
            }
            Effect::Service(call) => self.calls.push(call),
            Effect::Done => {}
        }
    }

    /// Carries out what is left of a payload.
    pub(super) fn finish(&mut self, at: usize) {
        let Some((turn, held)) = self.peers[at].turn.take() else {
            return;
        };
        if let Some((request, verdict)) = held {
            self.carry_out(at, &turn, request, verdict);
        }
        self.broker.finish(turn, self.now);
        self.settle();
    }

    /// What was given up is carried out after all: it does nothing.
    fn revive(&mut self) {
        if let Some((turn, request)) = self.stale.pop() {
            if let Some(request) = request {
                let verdict = self.verdict(&request, 0);
                let effect = self.broker.carry_out(&turn, request, verdict, self.now);
                assert_eq!(effect, Effect::Done);
            }
            self.broker.finish(turn, self.now);
        }
    }

    fn verdict(&mut self, request: &Request, digit: usize) -> Verdict {
        let reason = || "because".to_owned();
        match (request.question(), digit) {
            (Question::Publish(place), _) if is_numbered(place.name.name()) => {
                Verdict::Denied(Denial::Publish(reason()))
            }
            (Question::Handshake, 5) => Verdict::Welcome(Welcome::new("s1")),
            (Question::Handshake, 0..5) | (_, 9) => {
                self.named += 1;
                Verdict::Welcome(Welcome::new(format!("s{}", self.named)))
            }
            (Question::Handshake, 6) => Verdict::Denied(Denial::Handshake {
                ext: Object::default(),
                advice: Advice::default(),
            }),
            (Question::Handshake, 7) => Verdict::Denied(Denial::Failed),
            (_, 6) => Verdict::Denied(Denial::Subscribe(reason())),
            (_, 7) => Verdict::Denied(Denial::CreateToPublish(reason())),
            (_, 8) => Verdict::Deleted,
            _ => Verdict::Granted,
        }
    }

    /// A numbered message for one session.
    fn deliver(&mut self, session: SessionId, size: usize) {
        self.last += 1;
        let number = self.last;
        let of = self.sessions[&session].number;
        let channel = Channel::parse(NUMBERED).expect("it is a channel");
        let data: Object = [
            ("of", Value::from(of)),
            ("n", Value::from(number)),
            ("x", "x".repeat(size * 40).into()),
        ]
        .into_iter()
        .collect();
        let is_there = self
            .broker
            .deliver(session, &channel, &data.into(), self.now);
        self.settle();
        assert_eq!(is_there, !self.sessions[&session].is_gone);
        if !self.overflown.contains(&session)
            && let Some(state) = self.sessions.get_mut(&session)
        {
            state.heard.expected.push(number);
        }
    }

    fn answer(&mut self, one: usize) {
        if let Some(call) = self.calls.pop() {
            let data = Value::from(one);
            let result = if one.is_multiple_of(2) {
                Ok(data)
            } else {
                Err(data)
            };
            let is_there = self.broker.answer(&call, result, self.now);
            self.settle();
            assert!(!is_there || call.session.is_some_and(|it| !self.sessions[&it].is_gone));
        }
    }
}

fn is_numbered(channel: &str) -> bool {
    channel.starts_with(NUMBERED)
}

fn wants_ack(message: &Message<Value>) -> bool {
    let ext = message.ext();
    let ack = ext.as_ref().and_then(|ext| ext.get("ack"));
    ack.and_then(Value::as_bool) == Some(true)
}

const fn transport(digit: usize) -> Transport {
    match digit {
        0..5 => Transport::WebSocket,
        5..8 => Transport::LongPolling,
        8 => Transport::CallbackPolling,
        _ => Transport::Local,
    }
}

fn caller(digit: usize) -> Caller {
    let (browser, principal, address) = match digit {
        1 => (Some("one"), None, Some("here")),
        2 => (Some("two"), None, Some("here")),
        3 => (Some("one"), Some("somebody"), None),
        4 => (None, None, Some("there")),
        _ => (None, None, None),
    };
    Caller {
        browser: browser.map(Into::into),
        principal: principal.map(Into::into),
        address: address.map(Into::into),
    }
}
