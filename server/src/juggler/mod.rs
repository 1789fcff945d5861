//! Juggler over axum: a service that mirrors a [`State`] to every client, answers requests and notifies.

mod connection;
mod frames;
mod publisher;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::Request,
    response::{IntoResponse, Response},
    routing::get,
};
use mirrorball_protocol::{
    json::{Value, to_value},
    juggler::{Flush, message::notification, segment::Sealed, server::ServerOptions},
    reason::Reason,
};
use serde::Serialize;
use tokio::sync::{broadcast, watch};

pub use connection::{Connection, Disconnected};

use self::{frames::Frames, publisher::Publisher};
use crate::{
    State,
    origin::Origins,
    proxies::Remote,
    socket::{Frame, accept},
};

/// Where clients connect by default.
const PATH: &str = "/ws";

type Handling = Pin<Box<dyn Future<Output = Result<Value, RequestError>> + Send>>;
type Handler = Box<dyn Fn(Connection, String, Value) -> Handling + Send + Sync>;

/// A Juggler service: one mirrored state, and the connections that mirror it.
///
/// A handle is one pointer. Make an axum `Router` of it with [`into_router`](Self::into_router):
///
/// ```
/// use mirrorball_server::{Juggler, RequestError, State, Value};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let state = State::default();
/// let doors = state.clone();
/// let juggler = Juggler::builder(state)
///     .on_request(move |_connection, name, data| {
///         let doors = doors.clone();
///         async move {
///             match name.as_str() {
///                 "open" => {
///                     doors.set("/door", "open").map_err(RequestError::new)?;
///                     Ok(data)
///                 }
///                 other => Err(RequestError::unknown(other)),
///             }
///         }
///     })
///     .build();
/// let app: axum::Router = axum::Router::new().merge(juggler.clone().into_router());
/// juggler.notify("alarm", &Value::from("the door is open"));
/// # let _ = app;
/// # juggler.close().await;
/// # }
/// ```
#[derive(Clone)]
pub struct Juggler {
    service: Arc<Service>,
}

pub(crate) struct Service {
    state: State,
    options: ServerOptions,
    origins: Origins,
    handler: Option<Handler>,
    publisher: Publisher,
    frames: Frames,
    notifications: broadcast::Sender<Sealed<Frame>>,
    /// Each connection holds a receiver: closing is announced here, and the last one gone is seen here.
    closing: watch::Sender<bool>,
    path: String,
    shutdown_timeout: Duration,
    last_id: AtomicU64,
}

/// Makes a [`Juggler`].
pub struct Builder {
    state: State,
    options: ServerOptions,
    origins: Origins,
    handler: Option<Handler>,
    autoflush_delay: Option<Duration>,
    path: String,
    shutdown_timeout: Duration,
}

/// Why a request failed: any JSON, for the client to read.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestError {
    data: Value,
}

impl RequestError {
    /// An error that is told as a text.
    pub fn new(error: impl fmt::Display) -> Self {
        Self {
            data: Value::from(error.to_string()),
        }
    }

    /// An error that is told as this data.
    ///
    /// Data that does not serialise is told as the text of what is wrong with it.
    pub fn with_data(data: &(impl Serialize + ?Sized)) -> Self {
        to_value(data).map_or_else(Self::new, |data| Self { data })
    }

    /// Nobody handles requests of this name.
    #[must_use]
    pub fn unknown(name: &str) -> Self {
        Self::with_data(&serde_json::json!({
            "code": "unknown-request",
            "message": format!("this server has no request `{name}`"),
        }))
    }

    /// What the client is told.
    #[must_use]
    pub const fn data(&self) -> &Value {
        &self.data
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.data.as_str() {
            Some(text) => out.write_str(text),
            None => self.data.fmt(out),
        }
    }
}

impl std::error::Error for RequestError {}

impl From<Value> for RequestError {
    fn from(data: Value) -> Self {
        Self { data }
    }
}

impl Juggler {
    /// A service that mirrors `state` to every client.
    #[must_use]
    pub fn builder(state: State) -> Builder {
        Builder {
            state,
            options: ServerOptions::default(),
            origins: Origins::default(),
            handler: None,
            autoflush_delay: Some(Flush::DELAY),
            path: PATH.to_owned(),
            shutdown_timeout: Duration::from_millis(100),
        }
    }

    /// Where clients connect.
    #[must_use]
    pub fn ws_path(&self) -> &str {
        &self.service.path
    }

    /// The mirrored state.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.service.state
    }

    /// How many clients are connected.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.service.closing.receiver_count()
    }

    /// Sends a notification to every client that is connected now.
    ///
    /// A client that takes its messages so slowly that it would miss one is disconnected (4008): it comes
    /// back and knows that there is a gap.
    pub fn notify(&self, name: &str, data: &Value) {
        let message = notification(name, data).seal(self.service.options.max_segment_size);
        // An error says that nobody is connected.
        let _ = self.service.notifications.send(message);
    }

    /// Sends what changed to every client at once, without waiting for the flush delay.
    pub fn flush(&self) {
        self.service.publisher.flush();
    }

    /// The route that clients connect to.
    ///
    /// A [`Server`](crate::Server) serves it. Within an app of your own, serve that with
    /// [`into_make_service_with_connect_info::<SocketAddr>()`][info] for [`Connection::remote`] to be known.
    ///
    /// [info]: axum::Router::into_make_service_with_connect_info
    pub fn into_router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        let path = self.service.path.clone();
        Router::new().route(
            &path,
            get(move |request: Request| self.clone().accept(request)),
        )
    }

    /// Says goodbye to every client, and waits for them to be gone: at most the shutdown timeout.
    pub async fn close(&self) {
        self.service.closing.send_replace(true);
        let gone = self.service.closing.closed();
        if tokio::time::timeout(self.service.shutdown_timeout, gone)
            .await
            .is_err()
        {
            tracing::debug!("connections did not close in time and are cut");
        }
    }

    async fn accept(self, request: Request) -> Response {
        let (mut parts, _) = request.into_parts();
        if let Err(refusal) = self.service.origins.check_request(&parts) {
            tracing::warn!(origin = ?parts.headers.get("origin"), "a foreign page tried to connect");
            return refusal.into_response();
        }
        let remote = Remote::of_request(&parts.extensions);
        accept(&mut parts, move |socket| {
            connection::serve(self.service, socket, remote)
        })
        .await
    }
}

impl Service {
    fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl fmt::Debug for Juggler {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Juggler")
            .field("path", &self.service.path)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Handles requests: `handler` is given the connection, the request's name and its data. Without one,
    /// each request fails.
    ///
    /// A handler that panics fails its request, without telling the client why. It is dropped where the
    /// connection ends before it does; what has to be finished all the same belongs on a task of its own.
    #[must_use]
    pub fn on_request<H, R>(mut self, handler: H) -> Self
    where
        H: Fn(Connection, String, Value) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Value, RequestError>> + Send + 'static,
    {
        self.handler = Some(Box::new(move |connection, name, data| {
            Box::pin(handler(connection, name, data))
        }));
        self
    }

    /// Which pages may connect; by default those of the server's own site.
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// How long changes are gathered before they are sent as one diff; default 200 ms. With `None` only
    /// [`Juggler::flush`] sends.
    #[must_use]
    pub const fn autoflush_delay(mut self, delay: Option<Duration>) -> Self {
        self.autoflush_delay = delay;
        self
    }

    /// What connections are bound by.
    #[must_use]
    pub fn options(mut self, options: ServerOptions) -> Self {
        self.options = options;
        self
    }

    /// Where clients connect; default `/ws`.
    #[must_use]
    pub fn ws_path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// How long [`Juggler::close`] waits for connections to close in an orderly way; default 100 ms.
    #[must_use]
    pub const fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// The service. To be called within a tokio runtime, on which it publishes the state's changes.
    #[must_use]
    pub fn build(self) -> Juggler {
        let capacity = self.options.send_queue_size.max(1);
        let service = Service {
            publisher: Publisher::start(&self.state, self.autoflush_delay),
            frames: Frames::new(self.options.max_segment_size),
            notifications: broadcast::Sender::new(capacity),
            closing: watch::Sender::new(false),
            state: self.state,
            options: self.options,
            origins: self.origins,
            handler: self.handler,
            path: self.path,
            shutdown_timeout: self.shutdown_timeout,
            last_id: AtomicU64::new(0),
        };
        Juggler {
            service: Arc::new(service),
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Builder")
            .field("path", &self.path)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Why connections are closed when the service is.
const CLOSING: Reason = Reason::GOING_AWAY;
