//! The application behind the server: one state that every connection mirrors, a handler of requests,
//! numbered notifications. It remembers what it did, so that what the client says can be checked.

use std::collections::{BTreeMap, VecDeque};

use mirrorball_protocol::{
    json::{Value, diff},
    juggler::{
        Flush, Server,
        message::{self, Stamp},
        segment::Sealed,
        server::Level,
    },
    time::Instant,
};

use super::plan::Plan;
use crate::suite::{canonical, random::Random};

/// What a request asks for, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Echo,
    Answer,
    Refuse,
    /// Answered after a while.
    Slow,
    /// Never answered.
    Never,
    /// Changes the state before it is answered.
    Write,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Echo,
        Self::Answer,
        Self::Answer,
        Self::Refuse,
        Self::Slow,
        Self::Never,
        Self::Write,
        Self::Write,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Echo => "",
            Self::Answer => "answer",
            Self::Refuse => "refuse",
            Self::Slow => "slow",
            Self::Never => "never",
            Self::Write => "write",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What became of a request on the server.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Execution {
    pub(super) times: u32,
    /// The version of the state that it made.
    pub(super) version: usize,
}

#[derive(Debug)]
pub(super) struct Site {
    /// Restarts so far.
    pub(super) epoch: u64,
    pub(super) state: Value,
    pub(super) flush: Flush,
    /// Notifications of this epoch.
    pub(super) notified: u64,
    pub(super) executions: BTreeMap<u64, Execution>,
    /// The versions at which the state was this text, rising.
    versions: BTreeMap<String, Vec<usize>>,
    version: usize,
    /// The version at which this epoch began: each counts from zero.
    first: usize,
    /// States that were sent.
    history: VecDeque<Level>,
}

impl Site {
    pub(super) fn new(plan: &Plan, random: &mut Random) -> Self {
        let mut site = Self {
            epoch: 0,
            state: Value::Null,
            flush: Flush::new(plan.flush),
            notified: 0,
            executions: BTreeMap::new(),
            versions: BTreeMap::new(),
            version: 0,
            first: 0,
            history: VecDeque::new(),
        };
        site.begin(random);
        site
    }

    /// Everything is forgotten but what the checks need.
    pub(super) fn restart(&mut self, plan: &Plan, random: &mut Random) {
        self.epoch += 1;
        self.notified = 0;
        self.flush = Flush::new(plan.flush);
        self.first = self.version;
        self.history.clear();
        self.begin(random);
    }

    fn begin(&mut self, random: &mut Random) {
        self.state = match random.below(10) {
            0..=2 => Value::Null,
            3 => random.wide(),
            _ => random.object(3),
        };
        self.record();
    }

    /// Changes the state somewhere.
    pub(super) fn change(&mut self, random: &mut Random, now: Instant) {
        match random.below(20) {
            0 => self.state = Value::Null,
            1 => self.state = random.value(3),
            _ => {
                for _ in 0..=random.below(4) {
                    random.mutate(&mut self.state);
                }
            }
        }
        self.record();
        self.flush.change(now);
    }

    fn record(&mut self) {
        let text = canonical(&self.state);
        if text.len() > 20_000 {
            self.state = Value::from("too large to be played with");
            return self.record();
        }
        self.version += 1;
        self.versions.entry(text).or_default().push(self.version);
    }

    pub(super) const fn version(&self) -> usize {
        self.version
    }

    /// The first version from `floor` on at which the state was `text`.
    pub(super) fn version_of(&self, text: &str, floor: usize) -> Option<usize> {
        let versions = self.versions.get(text)?;
        versions
            .get(versions.partition_point(|version| *version < floor))
            .copied()
    }

    /// The state as connections are given it.
    pub(super) fn level(&self, plan: &Plan) -> Level {
        let number = (self.version - self.first) as u64;
        Level {
            value: self.state.clone(),
            version: (plan.history > 0).then_some(number),
        }
    }

    /// The message that makes `to` of `from`.
    pub(super) fn step(
        &mut self,
        plan: &Plan,
        from: &Level,
        to: &Level,
        is_resumed: bool,
    ) -> Option<Sealed<String>> {
        let epoch = format!("e{}", self.epoch);
        let is_first = is_resumed || from.value.is_null();
        let stamp = Stamp {
            epoch: Some(&*epoch).filter(|_| is_first && plan.history > 0),
            since: from.version.filter(|_| is_resumed),
            version: to.version,
        };
        if to.version.is_some() {
            self.history.push_back(to.clone());
            let many = self.history.len().saturating_sub(plan.history);
            self.history.drain(..many);
        }
        let diff = diff(&from.value, &to.value);
        let is_sent = is_resumed || !diff.is_empty();
        is_sent.then(|| plan.seal(message::state(&diff, &stamp)))
    }

    /// The state that a client which comes back says it holds.
    pub(super) fn recall(&self, query: &str) -> Option<Level> {
        let mark = query.strip_prefix("resume=e").expect("it is one");
        let (epoch, version) = mark.split_once('.').expect("it has two parts");
        let version = Some(version.parse().expect("it is a number"));
        let mut states = self.history.iter();
        let found = states.find(|state| state.version == version)?;
        (epoch.parse() == Ok(self.epoch)).then(|| found.clone())
    }

    /// The next notification.
    pub(super) fn notification(&mut self, random: &mut Random, segment: usize) -> Sealed<String> {
        self.notified += 1;
        let data = [
            Value::from(self.epoch),
            Value::from(self.notified),
            Value::from(random.text()),
        ];
        message::notification(&random.key(), &Value::Array(data.into_iter().collect()))
            .seal(segment)
    }
}

/// The server's end of one socket, with what its shell keeps.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) server: Server<String>,
    /// Messages that found no room in the server's queue.
    pub(super) outbox: VecDeque<Sealed<String>>,
    /// Answers that are due later: when, to which request, with which token.
    pub(super) later: Vec<(u64, i64, u64)>,
    /// The socket takes nothing before this moment.
    pub(super) blocked_until: u64,
    pub(super) writable: bool,
    /// The newest request that was handled.
    pub(super) last_id: i64,
    /// Requests that are handled just now.
    pub(super) running: usize,
    /// The version of the state that the connection was given last.
    pub(super) version: usize,
}

impl Conn {
    pub(super) fn new(plan: &Plan, site: &Site, resumed: Option<Level>, now: Instant) -> Self {
        let mut server = Server::new(plan.server.clone(), now);
        if let Some(resumed) = resumed {
            server.resume(resumed);
        }
        server.set_state(site.level(plan));
        Self {
            server,
            outbox: VecDeque::new(),
            later: Vec::new(),
            blocked_until: 0,
            writable: true,
            last_id: 0,
            running: 0,
            version: site.version(),
        }
    }
}
