//! What a broker's sessions, channels and queues are bound by.

use alloc::{string::String, vec::Vec};
use core::time::Duration;

use super::Transport;
use crate::bayeux::ext::Activity;

/// How a broker treats its clients, and what it bounds them by.
///
/// The names are those of CometD's parameters where it has one; so are the defaults, apart from bounds that it lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BrokerOptions {
    /// How long a `/meta/connect` is held; default 30 s.
    pub timeout: Duration,
    /// How long clients are told to wait before the next `/meta/connect`; default none.
    pub interval: Duration,
    /// How long a session lives without a `/meta/connect`, beyond [`interval`](Self::interval); default 10 s.
    pub max_interval: Duration,
    /// What differs on WebSockets; default nothing.
    pub web_socket: TransportOptions,
    /// What differs with long-polling; default nothing.
    pub long_polling: TransportOptions,
    /// What differs with callback-polling; by default messages go with the replies to `/meta/connect` only.
    pub callback_polling: TransportOptions,
    /// The connection types that handshakes offer, in order of preference; default `websocket`, `long-polling`.
    pub connection_types: Vec<String>,
    /// How long a message that alone is not worth a flush may wait for one; default 5 s.
    pub max_lazy_timeout: Duration,
    /// How often channels are looked after; default 997 ms. One that nobody uses in three rounds is removed.
    pub sweep_period: Duration,
    /// How long a message may be in processing before its session is removed. `None`, the default, for as long as it takes.
    pub max_processing: Option<Duration>,
    /// Whether who publishes a message hears of it, too, where it subscribed; default yes.
    pub broadcast_to_publisher: bool,
    /// Whether an `id` has to be a scalar; default yes.
    pub validate_message_fields: bool,
    /// Whether clients are told how long their session lives without a `/meta/connect`, so that they shake hands again
    /// on their own once it is gone; default no.
    pub handshake_reconnect: bool,
    /// Whether messages that are queued during a handshake travel with its reply; default no.
    pub allow_message_delivery_during_handshake: bool,
    /// Whether a WebSocket carries only sessions that shook hands on it; default no.
    pub require_handshake_per_connection: bool,
    /// Whether a `clientId` is enough to be taken for its owner, whatever the browser's cookie; default no.
    pub trust_client_session: bool,
    /// Sessions of one browser whose `/meta/connect` is held at the same time, with polling; those beyond poll every
    /// [`multi_session_interval`](Self::multi_session_interval). `None` for any number. Default 1.
    pub max_sessions_per_browser: Option<usize>,
    /// How often the sessions of a browser that has too many poll; default 2 s. Zero refuses them.
    pub multi_session_interval: Duration,
    /// Sessions; one more handshake is refused. Default 20,000.
    pub max_sessions: usize,
    /// Sessions of one address ([`Caller::address`](super::Caller::address)); default 256.
    pub max_sessions_per_address: usize,
    /// Subscriptions of one session; default 128.
    pub max_subscriptions: usize,
    /// Channels and patterns that are subscribed to, configured, or keep messages to be replayed; default 100,000.
    pub max_channels: usize,
    /// Bytes of a channel's name; default 255.
    pub max_channel_length: usize,
    /// Segments of a channel's name; default 16.
    pub max_segments: usize,
    /// Messages of one payload, which the shell counts as it [reads](crate::bayeux::messages) them; default 64.
    pub max_messages: usize,
    /// Messages that wait for one session; default 1,000.
    pub max_queue: usize,
    /// Bytes of those messages together, as JSON; default 1 MiB.
    pub max_queue_bytes: usize,
    /// What happens where one of those two is passed; default the session ends.
    pub overflow: Overflow,
    /// Members of a published message's `ext` that subscribers do not get to see, whatever their case and whatever is
    /// before their last dot; default what credentials are commonly called.
    pub scrubbed_ext: Vec<String>,
    /// Whether clients may ask for the acknowledgement extension; default yes.
    pub ack: bool,
    /// Whether clients may ask for the server's time; default yes.
    pub timesync: bool,
    /// Whether everything that is sent says when; default no.
    pub timestamp: bool,
    /// When sessions end that do nothing but connect; default never.
    pub activity: Option<Activity>,
    /// Bytes of all messages together that are kept to be replayed; default 64 MiB.
    pub max_replay_bytes: usize,
    /// Whether there are events for each connect that is held and released, for queues that fill and drain, and for
    /// batches that are acknowledged; default no.
    pub detailed_events: bool,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|word| String::from(*word)).collect();
        Self {
            timeout: Duration::from_secs(30),
            interval: Duration::ZERO,
            max_interval: Duration::from_secs(10),
            web_socket: TransportOptions::default(),
            long_polling: TransportOptions::default(),
            callback_polling: TransportOptions {
                meta_connect_deliver_only: true,
                ..TransportOptions::default()
            },
            connection_types: words(&["websocket", "long-polling"]),
            max_lazy_timeout: Duration::from_secs(5),
            sweep_period: Duration::from_millis(997),
            max_processing: None,
            broadcast_to_publisher: true,
            validate_message_fields: true,
            handshake_reconnect: false,
            allow_message_delivery_during_handshake: false,
            require_handshake_per_connection: false,
            trust_client_session: false,
            max_sessions_per_browser: Some(1),
            multi_session_interval: Duration::from_secs(2),
            max_sessions: 20_000,
            max_sessions_per_address: 256,
            max_subscriptions: 128,
            max_channels: 100_000,
            max_channel_length: 255,
            max_segments: 16,
            max_messages: 64,
            max_queue: 1_000,
            max_queue_bytes: 1 << 20,
            overflow: Overflow::Disconnect,
            scrubbed_ext: words(&[
                "access_token",
                "api_key",
                "apikey",
                "auth",
                "authentication",
                "authorization",
                "credentials",
                "password",
                "secret",
                "token",
            ]),
            ack: true,
            timesync: true,
            timestamp: false,
            activity: None,
            max_replay_bytes: 64 << 20,
            detailed_events: false,
        }
    }
}

impl BrokerOptions {
    /// What differs on a transport.
    #[must_use]
    pub const fn of(&self, transport: Transport) -> TransportOptions {
        match transport {
            Transport::WebSocket => self.web_socket,
            Transport::LongPolling => self.long_polling,
            Transport::CallbackPolling => self.callback_polling,
            Transport::Local => TransportOptions {
                timeout: None,
                interval: None,
                max_interval: None,
                meta_connect_deliver_only: false,
            },
        }
    }
}

/// What differs from the broker's options on one transport, or for one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransportOptions {
    /// Instead of [`BrokerOptions::timeout`].
    pub timeout: Option<Duration>,
    /// Instead of [`BrokerOptions::interval`].
    pub interval: Option<Duration>,
    /// Instead of [`BrokerOptions::max_interval`].
    pub max_interval: Option<Duration>,
    /// Whether messages go with the replies to `/meta/connect` only; default no.
    pub meta_connect_deliver_only: bool,
}

/// What happens where too much waits for a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The session ends: its client is told so, and shakes hands again.
    #[default]
    Disconnect,
    /// What does not fit is dropped, and an event says so.
    Reject,
    /// What waited longest is dropped, and an event says so. What is on its way to the client stays.
    DropOldest,
}

/// What holds for the channels that a pattern matches. Of several that match one channel, each may turn something on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelOptions {
    /// Whether the channel stays when nobody uses it; default no.
    pub persistent: bool,
    /// Whether messages wait for a flush that happens anyway; default no.
    pub lazy: bool,
    /// How long they wait at most, where that is less than [`BrokerOptions::max_lazy_timeout`].
    pub lazy_timeout: Option<Duration>,
    /// Whether publishers do not hear of their own messages; default no.
    pub hides_own: bool,
    /// Whether who has no session may publish; default no.
    pub anonymous: bool,
    /// How many messages of each channel are kept to be replayed; default none.
    pub replay: usize,
}
