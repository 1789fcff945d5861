//! [`Settings`]: everything that the server can be told, from the command line, the environment, a file, or by
//! default.

mod bayeux;
mod file;
mod given;
mod kind;
mod table;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::ValueEnum;
use ipnet::IpNet;
use mirrorball_server::{
    Limits, ServerOptions, State,
    juggler::{Builder, Juggler},
    origin::{Origin, Origins},
    server,
};

pub(crate) use self::{
    bayeux::BayeuxSettings,
    file::File,
    given::{Given, Source},
    table::SETTINGS,
};

/// The milliseconds that may lie between two samples of the demo.
pub(crate) const PERIODS: std::ops::RangeInclusive<u64> = 100..=10_000;
/// The folder that is served without being told, where there is one of this name.
const DEFAULT_WWW: &str = "www";

/// How to write the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// For machines: one JSON object per line
    Json,
}

/// Everything that the server can be told. What each field means is said in the [table](SETTINGS).
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) www: Option<PathBuf>,
    pub(crate) state: Option<PathBuf>,
    pub(crate) allow_public: bool,
    pub(crate) log: Option<LogFormat>,
    pub(crate) period: Duration,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) drain: Duration,
    pub(crate) drain_step: Duration,
    pub(crate) reload_interval: Option<Duration>,

    pub(crate) origins: Vec<Origin>,
    pub(crate) require_origin: bool,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) index_path: Option<String>,
    pub(crate) no_cache: bool,
    pub(crate) follow_symlinks: bool,

    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) tls_client_ca: Option<PathBuf>,
    pub(crate) tls_self_signed: bool,

    pub(crate) htpasswd: Option<PathBuf>,
    pub(crate) realm: String,

    pub(crate) ws_path: String,
    pub(crate) autoflush_delay: Option<Duration>,
    pub(crate) options: ServerOptions,
    pub(crate) max_message_bytes: usize,
    pub(crate) reassembly_total_bytes: usize,
    pub(crate) pending_total_requests: usize,
    pub(crate) pending_total_bytes: usize,
    pub(crate) pending_total_values: usize,

    pub(crate) bayeux: BayeuxSettings,

    pub(crate) limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            www: None,
            state: None,
            allow_public: false,
            log: None,
            period: Duration::from_millis(500),
            // A file on its way may end.
            shutdown_timeout: Duration::from_secs(5),
            drain: Duration::from_secs(10),
            drain_step: Duration::from_millis(1),
            reload_interval: Some(Duration::from_secs(5)),
            origins: Vec::new(),
            require_origin: false,
            trusted_proxies: Vec::new(),
            index_path: None,
            no_cache: true,
            follow_symlinks: false,
            tls_cert: None,
            tls_key: None,
            tls_client_ca: None,
            tls_self_signed: false,
            htpasswd: None,
            realm: "mirrorball".to_owned(),
            ws_path: "/ws".to_owned(),
            autoflush_delay: Some(Duration::from_millis(200)),
            options: ServerOptions::default(),
            max_message_bytes: 1 << 20,
            reassembly_total_bytes: 256 << 20,
            pending_total_requests: 10_000,
            pending_total_bytes: 256 << 20,
            pending_total_values: 4_000_000,
            bayeux: BayeuxSettings::default(),
            limits: Limits::default(),
        }
    }
}

impl Settings {
    /// The folder to serve, if any.
    pub(crate) fn www(&self) -> Option<PathBuf> {
        let default = || Some(PathBuf::from(DEFAULT_WWW)).filter(|folder| folder.is_dir());
        self.www.clone().or_else(default)
    }

    /// Whether only this machine can reach the server.
    pub(crate) fn is_local(&self) -> bool {
        self.public().is_none()
    }

    /// The first address that other machines can reach.
    pub(crate) fn public(&self) -> Option<&SocketAddr> {
        let loopback = |address: &&SocketAddr| address.ip().to_canonical().is_loopback();
        self.listen.iter().find(|address| !loopback(address))
    }

    /// Whether it is encrypted what is served.
    pub(crate) fn has_tls(&self) -> bool {
        self.tls_self_signed || self.tls_cert.is_some()
    }

    /// What is wrong with the settings as a whole, if anything is.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Some(
                "--tls-cert and --tls-key belong together: both or neither were expected".into(),
            );
        }
        if self.tls_cert.is_some() && self.tls_self_signed {
            return Some(
                "--tls-self-signed makes a certificate of its own: it or --tls-cert was expected, not both".into(),
            );
        }
        if self.tls_client_ca.is_some() && self.tls_cert.is_none() {
            return Some(
                "--tls-client-ca checks clients: --tls-cert and --tls-key were expected with it"
                    .into(),
            );
        }
        let address = self.public()?;
        let protected = self.has_tls() || self.htpasswd.is_some();
        (!protected && !self.allow_public).then(|| {
            format!(
                "--listen {address}: other machines can reach this address, and there is neither TLS nor \
                 authentication: add --tls-cert and --tls-key, or --htpasswd, listen on 127.0.0.1, or add \
                 --allow-public if anyone may connect"
            )
        })
    }

    /// The sites whose pages may connect.
    pub(crate) fn origins(&self) -> Origins {
        let mut origins = Origins::default();
        for origin in &self.origins {
            origins.add(origin.clone());
        }
        origins.require(self.require_origin);
        origins
    }

    /// A Juggler service with these settings.
    pub(crate) fn juggler(&self, state: State) -> Builder {
        Juggler::builder(state)
            .origins(self.origins())
            .options(self.options.clone())
            .autoflush_delay(self.autoflush_delay)
            .ws_path(&self.ws_path)
            .max_message_bytes(self.max_message_bytes)
            .reassembly_total_bytes(self.reassembly_total_bytes)
            .pending_total(
                self.pending_total_requests,
                self.pending_total_bytes,
                self.pending_total_values,
            )
            .drain(self.drain)
            .drain_step(self.drain_step)
            .shutdown_timeout(self.shutdown_timeout)
    }

    /// A server with these settings, but for what is read from files.
    pub(crate) fn server(&self) -> server::Builder {
        let mut server = server::Builder::default()
            .realm(&self.realm)
            .no_cache(self.no_cache)
            .trusted_proxies(self.trusted_proxies.iter().copied().collect())
            .limits(self.limits.clone())
            .shutdown_timeout(self.shutdown_timeout)
            .reload_interval(self.reload_interval);
        if let Some(path) = &self.index_path {
            server = server.index_path(
                Some(path)
                    .filter(|path| !path.is_empty())
                    .map(String::as_str),
            );
        }
        if let Some(file) = &self.htpasswd {
            server = server.htpasswd_file(file);
        }
        if self.is_local() {
            server = server.loopback_names_only(self.origins());
        }
        server
    }
}
