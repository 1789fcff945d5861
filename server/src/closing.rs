//! [`Closing`]: how the clients of a service that closes go, one after another.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

/// How far a service is with closing. Each connection holds a receiver of that: what is announced is heard there,
/// and the last one gone is seen here.
#[derive(Debug)]
pub(crate) struct Closing {
    progress: watch::Sender<Progress>,
    /// Turns that connections have taken.
    turns: AtomicU32,
    drain: Duration,
    step: Duration,
}

/// How far a service is with closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It is open.
    Open,
    /// Each connection closes in its turn.
    InTurn(Turns),
    /// All connections close at once.
    Now,
}

/// The turns of connections that close one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turns {
    begun: Instant,
    /// What lies between two turns.
    gap: Duration,
    /// After this the last turn has come.
    whole: Duration,
}

impl Closing {
    /// Connections will close at most `step` apart, and all of them within `drain`.
    pub(crate) fn new(drain: Duration, step: Duration) -> Self {
        Self {
            progress: watch::Sender::new(Progress::Open),
            turns: AtomicU32::new(0),
            drain,
            step,
        }
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.progress.receiver_count()
    }

    /// Whether the service closes, or is closed.
    pub(crate) fn is_begun(&self) -> bool {
        *self.progress.borrow() != Progress::Open
    }

    /// Hears how far it is. Where it has begun, that is news.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Progress> {
        let mut progress = self.progress.subscribe();
        if self.is_begun() {
            progress.mark_changed();
        }
        progress
    }

    /// Has connections close in turn from now on, and returns how long it is to the last turn.
    pub(crate) fn begin(&self) -> Duration {
        self.progress.send_if_modified(|progress| {
            let is_open = *progress == Progress::Open;
            if is_open {
                let turns = Turns::new(self.connections(), self.drain, self.step);
                *progress = Progress::InTurn(turns);
            }
            is_open
        });
        match *self.progress.borrow() {
            Progress::InTurn(turns) => turns.until(turns.whole),
            Progress::Open | Progress::Now => Duration::ZERO,
        }
    }

    /// Has all connections close at once.
    pub(crate) fn hasten(&self) {
        self.progress.send_replace(Progress::Now);
    }

    /// Takes the next turn, and returns how long it is until then.
    pub(crate) fn take_turn(&self, turns: Turns) -> Duration {
        turns.of(self.turns.fetch_add(1, Ordering::Relaxed))
    }

    /// Waits for a connection's turn, which is counted as one for as long as it does.
    pub(crate) async fn turn(&self) {
        let mut progress = self.subscribe();
        loop {
            let news = *progress.borrow_and_update();
            match news {
                Progress::Now => return,
                Progress::InTurn(turns) => {
                    let wait = self.take_turn(turns);
                    // Or until there is no time left.
                    let _ = timeout(wait, progress.changed()).await;
                    return;
                }
                // Its sender lives as long as this.
                Progress::Open => _ = progress.changed().await,
            }
        }
    }

    /// Waits for all connections to be gone.
    pub(crate) async fn finished(&self) {
        self.progress.closed().await;
    }
}

impl Turns {
    fn new(connections: usize, drain: Duration, step: Duration) -> Self {
        let count = u32::try_from(connections).unwrap_or(u32::MAX);
        let gap = drain.checked_div(count).unwrap_or_default().min(step);
        Self {
            begun: Instant::now(),
            gap,
            whole: gap.saturating_mul(count),
        }
    }

    /// How long it is until the turn of this number comes. Who came too late to be counted has the last one.
    fn of(self, number: u32) -> Duration {
        self.until(self.gap.saturating_mul(number).min(self.whole))
    }

    fn until(self, turn: Duration) -> Duration {
        turn.saturating_sub(self.begun.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_are_spread_over_the_drain_and_few_take_little_time() {
        const ZERO: Duration = Duration::ZERO;
        const MS: Duration = Duration::from_millis(1);
        let turns = |connections, drain| {
            let turns = Turns::new(connections, drain, MS);
            let last = u32::try_from(connections).unwrap().saturating_sub(1);
            [turns.of(0), turns.of(1), turns.of(last), turns.of(u32::MAX)]
        };
        // A step apart while there are few.
        assert_eq!(turns(100, 10_000 * MS), [ZERO, MS, 99 * MS, 100 * MS]);
        assert_eq!(turns(1, 10_000 * MS), [ZERO, MS, ZERO, MS]);
        assert_eq!(turns(0, 10_000 * MS), [ZERO; 4]);
        // As near as it has to be where there are many.
        let many = turns(1_000, 100 * MS);
        assert_eq!(many, [ZERO, MS / 10, MS * 999 / 10, 100 * MS]);
        assert_eq!(turns(1_000, ZERO), [ZERO; 4]);
        assert_eq!(turns(2, Duration::MAX), [ZERO, MS, MS, 2 * MS]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_begins_once() {
        const STEP: Duration = Duration::from_secs(1);
        let closing = Closing::new(Duration::from_secs(100), STEP);
        let mut early = [closing.subscribe(), closing.subscribe()];
        assert!(!early[0].has_changed().unwrap());
        assert_eq!(closing.begin(), 2 * STEP);
        tokio::time::advance(STEP / 2).await;
        assert_eq!(closing.begin(), STEP * 3 / 2);
        for (progress, wait) in early.iter_mut().zip([Duration::ZERO, STEP / 2]) {
            assert!(progress.has_changed().unwrap());
            let Progress::InTurn(turns) = *progress.borrow_and_update() else {
                panic!("no turns");
            };
            assert_eq!(closing.take_turn(turns), wait);
        }
        assert!(closing.subscribe().has_changed().unwrap());
        closing.hasten();
        assert_eq!(*early[0].borrow_and_update(), Progress::Now);
        assert_eq!(closing.begin(), Duration::ZERO);
        assert!(closing.is_begun());
    }
}
