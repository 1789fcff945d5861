//! [`Options`]: what a service is told besides what its broker is.

use std::time::Duration;

use axum::http::StatusCode;
use mirrorball_protocol::{bayeux::broker::Transport, json::Limits};

use super::BrowserCookie;

/// What a service is told besides what its broker is.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) path: String,
    pub(super) json: Limits,
    pub(super) max_batch: usize,
    pub(super) max_message_bytes: usize,
    pub(super) messages_per_frame: usize,
    pub(super) protocol: Option<String>,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) write_timeout: Option<Duration>,
    pub(super) max_inbound_rate: Option<u32>,
    pub(super) max_inbound_burst: u32,
    pub(super) handler_timeout: Duration,
    pub(super) cookie: BrowserCookie,
    pub(super) duplicate_meta_connect_status: StatusCode,
    pub(super) callback_parameter: String,
    pub(super) callback_max_length: usize,
    pub(super) transports: Vec<Transport>,
    pub(super) shutdown_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let mut json = Limits::default();
        json.nodes = 100_000;
        Self {
            path: "/cometd".to_owned(),
            json,
            max_batch: 64,
            max_message_bytes: 1 << 20,
            messages_per_frame: 1,
            protocol: None,
            idle_timeout: Some(Duration::from_secs(300)),
            write_timeout: Some(Duration::from_secs(10)),
            max_inbound_rate: Some(1_000),
            max_inbound_burst: 2_000,
            handler_timeout: Duration::from_secs(10),
            cookie: BrowserCookie::default(),
            duplicate_meta_connect_status: StatusCode::INTERNAL_SERVER_ERROR,
            callback_parameter: "jsonp".to_owned(),
            callback_max_length: 64,
            transports: vec![Transport::WebSocket, Transport::LongPolling],
            shutdown_timeout: Duration::from_millis(100),
        }
    }
}

impl Options {
    /// Whether this is spoken.
    pub(super) fn speaks(&self, transport: Transport) -> bool {
        self.transports.contains(&transport)
    }
}

/// What clients call a transport.
pub(super) const fn connection_type(transport: Transport) -> Option<&'static str> {
    match transport {
        Transport::WebSocket => Some("websocket"),
        Transport::LongPolling => Some("long-polling"),
        Transport::CallbackPolling => Some("callback-polling"),
        Transport::Local => None,
    }
}
