//! A broker, and what it is known to have told.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use mirrorball_protocol::{
    bayeux::{
        Broker, Pattern,
        broker::{
            BrokerEvent, BrokerOptions, Call, Caller, Output, Overflow, Parcel, PeerId, Request,
            SessionId, Transport, Turn, Verdict,
        },
        ext::{Activity, ActivityKind},
    },
    json::{Limits, Value},
    time::Instant,
};

use super::queues::{Flight, Heard};

/// Where numbered messages are delivered; no client may publish there.
pub(super) const NUMBERED: &str = "/~n";

pub(super) struct Bench {
    pub(super) broker: Broker<u32, ()>,
    pub(super) now: Instant,
    pub(super) peers: Vec<Peer>,
    pub(super) sessions: BTreeMap<SessionId, Session>,
    channels: BTreeSet<Pattern>,
    /// Requests that were carried out and not answered: where, and whether it may wait.
    pub(super) asked: BTreeMap<String, (u32, bool)>,
    /// Payloads that were given up.
    pub(super) stale: Vec<(Turn, Option<Request>)>,
    pub(super) calls: Vec<Call>,
    pub(super) batches: Vec<SessionId>,
    /// Sessions for which something was lost in this step.
    pub(super) overflown: BTreeSet<SessionId>,
    /// What sessions that come to be in this step come through.
    pub(super) opening: Option<Transport>,
    /// Counts connections, sessions and messages.
    pub(super) last: u64,
    pub(super) named: u64,
}

/// A connection.
pub(super) struct Peer {
    pub(super) id: PeerId,
    pub(super) handle: u32,
    pub(super) transport: Transport,
    pub(super) caller: Caller,
    is_woken: bool,
    /// A request that brought its payload.
    pub(super) is_used: bool,
    pub(super) turn: Option<(Turn, Option<(Request, Verdict)>)>,
    pub(super) writing: Option<Writing>,
}

/// A parcel on its way.
#[derive(Default)]
pub(super) struct Writing {
    pub(super) flights: BTreeMap<SessionId, Flight>,
    /// Whose each of its messages is, where it is numbered.
    owners: Vec<Option<SessionId>>,
    has_progressed: bool,
    closes: bool,
    /// Its replies.
    pub(super) replies: Vec<Value>,
}

pub(super) struct Session {
    /// Tells it from all others.
    pub(super) number: u64,
    pub(super) heard: Heard,
    pub(super) is_local: bool,
    pub(super) is_gone: bool,
    subscriptions: BTreeSet<Pattern>,
}

impl Bench {
    pub(super) fn new(flags: &str) -> Self {
        let now = Instant::default();
        let mut broker = Broker::new(options(flags));
        broker.set_clock(1_763_460_000_000, now);
        Self {
            broker,
            now,
            peers: Vec::new(),
            sessions: BTreeMap::new(),
            channels: BTreeSet::new(),
            asked: BTreeMap::new(),
            stale: Vec::new(),
            calls: Vec::new(),
            batches: Vec::new(),
            overflown: BTreeSet::new(),
            opening: None,
            last: 0,
            named: 0,
        }
    }

    pub(super) fn attach(&mut self, transport: Transport, caller: Caller) -> usize {
        self.last += 1;
        let handle = u32::try_from(self.last).expect("scripts are short");
        self.peers.push(Peer {
            id: self.broker.attach(handle, transport, caller.clone()),
            handle,
            transport,
            caller,
            is_woken: false,
            is_used: false,
            turn: None,
            writing: None,
        });
        self.peers.len() - 1
    }

    /// Hears what there is to hear.
    pub(super) fn settle(&mut self) {
        while let Some(output) = self.broker.poll() {
            match output {
                Output::Wake(handle) => {
                    let peer = self.peers.iter_mut().find(|peer| peer.handle == handle);
                    let peer = peer.expect("who is woken is there");
                    assert!(!peer.is_woken, "woken twice");
                    peer.is_woken = true;
                }
                Output::Event(event) => self.note(event),
            }
        }
    }

    fn note(&mut self, event: BrokerEvent) {
        match event {
            BrokerEvent::SessionAdded { session, .. } => {
                self.last += 1;
                let state = Session {
                    number: self.last,
                    heard: Heard::default(),
                    is_local: self.opening == Some(Transport::Local),
                    is_gone: false,
                    subscriptions: BTreeSet::new(),
                };
                let before = self.sessions.insert(session, state);
                assert!(before.is_none(), "a session comes twice");
            }
            BrokerEvent::SessionRemoved { session, .. } => {
                let session = self.sessions.get_mut(&session).expect("it was there");
                assert!(!session.is_gone && session.subscriptions.is_empty());
                session.is_gone = true;
            }
            BrokerEvent::ChannelAdded(pattern) => assert!(self.channels.insert(pattern)),
            BrokerEvent::ChannelRemoved(pattern) => assert!(self.channels.remove(&pattern)),
            BrokerEvent::Subscribed { session, pattern } => {
                let session = self.sessions.get_mut(&session).expect("it is there");
                assert!(session.subscriptions.insert(pattern));
            }
            BrokerEvent::Unsubscribed { session, pattern } => {
                let session = self.sessions.get_mut(&session).expect("it is there");
                assert!(session.subscriptions.remove(&pattern));
            }
            BrokerEvent::Overflowed { session, .. } => {
                let drops = self.broker.options().overflow == Overflow::DropOldest;
                let state = self.sessions.get_mut(&session).expect("it is there");
                state.heard.has_holes |= drops;
                self.overflown.insert(session);
            }
            _ => {}
        }
    }

    /// What the broker says of itself is what it told, and no bound is passed.
    pub(super) fn check(&self) {
        let options = self.broker.options();
        let living = self.sessions.iter().filter(|(_, session)| !session.is_gone);
        let living: Vec<_> = living.collect();
        let keys: BTreeSet<_> = living.iter().map(|(key, _)| **key).collect();
        assert_eq!(keys, self.broker.sessions().collect());
        let count = living.iter().filter(|(_, it)| !it.is_local).count();
        assert!(count <= options.max_sessions);
        let mut addresses = BTreeMap::new();
        for (key, session) in living {
            assert!(self.broker.queued(*key) <= options.max_queue);
            let subscriptions: BTreeSet<_> = self.broker.subscriptions(*key).cloned().collect();
            assert_eq!(subscriptions, session.subscriptions);
            assert!(subscriptions.len() <= options.max_subscriptions);
            let caller = self.broker.caller(*key).expect("it is there");
            if let Some(address) = &caller.address {
                let count: &mut usize = addresses.entry(address.clone()).or_default();
                *count += 1;
                assert!(*count <= options.max_sessions_per_address);
            }
        }
        assert_eq!(
            self.channels,
            self.broker.channels().cloned().collect::<BTreeSet<_>>()
        );
        assert!(self.channels.len() <= options.max_channels);
    }

    /// Whoever was woken takes what there is for him. Returns whether it was anything.
    pub(super) fn collect(&mut self, at: usize) -> bool {
        if !self.peers[at].is_woken {
            return false;
        }
        let parcel = self.broker.collect(self.peers[at].id, self.now);
        self.settle();
        let Some(parcel) = parcel else {
            self.peers[at].is_woken = false;
            return false;
        };
        let peer = &self.peers[at];
        assert!(peer.writing.is_none(), "two parcels at once");
        let is_empty = parcel.first.is_none()
            && parcel.deliveries.is_empty()
            && parcel.replies.is_none()
            && parcel.close.is_none();
        assert!(!is_empty || peer.transport.is_polling(), "nothing to send");
        let writing = self.read(at, &parcel);
        self.peers[at].writing = Some(writing);
        true
    }

    fn read(&mut self, at: usize, parcel: &Parcel<()>) -> Writing {
        let handle = self.peers[at].handle;
        let whole = json(&parcel.joined());
        assert!(whole.as_array().is_some());
        let mut writing = Writing {
            closes: parcel.close.is_some(),
            ..Writing::default()
        };
        for batch in parcel.first.iter().chain(&parcel.replies) {
            let batch = json(batch);
            for reply in batch.as_array().expect("a batch").iter() {
                let id = reply.get("id").and_then(Value::as_str);
                if let Some(id) = id.filter(|id| id.starts_with('q')) {
                    let asked = self.asked.remove(id);
                    let asked = asked.expect("nobody asked, or it is answered twice");
                    assert_eq!(asked.0, handle, "another asked");
                }
                writing.replies.push(reply.clone());
            }
        }
        let mut bytes = BTreeMap::<_, usize>::new();
        for delivery in &parcel.deliveries {
            let message = json(delivery.message());
            let number = |name| message.get("data")?.get(name)?.as_u64();
            let is_numbered = message.get("channel").and_then(Value::as_str) == Some(NUMBERED);
            let of = number("of").filter(|_| is_numbered).and_then(|of| {
                let mut sessions = self.sessions.iter();
                sessions
                    .find(|(_, it)| it.number == of)
                    .map(|(key, _)| *key)
            });
            writing.owners.push(of);
            if let (Some(of), Some(number)) = (of, number("n")) {
                *bytes.entry(of).or_default() += delivery.batch().len();
                let flight = writing.flights.entry(of).or_insert_with(|| Flight {
                    numbers: Vec::new(),
                    is_doubtful: false,
                });
                flight.numbers.push(number);
            }
        }
        for (key, flight) in &writing.flights {
            let session = &self.sessions[key];
            let most = self.broker.options().max_queue_bytes;
            assert!(session.is_gone || bytes[key] <= most || flight.numbers.len() == 1);
            if !session.is_gone {
                session.heard.check(&flight.numbers);
            }
        }
        writing
    }

    /// So many messages of what is on its way are written.
    pub(super) fn progressed(&mut self, at: usize, count: usize) {
        let Some(writing) = &mut self.peers[at].writing else {
            return;
        };
        if std::mem::replace(&mut writing.has_progressed, true) {
            return;
        }
        let count = count.min(writing.owners.len());
        for (key, flight) in &writing.flights {
            let owners = writing.owners[..count].iter();
            let own = owners.filter(|owner| **owner == Some(*key)).count();
            arrive(&mut self.sessions, *key, flight, own);
        }
        self.broker.progressed(self.peers[at].id, count, self.now);
        self.settle();
    }

    /// What is on its way arrives. A request is over with that.
    pub(super) fn delivered(&mut self, at: usize) -> Option<Writing> {
        let peer = &mut self.peers[at];
        let writing = peer.writing.take()?;
        for (key, flight) in &writing.flights {
            arrive(&mut self.sessions, *key, flight, flight.numbers.len());
        }
        let is_over = peer.transport.is_polling() || writing.closes;
        self.broker.delivered(peer.id, self.now);
        self.settle();
        if is_over {
            self.detach(at);
        }
        Some(writing)
    }

    pub(super) fn detach(&mut self, at: usize) {
        let id = self.peers[at].id;
        self.broker.detach(id, self.now);
        let mut peer = self.peers.remove(at);
        if let Some((turn, held)) = peer.turn.take() {
            self.stale.push((turn, held.map(|(request, _)| request)));
        }
        self.asked.retain(|_, (handle, _)| *handle != peer.handle);
        self.settle();
    }

    /// A session speaks through a connection: what it has on others may come again.
    pub(super) fn doubt(&mut self, session: SessionId, speaker: PeerId) {
        for peer in self.peers.iter_mut().filter(|peer| peer.id != speaker) {
            let flights = peer.writing.iter_mut().map(|it| &mut it.flights);
            for flight in flights.filter_map(|flights| flights.get_mut(&session)) {
                flight.is_doubtful = true;
            }
        }
    }

    /// Time is what the clock says: whatever was due is done.
    pub(super) fn tick(&mut self) {
        self.broker.tick(self.now);
        self.settle();
        let due = self.broker.deadline();
        assert!(due.is_none_or(|due| due > self.now), "it asks for the past");
    }
}

fn arrive(
    sessions: &mut BTreeMap<SessionId, Session>,
    key: SessionId,
    flight: &Flight,
    count: usize,
) {
    let session = sessions.get_mut(&key).expect("it was there");
    session.heard.arrive(flight, count);
}

pub(super) fn json(text: &str) -> Value {
    Value::parse(text, &Limits::default()).unwrap_or_else(|error| panic!("{error:?}: {text}"))
}

/// Bounds that a script reaches, and whatever else its first line asks for.
fn options(flags: &str) -> BrokerOptions {
    let has = |flag: char| flags.contains(flag);
    let mut options = BrokerOptions::default();
    options.timeout = Duration::from_secs(5);
    options.max_interval = Duration::from_secs(3);
    options.max_sessions = 6;
    options.max_sessions_per_address = 3;
    options.max_subscriptions = 4;
    options.max_channels = 8;
    options.max_channel_length = 40;
    options.max_segments = 4;
    options.max_messages = 8;
    options.max_queue = 5;
    options.max_queue_bytes = 400;
    options.max_replay_bytes = 300;
    options.ack = !has('a');
    options.validate_message_fields = !has('v');
    options.handshake_reconnect = has('h');
    options.allow_message_delivery_during_handshake = has('g');
    options.require_handshake_per_connection = has('c');
    options.trust_client_session = has('t');
    options.detailed_events = has('e');
    options.timestamp = has('s');
    options.web_socket.meta_connect_deliver_only = has('w');
    options.broadcast_to_publisher = !has('n');
    options.max_processing = has('p').then_some(Duration::from_secs(2));
    if has('z') {
        options.multi_session_interval = Duration::ZERO;
    }
    if has('l') {
        options.interval = Duration::from_secs(1);
    }
    if has('d') {
        options.overflow = Overflow::DropOldest;
    } else if has('r') {
        options.overflow = Overflow::Reject;
    }
    let kind = if has('j') {
        ActivityKind::ClientServer
    } else {
        ActivityKind::Client
    };
    options.activity = (has('i') || has('j')).then_some(Activity {
        kind,
        max_inactivity: Duration::from_secs(4),
    });
    options
}
