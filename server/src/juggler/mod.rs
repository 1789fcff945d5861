//! Juggler over axum: a service that mirrors a [`State`] to every client, answers requests and notifies.

mod builder;
mod casts;
mod connection;
mod frames;
mod handlers;
mod history;
mod once;
mod publisher;
mod session;

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
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use mirrorball_protocol::{
    json::Value,
    juggler::{
        budget::RequestBudget,
        message::notification,
        server::{Level, ServerOptions},
    },
};
use tokio::sync::watch;

pub use crate::RequestError;
pub use builder::Builder;
pub use connection::{Connection, Disconnected};

use self::{
    casts::{Casts, News},
    connection::Who,
    frames::Frames,
    handlers::Handlers,
    once::Once,
    publisher::Publisher,
};
use crate::{
    State,
    auth::Principal,
    closing::Closing,
    origin::Origins,
    proxies::Remote,
    socket::{Limits, accept},
    state::Snapshot,
};

/// Where clients connect by default.
const PATH: &str = "/ws";

type Greet = Box<dyn Fn(Connection) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A Juggler service: mirrored state, and the connections that mirror it.
///
/// A handle is one pointer. Make an axum `Router` of it with [`into_router`](Self::into_router):
///
/// ```
/// use mirrorball_server::{Juggler, RequestError, State, Value};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let state = State::default();
/// let juggler = Juggler::builder(state.clone())
///     .request("open", |connection, door: u32| async move {
///         connection.state().set(&format!("/doors/{door}"), "open")?;
///         Ok::<_, RequestError>(door)
///     })
///     .on_request(|_connection, name, _data| async move {
///         Err(RequestError::unknown(&name))
///     })
///     .build();
/// let app: axum::Router = axum::Router::new().merge(juggler.clone().into_router());
/// juggler.notify("alarm", &Value::from("a door is open"));
/// # let _ = app;
/// # juggler.close().await;
/// # }
/// ```
///
/// Without a state each connection has one of its own, which begins as `null`:
///
/// ```
/// # use mirrorball_server::Juggler;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let juggler = Juggler::builder(None)
///     .on_connection(|connection| async move {
///         let greeting = format!("you are number {}", connection.id());
///         let set = connection.state().set("/greeting", greeting);
///         set.expect("`/greeting` is a place in an object");
///     })
///     .build();
/// # juggler.close().await;
/// # }
/// ```
#[derive(Clone)]
pub struct Juggler {
    service: Arc<Service>,
}

pub(crate) struct Service {
    /// The state that all connections share; without one each has its own.
    state: Option<State>,
    autoflush_delay: Option<Duration>,
    options: ServerOptions,
    sockets: Limits,
    requests: Arc<RequestBudget>,
    origins: Origins,
    greet: Option<Greet>,
    handlers: Handlers,
    publisher: Option<Publisher>,
    flushes: watch::Sender<()>,
    frames: Frames,
    once: Arc<Once>,
    /// Whether clients are told which state they hold.
    is_counting: bool,
    casts: Arc<Casts>,
    closing: Closing,
    path: String,
    shutdown_timeout: Duration,
    last_id: AtomicU64,
}

impl Juggler {
    /// A service that mirrors `state` to every client, or, with `None`, to each client a state of its own.
    #[must_use]
    pub fn builder(state: impl Into<Option<State>>) -> Builder {
        Builder::new(state.into())
    }

    /// Where clients connect.
    #[must_use]
    pub fn ws_path(&self) -> &str {
        &self.service.path
    }

    /// The state that all connections mirror; `None` where each has its own.
    #[must_use]
    pub fn state(&self) -> Option<&State> {
        self.service.state.as_ref()
    }

    /// How many clients are connected.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.service.closing.connections()
    }

    /// Sends a notification to every client that is connected now.
    ///
    /// A client that takes its messages so slowly that it would miss one is disconnected (4008): it comes
    /// back and knows that there is a gap.
    pub fn notify(&self, name: &str, data: &Value) {
        let message = notification(name, data).seal(self.service.options.max_segment_size);
        self.service.casts.tell(News::Note(message));
    }

    /// Sends what changed to every client at once, without waiting for the flush delay, and does not wait for
    /// the clients either: the slowest would have everybody wait. To wait for one, [`Connection::flush`].
    pub fn flush(&self) {
        self.service.flushes.send_replace(());
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
            get(async move |request: Request| self.clone().accept(request)),
        )
    }

    /// Closes the service, and waits for its clients to be gone.
    ///
    /// From here on no client is taken any more (503). Those that are connected go one after another, over the
    /// [drain](Builder::drain), so that they do not all come back at once: each is served until its turn, then its
    /// requests that came are answered, and then it is told that the service restarts (1012). Clients that are
    /// still there the [shutdown timeout](Builder::shutdown_timeout) after the last turn are told at once, and not
    /// waited for.
    ///
    /// To be called again by whoever else wants to wait. For whoever does not, there is
    /// [`close_now`](Self::close_now).
    pub async fn close(&self) {
        let drain = self.begin_closing();
        if !self.is_gone_within(drain).await {
            tracing::debug!(
                connections = self.connections(),
                "connections did not close in time"
            );
            self.hasten_closing();
        }
    }

    /// Closes the service at once, also where [`close`](Self::close) has begun to: tells every client that the
    /// service restarts (1012), without its turn and without the answers to its requests, and waits for them to be
    /// gone, at most the [shutdown timeout](Builder::shutdown_timeout).
    pub async fn close_now(&self) {
        self.hasten_closing();
        self.is_gone_within(Duration::ZERO).await;
    }

    /// Has clients go in turn, and returns how long it is to the last turn.
    pub(crate) fn begin_closing(&self) -> Duration {
        let drain = self.service.closing.begin();
        self.service.casts.tell(News::Closing);
        drain
    }

    /// Has clients go at once.
    pub(crate) fn hasten_closing(&self) {
        self.service.closing.hasten();
        self.service.casts.tell(News::Closing);
    }

    /// Waits for clients to be gone, at most for the shutdown timeout after the drain.
    async fn is_gone_within(&self, drain: Duration) -> bool {
        let patience = drain.saturating_add(self.service.shutdown_timeout);
        let gone = tokio::time::timeout(patience, self.service.closing.finished());
        gone.await.is_ok()
    }

    fn accept(self, request: Request) -> Response {
        let (mut parts, _) = request.into_parts();
        if self.service.closing.is_begun() {
            let headers = [(header::RETRY_AFTER, "1")];
            let text = "this server is closing; connect again\n";
            return (StatusCode::SERVICE_UNAVAILABLE, headers, text).into_response();
        }
        if let Err(refusal) = self.service.origins.check_request(&parts) {
            tracing::warn!(origin = ?parts.headers.get("origin"), "a foreign page tried to connect");
            return refusal.into_response();
        }
        let who = Who {
            remote: Remote::of_request(&parts.extensions),
            principal: parts.extensions.get::<Principal>().cloned(),
        };
        let service = self.service;
        let resumed = service.recall(parts.uri.query());
        let limits = service.sockets.clone();
        accept(&mut parts, &limits, move |socket| {
            session::serve(service, socket, who, resumed)
        })
    }
}

impl Service {
    fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The state that a client which came back says it holds, in the query of its address.
    fn recall(&self, query: Option<&str>) -> Option<Level> {
        let mut pairs = query?.split('&');
        let mark = pairs.find_map(|pair| pair.strip_prefix("resume="))?;
        self.frames.recall(mark)
    }

    /// A state as connections are given it. It is counted where it is remembered.
    fn level(&self, snapshot: Snapshot) -> Level {
        Level {
            version: Some(snapshot.version).filter(|_| self.is_counting),
            value: snapshot.value,
        }
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
