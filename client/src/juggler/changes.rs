//! [`Changes`]: what changes, as a level.

use std::fmt;

use futures_util::{Stream, stream};
use tokio::sync::watch;

use super::view::View;

/// What changes, as it is now and whenever it is something new, until the client is closed.
///
/// A level and not a queue: whoever is slow sees fewer of them, the newest always. It does not keep the client open.
pub struct Changes<T> {
    views: watch::Receiver<View>,
    /// What is new in a view.
    news: News<T>,
}

type News<T> = Box<dyn FnMut(&View) -> Option<T> + Send + Sync>;

impl<T> Changes<T> {
    pub(super) fn new(
        views: &watch::Receiver<View>,
        news: impl FnMut(&View) -> Option<T> + Send + Sync + 'static,
    ) -> Self {
        Self {
            views: views.clone(),
            news: Box::new(news),
        }
    }

    /// Waits for the next one; `None` once the client is closed or has given up. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<T> {
        loop {
            let news = (self.news)(&self.views.borrow_and_update());
            if news.is_some() {
                return news;
            }
            self.views.changed().await.ok()?;
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
