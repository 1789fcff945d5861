//! [`RequestError`]: why a request failed.

use std::fmt;

use mirrorball_protocol::json::{Value, to_value};
use serde::Serialize;

use crate::StateError;

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
    pub(crate) fn unsuitable(name: &str, error: &serde_json::Error) -> Self {
        Self::with_code(
            "unsuitable-data",
            &format_args!("the request `{name}` takes other data: {error}"),
        )
    }

    /// A handler panicked. What it says is for the log, and not for the other side.
    pub(crate) fn panicked() -> Self {
        Self::new("the request failed inside the server")
    }

    pub(crate) fn with_code(code: &str, message: &dyn fmt::Display) -> Self {
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
