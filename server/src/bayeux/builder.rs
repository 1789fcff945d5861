//! [`Builder`]: makes a [`Bayeux`].

use std::{fmt, future::Future, sync::Arc, time::Duration};

use axum::http::StatusCode;
use mirrorball_protocol::{
    bayeux::{
        Pattern,
        broker::{BrokerOptions, ChannelOptions, Transport},
    },
    json::{Limits, Value},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Semaphore;

use super::{
    Authorization, Bayeux, BrowserCookie, Call, Denial, Operation, Request, Service, Welcome,
    authorizers::Authorizers,
    cors::Cors,
    hub::{Hub, start_timer},
    listeners::Listeners,
    options::{Options, connection_type},
    policy::{Policy, ask},
    services::{Kind, Services},
};
use crate::{RequestError, closing::Closing, origin::Origins, socket};

/// Makes a [`Bayeux`].
pub struct Builder {
    broker: BrokerOptions,
    options: Options,
    channels: Vec<(Pattern, ChannelOptions)>,
    origins: Origins,
    cors_headers: Vec<String>,
    policy: Policy,
    authorizers: Authorizers,
    listeners: Listeners,
    services: Services,
    max_calls: usize,
    events: usize,
    drain: Duration,
    drain_step: Duration,
    reassembly_total_bytes: usize,
    compress_from: Option<usize>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            broker: BrokerOptions::default(),
            options: Options::default(),
            channels: Vec::new(),
            origins: Origins::default(),
            cors_headers: Vec::new(),
            policy: Policy::default(),
            authorizers: Authorizers::default(),
            listeners: Listeners::default(),
            services: Services::default(),
            max_calls: 1_024,
            events: 1_024,
            drain: Duration::from_secs(10),
            drain_step: Duration::from_millis(1),
            reassembly_total_bytes: 256 << 20,
            compress_from: Some(4 << 10),
        }
    }
}

/// Who may do what. Each of these is asked while nothing waits for the answer but the message itself and those that
/// came behind it, for at most the [handler timeout](Builder::handler_timeout). One that panics, or takes longer,
/// denies, and the client is not told why.
impl Builder {
    /// Decides who gets a session; by default everybody does. Credentials are in [`Request::ext`], or came with the
    /// HTTP request: [`Request::context`]. What it returns may be `Ok(())`.
    #[must_use]
    pub fn on_handshake<H, O, W>(mut self, policy: H) -> Self
    where
        H: Fn(Request) -> O + Send + Sync + 'static,
        O: Future<Output = Result<W, Denial>> + Send + 'static,
        W: Into<Welcome> + 'static,
    {
        self.policy.handshake = Some(ask(policy));
        self
    }

    /// Decides who may subscribe or publish to a channel that does not exist yet; by default everybody may. Channels
    /// exist while somebody is subscribed to them, or something is [configured](Self::channel) there.
    #[must_use]
    pub fn on_create<H, O>(mut self, policy: H) -> Self
    where
        H: Fn(Request) -> O + Send + Sync + 'static,
        O: Future<Output = Result<(), Denial>> + Send + 'static,
    {
        self.policy.create = Some(ask(policy));
        self
    }

    /// Decides who may subscribe to what. By default everybody may subscribe to everything but `/**`: whoever hears
    /// all channels hears those that are meant for few.
    #[must_use]
    pub fn on_subscribe<H, O>(mut self, policy: H) -> Self
    where
        H: Fn(Request) -> O + Send + Sync + 'static,
        O: Future<Output = Result<(), Denial>> + Send + 'static,
    {
        self.policy.subscribe = Some(ask(policy));
        self
    }

    /// Decides who may publish where, service channels included. By default everybody may who has a session.
    #[must_use]
    pub fn on_publish<H, O>(mut self, policy: H) -> Self
    where
        H: Fn(Request) -> O + Send + Sync + 'static,
        O: Future<Output = Result<(), Denial>> + Send + 'static,
    {
        self.policy.publish = Some(ask(policy));
        self
    }

    /// Closes all channels that no [authorizer](Self::authorizer) opens.
    #[must_use]
    pub fn deny_by_default(mut self) -> Self {
        self.authorizers.close();
        self
    }

    /// Asks `authorizer` besides the policy, about the channels that `pattern` matches, and about patterns that match
    /// any of them. The first of several who denies decides, the widest being asked first; else one of them has to
    /// grant it. So one at `/**` that ignores everything closes all channels that no other opens.
    #[must_use]
    pub fn authorizer(
        mut self,
        pattern: Pattern,
        authorizer: impl Fn(Operation, &Request) -> Authorization + Send + Sync + 'static,
    ) -> Self {
        self.authorizers.add(pattern, authorizer);
        self
    }
}

/// What hears and handles messages. Each of these may take the [handler timeout](Builder::handler_timeout).
impl Builder {
    /// Has `listener` hear what clients publish on the channels that `pattern` matches, before it is sent: it returns
    /// the data to send, or `None` where the message is to be deleted, which the client is told. The widest pattern's
    /// listener comes first. One that panics deletes the message.
    #[must_use]
    pub fn listener<H, O>(mut self, pattern: Pattern, listener: H) -> Self
    where
        H: Fn(Request, Value) -> O + Send + Sync + 'static,
        O: Future<Output = Option<Value>> + Send + 'static,
    {
        self.listeners.add(pattern, listener);
        self
    }

    /// Handles messages to a service channel: `handler` is given the call and the data, as a type of its own. What it
    /// returns is sent to the caller on the same channel, unless it is null. `name` is the channel, with or without
    /// `/service/`; a segment `{user}` of it stands for any, and is found in [`Call::parameter`].
    ///
    /// The messages behind it in a batch wait until it is done. An error is told to the caller, as to a
    /// [remote call](Self::remote_call), and so is data of another type.
    #[must_use]
    pub fn on_service<H, T, O, R, E>(mut self, name: &str, handler: H) -> Self
    where
        H: Fn(Call, T) -> O + Send + Sync + 'static,
        T: DeserializeOwned + 'static,
        O: Future<Output = Result<R, E>> + Send + 'static,
        R: Serialize + 'static,
        E: Into<RequestError> + 'static,
    {
        self.services.add(name, Kind::Service, handler);
        self
    }

    /// As [`on_service`](Self::on_service), for whoever wants the message as it is, and answers by the
    /// [`Call`], if at all.
    #[must_use]
    pub fn on_raw_service<H, O>(mut self, name: &str, handler: H) -> Self
    where
        H: Fn(Call) -> O + Send + Sync + 'static,
        O: Future<Output = ()> + Send + 'static,
    {
        self.services.add_raw(name, Kind::Service, move |call| {
            let handling = handler(call);
            async move {
                handling.await;
                Ok(Value::Null)
            }
        });
        self
    }

    /// Answers remote calls: messages to `/service/` and `name` with an `id`, which the answer repeats. A segment
    /// `{user}` stands for any. An error, a panic (without what it says) and a call that took too long fail the call;
    /// so does data of another type. Messages behind it do not wait for the answer.
    #[must_use]
    pub fn remote_call<H, T, O, R, E>(mut self, name: &str, handler: H) -> Self
    where
        H: Fn(Call, T) -> O + Send + Sync + 'static,
        T: DeserializeOwned + 'static,
        O: Future<Output = Result<R, E>> + Send + 'static,
        R: Serialize + 'static,
        E: Into<RequestError> + 'static,
    {
        self.services.add(name, Kind::Remote, handler);
        self
    }

    /// Remote calls that are carried out at once; one more fails. Default 1,024.
    #[must_use]
    pub const fn max_calls(mut self, calls: usize) -> Self {
        self.max_calls = calls;
        self
    }

    /// How long a policy, a listener or a handler may take; default 10 s.
    #[must_use]
    pub const fn handler_timeout(mut self, timeout: Duration) -> Self {
        self.options.handler_timeout = timeout;
        self
    }
}

/// What clients are bound by.
impl Builder {
    /// What sessions, channels and queues are bound by.
    #[must_use]
    pub fn options(mut self, options: BrokerOptions) -> Self {
        self.broker = options;
        self
    }

    /// What holds for the channels that a pattern matches.
    #[must_use]
    pub fn channel(mut self, pattern: Pattern, options: ChannelOptions) -> Self {
        self.channels.push((pattern, options));
        self
    }

    /// Where clients connect; default `/cometd`. Whatever is below it is the same.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.options.path = path.into();
        self
    }

    /// What is spoken, as it is offered to clients, the best first; default WebSockets, then long-polling.
    /// Callback-polling, which lets pages of any site read what this browser may read, is off by default.
    #[must_use]
    pub fn transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.options.transports = transports.into_iter().collect();
        self
    }

    /// Which pages may connect, over WebSockets as well as with requests from pages of other sites (CORS); by default
    /// those of the server's own site.
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// Headers that pages of other sites may set, besides `Accept`, `Authorization`, `Content-Type` and
    /// `X-Requested-With`.
    #[must_use]
    pub fn cors_headers(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.cors_headers = names.into_iter().map(Into::into).collect();
        self
    }

    /// The cookie that ties the sessions of long-polling to the browser that began them.
    #[must_use]
    pub fn browser_cookie(mut self, cookie: BrowserCookie) -> Self {
        self.options.cookie = cookie;
        self
    }

    /// The HTTP status of a held `/meta/connect` whose session sent another one; default 500.
    #[must_use]
    pub const fn duplicate_meta_connect_status(mut self, status: StatusCode) -> Self {
        self.options.duplicate_meta_connect_status = status;
        self
    }

    /// The parameter that names the function of callback-polling, and how many characters the name may have; default
    /// `jsonp` and 64.
    #[must_use]
    pub fn callback_parameter(mut self, name: impl Into<String>, max_length: usize) -> Self {
        self.options.callback_parameter = name.into();
        self.options.callback_max_length = max_length;
        self
    }

    /// The WebSocket subprotocol that clients have to offer; by default none.
    #[must_use]
    pub fn protocol(mut self, protocol: Option<impl Into<String>>) -> Self {
        self.options.protocol = protocol.map(Into::into);
        self
    }

    /// Messages that go into one WebSocket frame, where several are to be sent; default 1, which shares the frame with
    /// all other clients that get the message. With 0 all of them do.
    #[must_use]
    pub const fn messages_per_frame(mut self, messages: usize) -> Self {
        self.options.messages_per_frame = messages;
        self
    }

    /// How long a WebSocket may be silent before it is closed; default 300 s. More than the
    /// [timeout](BrokerOptions::timeout), so that a client that connects again and again is never silent for as long.
    #[must_use]
    pub const fn idle_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.options.idle_timeout = timeout;
        self
    }

    /// How long a WebSocket may take nothing of what is sent before it is closed (4008); default 10 s. What is for its
    /// session waits for the client to come back.
    #[must_use]
    pub const fn write_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.options.write_timeout = timeout;
        self
    }

    /// Bytes of what a client sends at once; default 1 MiB. More is answered with 413, or closes the WebSocket (1009).
    /// Bodies of requests are bounded by [`Limits::max_body_bytes`](crate::Limits::max_body_bytes), too.
    #[must_use]
    pub const fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.options.max_message_bytes = bytes;
        self
    }

    /// Messages that a client may send at once; default 64.
    #[must_use]
    pub const fn max_batch(mut self, messages: usize) -> Self {
        self.options.max_batch = messages;
        self
    }

    /// Messages that a client may send each second over a WebSocket before it is read more slowly, and how many at once
    /// before that counts; default 1,000 and 2,000. With `None` as many as it likes.
    #[must_use]
    pub const fn max_inbound_rate(mut self, per_second: Option<u32>, burst: u32) -> Self {
        self.options.max_inbound_rate = per_second;
        self.options.max_inbound_burst = burst;
        self
    }

    /// How deep what a client sends may be nested, and how many values it may have; default 100 and 100,000.
    #[must_use]
    pub fn json(mut self, limits: Limits) -> Self {
        self.options.json = limits;
        self
    }

    /// Bytes that WebSocket messages may hold which have not come whole, those of all clients together; default
    /// 256 MiB. A client that would pass it is disconnected (1009).
    #[must_use]
    pub const fn reassembly_total_bytes(mut self, bytes: usize) -> Self {
        self.reassembly_total_bytes = bytes;
        self
    }

    /// Frames of as many bytes are compressed, where the client can (permessage-deflate without context: once for all
    /// clients that get them); default 4 KiB. `None` compresses nothing.
    #[must_use]
    pub const fn compression(mut self, from: Option<usize>) -> Self {
        self.compress_from = from;
        self
    }

    /// Events that wait for who listens to them before some are missed; default 1,024.
    #[must_use]
    pub const fn event_buffer(mut self, events: usize) -> Self {
        self.events = events;
        self
    }

    /// Over how long clients are told to come back when the service closes, one after another and evenly, and what
    /// lies at most between two of them; default 10 s and 1 ms. With zero all are told at once.
    #[must_use]
    pub const fn drain(mut self, drain: Duration, step: Duration) -> Self {
        self.drain = drain;
        self.drain_step = step;
        self
    }

    /// How long [`Bayeux::close`] waits for clients to be gone once all have been told to go; default 100 ms.
    #[must_use]
    pub const fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.options.shutdown_timeout = timeout;
        self
    }

    /// The service. To be called within a tokio runtime, on which its sessions expire.
    #[must_use]
    pub fn build(mut self) -> Bayeux {
        let transports = self.options.transports.iter().copied();
        self.broker.connection_types = transports
            .filter_map(connection_type)
            .map(str::to_owned)
            .collect();
        let hub = Hub::new(self.broker, self.events);
        for (pattern, options) in self.channels {
            if !hub.with(|broker, _| broker.configure(&pattern, options)) {
                tracing::error!(%pattern, "there are too many channels to configure this one");
            }
        }
        let service = Service {
            hub,
            sockets: socket::Limits::new(
                self.options.max_message_bytes,
                self.reassembly_total_bytes,
                self.compress_from,
            ),
            options: self.options,
            cors: Cors::new(self.origins, &self.cors_headers),
            policy: self.policy,
            authorizers: self.authorizers,
            listeners: self.listeners,
            services: self.services,
            calls: Arc::new(Semaphore::new(self.max_calls.min(Semaphore::MAX_PERMITS))),
            closing: Closing::new(self.drain, self.drain_step),
        };
        let service = Arc::new(service);
        start_timer(&service);
        Bayeux { service }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Builder")
            .field("options", &self.options)
            .field("broker", &self.broker)
            .finish_non_exhaustive()
    }
}
