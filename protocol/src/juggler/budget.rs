//! What the unfinished messages of all connections together may hold.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that may be held at once, all connections together.
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

#[cfg(test)]
mod tests {
    use super::*;

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
