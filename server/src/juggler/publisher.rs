//! [`Publisher`]: when changes of the state are sent.

use std::{future::pending, sync::Arc, time::Duration};

use mirrorball_protocol::juggler::Flush;
use tokio::{
    sync::{broadcast, watch},
    task::JoinHandle,
    time::sleep_until,
};

use crate::{
    State,
    socket::Clock,
    state::{Changes, Snapshot, Steps},
};

/// Published states that a connection may have before it: where there are more it misses some, and its diffs
/// are larger.
const AHEAD: usize = 1_024;

/// Publishes a state at the moments at which it is to be sent, the same for every connection, so that they
/// all make the same steps and one diff serves them all.
#[derive(Debug)]
pub(super) struct Publisher {
    latest: Arc<watch::Sender<Snapshot>>,
    published: broadcast::Sender<Snapshot>,
    task: JoinHandle<()>,
}

impl Publisher {
    pub(super) fn start(
        state: &State,
        delay: Option<Duration>,
        flushes: watch::Receiver<()>,
    ) -> Self {
        let (mut pace, first) = Pace::new(state, delay, flushes);
        let latest = Arc::new(watch::Sender::new(first));
        let published = broadcast::Sender::new(AHEAD);
        let task = tokio::spawn({
            let (latest, published) = (Arc::clone(&latest), published.clone());
            async move {
                while let Some(snapshot) = pace.next().await {
                    latest.send_replace(snapshot.clone());
                    // An error says that nobody is connected.
                    let _ = published.send(snapshot);
                }
            }
        });
        Self {
            latest,
            published,
            task,
        }
    }

    /// What was published last, and what will be. What comes may not be newer.
    pub(super) fn subscribe(&self) -> (Snapshot, broadcast::Receiver<Snapshot>) {
        let published = self.published.subscribe();
        let latest = self.latest.borrow().clone();
        (latest, published)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The moments at which one state is to be sent.
#[derive(Debug)]
pub(super) struct Pace {
    source: Source,
    flushes: watch::Receiver<()>,
}

#[derive(Debug)]
enum Source {
    /// Each change is sent.
    Each(Steps),
    /// Changes are gathered.
    Gathered {
        changes: Changes,
        flush: Flush,
        clock: Clock,
    },
}

impl Pace {
    /// The moments from now on, and the state as it is now.
    pub(super) fn new(
        state: &State,
        delay: Option<Duration>,
        mut flushes: watch::Receiver<()>,
    ) -> (Self, Snapshot) {
        flushes.mark_unchanged();
        let (source, first) = if delay == Some(Duration::ZERO) {
            // A change in between is on the trail, and in the first state.
            (Source::Each(state.steps()), state.current())
        } else {
            let mut changes = state.changes();
            let first = changes.latest();
            let source = Source::Gathered {
                changes,
                flush: Flush::new(delay),
                clock: Clock::new(),
            };
            (source, first)
        };
        (Self { source, flushes }, first)
    }

    /// Waits for the next state that is to be sent; `None` once no handle of the state is left.
    ///
    /// Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Snapshot> {
        let (changes, flush, clock) = match &mut self.source {
            Source::Each(steps) => return steps.next().await,
            Source::Gathered {
                changes,
                flush,
                clock,
            } => (changes, flush, *clock),
        };
        loop {
            if flush.take(clock.now()) {
                return Some(changes.latest());
            }
            let deadline = flush.deadline();
            let due = async {
                match deadline {
                    Some(deadline) => sleep_until(clock.at(deadline)).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                changed = changes.changed() => {
                    changed?;
                    flush.change(clock.now());
                }
                asked = self.flushes.changed() => {
                    asked.ok()?;
                    flush.flush(clock.now());
                }
                () = due => {}
            }
        }
    }
}
