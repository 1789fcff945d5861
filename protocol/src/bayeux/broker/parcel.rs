//! What goes over one connection at once.

use alloc::{string::String, sync::Arc, vec::Vec};

use crate::reason::Reason;

/// One message as its subscribers get it: encoded once for all of them.
#[derive(Debug)]
pub struct Delivery<F> {
    /// `[{…}]`
    batch: String,
    /// Whatever the shell makes of it once for all.
    pub frame: F,
}

impl<F: Default> Delivery<F> {
    /// A message that is an array of one already.
    pub(super) fn new(batch: String) -> Self {
        Self {
            batch,
            frame: F::default(),
        }
    }
}

impl<F> Delivery<F> {
    /// It as a batch: an array.
    #[must_use]
    pub fn batch(&self) -> &str {
        &self.batch
    }

    /// It as a message: an object.
    #[must_use]
    pub fn message(&self) -> &str {
        let inner = self.batch.strip_prefix('[').unwrap_or(&self.batch);
        inner.strip_suffix(']').unwrap_or(inner)
    }
}

/// What a peer is sent next, in this order.
#[derive(Debug)]
#[must_use]
pub struct Parcel<F> {
    /// The reply to a handshake, as a batch.
    pub first: Option<String>,
    /// Messages. They stay with their session until [`Broker::delivered`](super::Broker::delivered) says that they are
    /// written.
    pub deliveries: Vec<Arc<Delivery<F>>>,
    /// Replies, as a batch.
    pub replies: Option<String>,
    /// Whether all of it has to travel as one: a reply acknowledges the messages. With polling it always does.
    pub is_joined: bool,
    /// Whether the connection ends with it, and why. A polling request that ends as a [duplicate](Self::DUPLICATE) is
    /// answered by an HTTP error.
    pub close: Option<Reason>,
}

impl<F> Parcel<F> {
    /// Another `/meta/connect` of the session came on another connection.
    pub const DUPLICATE: Reason = Reason::new(4009, "another connect took this one's place");

    /// All of it as one batch: an array.
    #[must_use]
    pub fn joined(&self) -> String {
        let replies = self.replies.as_deref();
        let batches = self
            .first
            .as_deref()
            .into_iter()
            .chain(self.deliveries.iter().map(|delivery| delivery.batch()))
            .chain(replies);
        let length = batches.clone().map(str::len).sum::<usize>();
        let mut text = String::with_capacity(length.max(2));
        for batch in batches {
            text.push(if text.is_empty() { '[' } else { ',' });
            let inner = batch.strip_prefix('[').unwrap_or(batch);
            text.push_str(inner.strip_suffix(']').unwrap_or(inner));
        }
        if text.is_empty() {
            text.push('[');
        }
        text.push(']');
        text
    }
}
