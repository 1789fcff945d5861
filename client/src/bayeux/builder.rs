//! [`Builder`]: how a client behaves.

use std::{collections::BTreeSet, error, future::Future, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue};
use mirrorball_protocol::{
    bayeux::{
        self,
        client::{ClientOptions, ConnectionType, Replay},
    },
    json::{Limits, Value},
};
use tokio::sync::{Notify, mpsc, watch};

use super::{
    Client, Error, Shared,
    extension::{AuthExtension, Codec, Extension},
    hooks::Hooks,
    inbox::Inbox,
    requests::Counter,
    shell::{Progress, Shell},
    transport::{Carrier, Transport},
    view::{ServerTime, Status, View},
};
use crate::{
    Address, AddressError, ConnectionError, Credentials, Tls,
    driver::{Clock, drive},
    hub::Hub,
    lines::{Lines, Route},
    seed::seed,
    socket::Connector,
    tls::TlsSetup,
};

/// Where servers of Bayeux are, where an address does not say.
const PATH: &str = "/cometd";
/// Bytes of a payload from the server, by default.
const MAX_PAYLOAD: usize = 64 << 20;
/// Messages that wait for one taker before the server is to send no more, by default.
const MAX_PENDING_COUNT: usize = 100;
/// Messages that wait for one taker at most, by default.
const MAX_QUEUE: usize = 10_000;
/// Events that wait for one listener, by default.
const EVENT_QUEUE: usize = 1_000;
/// Requests that wait to be sent, by default.
const SEND_QUEUE_SIZE: usize = 1_024;
/// Requests on their way to the task that sends them.
const HANDOVER: usize = 16;
/// Requests of HTTP at a time, by default.
const MAX_CONNECTIONS: usize = 2;

/// How a client behaves. Begin with [`Client::builder`], end with [`open`](Self::open) or [`build`](Self::build).
#[derive(Debug)]
#[must_use = "a builder does nothing until it opens or builds"]
pub struct Builder {
    address: Result<Address, AddressError>,
    addresses: Vec<(ConnectionType, Result<Address, AddressError>)>,
    connection_types: Option<Vec<ConnectionType>>,
    transports: Transports,
    credentials: Option<Credentials>,
    tls: Tls,
    hooks: Hooks,
    protocol: Option<String>,
    options: ClientOptions,
    open_attempts: Option<u32>,
    connection_timeout: Option<Duration>,
    max_pending_count: usize,
    max_queue: usize,
    event_queue: usize,
    send_queue_size: usize,
    max_payload: usize,
    max_connections: usize,
    says_kind: bool,
}

/// The application's own.
#[derive(Default)]
struct Transports(Vec<Arc<dyn Carrier>>);

impl std::fmt::Debug for Transports {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list()
            .entries(self.0.iter().map(|it| it.name()))
            .finish()
    }
}

impl Builder {
    pub(super) fn new<A>(address: A) -> Self
    where
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
    {
        Self {
            address: address.try_into().map_err(Into::into),
            addresses: Vec::new(),
            connection_types: None,
            transports: Transports::default(),
            credentials: None,
            tls: Tls::default(),
            hooks: Hooks::default(),
            protocol: None,
            options: ClientOptions::default(),
            open_attempts: Some(1),
            connection_timeout: Some(Duration::from_secs(10)),
            max_pending_count: MAX_PENDING_COUNT,
            max_queue: MAX_QUEUE,
            event_queue: EVENT_QUEUE,
            send_queue_size: SEND_QUEUE_SIZE,
            max_payload: MAX_PAYLOAD,
            max_connections: MAX_CONNECTIONS,
            says_kind: true,
        }
    }

    /// How the client may speak with the server, the preferred way first. Default: the transports that were
    /// [registered](Self::transport), then [`ConnectionType::WebSocket`], then [`ConnectionType::LongPolling`].
    pub fn connection_types(mut self, types: impl IntoIterator<Item = ConnectionType>) -> Self {
        self.connection_types = Some(types.into_iter().collect());
        self
    }

    /// For this connection type the server is at another address.
    pub fn address_of<A>(mut self, connection_type: ConnectionType, address: A) -> Self
    where
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
    {
        let address = address.try_into().map_err(Into::into);
        self.addresses.push((connection_type, address));
        self
    }

    /// Registers a transport of the application's own, for the connection type that it names.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transports.0.push(Arc::new(transport));
        self
    }

    /// How long the connection may be lost before [`Client::receive`] says so; `None` for ever. Default 10 s.
    pub const fn connection_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.connection_timeout = timeout;
        self
    }

    /// Who the client is, by HTTP Basic authentication. An address that names a user prevails.
    ///
    /// Without TLS, whoever is on the way can read them.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Whom the client trusts, and what it shows. Default: whom the system trusts, and nothing.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Messages that wait for one taker, a [`Subscription`](super::Subscription) or [`Client::receive`], with which the
    /// connection is suspended: no `/meta/connect` is sent until half of them were taken. The session ends if that lasts. Replies
    /// come all the same, and so may messages: see [`max_queue`](Self::max_queue). Default 100; 0 for never.
    pub const fn max_pending_count(mut self, messages: usize) -> Self {
        self.max_pending_count = messages;
        self
    }

    /// Messages that wait for one taker at most; what does not fit is dropped, and told as [`Error::Missed`]. Default 10,000.
    pub const fn max_queue(mut self, messages: usize) -> Self {
        self.max_queue = messages;
        self
    }

    /// Adds an extension, behind those that there are.
    pub fn extension(mut self, extension: impl Extension) -> Self {
        self.hooks.extensions.push(Box::new(extension));
        self
    }

    /// The extension that says who the client is, between the others and the network.
    pub fn auth(mut self, auth: impl AuthExtension) -> Self {
        self.hooks.auth = Some(Arc::new(auth));
        self.options.authenticates = true;
        self
    }

    /// How long [`AuthExtension::authenticate`] may take; default 30 s.
    pub const fn authentication_timeout(mut self, timeout: Duration) -> Self {
        self.options.authentication_timeout = timeout;
        self
    }

    /// Writes and reads JSON in a way of the application's own.
    pub fn codec(mut self, codec: impl Codec) -> Self {
        self.hooks.codec = Some(Box::new(codec));
        self
    }

    /// The headers of each request of HTTP, and of each WebSocket as it opens: called for each, so that a token can be renewed.
    /// Where it fails, the connection is lost.
    pub fn headers<F, Fut, E>(mut self, headers: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<HeaderMap, E>> + Send + 'static,
        E: Into<Box<dyn error::Error + Send + Sync>>,
    {
        self.hooks.headers = Some(Box::new(move || {
            let headers = headers();
            Box::pin(async move { headers.await.map_err(Into::into) })
        }));
        self
    }

    /// What handshakes say in their `ext`, an object: credentials, mostly. Default nothing.
    pub fn handshake_ext(mut self, ext: impl Into<Value>) -> Self {
        self.options.handshake_ext = Some(ext.into().to_text());
        self
    }

    /// The subprotocol that a WebSocket has to speak. Default none.
    pub fn protocol(mut self, protocol: impl Into<String>) -> Self {
        self.protocol = Some(protocol.into());
        self
    }

    /// Whether the server is asked to send messages again until they are acknowledged; default no.
    pub const fn ack(mut self, ack: bool) -> Self {
        self.options.ack = ack;
        self
    }

    /// Whether to find out what the server's clock shows; default no.
    pub const fn timesync(mut self, timesync: bool) -> Self {
        self.options.timesync = timesync;
        self
    }

    /// Whether messages say when they were sent; default no.
    pub const fn timestamp(mut self, timestamp: bool) -> Self {
        self.options.timestamp = timestamp;
        self
    }

    /// Whether subscriptions go on after the last message that was seen, where they are made again; default no.
    pub const fn replay(mut self, replay: Replay) -> Self {
        self.options.replay = Some(replay);
        self
    }

    /// Whether a connection type that worked is kept when the connection is lost; otherwise the preferred one is tried again.
    /// Default yes.
    pub const fn sticky(mut self, sticky: bool) -> Self {
        self.options.sticky = sticky;
        self
    }

    /// How often [`open`](Self::open) tries all connection types before it fails; `None` for ever. Default once.
    pub const fn open_attempts(mut self, attempts: Option<u32>) -> Self {
        self.open_attempts = attempts;
        self
    }

    /// How long a WebSocket may take to open, name resolution and TLS included; default 10 s.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.connect_timeout = timeout;
        self
    }

    /// How long a reply may take before the connection is lost, and that to a `/meta/connect` beyond the time for which the
    /// server holds it; default 10 s.
    pub const fn max_network_delay(mut self, delay: Duration) -> Self {
        self.options.max_network_delay = delay;
        self
    }

    /// How long [`Client::close`] waits for the server's reply; default 5 s.
    pub const fn disconnect_timeout(mut self, timeout: Duration) -> Self {
        self.options.disconnect_timeout = timeout;
        self
    }

    /// How long a request may take where it does not say otherwise, waiting to be sent included; `None` for ever. Default 30 s.
    pub const fn request_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.options.request_timeout = timeout;
        self
    }

    /// The shortest and the longest wait before a new attempt; default 250 ms and 30 s. Waits are random, and longer the more
    /// attempts failed, so that clients cut off together do not come back together.
    pub const fn retry_delay(mut self, min: Duration, max: Duration) -> Self {
        self.options.min_retry_delay = min;
        self.options.max_retry_delay = max;
        self
    }

    /// Requests of HTTP at a time, with the one that the server holds; default 2, at least 2. Where there are more than two,
    /// requests may overtake each other.
    pub const fn max_connections(mut self, requests: usize) -> Self {
        self.max_connections = requests;
        self.options.auto_batch = requests <= MAX_CONNECTIONS;
        self
    }

    /// Whether the path of a request of HTTP says what it is about (`/handshake`, `/connect`, `/disconnect`, otherwise `/`),
    /// where the address has no query and does not end in a file's name; default yes.
    pub const fn append_message_type(mut self, append: bool) -> Self {
        self.says_kind = append;
        self
    }

    /// Requests that wait to be sent; where there are more, requests wait to be taken. Default 1,024.
    pub fn send_queue_size(mut self, requests: usize) -> Self {
        self.send_queue_size = requests.max(1);
        self
    }

    /// Requests without an end; one more fails. Default 1,024.
    pub const fn max_pending(mut self, requests: usize) -> Self {
        self.options.max_pending = requests;
        self
    }

    /// Subscriptions; one more fails. Default 1,024.
    pub const fn max_subscriptions(mut self, subscriptions: usize) -> Self {
        self.options.max_subscriptions = subscriptions;
        self
    }

    /// Bytes of one request, its channel and data; a larger one fails. Default 1 MiB.
    pub const fn max_message_size(mut self, bytes: usize) -> Self {
        self.options.max_message_size = bytes;
        self
    }

    /// Bytes of a payload from the server: a WebSocket's message, or the body of a response. Default 64 MiB.
    pub const fn max_payload_size(mut self, bytes: usize) -> Self {
        self.max_payload = bytes;
        self
    }

    /// How large a payload's JSON may be; default 64 MiB in 1,000,000 values, 100 levels deep.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// Events that wait for one listener, at least 2; what does not fit is dropped, and told. Default 1,000.
    pub const fn event_queue(mut self, events: usize) -> Self {
        self.event_queue = events;
        self
    }

    /// Makes the client, and opens it.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build) and [`Client::open`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn open(self) -> Result<Client, Error> {
        let client = self.build()?;
        client.open().await?;
        Ok(client)
    }

    /// Makes the client, closed. Nothing happens until [`Client::open`].
    ///
    /// # Errors
    ///
    /// Where an address is none; [`Error::NoTransport`] where nobody registered a transport for a connection type.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn build(mut self) -> Result<Client, Error> {
        let routes = self.routes()?;
        let protocol = self
            .protocol
            .as_deref()
            .map(HeaderValue::from_str)
            .transpose();
        let protocol = protocol.map_err(|_| {
            ConnectionError::Application(
                "the subprotocol is none that a header can name".to_owned(),
            )
        })?;
        let mut options = self.options;
        options.connection_types = routes.iter().map(|it| it.connection_type.clone()).collect();
        options.first_attempts = self.open_attempts;
        options.seed = seed();
        let request_timeout = options.request_timeout;
        self.hooks.limits = options.limits.clone();
        let auth = self.hooks.auth.clone();
        let lines = Lines {
            connector: Arc::new(Connector {
                credentials: self.credentials,
                tls: TlsSetup::new(self.tls),
                max_message: self.max_payload,
            }),
            hooks: Arc::new(self.hooks),
            protocol,
            max_connections: self.max_connections,
            says_kind: self.says_kind,
        };
        let clock = Clock::new();
        let (asks, asked) = mpsc::channel(HANDOVER);
        let (controls, controlled) = mpsc::channel(HANDOVER);
        let (views, viewed) = watch::channel(View {
            status: Status::new(),
            is_open: false,
            connection_type: None,
            client_id: None,
            subscriptions: Arc::new(BTreeSet::new()),
            time: ServerTime::default(),
            end: None,
        });
        let hub = Arc::new(Hub::new(self.event_queue));
        let inbox = Arc::new(Inbox::new(self.max_pending_count, self.max_queue));
        let abandoned = Arc::new(Notify::new());
        let shell = Shell {
            asks: asked,
            controls: controlled,
            abandoned: Arc::clone(&abandoned),
            views,
            hub: Arc::clone(&hub),
            inbox: Arc::clone(&inbox),
            routes,
            auth,
            request_timeout,
            send_queue_size: self.send_queue_size,
            clock,
            state: Progress::default(),
        };
        tokio::spawn(drive(bayeux::Client::new(options), shell, lines, clock));
        let shared = Shared {
            counter: Counter {
                asks,
                abandoned,
                timeout: request_timeout,
            },
            controls,
            views: viewed,
            hub,
            inbox,
            connection_timeout: self.connection_timeout,
        };
        Ok(Client {
            shared: Arc::new(shared),
        })
    }

    /// The ways to the server.
    fn routes(&self) -> Result<Vec<Route>, Error> {
        let carriers = &self.transports.0;
        let types = self.connection_types.clone().unwrap_or_else(|| {
            let own = carriers
                .iter()
                .map(|it| ConnectionType::Other(it.name().into()));
            own.chain(ClientOptions::default().connection_types)
                .collect()
        });
        let route = |connection_type: ConnectionType| {
            let own = self
                .addresses
                .iter()
                .rev()
                .find(|(it, _)| *it == connection_type);
            let address = own.map_or(&self.address, |(_, address)| address);
            let carrier = match &connection_type {
                ConnectionType::Other(name) => {
                    let carrier = carriers.iter().rev().find(|it| it.name() == &**name);
                    let missing = || Error::NoTransport(name.to_string());
                    Some(Arc::clone(carrier.ok_or_else(missing)?))
                }
                _ => None,
            };
            Ok(Route {
                connection_type,
                address: address.clone()?.or_path(PATH),
                carrier,
            })
        };
        types.into_iter().map(route).collect()
    }
}
