//! [`Queue`]: what waits for a session.

use alloc::{collections::VecDeque, sync::Arc};

use super::{BrokerOptions, Delivery};

/// What waits for a session, in order.
///
/// At its front is what is *out*: on its way to the client, or sent and not acknowledged. It leaves once it is known to have
/// arrived; until then it may come back.
#[derive(Debug)]
pub(super) struct Queue<F> {
    waiting: VecDeque<Waiting<F>>,
    bytes: usize,
    /// How many at the front are out.
    out: usize,
    /// How many behind those are worth a flush.
    eager: usize,
    /// The batch that the next message is in, where the client acknowledges batches.
    batch: u64,
}

#[derive(Debug)]
struct Waiting<F> {
    delivery: Arc<Delivery<F>>,
    batch: u64,
    is_lazy: bool,
}

impl<F> Default for Queue<F> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            out: 0,
            eager: 0,
            batch: 1,
        }
    }
}

impl<F> Queue<F> {
    /// Whether another message fits. A message of any size fits into an empty queue.
    pub(super) fn fits(&self, delivery: &Delivery<F>, options: &BrokerOptions) -> bool {
        let bytes = self.bytes + delivery.batch().len();
        let few = self.waiting.len() < options.max_queue;
        few && (bytes <= options.max_queue_bytes || self.waiting.is_empty())
    }

    pub(super) fn push(&mut self, delivery: Arc<Delivery<F>>, is_lazy: bool) {
        self.bytes += delivery.batch().len();
        self.eager += usize::from(!is_lazy);
        self.waiting.push_back(Waiting {
            delivery,
            batch: self.batch,
            is_lazy,
        });
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// How many are not out.
    pub(super) fn unsent(&self) -> usize {
        self.waiting.len() - self.out
    }

    /// Whether something is worth a flush.
    pub(super) const fn is_eager(&self) -> bool {
        self.eager > 0
    }

    /// Everything that waits is worth a flush now.
    pub(super) fn hasten(&mut self) {
        for waiting in self.waiting.range_mut(self.out..) {
            waiting.is_lazy = false;
        }
        self.eager = self.unsent();
    }

    /// Everything that is not out goes out: these.
    pub(super) fn lend(&mut self) -> impl ExactSizeIterator<Item = Arc<Delivery<F>>> {
        let from = core::mem::replace(&mut self.out, self.waiting.len());
        self.eager = 0;
        self.waiting
            .range(from..)
            .map(|waiting| Arc::clone(&waiting.delivery))
    }

    /// Everything goes out as one batch, with whatever of earlier batches is not acknowledged. Returns its number.
    pub(super) fn seal(&mut self) -> u64 {
        let batch = self.batch;
        self.batch += 1;
        self.out = self.waiting.len();
        self.eager = 0;
        batch
    }

    /// What is out.
    pub(super) fn out(&self) -> impl ExactSizeIterator<Item = Arc<Delivery<F>>> {
        self.waiting
            .range(..self.out)
            .map(|waiting| Arc::clone(&waiting.delivery))
    }

    /// So many of those that are out have arrived.
    pub(super) fn settle(&mut self, count: usize) {
        for _ in 0..count.min(self.out) {
            self.out -= 1;
            self.pop(0);
        }
    }

    /// What is out comes back.
    pub(super) fn revoke(&mut self) {
        let back = self.waiting.range(..self.out);
        self.eager += back.filter(|waiting| !waiting.is_lazy).count();
        self.out = 0;
    }

    /// The client has this batch and all before it. Returns whether it missed a later one, which comes back then.
    pub(super) fn acknowledge(&mut self, batch: u64) -> bool {
        let front = self.waiting.range(..self.out);
        let count = front.take_while(|waiting| waiting.batch <= batch).count();
        self.settle(count);
        let missed = self.out > 0;
        self.revoke();
        missed
    }

    /// Drops what waits longest and is not out. Returns whether there was anything.
    pub(super) fn drop_oldest(&mut self) -> bool {
        self.unsent() > 0 && {
            let is_lazy = self.pop(self.out);
            self.eager -= usize::from(!is_lazy && self.eager > 0);
            true
        }
    }

    fn pop(&mut self, index: usize) -> bool {
        let Some(waiting) = self.waiting.remove(index) else {
            return true;
        };
        self.bytes -= waiting.delivery.batch().len();
        if self.waiting.is_empty() && self.waiting.capacity() > 64 {
            // An idle session holds no buffer.
            self.waiting = VecDeque::new();
        }
        waiting.is_lazy
    }
}

#[cfg(test)]
mod tests {
    use std::{string::String, vec::Vec};

    use super::*;

    fn delivery(text: &str) -> Arc<Delivery<()>> {
        Arc::new(Delivery::new(text.into()))
    }

    fn texts(deliveries: impl Iterator<Item = Arc<Delivery<()>>>) -> Vec<String> {
        deliveries.map(|it| String::from(it.message())).collect()
    }

    fn queue(texts: &[&str]) -> Queue<()> {
        let mut queue = Queue::default();
        for text in texts {
            queue.push(delivery(text), false);
        }
        queue
    }

    #[test]
    fn what_comes_back_is_at_the_front() {
        let mut queue = queue(&["[1]", "[2]"]);
        assert_eq!(texts(queue.lend()), ["1", "2"]);
        queue.push(delivery("[3]"), false);
        queue.settle(1);
        queue.revoke();
        assert_eq!(texts(queue.lend()), ["2", "3"]);
        queue.settle(9);
        assert_eq!((queue.len(), queue.bytes, queue.is_eager()), (0, 0, false));
    }

    #[test]
    fn a_batch_stays_until_it_is_acknowledged() {
        let mut queue = queue(&["[1]"]);
        assert_eq!(queue.seal(), 1);
        queue.push(delivery("[2]"), false);
        assert_eq!(texts(queue.out()), ["1"]);
        assert_eq!(queue.seal(), 2);
        assert_eq!(texts(queue.out()), ["1", "2"]);
        assert!(queue.acknowledge(1));
        assert_eq!(queue.seal(), 3);
        assert_eq!(texts(queue.out()), ["2"]);
        queue.push(delivery("[3]"), false);
        // A number that is not there yet acknowledges what was sent and nothing else.
        assert!(!queue.acknowledge(99));
        assert_eq!(texts(queue.lend()), ["3"]);
    }

    #[test]
    fn lazy_messages_are_not_worth_a_flush_until_they_are() {
        let mut queue = Queue::default();
        queue.push(delivery("[1]"), true);
        assert!(!queue.is_eager());
        queue.hasten();
        assert!(queue.is_eager());
    }

    #[test]
    fn the_oldest_that_is_not_out_is_dropped() {
        let mut queue = queue(&["[1]"]);
        let _ = queue.lend();
        assert!(!queue.drop_oldest());
        queue.push(delivery("[2]"), false);
        queue.push(delivery("[3]"), true);
        assert!(queue.drop_oldest());
        assert!(!queue.is_eager());
        queue.revoke();
        assert_eq!(texts(queue.lend()), ["1", "3"]);
    }

    #[test]
    fn count_and_bytes_are_bounded() {
        let options = BrokerOptions {
            max_queue: 2,
            max_queue_bytes: 7,
            ..BrokerOptions::default()
        };
        let mut queue = queue(&["[1]"]);
        assert!(queue.fits(&delivery("[2]"), &options));
        assert!(!queue.fits(&delivery("[234]"), &options));
        queue.push(delivery("[2]"), false);
        assert!(!queue.fits(&delivery(""), &options));
        queue.drop_oldest();
        queue.drop_oldest();
        assert!(queue.fits(&delivery("[123456789]"), &options));
    }
}
