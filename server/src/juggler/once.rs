//! [`Once`]: requests that are carried out once, however often they come.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use mirrorball_protocol::json::{Json, Limits, Value};
use tokio::{sync::watch, time::Instant};

use super::RequestError;

type Answer = Result<Value, RequestError>;

/// Bytes that a key may have.
const MAX_KEY: usize = 128;

/// Requests with a key: those that are being carried out, and the answers of those that were, for a while.
#[derive(Debug)]
pub(super) struct Once {
    ttl: Duration,
    max_answers: usize,
    max_bytes: usize,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_key: HashMap<Box<str>, Entry>,
    /// Keys with an answer, in the order in which they were answered, and their answers' bytes.
    answered: VecDeque<(Instant, Box<str>, usize)>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    name: String,
    /// What it came to; `None` while it is carried out.
    answer: watch::Receiver<Option<Answer>>,
}

impl Once {
    /// Remembers answers for so long, so many of them, and so many bytes.
    pub(super) fn new(ttl: Duration, max_answers: usize, max_bytes: usize) -> Self {
        Self {
            ttl,
            max_answers,
            max_bytes,
            known: Mutex::default(),
        }
    }

    /// Carries a request out, unless it was, or is being; the future that is returned has the answer. Where the one
    /// who asked goes away it is carried out all the same.
    pub(super) fn carry_out<F>(
        self: &Arc<Self>,
        key: &str,
        name: &str,
        handle: impl FnOnce() -> F,
    ) -> Result<BoxFuture<'static, Answer>, RequestError>
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        if key.len() > MAX_KEY {
            let most = format_args!("the key of a request may have {MAX_KEY} bytes");
            return Err(RequestError::with_code("unsuitable-key", &most));
        }
        let mut known = self.known();
        known.forget(Instant::now(), self.ttl);
        if let Some(entry) = known.by_key.get(key) {
            if entry.name != name {
                let other = "another request had the same key: keys are used once";
                return Err(RequestError::with_code("unsuitable-key", &other));
            }
            return Ok(wait(entry.answer.clone()).boxed());
        }
        // Whoever comes back for an answer finds it: nothing is forgotten before its time for another's sake.
        if known.by_key.len() >= self.max_answers || known.bytes >= self.max_bytes {
            let busy = "too many requests with keys are remembered: try again later";
            return Err(RequestError::with_code("busy", &busy));
        }
        let (told, answer) = watch::channel(None);
        let entry = Entry {
            name: name.to_owned(),
            answer: answer.clone(),
        };
        known.by_key.insert(key.into(), entry);
        drop(known);
        let (once, key) = (Arc::clone(self), Box::from(key));
        let handling = AssertUnwindSafe(handle()).catch_unwind();
        tokio::spawn(async move {
            // What a panic says is for the log, where its hook writes it.
            let answer = handling
                .await
                .unwrap_or_else(|_| Err(RequestError::panicked()));
            once.known().keep(key, &answer);
            told.send_replace(Some(answer));
        });
        Ok(wait(answer).boxed())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn keep(&mut self, key: Box<str>, answer: &Answer) {
        let data = match answer {
            Ok(data) => data,
            Err(error) => error.data(),
        };
        let limits = Limits::default();
        let size = data.measure(&limits);
        let bytes = size.map_or(limits.bytes, |size| size.bytes) + key.len();
        self.answered.push_back((Instant::now(), key, bytes));
        self.bytes += bytes;
    }

    /// Forgets answers that are too old.
    fn forget(&mut self, now: Instant, ttl: Duration) {
        let is_old =
            |answered: &mut (Instant, Box<str>, usize)| now.duration_since(answered.0) >= ttl;
        while let Some((_, key, bytes)) = self.answered.pop_front_if(is_old) {
            self.bytes -= bytes;
            self.by_key.remove(&key);
        }
    }
}

async fn wait(mut answer: watch::Receiver<Option<Answer>>) -> Answer {
    match answer.wait_for(Option::is_some).await {
        Ok(answer) => answer
            .clone()
            .unwrap_or_else(|| Err(RequestError::panicked())),
        // Its task is gone, which happens where the runtime ends.
        Err(_) => Err(RequestError::panicked()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn once(max_answers: usize, max_bytes: usize) -> Arc<Once> {
        Arc::new(Once::new(Duration::from_secs(60), max_answers, max_bytes))
    }

    /// Counts how often it is carried out.
    async fn ask(once: &Arc<Once>, key: &str, count: &Arc<AtomicU32>) -> Answer {
        let count = Arc::clone(count);
        let handle = || async move {
            tokio::task::yield_now().await;
            Ok(Value::from(count.fetch_add(1, Ordering::Relaxed)))
        };
        once.carry_out(key, "n", handle)?.await
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_carried_out_once_for_a_while() {
        let (once, count) = (once(10, 1_000), Arc::default());
        let (one, two) = tokio::join!(ask(&once, "a", &count), ask(&once, "a", &count));
        assert_eq!((one, two), (Ok(Value::from(0)), Ok(Value::from(0))));
        assert_eq!(ask(&once, "a", &count).await, Ok(Value::from(0)));
        assert_eq!(ask(&once, "b", &count).await, Ok(Value::from(1)));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(ask(&once, "a", &count).await, Ok(Value::from(2)));
    }

    #[tokio::test]
    async fn it_is_carried_out_though_nobody_waits() {
        let (once, count) = (once(10, 1_000), Arc::<AtomicU32>::default());
        let counted = Arc::clone(&count);
        let handle = || async move {
            tokio::task::yield_now().await;
            Ok(Value::from(counted.fetch_add(1, Ordering::Relaxed)))
        };
        drop(once.carry_out("a", "n", handle).unwrap());
        assert_eq!(ask(&once, "a", &count).await, Ok(Value::from(0)));
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn answers_are_bounded() {
        let busy = |refused: Answer| refused.unwrap_err().data().get("code").cloned();
        let (few, count) = (once(2, 1_000), Arc::default());
        let _never = few.carry_out("never", "n", std::future::pending).unwrap();
        ask(&few, "a", &count).await.unwrap();
        assert_eq!(
            busy(ask(&few, "b", &count).await),
            Some(Value::from("busy"))
        );
        assert_eq!(
            ask(&few, "a", &count).await,
            Ok(Value::from(0)),
            "it is remembered"
        );
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(ask(&few, "b", &count).await, Ok(Value::from(1)));

        let small = once(10, 100);
        let large = || async { Ok(Value::from("x".repeat(120))) };
        small.carry_out("a", "n", large).unwrap().await.unwrap();
        assert_eq!(
            busy(ask(&small, "b", &count).await),
            Some(Value::from("busy"))
        );
        tokio::time::advance(Duration::from_secs(60)).await;
        ask(&small, "b", &count).await.unwrap();
    }

    #[tokio::test]
    async fn a_key_belongs_to_one_request() {
        let once = once(10, 1_000);
        let handle = || async { Ok(Value::Null) };
        once.carry_out("a", "n", handle).unwrap().await.unwrap();
        for (key, name) in [("a", "other"), (&"k".repeat(129), "n")] {
            let refused = once.carry_out(key, name, handle).map(|_| ()).unwrap_err();
            assert_eq!(
                refused.data().get("code"),
                Some(&Value::from("unsuitable-key"))
            );
        }
        let panics = || async { panic!("the marker") };
        let told = once.carry_out("p", "n", panics).unwrap().await.unwrap_err();
        assert!(!told.to_string().contains("marker"), "{told}");
    }
}
