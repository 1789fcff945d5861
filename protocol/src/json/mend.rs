//! What JavaScript and Python take for JSON, and Rust does not.

use alloc::string::String;

/// U+FFFD, the character for what is none.
const REPLACEMENT: &str = "\\ufffd";
/// The number that is nearest to those beyond it.
const LARGEST: &str = "1.7976931348623157e308";

/// The text with halves of surrogate pairs replaced by U+FFFD, and numbers beyond the range of floats by the
/// largest one. `None` where it has neither.
///
/// Servers hold such texts and numbers and send them; a client that refused them would never be in step.
pub(crate) fn mend(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut mended = String::new();
    let mut copied = 0;
    let mut at = 0;
    let mut quoted = false;
    while let Some(byte) = bytes.get(at) {
        let (length, replacement) = match byte {
            b'"' => {
                quoted = !quoted;
                (1, None)
            }
            b'\\' if quoted => escape(bytes.get(at..).unwrap_or_default()),
            b'-' | b'0'..=b'9' if !quoted => number(text.get(at..).unwrap_or_default()),
            _ => (1, None),
        };
        if let Some(replacement) = replacement {
            mended.push_str(text.get(copied..at)?);
            mended.push_str(replacement);
            copied = at + length;
        }
        at += length;
    }
    (copied > 0).then(|| mended + text.get(copied..).unwrap_or_default())
}

/// The length of the escape that `rest` begins with, and what takes its place.
fn escape(rest: &[u8]) -> (usize, Option<&'static str>) {
    match unit(rest) {
        Some(0xd800..=0xdbff) => match unit(rest.get(6..).unwrap_or_default()) {
            Some(0xdc00..=0xdfff) => (12, None),
            _ => (6, Some(REPLACEMENT)),
        },
        Some(0xdc00..=0xdfff) => (6, Some(REPLACEMENT)),
        Some(_) => (6, None),
        None => (2, None),
    }
}

/// The UTF-16 unit that `rest` begins with as an escape.
fn unit(rest: &[u8]) -> Option<u16> {
    let digits = rest.strip_prefix(b"\\u")?.get(..4)?;
    let digits = core::str::from_utf8(digits).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

/// The length of the number that `rest` begins with, without its sign, and what takes its place.
fn number(rest: &str) -> (usize, Option<&'static str>) {
    if rest.starts_with('-') {
        return (1, None);
    }
    let end = rest.find(|c| !matches!(c, '0'..='9' | '.' | '+' | '-' | 'e' | 'E'));
    let number = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
    let beyond = number.parse().is_ok_and(f64::is_infinite);
    (number.len().max(1), beyond.then_some(LARGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_pairs_are_replaced() {
        for (text, mended) in [
            (r#""\ud800""#, Some(r#""\ufffd""#)),
            (r#""\uDFFF""#, Some(r#""\ufffd""#)),
            (
                r#"["a\ud800b\udc00","c"]"#,
                Some(r#"["a\ufffdb\ufffd","c"]"#),
            ),
            (
                r#"{"\ud83d":"\ud83d\ud83d\ude00"}"#,
                Some(r#"{"\ufffd":"\ufffd\ud83d\ude00"}"#),
            ),
            (r#""\ud83d\ude00""#, None),
            (r#""\\ud800""#, None),
            (r#""\"\\\u00e9""#, None),
            (r#""\ud8"#, None),
            (r#""\"#, None),
        ] {
            assert_eq!(mend(text).as_deref(), mended, "{text}");
        }
    }

    #[test]
    fn numbers_beyond_the_range_become_the_largest() {
        for (text, mended) in [
            ("1e400", Some("1.7976931348623157e308")),
            ("[-1E+400,2]", Some("[-1.7976931348623157e308,2]")),
            (r#"{"1e400":"1e400"}"#, None),
            ("1e308", None),
            ("1e-400", None),
            ("-", None),
            ("1e", None),
        ] {
            assert_eq!(mend(text).as_deref(), mended, "{text}");
        }
    }
}
