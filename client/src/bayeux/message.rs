//! [`Message`]: what a server says.

use std::fmt;

use mirrorball_protocol::{
    bayeux::{
        self,
        ext::binary::{Binary, BinaryError},
    },
    json::Value,
};
use serde::de::DeserializeOwned;

use crate::{Mismatch, error::read};

/// A message of a server: something published, or the reply to a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Message(pub(super) Value);

impl Message {
    /// The channel that it was published on, or that the request went to.
    #[must_use]
    pub fn channel(&self) -> &str {
        self.text("channel").unwrap_or_default()
    }

    /// What was published; `null` where there is nothing.
    #[must_use]
    pub fn data(&self) -> &Value {
        static NULL: Value = Value::Null;
        self.0.get("data").unwrap_or(&NULL)
    }

    /// What was published as a Rust type: a copy, made by way of its text.
    ///
    /// # Errors
    ///
    /// Where it is something else.
    pub fn data_as<T: DeserializeOwned>(&self) -> Result<T, Mismatch> {
        read(self.data())
    }

    /// The bytes that were published with [`Client::publish_binary`](super::Client::publish_binary), or by the binary extension
    /// of another client; `None` where it is no such message.
    ///
    /// # Errors
    ///
    /// Where it says that it carries bytes, and does not.
    #[must_use]
    pub fn binary(&self) -> Option<Result<Binary, BinaryError>> {
        Binary::read(&bayeux::Message(self.0.clone()))
    }

    /// What extensions said besides.
    #[must_use]
    pub fn ext(&self) -> Option<&Value> {
        self.0.get("ext")
    }

    /// What tells the request from others, where this is a reply.
    #[must_use]
    pub fn id(&self) -> Option<&Value> {
        self.0.get("id")
    }

    /// Whether the request was carried out, where this is a reply that says so.
    #[must_use]
    pub fn successful(&self) -> Option<bool> {
        self.0.get("successful")?.as_bool()
    }

    /// The whole message, as the server sent it.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.0
    }

    /// The whole message, as the server sent it.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.0
    }

    /// A member that is a text.
    pub(super) fn text(&self, member: &str) -> Option<&str> {
        self.0.get(member)?.as_str()
    }
}

impl fmt::Display for Message {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}
