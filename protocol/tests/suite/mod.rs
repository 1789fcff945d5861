//! What every carrier of JSON and both ends of a connection have to do, as suites that any platform runs.
//!
//! The suites are generic over the carrier and use nothing of a platform: no clock, no thread, no file, no
//! environment. Each has an entry function that panics with the reason where something is wrong.
//!
//! | module | what it checks |
//! | --- | --- |
//! | [`rfc6902`] | the public JSON Patch test suite |
//! | [`table`] | pointers, patches and limits, case by case |
//! | [`diff`] | diffs of random values, and what they may consist of |
//! | [`client`] | a client's life, scene by scene |
//! | [`server`] | what a server's connection answers, segment by segment |
//! | [`pair`] | a client and a server over a network that does what it likes |
//! | [`bayeux`] | publish and subscribe |
#![allow(
    dead_code,
    reason = "whoever includes the suites runs those that concern it"
)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test a panic is the report"
)]

pub(crate) mod bayeux;
pub(crate) mod client;
pub(crate) mod diff;
pub(crate) mod pair;
pub(crate) mod random;
pub(crate) mod rfc6902;
pub(crate) mod server;
pub(crate) mod table;

use mirrorball_protocol::json::{Document, Json, Key, Limits, PatchError, Text, Value};

/// Parses JSON of any depth that a test needs.
pub(crate) fn parse<J: Json>(text: &str) -> J {
    let mut limits = Limits::default();
    limits.depth += 10;
    J::parse(&J::Text::new(text), &limits).unwrap_or_else(|error| panic!("{error}: {text:.300}"))
}

/// The member `key` of an object.
pub(crate) fn member<J: Json>(object: &J, key: &str) -> Option<J> {
    object.member(&J::Key::new(key))
}

/// A value as the text that its carrier makes of it.
pub(crate) fn text<J: Json>(value: &J) -> String {
    let mut text = String::new();
    value.write(&mut text);
    text
}

/// The same for equal values, whatever their carrier, the form of their numbers and the order of their keys.
pub(crate) fn canonical<J: Json>(value: &J) -> String {
    let mut text = String::new();
    write_canonical(&parse(&self::text(value)), &mut text);
    text
}

fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole).write(out),
            None => value.write(out),
        },
        Value::Array(array) => {
            out.push('[');
            for item in array.iter() {
                write_canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (key, item) in object.iter() {
                Value::from(key).write(out);
                out.push(':');
                write_canonical(item, out);
                out.push(',');
            }
            out.push('}');
        }
        _ => value.write(out),
    }
}

/// Applies a patch as if it came over the network.
pub(crate) fn apply<J: Json>(document: &mut Document<J>, patch: &str) -> Result<(), PatchError> {
    let text = J::Text::new(patch);
    document.apply(&parse(patch), &text).map(|_| ())
}

/// A document that holds `text`.
pub(crate) fn document<J: Json>(text: &str, limits: Limits) -> Document<J> {
    let mut document = Document::new(limits);
    let first = format!(r#"[{{"op":"replace","path":"","value":{text}}}]"#);
    apply(&mut document, &first).unwrap_or_else(|error| panic!("{error}: {text:.300}"));
    document
}
