//! [`Context`]: what is known of where a message came from.

use std::{fmt, sync::Arc};

use axum::http::{HeaderMap, Request, Uri, request::Parts};
use mirrorball_protocol::bayeux::broker::Caller;

use crate::{
    auth::Principal,
    proxies::{Remote, Scheme, client_key},
};

/// What is known of the HTTP request that a message came with; for a WebSocket that is the one that opened it. A
/// handle, to be cloned freely.
#[derive(Clone)]
pub struct Context {
    shared: Arc<Shared>,
}

struct Shared {
    headers: HeaderMap,
    uri: Uri,
    remote: Option<Remote>,
    principal: Option<Principal>,
    browser: Option<Arc<str>>,
}

impl Context {
    /// Of a request, and of the browser that it says it is from.
    pub(super) fn new(request: Parts, browser: Option<Arc<str>>) -> Self {
        let shared = Shared {
            remote: Remote::of_request(&request.extensions),
            principal: request.extensions.get().cloned(),
            headers: request.headers,
            uri: request.uri,
            browser,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Of a client in this process.
    pub(super) fn local() -> Self {
        Self::new(Request::new(()).into_parts().0, None)
    }

    /// The same, as the broker tells clients apart.
    pub(super) fn caller(&self) -> Caller {
        Caller {
            browser: self.shared.browser.clone(),
            principal: self.principal().map(|principal| principal.name().into()),
            address: self
                .remote()
                .map(|remote| client_key(remote.address()).to_string().into()),
        }
    }

    /// The request's headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.shared.headers
    }

    /// What was requested, with its query.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.shared.uri
    }

    /// The client, as far as it is known: see [`Remote::of_request`].
    #[must_use]
    pub fn remote(&self) -> Option<Remote> {
        self.shared.remote
    }

    /// The user, where the server [asks](crate::server::Builder::htpasswd_file) who that is, or a layer of an app of
    /// your own put one into the request's extensions.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.shared.principal.as_ref()
    }

    /// The browser's id, where its [cookie](super::BrowserCookie) came along.
    #[must_use]
    pub fn browser(&self) -> Option<&str> {
        self.shared.browser.as_deref()
    }

    /// Whether the client is known to have come over TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        let scheme = self.remote().and_then(|remote| remote.scheme());
        scheme == Some(Scheme::Https)
    }
}

impl fmt::Debug for Context {
    /// Without the headers: they may have secrets.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Context")
            .field("remote", &self.remote())
            .field("principal", &self.principal())
            .finish_non_exhaustive()
    }
}
