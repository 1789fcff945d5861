//! [`Builder`]: how a client behaves.

use std::{collections::HashMap, sync::Arc, time::Duration};

use mirrorball_protocol::{
    json::{Limits, Value},
    juggler::{self, client::ClientOptions},
};
use tokio::sync::{Notify, mpsc, watch};

use super::{
    Client, ConnectionState, Notification, Notifications, Shared, Status,
    shell::{Shell, Wishes},
    view::View,
};
use crate::{
    Address, AddressError, ConnectionError, Credentials, Tls,
    driver::{Clock, drive},
    hub::Hub,
    seed::seed,
    socket::Connector,
    tls::TlsSetup,
};

/// Messages that wait to be sent, by default.
const SEND_QUEUE_SIZE: usize = 1_024;
/// Requests on their way to the task that sends them.
const HANDOVER: usize = 16;
/// Notifications that wait for one listener, by default.
const NOTIFICATION_QUEUE: usize = 10_000;
/// Bytes of a WebSocket message around those of a segment's payload.
const HEADER: usize = 1;

/// How a client behaves. Begin with [`Client::builder`], end with [`connect`](Self::connect) or
/// [`start`](Self::start).
#[derive(Debug)]
#[must_use = "a builder does nothing until it connects or starts"]
pub struct Builder {
    addresses: Result<Vec<Address>, AddressError>,
    credentials: Option<Credentials>,
    tls: Tls,
    options: ClientOptions,
    send_queue_size: usize,
    hub: Hub<Notification>,
}

impl Builder {
    pub(super) fn new<A>(address: A) -> Self
    where
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
    {
        let builder = Self {
            addresses: Ok(Vec::new()),
            credentials: None,
            tls: Tls::default(),
            options: ClientOptions::default(),
            send_queue_size: SEND_QUEUE_SIZE,
            hub: Hub::new(NOTIFICATION_QUEUE),
        };
        builder.address(address)
    }

    /// The server is at this address, too: they are tried in turn.
    pub fn address<A>(mut self, address: A) -> Self
    where
        A: TryInto<Address>,
        A::Error: Into<AddressError>,
    {
        let address = address.try_into().map_err(Into::into);
        self.addresses = self.addresses.and_then(|mut addresses| {
            addresses.push(address?);
            Ok(addresses)
        });
        self
    }

    /// Who the client is, by HTTP Basic authentication. An address that names a user prevails.
    ///
    /// Without TLS, whoever is on the way can read them.
    pub fn auth(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// Whom the client trusts, and what it shows. Default: whom the system trusts, and nothing.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Whether a connection that is lost is made again; default yes. Otherwise the client is then
    /// [`Failed`](ConnectionState::Failed).
    pub const fn reconnect(mut self, reconnect: bool) -> Self {
        self.options.reconnect = reconnect;
        self
    }

    /// Requests that wait to be sent; where there are more, [`Client::request`] waits. Default 1,024.
    pub fn send_queue_size(mut self, requests: usize) -> Self {
        self.send_queue_size = requests.max(1);
        self
    }

    /// Bytes of UTF-8 in a segment's payload; default 65,536.
    pub const fn max_segment_size(mut self, bytes: usize) -> Self {
        self.options.max_segment_size = bytes;
        self
    }

    /// How long nothing may come before a ping is sent; `None` switches the keep-alive off. Default 30 s.
    pub const fn ping_delay(mut self, delay: Option<Duration>) -> Self {
        self.options.keepalive.ping_delay = delay;
        self
    }

    /// How long nothing may come after a ping before the connection is lost; default 30 s.
    pub const fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.options.keepalive.ping_timeout = timeout;
        self
    }

    /// How long a connection may take to open, name resolution and TLS included; default 10 s.
    pub const fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.connect_timeout = timeout;
        self
    }

    /// How long a new connection may stay without a state before the server's state is taken to be `null`,
    /// for which no message is sent; default 2 s.
    pub const fn sync_timeout(mut self, timeout: Duration) -> Self {
        self.options.sync_timeout = timeout;
        self
    }

    /// How long a request may take where it does not say otherwise; `None` for ever. Default 30 s.
    pub const fn request_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.options.request_timeout = timeout;
        self
    }

    /// Requests without an answer; one more fails with [`RequestError::Limit`](super::RequestError::Limit). Default
    /// 1,024.
    pub const fn max_pending(mut self, requests: usize) -> Self {
        self.options.max_pending = requests;
        self
    }

    /// The shortest and the longest wait before a new attempt; default 250 ms and 20 s. Waits are random, and
    /// longer the more attempts failed, so that clients cut off together do not come back together.
    pub const fn retry_delay(mut self, min: Duration, max: Duration) -> Self {
        self.options.min_retry_delay = min;
        self.options.max_retry_delay = max;
        self
    }

    /// Violations of the protocol, one connection after another, after which the client gives up; default 3.
    pub const fn max_violations(mut self, violations: u32) -> Self {
        self.options.max_violations = violations;
        self
    }

    /// Bytes of a server's message, all its segments together; default 64 MiB.
    pub const fn max_message_size(mut self, bytes: usize) -> Self {
        self.options.assembly.message_bytes = bytes;
        self
    }

    /// Segments of a server's message; default 65,536.
    pub const fn max_segments(mut self, segments: usize) -> Self {
        self.options.assembly.segments = segments;
        self
    }

    /// How large the state may be; default 64 MiB in 1,000,000 values, 100 levels deep, 100,000 operations in a diff.
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.options.state = limits;
        self
    }

    /// Notifications that wait for one listener, at least 2; what does not fit is dropped and told as
    /// [`Notification::Missed`](super::Notification::Missed). Default 10,000.
    pub fn notification_queue(mut self, notifications: usize) -> Self {
        self.hub.set_capacity(notifications);
        self
    }

    /// The notifications from the very first on, in order.
    #[must_use]
    pub fn notifications(&mut self) -> Notifications {
        Notifications {
            listener: self.hub.subscribe(),
        }
    }

    /// Connects, each address tried once, and returns once the state is in step with the server's. From then on it
    /// is as if by [`start`](Self::start).
    ///
    /// For a state of `null` no message is sent: then this takes [`sync_timeout`](Self::sync_timeout).
    ///
    /// # Errors
    ///
    /// Why the last attempt failed; why it is no client at all: an address that is none.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn connect(mut self) -> Result<Client, ConnectionError> {
        let addresses = self.addresses.as_ref().map_or(1, Vec::len);
        self.options.first_attempts = Some(u32::try_from(addresses).unwrap_or(u32::MAX));
        let client = self.start()?;
        client.ready().await?;
        Ok(client)
    }

    /// Returns at once and connects in the background, for as long as it takes. Requests wait for the first connection.
    ///
    /// # Errors
    ///
    /// Where an address is none.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn start(self) -> Result<Client, AddressError> {
        let addresses: Arc<[Address]> = self.addresses?.into();
        let mut options = self.options;
        options.addresses = addresses.len();
        options.seed = seed();
        let request_timeout = options.request_timeout;
        let connector = Connector {
            credentials: self.credentials,
            tls: TlsSetup::new(self.tls),
            max_message: options.assembly.message_bytes.saturating_add(HEADER),
        };
        let clock = Clock::new();
        let machine = juggler::Client::new(options, clock.now());

        let first = Wishes {
            addresses,
            reconnects: 0,
            close: false,
        };
        let (asks, asked) = mpsc::channel(HANDOVER);
        let (wishes, wished) = watch::channel(first.clone());
        let (views, viewed) = watch::channel(View {
            state: Value::Null,
            version: 0,
            status: Status {
                state: ConnectionState::Connecting,
                retries: 0,
                next_retry: None,
                ever_connected: false,
                last_error: None,
            },
        });
        let hub = Arc::new(self.hub);
        let abandoned = Arc::new(Notify::new());
        let shell = Shell {
            asks: asked,
            wishes: wished,
            granted: first,
            abandoned: Arc::clone(&abandoned),
            views,
            hub: Arc::clone(&hub),
            waiting: HashMap::new(),
            send_queue_size: self.send_queue_size,
            clock,
            noted: None,
        };
        tokio::spawn(drive(machine, shell, connector, clock));
        let shared = Shared {
            asks,
            wishes,
            views: viewed,
            hub,
            abandoned,
            request_timeout,
        };
        Ok(Client {
            shared: Arc::new(shared),
        })
    }
}
