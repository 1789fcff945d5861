//! [`Binary`]: bytes in messages of JSON, as CometD's binary extension writes them.

use mirrorball_protocol::json::Value;

/// The digits of Z85, ZeroMQ's RFC 32.
const DIGITS: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
const BASE: u32 = 85;

/// Bytes that were published.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Binary {
    /// The bytes, or a part of them.
    pub bytes: Vec<u8>,
    /// Whether this is the last part of them.
    pub last: bool,
    /// What the publisher said of them.
    pub meta: Option<Value>,
}

impl Binary {
    /// Reads a message's bytes.
    pub(super) fn read(message: &Value) -> Option<Self> {
        message.get("ext")?.get("binary")?;
        let data = message.get("data")?;
        Some(Self {
            bytes: decode(data.get("data")?.as_str()?)?,
            last: data.get("last").and_then(Value::as_bool).unwrap_or(true),
            meta: data.get("meta").filter(|meta| !meta.is_null()).cloned(),
        })
    }

    /// A message's `data`.
    pub(super) fn data(&self) -> Value {
        let mut data = vec![
            ("data", Value::from(encode(&self.bytes))),
            ("last", self.last.into()),
        ];
        if let Some(meta) = &self.meta {
            data.push(("meta", meta.clone()));
        }
        super::object(data)
    }
}

/// Four bytes are five digits; of fewer bytes, one digit more than they are.
fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(4) * 5);
    for chunk in bytes.chunks(4) {
        let mut word = [0; 4];
        word.iter_mut()
            .zip(chunk)
            .for_each(|(to, from)| *to = *from);
        let mut rest = u32::from_be_bytes(word);
        let mut digits = [0; 5];
        for digit in digits.iter_mut().rev() {
            *digit = DIGITS[(rest % BASE) as usize];
            rest /= BASE;
        }
        text.extend(
            digits
                .iter()
                .take(chunk.len() + 1)
                .map(|digit| char::from(*digit)),
        );
    }
    text
}

/// The bytes; `None` where the text is none of Z85.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len().div_ceil(5) * 4);
    for chunk in text.as_bytes().chunks(5) {
        let mut word: u32 = 0;
        for place in 0..5 {
            let digit = match chunk.get(place) {
                Some(byte) => DIGITS.iter().position(|digit| digit == byte)?,
                None => DIGITS.len() - 1,
            };
            let digit = u32::try_from(digit).ok()?;
            word = word.checked_mul(BASE)?.checked_add(digit)?;
        }
        // One digit alone is no byte.
        let count = chunk.len().checked_sub(1).filter(|count| *count > 0)?;
        bytes.extend(word.to_be_bytes().into_iter().take(count));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_cometd_writes_them() {
        for (bytes, text) in [
            (&[][..], ""),
            (&[0], "00"),
            (&[0xff], "@@"),
            (&[0, 0], "000"),
            (&[1, 2], "0rJ"),
            (&[1, 2, 3], "0rJu"),
            (&[1, 2, 3, 4], "0rJua"),
            (&[1, 2, 3, 4, 5], "0rJua1P"),
            (
                &[0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b],
                "HelloWorld",
            ),
            (&[0xff; 7], "%nSc0%nS9"),
        ] {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).as_deref(), Some(bytes), "{text}");
        }
    }

    #[test]
    fn every_byte_comes_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        for length in 0..bytes.len() {
            let part = &bytes[length..];
            assert_eq!(decode(&encode(part)).as_deref(), Some(part));
        }
    }

    #[test]
    fn garbage_is_refused() {
        for text in ["0", "0rJua0", "é0000", "\"0000", "#####", "0 000"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
