//! [`Hooks`]: what the application does to payloads on their way.

use std::{fmt, sync::Arc};

use http::HeaderMap;
use mirrorball_protocol::json::{Limits, Value};

use super::extension::{Auth, BoxError, BoxFuture, Codec, Hook, Payload};
use crate::{Address, ConnectionError, cookies::Jar};

/// What says the headers of requests.
pub(super) type Headers =
    Box<dyn Fn() -> BoxFuture<'static, Result<HeaderMap, BoxError>> + Send + Sync>;

/// What the application does to payloads on their way, and what goes with each of them.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(super) extensions: Vec<Box<dyn Hook>>,
    pub(super) auth: Option<Arc<dyn Auth>>,
    pub(super) codec: Option<Box<dyn Codec>>,
    pub(super) headers: Option<Headers>,
    pub(super) limits: Limits,
    pub(crate) cookies: Jar,
}

impl Hooks {
    /// Whether payloads go as they are.
    pub(crate) fn is_idle(&self) -> bool {
        self.extensions.is_empty() && self.auth.is_none() && self.codec.is_none()
    }

    /// The headers of what opens a connection.
    pub(crate) async fn opening(&self, address: &Address) -> Result<HeaderMap, ConnectionError> {
        let mut headers = self.headers(address).await?;
        self.show(&mut Payload::new(), &mut headers).await;
        Ok(headers)
    }

    /// What is sent in place of a payload: text and headers; no text where nothing is left of it.
    pub(crate) async fn outgoing(
        &self,
        text: String,
        address: &Address,
    ) -> Result<(Option<String>, HeaderMap), ConnectionError> {
        let mut headers = self.headers(address).await?;
        if self.is_idle() {
            return Ok((Some(text), headers));
        }
        let mut payload = self.read(&text)?;
        self.show(&mut payload, &mut headers).await;
        Ok((self.write(payload, self.codec.as_deref())?, headers))
    }

    /// What came in place of a payload; `None` where nothing is left of it.
    pub(crate) async fn incoming(
        &self,
        text: String,
        headers: Option<&HeaderMap>,
    ) -> Result<Option<String>, ConnectionError> {
        if self.is_idle() {
            return Ok(Some(text));
        }
        let mut payload = match &self.codec {
            Some(codec) => items(codec.decode(&text).map_err(failed)?),
            None => self.read(&text)?,
        };
        if let Some(auth) = &self.auth {
            auth.incoming(&mut payload, headers).await;
        }
        for extension in &self.extensions {
            extension.incoming(&mut payload, headers).await;
        }
        self.write(payload, None)
    }

    async fn headers(&self, address: &Address) -> Result<HeaderMap, ConnectionError> {
        let mut headers = match &self.headers {
            Some(headers) => headers().await.map_err(failed)?,
            None => HeaderMap::new(),
        };
        if let Some(cookies) = self.cookies.header(address) {
            headers.entry(http::header::COOKIE).or_insert(cookies);
        }
        Ok(headers)
    }

    async fn show(&self, payload: &mut Payload, headers: &mut HeaderMap) {
        for extension in &self.extensions {
            extension.outgoing(payload, headers).await;
        }
        if let Some(auth) = &self.auth {
            auth.outgoing(payload, headers).await;
        }
    }

    fn read(&self, text: &str) -> Result<Payload, ConnectionError> {
        let value = Value::parse(text, &self.limits).map_err(|error| {
            ConnectionError::Protocol(format!("the payload is no JSON: {error}"))
        })?;
        Ok(items(value))
    }

    fn write(
        &self,
        payload: Payload,
        codec: Option<&dyn Codec>,
    ) -> Result<Option<String>, ConnectionError> {
        if payload.is_empty() {
            return Ok(None);
        }
        let payload = Value::from(payload);
        Ok(Some(match codec {
            Some(codec) => codec.encode(&payload).map_err(failed)?,
            None => payload.to_text(),
        }))
    }
}

/// The messages of a payload; one alone is a payload, too.
fn items(payload: Value) -> Payload {
    match payload {
        Value::Array(items) => items.iter().cloned().collect(),
        message => vec![message],
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what map_err hands over"
)]
fn failed(error: BoxError) -> ConnectionError {
    ConnectionError::Application(error.to_string())
}

impl fmt::Debug for Hooks {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Hooks")
            .field("extensions", &self.extensions.len())
            .field("auth", &self.auth.is_some())
            .field("codec", &self.codec.is_some())
            .field("cookies", &self.cookies)
            .finish_non_exhaustive()
    }
}
