//! What comes out of a client, as it comes.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{Stream, StreamExt};

use super::{
    Error, Message, ServerError,
    error::failed,
    inbox::{Inbox, QueueId},
    view::Event,
};
use crate::hub::Listener;

/// The messages of one subscription, in order, until it ends: by [`Client::unsubscribe`](super::Client::unsubscribe), since the
/// client is closed, or, after an error that says so, by the server.
///
/// While it is there, nobody else is handed its messages. Dropping it does not end the subscription: what comes then is handed to
/// [`Client::receive`](super::Client::receive), and so is what was not taken. It does not keep the client open.
pub struct Subscription {
    pub(super) channel: Arc<str>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) id: QueueId,
}

impl Subscription {
    /// What is subscribed to.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// Waits for the next message; `None` once the subscription has ended. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Missed`] where messages were dropped, in their place; why the subscription ended, last.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        let taken = self.inbox.poll_take(self.id, context);
        taken.map(|taken| taken.map(|taken| taken.and_then(check)))
    }
}

impl Stream for Subscription {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.inbox.leave(self.id);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Subscription")
            .field(&self.channel)
            .finish()
    }
}

/// A message that says itself that it failed is an error.
pub(super) fn check(message: Message) -> Result<Message, Error> {
    if message.successful() == Some(false) {
        return Err(ServerError::into(failed(message)));
    }
    Ok(message)
}

/// The messages of a client as [`Client::receive`](super::Client::receive) hands them over, until the client is closed and none
/// is left. It does not keep the client open.
pub struct Messages {
    pub(super) stream: Pin<Box<dyn Stream<Item = Result<Message, Error>> + Send>>,
}

impl Messages {
    /// Waits for the next message; `None` once the client is closed and none is left. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// As [`Client::receive`](super::Client::receive).
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        self.stream.next().await
    }
}

impl Stream for Messages {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.poll_next_unpin(context)
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Messages").finish_non_exhaustive()
    }
}

/// What happens in a client's life, in order, until its last handle is gone. It does not keep the client open.
pub struct Events {
    pub(super) listener: Listener<Event>,
}

impl Events {
    /// Waits for the next one; `None` once there is no client any more. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| self.listener.poll_next(context)).await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.listener.poll_next(context)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Events").finish_non_exhaustive()
    }
}
