//! When a measurement stays too high.

use std::time::{Duration, Instant};

/// Watches for a value that stays over a limit, and then for one that no longer does.
///
/// A value must stay on the other side for the whole of `hold` to count, so that a short peak, or a
/// value that sways around the limit, tells nobody anything.
#[derive(Clone, Debug)]
pub(crate) struct Threshold {
    limit: f64,
    hold: Duration,
    over: bool,
    /// Since when the value has been on the side that `over` denies.
    since: Option<Instant>,
}

/// What a [`Threshold`] has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crossing {
    /// The value has been over the limit for the whole hold time.
    Crossed,
    /// The value has been at or under the limit again for the whole hold time.
    Cleared,
}

impl Threshold {
    /// A threshold that is crossed by more than `limit` for at least `hold`.
    pub(crate) fn new(limit: f64, hold: Duration) -> Self {
        Self {
            limit,
            hold,
            over: false,
            since: None,
        }
    }

    /// Takes the value measured at `now`, and says so where that settles a crossing.
    pub(crate) fn update(&mut self, now: Instant, value: f64) -> Option<Crossing> {
        if (value > self.limit) == self.over {
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(now);
        if now.saturating_duration_since(since) < self.hold {
            return None;
        }
        self.since = None;
        self.over = !self.over;
        Some(if self.over {
            Crossing::Crossed
        } else {
            Crossing::Cleared
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds (second, value) pairs and collects what was told, and when.
    fn check(values: &[(f64, f64)], expect: &[(f64, Crossing)]) {
        let start = Instant::now();
        let mut threshold = Threshold::new(90.0, Duration::from_secs(3));
        let told: Vec<_> = values
            .iter()
            .filter_map(|&(second, value)| {
                let now = start + Duration::from_secs_f64(second);
                threshold
                    .update(now, value)
                    .map(|crossing| (second, crossing))
            })
            .collect();
        assert_eq!(told, expect, "{values:?}");
    }

    #[test]
    fn tells_once_each_way() {
        check(
            &[
                (0.0, 10.0),
                (1.0, 95.0),
                (2.0, 99.0),
                (3.9, 91.0),
                (4.0, 92.0),
                (5.0, 100.0),
                (60.0, 100.0),
                (61.0, 90.0),
                (63.9, 10.0),
                (64.0, 10.0),
                (99.0, 10.0),
            ],
            &[(4.0, Crossing::Crossed), (64.0, Crossing::Cleared)],
        );
    }

    #[test]
    fn ignores_short_peaks_and_dips() {
        check(
            &[
                (0.0, 95.0),
                (2.9, 95.0),
                (3.0, 10.0),
                (3.1, 95.0),
                (6.0, 95.0),
            ],
            &[],
        );
        check(
            &[
                (0.0, 95.0),
                (3.0, 95.0),
                (4.0, 10.0),
                (6.9, 95.0),
                (7.0, 10.0),
                (9.9, 10.0),
            ],
            &[(3.0, Crossing::Crossed)],
        );
    }

    #[test]
    fn the_limit_itself_is_not_over() {
        check(&[(0.0, 90.0), (9.0, 90.0)], &[]);
        check(&[(0.0, 90.1), (9.0, 90.1)], &[(9.0, Crossing::Crossed)]);
    }

    #[test]
    fn holds_across_rare_samples() {
        check(
            &[(0.0, 95.0), (10.0, 95.0), (20.0, 1.0), (30.0, 1.0)],
            &[(10.0, Crossing::Crossed), (30.0, Crossing::Cleared)],
        );
    }

    #[test]
    fn is_not_confused_by_what_is_not_a_number() {
        check(&[(0.0, f64::NAN), (9.0, f64::NAN)], &[]);
    }
}
