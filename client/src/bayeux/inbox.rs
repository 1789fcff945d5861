//! [`Inbox`]: messages that wait to be taken.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use mirrorball_protocol::bayeux::Pattern;
use tokio::sync::Notify;

use super::{Message, error::Error};

/// Messages that wait to be taken: those of each subscription that somebody listens to, and all others.
#[derive(Debug)]
pub(super) struct Inbox {
    /// Messages of one queue with which it is full: the server is to send no more.
    full: usize,
    /// Messages of one queue at most.
    limit: usize,
    state: Mutex<State>,
    /// Told once no queue is full any more.
    room: Notify,
}

/// One of the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct QueueId(u64);

/// The queue of messages that no subscription's queue takes.
pub(super) const COMMON: QueueId = QueueId(0);

#[derive(Debug, Default)]
struct State {
    queues: HashMap<QueueId, Queue>,
    /// Who listens to what.
    listeners: HashMap<Arc<str>, Vec<QueueId>>,
    /// Those of them to which the server did not say yet that they are subscribed.
    pending: Vec<(Pattern, QueueId)>,
    last: u64,
    /// How many are full.
    full: usize,
}

#[derive(Debug, Default)]
struct Queue {
    items: VecDeque<Item>,
    /// Dropped behind the last item.
    missed: u64,
    /// Whether it was full, and is not half empty yet.
    full: bool,
    /// Nothing more comes, and why, where that is an error.
    end: Option<Option<Error>>,
    wakers: Vec<Waker>,
}

#[derive(Debug)]
enum Item {
    Message(Message),
    Missed(u64),
}

impl Inbox {
    pub(super) fn new(full: usize, limit: usize) -> Self {
        let mut state = State::default();
        state.queues.insert(COMMON, Queue::default());
        Self {
            full,
            limit: limit.max(full).max(2),
            state: Mutex::new(state),
            room: Notify::new(),
        }
    }

    /// A queue for what comes on a channel that is about to be subscribed to.
    pub(super) fn listen(&self, channel: &Arc<str>) -> QueueId {
        let mut state = self.lock();
        state.last += 1;
        let id = QueueId(state.last);
        state.queues.insert(id, Queue::default());
        state
            .listeners
            .entry(Arc::clone(channel))
            .or_default()
            .push(id);
        // Some servers take a query behind it.
        let place = channel.split('?').next().unwrap_or_default();
        if let Ok(pattern) = Pattern::parse(place) {
            state.pending.push((pattern, id));
        }
        id
    }

    /// The server has answered.
    pub(super) fn settle(&self, id: QueueId) {
        self.lock().pending.retain(|(_, other)| *other != id);
    }

    /// Nobody listens to a queue any more: what is in it is for whoever takes the others.
    pub(super) fn leave(&self, id: QueueId) {
        let mut state = self.lock();
        state.pending.retain(|(_, other)| *other != id);
        state.listeners.retain(|_, queues| {
            queues.retain(|other| *other != id);
            !queues.is_empty()
        });
        if let Some(queue) = state.queues.remove(&id) {
            state.full -= usize::from(queue.full);
            for item in queue.items {
                match item {
                    Item::Message(message) => self.put(&mut state, COMMON, message),
                    Item::Missed(count) => state.miss(COMMON, count),
                }
            }
            state.miss(COMMON, queue.missed);
        }
        self.tell(&state);
    }

    /// Takes in a message that matches these subscriptions. Returns whether a queue is full.
    pub(super) fn push(&self, message: &Message, subscriptions: &[Arc<str>]) -> bool {
        let mut state = self.lock();
        let listeners = subscriptions
            .iter()
            .filter_map(|it| state.listeners.get(it));
        let mut takers: Vec<QueueId> = listeners.flatten().copied().collect();
        for (pattern, id) in &state.pending {
            if !takers.contains(id) && pattern.matches(message.channel()) {
                takers.push(*id);
            }
        }
        if takers.is_empty() {
            takers.push(COMMON);
        }
        for id in takers {
            self.put(&mut state, id, message.clone());
        }
        state.full > 0
    }

    fn put(&self, state: &mut State, id: QueueId, message: Message) {
        let Some(queue) = state.queues.get_mut(&id).filter(|it| it.end.is_none()) else {
            return;
        };
        // Of what was missed it is told before what comes after it.
        let needed = 1 + usize::from(queue.missed > 0);
        if queue.items.len() + needed > self.limit {
            queue.missed += 1;
            return;
        }
        if queue.missed > 0 {
            let missed = std::mem::take(&mut queue.missed);
            queue.items.push_back(Item::Missed(missed));
        }
        queue.items.push_back(Item::Message(message));
        queue.wakers.drain(..).for_each(Waker::wake);
        if self.full > 0 && queue.items.len() >= self.full && !queue.full {
            queue.full = true;
            state.full += 1;
        }
    }

    /// Takes the next message of a queue; `None` once nothing more comes.
    pub(super) fn poll_take(
        &self,
        id: QueueId,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, Error>>> {
        let mut state = self.lock();
        let Some(queue) = state.queues.get_mut(&id) else {
            return Poll::Ready(None);
        };
        let item = queue.items.pop_front().or_else(|| {
            let missed = std::mem::take(&mut queue.missed);
            (missed > 0).then_some(Item::Missed(missed))
        });
        if queue.full && queue.items.len() <= self.full / 2 {
            queue.full = false;
            state.full -= 1;
            self.tell(&state);
        }
        match item {
            Some(Item::Message(message)) => Poll::Ready(Some(Ok(message))),
            Some(Item::Missed(count)) => Poll::Ready(Some(Err(Error::Missed(count)))),
            None => state
                .queues
                .get_mut(&id)
                .map_or(Poll::Ready(None), |queue| {
                    match &mut queue.end {
                        // Why it ended is told once.
                        Some(error) => Poll::Ready(error.take().map(Err)),
                        None => {
                            let waker = context.waker();
                            if !queue.wakers.iter().any(|it| it.will_wake(waker)) {
                                queue.wakers.push(waker.clone());
                            }
                            Poll::Pending
                        }
                    }
                }),
        }
    }

    /// Ends the queues of those who listen to a channel.
    pub(super) fn end(&self, channel: &str, error: Option<&Error>) {
        let mut state = self.lock();
        let ids = state.listeners.remove(channel).unwrap_or_default();
        for id in ids {
            state.end(id, error);
        }
    }

    /// Ends the queues of all subscriptions. What is in them can still be taken.
    pub(super) fn end_all(&self, error: Option<&Error>) {
        let mut state = self.lock();
        state.listeners.clear();
        state.pending.clear();
        let ids: Vec<QueueId> = state.queues.keys().copied().collect();
        for id in ids.into_iter().filter(|id| *id != COMMON) {
            state.end(id, error);
        }
        state.wake(COMMON);
    }

    /// Forgets what was not taken of another life, and how many that were.
    pub(super) fn clear(&self) {
        let mut state = self.lock();
        if let Some(common) = state.queues.insert(COMMON, Queue::default()) {
            state.full -= usize::from(common.full);
            common.wakers.into_iter().for_each(Waker::wake);
        }
        self.tell(&state);
    }

    /// Messages that wait, in all queues.
    pub(super) fn len(&self) -> usize {
        let state = self.lock();
        state.queues.values().map(|queue| queue.items.len()).sum()
    }

    /// Whether something waits in this queue.
    pub(super) fn has(&self, id: QueueId) -> bool {
        let state = self.lock();
        let queue = state.queues.get(&id);
        queue.is_some_and(|it| !it.items.is_empty() || it.missed > 0)
    }

    /// Whether any queue is full.
    pub(super) fn is_full(&self) -> bool {
        self.lock().full > 0
    }

    /// Waits until there may be room again. Dropping the future loses nothing.
    pub(super) async fn relieved(&self) {
        self.room.notified().await;
    }

    fn tell(&self, state: &State) {
        if state.full == 0 {
            self.room.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What a panic could have left behind is whole: each change is one step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn miss(&mut self, id: QueueId, count: u64) {
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.missed += count;
        }
        self.wake(id);
    }

    fn end(&mut self, id: QueueId, error: Option<&Error>) {
        self.pending.retain(|(_, other)| *other != id);
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.end.get_or_insert_with(|| error.cloned());
        }
        self.wake(id);
    }

    fn wake(&mut self, id: QueueId) {
        if let Some(queue) = self.queues.get_mut(&id) {
            queue.wakers.drain(..).for_each(Waker::wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use mirrorball_protocol::json::{Limits, Value};

    use super::*;

    fn message(channel: &str, number: u32) -> Message {
        let text = format!(r#"{{"channel":"{channel}","data":{number}}}"#);
        Message(Value::parse(&text, &Limits::default()).unwrap())
    }

    /// What is there to be taken: a number, or how many are missing, negative.
    fn taken(inbox: &Inbox, id: QueueId) -> Vec<i64> {
        let mut context = Context::from_waker(Waker::noop());
        let mut taken = Vec::new();
        while let Poll::Ready(Some(item)) = inbox.poll_take(id, &mut context) {
            taken.push(match item {
                Ok(message) => message.data().as_i64().unwrap(),
                Err(Error::Missed(count)) => -i64::try_from(count).unwrap(),
                Err(error) => panic!("{error}"),
            });
        }
        taken
    }

    #[test]
    fn a_message_is_for_those_who_listen_or_for_whoever_takes_the_others() {
        let inbox = Inbox::new(9, 9);
        let (all, one): (Arc<str>, Arc<str>) = ("/**".into(), "/a".into());
        inbox.push(&message("/a", 0), &[Arc::clone(&one)]);
        let first = inbox.listen(&one);
        inbox.settle(first);
        let second = inbox.listen(&all);
        inbox.settle(second);
        inbox.push(&message("/a", 1), &[one, Arc::clone(&all)]);
        inbox.push(&message("/b", 2), &[all]);
        inbox.push(&message("/service/x", 3), &[]);
        assert_eq!(inbox.len(), 5);
        assert_eq!(taken(&inbox, COMMON), [0, 3]);
        assert_eq!(taken(&inbox, first), [1]);
        inbox.leave(second);
        assert_eq!(taken(&inbox, COMMON), [1, 2]);
        assert!(taken(&inbox, second).is_empty());
    }

    #[test]
    fn what_comes_before_the_server_said_yes_is_for_who_asked() {
        let inbox = Inbox::new(9, 9);
        let id = inbox.listen(&"/a/*".into());
        inbox.push(&message("/a/b", 1), &[]);
        inbox.settle(id);
        inbox.push(&message("/a/b", 2), &["/a/*".into()]);
        inbox.push(&message("/a/b", 3), &[]);
        assert_eq!(taken(&inbox, id), [1, 2]);
        assert_eq!(taken(&inbox, COMMON), [3]);
    }

    #[test]
    fn a_full_queue_is_told_and_what_has_no_room_is_counted_in_its_place() {
        let inbox = Inbox::new(2, 4);
        assert!(!inbox.push(&message("/a", 1), &[]));
        for number in 2..=6 {
            assert!(inbox.push(&message("/a", number), &[]));
        }
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..2 {
            assert!(inbox.poll_take(COMMON, &mut context).is_ready());
        }
        assert!(inbox.push(&message("/a", 7), &[]), "it is not half empty");
        assert_eq!(taken(&inbox, COMMON), [3, 4, -2, 7]);
        assert!(!inbox.is_full());
        assert!(!inbox.push(&message("/a", 8), &[]));
    }

    #[test]
    fn a_queue_ends_behind_what_is_in_it() {
        let inbox = Inbox::new(9, 9);
        let id = inbox.listen(&"/a".into());
        inbox.push(&message("/a", 1), &["/a".into()]);
        inbox.end("/a", Some(&Error::Closed));
        inbox.push(&message("/a", 2), &["/a".into()]);
        let mut context = Context::from_waker(Waker::noop());
        let mut take = || inbox.poll_take(id, &mut context);
        assert_eq!(take(), Poll::Ready(Some(Ok(message("/a", 1)))));
        assert_eq!(take(), Poll::Ready(Some(Err(Error::Closed))));
        assert_eq!(take(), Poll::Ready(None));
        assert_eq!(taken(&inbox, COMMON), [2]);
    }
}
