//! What the load generator asks for, and how it recognises what it is told.
//!
//! The servers write the same messages with and without spaces. They are looked at as bytes, because parsing
//! them would cost more than sending them does.

use crate::socket::find;

/// Messages that a server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    /// A diff of the state: the path of its last operation, and its value where that is a number.
    State { path: &'a [u8], value: Option<u64> },
    /// The answer to a request.
    Response { id: u64, success: bool },
    /// Anything else.
    Other,
}

impl<'a> Said<'a> {
    pub(crate) fn read(text: &'a [u8]) -> Self {
        let Some(kind) = member(text, b"\"type\":") else {
            return Self::Other;
        };
        if kind.starts_with(b"\"state\"") {
            let path = member(kind, b"\"path\":")
                .and_then(string)
                .unwrap_or_default();
            let value = member(kind, b"\"value\":").and_then(number);
            return Self::State { path, value };
        }
        if kind.starts_with(b"\"response\"") {
            let id = member(kind, b"\"id\":").and_then(number);
            let success = member(kind, b"\"success\":").is_some_and(|it| it.starts_with(b"true"));
            return id.map_or(Self::Other, |id| Self::Response { id, success });
        }
        Self::Other
    }
}

/// What follows the first `name` in a text, without the space that may come first.
pub(crate) fn member<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = text.get(find(text, name)? + name.len()..)?;
    Some(rest.strip_prefix(b" ").unwrap_or(rest))
}

pub(crate) fn string(text: &[u8]) -> Option<&[u8]> {
    let text = text.strip_prefix(b"\"")?;
    let end = text.iter().position(|byte| *byte == b'"')?;
    text.get(..end)
}

pub(crate) fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    let value = digits.clone().fold(0_u64, |value, digit| {
        value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))
    });
    (digits.count() > 0).then_some(value)
}

/// Asks for a state of so many leaves.
pub(crate) fn init(id: u64, leaves: usize) -> String {
    format!(r#"{{"type":"request","id":{id},"name":"init","data":{{"leaves":{leaves}}}}}"#)
}

/// Sets one leaf of an item.
pub(crate) fn set(id: u64, item: usize, value: u64) -> String {
    format!(
        r#"{{"type":"request","id":{id},"name":"set","data":{{"path":["items","k{item}","v"],"value":{value}}}}}"#
    )
}

/// Where that leaf is.
pub(crate) fn path(item: usize) -> String {
    format!("/items/k{item}/v")
}

/// Asks for what it says.
pub(crate) fn echo(id: u64) -> String {
    format!(
        r#"{{"type":"request","id":{id},"name":"echo","data":{{"unit":"kW","good":true,"n":{id}}}}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_are_read() {
        for text in [
            r#"{"type":"state","diff":[{"op":"replace","path":"/items/k1/v","value":27}]}"#,
            r#"{"type": "state", "diff": [{"op": "replace", "path": "/items/k1/v", "value": 27}]}"#,
        ] {
            let (path, value) = (path(1), Some(27));
            let path = path.as_bytes();
            assert_eq!(Said::read(text.as_bytes()), Said::State { path, value });
        }
        for text in [
            r#"{"type":"response","id":5,"success":true,"data":null}"#,
            r#"{"type": "response", "id": 5, "success": true, "data": null}"#,
        ] {
            let said = Said::Response {
                id: 5,
                success: true,
            };
            assert_eq!(Said::read(text.as_bytes()), said);
        }
        assert_eq!(Said::read(b"{}"), Said::Other);
    }
}
