//! Random schedules: clients that come, go, lose replies and come back, against what they have to have heard.
//!
//! `MIRRORBALL_SEED=n` plays one schedule.

use std::collections::BTreeMap;

use super::*;

const SCHEDULES: u64 = 2_000;
const STEPS: usize = 120;

/// SplitMix64.
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    const fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What a client does and has heard.
#[derive(Default)]
struct Client {
    client_id: String,
    acknowledges: bool,
    /// The last batch that arrived.
    batch: u64,
    socket: Option<PeerId>,
    /// The request of the connect that is not answered yet.
    connect: Option<PeerId>,
    /// Other requests.
    posts: Vec<PeerId>,
    /// Connects that it believes to be lost, until the broker knows that, too.
    lost: Vec<PeerId>,
    /// What is on its way.
    parcels: BTreeMap<PeerId, Parcel<()>>,
    /// What it has to hear, in order, and how much of it was heard.
    expected: Vec<i64>,
    heard: usize,
    /// What arrived over a connection that broke before the broker knew that: it may come again.
    again: BTreeSet<i64>,
}

struct Model {
    bench: Bench,
    random: Random,
    clients: Vec<Client>,
    number: i64,
    /// The server's batches that are open.
    batches: Vec<SessionId>,
}

#[test]
fn whatever_breaks_each_session_hears_everything_in_order() {
    let seed = std::env::var("MIRRORBALL_SEED").ok();
    let seeds = seed.map_or(0..SCHEDULES, |seed| {
        let seed = seed.parse().unwrap();
        seed..seed + 1
    });
    for seed in seeds {
        let played = std::panic::catch_unwind(|| Model::new(seed).play());
        assert!(played.is_ok(), "MIRRORBALL_SEED={seed} plays it again");
    }
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let connect_only = random.chance(20);
        let max_queue = if random.chance(30) { 8 } else { 1_000 };
        let overflow = if random.chance(50) {
            Overflow::Reject
        } else {
            Overflow::Disconnect
        };
        let with_handshake = random.chance(30);
        let bench = Bench::new(|options| {
            options.max_queue = max_queue;
            options.overflow = overflow;
            options.web_socket.meta_connect_deliver_only = connect_only;
            options.allow_message_delivery_during_handshake = with_handshake;
        });
        let mut model = Self {
            bench,
            random,
            clients: Vec::new(),
            number: 0,
            batches: Vec::new(),
        };
        for _ in 0..2 + model.random.below(3) {
            model.clients.push(Client::default());
        }
        for at in 0..model.clients.len() {
            model.begin(at);
        }
        model
    }

    fn play(&mut self) {
        for _ in 0..STEPS {
            let at = usize::try_from(self.random.below(self.clients.len() as u64)).unwrap();
            match self.random.below(20) {
                0..=3 => self.publish(),
                4..=6 => self.connect(at),
                7 | 8 => self.post(at),
                9..=12 => self.send_parcels(at),
                13..=15 => self.arrive(at),
                16 => self.cut(at),
                17 => self.switch(at),
                18 => match self.random.below(4) {
                    0 => self.give_up(at),
                    1 => self.open_batch(at),
                    2 => self.close_batch(),
                    _ => self.leave(at),
                },
                _ => {
                    let most = if self.random.chance(5) { 15_000 } else { 900 };
                    let millis = self.random.below(most);
                    self.bench.pass(millis);
                    self.notice();
                }
            }
            self.check_bounds();
        }
        self.heal();
    }

    /// A new session for a client.
    fn begin(&mut self, at: usize) {
        let client = core::mem::take(&mut self.clients[at]);
        for peer in client.peers().into_iter().chain(client.lost) {
            self.bench.detach(peer);
        }
        let acknowledges = self.random.chance(30);
        let peer = self.bench.polling();
        let ext = if acknowledges {
            r#"{"ack":true}"#
        } else {
            "{}"
        };
        let client_id = self.bench.handshake(peer, ext);
        let _ = self.bench.post(&subscribe(&client_id, "/all"));
        self.clients[at] = Client {
            client_id,
            acknowledges,
            ..Client::default()
        };
        if self.random.chance(50) {
            self.switch(at);
        }
    }

    /// Everybody whose session is gone begins anew.
    fn notice(&mut self) {
        for at in 0..self.clients.len() {
            if self
                .bench
                .broker
                .find(&self.clients[at].client_id)
                .is_none()
            {
                self.begin(at);
            }
        }
    }

    fn publish(&mut self) {
        self.number += 1;
        self.bench.publish("/all", self.number);
        self.expect();
    }

    /// What was published last is to be heard by all who have a session, unless the broker said that it does not fit.
    fn expect(&mut self) {
        let events = core::mem::take(&mut self.bench.events);
        for client in &mut self.clients {
            let Some(session) = self.bench.broker.find(&client.client_id) else {
                continue;
            };
            let lost = BrokerEvent::Overflowed { session, lost: 1 };
            if !events.contains(&lost) {
                client.expected.push(self.number);
            }
        }
        self.notice();
    }

    fn connect(&mut self, at: usize) {
        let client = &mut self.clients[at];
        if client.connect.is_some() {
            if client.socket.is_some() || self.random.chance(70) {
                return;
            }
            // It believes that its request is lost, and the broker does not know.
            let lost = client.connect.take().unwrap();
            client.parcels.remove(&lost);
            client.lost.push(lost);
        }
        let (client_id, batch) = (client.client_id.clone(), client.batch);
        let peer = client.socket.unwrap_or_else(|| self.bench.polling());
        client.connect = Some(peer);
        let payload = if client.acknowledges {
            let ext = format!(r#""ext":{{"ack":{batch}}},"connectionType""#);
            connect(&client_id).replace(r#""connectionType""#, &ext)
        } else {
            connect(&client_id)
        };
        self.bench.send(peer, &payload);
    }

    /// A client publishes, sometimes along with nonsense.
    fn post(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let client_id = client.client_id.clone();
        self.number += 1;
        let mut payload = publish(&client_id, "/all", self.number);
        if self.random.chance(30) {
            let wild = subscribe(&client_id, "/a/**/b").replace(']', ",");
            payload = wild + &payload[1..];
        }
        let peer = client.socket.unwrap_or_else(|| {
            let peer = self.bench.polling();
            client.posts.push(peer);
            peer
        });
        self.bench.send(peer, &payload);
        self.expect();
    }

    /// Whoever was woken gets something on its way.
    fn send_parcels(&mut self, at: usize) {
        for peer in self.clients[at].peers() {
            self.collect(at, peer);
        }
    }

    fn collect(&mut self, at: usize, peer: PeerId) -> bool {
        let client = &mut self.clients[at];
        if client.parcels.contains_key(&peer) || !self.bench.is_woken(peer) {
            return false;
        }
        let parcel = self.bench.collect(peer);
        let is_there = parcel.is_some();
        client.parcels.extend(parcel.map(|parcel| (peer, parcel)));
        is_there
    }

    /// What is on its way arrives.
    fn arrive(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let Some((peer, parcel)) = client.parcels.pop_first() else {
            return;
        };
        // With acknowledgements a reply may be lost even though it was written.
        if !(client.acknowledges && self.random.chance(20)) {
            client.hear(&parcel);
        }
        self.bench.delivered(peer);
        if Some(peer) != client.socket {
            client.forget(peer);
            self.bench.detach(peer);
        } else if has_connect(&parcel) {
            client.connect = None;
        }
    }

    /// A connection breaks, before or after what was on its way arrived.
    fn cut(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let peers = client.peers();
        let Some(peer) = peers.get(usize::try_from(self.random.below(3)).unwrap()) else {
            return;
        };
        let peer = *peer;
        if let Some(parcel) = client.parcels.remove(&peer)
            && self.random.chance(50)
        {
            client.hear(&parcel);
            if !client.acknowledges {
                client.again.extend(numbers(&parcel));
            }
        }
        client.forget(peer);
        self.bench.detach(peer);
        if let Some(lost) = self.clients[at].lost.pop() {
            self.bench.detach(lost);
        }
    }

    /// A client goes on with a new socket, or without one; the broker may hear of the older one's end later.
    fn switch(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let before = client.peers();
        for peer in &before {
            client.parcels.remove(peer);
            client.forget(*peer);
        }
        let is_told_first = self.random.chance(50);
        if is_told_first {
            before.iter().for_each(|peer| self.bench.detach(*peer));
        }
        self.clients[at].socket = self.random.chance(60).then(|| self.bench.socket());
        self.connect(at);
        if !is_told_first {
            before.iter().for_each(|peer| self.bench.detach(*peer));
        }
    }

    /// A payload that is never finished, or finished before it is carried out.
    fn give_up(&mut self, at: usize) {
        let client_id = self.clients[at].client_id.clone();
        let peer = self.bench.polling();
        let now = self.bench.at();
        let turn = self.bench.broker.begin(peer, 2, now);
        let payload = if self.clients[at].socket.is_none() {
            publish(&client_id, "/none", 1)
        } else {
            publish("nobody", "/none", 1)
        };
        let payload = Value::parse(&payload, &Limits::default()).unwrap();
        let message = messages(payload, 1).unwrap().remove(0);
        let _ = self.bench.broker.examine(&turn, message, now);
        if self.random.chance(50) {
            self.bench.broker.finish(turn, now);
        }
        self.bench.settle();
        self.bench.detach(peer);
    }

    fn open_batch(&mut self, at: usize) {
        let session = self.bench.id(&self.clients[at].client_id);
        self.bench.broker.begin_batch(session);
        self.batches.push(session);
    }

    fn close_batch(&mut self) {
        if let Some(session) = self.batches.pop() {
            let now = self.bench.at();
            self.bench.broker.end_batch(session, now);
            self.bench.settle();
        }
    }

    fn leave(&mut self, at: usize) {
        let session = self.bench.id(&self.clients[at].client_id);
        let now = self.bench.at();
        assert!(self.bench.broker.disconnect(session, now));
        self.bench.settle();
        self.notice();
    }

    fn check_bounds(&self) {
        let broker = &self.bench.broker;
        for session in broker.sessions() {
            assert!(broker.queued(session) <= broker.options().max_queue);
        }
        let open: usize = self.clients.iter().map(|client| client.peers().len()).sum();
        // Those that a client gave up on are still there.
        assert!(broker.peers.len() <= open + STEPS);
    }

    /// Nothing breaks any more: everybody hears what is left.
    fn heal(&mut self) {
        while !self.batches.is_empty() {
            self.close_batch();
        }
        for at in 0..self.clients.len() {
            for _ in 0..40 {
                self.connect(at);
                for lost in core::mem::take(&mut self.clients[at].lost) {
                    self.bench.detach(lost);
                }
                for _ in 0..3 {
                    self.send_parcels(at);
                    while let Some((peer, parcel)) = self.clients[at].parcels.pop_first() {
                        let client = &mut self.clients[at];
                        client.hear(&parcel);
                        self.bench.delivered(peer);
                        if Some(peer) != client.socket {
                            client.forget(peer);
                            self.bench.detach(peer);
                        } else if has_connect(&parcel) {
                            client.connect = None;
                        }
                    }
                }
            }
            let client = &self.clients[at];
            assert_eq!(client.heard, client.expected.len(), "everything is heard");
            let session = self.bench.id(&client.client_id);
            assert_eq!(self.bench.broker.queued(session), 0, "nothing is left");
        }
        self.clean_up();
    }

    /// Nobody is there any more: nothing is left.
    fn clean_up(&mut self) {
        let peers: Vec<_> = self
            .bench
            .broker
            .peers
            .iter()
            .map(|(key, _)| PeerId(key))
            .collect();
        for peer in peers {
            self.bench.detach(peer);
        }
        self.bench.pass(60_000);
        let broker = &self.bench.broker;
        assert_eq!((broker.sessions.len(), broker.ids.len()), (0, 0));
        assert_eq!((broker.channels.len(), broker.alarms.len()), (0, 0));
        assert_eq!(broker.deadline(), None);
    }
}

impl Client {
    fn peers(&self) -> Vec<PeerId> {
        let mut peers: Vec<_> = self.socket.into_iter().chain(self.connect).collect();
        peers.extend(&self.posts);
        peers.dedup();
        peers
    }

    fn forget(&mut self, peer: PeerId) {
        self.socket = self.socket.filter(|it| *it != peer);
        self.connect = self.connect.filter(|it| *it != peer);
        self.posts.retain(|it| *it != peer);
    }

    fn hear(&mut self, parcel: &Parcel<()>) {
        if self.acknowledges {
            let batch = texts_of(parcel).iter().find_map(|text| {
                let ext = field(text, "ext")?;
                ext.get("ack")?.as_u64()
            });
            match batch {
                Some(batch) if batch <= self.batch => return,
                Some(batch) => self.batch = batch,
                None => assert_eq!(numbers(parcel), Vec::<i64>::new()),
            }
        }
        for number in numbers(parcel) {
            if self.expected.get(self.heard) == Some(&number) {
                self.heard += 1;
            } else {
                let heard = &self.expected[..self.heard];
                assert!(heard.contains(&number), "{number} comes before its time");
                assert!(self.again.remove(&number), "{number} comes twice");
            }
        }
    }
}

fn numbers(parcel: &Parcel<()>) -> Vec<i64> {
    let texts = texts_of(parcel);
    let events = texts
        .iter()
        .filter(|text| field(text, "channel") == Some("/all".into()));
    let data = events.filter_map(|text| field(text, "data"));
    data.filter_map(|data| data.as_i64()).collect()
}

fn has_connect(parcel: &Parcel<()>) -> bool {
    let texts = texts_of(parcel);
    let mut channels = texts.iter().map(|text| field(text, "channel"));
    channels.any(|channel| channel == Some("/meta/connect".into()))
}
