//! [`Casts`]: what every connection is told.

use std::sync::{Mutex, PoisonError};

use mirrorball_protocol::juggler::segment::Sealed;
use tokio::sync::broadcast::{Receiver, Sender, error::RecvError};

use crate::{socket::Frame, state::Snapshot};

/// Something that every connection is told.
#[derive(Clone, Debug)]
pub(super) enum News {
    /// The state is to be this.
    State(Snapshot),
    /// A notification.
    Note(Sealed<Frame>),
    /// The service closes.
    Closing,
}

/// Tells every connection the same, over one channel: each of them waits for this one, whatever comes.
#[derive(Debug)]
pub(super) struct Casts {
    sender: Sender<(u64, News)>,
    /// Notifications so far.
    notes: Mutex<u64>,
}

impl Casts {
    /// Tells, with as many to be told before a connection misses some.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            sender: Sender::new(capacity.max(1)),
            notes: Mutex::new(0),
        }
    }

    pub(super) fn tell(&self, news: News) {
        // Under the lock, so that the numbers rise.
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        *notes += u64::from(matches!(news, News::Note(_)));
        // An error says that nobody is connected.
        let _ = self.sender.send((*notes, news));
    }

    pub(super) fn listen(&self) -> Listener {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        Listener {
            receiver: self.sender.subscribe(),
            notes: *notes,
        }
    }
}

/// Hears what is told from now on.
#[derive(Debug)]
pub(super) struct Listener {
    receiver: Receiver<(u64, News)>,
    /// Notifications that were heard, or went before.
    notes: u64,
}

/// A notification was missed.
#[derive(Debug)]
pub(super) struct Missed;

impl Listener {
    /// Waits for the next news; `None` once nobody can tell any more. States may be missed: newer ones are on
    /// their way. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// [`Missed`].
    pub(super) async fn next(&mut self) -> Result<Option<News>, Missed> {
        loop {
            let (notes, news) = match self.receiver.recv().await {
                Ok(told) => told,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return Ok(None),
            };
            let missed = notes - self.notes - u64::from(matches!(news, News::Note(_)));
            self.notes = notes;
            return if missed == 0 {
                Ok(Some(news))
            } else {
                Err(Missed)
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use mirrorball_protocol::juggler::message::notification;

    use super::*;

    fn note() -> News {
        News::Note(notification("n", &7.into()).seal(100))
    }

    #[tokio::test]
    async fn states_may_be_missed_and_notifications_are_not() {
        let casts = Casts::new(4);
        casts.tell(note());
        let mut one = casts.listen();
        casts.tell(note());
        assert!(matches!(one.next().await, Ok(Some(News::Note(_)))));
        for version in 1..=20 {
            casts.tell(News::State(Snapshot {
                version,
                ..Snapshot::default()
            }));
        }
        casts.tell(note());
        for version in 18..=20 {
            let next = one.next().await;
            assert!(matches!(next, Ok(Some(News::State(state))) if state.version == version));
        }
        assert!(matches!(one.next().await, Ok(Some(News::Note(_)))));
        for _ in 0..5 {
            casts.tell(note());
        }
        assert!(one.next().await.is_err());
        drop(casts);
        while one.next().await.unwrap().is_some() {}
    }
}
