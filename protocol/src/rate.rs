//! [`Rate`]: how fast a client may send.

use core::time::Duration;

use super::time::Instant;

/// Counts what comes: so many at once, then so many each second.
#[derive(Clone, Debug)]
pub struct Rate {
    /// How much time one of them takes up.
    interval: Duration,
    /// How much time may be taken up in advance.
    burst: Duration,
    /// Until when time is taken up.
    taken: Instant,
    pause: Option<Instant>,
}

impl Rate {
    /// So many at once, and then so many each second; at least one of each.
    #[must_use]
    pub fn new(per_second: u32, burst: u32, now: Instant) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self {
            interval,
            burst: interval * burst.max(1),
            taken: now,
            pause: None,
        }
    }

    /// One more came.
    pub fn count(&mut self, now: Instant) {
        self.taken = self.taken.max(now) + self.interval;
        let ahead = self.taken.since(now);
        if ahead > self.burst {
            // Half of a burst is taken at once again, and not one by one: each pause costs a timer.
            self.pause = Some(now + (ahead.saturating_sub(self.burst / 2)));
        }
    }

    /// Until when no more are wanted.
    #[must_use]
    pub const fn pause(&self) -> Option<Instant> {
        self.pause
    }

    /// Time went by.
    pub fn tick(&mut self, now: Instant) {
        self.pause = self.pause.filter(|until| *until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let mut now = Instant::default();
        let mut rate = Rate::new(200, 400, now);
        for _ in 0..400 {
            rate.count(now);
            assert_eq!(rate.pause(), None);
        }
        let mut passed = 400;
        while now < Instant::from_millis(10_000) {
            rate.count(now);
            passed += 1;
            if let Some(pause) = rate.pause() {
                assert!(pause > now);
                rate.tick(now);
                assert_eq!(rate.pause(), Some(pause));
                now = pause;
                rate.tick(now);
                assert_eq!(rate.pause(), None);
            }
        }
        assert!((2_100..=2_500).contains(&passed), "{passed}");
    }
}
