//! [`Publisher`]: when changes of the state are sent.

use std::{future::pending, sync::Arc, time::Duration};

use mirrorball_protocol::juggler::Flush;
use tokio::{sync::watch, task::JoinHandle, time::sleep_until};

use super::casts::{Casts, News};
use crate::{
    State,
    socket::Clock,
    state::{Changes, Snapshot, Steps},
};

/// Publishes a state at the moments at which it is to be sent, the same for every connection, so that they
/// all make the same steps and one diff serves them all.
#[derive(Debug)]
pub(super) struct Publisher {
    latest: Arc<watch::Sender<Snapshot>>,
    task: JoinHandle<()>,
}

impl Publisher {
    pub(super) fn start(
        state: &State,
        delay: Option<Duration>,
        flushes: watch::Receiver<()>,
        casts: Arc<Casts>,
    ) -> Self {
        let (mut pace, first) = Pace::new(state, delay, flushes);
        let latest = Arc::new(watch::Sender::new(first));
        let task = tokio::spawn({
            let latest = Arc::clone(&latest);
            async move {
                while let Some(snapshot) = pace.next().await {
                    latest.send_replace(snapshot.clone());
                    casts.tell(News::State(snapshot));
                }
            }
        });
        Self { latest, task }
    }

    /// What was published last.
    pub(super) fn latest(&self) -> Snapshot {
        self.latest.borrow().clone()
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
            let deadline = flush.deadline().and_then(|it| clock.at(it));
            let due = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
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
