//! [`Context`]: what is known of where a message came from.

use std::{fmt, sync::Arc};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue, Request, Uri, request::Parts},
};
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
            headers: own_headers(request.headers),
            uri: own_uri(request.uri),
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

/// The same headers apart from the buffer that the request was read into: a connect that is held, or a WebSocket, would
/// keep all of it.
fn own_headers(mut headers: HeaderMap) -> HeaderMap {
    let mut text = Vec::with_capacity(headers.values().map(HeaderValue::len).sum());
    for value in headers.values() {
        text.extend_from_slice(value.as_bytes());
    }
    let mut text = Bytes::from(text);
    for value in headers.values_mut() {
        let own = text.split_to(value.len());
        // It was legal before.
        if let Ok(mut own) = HeaderValue::from_maybe_shared(own) {
            own.set_sensitive(value.is_sensitive());
            *value = own;
        }
    }
    headers
}

/// The same for what was requested.
fn own_uri(uri: Uri) -> Uri {
    uri.to_string().parse().unwrap_or(uri)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_knows_the_request_and_lets_go_of_what_it_was_read_into() {
        let buffer = Bytes::from(b"/cometd/x?y=z,one,two,three".to_vec());
        let slice = |range| HeaderValue::from_maybe_shared(buffer.slice(range)).unwrap();
        let mut request = Request::new(());
        *request.uri_mut() = Uri::from_maybe_shared(buffer.slice(..13)).unwrap();
        let headers = request.headers_mut();
        headers.append("a", slice(14..17));
        headers.append("b", slice(18..21));
        headers.append("a", slice(22..27));
        let expected = headers.clone();
        let context = Context::new(request.into_parts().0, None);
        assert_eq!(context.uri(), "/cometd/x?y=z");
        assert_eq!(context.headers(), &expected);
        assert_eq!(context.headers().get_all("a").iter().count(), 2);
        drop(expected);
        assert!(buffer.is_unique());
    }
}
