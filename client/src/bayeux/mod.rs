//! Bayeux: publish and subscribe, with servers of ours, CometD and faye.

mod builder;
mod error;
mod extension;
mod hooks;
mod inbox;
mod message;
mod requests;
mod shell;
mod streams;
mod transport;
mod view;

use std::{
    collections::BTreeSet,
    future::{Future, pending, poll_fn},
    sync::Arc,
    time::Duration,
};

pub use builder::Builder;
pub use error::{Error, ErrorKind, ServerError};
pub use extension::{AuthExtension, BoxError, Codec, Extension, Payload};
use futures_util::stream;
pub(crate) use hooks::Hooks;
pub use message::Message;
pub use mirrorball_protocol::bayeux::{
    ChannelError,
    client::{CommandError, ConnectionType, Replay, State},
    ext::binary::{Binary, BinaryError},
};
use mirrorball_protocol::json::{Object, Value};
pub use requests::{Batch, Options};
use serde::{Serialize, de::DeserializeOwned};
pub use streams::{Events, Messages, Subscription};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::sleep_until,
};
pub(crate) use transport::{Carrier, Incoming, wire};
pub use transport::{Outgoing, Transport, Wire};
pub use view::{Event, ServerTime, Status};

use self::{
    inbox::{COMMON, Inbox},
    requests::{Ask, Counter, Purpose, json},
    shell::Control,
    streams::check,
    view::View,
};
use crate::{Address, AddressError, Changes, error::read, hub::Hub};

/// A client of a Bayeux server: publishes, subscribes, calls, over one session and one connection after another.
///
/// A handle is one pointer: clone it freely. The work is done by a task of its own. Where the last handle is dropped, the client
/// closes as by [`close`](Self::close), in the background; streams do not keep it open.
///
/// After a loss it connects again until it is closed, and subscribes again where the session was lost, too; what that means for
/// messages, [`events`](Self::events) tells.
///
/// ```no_run
/// use mirrorball_client::bayeux::Client;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::builder("http://chat.example/cometd").open().await?;
/// let mut lobby = client.subscribe("/chat/lobby").await?;
/// client.publish("/chat/lobby", "hello").await?;
/// while let Some(message) = lobby.next().await {
///     println!("{}", message?.data());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    counter: Counter,
    controls: mpsc::Sender<Control>,
    views: watch::Receiver<View>,
    hub: Arc<Hub<Event>>,
    inbox: Arc<Inbox>,
    connection_timeout: Option<Duration>,
}

impl Client {
    /// A client of the server at `address`; see [`Address`] for what that may be. The one address is that of all connection
    /// types, where [`Builder::address_of`] does not say otherwise.
    pub fn builder<A>(address: A) -> Builder
    where
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
    {
        Builder::new(address)
    }

    /// Makes a session with the server, and connects. It may be closed and opened as often as one likes; nothing is subscribed
    /// to in the beginning, and messages of the session before are gone.
    ///
    /// Each connection type is tried, the preferred one first. Dropping the future does not stop it: [`close`](Self::close) does.
    ///
    /// # Errors
    ///
    /// [`Error::Open`] where it is open; [`Error::NoConnectionType`] where the server offers none of the client's;
    /// [`Error::Connection`] where there is no connection; [`Error::Server`] where the server refuses. The client is closed then.
    pub async fn open(&self) -> Result<(), Error> {
        let (reply, opened) = oneshot::channel();
        self.control(Control::Open(reply)).await;
        opened.await.unwrap_or(Err(Error::Closed))
    }

    /// Tells the server goodbye, waits for its reply, for [`Builder::disconnect_timeout`] at most, and disconnects. Messages that wait can still be
    /// received. Requests without an end fail. Of a closed client nothing happens.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        self.control(Control::Close(done)).await;
        // Where the task is gone, so is the connection.
        let _ = closed.await;
    }

    /// Publishes data on a broadcast or service channel, and returns the server's reply. While the connection is lost it waits
    /// for the next one, for [`Builder::request_timeout`] at most; where [`Builder::send_queue_size`] requests wait to be sent, it
    /// waits for room.
    ///
    /// The future holds on to nothing that it is given, so it can be spawned. Dropping it stops waiting; the server may carry
    /// the request out all the same.
    ///
    /// # Errors
    ///
    /// [`Error::Server`] where the server refuses, or has ended the session; [`Error::Closed`] where the client is closed; others
    /// as they say.
    pub fn publish<D: Serialize + ?Sized>(
        &self,
        channel: &str,
        data: &D,
    ) -> impl Future<Output = Result<Message, Error>> + Send + use<D> {
        self.publish_with(channel, data, &Options::default())
    }

    /// As [`publish`](Self::publish), and says more.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub fn publish_with<D: Serialize + ?Sized>(
        &self,
        channel: &str,
        data: &D,
        options: &Options,
    ) -> impl Future<Output = Result<Message, Error>> + Send + use<D> {
        self.ask(Purpose::Publish, channel, json(data), options)
    }

    /// Publishes bytes, as CometD's binary extension does. [`Message::binary`] reads them.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub fn publish_binary(
        &self,
        channel: &str,
        binary: &Binary,
    ) -> impl Future<Output = Result<Message, Error>> + Send + use<> {
        let mut message = Object::default();
        binary.write(&mut message);
        let options = Options {
            ext: message.remove("ext"),
            ..Options::default()
        };
        let data: Result<_, Error> = Ok(message.remove("data").unwrap_or_default().to_text());
        self.ask(Purpose::Publish, channel, data, &options)
    }

    /// Asks the server's application: publishes on the service channel of `target`, such as `rpc/echo`, and waits for the answer.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish). Where the application fails, the data of the [`ServerError::response`] is what it says.
    pub fn call<D: Serialize + ?Sized>(
        &self,
        target: &str,
        data: &D,
    ) -> impl Future<Output = Result<Value, Error>> + Send + use<D> {
        self.call_with(target, data, &Options::default())
    }

    /// As [`call`](Self::call), and says more.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn call_with<D: Serialize + ?Sized>(
        &self,
        target: &str,
        data: &D,
        options: &Options,
    ) -> impl Future<Output = Result<Value, Error>> + Send + use<D> {
        let target = target.trim_start_matches('/');
        let target = target.strip_prefix("service/").unwrap_or(target);
        let channel = format!("/service/{target}");
        let answer = self.ask(Purpose::Call, &channel, json(data), options);
        async move { Ok(answer.await?.data().clone()) }
    }

    /// As [`call`](Self::call), with an answer of a Rust type.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call); [`Error::Mismatch`] where the answer is something else.
    pub fn call_as<T: DeserializeOwned, D: Serialize + ?Sized>(
        &self,
        target: &str,
        data: &D,
    ) -> impl Future<Output = Result<T, Error>> + Send + use<T, D> {
        let answer = self.call(target, data);
        async move { Ok(read(&answer.await?)?) }
    }

    /// Subscribes to a channel, to those below it (`/chat/*`) or to all below it (`/chat/**`). Where the session is lost, it is
    /// made again in the next one.
    ///
    /// The messages come out of the [`Subscription`], as long as it is there, and otherwise by [`receive`](Self::receive).
    /// Dropping the future stops waiting; the subscription may be made all the same.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub fn subscribe(
        &self,
        channel: &str,
    ) -> impl Future<Output = Result<Subscription, Error>> + Send + use<> {
        self.subscribe_with(channel, &Options::default())
    }

    /// As [`subscribe`](Self::subscribe), and says more.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub fn subscribe_with(
        &self,
        channel: &str,
        options: &Options,
    ) -> impl Future<Output = Result<Subscription, Error>> + Send + use<> {
        let (ask, answer) = Ask::subscribe(channel, options);
        let shared = Arc::clone(&self.shared);
        async move { shared.counter.ask(ask, answer).await }
    }

    /// Ends the subscription to a channel or pattern, and with it every [`Subscription`] to it; returns the server's reply.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub fn unsubscribe(
        &self,
        channel: &str,
    ) -> impl Future<Output = Result<Message, Error>> + Send + use<> {
        let nothing: Result<_, Error> = Ok(String::new());
        self.ask(Purpose::Unsubscribe, channel, nothing, &Options::default())
    }

    fn ask<E: Into<Error>>(
        &self,
        purpose: Purpose,
        channel: &str,
        data: Result<String, E>,
        options: &Options,
    ) -> impl Future<Output = Result<Message, Error>> + Send + use<E> {
        let asked = data
            .map(|data| Ask::new(purpose, channel, data, options))
            .map_err(Into::into);
        let shared = Arc::clone(&self.shared);
        async move {
            let (ask, answer) = asked?;
            shared.counter.ask(ask, answer).await
        }
    }

    /// Requests that are to go together.
    pub fn batch(&self) -> Batch {
        Batch {
            counter: self.shared.counter.clone(),
            asks: Vec::new(),
        }
    }

    /// Waits for the next message that no [`Subscription`] takes. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// - [`Error::Closed`] where the client is closed and no message is left;
    /// - [`Error::Server`] where the server has ended the session and no message is left, or where a message says itself that it
    ///   failed;
    /// - [`Error::Lost`] where the connection is lost for [`Builder::connection_timeout`]; the client goes on connecting, and this
    ///   may be called again;
    /// - [`Error::Missed`] where messages were dropped, in their place.
    pub async fn receive(&self) -> Result<Message, Error> {
        let Shared {
            inbox,
            views,
            connection_timeout,
            ..
        } = &*self.shared;
        receive(inbox, views.clone(), *connection_timeout).await
    }

    /// The messages that [`receive`](Self::receive) returns, until the client is closed and none is left.
    #[must_use]
    pub fn messages(&self) -> Messages {
        let inbox = Arc::clone(&self.shared.inbox);
        let views = self.shared.views.clone();
        let timeout = self.shared.connection_timeout;
        let stream = stream::unfold(false, move |is_over| {
            let (inbox, views) = (Arc::clone(&inbox), views.clone());
            async move {
                if is_over {
                    return None;
                }
                match receive(&inbox, views.clone(), timeout).await {
                    Err(Error::Closed) => None,
                    // What the end is for is told once.
                    Err(error) => {
                        let is_over = !views.borrow().is_open && !inbox.has(COMMON);
                        Some((Err(error), is_over))
                    }
                    message => Some((message, false)),
                }
            }
        });
        Messages {
            stream: Box::pin(stream),
        }
    }

    /// What happens in the client's life, from now on, in order.
    #[must_use]
    pub fn events(&self) -> Events {
        Events {
            listener: self.shared.hub.subscribe(),
        }
    }

    /// Whether the client is closed: not open yet, or not any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !self.shared.views.borrow().is_open
    }

    /// Waits until an open client is closed, by whomever. Returns why, where it was not the application.
    pub async fn closed(&self) -> Option<Error> {
        let mut views = self.shared.views.clone();
        let over = views.wait_for(|view| view.status.is_over()).await;
        over.map_or(None, |view| view.end.clone())
    }

    /// What is subscribed to.
    #[must_use]
    pub fn subscriptions(&self) -> Arc<BTreeSet<Arc<str>>> {
        Arc::clone(&self.shared.views.borrow().subscriptions)
    }

    /// How the client speaks with the server, while there is a session.
    #[must_use]
    pub fn connection_type(&self) -> Option<ConnectionType> {
        self.shared.views.borrow().connection_type.clone()
    }

    /// What the server calls the session, while there is one. Who knows it can speak for the client.
    #[must_use]
    pub fn client_id(&self) -> Option<Arc<str>> {
        self.shared.views.borrow().client_id.clone()
    }

    /// Messages that wait to be taken, those of subscriptions included.
    #[must_use]
    pub fn pending_count(&self) -> usize {
        self.shared.inbox.len()
    }

    /// Whether messages wait to be taken.
    #[must_use]
    pub fn has_pending_messages(&self) -> bool {
        self.pending_count() > 0
    }

    /// Where the client is in its life.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.views.borrow().status.clone()
    }

    /// The status as it is, and then each that differs from the one before.
    #[must_use]
    pub fn statuses(&self) -> Changes<Status> {
        let mut seen = None;
        Changes::new(&self.shared.views, move |view: &View| {
            let new = seen.as_ref() != Some(&view.status);
            new.then(|| seen.insert(view.status.clone()).clone())
        })
    }

    /// What is known of the server's clock.
    #[must_use]
    pub fn server_time(&self) -> ServerTime {
        self.shared.views.borrow().time
    }

    /// Leaves the connection, where there is one, and makes another at once, within the same session.
    pub async fn reconnect(&self) {
        self.control(Control::Reconnect).await;
    }

    /// What handshakes say in their `ext` from now on, an object: credentials, mostly. A session that stands is kept.
    pub async fn set_handshake_ext(&self, ext: Option<Value>) {
        let ext = ext.as_ref().map(Value::to_text);
        self.control(Control::HandshakeExt(ext)).await;
    }

    async fn control(&self, control: Control) {
        // The task is there while there are handles; where it panicked, whoever waits is told by what it dropped.
        let _ = self.shared.controls.send(control).await;
    }
}

async fn receive(
    inbox: &Inbox,
    views: watch::Receiver<View>,
    timeout: Option<Duration>,
) -> Result<Message, Error> {
    tokio::select! {
        biased;
        Some(taken) = poll_fn(|context| inbox.poll_take(COMMON, context)) => taken.and_then(check),
        error = lost(views, timeout) => Err(error),
    }
}

/// Waits until nothing more can come, or the connection is lost for so long.
async fn lost(mut views: watch::Receiver<View>, timeout: Option<Duration>) -> Error {
    let mut deadline = None;
    loop {
        let (is_open, is_connected, end) = {
            let view = views.borrow_and_update();
            let is_connected = view.status.state == State::Connected;
            (view.is_open, is_connected, view.end.clone())
        };
        if !is_open {
            return end.unwrap_or(Error::Closed);
        }
        deadline = match (is_connected, deadline) {
            (true, _) => None,
            (false, None) => timeout.and_then(|it| tokio::time::Instant::now().checked_add(it)),
            (false, deadline) => deadline,
        };
        let late = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => pending().await,
            }
        };
        tokio::select! {
            changed = views.changed() => if changed.is_err() { return Error::Closed },
            () = late => return Error::Lost,
        }
    }
}
