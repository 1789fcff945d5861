//! What holds for the broker as a whole.

mod connects;
mod extensions;
mod handshakes;
mod model;
mod publishing;
mod queues;
mod subscriptions;

use std::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::*;
use crate::{
    bayeux::{Channel, Message, Pattern, messages},
    json::{Limits, Value},
};

/// What a policy says of a question.
type Policy = fn(&Question, &Message<Value>) -> Verdict;

/// A broker with a shell that carries everything out at once.
struct Bench {
    broker: Broker<u32, ()>,
    now: u64,
    opened: u32,
    attached: u32,
    policy: Policy,
    /// Whoever was woken and has not collected since.
    woken: BTreeSet<u32>,
    events: Vec<BrokerEvent>,
    effects: Vec<Effect>,
}

fn grant(question: &Question, _: &Message<Value>) -> Verdict {
    match question {
        Question::Handshake => Verdict::Welcome(Welcome::new("")),
        _ => Verdict::Granted,
    }
}

impl Bench {
    fn new(with: impl FnOnce(&mut BrokerOptions)) -> Self {
        let mut options = BrokerOptions::default();
        with(&mut options);
        Self {
            broker: Broker::new(options),
            now: 0,
            opened: 0,
            attached: 0,
            policy: grant,
            woken: BTreeSet::new(),
            events: Vec::new(),
            effects: Vec::new(),
        }
    }

    fn at(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    fn attach(&mut self, transport: Transport, caller: Caller) -> PeerId {
        self.attached += 1;
        let id = self.broker.attach(self.attached, transport, caller);
        assert_eq!(self.broker.peers.get(id.0).unwrap().handle, self.attached);
        id
    }

    fn socket(&mut self) -> PeerId {
        self.attach(Transport::WebSocket, Caller::default())
    }

    fn polling(&mut self) -> PeerId {
        self.attach(Transport::LongPolling, Caller::default())
    }

    fn settle(&mut self) {
        while let Some(output) = self.broker.poll() {
            match output {
                Output::Wake(peer) => assert!(self.woken.insert(peer), "woken twice"),
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    /// Carries a payload out. Whatever it comes to waits to be collected.
    fn send(&mut self, peer: PeerId, payload: &str) {
        let payload = Value::parse(payload, &Limits::default()).unwrap();
        let payload = messages(payload, 100).unwrap();
        let turn = self.broker.begin(peer, payload.len(), self.at());
        for message in payload {
            self.step(&turn, message);
        }
        self.broker.finish(turn, self.at());
        self.settle();
    }

    fn step(&mut self, turn: &Turn, message: Message<Value>) {
        let request = self.broker.examine(turn, message, self.at());
        let mut verdict = (self.policy)(request.question(), request.message());
        if let Verdict::Welcome(welcome) = &mut verdict {
            self.opened += 1;
            welcome.client_id = format!("s{}", self.opened).into();
        }
        let effect = self.broker.carry_out(turn, request, verdict, self.at());
        if effect != Effect::Done {
            self.effects.push(effect);
        }
        self.settle();
    }

    fn is_woken(&self, peer: PeerId) -> bool {
        let handle = self.broker.peers.get(peer.0).unwrap().handle;
        self.woken.contains(&handle)
    }

    /// What a peer is sent next; it is on its way from then on.
    fn collect(&mut self, peer: PeerId) -> Option<Parcel<()>> {
        if let Some(peer) = self.broker.peers.get(peer.0) {
            assert!(self.woken.contains(&peer.handle), "not woken");
        }
        let parcel = self.broker.collect(peer, self.at());
        if parcel.is_none()
            && let Some(peer) = self.broker.peers.get(peer.0)
        {
            self.woken.remove(&peer.handle);
        }
        parcel
    }

    fn delivered(&mut self, peer: PeerId) {
        self.broker.delivered(peer, self.at());
        self.settle();
    }

    fn detach(&mut self, peer: PeerId) {
        if let Some(peer) = self.broker.peers.get(peer.0) {
            self.woken.remove(&peer.handle);
        }
        self.broker.detach(peer, self.at());
        self.settle();
    }

    /// Everything that a peer is sent now, as one text for each message. A request that is answered is over.
    fn receive(&mut self, peer: PeerId) -> Vec<String> {
        let mut texts = Vec::new();
        while self.is_woken(peer) {
            let Some(parcel) = self.collect(peer) else {
                break;
            };
            let state = self.broker.peers.get(peer.0).unwrap();
            let is_polling = state.transport.is_polling();
            assert!(
                is_polling || !texts_of(&parcel).is_empty(),
                "nothing to send"
            );
            texts.extend(texts_of(&parcel));
            self.delivered(peer);
            if is_polling {
                self.detach(peer);
                break;
            }
        }
        texts
    }

    /// Sends a payload and receives what comes at once.
    fn ask(&mut self, peer: PeerId, payload: &str) -> Vec<String> {
        self.send(peer, payload);
        self.receive(peer)
    }

    /// The same as one request.
    fn post(&mut self, payload: &str) -> Vec<String> {
        let peer = self.polling();
        self.ask(peer, payload)
    }

    /// A session that shook hands over a socket and connected once.
    fn session(&mut self, peer: PeerId) -> String {
        let client_id = self.handshake(peer, "{}");
        let replies = self.ask(peer, &connect(&client_id));
        assert_eq!(replies, [connected()]);
        client_id
    }

    fn handshake(&mut self, peer: PeerId, ext: &str) -> String {
        let _ = self.ask(
            peer,
            &format!(r#"[{{"channel":"/meta/handshake","version":"1.0","ext":{ext}}}]"#),
        );
        format!("s{}", self.opened)
    }

    /// A session over long-polling that connected once.
    fn poller(&mut self) -> String {
        let peer = self.polling();
        let client_id = self.handshake(peer, "{}");
        assert_eq!(self.post(&connect(&client_id)), [connected()]);
        client_id
    }

    /// A connect of a request of its own, which is held.
    fn hold(&mut self, client_id: &str) -> PeerId {
        let peer = self.polling();
        self.send(peer, &connect(client_id));
        assert!(!self.is_woken(peer), "held");
        peer
    }

    fn publish(&mut self, channel: &str, data: i64) {
        let channel = Channel::parse(channel).unwrap();
        self.broker
            .publish(None, &channel, &Value::from(data), self.at());
        self.settle();
    }

    fn id(&self, client_id: &str) -> SessionId {
        self.broker.find(client_id).unwrap()
    }

    /// Lets time go by, tick by tick.
    fn pass(&mut self, millis: u64) {
        let end = self.now + millis;
        while let Some(at) = self.broker.deadline()
            && at <= Instant::from_millis(end)
        {
            let due = u64::try_from(at.since_origin().as_millis()).unwrap();
            self.now = self.now.max(due);
            self.broker.tick(at);
            self.settle();
            assert_ne!(self.broker.deadline(), Some(at), "a tick does what is due");
        }
        self.now = end;
        self.broker.tick(self.at());
        self.settle();
    }
}

fn texts_of(parcel: &Parcel<()>) -> Vec<String> {
    let joined = Value::parse(&parcel.joined(), &Limits::default()).unwrap();
    joined
        .as_array()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn connect(client_id: &str) -> String {
    format!(
        r#"[{{"channel":"/meta/connect","clientId":"{client_id}","connectionType":"websocket"}}]"#
    )
}

fn connected() -> String {
    r#"{"channel":"/meta/connect","successful":true}"#.into()
}

fn subscribe(client_id: &str, channel: &str) -> String {
    format!(
        r#"[{{"channel":"/meta/subscribe","clientId":"{client_id}","subscription":"{channel}"}}]"#
    )
}

fn publish(client_id: &str, channel: &str, data: i64) -> String {
    format!(r#"[{{"channel":"{channel}","clientId":"{client_id}","data":{data}}}]"#)
}

fn event(channel: &str, data: i64) -> String {
    format!(r#"{{"channel":"{channel}","data":{data}}}"#)
}

fn ok(channel: &str) -> String {
    format!(r#"{{"channel":"{channel}","successful":true}}"#)
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

fn field(message: &str, name: &str) -> Option<Value> {
    let message = Value::parse(message, &Limits::default()).unwrap();
    message.get(name).cloned()
}

fn error(message: &str) -> String {
    let error = field(message, "error").unwrap_or_default();
    error.as_str().unwrap_or_default().into()
}
