//! Z85: bytes as text, four of them as five characters (ZeroMQ RFC 32), of any length.

use alloc::{string::String, vec::Vec};
use core::fmt;

const ALPHABET: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// Why a text is no Z85. Its author is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Z85Error {
    /// It has a character that is not in the alphabet.
    Character(char),
    /// No bytes have a text of that length.
    Length,
    /// Five of its characters are more than four bytes can be.
    Overflow,
}

impl fmt::Display for Z85Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character(character) => write!(out, "Z85 has no {character:?}"),
            Self::Length => out.write_str("no bytes are as long in Z85"),
            Self::Overflow => out.write_str("five characters of Z85 are more than four bytes"),
        }
    }
}

impl core::error::Error for Z85Error {}

/// The bytes as text.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(4) * 5);
    for chunk in bytes.chunks(4) {
        let mut padded = [0; 4];
        for (to, from) in padded.iter_mut().zip(chunk) {
            *to = *from;
        }
        let word = u32::from_be_bytes(padded);
        let digits = [85_u32.pow(4), 85_u32.pow(3), 85_u32.pow(2), 85, 1];
        for weight in digits.into_iter().take(chunk.len() + 1) {
            let digit = (word / weight % 85) as usize;
            text.push(char::from(ALPHABET.get(digit).copied().unwrap_or(b'0')));
        }
    }
    text
}

/// The bytes that a text stands for.
///
/// Some bytes have more than one text, of which [`encode`] makes the least: what others make of them is read as well.
///
/// # Errors
///
/// Where it has a foreign character, a length that no bytes have, or five characters that are more than four bytes.
pub fn decode(text: &str) -> Result<Vec<u8>, Z85Error> {
    let mut digits = Vec::with_capacity(text.len());
    for character in text.chars() {
        let digit = ALPHABET
            .iter()
            .position(|known| char::from(*known) == character);
        digits.push(digit.ok_or(Z85Error::Character(character))? as u64);
    }
    let mut bytes = Vec::with_capacity(text.len() / 5 * 4 + 3);
    for chunk in digits.chunks(5) {
        if chunk.len() < 2 {
            return Err(Z85Error::Length);
        }
        let padding = core::iter::repeat_n(&84, 5 - chunk.len());
        let word = chunk
            .iter()
            .chain(padding)
            .fold(0, |word, digit| word * 85 + digit);
        let word = u32::try_from(word).map_err(|_| Z85Error::Overflow)?;
        bytes.extend(word.to_be_bytes().iter().take(chunk.len() - 1));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_vectors_hold_both_ways() {
        let vectors: [(&[u8], &str); 10] = [
            (&[], ""),
            (&[0x00], "00"),
            (&[0xff], "@@"),
            (&[0x00, 0x00], "000"),
            (&[1, 2], "0rJ"),
            (&[1, 2, 3], "0rJu"),
            (&[1, 2, 3, 4], "0rJua"),
            (&[1, 2, 3, 4, 5], "0rJua1P"),
            (
                &[0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b],
                "HelloWorld",
            ),
            (&[0xff; 7], "%nSc0%nS9"),
        ];
        for (bytes, text) in vectors {
            assert_eq!(encode(bytes), text);
            assert_eq!(decode(text).as_deref(), Ok(bytes));
        }
    }

    #[test]
    fn bytes_of_any_length_come_back() {
        let bytes: Vec<u8> = (0..=255).rev().cycle().take(1_000).collect();
        for length in 0..bytes.len() {
            assert_eq!(
                decode(&encode(&bytes[..length])).as_deref(),
                Ok(&bytes[..length])
            );
        }
    }

    #[test]
    fn each_text_of_the_same_bytes_is_read() {
        for text in ["[=", "[]"] {
            assert_eq!(decode(text).as_deref(), Ok(&[0xf2][..]), "{text}");
        }
        assert_eq!(encode(&[0xf2]), "[=");
    }

    #[test]
    fn garbage_is_an_error() {
        assert_eq!(decode("0rJ\""), Err(Z85Error::Character('"')));
        assert_eq!(decode("0é"), Err(Z85Error::Character('é')));
        assert_eq!(decode("0rJua1"), Err(Z85Error::Length));
        assert_eq!(decode("0"), Err(Z85Error::Length));
        assert_eq!(decode("#####"), Err(Z85Error::Overflow));
    }
}
