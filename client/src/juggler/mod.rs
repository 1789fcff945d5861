//! Juggler: a server's state mirrored, its requests, its notifications.

mod builder;
mod error;
mod notifications;
mod shell;
mod view;

use std::{future::Future, sync::Arc, time::Duration};

pub use builder::Builder;
pub use error::RequestError;
pub use mirrorball_protocol::juggler::client::State as ConnectionState;
use mirrorball_protocol::{
    json::{Json, Key, Pointer, PointerError, Value, array_index},
    juggler::message,
};
pub use notifications::{Notification, Notifications};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};
pub use view::Status;

use self::{
    shell::{Ask, Wishes},
    view::View,
};
use crate::{Address, AddressError, Changes, ConnectionError, Mismatch, error::read, hub::Hub};

/// A client of a Juggler server: one mirrored state, requests, notifications, over one connection after another.
///
/// A handle is one pointer: clone it freely. The work is done by a task of its own. Where the last handle is
/// dropped, the client closes as by [`close`](Self::close), in the background; streams such as
/// [`changes`](Self::changes) do not keep it open.
///
/// After a loss the last state is kept and marked [`Stale`](ConnectionState::Stale), and the client connects again until it
/// is closed, unless [`Builder::reconnect`] says otherwise.
///
/// ```
/// use mirrorball_client::juggler::Client;
/// use mirrorball_server::{Juggler, State};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Plant {
///     power: f64,
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let state = State::default();
/// # state.set("/power", 64.5)?;
/// # let plant = state.clone();
/// # let juggler = Juggler::builder(state).on_request(move |_, _, data| {
/// #     let plant = plant.clone();
/// #     async move {
/// #         plant.set("/power", data).map_err(mirrorball_server::RequestError::new)?;
/// #         Ok("done".into())
/// #     }
/// # }).build();
/// # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let address = listener.local_addr()?;
/// # tokio::spawn(async move { axum::serve(listener, juggler.into_router()).await });
/// let client = Client::builder(format!("ws://{address}")).connect().await?;
/// assert_eq!(client.state_as::<Plant>()?.power, 64.5);
///
/// let mut powers = client.changes_at("/power")?;
/// assert_eq!(powers.next().await, Some(Some(64.5.into())));
/// assert_eq!(client.request("set-power", &80).await?, "done".into());
/// assert_eq!(powers.next().await, Some(Some(80.into())));
/// client.close().await;
/// assert_eq!(powers.next().await, None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    asks: mpsc::Sender<Ask>,
    wishes: watch::Sender<Wishes>,
    views: watch::Receiver<View>,
    hub: Arc<Hub<Notification>>,
    /// Told where a request is given up before its answer came.
    abandoned: Arc<Notify>,
    request_timeout: Option<Duration>,
}

impl Client {
    /// A client of the server at `address`; see [`Address`] for what that may be.
    pub fn builder<A>(address: A) -> Builder
    where
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
    {
        Builder::new(address)
    }

    /// The server's state; it never changes itself. `null` until there was one; after a loss the last one, until the
    /// first one of the new connection.
    #[must_use]
    pub fn state(&self) -> Value {
        self.shared.views.borrow().state.clone()
    }

    /// What is at `pointer` of the state, such as `/devices/a7/power`; `None` where nothing is.
    ///
    /// # Errors
    ///
    /// Where `pointer` is no JSON pointer.
    pub fn state_at(&self, pointer: &str) -> Result<Option<Value>, PointerError> {
        let pointer = Pointer::parse(&Arc::from(pointer))?;
        Ok(find(&self.state(), &pointer))
    }

    /// The server's state as a Rust type: a copy, made by way of its text.
    ///
    /// # Errors
    ///
    /// Where the state is something else.
    pub fn state_as<T: DeserializeOwned>(&self) -> Result<T, Mismatch> {
        read(&self.state())
    }

    /// Where the client is in its life.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.views.borrow().status.clone()
    }

    /// The state as it is, once there is one, and then each newer one.
    ///
    /// It is a level and not a queue: whoever is slow sees fewer states, the newest always.
    #[must_use]
    pub fn changes(&self) -> Changes<Value> {
        let mut seen = 0;
        Changes::new(&self.shared.views, move |view| {
            let new = std::mem::replace(&mut seen, view.version) != view.version;
            new.then(|| view.state.clone())
        })
    }

    /// As [`changes`](Self::changes), of what is at `pointer`, such as `/devices/a7/power`; `None` where nothing
    /// is. Only what differs from the one before.
    ///
    /// # Errors
    ///
    /// Where `pointer` is no JSON pointer.
    pub fn changes_at(&self, pointer: &str) -> Result<Changes<Option<Value>>, PointerError> {
        let pointer = Pointer::parse(&Arc::from(pointer))?;
        let mut seen = None;
        Ok(Changes::new(&self.shared.views, move |view| {
            let found = (view.version > 0).then(|| find(&view.state, &pointer))?;
            let new = seen.as_ref() != Some(&found);
            new.then(|| seen.insert(found).clone())
        }))
    }

    /// The status as it is, and then each that differs from the one before.
    #[must_use]
    pub fn statuses(&self) -> Changes<Status> {
        let mut seen = None;
        Changes::new(&self.shared.views, move |view| {
            let new = seen.as_ref() != Some(&view.status);
            new.then(|| seen.insert(view.status.clone()).clone())
        })
    }

    /// The notifications from now on, in order. [`Builder::notifications`] misses none of a connection.
    #[must_use]
    pub fn notifications(&self) -> Notifications {
        Notifications {
            listener: self.shared.hub.subscribe(),
        }
    }

    /// Sends a request and waits for its answer, for [`Builder::request_timeout`] at most. Before the first
    /// connection it waits for that; where the connection was lost it fails at once. Where
    /// [`Builder::send_queue_size`] requests wait to be sent, it waits for room.
    ///
    /// The empty name asks for an echo. The future holds on to nothing that it is given, so it can be spawned; while it
    /// waits it counts as a handle. Dropping it stops waiting; the server may carry the request out all the same.
    ///
    /// # Errors
    ///
    /// Any [`RequestError`]; [`RequestError::Remote`] where the server refuses or fails.
    pub fn request<D: Serialize + ?Sized>(
        &self,
        name: &str,
        data: &D,
    ) -> impl Future<Output = Result<Value, RequestError>> + Send + use<D> {
        self.request_within(self.shared.request_timeout, name, data)
    }

    /// As [`request`](Self::request), with a timeout of its own; `None` for ever.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn request_within<D: Serialize + ?Sized>(
        &self,
        timeout: Option<Duration>,
        name: &str,
        data: &D,
    ) -> impl Future<Output = Result<Value, RequestError>> + Send + use<D> {
        self.ask(timeout, name, data, None)
    }

    /// As [`request`](Self::request), for what has to be carried out once: a loss of the connection is not its end. It is
    /// sent again over the next one, and a server of ours carries it out once and gives the same answer, however often
    /// it comes. `key` is a text that no other request has, and that nobody guesses: a random one.
    ///
    /// Where the server does not count its states (`Builder::history` 0, or a public peer), where it lives
    /// anew, or where the way back takes longer than 45 s, it fails with [`RequestError::ConnectionLost`]: whether it was
    /// carried out is unknown.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request).
    pub fn request_once<D: Serialize + ?Sized>(
        &self,
        key: &str,
        name: &str,
        data: &D,
    ) -> impl Future<Output = Result<Value, RequestError>> + Send + use<D> {
        self.ask(self.shared.request_timeout, name, data, Some(key))
    }

    fn ask<D: Serialize + ?Sized>(
        &self,
        timeout: Option<Duration>,
        name: &str,
        data: &D,
        key: Option<&str>,
    ) -> impl Future<Output = Result<Value, RequestError>> + Send + use<D> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let (reply, answer) = oneshot::channel();
        let ask = serde_json::to_string(data).map(|data| Ask {
            text: message::ask(name, &data, key),
            is_keyed: key.is_some(),
            deadline,
            reply,
        });
        let shared = Arc::clone(&self.shared);
        async move {
            let ask = ask.map_err(|error| Mismatch::new(&error))?;
            let sent = shared.asks.send(ask);
            let sent = match deadline {
                Some(deadline) => timeout_at(deadline, sent)
                    .await
                    .map_err(|_| RequestError::Timeout)?,
                None => sent.await,
            };
            sent.map_err(|_| RequestError::Closed)?;
            let mut waiting = Waiting {
                answer,
                abandoned: Some(&shared.abandoned),
            };
            let answer = (&mut waiting.answer).await;
            waiting.abandoned = None;
            answer.unwrap_or(Err(RequestError::Closed))
        }
    }

    /// As [`request`](Self::request), with an answer of a Rust type.
    ///
    /// # Errors
    ///
    /// As [`request`](Self::request); [`RequestError::Mismatch`] where the answer is something else.
    pub fn request_as<T: DeserializeOwned, D: Serialize + ?Sized>(
        &self,
        name: &str,
        data: &D,
    ) -> impl Future<Output = Result<T, RequestError>> + Send + use<T, D> {
        let answer = self.request(name, data);
        async move { Ok(read(&answer.await?)?) }
    }

    /// The addresses that are tried in turn.
    #[must_use]
    pub fn addresses(&self) -> Arc<[Address]> {
        Arc::clone(&self.shared.wishes.borrow().addresses)
    }

    /// The server is at these addresses from now on. The next attempt begins with the first of them; a connection
    /// that stands is kept: [`reconnect`](Self::reconnect) leaves it.
    ///
    /// # Errors
    ///
    /// Where one is no address, or there is none; then nothing changes.
    pub fn set_addresses<A>(
        &self,
        addresses: impl IntoIterator<Item = A>,
    ) -> Result<(), AddressError>
    where
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
    {
        let addresses: Vec<Address> = addresses
            .into_iter()
            .map(|address| address.try_into().map_err(Into::into))
            .collect::<Result<_, _>>()?;
        if addresses.is_empty() {
            return Err(AddressError::new("no address"));
        }
        self.shared
            .wishes
            .send_modify(|wishes| wishes.addresses = addresses.into());
        Ok(())
    }

    /// Leaves the connection, where there is one, and makes another at once, to the next address. Requests in
    /// progress fail as where the connection is lost.
    pub fn reconnect(&self) {
        self.shared
            .wishes
            .send_modify(|wishes| wishes.reconnects += 1);
    }

    /// Closes for good, says goodbye, and waits for the server to hear it, for a second at most. The state stays
    /// what it is; requests in progress fail.
    pub async fn close(&self) {
        self.shared.wishes.send_modify(|wishes| wishes.close = true);
        self.shared.asks.closed().await;
    }

    /// Waits until the client is closed or has given up. Returns why, where it was not the application that closed
    /// it.
    pub async fn closed(&self) -> Option<ConnectionError> {
        self.shared.asks.closed().await;
        let status = self.status();
        (status.state == ConnectionState::Failed)
            .then_some(status.last_error)
            .flatten()
    }

    /// Waits until the state was in step with the server's once.
    async fn ready(&self) -> Result<(), ConnectionError> {
        let mut views = self.shared.views.clone();
        let settled = views
            .wait_for(|view| view.status.ever_connected || view.status.is_over())
            .await;
        match settled.map(|view| view.status.clone()) {
            Ok(status) if status.ever_connected => Ok(()),
            Ok(Status {
                last_error: Some(error),
                ..
            }) => Err(error),
            _ => Err(ConnectionError::Left),
        }
    }
}

/// A request that waits for its answer.
struct Waiting<'a> {
    answer: oneshot::Receiver<Result<Value, RequestError>>,
    /// Told where nobody waits any more.
    abandoned: Option<&'a Notify>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.answer.close();
        if let Some(abandoned) = self.abandoned {
            abandoned.notify_one();
        }
    }
}

/// What is at `pointer`.
fn find(state: &Value, pointer: &Pointer<Arc<str>>) -> Option<Value> {
    let mut found = state.clone();
    for token in pointer.tokens() {
        found = match &found {
            Value::Array(_) => found.element(array_index(&token.to_str())?)?,
            _ => found.member(token)?,
        };
    }
    Some(found)
}
