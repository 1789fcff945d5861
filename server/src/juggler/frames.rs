//! [`Frames`]: each step of the state is diffed and encoded once, however many make it.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use mirrorball_protocol::{
    json::{Value, diff},
    juggler::{message, segment::Sealed},
};

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
    recent: Mutex<VecDeque<(Value, Value, Message)>>,
}

impl Frames {
    pub(super) const fn new(max_segment_size: usize) -> Self {
        Self {
            max_segment_size,
            recent: Mutex::new(VecDeque::new()),
        }
    }

    /// The message that makes `to` of `from`; `None` where they are equal.
    pub(super) fn step(&self, from: &Value, to: &Value) -> Message {
        // Made under the lock, so that whoever asks for the same step meanwhile waits for it.
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let known = recent
            .iter()
            .find(|(known_from, known_to, _)| is_same(known_from, from) && is_same(known_to, to));
        if let Some((_, _, message)) = known {
            return message.clone();
        }
        let message = encode(from, to, self.max_segment_size);
        let mut left = REMEMBERED_BYTES;
        let fits = |(_, _, message): &(Value, Value, Message)| {
            let bytes = message.iter().flat_map(|segments| segments.iter());
            let bytes = bytes.map(|frame| frame.as_ref().len()).sum();
            left = left.checked_sub(bytes)?;
            Some(())
        };
        let keep = recent.iter().map_while(fits).take(REMEMBERED - 1).count();
        recent.truncate(keep);
        recent.push_front((from.clone(), to.clone(), message.clone()));
        message
    }
}

/// The message that makes `to` of `from`, cut into segments; `None` where they are equal.
pub(super) fn encode(from: &Value, to: &Value, max_segment_size: usize) -> Message {
    let step = diff(from, to);
    (!step.is_empty()).then(|| message::state(&step).seal(max_segment_size))
}

fn is_same(one: &Value, two: &Value) -> bool {
    one.is_same(two) || (one.is_null() && two.is_null())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn parse(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_step_is_encoded_once() {
        let frames = Frames::new(65_536);
        let (one, two) = (parse(r#"{"a":1}"#), parse(r#"{"a":2}"#));
        let first = frames.step(&one, &two).unwrap();
        assert!(Arc::ptr_eq(&first, &frames.step(&one, &two).unwrap()));
        let text = r#"0{"type":"state","diff":[{"op":"replace","path":"/a","value":2}]}"#;
        assert_eq!(first[0].as_ref(), text.as_bytes());
        assert!(frames.step(&two, &one).is_some());
        assert!(frames.step(&one, &parse(r#"{"a":1}"#)).is_none());
    }

    #[test]
    fn the_first_state_is_encoded_once_and_old_steps_are_forgotten() {
        let frames = Frames::new(65_536);
        let state = parse(r#"{"a":1}"#);
        let first = frames.step(&Value::Null, &state).unwrap();
        assert!(Arc::ptr_eq(
            &first,
            &frames.step(&Value::Null, &state).unwrap()
        ));
        for n in 0..3 * REMEMBERED {
            assert!(frames.step(&state, &parse(&format!("[{n}]"))).is_some());
        }
        assert_eq!(frames.recent.lock().unwrap().len(), REMEMBERED);
        let large = Value::from("x".repeat(REMEMBERED_BYTES / 3));
        for _ in 0..6 {
            assert!(
                frames
                    .step(&large.to_text().as_str().into(), &large)
                    .is_some()
            );
        }
        assert_eq!(frames.recent.lock().unwrap().len(), 3);
    }
}
