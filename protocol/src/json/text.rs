//! Values to text and back.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt::{self, Write};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};

use super::{Array, Limits, Malformed, Number, Object, Value, number::Repr};

impl Value {
    /// Parses one JSON text, which may be nested at most [`Limits::depth`] deep and hold at most
    /// [`Limits::nodes`] values.
    ///
    /// # Errors
    ///
    /// [`Malformed`] where `text` is not JSON or passes a limit. The text's author is at fault.
    pub fn parse(text: &str, limits: &Limits) -> Result<Self, Malformed> {
        let mut nodes = limits.nodes;
        let mut json = serde_json::Deserializer::from_str(text);
        let value = Node {
            depth: limits.depth,
            nodes: &mut nodes,
        }
        .deserialize(&mut json)
        .map_err(|error| Malformed::new(&error))?;
        json.end().map_err(|error| Malformed::new(&error))?;
        Ok(value)
    }

    /// The value as JSON text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    /// Appends the value as JSON text.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(number) => write_number(*number, out),
            Self::String(text) => write_string(text, out),
            Self::Array(array) => {
                out.push('[');
                for (index, item) in array.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(object) => {
                out.push('{');
                for (index, (key, value)) in object.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_string(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn write_number(number: Number, out: &mut String) {
    // Writing into a `String` cannot fail.
    let _ = match number.repr() {
        Repr::Int(int) => write!(out, "{int}"),
        Repr::Big(big) => write!(out, "{big}"),
        Repr::Float(float) => match serde_json::Number::from_f64(float) {
            Some(shortest) => write!(out, "{shortest}"),
            None => out.write_str("null"),
        },
    };
}

/// Writes an integer: less code than formatting is, which a browser has to load.
pub(crate) fn write_integer(integer: i64, text: &mut String) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut left = integer.unsigned_abs();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        at -= 1;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if integer < 0 {
        text.push('-');
    }
    text.extend(digits.iter().skip(at).map(|digit| char::from(*digit)));
}

/// Appends `text` as a JSON string.
pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x08 => "\\b",
            0x0c => "\\f",
            0x00..0x20 => "",
            _ => continue,
        };
        out.push_str(text.get(plain..at).unwrap_or_default());
        plain = at + 1;
        if escape.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(text.get(plain..).unwrap_or_default());
    out.push('"');
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(array) => serializer.collect_seq(array.iter()),
            Self::Object(object) => serializer.collect_map(object.iter()),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.repr() {
            Repr::Int(value) => serializer.serialize_i64(value),
            Repr::Big(value) => serializer.serialize_u64(value),
            Repr::Float(value) => serializer.serialize_f64(value),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut nodes = usize::MAX;
        Node {
            depth: usize::MAX,
            nodes: &mut nodes,
        }
        .deserialize(deserializer)
    }
}

/// Builds one value of at most `depth` levels, taking it and all below it off `nodes`.
struct Node<'a> {
    depth: usize,
    nodes: &'a mut usize,
}

impl Node<'_> {
    fn inner<E: Error>(&mut self) -> Result<Node<'_>, E> {
        let depth = self
            .depth
            .checked_sub(1)
            .ok_or_else(|| E::custom("nested too deep"))?;
        Ok(Node {
            depth,
            nodes: self.nodes,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        *self.nodes = self
            .nodes
            .checked_sub(1)
            .ok_or_else(|| D::Error::custom("more values than allowed"))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("JSON has no infinities and no NaN"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self.inner()?)? {
            array.push(item);
        }
        Ok(Value::Array(array.into_iter().collect::<Array>()))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Value, A::Error> {
        let mut object: Vec<(Arc<str>, Value)> = Vec::new();
        // An empty object is a level, too.
        self.inner::<A::Error>()?;
        while let Some(key) = members.next_key::<String>()? {
            object.push((key.into(), members.next_value_seed(self.inner()?)?));
        }
        Ok(Value::Object(object.into_iter().collect::<Object>()))
    }
}

/// Any serialisable data as a value, as [`serde_json::to_value`] makes it: infinities and NaN become `null`.
///
/// # Errors
///
/// Where the data does not serialise: a map with keys that are no texts, or an implementation of
/// [`Serialize`] that fails.
pub fn to_value<T: Serialize + ?Sized>(data: &T) -> Result<Value, serde_json::Error> {
    serde_json::to_value(data).map(Value::from)
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => value.into(),
                (None, Some(value)) => value.into(),
                (None, None) => number.as_f64().into(),
            },
            serde_json::Value::String(text) => text.into(),
            serde_json::Value::Array(items) => items.into_iter().collect(),
            serde_json::Value::Object(members) => Self::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (key, Self::from(value)))
                    .collect(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(depth: usize, nodes: usize) -> Limits {
        Limits {
            depth,
            nodes,
            ..Limits::default()
        }
    }

    #[test]
    fn text_goes_there_and_back() {
        for text in [
            r#"{"a":[1,-2,0.5,1e300,18446744073709551615],"b":{"":null},"c":[true,false,[],{}]}"#,
            r#""\u0000\u001f\"\\\n\r\t\b\f/ é 😀""#,
            "-9223372036854775808",
            "1.7976931348623157e308",
        ] {
            let value = Value::parse(text, &Limits::default()).unwrap();
            let again = Value::parse(&value.to_text(), &Limits::default()).unwrap();
            assert_eq!(value, again);
            let reference: serde_json::Value = serde_json::from_str(&value.to_text()).unwrap();
            assert_eq!(Value::from(reference), value);
            assert_eq!(serde_json::to_string(&value).unwrap(), value.to_text());
        }
    }

    #[test]
    fn depth_and_count_are_limited() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(Value::parse(&nested(100), &limits(100, 1_000)).is_ok());
        assert!(Value::parse(&nested(101), &limits(100, 1_000)).is_err());
        assert!(Value::parse(&"[".repeat(100_000), &limits(100, 1_000)).is_err());
        assert!(Value::parse("[0,0,0]", &limits(1, 4)).is_ok());
        assert!(Value::parse("[0,0,0,0]", &limits(1, 4)).is_err());
        assert!(Value::parse("0", &limits(0, 1)).is_ok());
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            "{",
            "[1,]",
            "01",
            "NaN",
            "1e400",
            "\u{feff}1",
            "1 2",
            r#""\ud800""#,
            "\"\t\"",
        ] {
            assert!(Value::parse(text, &Limits::default()).is_err(), "{text}");
        }
    }
}
