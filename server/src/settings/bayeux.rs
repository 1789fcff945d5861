//! [`BayeuxSettings`]: what the Bayeux service can be told.

use std::time::Duration;

use axum::http::StatusCode;
use mirrorball_server::bayeux::{
    Authorization, Bayeux, BrowserCookie, Builder, Pattern, SameSite,
    broker::{BrokerOptions, Overflow, Transport},
};

use super::{Settings, kind::Choice};

/// What the Bayeux service can be told. What each field means is said in the [table](super::SETTINGS).
#[derive(Clone, Debug)]
pub(crate) struct BayeuxSettings {
    pub(crate) path: String,
    pub(crate) channels: Vec<Pattern>,
    pub(crate) transports: Vec<Transport>,
    pub(crate) options: BrokerOptions,
    pub(crate) max_batch: usize,
    pub(crate) max_message_bytes: usize,
    pub(crate) messages_per_frame: usize,
    pub(crate) protocol: Option<String>,
    pub(crate) idle_timeout: Option<Duration>,
    pub(crate) write_timeout: Option<Duration>,
    pub(crate) max_inbound_rate: Option<u32>,
    pub(crate) max_inbound_burst: u32,
    pub(crate) duplicate_meta_connect_status: u16,
    pub(crate) callback_parameter: String,
    pub(crate) callback_max_length: usize,
    pub(crate) cors_headers: Vec<String>,
    pub(crate) cookie_name: String,
    pub(crate) cookie_domain: Option<String>,
    pub(crate) cookie_path: String,
    pub(crate) cookie_max_age: Option<Duration>,
    pub(crate) cookie_secure: Option<bool>,
    pub(crate) cookie_http_only: bool,
    pub(crate) cookie_same_site: Option<SameSite>,
    pub(crate) cookie_partitioned: bool,
}

impl Default for BayeuxSettings {
    fn default() -> Self {
        Self {
            path: "/cometd".to_owned(),
            channels: Vec::new(),
            transports: vec![Transport::WebSocket, Transport::LongPolling],
            options: BrokerOptions::default(),
            max_batch: 64,
            max_message_bytes: 1 << 20,
            messages_per_frame: 1,
            protocol: None,
            idle_timeout: Some(Duration::from_secs(300)),
            write_timeout: Some(Duration::from_secs(10)),
            max_inbound_rate: Some(1_000),
            max_inbound_burst: 2_000,
            duplicate_meta_connect_status: 500,
            callback_parameter: "jsonp".to_owned(),
            callback_max_length: 64,
            cors_headers: Vec::new(),
            cookie_name: "BAYEUX_BROWSER".to_owned(),
            cookie_domain: None,
            cookie_path: "/".to_owned(),
            cookie_max_age: None,
            cookie_secure: None,
            cookie_http_only: true,
            cookie_same_site: None,
            cookie_partitioned: false,
        }
    }
}

impl Settings {
    /// A Bayeux service with these settings, where clients may subscribe to these channels and publish there, and
    /// nowhere else.
    pub(crate) fn bayeux(&self, channels: &[Pattern]) -> Builder {
        let settings = &self.bayeux;
        let cookie = BrowserCookie::default()
            .name(&settings.cookie_name)
            .domain(settings.cookie_domain.as_ref())
            .path(&settings.cookie_path)
            .max_age(settings.cookie_max_age)
            .secure(settings.cookie_secure)
            .http_only(settings.cookie_http_only)
            .same_site(settings.cookie_same_site)
            .partitioned(settings.cookie_partitioned);
        // It was read as one.
        let status = StatusCode::from_u16(settings.duplicate_meta_connect_status)
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let builder = Bayeux::builder()
            .origins(self.origins())
            .options(settings.options.clone())
            .path(&settings.path)
            .transports(settings.transports.iter().copied())
            .max_batch(settings.max_batch)
            .max_message_bytes(settings.max_message_bytes)
            .messages_per_frame(settings.messages_per_frame)
            .protocol(settings.protocol.as_ref())
            .max_inbound_rate(settings.max_inbound_rate, settings.max_inbound_burst)
            .idle_timeout(settings.idle_timeout)
            .write_timeout(settings.write_timeout)
            .reassembly_total_bytes(self.reassembly_total_bytes)
            .duplicate_meta_connect_status(status)
            .callback_parameter(&settings.callback_parameter, settings.callback_max_length)
            .cors_headers(&settings.cors_headers)
            .browser_cookie(cookie)
            .drain(self.drain, self.drain_step)
            .shutdown_timeout(self.shutdown_timeout)
            .deny_by_default();
        channels.iter().fold(builder, |builder, pattern| {
            builder.authorizer(pattern.clone(), |_, _| Authorization::Grant)
        })
    }
}

/// What happens where too much waits for a session.
pub(super) static OVERFLOW: Choice = Choice {
    words: &["disconnect", "reject", "drop-oldest"],
    read: |settings| settings.bayeux.options.overflow as usize,
    write: |settings, at| {
        settings.bayeux.options.overflow = match at {
            0 => Overflow::Disconnect,
            1 => Overflow::Reject,
            _ => Overflow::DropOldest,
        };
    },
};

/// Whether the cookie is for TLS only.
pub(super) static SECURE: Choice = Choice {
    words: &["auto", "true", "false"],
    read: |settings| match settings.bayeux.cookie_secure {
        None => 0,
        Some(true) => 1,
        Some(false) => 2,
    },
    write: |settings, at| {
        let secure = [None, Some(true), Some(false)];
        settings.bayeux.cookie_secure = secure.get(at).copied().flatten();
    },
};

/// With which requests the cookie goes.
pub(super) static SAME_SITE: Choice = Choice {
    words: &["unset", "strict", "lax", "none"],
    read: |settings| match settings.bayeux.cookie_same_site {
        None => 0,
        Some(SameSite::Strict) => 1,
        Some(SameSite::Lax) => 2,
        Some(SameSite::None) => 3,
    },
    write: |settings, at| {
        let sites = [SameSite::Strict, SameSite::Lax, SameSite::None];
        let site = at.checked_sub(1).and_then(|at| sites.get(at));
        settings.bayeux.cookie_same_site = site.copied();
    },
};
