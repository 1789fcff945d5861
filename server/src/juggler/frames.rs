//! [`Frames`]: each step of the state is diffed and encoded once, however many make it.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use mirrorball_protocol::{
    json::diff,
    juggler::{
        message::{self, Stamp},
        segment::Sealed,
        server::Level,
    },
};

use super::history::History;
use crate::socket::Frame;

/// How many steps are remembered. Connections that keep up all make the newest one; those that fell behind
/// make a few others.
const REMEMBERED: usize = 16;
/// Bytes of those that are remembered, but for the newest.
const REMEMBERED_BYTES: usize = 16 << 20;

pub(super) type Message = Option<Sealed<Frame>>;

/// The encoded steps of one state.
#[derive(Debug)]
pub(super) struct Frames {
    max_segment_size: usize,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    recent: VecDeque<Step>,
    history: History,
}

#[derive(Debug)]
struct Step {
    from: Level,
    to: Level,
    is_resumed: bool,
    message: Message,
}

impl Frames {
    pub(super) const fn new(max_segment_size: usize, history: History) -> Self {
        Self {
            max_segment_size,
            known: Mutex::new(Known {
                recent: VecDeque::new(),
                history,
            }),
        }
    }

    /// The state that a client which came back says it holds, where it is still known.
    pub(super) fn recall(&self, mark: &str) -> Option<Level> {
        self.known().history.find(mark)
    }

    /// The message that makes `to` of `from`; `None` where they are equal. Where a client goes on from `from`
    /// over a new connection, there always is one.
    pub(super) fn step(&self, from: &Level, to: &Level, is_resumed: bool) -> Message {
        // Made under the lock, so that whoever asks for the same step meanwhile waits for it.
        let mut known = self.known();
        let asked = |step: &&Step| {
            step.is_resumed == is_resumed && step.from.is_same(from) && step.to.is_same(to)
        };
        if let Some(step) = known.recent.iter().find(asked) {
            return step.message.clone();
        }
        let is_first = is_resumed || from.value.is_null();
        let stamp = Stamp {
            epoch: Some(known.history.epoch()).filter(|_| is_first && to.version.is_some()),
            since: from.version.filter(|_| is_resumed),
            version: to.version,
        };
        let message = encode(from, to, &stamp, self.max_segment_size);
        known.history.push(to, bytes(&message));
        let mut left = REMEMBERED_BYTES;
        let fits = |step: &Step| {
            left = left.checked_sub(bytes(&step.message))?;
            Some(())
        };
        let keep = known.recent.iter().map_while(fits);
        let keep = keep.take(REMEMBERED - 1).count();
        known.recent.truncate(keep);
        known.recent.push_front(Step {
            from: from.clone(),
            to: to.clone(),
            is_resumed,
            message: message.clone(),
        });
        message
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The message that makes `to` of `from`, cut into segments; `None` where they are equal, unless it goes on from
/// another connection's.
pub(super) fn encode(
    from: &Level,
    to: &Level,
    stamp: &Stamp<'_>,
    max_segment_size: usize,
) -> Message {
    let step = diff(&from.value, &to.value);
    let is_sent = !step.is_empty() || stamp.since.is_some();
    is_sent.then(|| message::state(&step, stamp).seal(max_segment_size))
}

fn bytes(message: &Message) -> usize {
    let segments = message.iter().flat_map(|segments| segments.iter());
    segments.map(|frame| frame.as_ref().len()).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mirrorball_protocol::json::Value;

    use super::*;

    fn level(text: &str, version: u64) -> Level {
        Level {
            value: serde_json::from_str(text).unwrap(),
            version: Some(version),
        }
    }

    fn frames() -> Frames {
        Frames::new(65_536, History::new("e1".to_owned(), 1_024, 4 << 20))
    }

    fn text(message: &Message) -> &str {
        std::str::from_utf8(message.as_ref().unwrap()[0].as_ref()).unwrap()
    }

    #[test]
    fn a_step_is_encoded_once() {
        let frames = frames();
        let (one, two) = (level(r#"{"a":1}"#, 1), level(r#"{"a":2}"#, 2));
        let first = frames.step(&one, &two, false);
        let again = frames.step(&one, &two, false);
        assert!(Arc::ptr_eq(first.as_ref().unwrap(), &again.unwrap()));
        assert_eq!(
            text(&first),
            r#"0{"type":"state","diff":[{"op":"replace","path":"/a","value":2}],"version":2}"#
        );
        assert!(frames.step(&two, &one, false).is_some());
        assert!(frames.step(&one, &level(r#"{"a":1}"#, 3), false).is_none());
    }

    #[test]
    fn a_first_step_says_in_which_life_states_are_counted() {
        let frames = frames();
        let (one, two) = (level(r#"{"a":1}"#, 1), level(r#"{"a":2}"#, 2));
        assert_eq!(
            text(&frames.step(&Level::default(), &one, false)),
            r#"0{"type":"state","diff":[{"op":"replace","path":"","value":{"a":1}}],"epoch":"e1","version":1}"#
        );
        let back = frames.recall("e1.1").unwrap();
        assert_eq!(
            text(&frames.step(&back, &two, true)),
            r#"0{"type":"state","diff":[{"op":"replace","path":"/a","value":2}],"epoch":"e1","since":1,"version":2}"#
        );
        // Nothing changed: that is said, too.
        assert_eq!(
            text(&frames.step(&two, &two, true)),
            r#"0{"type":"state","diff":[],"epoch":"e1","since":2,"version":2}"#
        );
        // What is not counted is written as the public peers write it.
        let plain = Level::from(Value::from(7));
        assert_eq!(
            text(&frames.step(&Level::default(), &plain, false)),
            r#"0{"type":"state","diff":[{"op":"replace","path":"","value":7}]}"#
        );
    }

    #[test]
    fn the_first_state_is_encoded_once_and_old_steps_are_forgotten() {
        let frames = frames();
        let state = level(r#"{"a":1}"#, 1);
        let first = frames.step(&Level::default(), &state, false).unwrap();
        let again = frames.step(&Level::default(), &state, false).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        for n in 0..3 * REMEMBERED as u64 {
            let next = level(&format!("[{n}]"), n + 2);
            assert!(frames.step(&state, &next, false).is_some());
        }
        assert_eq!(frames.known().recent.len(), REMEMBERED);
        let large = level(&format!("{:?}", "x".repeat(REMEMBERED_BYTES / 3)), 100);
        for n in 0..6 {
            assert!(frames.step(&level("[]", n), &large, false).is_some());
        }
        assert_eq!(frames.known().recent.len(), 3);
    }
}
