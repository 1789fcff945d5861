//! [`Builder`]: makes a [`Juggler`].

use std::{
    fmt,
    future::Future,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use mirrorball_protocol::{
    json::Value,
    juggler::{
        Flush,
        budget::{Budget, RequestBudget},
        server::ServerOptions,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::watch;

use super::{
    Connection, Greet, Juggler, PATH, RequestError, Service, casts::Casts, frames::Frames,
    handlers::Handlers, history::History, once::Once, publisher::Publisher,
};
use crate::{State, closing::Closing, origin::Origins, socket::Limits};

/// Makes a [`Juggler`].
pub struct Builder {
    state: Option<State>,
    options: ServerOptions,
    origins: Origins,
    greet: Option<Greet>,
    handlers: Handlers,
    autoflush_delay: Option<Duration>,
    path: String,
    drain: Duration,
    drain_step: Duration,
    shutdown_timeout: Duration,
    max_message_bytes: usize,
    reassembly_total_bytes: usize,
    pending_total: RequestBudget,
    compress_from: Option<usize>,
    history: usize,
    history_bytes: usize,
    dedupe_ttl: Duration,
    dedupe_max: usize,
    dedupe_bytes: usize,
}

impl Builder {
    pub(super) fn new(state: Option<State>) -> Self {
        Self {
            state,
            options: ServerOptions::default(),
            origins: Origins::default(),
            greet: None,
            handlers: Handlers::default(),
            autoflush_delay: Some(Flush::DELAY),
            path: PATH.to_owned(),
            drain: Duration::from_secs(10),
            drain_step: Duration::from_millis(1),
            shutdown_timeout: Duration::from_millis(100),
            max_message_bytes: 1 << 20,
            reassembly_total_bytes: 256 << 20,
            pending_total: RequestBudget::new(10_000, 256 << 20, 4_000_000),
            compress_from: Some(4 << 10),
            history: 1_024,
            history_bytes: 4 << 20,
            dedupe_ttl: Duration::from_secs(60),
            dedupe_max: 10_000,
            dedupe_bytes: 16 << 20,
        }
    }

    /// Is told of each new connection. Where connections have states of their own, this fills them.
    ///
    /// What it returns runs beside everything else the connection does, and is dropped with the connection.
    #[must_use]
    pub fn on_connection<H, O>(mut self, handler: H) -> Self
    where
        H: Fn(Connection) -> O + Send + Sync + 'static,
        O: Future<Output = ()> + Send + 'static,
    {
        self.greet = Some(Box::new(move |connection| Box::pin(handler(connection))));
        self
    }

    /// Handles the requests of one name: `handler` is given the connection and the data, as a type of its own.
    ///
    /// Data that is none of that type fails the request, with the code `unsuitable-data`. The empty name is
    /// the protocol's: such requests are echoed. Else as [`on_request`](Self::on_request), which gets
    /// whatever has no handler of its own.
    #[must_use]
    pub fn request<H, T, O, R, E>(mut self, name: impl Into<String>, handler: H) -> Self
    where
        H: Fn(Connection, T) -> O + Send + Sync + 'static,
        T: DeserializeOwned + 'static,
        O: Future<Output = Result<R, E>> + Send + 'static,
        R: Serialize + 'static,
        E: Into<RequestError> + 'static,
    {
        self.handlers.add(name.into(), handler);
        self
    }

    /// Handles requests: `handler` is given the connection, the request's name and its data. Without one,
    /// each request fails that has no handler of its own.
    ///
    /// A handler runs on the connection's task until it first waits for something, and then on one of its own:
    /// what keeps a processor busy for long belongs into `tokio::task::spawn_blocking`.
    ///
    /// A handler that panics fails its request, without telling the client why. It is dropped where the
    /// connection ends before it does; what has to be finished all the same belongs on a task of its own.
    #[must_use]
    pub fn on_request<H, O>(mut self, handler: H) -> Self
    where
        H: Fn(Connection, String, Value) -> O + Send + Sync + 'static,
        O: Future<Output = Result<Value, RequestError>> + Send + 'static,
    {
        self.handlers.set_other(handler);
        self
    }

    /// Which pages may connect; by default those of the server's own site.
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// How long changes are gathered before they are sent as one diff; default 200 ms. With zero each change
    /// is a diff of its own, but for a client that is too slow for that, and for what a handler changes at once;
    /// with `None` only
    /// [`Connection::flush`] and [`Juggler::flush`] send, and answers: what a handler changed goes before
    /// its answer.
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

    /// Bytes of one WebSocket message from a client, compressed and inflated; default 1 MiB. A client that
    /// sends more is disconnected (1009). Not less than 196,609, where pages use `@hat-open/juggler`: that
    /// is its largest segment.
    #[must_use]
    pub const fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// Bytes that messages may hold which have not come whole, those of all clients together; default
    /// 256 MiB. A client that would pass it is disconnected (1009).
    #[must_use]
    pub const fn reassembly_total_bytes(mut self, bytes: usize) -> Self {
        self.reassembly_total_bytes = bytes;
        self
    }

    /// What requests may be that are handled or wait, those of all clients together: how many, how many bytes their
    /// texts may have, and how many values their data; default 10,000, 256 MiB and 4,000,000. One more is refused at
    /// once, as one is that passes what [`ServerOptions`] allow for one connection.
    #[must_use]
    pub const fn pending_total(mut self, requests: usize, bytes: usize, values: usize) -> Self {
        self.pending_total = RequestBudget::new(requests, bytes, values);
        self
    }

    /// Segments of as many bytes are compressed, where the client can (permessage-deflate without context:
    /// once for all clients that get them); default 4 KiB. `None` compresses nothing.
    #[must_use]
    pub const fn compression(mut self, from: Option<usize>) -> Self {
        self.compress_from = from;
        self
    }

    /// States that are remembered for clients that come back, which are then sent what changed since and not the
    /// whole state; default 1,024. With 0 none are, and clients are not told which state they hold. States of
    /// connections' own are not remembered.
    #[must_use]
    pub const fn history(mut self, states: usize) -> Self {
        self.history = states;
        self
    }

    /// Bytes of diffs that lie between the states that are remembered; default 4 MiB.
    #[must_use]
    pub const fn history_bytes(mut self, bytes: usize) -> Self {
        self.history_bytes = bytes;
        self
    }

    /// How long the answer to a request that has a key is remembered, so that it is carried out once though it comes
    /// again; default 60 s.
    #[must_use]
    pub const fn dedupe_ttl(mut self, ttl: Duration) -> Self {
        self.dedupe_ttl = ttl;
        self
    }

    /// How many such requests are remembered, and how many bytes their answers may have together; default 10,000 and
    /// 16 MiB. Where there are as many one more is refused: nothing is forgotten before its time.
    #[must_use]
    pub const fn dedupe_max(mut self, requests: usize, bytes: usize) -> Self {
        self.dedupe_max = requests;
        self.dedupe_bytes = bytes;
        self
    }

    /// Where clients connect; default `/ws`.
    #[must_use]
    pub fn ws_path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Over how long clients are told to come back when the service closes, one after another and evenly; default
    /// 10 s. Each comes back when it is told, so they do not come as one wave to the server that is there next. Few take
    /// less time: see [`drain_step`](Self::drain_step). With zero all are told at once.
    #[must_use]
    pub const fn drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// What lies at most between two clients of a [`drain`](Self::drain); default 1 ms: a hundred are told within
    /// 0.1 s, and only from 10,000 on does it take 10 s.
    #[must_use]
    pub const fn drain_step(mut self, step: Duration) -> Self {
        self.drain_step = step;
        self
    }

    /// How long [`Juggler::close`] waits, once all clients have been told to go, for their requests to be answered
    /// and for them to be gone; default 100 ms.
    #[must_use]
    pub const fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// The service. To be called within a tokio runtime, on which it publishes the state's changes.
    #[must_use]
    pub fn build(self) -> Juggler {
        let casts = Arc::new(Casts::new(self.options.send_queue_size));
        let flushes = watch::Sender::new(());
        let publisher = self.state.as_ref().map(|state| {
            let (asked, casts) = (flushes.subscribe(), Arc::clone(&casts));
            Publisher::start(state, self.autoflush_delay, asked, casts)
        });
        let service = Service {
            publisher,
            flushes,
            frames: Frames::new(
                self.options.max_segment_size,
                History::new(History::new_epoch(), self.history, self.history_bytes),
            ),
            once: Arc::new(Once::new(
                self.dedupe_ttl,
                self.dedupe_max,
                self.dedupe_bytes,
            )),
            is_counting: self.history > 0 && self.state.is_some(),
            casts,
            closing: Closing::new(self.drain, self.drain_step),
            state: self.state,
            autoflush_delay: self.autoflush_delay,
            options: self.options,
            sockets: Limits {
                max_message_bytes: self.max_message_bytes,
                budget: Arc::new(Budget::new(self.reassembly_total_bytes)),
                compress_from: self.compress_from,
            },
            requests: Arc::new(self.pending_total),
            origins: self.origins,
            greet: self.greet,
            handlers: self.handlers,
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
