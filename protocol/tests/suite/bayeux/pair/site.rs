//! The server: a broker, its policy, and what really happened.

use std::collections::{BTreeMap, BTreeSet};

use mirrorball_protocol::{
    bayeux::{
        Broker, Channel, Message, Pattern,
        broker::{
            Call, Caller, Denial, Effect, Output, Parcel, PeerId, Question, Transport, Verdict,
            Welcome,
        },
        messages,
    },
    json::{Json, Value},
    time::Instant,
};

use super::plan::Plan;
use crate::suite::{parse, random::Random};

/// The server's end of a socket, or one request.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) peer: PeerId,
    /// The client's attempt that it is of.
    pub(super) attempt: u32,
    /// The number of the request; none for a socket.
    pub(super) post: Option<u64>,
    /// What is being written.
    pub(super) writing: Option<Parcel<()>>,
}

/// The server.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) broker: Broker<u64, ()>,
    pub(super) conns: BTreeMap<u64, Conn>,
    next_conn: u64,
    next_client: u64,
    /// How often each publication was carried out.
    pub(super) accepted: BTreeMap<u64, u64>,
    /// What each session is to hear, by its name, in order.
    pub(super) expected: BTreeMap<String, Vec<u64>>,
    /// What each session subscribed to.
    pub(super) subscribed: BTreeMap<String, BTreeSet<String>>,
    /// Connections for which there is something.
    pub(super) woken: Vec<u64>,
}

impl Site {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            broker: Broker::new(plan.broker.clone()),
            conns: BTreeMap::new(),
            next_conn: 0,
            next_client: 0,
            accepted: BTreeMap::new(),
            expected: BTreeMap::new(),
            subscribed: BTreeMap::new(),
            woken: Vec::new(),
        }
    }

    /// All that it knew is gone, but not what really happened.
    pub(super) fn restart(&mut self, plan: &Plan) {
        self.broker = Broker::new(plan.broker.clone());
        self.conns.clear();
        self.woken.clear();
        self.subscribed.clear();
    }

    pub(super) fn attach(&mut self, plan: &Plan, attempt: u32, post: Option<u64>) -> u64 {
        let caller = Caller {
            browser: plan.has_cookie.then(|| "b".into()),
            ..Caller::default()
        };
        let transport = if post.is_some() {
            Transport::LongPolling
        } else {
            Transport::WebSocket
        };
        let conn = self.next_conn;
        self.next_conn += 1;
        let peer = self.broker.attach(conn, transport, caller);
        self.conns.insert(
            conn,
            Conn {
                peer,
                attempt,
                post,
                writing: None,
            },
        );
        conn
    }

    pub(super) fn detach(&mut self, conn: u64, now: Instant) {
        if let Some(conn) = self.conns.remove(&conn) {
            self.broker.detach(conn.peer, now);
        }
        self.pump();
    }

    /// Takes what the broker has to say.
    pub(super) fn pump(&mut self) {
        while let Some(output) = self.broker.poll() {
            if let Output::Wake(conn) = output {
                self.woken.push(conn);
            }
        }
    }

    /// Takes a payload; returns the calls that are to be answered, or nothing where it is given up half-way.
    pub(super) fn receive(
        &mut self,
        conn: u64,
        text: &str,
        is_aborted: bool,
        random: &mut Random,
        now: Instant,
    ) -> Option<Vec<Call>> {
        let peer = self.conns.get(&conn)?.peer;
        let batch = messages(parse::<Value>(text), 10_000).unwrap();
        let last = if is_aborted {
            random.below(batch.len() + 1)
        } else {
            batch.len()
        };
        let turn = self.broker.begin(peer, batch.len(), now);
        let mut calls = Vec::new();
        for message in batch.into_iter().take(last) {
            calls.extend(self.carry_out(&turn, &message, now));
        }
        if is_aborted {
            drop(turn);
            return None;
        }
        self.broker.finish(turn, now);
        self.pump();
        Some(calls)
    }

    fn carry_out(
        &mut self,
        turn: &mirrorball_protocol::bayeux::broker::Turn,
        message: &Message<Value>,
        now: Instant,
    ) -> Option<Call> {
        let request = self.broker.examine(turn, message.clone(), now);
        let session = request.session().and_then(|id| self.broker.client_id(id));
        let session = session.map(|id| String::from(&**id));
        let question = request.question().clone();
        let verdict = match &question {
            Question::Nothing => Verdict::Granted,
            Question::Handshake => {
                self.next_client += 1;
                Verdict::Welcome(Welcome::new(format!("s{}", self.next_client)))
            }
            Question::Subscribe(places) => {
                if places
                    .iter()
                    .any(|place| place.name.text().starts_with("/no"))
                {
                    Verdict::Denied(Denial::Subscribe(Denial::POLICY.into()))
                } else {
                    Verdict::Granted
                }
            }
            Question::Publish(place) => {
                if place.name.name().starts_with("/no") {
                    Verdict::Denied(Denial::Publish(Denial::POLICY.into()))
                } else {
                    Verdict::Granted
                }
            }
        };
        let is_granted = verdict == Verdict::Granted;
        if let (Question::Publish(place), true) = (&question, is_granted) {
            let number = number(message);
            *self.accepted.entry(number).or_default() += 1;
            if !place.name.name().starts_with("/service") {
                self.expect(place.name.name(), number);
            }
        }
        if let (Question::Subscribe(places), Some(session), true) =
            (&question, &session, is_granted)
        {
            for place in places {
                let names = self.subscribed.entry(session.clone()).or_default();
                names.insert(place.name.text().into());
            }
        }
        if message.channel().as_deref() == Some("/meta/unsubscribe")
            && let Some(session) = &session
            && let Some(names) = message.texts(mirrorball_protocol::bayeux::Field::Subscription)
            && let Some(subscribed) = self.subscribed.get_mut(session)
        {
            for name in names {
                subscribed.remove(&*name);
            }
        }
        match self.broker.carry_out(turn, request, verdict, now) {
            Effect::Service(call) => Some(call),
            Effect::Done | Effect::Opened(_) => None,
        }
    }

    /// Whoever subscribed is to hear of it.
    fn expect(&mut self, channel: &str, number: u64) {
        for (session, names) in &self.subscribed {
            let is_alive = self.broker.find(session).is_some();
            if is_alive
                && names
                    .iter()
                    .any(|name| Pattern::parse(name).unwrap().matches(channel))
            {
                self.expected
                    .entry(session.clone())
                    .or_default()
                    .push(number);
            }
        }
    }

    /// The server's application publishes.
    pub(super) fn publish(&mut self, channel: &str, number: u64, now: Instant) {
        self.expect(channel, number);
        let data = parse::<Value>(&number.to_string());
        let channel = Channel::parse(channel).unwrap();
        self.broker.publish(None, &channel, &data, now);
        self.pump();
    }
}

/// Which publication a message is.
pub(super) fn number<J: Json>(message: &Message<J>) -> u64 {
    let number = message.data().and_then(|data| data.as_integer());
    u64::try_from(number.unwrap()).unwrap()
}
