//! Numbered steps with the time they take.

use std::time::{Duration, Instant};

/// Steps of a task whose number is known beforehand.
#[derive(Debug)]
pub(crate) struct Progress {
    total: usize,
    done: usize,
    started: Instant,
}

impl Progress {
    /// Begins a task of `total` steps.
    pub(crate) fn new(total: usize) -> Self {
        Self {
            total,
            done: 0,
            started: Instant::now(),
        }
    }

    /// Announces the next step.
    pub(crate) fn step(&mut self, title: &str) {
        self.done += 1;
        let elapsed = self.started.elapsed();
        eprintln!(
            "\n[{}/{}] {title}  ({} so far)",
            self.done,
            self.total,
            human(elapsed)
        );
    }

    /// The time since the task began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A duration as people say it: `0.3 s`, `4 min 05 s`.
pub(crate) fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        assert_eq!(human(Duration::from_millis(340)), "0.3 s");
        assert_eq!(human(Duration::from_secs(245)), "4 min 05 s");
    }
}
