//! [`Builder`]: what a server is to serve, and how.

use std::{
    collections::HashSet,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::Request,
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use tokio::{net::ToSocketAddrs, task::spawn_blocking};
use tower_http::{limit::RequestBodyLimitLayer, timeout::RequestBodyDeadlineLayer};

use super::{Bound, ServerError, Services, acceptor::Site, listen, reload::Reloaded};
use crate::{
    Bayeux, Files, Juggler, Limits, Tls,
    auth::Gate,
    files::{INDEX_PATH, index},
    origin::Origins,
    proxies::TrustedProxies,
};

/// Makes a [`Server`](super::Server).
pub struct Builder {
    jugglers: Vec<Juggler>,
    bayeux: Vec<Bayeux>,
    routes: Vec<Router>,
    files: Option<FilesFrom>,
    index_path: Index,
    htpasswd_file: Option<PathBuf>,
    realm: String,
    tls: Option<Arc<Tls>>,
    no_cache: bool,
    trusted_proxies: TrustedProxies,
    loopback: Option<Origins>,
    limits: Limits,
    shutdown_timeout: Duration,
    reload_interval: Option<Duration>,
}

enum FilesFrom {
    Folder(PathBuf),
    Open(Files),
}

/// Where `/` leads.
enum Index {
    /// To [`INDEX_PATH`], where there are static files.
    Default,
    Path(String),
    Nowhere,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            jugglers: Vec::new(),
            bayeux: Vec::new(),
            routes: Vec::new(),
            files: None,
            index_path: Index::Default,
            htpasswd_file: None,
            realm: "mirrorball".to_owned(),
            tls: None,
            no_cache: true,
            trusted_proxies: TrustedProxies::default(),
            loopback: None,
            limits: Limits::default(),
            shutdown_timeout: Duration::from_millis(100),
            reload_interval: Some(Duration::from_secs(5)),
        }
    }
}

impl Builder {
    /// Serves a Juggler service, at its own path, and closes it with the server. There may be several.
    #[must_use]
    pub fn juggler(mut self, juggler: Juggler) -> Self {
        self.jugglers.push(juggler);
        self
    }

    /// Serves a Bayeux service, at its own path and all that is below it, and closes it with the server. There may be
    /// several.
    #[must_use]
    pub fn bayeux(mut self, bayeux: Bayeux) -> Self {
        self.bayeux.push(bayeux);
        self
    }

    /// Serves other routes, too; may be called again for more. Those of Juggler and Bayeux come first, then these, in order, then
    /// static files. What comes later takes the place of a fallback.
    #[must_use]
    pub fn additional_routes(mut self, routes: Router) -> Self {
        self.routes.push(routes);
        self
    }

    /// Serves the files of this folder.
    #[must_use]
    pub fn static_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.files = Some(FilesFrom::Folder(folder.into()));
        self
    }

    /// Serves these static files.
    #[must_use]
    pub fn files(mut self, files: Files) -> Self {
        self.files = Some(FilesFrom::Open(files));
        self
    }

    /// Where `/` leads, with 302. Default: `/index.html` where there are static files, else nowhere.
    #[must_use]
    pub fn index_path(mut self, path: Option<&str>) -> Self {
        self.index_path = path.map_or(Index::Nowhere, |path| Index::Path(path.to_owned()));
        self
    }

    /// Only users of this file may send requests ([`Htpasswd`](crate::auth::Htpasswd) has the format): each request
    /// has to have a name and a password (HTTP Basic), also one for a WebSocket. The
    /// [`Principal`](crate::auth::Principal) is an extension of the request. The file is read again when it changes;
    /// WebSockets that are open then stay open.
    #[must_use]
    pub fn htpasswd_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.htpasswd_file = Some(file.into());
        self
    }

    /// What browsers call this server when they ask for a password; default `mirrorball`.
    #[must_use]
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = realm.into();
        self
    }

    /// Serves `https` and `wss` instead of `http` and `ws`.
    #[must_use]
    pub fn tls(mut self, tls: impl Into<Arc<Tls>>) -> Self {
        self.tls = Some(tls.into());
        self
    }

    /// Whether every answer says `Cache-Control: no-cache`, unless it says something else already; default yes.
    /// Browsers then ask each time whether a file has changed; what has not changed is not sent again.
    #[must_use]
    pub const fn no_cache(mut self, no_cache: bool) -> Self {
        self.no_cache = no_cache;
        self
    }

    /// The proxies that are believed who their clients are; default none.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.trusted_proxies = proxies;
        self
    }

    /// Answers only to names that a server has that is reached on this machine only, and to those of the added
    /// origins: see [`Origins::allows_host`]. For servers that listen on loopback.
    #[must_use]
    pub fn loopback_names_only(mut self, origins: Origins) -> Self {
        self.loopback = Some(origins);
        self
    }

    /// What connections and requests are bound by.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long connections have to end when the server closes, once the [drain](crate::juggler::Builder::drain) of each
    /// Juggler service is over; then they are cut. Default 100 ms. That of each Juggler service bounds its own
    /// connections within it.
    #[must_use]
    pub const fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// How often it is looked whether certificates or users have changed; default 5 s. With `None` only
    /// [`Server::reload`](super::Server::reload) reads them again.
    #[must_use]
    pub const fn reload_interval(mut self, interval: Option<Duration>) -> Self {
        self.reload_interval = interval;
        self
    }

    /// Listens at `addresses`: one or several, or a name, which stands for all its addresses.
    ///
    /// # Errors
    ///
    /// Where an address cannot be listened on, a file cannot be used, or a path cannot be served.
    pub async fn bind(self, addresses: impl ToSocketAddrs) -> Result<Bound, ServerError> {
        let gate = match &self.htpasswd_file {
            Some(file) => {
                let (path, realm, limits) = (file.clone(), self.realm.clone(), self.limits.clone());
                let open = spawn_blocking(move || Gate::open(&path, &realm, &limits));
                let gate = open
                    .await
                    .map_err(|_| ServerError::Cancelled(file.clone()))?;
                Some(Arc::new(gate?))
            }
            None => None,
        };
        let services = Services {
            jugglers: self.jugglers.clone(),
            bayeux: self.bayeux.clone(),
        };
        let tls = self.tls.clone();
        let (reload_interval, shutdown_timeout) = (self.reload_interval, self.shutdown_timeout);
        let (limits, trusted) = (self.limits.clone(), self.trusted_proxies.clone());
        let router = self.into_router(gate.clone())?;
        let (listeners, addresses) = listen(addresses, limits.send_buffer).await?;
        Ok(Bound {
            listeners,
            addresses,
            services,
            reloaded: Reloaded {
                tls: tls.clone(),
                gate,
            },
            site: Site::new(router, tls, limits, trusted),
            reload_interval: reload_interval.filter(|interval| !interval.is_zero()),
            shutdown_timeout,
        })
    }

    fn into_router(self, gate: Option<Arc<Gate>>) -> Result<Router, ServerError> {
        let no_cache = self.no_cache;
        let limits = self.limits.clone();
        let loopback = self.loopback.clone().map(Arc::new);
        // The inner ones first.
        let mut router = self
            .into_routes()?
            .layer(RequestBodyLimitLayer::new(limits.max_body_bytes))
            .layer(RequestBodyDeadlineLayer::new(limits.body_deadline));
        if let Some(gate) = gate {
            let pass = move |request, next| Arc::clone(&gate).pass(request, next);
            router = router.layer(middleware::from_fn(pass));
        }
        if let Some(origins) = loopback {
            let guard =
                move |request, next| refuse_strange_hosts(Arc::clone(&origins), request, next);
            router = router.layer(middleware::from_fn(guard));
        }
        if no_cache {
            router = router.layer(middleware::map_response(say_no_cache));
        }
        Ok(router)
    }

    fn into_routes(self) -> Result<Router, ServerError> {
        let mut router = Router::new();
        let mut taken = HashSet::new();
        for juggler in self.jugglers {
            let path = juggler.ws_path().to_owned();
            if !is_path(&path) || !taken.insert(path.clone()) {
                return Err(ServerError::Path {
                    what: "the WebSocket path",
                    path,
                    example: "/ws",
                });
            }
            router = router.merge(juggler.into_router());
        }
        for bayeux in self.bayeux {
            let path = bayeux.path().to_owned();
            let whole = path.trim_end_matches('/').to_owned();
            if !is_path(&path) || whole.is_empty() || !taken.insert(whole) {
                return Err(ServerError::Path {
                    what: "the Bayeux path",
                    path,
                    example: "/cometd",
                });
            }
            router = router.merge(bayeux.into_router());
        }
        let mut index_path = match self.index_path {
            Index::Default if self.files.is_some() => Some(INDEX_PATH.to_owned()),
            Index::Path(path) => Some(path),
            Index::Default | Index::Nowhere => None,
        };
        if let Some(path) = &index_path
            && (!is_path(path) || taken.contains("/"))
        {
            return Err(ServerError::Path {
                what: "the index path",
                path: path.clone(),
                example: INDEX_PATH,
            });
        }
        let files = match self.files {
            Some(FilesFrom::Folder(folder)) => Some(Files::open(folder)?),
            Some(FilesFrom::Open(files)) => Some(files),
            None => None,
        };
        let files = files.map(|files| {
            let files = files.no_cache(self.no_cache);
            files.index_path(index_path.take()).into_router()
        });
        if let Some(path) = index_path {
            router = router.merge(index(path));
        }
        // One router behind another, not merged: what stands in both is no panic.
        let behind = |rest: Option<Router>, front: Router| match rest {
            Some(rest) => Some(front.fallback_service(rest)),
            None => Some(front),
        };
        let rest = self.routes.into_iter().rev().fold(files, behind);
        Ok(behind(rest, router).unwrap_or_default())
    }
}

/// Whether a path means itself, to the router and to a browser.
fn is_path(path: &str) -> bool {
    let strange =
        |c: char| matches!(c, '{' | '}' | '*' | '?' | '#' | '\\') || !c.is_ascii_graphic();
    path.starts_with('/') && !path.starts_with("//") && !path.contains(strange)
}

/// See [`Origins::allows_host`].
async fn refuse_strange_hosts(origins: Arc<Origins>, request: Request, next: Next) -> Response {
    match origins.check_host(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            tracing::warn!(%refusal, "refused");
            refusal.into_response()
        }
    }
}

async fn say_no_cache(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-cache"));
    response
}

impl fmt::Debug for Builder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Builder")
            .field("jugglers", &self.jugglers)
            .field(
                "htpasswd_file",
                &self.htpasswd_file.as_deref().map(Path::display),
            )
            .field("tls", &self.tls)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
