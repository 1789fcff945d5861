//! [`Handlers`]: who answers which request, and [`RequestError`]: why one failed.

use std::{collections::BTreeMap, fmt, future::Future, pin::Pin};

use mirrorball_protocol::json::{Value, to_value};
use serde::{Serialize, de::DeserializeOwned};

use super::{Connection, Disconnected};
use crate::StateError;

type Handling = Pin<Box<dyn Future<Output = Result<Value, RequestError>> + Send>>;
type Handler = Box<dyn Fn(Connection, String, Value) -> Handling + Send + Sync>;

/// Why a request failed: any JSON, for the client to read.
///
/// Errors of one's own become one by `impl From<MyError> for RequestError`.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestError {
    data: Value,
}

impl RequestError {
    /// An error that is told as a text.
    pub fn new(error: impl fmt::Display) -> Self {
        Self {
            data: Value::from(error.to_string()),
        }
    }

    /// An error that is told as this data.
    ///
    /// Data that does not serialise is told as the text of what is wrong with it.
    pub fn with_data(data: &(impl Serialize + ?Sized)) -> Self {
        to_value(data).map_or_else(Self::new, |data| Self { data })
    }

    /// Nobody handles requests of this name.
    #[must_use]
    pub fn unknown(name: &str) -> Self {
        Self::with_code(
            "unknown-request",
            &format_args!("this server has no request `{name}`"),
        )
    }

    /// The data of a request is not what its handler takes.
    fn unsuitable(name: &str, error: &serde_json::Error) -> Self {
        Self::with_code(
            "unsuitable-data",
            &format_args!("the request `{name}` takes other data: {error}"),
        )
    }

    /// A handler panicked. What it says is for the log, and not for the other side.
    pub(super) fn panicked() -> Self {
        Self::new("the request failed inside the server")
    }

    pub(super) fn with_code(code: &str, message: &dyn fmt::Display) -> Self {
        Self::with_data(&serde_json::json!({ "code": code, "message": message.to_string() }))
    }

    /// What the client is told.
    #[must_use]
    pub const fn data(&self) -> &Value {
        &self.data
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.data.as_str() {
            Some(text) => out.write_str(text),
            None => self.data.fmt(out),
        }
    }
}

impl std::error::Error for RequestError {}

impl From<Value> for RequestError {
    fn from(data: Value) -> Self {
        Self { data }
    }
}

impl From<&str> for RequestError {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for RequestError {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<StateError> for RequestError {
    fn from(error: StateError) -> Self {
        Self::new(error)
    }
}

impl From<Disconnected> for RequestError {
    fn from(error: Disconnected) -> Self {
        Self::new(error)
    }
}

/// Who answers which request.
#[derive(Default)]
pub(super) struct Handlers {
    /// By the request's name.
    named: BTreeMap<String, Handler>,
    /// Whatever has no handler of its own.
    other: Option<Handler>,
}

impl Handlers {
    pub(super) fn add<H, T, O, R, E>(&mut self, name: String, handler: H)
    where
        H: Fn(Connection, T) -> O + Send + Sync + 'static,
        T: DeserializeOwned + 'static,
        O: Future<Output = Result<R, E>> + Send + 'static,
        R: Serialize + 'static,
        E: Into<RequestError> + 'static,
    {
        let handler: Handler = Box::new(move |connection, name, data| {
            // By way of the text: it is what serde's formats all read, and was bounded when it came.
            match serde_json::from_str(&data.to_text()) {
                Ok(data) => {
                    let handling = handler(connection, data);
                    Box::pin(async move {
                        let answer = handling.await.map_err(Into::into)?;
                        to_value(&answer).map_err(RequestError::new)
                    })
                }
                Err(error) => {
                    let error = RequestError::unsuitable(&name, &error);
                    Box::pin(std::future::ready(Err(error)))
                }
            }
        });
        self.named.insert(name, handler);
    }

    pub(super) fn set_other<H, O>(&mut self, handler: H)
    where
        H: Fn(Connection, String, Value) -> O + Send + Sync + 'static,
        O: Future<Output = Result<Value, RequestError>> + Send + 'static,
    {
        self.other = Some(Box::new(move |connection, name, data| {
            Box::pin(handler(connection, name, data))
        }));
    }

    /// Handles a request.
    ///
    /// # Errors
    ///
    /// What its handler returns, and where it has none.
    pub(super) async fn handle(
        &self,
        connection: Connection,
        name: String,
        data: Value,
    ) -> Result<Value, RequestError> {
        match self.named.get(&name).or(self.other.as_ref()) {
            Some(handler) => handler(connection, name, data).await,
            None if self.named.is_empty() => {
                Err(RequestError::new("this server handles no requests"))
            }
            None => Err(RequestError::unknown(&name)),
        }
    }
}
