//! [`Extension`]s, which see everything that comes and goes.

use std::{error::Error, future::Future, pin::Pin, sync::Arc};

use http::HeaderMap;
use mirrorball_protocol::json::Value;

/// The messages that go, or come, together.
pub type Payload = Vec<Value>;

/// Whatever went wrong in code of the application's.
pub type BoxError = Box<dyn Error + Send + Sync>;

pub(super) type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sees all messages, and may change them: to add what a server wants in `ext`, to encrypt, to count.
///
/// Messages that go pass the extensions in the order in which they were given to the builder, and then
/// [`auth`](super::Builder::auth); those that come pass `auth` first, and then the extensions in the same order. One payload is
/// looked at after another; over long-polling one of each request. Where all messages of a payload are taken out, nothing is
/// sent, and what was asked times out.
///
/// ```
/// use mirrorball_client::{Value, bayeux::{Extension, Payload}};
///
/// struct Lazy;
///
/// impl Extension for Lazy {
///     async fn outgoing(&self, payload: &mut Payload, _: &mut http::HeaderMap) {
///         for message in payload {
///             if let Value::Object(message) = message {
///                 message.insert("lazy", true.into());
///             }
///         }
///     }
/// }
/// ```
pub trait Extension: Send + Sync + 'static {
    /// Called just before a payload is sent. `headers` go with its HTTP request. A WebSocket has headers only while it opens:
    /// then this is called with no message at all, and later with headers that go nowhere.
    fn outgoing(
        &self,
        payload: &mut Payload,
        headers: &mut HeaderMap,
    ) -> impl Future<Output = ()> + Send {
        let _ = (payload, headers);
        async {}
    }

    /// Called just after a payload came. `headers` are those of the HTTP response; `None` where a WebSocket brought it.
    fn incoming(
        &self,
        payload: &mut Payload,
        headers: Option<&HeaderMap>,
    ) -> impl Future<Output = ()> + Send {
        let _ = (payload, headers);
        async {}
    }
}

/// An extension that says who the client is.
pub trait AuthExtension: Extension {
    /// Called where the server refused a request with 401 or 403, to find other credentials. The request is then sent once more,
    /// through [`outgoing`](Extension::outgoing) again. An error leaves it refused, and so does taking longer than
    /// [`Builder::authentication_timeout`](super::Builder::authentication_timeout).
    fn authenticate(&self) -> impl Future<Output = Result<(), BoxError>> + Send {
        async { Ok(()) }
    }
}

/// How JSON is written and read: in place of what this crate does by itself. It is called for each payload, which is an array
/// of messages.
pub trait Codec: Send + Sync + 'static {
    /// Writes a payload.
    ///
    /// # Errors
    ///
    /// Where it cannot be written. The connection is then lost.
    fn encode(&self, payload: &Value) -> Result<String, BoxError>;

    /// Reads a payload.
    ///
    /// # Errors
    ///
    /// Where it is none. The connection is then lost.
    fn decode(&self, text: &str) -> Result<Value, BoxError>;
}

/// An extension of any type.
pub(super) trait Hook: Send + Sync {
    fn outgoing<'a>(
        &'a self,
        payload: &'a mut Payload,
        headers: &'a mut HeaderMap,
    ) -> BoxFuture<'a, ()>;

    fn incoming<'a>(
        &'a self,
        payload: &'a mut Payload,
        headers: Option<&'a HeaderMap>,
    ) -> BoxFuture<'a, ()>;
}

impl<T: Extension> Hook for T {
    fn outgoing<'a>(
        &'a self,
        payload: &'a mut Payload,
        headers: &'a mut HeaderMap,
    ) -> BoxFuture<'a, ()> {
        Box::pin(Extension::outgoing(self, payload, headers))
    }

    fn incoming<'a>(
        &'a self,
        payload: &'a mut Payload,
        headers: Option<&'a HeaderMap>,
    ) -> BoxFuture<'a, ()> {
        Box::pin(Extension::incoming(self, payload, headers))
    }
}

/// An extension of any type that says who the client is.
pub(super) trait Auth: Hook {
    fn authenticate(self: Arc<Self>) -> BoxFuture<'static, Result<(), BoxError>>;
}

impl<T: AuthExtension> Auth for T {
    fn authenticate(self: Arc<Self>) -> BoxFuture<'static, Result<(), BoxError>> {
        Box::pin(async move { AuthExtension::authenticate(&*self).await })
    }
}

/// A shared extension is one, too.
impl<T: Extension> Extension for Arc<T> {
    async fn outgoing(&self, payload: &mut Payload, headers: &mut HeaderMap) {
        Extension::outgoing(&**self, payload, headers).await;
    }

    async fn incoming(&self, payload: &mut Payload, headers: Option<&HeaderMap>) {
        Extension::incoming(&**self, payload, headers).await;
    }
}

impl<T: AuthExtension> AuthExtension for Arc<T> {
    async fn authenticate(&self) -> Result<(), BoxError> {
        AuthExtension::authenticate(&**self).await
    }
}
