//! [`History`]: states that clients were sent, for those that come back.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, Hasher, RandomState},
};

use mirrorball_protocol::{json::diff, juggler::server::Level};

/// The states that clients were sent lately. A state shares with the next one what did not change, so that each of them
/// costs about as much memory as the diff between the two.
#[derive(Debug)]
pub(super) struct History {
    epoch: String,
    states: VecDeque<(Level, usize)>,
    bytes: usize,
    max_states: usize,
    max_bytes: usize,
}

impl History {
    /// No states yet. `epoch` names this life of the server, in which they are counted.
    pub(super) const fn new(epoch: String, max_states: usize, max_bytes: usize) -> Self {
        Self {
            epoch,
            states: VecDeque::new(),
            bytes: 0,
            max_states,
            max_bytes,
        }
    }

    /// A name that no other life of a server has.
    pub(super) fn new_epoch() -> String {
        // Its keys are random, from the system.
        let random = || RandomState::new().build_hasher().finish();
        format!("{:016x}{:016x}", random(), random())
    }

    pub(super) fn epoch(&self) -> &str {
        &self.epoch
    }

    /// Remembers a state that is sent in a message of this length, if it is a newer one.
    pub(super) fn push(&mut self, state: &Level, length: usize) {
        let Some(version) = state.version else { return };
        let cost = match self.states.back() {
            Some((last, _)) if last.version >= Some(version) => return,
            // A whole state says nothing of what changed since the last one that is known.
            Some((last, _)) if length > 1_000 => {
                let mut text = String::new();
                diff(&last.value, &state.value).write(&mut text);
                text.len()
            }
            _ => length,
        };
        self.states.push_back((state.clone(), cost));
        self.bytes += cost;
        while self.states.len() > self.max_states
            || (self.bytes > self.max_bytes && self.states.len() > 1)
        {
            if let Some((_, cost)) = self.states.pop_front() {
                self.bytes -= cost;
            }
        }
    }

    /// The state that a client names as `epoch.version`.
    pub(super) fn find(&self, mark: &str) -> Option<Level> {
        let (epoch, version) = mark.split_once('.')?;
        let version = Some(version.parse().ok()?);
        let found = self
            .states
            .binary_search_by_key(&version, |(state, _)| state.version);
        let (state, _) = self.states.get(found.ok()?)?;
        (epoch == self.epoch).then(|| state.clone())
    }
}

#[cfg(test)]
mod tests {
    use mirrorball_protocol::json::Value;

    use super::*;

    fn level(version: u64) -> Level {
        Level {
            value: Value::from(version),
            version: Some(version),
        }
    }

    #[test]
    fn states_are_found_by_life_and_number() {
        let mut history = History::new("e1".to_owned(), 10, 1_000);
        for version in [1, 3, 4, 4, 2] {
            history.push(&level(version), 10);
        }
        assert_eq!(history.find("e1.3"), Some(level(3)));
        assert_eq!(history.find("e1.4"), Some(level(4)));
        for mark in [
            "e1.2", "e1.5", "e2.3", "e1", "e1.", "e1.-1", ".3", "", "e1.3.3",
        ] {
            assert_eq!(history.find(mark), None, "{mark}");
        }
        history.push(&Level::from(Value::from(9)), 10);
        assert_eq!(
            history.states.len(),
            3,
            "what is not counted cannot be found"
        );
    }

    #[test]
    fn old_states_are_forgotten() {
        let mut history = History::new("e1".to_owned(), 4, 100);
        for version in 0..100 {
            history.push(&level(version), 10);
        }
        assert_eq!(history.find("e1.95"), None);
        assert_eq!(history.find("e1.96"), Some(level(96)));
        history.push(&level(100), 90);
        assert_eq!(history.find("e1.98"), None);
        assert_eq!(history.find("e1.99"), Some(level(99)));
        // The newest one stays, however large.
        history.push(&level(101), 900);
        assert_eq!((history.states.len(), history.bytes), (1, 900));
        let mut none = History::new("e1".to_owned(), 0, 100);
        none.push(&level(1), 1);
        assert_eq!(none.find("e1.1"), None);
    }

    #[test]
    fn lives_differ() {
        let epoch = History::new_epoch();
        assert_ne!(epoch, History::new_epoch());
        assert_eq!(epoch.len(), 32);
        assert!(epoch.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
