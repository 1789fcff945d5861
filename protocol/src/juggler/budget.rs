//! What the unfinished messages and the pending requests of all connections together may hold.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Bytes, or whatever else is counted, that may be held at once, all connections together.
#[derive(Debug)]
pub struct Budget {
    left: AtomicUsize,
}

impl Budget {
    /// A budget of this many bytes.
    #[must_use]
    pub const fn new(bytes: usize) -> Self {
        Self {
            left: AtomicUsize::new(bytes),
        }
    }

    /// Bytes that nobody holds.
    #[must_use]
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) -> bool {
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            })
            .is_ok()
    }

    fn give(&self, bytes: usize) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What one holder has of a [`Budget`]; it goes back when this is dropped. The default has no bound.
#[derive(Debug, Default)]
pub struct Share {
    budget: Option<Arc<Budget>>,
    held: usize,
}

impl Share {
    /// Nothing of `budget` so far.
    #[must_use]
    pub const fn new(budget: Arc<Budget>) -> Self {
        Self {
            budget: Some(budget),
            held: 0,
        }
    }

    /// Takes as much as is needed to hold `bytes` in all; returns whether there was as much.
    #[must_use]
    pub fn hold(&mut self, bytes: usize) -> bool {
        let Some(budget) = &self.budget else {
            return true;
        };
        let more = bytes.saturating_sub(self.held);
        let held = more == 0 || budget.take(more);
        if held {
            self.held += more;
        }
        held
    }

    /// Gives back everything.
    pub fn clear(&mut self) {
        if let Some(budget) = &self.budget
            && self.held > 0
        {
            budget.give(core::mem::take(&mut self.held));
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What requests hold while they are handled or wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) requests: usize,
    /// Bytes of their texts.
    pub(super) bytes: usize,
    /// Values in their data: small texts may be large values.
    pub(super) values: usize,
}

impl Cost {
    /// Both together.
    pub(super) const fn plus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            bytes: self.bytes.saturating_add(other.bytes),
            values: self.values.saturating_add(other.values),
        }
    }

    /// What is left of it without `other`.
    pub(super) const fn minus(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(other.requests),
            bytes: self.bytes.saturating_sub(other.bytes),
            values: self.values.saturating_sub(other.values),
        }
    }

    /// Whether nothing of it is more than `most` allows.
    pub(super) const fn fits(self, most: Self) -> bool {
        self.requests <= most.requests && self.bytes <= most.bytes && self.values <= most.values
    }
}

/// What the requests of all connections together may hold while they are handled or wait.
#[derive(Debug)]
pub struct RequestBudget {
    requests: Budget,
    bytes: Budget,
    values: Budget,
}

impl RequestBudget {
    /// A budget of so many requests, with as many bytes of text and values in their data together.
    #[must_use]
    pub const fn new(requests: usize, bytes: usize, values: usize) -> Self {
        Self {
            requests: Budget::new(requests),
            bytes: Budget::new(bytes),
            values: Budget::new(values),
        }
    }

    /// Requests that there may be besides those that there are.
    #[must_use]
    pub fn left(&self) -> usize {
        self.requests.left()
    }

    /// Takes all of it or nothing; returns whether there was as much.
    pub(super) fn take(&self, cost: Cost) -> bool {
        if !self.requests.take(cost.requests) {
            return false;
        }
        if !self.bytes.take(cost.bytes) {
            self.requests.give(cost.requests);
            return false;
        }
        if !self.values.take(cost.values) {
            self.requests.give(cost.requests);
            self.bytes.give(cost.bytes);
            return false;
        }
        true
    }

    pub(super) fn give(&self, cost: Cost) {
        self.requests.give(cost.requests);
        self.bytes.give(cost.bytes);
        self.values.give(cost.values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_takes_all_that_it_needs_or_nothing() {
        let cost = |requests, bytes, values| Cost {
            requests,
            bytes,
            values,
        };
        let budget = RequestBudget::new(3, 100, 50);
        assert!(budget.take(cost(1, 60, 20)));
        for too_much in [cost(3, 1, 1), cost(1, 41, 1), cost(1, 40, 31)] {
            assert!(!budget.take(too_much), "{too_much:?}");
        }
        assert!(budget.take(cost(2, 40, 30)));
        assert_eq!(budget.left(), 0);
        budget.give(cost(1, 60, 20));
        assert!(budget.take(cost(1, 60, 20)));
    }

    #[test]
    fn what_one_holds_another_cannot() {
        let budget = Arc::new(Budget::new(10));
        let mut one = Share::new(Arc::clone(&budget));
        let mut two = Share::new(Arc::clone(&budget));
        assert!(one.hold(4) && one.hold(6) && one.hold(3));
        assert_eq!(budget.left(), 4);
        assert!(!two.hold(5) && two.hold(4));
        assert!(!one.hold(7));
        drop(two);
        assert!(one.hold(10));
        one.clear();
        assert_eq!(budget.left(), 10);
        assert!(Share::default().hold(usize::MAX));
    }
}
