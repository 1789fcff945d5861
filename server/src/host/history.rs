//! The last values of a measurement.

use std::collections::VecDeque;

use serde::Serialize;

/// How many values a history keeps: two minutes at one sample per second.
pub(crate) const HISTORY_LENGTH: usize = 120;

/// The last [`HISTORY_LENGTH`] values of a measurement, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct History<T>(VecDeque<T>);

impl<T> History<T> {
    /// Appends the newest value; a full history forgets its oldest.
    pub(crate) fn push(&mut self, value: T) {
        if self.0.len() == HISTORY_LENGTH {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }
}

impl<T> Default for History<T> {
    fn default() -> Self {
        Self(VecDeque::with_capacity(HISTORY_LENGTH))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_oldest() {
        let mut history = History::default();
        for value in 0..=HISTORY_LENGTH {
            history.push(value);
        }
        let json = serde_json::to_value(&history).unwrap();
        let values = json.as_array().unwrap();
        assert_eq!(values.len(), HISTORY_LENGTH);
        assert_eq!(values[0], 1);
        assert_eq!(values[HISTORY_LENGTH - 1], HISTORY_LENGTH);
    }
}
