//! When changed state is sent.

use core::time::Duration;

use crate::time::Instant;

/// Gathers changes of a state for at most a while, then has them sent as one diff.
#[derive(Clone, Debug)]
pub struct Flush {
    delay: Option<Duration>,
    due: Option<Instant>,
}

impl Flush {
    /// How long changes are gathered by default: 200 ms.
    pub const DELAY: Duration = Duration::from_millis(200);

    /// Gathers changes for `delay`: with zero each change is a diff of its own, with `None` only
    /// [`flush`](Self::flush) sends.
    #[must_use]
    pub const fn new(delay: Option<Duration>) -> Self {
        Self { delay, due: None }
    }

    /// The state changed.
    pub fn change(&mut self, now: Instant) {
        if self.due.is_none() {
            self.due = self.delay.map(|delay| now + delay);
        }
    }

    /// Sends what changed at once.
    pub const fn flush(&mut self, now: Instant) {
        self.due = Some(now);
    }

    /// When what changed is due; `None` where nothing is.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Whether to send the state as it is now. Asked after every change and at the deadline.
    pub fn take(&mut self, now: Instant) -> bool {
        let due = self.due.is_some_and(|due| due <= now);
        if due {
            self.due = None;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(milliseconds: u64) -> Instant {
        Instant::from_millis(milliseconds)
    }

    #[test]
    fn the_first_change_starts_the_clock() {
        let mut flush = Flush::new(Some(Flush::DELAY));
        assert_eq!(flush.deadline(), None);
        flush.change(at(0));
        flush.change(at(150));
        assert_eq!(flush.deadline(), Some(at(200)));
        assert!(!flush.take(at(199)));
        assert!(flush.take(at(200)));
        assert!(!flush.take(at(201)));
        flush.change(at(300));
        flush.flush(at(310));
        assert!(flush.take(at(310)));
        assert_eq!(flush.deadline(), None);
    }

    #[test]
    fn zero_sends_each_change_and_none_waits_for_a_flush() {
        let mut each = Flush::new(Some(Duration::ZERO));
        each.change(at(5));
        assert!(each.take(at(5)));
        let mut never = Flush::new(None);
        never.change(at(5));
        assert_eq!(never.deadline(), None);
        assert!(!never.take(at(1_000_000)));
        never.flush(at(1_000_001));
        assert!(never.take(at(1_000_001)));
    }
}
