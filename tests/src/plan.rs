//! What a server is started with.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use mirrorball_protocol::juggler::segment::MAX_SEGMENT_SIZE;
use mirrorball_server::{Limits, Server, Tls, Value, origin::Origins};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::{board, mirror, script};

/// What a server is started with: what a test posts to the controller, and the first line that the server's
/// process reads.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Plan {
    /// Where to listen, on loopback; default 0, any free port.
    pub port: u16,
    /// A site whose pages may connect, besides the server's own.
    pub origin: Option<String>,
    /// The state to begin with; default `null`.
    pub state: Value,
    /// Whether each connection has a state of its own; default no.
    pub own: bool,
    /// Milliseconds for which changes are gathered; `null` for ever; default 0.
    pub autoflush: Option<u64>,
    /// Bytes in a segment's payload; default 65,536.
    pub segment: usize,
    /// Milliseconds of silence before a ping; default 30,000.
    pub ping_delay: u64,
    /// Milliseconds to wait after it; default 30,000.
    pub ping_timeout: u64,
    /// Whether one connection's requests are handled at once; default no.
    pub parallel: bool,
    /// Messages that a client may send each second; `null`, the default, for as many as it likes.
    pub rate: Option<u32>,
    /// Milliseconds that a socket may take nothing; default 10,000.
    pub write_timeout: u64,
    /// Bytes of a segment that is compressed; `null` for none. Default 4,096.
    pub compression: Option<usize>,
    /// The file of the users that may connect; by default everybody may.
    pub htpasswd: Option<PathBuf>,
    /// What its Bayeux service is told, at `/cometd`.
    pub bayeux: board::Options,
    /// The files of a certificate and its key, to speak TLS.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// For a server that sends what is written down instead: what to do on each connection, one after another.
    /// The last one serves for all that follow.
    pub scripts: Option<Vec<Vec<script::Step>>>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            port: 0,
            origin: None,
            state: Value::Null,
            own: false,
            autoflush: Some(0),
            segment: MAX_SEGMENT_SIZE,
            ping_delay: 30_000,
            ping_timeout: 30_000,
            parallel: false,
            rate: None,
            write_timeout: 10_000,
            compression: Some(4_096),
            htpasswd: None,
            bayeux: board::Options::default(),
            identity: None,
            scripts: None,
        }
    }
}

impl Plan {
    /// The pages that may connect.
    ///
    /// # Errors
    ///
    /// Where the origin is none.
    pub fn origins(&self) -> Result<Origins, String> {
        let mut origins = Origins::default();
        if let Some(origin) = &self.origin {
            let parsed = origin.parse();
            origins.add(parsed.map_err(|error| format!("`{origin}`: {error}"))?);
        }
        Ok(origins)
    }

    /// Serves what is planned until the process ends; `ready` is told the address.
    ///
    /// # Errors
    ///
    /// Where the address is taken, the origin is none, or a file cannot be used.
    pub async fn serve(self, ready: impl FnOnce(SocketAddr)) -> Result<(), String> {
        let address = ("127.0.0.1", self.port);
        let Some(scripts) = self.scripts.clone() else {
            return self.mirror(address, ready).await;
        };
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| format!("cannot listen on port {}: {error}", self.port))?;
        let address = listener
            .local_addr()
            .map_err(|error| format!("the listener has no address: {error}"))?;
        ready(address);
        axum::serve(listener, script::app(scripts))
            .await
            .map_err(|error| format!("the server ended: {error}"))
    }

    async fn mirror(
        self,
        address: (&str, u16),
        ready: impl FnOnce(SocketAddr),
    ) -> Result<(), String> {
        // All tests come from one address.
        let mut limits = Limits::default();
        limits.max_per_ip = limits.max_total;
        let board = board::bayeux(&self)?;
        let mut builder = Server::builder()
            .limits(limits)
            .juggler(mirror::juggler(&self)?)
            .additional_routes(board::routes(&board))
            .bayeux(board);
        if let Some(htpasswd) = self.htpasswd {
            builder = builder.htpasswd_file(htpasswd);
        }
        if let Some((certificate, key)) = self.identity {
            let tls = Tls::from_files(certificate, key).map_err(|error| error.to_string())?;
            builder = builder.tls(tls);
        }
        let bound = builder.bind(address).await.map_err(|e| e.to_string())?;
        let server = bound.serve();
        if let Some(address) = server.addresses().first() {
            ready(*address);
        }
        server.closed().await;
        Ok(())
    }

    /// How long changes are gathered.
    #[must_use]
    pub fn autoflush_delay(&self) -> Option<Duration> {
        self.autoflush.map(Duration::from_millis)
    }
}
