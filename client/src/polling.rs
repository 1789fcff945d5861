//! [`Polling`]: a connection that is made of requests.

use std::{
    collections::VecDeque,
    fmt,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use mirrorball_protocol::reason::Reason;

use crate::driver::{Line, Traffic};

/// Frames that wait for a request of theirs; where there are more, no more are taken.
const MAX_WAITING: usize = 1_024;

/// How a frame becomes a request.
pub(crate) trait Exchange<F>: fmt::Debug + Send + Sync + 'static {
    /// Whether the server holds the request: such a one has a connection to itself.
    fn is_held(frame: &F) -> bool;

    /// Sends the request; returns what the server answers, where that is anything, or what became of the connection. Dropping
    /// the future aborts it.
    fn exchange(
        self: Arc<Self>,
        frame: F,
    ) -> impl Future<Output = Result<Option<String>, Traffic>> + Send;
}

/// A connection that is made of requests: what the server holds on its own, the others in order, few at a time. The first one
/// that fails is the connection's end, and with it that of all the others.
pub(crate) struct Polling<F, X> {
    exchange: Arc<X>,
    /// Requests that are not held, at a time.
    max_others: usize,
    waiting: VecDeque<F>,
    others: usize,
    running: FuturesUnordered<Running>,
}

/// Whether it is one of the others, and what it came to.
type Done = (bool, Result<Option<String>, Traffic>);
type Running = Pin<Box<dyn Future<Output = Done> + Send>>;

impl<F: Send + 'static, X: Exchange<F>> Polling<F, X> {
    /// At most `max_requests` at a time, with the one that is held; at least two.
    pub(crate) fn new(exchange: Arc<X>, max_requests: usize) -> Self {
        Self {
            exchange,
            max_others: max_requests.saturating_sub(1).max(1),
            waiting: VecDeque::new(),
            others: 0,
            running: FuturesUnordered::new(),
        }
    }

    fn run(&mut self, frame: F) {
        let is_other = !X::is_held(&frame);
        self.others += usize::from(is_other);
        let exchange = Arc::clone(&self.exchange).exchange(frame);
        self.running
            .push(Box::pin(async move { (is_other, exchange.await) }));
    }
}

impl<F: Send + 'static, X: Exchange<F>> Line<F> for Polling<F, X> {
    fn poll_writable(&mut self, _: &mut Context<'_>) -> bool {
        self.waiting.len() < MAX_WAITING
    }

    fn send(&mut self, frame: F) {
        if X::is_held(&frame) || self.others < self.max_others {
            self.run(frame);
        } else {
            self.waiting.push_back(frame);
        }
    }

    fn poll_traffic(&mut self, context: &mut Context<'_>) -> Poll<Traffic> {
        // Where there is none, the next one is sent by whoever polls this again.
        while let Poll::Ready(Some((is_other, result))) = self.running.poll_next_unpin(context) {
            self.others -= usize::from(is_other);
            if is_other && let Some(frame) = self.waiting.pop_front() {
                self.run(frame);
            }
            match result {
                Ok(None) => {}
                Ok(Some(text)) => return Poll::Ready(Traffic::Text(text)),
                Err(traffic) => return Poll::Ready(traffic),
            }
        }
        Poll::Pending
    }

    fn close(self: Box<Self>, _: Option<Reason>) -> impl Future<Output = ()> + Send + 'static {
        // Its requests are aborted: that is all of a goodbye.
        drop(self);
        ready(())
    }
}
