//! The application in front of the client: it asks, looks, and checks everything that it is told.

use core::time::Duration;
use std::collections::BTreeMap;

use mirrorball_protocol::{
    Machine,
    json::{Json, Key, Value},
    juggler::{
        Client,
        client::{ClientEvent, Outcome, RequestError, State, Status},
        message,
    },
    time::Instant,
};

use super::{
    Check, Tally, ensure,
    site::{Kind, Site},
};
use crate::suite::{canonical, member, parse, random::Random, text};

/// A request without an outcome.
#[derive(Debug)]
struct Asked {
    kind: Kind,
    token: u64,
    data: String,
    deadline: Instant,
    /// There was a connection to send it over.
    sent: bool,
    /// It has a key, and may be sent again.
    keyed: bool,
}

#[derive(Debug)]
pub(super) struct App<J: Json> {
    asked: BTreeMap<i64, Asked>,
    last_id: i64,
    tokens: u64,
    /// States that the application keeps, with what they were.
    held: Vec<(J, String)>,
    /// What the client showed, until it changes.
    shown: Option<String>,
    /// The version of the newest state that was seen.
    floor: usize,
    /// The client took silence for `null`.
    pub(super) assumed: bool,
    /// The state changed on this connection.
    pub(super) synced: bool,
    pub(super) closed: bool,
    /// The newest notification: its epoch and its number.
    heard: Option<(u64, u64)>,
    gap: bool,
    /// The status changed in the step that is being taken.
    told_status: bool,
    /// There was a gap before this connection.
    pub(super) told_gap: bool,
    status: Status,
}

/// What the application needs to know of the world in order to check what it is told.
pub(super) struct Around<'a> {
    pub(super) site: &'a Site,
    pub(super) tally: &'a mut Tally,
    pub(super) random: &'a mut Random,
    pub(super) now: Instant,
    /// The client's socket is open.
    pub(super) open: bool,
    pub(super) hostile: bool,
    pub(super) reads: u64,
    pub(super) request_timeout: Duration,
}

impl<J: Json> App<J> {
    pub(super) fn new(client: &Client<J>) -> Self {
        Self {
            asked: BTreeMap::new(),
            last_id: 0,
            tokens: 0,
            held: Vec::new(),
            shown: Some("null".to_owned()),
            floor: 0,
            assumed: false,
            synced: false,
            closed: false,
            heard: None,
            gap: false,
            told_status: true,
            told_gap: false,
            status: client.status(),
        }
    }

    /// The client's socket opened; these are the notifications that went before it.
    pub(super) fn opened(&mut self, before: (u64, u64)) {
        self.synced = false;
        self.told_gap = false;
        for asked in self.asked.values_mut() {
            asked.sent = true;
        }
        self.heard = self.heard.or(Some(before));
    }

    pub(super) fn ask(
        &mut self,
        client: &mut Client<J>,
        around: &mut Around<'_>,
        limit: usize,
    ) -> Check {
        let kind = *around.random.pick(&Kind::ALL);
        self.tokens += 1;
        let with = around.random.value(2);
        let data = format!(r#"{{"token":{},"with":{with}}}"#, self.tokens);
        let short = Duration::from_millis(around.random.between(0, 20_000));
        let timeout = around.random.chance(30).then_some(short);
        let status = client.status();
        let keyed = kind != Kind::Echo && around.random.chance(40);
        let key = format!("key {}", self.tokens);
        let ask = message::ask(kind.name(), &data, keyed.then_some(&*key));
        let result = client.request(&ask, keyed, timeout, around.now);
        let expected = if self.closed {
            Some(RequestError::Closed)
        } else if status.ever_connected && !around.open {
            Some(RequestError::Disconnected)
        } else if status.in_flight >= limit {
            Some(RequestError::Full)
        } else {
            None
        };
        ensure!(
            result.err() == expected,
            "request: {result:?} instead of {expected:?}"
        );
        let Ok(id) = result else {
            around.tally.unsent += 1;
            return Ok(());
        };
        ensure!(id > self.last_id, "the id {id} was used before");
        self.last_id = id;
        let timeout = timeout.unwrap_or(around.request_timeout);
        let asked = Asked {
            kind,
            token: self.tokens,
            data,
            deadline: around.now + timeout,
            sent: around.open,
            keyed,
        };
        self.asked.insert(id, asked);
        Ok(())
    }

    pub(super) fn abandon(&mut self, client: &mut Client<J>, random: &mut Random) {
        if !self.asked.is_empty() {
            let index = random.below(self.asked.len());
            let id = self.asked.keys().nth(index).copied().unwrap_or_default();
            client.abandon(id);
            self.asked.remove(&id);
        }
    }

    /// Looks at the state, and keeps it for a while.
    pub(super) fn look(&mut self, client: &mut Client<J>, around: &mut Around<'_>) -> Check {
        let state = client.state();
        let text = canonical(&state);
        if let Some(shown) = &self.shown {
            ensure!(
                *shown == text,
                "the state changed unannounced from {shown:.300} to {text:.300}"
            );
        } else if self.assumed {
            ensure!(text == "null", "silence was taken for {text:.300}");
        } else {
            let Some(version) = around.site.version_of(&text, self.floor) else {
                return Err(format!(
                    "no state of the server from version {} on is {text:.300}",
                    self.floor
                ));
            };
            self.floor = version;
        }
        around.tally.looks += 1;
        if around.random.chance(30) {
            self.held.truncate(7);
            self.held.insert(0, (state, text.clone()));
        }
        self.shown = Some(text);
        Ok(())
    }

    pub(super) fn check_held(&self) -> Check {
        for (value, text) in &self.held {
            ensure!(
                canonical(value) == *text,
                "a held state changed: it was {text:.300}"
            );
        }
        Ok(())
    }

    pub(super) fn take(
        &mut self,
        event: ClientEvent<J>,
        client: &mut Client<J>,
        around: &mut Around<'_>,
    ) -> Check {
        match event {
            ClientEvent::Status => self.told_status = true,
            ClientEvent::Gap => {
                around.tally.gaps += 1;
                self.told_gap = true;
                self.gap = true;
            }
            ClientEvent::Violation(fault) => {
                around.tally.violations += 1;
                ensure!(around.hostile, "an honest server is accused: {fault}");
            }
            ClientEvent::Change { operations, length } => {
                ensure!(around.open, "the state changes without a connection");
                self.assumed = operations == 0 && length == 0;
                ensure!(!self.assumed || !self.synced, "silence after a state");
                self.synced = true;
                self.shown = None;
                around.tally.changes += 1;
                around.tally.assumed += u64::from(self.assumed);
                if around.random.chance(around.reads) {
                    self.look(client, around)?;
                }
            }
            ClientEvent::Notify { name, data } => self.hear(&name.to_str(), &data, around)?,
            ClientEvent::Response { id, outcome } => {
                let Some(asked) = self.asked.remove(&id) else {
                    return Err(format!(
                        "a second outcome of {id}, or of nothing: {outcome:?}"
                    ));
                };
                self.check_outcome(&asked, &outcome, client, around)?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, name: &str, data: &J, around: &mut Around<'_>) -> Check {
        let number = |index| {
            data.element(index)
                .and_then(|it| text(&it).parse().ok())
                .map(i64::unsigned_abs)
        };
        let (Some(epoch), Some(count)) = (number(0), number(1)) else {
            return Err(format!("the notification {name:?} says {data:?}"));
        };
        let heard = (epoch, count);
        let last = self.heard.unwrap_or_default();
        ensure!(heard > last, "notification {heard:?} after {last:?}");
        let next = heard == (last.0, last.1 + 1);
        ensure!(
            next || self.gap,
            "notification {heard:?} after {last:?}: a silent loss"
        );
        self.heard = Some(heard);
        self.gap = false;
        around.tally.notifications += 1;
        Ok(())
    }

    fn check_outcome(
        &mut self,
        asked: &Asked,
        outcome: &Outcome<J>,
        client: &mut Client<J>,
        around: &mut Around<'_>,
    ) -> Check {
        let execution = around
            .site
            .executions
            .get(&asked.token)
            .copied()
            .unwrap_or_default();
        let kind = asked.kind;
        let fits = match outcome {
            Outcome::Done(data) => {
                around.tally.done += 1;
                if kind == Kind::Write && client.status().state == State::Connected {
                    // Its own effect is there already.
                    let shown = canonical(&client.state());
                    let found = around.site.version_of(&shown, execution.version);
                    ensure!(
                        found.is_some(),
                        "the answer overtook the state: {shown:.300}"
                    );
                    around.tally.writes += 1;
                }
                if kind == Kind::Echo {
                    execution.times == 0
                        && canonical(data) == canonical(&parse::<Value>(&asked.data))
                } else {
                    execution.times == 1
                        && matches!(kind, Kind::Answer | Kind::Slow | Kind::Write)
                        && text(data).parse().ok().map(i64::unsigned_abs) == Some(asked.token)
                }
            }
            Outcome::Refused(data) => {
                around.tally.refused += 1;
                let token = member(data, "token")
                    .and_then(|it| text(&it).parse().ok())
                    .map(i64::unsigned_abs);
                if token.is_some() {
                    execution.times == 1 && kind == Kind::Refuse && token == Some(asked.token)
                } else {
                    execution.times == 0 && data.clone().into_key().is_some()
                }
            }
            Outcome::Lost => {
                around.tally.lost += 1;
                // What has a key is lost when it is known that the server does not know it.
                asked.sent && (!around.open || asked.keyed)
            }
            Outcome::TimedOut => {
                around.tally.timed_out += 1;
                asked.deadline <= around.now
            }
            Outcome::Closed => {
                around.tally.closed += 1;
                self.closed
            }
        };
        ensure!(fits, "{asked:?}, {execution:?}, ended as {outcome:?}");
        Ok(())
    }

    /// Whether what the client says of itself fits to what it did.
    pub(super) fn check_status(&mut self, client: &Client<J>, open: bool, waiting: bool) -> Check {
        let status = client.status();
        let before = &self.status;
        ensure!(
            status.in_flight == self.asked.len(),
            "{} in flight, not {}",
            status.in_flight,
            self.asked.len()
        );
        let same = Status {
            in_flight: before.in_flight,
            ..status.clone()
        } == *before;
        ensure!(
            same || self.told_status,
            "from {before:?} to {status:?} untold"
        );
        ensure!(
            status.ever_connected || !before.ever_connected,
            "forgot that it was connected"
        );
        ensure!(
            status.next_retry.is_some() == waiting,
            "waiting: {waiting}, but {status:?}"
        );
        let expected = if self.closed {
            State::Closed
        } else if open && self.synced {
            State::Connected
        } else if status.ever_connected {
            State::Stale
        } else {
            State::Connecting
        };
        ensure!(
            status.state == expected,
            "{status:?} instead of {expected:?}"
        );
        if let Some(first) = self.asked.values().map(|asked| asked.deadline).min() {
            let deadline = client.deadline();
            ensure!(
                deadline.is_some_and(|it| it <= first),
                "{deadline:?} is past the request's {first:?}"
            );
        }
        self.status = status;
        self.told_status = false;
        Ok(())
    }
}
