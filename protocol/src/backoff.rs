//! How long to wait before the next attempt.

use core::time::Duration;

/// Exponential back-off with full jitter: each wait is drawn evenly from the range between the minimum
/// and a cap that doubles with every failure, so that clients cut off together do not come back together.
#[derive(Clone, Debug)]
pub struct Backoff {
    min: Duration,
    max: Duration,
    failures: u32,
    seed: u64,
}

impl Backoff {
    /// Waits between `min` and `max`; equal seeds draw equal waits.
    #[must_use]
    pub const fn new(min: Duration, max: Duration, seed: u64) -> Self {
        Self {
            min,
            max,
            failures: 0,
            seed,
        }
    }

    /// Failures since the last [`reset`](Self::reset).
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Counts a failure and draws the wait that follows it: the first between `min` and four times `min`.
    pub fn fail(&mut self) -> Duration {
        let doublings = self.failures.saturating_add(2).min(31);
        self.failures = self.failures.saturating_add(1);
        let cap = self.min.saturating_mul(1 << doublings).min(self.max);
        let range = cap.saturating_sub(self.min);
        let range = range.as_secs().saturating_mul(1_000_000) + u64::from(range.subsec_micros());
        self.min.min(self.max) + Duration::from_micros(self.draw() % range.saturating_add(1).max(1))
    }

    /// Forgets the failures: the connection has proved itself.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }

    /// SplitMix64: jitter is behaviour, not a secret.
    const fn draw(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const MIN: Duration = Duration::from_millis(250);
    const MAX: Duration = Duration::from_secs(20);

    #[test]
    fn waits_grow_within_their_bounds_and_differ() {
        let mut first = Vec::new();
        for seed in 0..500 {
            let mut backoff = Backoff::new(MIN, MAX, seed);
            let waits: Vec<Duration> = (0..40).map(|_| backoff.fail()).collect();
            assert!(
                waits.iter().all(|wait| (MIN..=MAX).contains(wait)),
                "{waits:?}"
            );
            assert!(waits[0] <= 4 * MIN);
            first.push(waits[0]);
        }
        first.sort();
        first.dedup();
        assert!(
            first.len() > 490,
            "clients cut off together come back together"
        );
        let spread = first[first.len() - 1] - first[0];
        assert!(
            spread > 2 * MIN,
            "the first waits spread over {spread:?} only"
        );
    }

    #[test]
    fn equal_seeds_wait_equally_and_reset_starts_again() {
        let mut one = Backoff::new(MIN, MAX, 7);
        let mut two = Backoff::new(MIN, MAX, 7);
        for _ in 0..10 {
            assert_eq!(one.fail(), two.fail());
        }
        one.reset();
        assert_eq!(one.failures(), 0);
        assert!(one.fail() <= 4 * MIN);
    }

    #[test]
    fn a_minimum_above_the_maximum_waits_the_maximum() {
        assert_eq!(Backoff::new(MAX, MIN, 1).fail(), MIN);
    }
}
