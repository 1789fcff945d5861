//! [`Changes`]: what changes, as a level.

use std::{fmt, future::Future, pin::Pin};

use futures_util::{Stream, stream};
use tokio::sync::watch;

/// What changes, as it is now and whenever it is something new, until the client is over.
///
/// A level and not a queue: whoever is slow sees fewer of them, the newest always. It does not keep the client open.
pub struct Changes<T> {
    source: Box<dyn Source<T>>,
}

type Waiting<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// What is looked at.
trait Source<T>: Send + Sync {
    /// What is new.
    fn take(&mut self) -> Option<T>;

    /// Waits until something may be; returns whether that can be.
    fn changed(&mut self) -> Waiting<'_>;
}

/// What there is to see, and what of it is new.
struct Views<V, N> {
    views: watch::Receiver<V>,
    news: N,
}

impl<T, V, N> Source<T> for Views<V, N>
where
    V: Send + Sync,
    N: FnMut(&V) -> Option<T> + Send + Sync,
{
    fn take(&mut self) -> Option<T> {
        (self.news)(&self.views.borrow_and_update())
    }

    fn changed(&mut self) -> Waiting<'_> {
        Box::pin(async { self.views.changed().await.is_ok() })
    }
}

impl<T> Changes<T> {
    pub(crate) fn new<V: Send + Sync + 'static>(
        views: &watch::Receiver<V>,
        news: impl FnMut(&V) -> Option<T> + Send + Sync + 'static,
    ) -> Self {
        let views = views.clone();
        Self {
            source: Box::new(Views { views, news }),
        }
    }

    /// Waits for the next one; `None` once the client is over. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<T> {
        loop {
            let news = self.source.take();
            if news.is_some() {
                return news;
            }
            if !self.source.changed().await {
                return None;
            }
        }
    }

    /// The same as a stream.
    pub fn into_stream(self) -> impl Stream<Item = T> + Send
    where
        T: Send,
    {
        stream::unfold(self, async |mut changes| {
            changes.next().await.map(|item| (item, changes))
        })
    }
}

impl<T> fmt::Debug for Changes<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Changes").finish_non_exhaustive()
    }
}
