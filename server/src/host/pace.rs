//! How often to measure what is costly to measure.

use std::time::{Duration, Instant};

/// A measurement may take one in so many parts of the time: it never uses more than 4 % of a core.
const SHARE: u32 = 25;

/// When a measurement is next due: at its interval, or later where it turns out to be slow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    interval: Duration,
    next: Option<Instant>,
}

impl Pace {
    /// A measurement that is due at once, and then no sooner than every `interval`.
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            interval,
            next: None,
        }
    }

    /// Runs `measure` if it is due at `now`, and otherwise returns nothing.
    pub(crate) fn run<T>(&mut self, now: Instant, measure: impl FnOnce() -> T) -> Option<T> {
        if !self.is_due(now) {
            return None;
        }
        let begun = Instant::now();
        let measured = measure();
        self.done(now, begun.elapsed());
        Some(measured)
    }

    fn is_due(&self, now: Instant) -> bool {
        // A timer that fires a little early must not put the measurement off for a whole sample.
        let slack = self.interval / 10;
        self.next.is_none_or(|next| now + slack >= next)
    }

    fn done(&mut self, now: Instant, cost: Duration) {
        self.next = Some(now + self.interval.max(cost * SHARE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn keeps_its_interval() {
        let start = Instant::now();
        let mut pace = Pace::new(SECOND);
        assert!(pace.is_due(start));
        pace.done(start, Duration::from_millis(1));
        assert!(!pace.is_due(start));
        assert!(!pace.is_due(start + SECOND / 2));
        assert!(
            pace.is_due(start + SECOND - Duration::from_millis(1)),
            "early, but only just"
        );
        assert!(pace.is_due(start + 9 * SECOND));
    }

    #[test]
    fn slows_down_where_the_cost_is_high() {
        let start = Instant::now();
        let mut pace = Pace::new(SECOND);
        pace.done(start, SECOND);
        assert!(!pace.is_due(start + 24 * SECOND));
        assert!(pace.is_due(start + 25 * SECOND));
    }

    #[test]
    fn runs_only_when_due() {
        let start = Instant::now();
        let mut pace = Pace::new(SECOND);
        assert_eq!(pace.run(start, || 1), Some(1));
        assert_eq!(pace.run(start, || 2), None);
        assert_eq!(pace.run(start + 60 * SECOND, || 3), Some(3));
    }
}
