//! [`Notifications`]: what a server sends to whoever listens.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

use futures_util::Stream;
use mirrorball_protocol::json::Value;

/// What comes over a [`Notifications`].
#[derive(Clone, Debug, PartialEq)]
pub enum Notification {
    /// The server sent this.
    Message {
        /// What it is about.
        name: Arc<str>,
        /// The message.
        data: Value,
    },
    /// The connection was lost and made again: what the server sent in between is missing.
    Reconnected,
    /// Nobody took them, and so many were dropped: the queue had no room.
    Missed(u64),
}

/// The notifications of a server, in order, until the client is closed.
///
/// [`Builder::notification_queue`](super::Builder::notification_queue) of them wait to be taken; what does not fit is
/// dropped, and told as [`Notification::Missed`]. It does not keep the client open.
pub struct Notifications {
    queue: Arc<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Notification>,
    /// Dropped behind the last item.
    missed: u64,
    over: bool,
    waker: Option<Waker>,
}

/// Who listens.
#[derive(Debug)]
pub(super) struct Hub {
    /// Items that wait for one listener, at most.
    capacity: usize,
    listeners: Mutex<Listeners>,
}

#[derive(Debug, Default)]
struct Listeners {
    queues: Vec<Weak<Mutex<Queue>>>,
    over: bool,
}

impl Hub {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            listeners: Mutex::default(),
        }
    }

    pub(super) const fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    pub(super) fn subscribe(&self) -> Notifications {
        let mut listeners = lock(&self.listeners);
        let queue = Arc::new(Mutex::new(Queue {
            over: listeners.over,
            ..Queue::default()
        }));
        listeners.queues.retain(|queue| queue.strong_count() > 0);
        listeners.queues.push(Arc::downgrade(&queue));
        Notifications { queue }
    }

    pub(super) fn push(&self, notification: &Notification) {
        self.tell(|queue| queue.push(notification, self.capacity));
    }

    /// Nothing more comes.
    pub(super) fn end(&self) {
        lock(&self.listeners).over = true;
        self.tell(|queue| queue.over = true);
    }

    fn tell(&self, tell: impl Fn(&mut Queue)) {
        lock(&self.listeners).queues.retain(|queue| {
            let Some(queue) = queue.upgrade() else {
                return false;
            };
            let waker = {
                let mut queue = lock(&queue);
                tell(&mut queue);
                queue.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
            true
        });
    }
}

impl Queue {
    fn push(&mut self, notification: &Notification, capacity: usize) {
        // Of what was missed it is told before what comes after it.
        let needed = 1 + usize::from(self.missed > 0);
        if self.items.len() + needed > capacity.max(2) {
            self.missed += 1;
            return;
        }
        if self.missed > 0 {
            let missed = std::mem::take(&mut self.missed);
            self.items.push_back(Notification::Missed(missed));
        }
        self.items.push_back(notification.clone());
    }

    fn pop(&mut self) -> Option<Notification> {
        self.items.pop_front().or_else(|| {
            let missed = std::mem::take(&mut self.missed);
            (missed > 0).then_some(Notification::Missed(missed))
        })
    }
}

impl Notifications {
    /// Waits for the next one; `None` once the client is closed or has given up. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Notification> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Notification>> {
        let mut queue = lock(&self.queue);
        match queue.pop() {
            Some(notification) => Poll::Ready(Some(notification)),
            None if queue.over => Poll::Ready(None),
            None => {
                queue.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Stream for Notifications {
    type Item = Notification;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Notification>> {
        self.poll(context)
    }
}

impl fmt::Debug for Notifications {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Notifications").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic could have left behind is whole: each change is one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u64) -> Notification {
        Notification::Message {
            name: "n".into(),
            data: number.into(),
        }
    }

    #[tokio::test]
    async fn what_has_no_room_is_told_in_its_place() {
        let hub = Hub::new(3);
        let mut listener = hub.subscribe();
        for number in 1..=5 {
            hub.push(&message(number));
        }
        assert_eq!(listener.next().await, Some(message(1)));
        // Room for one, but there is also to be told that two are missing.
        hub.push(&message(6));
        assert_eq!(listener.next().await, Some(message(2)));
        hub.push(&message(7));
        assert_eq!(listener.next().await, Some(message(3)));
        assert_eq!(listener.next().await, Some(Notification::Missed(3)));
        assert_eq!(listener.next().await, Some(message(7)));
        for number in 8..=11 {
            hub.push(&message(number));
        }
        hub.end();
        for number in 8..=10 {
            assert_eq!(listener.next().await, Some(message(number)));
        }
        assert_eq!(listener.next().await, Some(Notification::Missed(1)));
        assert_eq!(listener.next().await, None);
        assert_eq!(hub.subscribe().next().await, None);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_and_whoever_left_is_forgotten() {
        let hub = Arc::new(Hub::new(3));
        let (mut one, two) = (hub.subscribe(), hub.subscribe());
        drop(two);
        let waiting = tokio::spawn(async move { one.next().await });
        tokio::task::yield_now().await;
        hub.push(&message(1));
        assert_eq!(waiting.await.unwrap(), Some(message(1)));
        hub.push(&message(2));
        assert!(lock(&hub.listeners).queues.is_empty());
    }
}
