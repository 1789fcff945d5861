//! A client of a server that says anything.

use std::{collections::BTreeSet, time::Duration};

use mirrorball_protocol::{
    Machine,
    bayeux::{
        Client, Field, Meta,
        client::{ClientEvent, ClientOptions, Extras, Frame, Kind, Replay, RequestId, State},
        messages,
    },
    json::{Limits, Value},
    machine::{Input, Output},
    reason::Reason,
    time::Instant,
};

/// Requests and subscriptions that the client may have.
const MOST: usize = 6;
/// Messages of one payload.
const BATCH: usize = 4;
/// Bytes of one payload, unless it is one message.
const PAYLOAD: usize = 300;
/// What one step may bring about besides what the server's messages do: what every request and subscription comes to, and
/// a connection that goes over into another.
const OUTPUTS: usize = 64;
/// How often time may have to go by until nothing waits any more.
const PATIENCE: usize = 2_000;

/// A client and what it is known to owe.
struct Bench {
    client: Client<Value>,
    now: Instant,
    attempt: u32,
    socket: Socket,
    is_writable: bool,
    /// Whether sockets open at once.
    opens: bool,
    asked: BTreeSet<RequestId>,
    abandoned: BTreeSet<RequestId>,
    payload: u32,
    /// The largest number that any message was sent with.
    wire: u64,
}

/// What there is of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Socket {
    None,
    Opening,
    Open,
}

/// Plays a script: the first line says how the client is configured, a line that begins with `!` is what the application, the
/// network and the clock do, and every other one is what the server says. Each request ends at most once, and by the end once;
/// what the client sends is what a server can read, and as much as it may be; and time is never asked for in vain.
pub fn bayeux_client(data: &[u8]) {
    let mut lines = super::lines(data);
    let mut bench = Bench::new(&lines.next().unwrap_or_default());
    let _ = bench.client.open(bench.now);
    bench.drain(0);
    for line in lines {
        match line.strip_prefix('!') {
            Some(action) => bench.act(action),
            None => bench.hear(line),
        }
    }
    bench.end();
}

impl Bench {
    fn new(flags: &str) -> Self {
        let has = |flag: char| flags.contains(flag);
        let mut options = ClientOptions::default();
        options.max_pending = MOST;
        options.max_pending_size = 1_000;
        options.max_subscriptions = MOST;
        options.max_batch = BATCH;
        options.max_payload_size = PAYLOAD;
        options.max_message_size = 600;
        options.max_received = 16;
        options.max_replays = 2;
        options.limits = crate::limits();
        options.sticky = !has('w');
        options.auto_batch = !has('b');
        options.first_attempts = has('1').then_some(2);
        options.authenticates = has('h');
        options.ack = has('a');
        options.timesync = has('t');
        options.timestamp = has('s');
        options.handshake_ext = has('e').then(|| r#"{"token":"x"}"#.into());
        options.replay = has('r').then_some(Replay {
            fallback: has('f').then_some(-2),
            always: has('k'),
        });
        if has('p') {
            options.connection_types.remove(0);
        }
        let now = Instant::default();
        let mut client = Client::new(options);
        if has('t') || has('s') {
            client.set_wall_clock(Duration::from_secs(1_763_460_000), now);
        }
        Self {
            client,
            now,
            attempt: 0,
            socket: Socket::None,
            is_writable: true,
            opens: !has('o'),
            asked: BTreeSet::new(),
            abandoned: BTreeSet::new(),
            payload: 0,
            wire: 0,
        }
    }

    /// The server says something.
    fn hear(&mut self, text: String) {
        let size = text.matches(['{', ',']).count() + 1;
        let attempt = self.attempt;
        self.feed(Input::Text { attempt, text }, size);
    }

    fn feed(&mut self, input: Input<String>, size: usize) {
        self.client.handle(input, self.now);
        self.drain(size);
    }

    /// The application, the network or the clock does something.
    fn act(&mut self, action: &str) {
        let mut characters = action.chars();
        let what = characters.next();
        let rest = characters.as_str();
        let number = || rest.parse::<u64>().unwrap_or_default();
        let (attempt, now) = (self.attempt, self.now);
        match what {
            Some('o') => {
                if self.socket == Socket::Opening {
                    (self.socket, self.is_writable) = (Socket::Open, true);
                }
                return self.feed(Input::Opened { attempt }, 0);
            }
            Some('c') => {
                let code = u16::try_from(number()).unwrap_or(1006);
                return self.feed(Input::Closed { attempt, code }, 0);
            }
            Some('k') => return self.feed(Input::Binary { attempt }, 0),
            Some('m') => {
                let reason = Reason::TOO_BIG;
                return self.feed(Input::Malformed { attempt, reason }, 0);
            }
            Some('w') => {
                self.is_writable = rest != "0";
                return self.feed(Input::Writable(self.is_writable), 0);
            }
            Some('n') => return self.feed(Input::Online, 0),
            Some('t') if rest.is_empty() => {
                if let Some(due) = self.client.deadline() {
                    self.now = self.now.max(due);
                }
                return self.tick();
            }
            Some('t') => {
                self.now = now + Duration::from_millis(number().min(100_000));
                return self.tick();
            }
            Some(it @ ('p' | 'l' | 's' | 'u')) => self.ask(it, rest),
            Some('a') => self.abandon(),
            Some('b') => self.client.begin_batch(),
            Some('e') => self.client.end_batch(now),
            Some('z') => self.client.suspend(rest != "0", now),
            Some('r') => self.client.reconnect(now),
            Some('x') => self.client.close(now),
            Some('O') => drop(self.client.open(now)),
            Some('h') => self.client.authenticated(rest != "0", now),
            Some('d') => {
                let back = u32::try_from(number()).unwrap_or_default();
                let status = if back % 2 == 0 { 401 } else { 403 };
                let payload = self.payload.wrapping_sub(back / 2);
                self.client.denied(payload, status, now);
            }
            _ => {}
        }
        self.drain(0);
    }

    fn ask(&mut self, what: char, rest: &str) {
        let (channel, data) = rest.split_once(' ').unwrap_or((rest, "{}"));
        let extras = Extras {
            ext: (data.len() % 2 == 0).then_some(r#"{"own":1}"#),
            timeout: None,
            replay: (data.len() % 3 == 0).then_some(-1),
        };
        // What an application publishes is JSON.
        let data = Value::from(data).to_text();
        let asked = match what {
            'p' => self.client.publish(channel, &data, extras, self.now),
            'l' => self.client.call(channel, &data, extras, self.now),
            's' => self.client.subscribe(channel, extras, self.now),
            _ => self.client.unsubscribe(channel, extras, self.now),
        };
        if let Ok(id) = asked {
            assert!(self.asked.insert(id), "two requests have one name");
        }
    }

    fn abandon(&mut self) {
        if let Some(id) = self.asked.pop_first() {
            self.client.abandon(id);
            self.abandoned.insert(id);
        }
    }

    fn tick(&mut self) {
        self.feed(Input::Tick, 0);
        let due = self.client.deadline();
        assert!(due.is_none_or(|due| due > self.now), "it asks for the past");
    }

    /// Carries out whatever there is to do, until there is nothing.
    fn drain(&mut self, size: usize) {
        let mut count = 0;
        loop {
            while let Some(output) = self.client.poll() {
                count += 1;
                assert!(count <= OUTPUTS + 2 * size, "there is no end to it");
                self.carry_out(output);
            }
            if self.socket != Socket::Opening || !self.opens {
                break;
            }
            (self.socket, self.is_writable) = (Socket::Open, true);
            let attempt = self.attempt;
            self.client.handle(Input::Opened { attempt }, self.now);
        }
        self.check();
    }

    fn carry_out(&mut self, output: Output<Frame, ClientEvent<Value>>) {
        match output {
            Output::Connect {
                attempt, address, ..
            } => {
                assert!(attempt > self.attempt, "an attempt of the past");
                assert!(address < 2 && self.socket == Socket::None);
                (self.attempt, self.socket) = (attempt, Socket::Opening);
            }
            Output::Send { attempt, frame } => {
                assert_eq!(attempt, self.attempt);
                assert!(self.socket == Socket::Open, "it sends to nobody");
                assert!(self.is_writable, "it sends what nobody takes");
                self.read(&frame);
            }
            Output::Close { attempt, .. } => {
                assert_eq!(attempt, self.attempt);
                self.socket = Socket::None;
            }
            Output::Event(ClientEvent::Reply { id, .. }) => {
                assert!(!self.abandoned.contains(&id), "nobody waits for it");
                assert!(self.asked.remove(&id), "it ends twice");
            }
            Output::Event(_) => {}
        }
    }

    /// What the client sends is a batch that a server can read.
    fn read(&mut self, frame: &Frame) {
        let name = self.client.client_id().map_or(0, str::len);
        assert!(
            frame.text.len() <= 10_000 + 6 * BATCH * name.max(40_000),
            "{} bytes",
            frame.text.len()
        );
        self.payload += 1;
        assert_eq!(frame.payload, self.payload);
        let batch = Value::parse(&frame.text, &Limits::default());
        let batch = batch.unwrap_or_else(|error| panic!("{error:?}: {}", frame.text));
        let messages = messages(batch, BATCH).expect("it is a batch");
        let alone = match frame.kind {
            Kind::Handshake => Some(Meta::Handshake),
            Kind::Connect => Some(Meta::Connect),
            Kind::Disconnect => Some(Meta::Disconnect),
            Kind::Other => None,
        };
        assert!(alone.is_none() || messages.len() == 1);
        for message in messages {
            let id = message.text(Field::Id).expect("it has an id");
            let wire = id.parse().expect("which is a number");
            assert!(wire > self.wire, "it is sent twice");
            self.wire = wire;
            let meta = message.meta();
            let is_own = matches!(meta, None | Some(Meta::Subscribe | Meta::Unsubscribe));
            assert!(message.channel().is_some() && (meta == alone || alone.is_none() && is_own));
        }
    }

    fn check(&self) {
        let status = self.client.status();
        let pending = status.in_flight + status.queued;
        assert!(self.asked.len() <= pending, "a request is forgotten");
        assert!(self.asked.len() <= MOST && pending <= 2 * MOST);
        let subscriptions: BTreeSet<_> = self.client.subscriptions().collect();
        assert_eq!(subscriptions.len(), self.client.subscriptions().count());
        assert!(subscriptions.len() <= MOST);
        if matches!(status.state, State::Disconnected | State::Ended) {
            assert!(self.asked.is_empty(), "a request hangs");
            assert!(self.socket == Socket::None, "a connection is left");
            assert_eq!((pending, subscriptions.len()), (0, 0));
            assert_eq!(self.client.deadline(), None);
        }
    }

    /// The server says nothing any more: whatever waits comes to its end, and so does the client.
    fn end(&mut self) {
        self.opens = true;
        let mut left = PATIENCE;
        while !self.asked.is_empty() {
            left -= 1;
            assert!(left > 0, "a request hangs");
            self.wait();
        }
        self.client.close(self.now);
        self.drain(0);
        while !matches!(
            self.client.status().state,
            State::Disconnected | State::Ended
        ) {
            left -= 1;
            assert!(left > 0, "it never closes");
            self.wait();
        }
    }

    fn wait(&mut self) {
        let due = self.client.deadline().expect("it waits for nothing");
        self.now = self.now.max(due);
        self.tick();
    }
}
