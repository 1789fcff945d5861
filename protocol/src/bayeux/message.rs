//! Messages and batches of them as JSON.

use alloc::{string::String, vec::Vec};
use core::{fmt, time::Duration};

use super::{Advice, Meta};
use crate::json::{Json, Key, Kind, write_integer, write_string};

/// The members that the protocol names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `advice`
    Advice,
    /// `channel`
    Channel,
    /// `clientId`
    ClientId,
    /// `connectionType`
    ConnectionType,
    /// `data`
    Data,
    /// `error`
    Error,
    /// `ext`
    Ext,
    /// `id`
    Id,
    /// `interval`
    Interval,
    /// `maxInterval`
    MaxInterval,
    /// `minimumVersion`
    MinimumVersion,
    /// `multiple-clients`
    MultipleClients,
    /// `reconnect`
    Reconnect,
    /// `subscription`
    Subscription,
    /// `successful`
    Successful,
    /// `supportedConnectionTypes`
    SupportedConnectionTypes,
    /// `timeout`
    Timeout,
    /// `version`
    Version,
}

impl Field {
    /// The names, in the order of the members above.
    pub const NAMES: &[&str] = &[
        "advice",
        "channel",
        "clientId",
        "connectionType",
        "data",
        "error",
        "ext",
        "id",
        "interval",
        "maxInterval",
        "minimumVersion",
        "multiple-clients",
        "reconnect",
        "subscription",
        "successful",
        "supportedConnectionTypes",
        "timeout",
        "version",
    ];

    /// The member's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The member of `object`, where it is an object that has it.
    pub fn of<J: Json>(self, object: &J) -> Option<J> {
        object.named(Self::NAMES, self as usize)
    }
}

/// A message: a JSON value whose members are read when they are asked for. A member of the wrong type is as if it was not there.
#[derive(Clone, Debug, PartialEq)]
pub struct Message<J: Json>(pub J);

impl<J: Json> Message<J> {
    /// A member as it is.
    pub fn field(&self, field: Field) -> Option<J> {
        field.of(&self.0)
    }

    /// A member that is a text.
    pub fn text(&self, field: Field) -> Option<J::Key> {
        self.field(field)?.into_key()
    }

    /// What it is sent to.
    pub fn channel(&self) -> Option<J::Key> {
        self.text(Field::Channel)
    }

    /// The meta channel that it is sent to, where that is one.
    pub fn meta(&self) -> Option<Meta> {
        Meta::of(&self.channel()?.to_str())
    }

    /// What tells a request from the others of its sender, as JSON; any scalar.
    pub fn id(&self) -> Option<J> {
        self.field(Field::Id)
    }

    /// The session that sends it.
    pub fn client_id(&self) -> Option<J::Key> {
        self.text(Field::ClientId)
    }

    /// Whether a request was carried out, where this is a reply that says so.
    pub fn successful(&self) -> Option<bool> {
        self.field(Field::Successful)?.as_bool()
    }

    /// What went wrong.
    pub fn error(&self) -> Option<J::Key> {
        self.text(Field::Error)
    }

    /// The application's part.
    pub fn data(&self) -> Option<J> {
        self.field(Field::Data)
    }

    /// Extensions' part.
    pub fn ext(&self) -> Option<J> {
        self.field(Field::Ext)
    }

    /// What to do next.
    pub fn advice(&self) -> Option<Advice> {
        Some(Advice::read(&self.field(Field::Advice)?))
    }

    /// A member that is a text, or an array of nothing but texts.
    pub fn texts(&self, field: Field) -> Option<Vec<J::Key>> {
        let value = self.field(field)?;
        if value.kind() == Kind::Array {
            (0..value.items())
                .map(|index| value.element(index)?.into_key())
                .collect()
        } else {
            value.into_key().map(|text| Vec::from([text]))
        }
    }
}

/// Why something is no batch of messages. Its author is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// It is neither an array nor an object.
    Scalar,
    /// It is an empty array.
    Empty,
    /// There are more messages than are taken at once.
    Long,
    /// One of them is no object.
    Foreign,
}

impl fmt::Display for BatchError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Scalar => "a batch of messages is an array",
            Self::Empty => "there is no message in the batch",
            Self::Long => "there are too many messages in the batch",
            Self::Foreign => "a message is an object",
        })
    }
}

impl core::error::Error for BatchError {}

/// The messages that a value holds: an array of them, or one alone, as some clients send it.
///
/// # Errors
///
/// Where it holds something else, none, or more than `most`.
pub fn messages<J: Json>(batch: J, most: usize) -> Result<Vec<Message<J>>, BatchError> {
    match batch.kind() {
        Kind::Scalar => Err(BatchError::Scalar),
        Kind::Object => Ok(Vec::from([Message(batch)])),
        Kind::Array => match batch.items() {
            0 => Err(BatchError::Empty),
            items if items > most => Err(BatchError::Long),
            items => (0..items)
                .map(|index| {
                    let message = batch.element(index);
                    let message = message.filter(|it| it.kind() == Kind::Object);
                    message.map(Message).ok_or(BatchError::Foreign)
                })
                .collect(),
        },
    }
}

/// A batch of messages that is being written.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// An array without its last bracket; nothing where there is no message.
    text: String,
}

impl Batch {
    /// Whether there is no message in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// How many bytes of JSON it has so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.text.len()
    }

    /// Adds a message to be written by `write`.
    pub fn message(&mut self, write: impl FnOnce(&mut Members<'_>)) {
        self.separate();
        Members::write(&mut self.text, write);
    }

    /// Adds a message that is JSON already.
    pub fn raw(&mut self, message: &str) {
        self.separate();
        self.text.push_str(message);
    }

    fn separate(&mut self) {
        self.text.push(if self.text.is_empty() { '[' } else { ',' });
    }

    /// The batch as JSON: an array.
    #[must_use]
    pub fn into_text(mut self) -> String {
        if self.text.is_empty() {
            self.text.push('[');
        }
        self.text.push(']');
        self.text
    }
}

/// The members of an object that is being written.
#[derive(Debug)]
pub struct Members<'a> {
    text: &'a mut String,
    is_first: bool,
}

impl Members<'_> {
    /// Appends an object whose members `write` writes.
    pub fn write(text: &mut String, write: impl FnOnce(&mut Members<'_>)) {
        text.push('{');
        write(&mut Members {
            text,
            is_first: true,
        });
        text.push('}');
    }

    fn name(&mut self, name: &str) -> &mut String {
        if !core::mem::take(&mut self.is_first) {
            self.text.push(',');
        }
        write_string(name, self.text);
        self.text.push(':');
        self.text
    }

    /// A text.
    pub fn text(&mut self, name: &str, value: &str) {
        write_string(value, self.name(name));
    }

    /// Texts.
    pub fn texts<'t>(&mut self, name: &str, values: impl IntoIterator<Item = &'t str>) {
        let text = self.name(name);
        text.push('[');
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            write_string(value, text);
        }
        text.push(']');
    }

    /// A boolean.
    pub fn flag(&mut self, name: &str, value: bool) {
        self.name(name)
            .push_str(if value { "true" } else { "false" });
    }

    /// An integer.
    pub fn integer(&mut self, name: &str, value: i64) {
        write_integer(value, self.name(name));
    }

    /// Anything that is JSON already.
    pub fn raw(&mut self, name: &str, json: &str) {
        self.name(name).push_str(json);
    }

    /// A value.
    pub fn value<J: Json>(&mut self, name: &str, value: &J) {
        value.write(self.name(name));
    }

    /// The members of an object that is JSON already.
    pub fn members_of(&mut self, object: &str) {
        let inner = object.trim().strip_prefix('{');
        let inner = inner.and_then(|it| it.strip_suffix('}'));
        if let Some(inner) = inner.filter(|it| !it.trim().is_empty()) {
            if !core::mem::take(&mut self.is_first) {
                self.text.push(',');
            }
            self.text.push_str(inner);
        }
    }

    /// An object whose members `write` writes.
    pub fn object(&mut self, name: &str, write: impl FnOnce(&mut Members<'_>)) {
        Members::write(self.name(name), write);
    }
}

/// A time in milliseconds, as the protocol has it.
pub(super) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bayeux::Reconnect,
        json::{Limits, Value},
    };

    fn value(text: &str) -> Value {
        Value::parse(text, &Limits::default()).unwrap()
    }

    #[test]
    fn a_batch_is_an_array_or_one_message() {
        let read = |text| messages(value(text), 2).map(|messages| messages.len());
        assert_eq!(read("[{},{}]"), Ok(2));
        assert_eq!(read("{}"), Ok(1));
        assert_eq!(read("[]"), Err(BatchError::Empty));
        assert_eq!(read("[{},{},{}]"), Err(BatchError::Long));
        assert_eq!(read("[{},1]"), Err(BatchError::Foreign));
        assert_eq!(read("[[]]"), Err(BatchError::Foreign));
        assert_eq!(read("null"), Err(BatchError::Scalar));
    }

    #[test]
    fn what_is_written_is_read() {
        let mut batch = Batch::default();
        assert!(batch.is_empty());
        let advice = Advice {
            reconnect: Some(Reconnect::Retry),
            interval: Some(Duration::ZERO),
            timeout: Some(Duration::from_secs(30)),
            max_interval: None,
            multiple_clients: true,
        };
        batch.message(|message| {
            message.text("channel", "/meta/connect");
            message.value("id", &value("7"));
            message.flag("successful", true);
            message.texts("subscription", ["/a", "/\"b"]);
            advice.write(message);
        });
        batch.raw(r#"{"channel":"/a","data":null}"#);
        let text = batch.into_text();
        assert_eq!(
            text,
            r#"[{"channel":"/meta/connect","id":7,"successful":true,"subscription":["/a","/\"b"],"advice":{"reconnect":"retry","interval":0,"timeout":30000,"multiple-clients":true}},{"channel":"/a","data":null}]"#
        );
        let read = messages(value(&text), 9).unwrap();
        assert_eq!(read[0].meta(), Some(Meta::Connect));
        assert_eq!(read[0].id(), Some(value("7")));
        assert_eq!(read[0].successful(), Some(true));
        assert_eq!(read[0].advice(), Some(advice));
        let texts = read[0].texts(Field::Subscription).unwrap();
        assert_eq!(texts, ["/a".into(), "/\"b".into()]);
        assert_eq!(read[1].data(), Some(Value::Null));
        assert_eq!(read[1].texts(Field::Subscription), None);
        assert_eq!(Batch::default().into_text(), "[]");
    }

    #[test]
    fn advice_says_as_much_as_it_says() {
        let read = |text| Advice::read(&value(text));
        let partial = read(r#"{"interval":-1,"timeout":"x","reconnect":"surprise"}"#);
        assert_eq!(partial.reconnect, Some(Reconnect::None));
        assert_eq!((partial.interval, partial.timeout), (None, None));
        let defaults = read(r#"{"reconnect":"retry","timeout":60000,"interval":0}"#);
        let merged = read(r#"{"interval":2000}"#).over(&defaults);
        assert_eq!(merged.reconnect, Some(Reconnect::Retry));
        assert_eq!(merged.interval, Some(Duration::from_secs(2)));
        assert_eq!(merged.timeout, Some(Duration::from_secs(60)));
        assert_eq!(read("7"), Advice::default());
    }
}
