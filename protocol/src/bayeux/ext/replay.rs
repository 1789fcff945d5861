//! Messages that are kept for those who come later.

use alloc::{
    collections::{VecDeque, vec_deque},
    format,
    string::String,
};

/// The last messages of a channel, numbered one after another.
#[derive(Clone, Debug)]
pub struct Ring<T> {
    kept: VecDeque<(T, usize)>,
    /// The number of the next one.
    next: u64,
    bytes: usize,
}

/// Who subscribes wants messages behind one that is not kept any more, or never was. Its client is at fault, or late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownReplayId(pub i64);

impl UnknownReplayId {
    /// What a subscription is refused with; clients look for these words.
    #[must_use]
    pub fn error(self) -> String {
        format!(
            "400::The replayId {{{}}} you provided was invalid. Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.",
            self.0
        )
    }
}

impl<T> Ring<T> {
    /// Who wants only new messages says this.
    pub const NEW: i64 = -1;
    /// Who wants all that there are says this.
    pub const ALL: i64 = -2;

    /// Nothing yet; the first message will have this number.
    #[must_use]
    pub const fn new(first: u64) -> Self {
        Self {
            kept: VecDeque::new(),
            next: first,
            bytes: 0,
        }
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many bytes are kept, as those who pushed counted them.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of the next message.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Keeps a message, and of all no more than so many, of so many bytes together. Those that are gone leave no hole: who asks
    /// for what is behind them hears that it is not there.
    pub fn push(&mut self, message: T, bytes: usize, most: usize, most_bytes: usize) {
        self.next += 1;
        self.bytes += bytes;
        self.kept.push_back((message, bytes));
        while self.kept.len() > most || self.bytes > most_bytes {
            let Some((_, bytes)) = self.kept.pop_front() else {
                break;
            };
            self.bytes -= bytes;
        }
    }

    /// The messages behind the one of this number.
    ///
    /// # Errors
    ///
    /// Where it was never there, or some of those behind it are gone.
    pub fn since(&self, id: i64) -> Result<vec_deque::Iter<'_, (T, usize)>, UnknownReplayId> {
        let kept = self.kept.len();
        let skipped = match id {
            Self::NEW => kept,
            Self::ALL => 0,
            id => u64::try_from(id)
                .ok()
                .and_then(|id| self.next.checked_sub(id.checked_add(1)?))
                .and_then(|newer| kept.checked_sub(usize::try_from(newer).ok()?))
                .ok_or(UnknownReplayId(id))?,
        };
        Ok(self.kept.range(skipped..))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn since(ring: &Ring<char>, id: i64) -> Result<Vec<char>, UnknownReplayId> {
        Ok(ring.since(id)?.map(|(message, _)| *message).collect())
    }

    #[test]
    fn what_is_kept_can_be_asked_for() {
        let mut ring = Ring::new(5);
        assert_eq!(since(&ring, Ring::<char>::ALL), Ok(Vec::new()));
        assert_eq!(since(&ring, 4), Ok(Vec::new()));
        for message in ['a', 'b', 'c'] {
            ring.push(message, 1, 9, 9);
        }
        assert_eq!(since(&ring, 4), Ok(vec!['a', 'b', 'c']));
        assert_eq!(since(&ring, 5), Ok(vec!['b', 'c']));
        assert_eq!(since(&ring, 7), Ok(Vec::new()));
        assert_eq!(since(&ring, -1), Ok(Vec::new()));
        assert_eq!(since(&ring, -2), Ok(vec!['a', 'b', 'c']));
    }

    #[test]
    fn a_hole_is_never_hidden() {
        let mut ring = Ring::new(5);
        for message in ['a', 'b', 'c'] {
            ring.push(message, 1, 2, 9);
        }
        for id in [3, 4, 8, i64::MAX, -3, i64::MIN] {
            assert_eq!(since(&ring, id), Err(UnknownReplayId(id)), "{id}");
        }
        assert_eq!(since(&ring, 5), Ok(vec!['b', 'c']));
        // One that alone is too large is not kept, and neither is what was before it.
        ring.push('d', 10, 2, 9);
        assert!(ring.is_empty() && ring.bytes() == 0);
        assert_eq!(since(&ring, 7), Err(UnknownReplayId(7)));
        assert_eq!(since(&ring, 8), Ok(Vec::new()));
        let error = UnknownReplayId(7).error();
        assert!(error.starts_with("400::The replayId {7} you provided was invalid."));
    }
}
