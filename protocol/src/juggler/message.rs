//! The four messages of Juggler as JSON.

use alloc::string::String;

use super::segment::Draft;
use crate::{
    json::{Diff, Field, Json, Value, write_integer, write_string},
    reason::Reason,
};

/// What a client sends.
#[derive(Clone, Debug, PartialEq)]
pub struct Request<J: Json> {
    /// Chosen by the client, unique among its requests in progress.
    pub id: i64,
    /// What is asked for; the empty name asks for an echo.
    pub name: J::Key,
    /// The question.
    pub data: J,
    /// What tells this request from all others, where it is to be carried out once however often it comes.
    pub key: Option<J::Key>,
}

/// What a server sends.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerMessage<J: Json> {
    /// The answer to a request.
    Response {
        /// The request's id.
        id: i64,
        /// Whether the request was carried out.
        success: bool,
        /// The answer, or what went wrong.
        data: J,
    },
    /// A JSON Patch from the state so far to the state now.
    State {
        /// The patch.
        diff: J,
        /// The number of the state now, where the server counts its states.
        version: Option<i64>,
    },
    /// A message to whoever listens now.
    Notify {
        /// What it is about.
        name: J::Key,
        /// The message.
        data: J,
    },
}

const FIELDS: Reason = Reason::protocol("a message lacks a field, or has one of the wrong type");
const TYPE: Reason = Reason::protocol("a message has an unknown type");

impl<J: Json> Request<J> {
    /// Reads a client's message.
    ///
    /// # Errors
    ///
    /// The reason to close the connection: the client broke the protocol.
    pub fn read(message: &J) -> Result<Self, Reason> {
        word(message, &["request"])?;
        Ok(Self {
            id: message.integer(Field::Id).ok_or(FIELDS)?,
            name: message
                .field(Field::Name)
                .and_then(J::into_key)
                .ok_or(FIELDS)?,
            data: message.field(Field::Data).ok_or(FIELDS)?,
            key: message.field(Field::Key).and_then(J::into_key),
        })
    }
}

impl<J: Json> ServerMessage<J> {
    /// Reads a server's message.
    ///
    /// # Errors
    ///
    /// The reason to close the connection: the server broke the protocol.
    pub fn read(message: &J) -> Result<Self, Reason> {
        let data = || message.field(Field::Data).ok_or(FIELDS);
        Ok(match word(message, &["state", "response", "notify"])? {
            0 => Self::State {
                diff: message.field(Field::Diff).ok_or(FIELDS)?,
                version: message.integer(Field::Version),
            },
            1 => Self::Response {
                id: message.integer(Field::Id).ok_or(FIELDS)?,
                success: message
                    .field(Field::Success)
                    .and_then(|it| it.as_bool())
                    .ok_or(FIELDS)?,
                data: data()?,
            },
            _ => Self::Notify {
                name: message
                    .field(Field::Name)
                    .and_then(J::into_key)
                    .ok_or(FIELDS)?,
                data: data()?,
            },
        })
    }
}

/// Which of `words` is the type of a message.
fn word<J: Json>(message: &J, words: &'static [&'static str]) -> Result<usize, Reason> {
    message.word(Field::Type, words).ok_or_else(|| {
        if message.field(Field::Type).is_some() {
            TYPE
        } else {
            FIELDS
        }
    })
}

/// Writes a request with `ask`, which is what [`ask`] writes.
#[must_use]
pub fn request(id: i64, ask: &str) -> Draft {
    let mut draft = Draft::default();
    let text = draft.text();
    text.push_str(r#"{"type":"request","id":"#);
    write_integer(id, text);
    text.push(',');
    text.push_str(ask);
    text.push('}');
    draft
}

/// Writes what a request asks: the members that its author is the one to know. `data` is a JSON text; `key` as in
/// [`Request::key`].
#[must_use]
pub fn ask(name: &str, data: &str, key: Option<&str>) -> String {
    let mut text = String::from(r#""name":"#);
    write_string(name, &mut text);
    text.push_str(r#","data":"#);
    text.push_str(data);
    if let Some(key) = key {
        text.push_str(r#","key":"#);
        write_string(key, &mut text);
    }
    text
}

/// Writes the answer to a request: what it came to, or what went wrong.
#[must_use]
pub fn response(id: i64, result: Result<&Value, &Value>) -> Draft {
    let mut draft = Draft::default();
    let text = draft.text();
    text.push_str(r#"{"type":"response","id":"#);
    write_integer(id, text);
    let (success, data) = match result {
        Ok(data) => ("true", data),
        Err(data) => ("false", data),
    };
    text.push_str(r#","success":"#);
    text.push_str(success);
    text.push_str(r#","data":"#);
    data.write(text);
    text.push('}');
    draft
}

/// Writes a diff.
#[must_use]
pub fn state(diff: &Diff, stamp: &Stamp<'_>) -> Draft {
    let mut draft = Draft::default();
    let text = draft.text();
    text.push_str(r#"{"type":"state","diff":"#);
    diff.write(text);
    if let Some(epoch) = stamp.epoch {
        text.push_str(r#","epoch":"#);
        write_string(epoch, text);
    }
    for (name, version) in [
        (r#","since":"#, stamp.since),
        (r#","version":"#, stamp.version),
    ] {
        if let Some(version) = version.and_then(|version| i64::try_from(version).ok()) {
            text.push_str(name);
            write_integer(version, text);
        }
    }
    text.push('}');
    draft
}

/// What a server that counts its states adds to a diff, so that a client that comes back can go on from it. Peers that know
/// nothing of it leave it alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// The server's life, in which its states are counted; with the first diff of a connection.
    pub epoch: Option<&'a str>,
    /// The number of the state that the diff goes on from, where that is the one that the client came back with.
    pub since: Option<u64>,
    /// The number of the state that the diff leads to.
    pub version: Option<u64>,
}

/// Writes a notification.
#[must_use]
pub fn notification(name: &str, data: &Value) -> Draft {
    let mut draft = Draft::default();
    let text = draft.text();
    text.push_str(r#"{"type":"notify","name":"#);
    write_string(name, text);
    text.push_str(r#","data":"#);
    data.write(text);
    text.push('}');
    draft
}

/// Writes that a request was refused before anyone looked at it. Where it came before, that says nothing of what became of it
/// then.
#[must_use]
pub fn refusal(id: i64, data: &Value) -> Draft {
    let mut draft = response(id, Err(data));
    let text = draft.text();
    text.pop();
    text.push_str(r#","unhandled":true}"#);
    draft
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;
    use crate::json::{Limits, diff};

    fn parse(text: &str) -> Value {
        Value::parse(text, &Limits::default()).unwrap()
    }

    fn text(draft: Draft) -> String {
        draft.seal::<String>(usize::MAX)[0][1..].to_string()
    }

    #[test]
    fn messages_go_there_and_back() {
        let data = parse(r#"{"k":[1,"ü😀\n"]}"#);
        let asked = Request {
            id: 7,
            name: "a\"b".into(),
            data: data.clone(),
            key: Some("k".into()),
        };
        let written = text(request(7, &ask("a\"b", &data.to_text(), Some("k"))));
        assert_eq!(Request::read(&parse(&written)).unwrap(), asked);

        let read = |draft| ServerMessage::read(&parse(&text(draft))).unwrap();
        let answer = |success| ServerMessage::Response {
            id: -3,
            success,
            data: data.clone(),
        };
        assert_eq!(read(response(-3, Ok(&data))), answer(true));
        assert_eq!(read(response(-3, Err(&data))), answer(false));
        let notify = ServerMessage::Notify {
            name: "n".into(),
            data: data.clone(),
        };
        assert_eq!(read(notification("n", &data)), notify);
        let first = parse(r#"[{"op":"replace","path":"","value":{"k":[1,"ü😀\n"]}}]"#);
        assert_eq!(
            read(state(&diff(&Value::Null, &data), &Stamp::default())),
            ServerMessage::State {
                diff: first,
                version: None
            }
        );
    }

    #[test]
    fn what_a_server_refuses() {
        for (message, code) in [
            (
                r#"{"type":"request","id":1,"name":"n","data":null,"more":1}"#,
                None,
            ),
            (
                r#"{"type":"request","id":9007199254740992,"name":"n","data":null}"#,
                None,
            ),
            (
                r#"{"type":"request","id":1.0,"name":"n","data":null}"#,
                None,
            ),
            (
                r#"{"type":"request","id":9007199254740993,"name":"n","data":null}"#,
                Some(1002),
            ),
            (
                r#"{"type":"request","id":1.5,"name":"n","data":null}"#,
                Some(1002),
            ),
            (
                r#"{"type":"request","id":null,"name":"n","data":null}"#,
                Some(1002),
            ),
            (
                r#"{"type":"request","id":"1","name":"n","data":null}"#,
                Some(1002),
            ),
            (r#"{"type":"request","name":"n","data":null}"#, Some(1002)),
            (
                r#"{"type":"request","id":1,"name":1,"data":null}"#,
                Some(1002),
            ),
            (r#"{"type":"request","id":1,"name":"n"}"#, Some(1002)),
            (r#"{"type":"notify","name":"n","data":null}"#, Some(1002)),
            (r#"{"type":1}"#, Some(1002)),
            ("{}", Some(1002)),
            ("[]", Some(1002)),
            ("null", Some(1002)),
        ] {
            let refused = Request::read(&parse(message))
                .err()
                .map(|reason| reason.code);
            assert_eq!(refused, code, "{message}");
        }
    }

    #[test]
    fn what_a_client_refuses() {
        for (message, fine) in [
            (r#"{"type":"state","diff":[],"version":1}"#, true),
            (r#"{"type":"state"}"#, false),
            (
                r#"{"type":"response","id":1,"success":true,"data":null}"#,
                true,
            ),
            (
                r#"{"type":"response","id":1,"success":1,"data":null}"#,
                false,
            ),
            (r#"{"type":"response","id":1,"success":true}"#, false),
            (r#"{"type":"notify","name":"n","data":null}"#, true),
            (r#"{"type":"notify","data":null}"#, false),
            (r#"{"type":"request","id":1,"name":"n","data":null}"#, false),
            (r#"{"type":"other"}"#, false),
            ("7", false),
        ] {
            assert_eq!(
                ServerMessage::read(&parse(message)).is_ok(),
                fine,
                "{message}"
            );
        }
    }
}
