//! Requests on their way to the machine, and back.

use std::{future::Future, sync::Arc, time::Duration};

use mirrorball_protocol::{
    bayeux::client::{CommandError, Extras, RequestId},
    json::Value,
    time::Instant,
};
use serde::Serialize;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::timeout_at,
};

use super::{Error, Message, Subscription, shell::Machine};
use crate::Mismatch;

/// What a request may say besides.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// The message's `ext`: an object. What a subscription was made with goes with it when it is made again.
    pub ext: Option<Value>,
    /// How long it may take, in place of [`Builder::request_timeout`](super::Builder::request_timeout).
    pub timeout: Option<Duration>,
    /// Subscriptions: the replay id after which to begin; -1 for what is new, -2 for everything that the server has.
    pub replay: Option<i64>,
}

impl Options {
    /// Sets [`ext`](Self::ext).
    #[must_use]
    pub fn ext(mut self, ext: impl Into<Value>) -> Self {
        self.ext = Some(ext.into());
        self
    }

    /// Sets [`timeout`](Self::timeout).
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets [`replay`](Self::replay).
    #[must_use]
    pub const fn replay(mut self, id: i64) -> Self {
        self.replay = Some(id);
        self
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Publish,
    Call,
    Subscribe,
    Unsubscribe,
}

/// A request on its way to the machine.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) purpose: Purpose,
    pub(super) channel: Arc<str>,
    /// JSON; nothing where there is none.
    data: String,
    ext: Option<String>,
    replay: Option<i64>,
    timeout: Option<Duration>,
    /// When the application asked.
    since: tokio::time::Instant,
    pub(super) reply: Reply,
}

/// Where the end of a request goes.
#[derive(Debug)]
pub(super) enum Reply {
    Message(oneshot::Sender<Result<Message, Error>>),
    Subscription(oneshot::Sender<Result<Subscription, Error>>),
}

impl Reply {
    /// Whether nobody waits any more.
    pub(super) fn is_closed(&self) -> bool {
        match self {
            Self::Message(reply) => reply.is_closed(),
            Self::Subscription(reply) => reply.is_closed(),
        }
    }

    /// Tells whoever waits why there is nothing.
    pub(super) fn fail(self, error: Error) {
        // They may be gone.
        match self {
            Self::Message(reply) => drop(reply.send(Err(error))),
            Self::Subscription(reply) => drop(reply.send(Err(error))),
        }
    }
}

impl Ask {
    /// What the request's sender waits for, and the request.
    pub(super) fn new(
        purpose: Purpose,
        channel: &str,
        data: String,
        options: &Options,
    ) -> (Self, oneshot::Receiver<Result<Message, Error>>) {
        let (reply, answer) = oneshot::channel();
        let ask = Self::with(purpose, channel, data, options, Reply::Message(reply));
        (ask, answer)
    }

    /// As [`new`](Self::new), to subscribe.
    pub(super) fn subscribe(
        channel: &str,
        options: &Options,
    ) -> (Self, oneshot::Receiver<Result<Subscription, Error>>) {
        let (reply, answer) = oneshot::channel();
        let reply = Reply::Subscription(reply);
        let ask = Self::with(Purpose::Subscribe, channel, String::new(), options, reply);
        (ask, answer)
    }

    fn with(
        purpose: Purpose,
        channel: &str,
        data: String,
        options: &Options,
        reply: Reply,
    ) -> Self {
        Self {
            purpose,
            channel: channel.into(),
            data,
            ext: options.ext.as_ref().map(Value::to_text),
            replay: options.replay,
            timeout: options.timeout,
            since: tokio::time::Instant::now(),
            reply,
        }
    }

    /// Hands the request over.
    pub(super) fn hand_over(
        &self,
        machine: &mut Machine,
        default: Option<Duration>,
        now: Instant,
    ) -> Result<RequestId, CommandError> {
        let timeout = self.timeout.or(default);
        let extras = Extras {
            ext: self.ext.as_deref(),
            timeout: timeout.map(|timeout| timeout.saturating_sub(self.since.elapsed())),
            replay: self.replay,
        };
        match self.purpose {
            Purpose::Publish => machine.publish(&self.channel, &self.data, extras, now),
            Purpose::Call => machine.call(&self.channel, &self.data, extras, now),
            Purpose::Subscribe => machine.subscribe(&self.channel, extras, now),
            Purpose::Unsubscribe => machine.unsubscribe(&self.channel, extras, now),
        }
    }

    /// What the error says where the server refuses.
    pub(super) fn refusal(&self) -> &'static str {
        match self.purpose {
            Purpose::Subscribe => "Subscribe request failed.",
            Purpose::Unsubscribe => "Unsubscribe request failed.",
            Purpose::Call => "Remote call failed.",
            Purpose::Publish if mirrorball_protocol::bayeux::channel::is_service(&self.channel) => {
                "Service request failed."
            }
            Purpose::Publish => "Publish request failed.",
        }
    }
}

/// Where requests are handed in.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    pub(super) asks: mpsc::Sender<Vec<Ask>>,
    /// Told where a request is given up before its end.
    pub(super) abandoned: Arc<Notify>,
    /// How long a request may take where it does not say.
    pub(super) timeout: Option<Duration>,
}

impl Counter {
    /// Hands in a request, and waits for its end.
    pub(super) async fn ask<T>(
        &self,
        ask: Ask,
        answer: oneshot::Receiver<Result<T, Error>>,
    ) -> Result<T, Error> {
        let timeout = ask.timeout.or(self.timeout);
        let deadline = timeout.and_then(|timeout| ask.since.checked_add(timeout));
        let sent = self.asks.send(vec![ask]);
        let sent = match deadline {
            Some(deadline) => timeout_at(deadline, sent)
                .await
                .map_err(|_| Error::Unsent)?,
            None => sent.await,
        };
        sent.map_err(|_| Error::Closed)?;
        Waiting::new(answer, &self.abandoned).end().await
    }
}

/// A request that waits for its end.
pub(super) struct Waiting<'a, T> {
    answer: oneshot::Receiver<Result<T, Error>>,
    /// Told where nobody waits any more.
    abandoned: Option<&'a Notify>,
}

impl<'a, T> Waiting<'a, T> {
    pub(super) const fn new(
        answer: oneshot::Receiver<Result<T, Error>>,
        abandoned: &'a Notify,
    ) -> Self {
        Self {
            answer,
            abandoned: Some(abandoned),
        }
    }

    pub(super) async fn end(mut self) -> Result<T, Error> {
        let answer = (&mut self.answer).await;
        self.abandoned = None;
        answer.unwrap_or(Err(Error::Closed))
    }
}

impl<T> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        if let Some(abandoned) = self.abandoned {
            self.answer.close();
            abandoned.notify_one();
        }
    }
}

/// Data as JSON.
pub(super) fn json<D: Serialize + ?Sized>(data: &D) -> Result<String, Mismatch> {
    serde_json::to_string(data).map_err(|error| Mismatch::new(&error))
}

/// Requests that go together, in order, in one payload where they fit. Begin with [`Client::batch`](super::Client::batch), end
/// with [`send`](Self::send); where it is dropped instead, nothing is sent.
///
/// ```no_run
/// # async fn example(client: mirrorball_client::bayeux::Client) -> Result<(), mirrorball_client::bayeux::Error> {
/// let mut batch = client.batch();
/// let first = batch.publish("/chat/lobby", "hello");
/// let second = batch.publish("/chat/lobby", "anybody there?");
/// batch.send().await?;
/// first.await?;
/// second.await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a batch does nothing until it is sent"]
pub struct Batch {
    pub(super) counter: Counter,
    pub(super) asks: Vec<Ask>,
}

impl Batch {
    /// Publishes; see [`Client::publish`](super::Client::publish).
    pub fn publish<D: Serialize + ?Sized>(
        &mut self,
        channel: &str,
        data: &D,
    ) -> impl Future<Output = Result<Message, Error>> + Send + use<D> {
        let added = json(data).map(|data| self.add(Purpose::Publish, channel, data));
        async move { added?.await }
    }

    /// Subscribes; see [`Client::subscribe`](super::Client::subscribe).
    pub fn subscribe(
        &mut self,
        channel: &str,
    ) -> impl Future<Output = Result<Subscription, Error>> + Send + use<> {
        let (ask, answer) = Ask::subscribe(channel, &Options::default());
        self.push(ask, answer)
    }

    /// Ends a subscription; see [`Client::unsubscribe`](super::Client::unsubscribe).
    pub fn unsubscribe(
        &mut self,
        channel: &str,
    ) -> impl Future<Output = Result<Message, Error>> + Send + use<> {
        self.add(Purpose::Unsubscribe, channel, String::new())
    }

    /// Sends what was asked for. The futures that were returned tell what became of it.
    ///
    /// # Errors
    ///
    /// Where there is no client any more.
    pub async fn send(self) -> Result<(), Error> {
        if self.asks.is_empty() {
            return Ok(());
        }
        let sent = self.counter.asks.send(self.asks).await;
        sent.map_err(|_| Error::Closed)
    }

    fn add(
        &mut self,
        purpose: Purpose,
        channel: &str,
        data: String,
    ) -> impl Future<Output = Result<Message, Error>> + Send + use<> {
        let (ask, answer) = Ask::new(purpose, channel, data, &Options::default());
        self.push(ask, answer)
    }

    fn push<T: Send>(
        &mut self,
        ask: Ask,
        answer: oneshot::Receiver<Result<T, Error>>,
    ) -> impl Future<Output = Result<T, Error>> + Send + use<T> {
        self.asks.push(ask);
        let abandoned = Arc::clone(&self.counter.abandoned);
        // Not begun, it gives nothing up.
        async move { Waiting::new(answer, &abandoned).end().await }
    }
}
