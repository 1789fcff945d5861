//! [`Notifications`]: what a server sends to whoever listens.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::Stream;
use mirrorball_protocol::json::Value;

use crate::hub::{self, Listener};

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
    pub(super) listener: Listener<Notification>,
}

impl hub::Item for Notification {
    fn missed(count: u64) -> Self {
        Self::Missed(count)
    }
}

impl Notifications {
    /// Waits for the next one; `None` once the client is closed or has given up. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Notification> {
        poll_fn(|context| self.listener.poll_next(context)).await
    }
}

impl Stream for Notifications {
    type Item = Notification;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Notification>> {
        self.listener.poll_next(context)
    }
}

impl fmt::Debug for Notifications {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Notifications").finish_non_exhaustive()
    }
}
