//! [`Publisher`]: decides when changes of the state are sent.

use std::{future::pending, time::Duration};

use mirrorball_protocol::juggler::Flush;
use tokio::{sync::watch, task::JoinHandle, time::sleep_until};

use crate::{
    State,
    socket::Clock,
    state::{Changes, Snapshot},
};

/// Publishes a state at the moments at which it is to be sent, the same for every connection, so that they
/// all make the same steps and one diff serves them all.
#[derive(Debug)]
pub(super) struct Publisher {
    published: watch::Receiver<Snapshot>,
    flushes: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Publisher {
    pub(super) fn start(state: &State, delay: Option<Duration>) -> Self {
        let mut changes = state.changes();
        let first = changes.latest();
        let (sender, published) = watch::channel(first);
        let (flushes, flush_requests) = watch::channel(());
        let task = tokio::spawn(publish(changes, Flush::new(delay), flush_requests, sender));
        Self {
            published,
            flushes,
            task,
        }
    }

    /// Follows what is published.
    pub(super) fn subscribe(&self) -> watch::Receiver<Snapshot> {
        self.published.clone()
    }

    /// Publishes what changed at once.
    pub(super) fn flush(&self) {
        self.flushes.send_replace(());
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn publish(
    mut changes: Changes,
    mut flush: Flush,
    mut flush_requests: watch::Receiver<()>,
    published: watch::Sender<Snapshot>,
) {
    let clock = Clock::new();
    loop {
        let deadline = flush.deadline();
        let due = async {
            match deadline {
                Some(deadline) => sleep_until(clock.at(deadline)).await,
                None => pending().await,
            }
        };
        tokio::select! {
            changed = changes.changed() => match changed {
                Some(()) => flush.change(clock.now()),
                None => return,
            },
            asked = flush_requests.changed() => match asked {
                Ok(()) => flush.flush(clock.now()),
                Err(_) => return,
            },
            () = due => {}
        }
        if flush.take(clock.now()) {
            published.send_replace(changes.latest());
        }
    }
}
