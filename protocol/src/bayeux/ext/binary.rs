//! [`Binary`]: bytes inside a message.

use alloc::{string::String, vec::Vec};
use core::fmt;

use super::z85::{self, Z85Error};
use crate::{
    bayeux::{Field, Message},
    json::{Json, Object, Value},
};

/// Bytes as a message carries them: `data` with its `ext.binary`.
#[derive(Clone, Debug, PartialEq)]
pub struct Binary {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether they are the last of what the application sends in several messages.
    pub is_last: bool,
    /// What the application says about them.
    pub meta: Value,
}

/// Why a message that says that it carries bytes does not. Its author is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryError {
    /// There is no `data.data`, or it is no text.
    Missing,
    /// It is no Z85.
    Text(Z85Error),
}

impl fmt::Display for BinaryError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => out.write_str("a binary message has a text in its data.data"),
            Self::Text(error) => error.fmt(out),
        }
    }
}

impl core::error::Error for BinaryError {}

impl Binary {
    /// The bytes that a message carries; `None` where it carries none.
    ///
    /// # Errors
    ///
    /// Where it says that it carries bytes, and does not.
    pub fn read(message: &Message<Value>) -> Option<Result<Self, BinaryError>> {
        let ext = message.ext()?;
        ext.get("binary")?;
        let data = message.data().unwrap_or_default();
        let text = data.get("data").and_then(Value::as_str);
        let bytes = text
            .ok_or(BinaryError::Missing)
            .and_then(|text| z85::decode(text).map_err(BinaryError::Text));
        Some(bytes.map(|bytes| Self {
            bytes,
            is_last: data.get("last").and_then(Json::as_bool).unwrap_or(true),
            meta: data.get("meta").cloned().unwrap_or_default(),
        }))
    }

    /// Makes a message carry the bytes.
    pub fn write(&self, message: &mut Object) {
        let mut data: Object = [
            ("data", Value::from(z85::encode(&self.bytes))),
            ("last", self.is_last.into()),
        ]
        .into_iter()
        .collect();
        if !self.meta.is_null() {
            data.insert("meta", self.meta.clone());
        }
        message.insert(Field::Data.name(), data.into());
        let ext = message.get_or_insert(Field::Ext.name());
        if let Some(ext) = ext {
            if ext.as_object().is_none() {
                *ext = Object::default().into();
            }
            if let Value::Object(ext) = ext {
                ext.insert(String::from("binary"), Object::default().into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Limits;

    fn message(text: &str) -> Message<Value> {
        Message(Value::parse(text, &Limits::default()).unwrap())
    }

    #[test]
    fn bytes_go_into_a_message_and_come_out() {
        let binary = Binary {
            bytes: vec![1, 2, 3],
            is_last: false,
            meta: Value::from("x"),
        };
        let Value::Object(mut object) = message(r#"{"channel":"/a","ext":{"b":1}}"#).0 else {
            panic!("an object");
        };
        binary.write(&mut object);
        let message = Message(Value::from(object));
        let expected = r#"{"channel":"/a","data":{"data":"0rJu","last":false,"meta":"x"},"ext":{"b":1,"binary":{}}}"#;
        assert_eq!(message.0.to_text(), expected);
        assert_eq!(Binary::read(&message), Some(Ok(binary)));
    }

    #[test]
    fn what_carries_no_bytes_is_told_from_what_pretends_to() {
        let read = |text| Binary::read(&message(text));
        assert_eq!(read(r#"{"data":{"data":"0rJu"}}"#), None);
        assert_eq!(
            read(r#"{"ext":{"binary":{}}}"#),
            Some(Err(BinaryError::Missing))
        );
        assert_eq!(
            read(r#"{"ext":{"binary":{}},"data":{"data":"0"}}"#),
            Some(Err(BinaryError::Text(Z85Error::Length)))
        );
    }
}
