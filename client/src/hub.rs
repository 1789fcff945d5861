//! [`Hub`]: what is told to whoever listens.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

/// What listeners are told.
pub(crate) trait Item: Clone {
    /// Says that so many were dropped, for there was no room.
    fn missed(count: u64) -> Self;
}

/// Who listens.
#[derive(Debug)]
pub(crate) struct Hub<T> {
    /// Items that wait for one listener, at most.
    capacity: usize,
    listeners: Mutex<Listeners<T>>,
}

/// What one who listens is told, in order.
#[derive(Debug)]
pub(crate) struct Listener<T> {
    queue: Arc<Mutex<Queue<T>>>,
}

#[derive(Debug)]
struct Listeners<T> {
    queues: Vec<Weak<Mutex<Queue<T>>>>,
    over: bool,
}

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<T>,
    /// Dropped behind the last item.
    missed: u64,
    over: bool,
    waker: Option<Waker>,
}

impl<T: Item> Hub<T> {
    pub(crate) const fn new(capacity: usize) -> Self {
        Self {
            capacity,
            listeners: Mutex::new(Listeners {
                queues: Vec::new(),
                over: false,
            }),
        }
    }

    pub(crate) const fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
    }

    pub(crate) fn subscribe(&self) -> Listener<T> {
        let mut listeners = lock(&self.listeners);
        let queue = Arc::new(Mutex::new(Queue {
            items: VecDeque::new(),
            missed: 0,
            over: listeners.over,
            waker: None,
        }));
        listeners.queues.retain(|queue| queue.strong_count() > 0);
        listeners.queues.push(Arc::downgrade(&queue));
        Listener { queue }
    }

    pub(crate) fn push(&self, item: &T) {
        self.tell(|queue| queue.push(item, self.capacity));
    }

    /// Nothing more comes.
    pub(crate) fn end(&self) {
        lock(&self.listeners).over = true;
        self.tell(|queue| queue.over = true);
    }

    fn tell(&self, tell: impl Fn(&mut Queue<T>)) {
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

impl<T: Item> Listener<T> {
    /// The next item; `None` once nothing more comes.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut queue = lock(&self.queue);
        match queue.pop() {
            Some(item) => Poll::Ready(Some(item)),
            None if queue.over => Poll::Ready(None),
            None => {
                queue.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T: Item> Queue<T> {
    fn push(&mut self, item: &T, capacity: usize) {
        // Of what was missed it is told before what comes after it.
        let needed = 1 + usize::from(self.missed > 0);
        if self.items.len() + needed > capacity.max(2) {
            self.missed += 1;
            return;
        }
        if self.missed > 0 {
            let missed = std::mem::take(&mut self.missed);
            self.items.push_back(T::missed(missed));
        }
        self.items.push_back(item.clone());
    }

    fn pop(&mut self) -> Option<T> {
        self.items.pop_front().or_else(|| {
            let missed = std::mem::take(&mut self.missed);
            (missed > 0).then_some(T::missed(missed))
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic could have left behind is whole: each change is one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// A number, or how many are missing, negative.
    impl Item for i64 {
        fn missed(count: u64) -> Self {
            -Self::try_from(count).unwrap()
        }
    }

    async fn next(listener: &mut Listener<i64>) -> Option<i64> {
        poll_fn(|context| listener.poll_next(context)).await
    }

    #[tokio::test]
    async fn what_has_no_room_is_told_in_its_place() {
        let hub = Hub::new(3);
        let mut listener = hub.subscribe();
        for number in 1..=5 {
            hub.push(&number);
        }
        assert_eq!(next(&mut listener).await, Some(1));
        // Room for one, but there is also to be told that two are missing.
        hub.push(&6);
        assert_eq!(next(&mut listener).await, Some(2));
        hub.push(&7);
        assert_eq!(next(&mut listener).await, Some(3));
        assert_eq!(next(&mut listener).await, Some(-3));
        assert_eq!(next(&mut listener).await, Some(7));
        for number in 8..=11 {
            hub.push(&number);
        }
        hub.end();
        for number in 8..=10 {
            assert_eq!(next(&mut listener).await, Some(number));
        }
        assert_eq!(next(&mut listener).await, Some(-1));
        assert_eq!(next(&mut listener).await, None);
        assert_eq!(next(&mut hub.subscribe()).await, None);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_and_whoever_left_is_forgotten() {
        let hub = Arc::new(Hub::new(3));
        let (mut one, two) = (hub.subscribe(), hub.subscribe());
        drop(two);
        let waiting = tokio::spawn(async move { next(&mut one).await });
        tokio::task::yield_now().await;
        hub.push(&1);
        assert_eq!(waiting.await.unwrap(), Some(1));
        hub.push(&2);
        assert!(lock(&hub.listeners).queues.is_empty());
    }
}
