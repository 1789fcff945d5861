//! JSON pointers (RFC 6901).

use alloc::{string::String, vec::Vec};
use core::fmt;

use super::Key;

/// A path to a place in a document: the tokens between its slashes, unescaped. The empty pointer is the
/// whole document.
#[derive(Clone, Debug, PartialEq)]
pub struct Pointer<K>(Vec<K>);

impl<K: Key> Pointer<K> {
    /// Parses a pointer strictly: `~` may only stand in `~0` and `~1`.
    ///
    /// # Errors
    ///
    /// [`PointerError`] where the text is neither empty nor begins with `/`, or holds another escape.
    pub fn parse(text: &K) -> Result<Self, PointerError> {
        let written = text.to_str();
        let is_escape = |(at, _)| matches!(written.as_bytes().get(at + 1), Some(b'0' | b'1'));
        if written.match_indices('~').all(is_escape) {
            Self::parse_lenient(text)
        } else {
            Err(PointerError::Escape)
        }
    }

    /// Parses a pointer as the public peers do: a `~` that is no escape stands for itself.
    ///
    /// # Errors
    ///
    /// [`PointerError::Start`] where the text is neither empty nor begins with `/`.
    pub fn parse_lenient(text: &K) -> Result<Self, PointerError> {
        text.split().map(Self).ok_or(PointerError::Start)
    }

    /// The pointer of these tokens.
    pub(super) const fn of(tokens: Vec<K>) -> Self {
        Self(tokens)
    }

    /// The tokens, from the root on.
    #[must_use]
    pub fn tokens(&self) -> &[K] {
        &self.0
    }

    /// The last token, and those before it; `None` for the whole document.
    pub(super) fn split_last(mut self) -> Option<(K, Vec<K>)> {
        let last = self.0.pop()?;
        Some((last, self.0))
    }

    /// Whether `other` is a place inside of this one, and not this one itself.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.0.len() > self.0.len() && other.0.starts_with(&self.0)
    }
}

/// A text that is no JSON pointer. Its author is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointerError {
    /// It does not begin with a slash.
    Start,
    /// A `~` is followed by neither `0` nor `1`.
    Escape,
}

impl fmt::Display for PointerError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Start => "a JSON pointer is empty or begins with a slash",
            Self::Escape => "in a JSON pointer, `~` is written `~0` and `/` within a name `~1`",
        })
    }
}

impl core::error::Error for PointerError {}

/// Appends a slash and a token.
pub(crate) fn push_token(path: &mut String, token: &str) {
    path.push('/');
    if !token.contains(['~', '/']) {
        path.push_str(token);
        return;
    }
    for char in token.chars() {
        match char {
            '~' => path.push_str("~0"),
            '/' => path.push_str("~1"),
            _ => path.push(char),
        }
    }
}

/// The array index that a token is, in the one form that RFC 6901 allows: no sign, no leading zero.
#[must_use]
pub fn index(token: &str) -> Option<usize> {
    let canonical = match token.as_bytes() {
        [b'0'] => true,
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if canonical { token.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use super::*;

    fn parse(text: &str) -> Result<Vec<String>, PointerError> {
        let pointer = Pointer::<Arc<str>>::parse(&text.into())?;
        Ok(pointer
            .tokens()
            .iter()
            .map(|token| token.to_str().into_owned())
            .collect())
    }

    #[test]
    fn the_examples_of_rfc_6901() {
        for (text, tokens) in [
            ("", &[][..]),
            ("/foo", &["foo"]),
            ("/foo/0", &["foo", "0"]),
            ("/", &[""]),
            ("//", &["", ""]),
            ("/a~1b", &["a/b"]),
            ("/c%d", &["c%d"]),
            ("/ ", &[" "]),
            ("/m~0n", &["m~n"]),
            ("/~01", &["~1"]),
            ("/~10", &["/0"]),
        ] {
            assert_eq!(parse(text).unwrap(), tokens, "{text}");
            let mut again = String::new();
            for token in tokens {
                push_token(&mut again, token);
            }
            assert_eq!(again, text);
        }
    }

    #[test]
    fn what_is_no_pointer() {
        assert_eq!(parse("a"), Err(PointerError::Start));
        assert_eq!(parse("a/b"), Err(PointerError::Start));
        assert_eq!(parse("/~2"), Err(PointerError::Escape));
        assert_eq!(parse("/a~"), Err(PointerError::Escape));
        let lenient = Pointer::<Arc<str>>::parse_lenient(&"/~2/a~/~0".into()).unwrap();
        assert_eq!(
            lenient.tokens(),
            [Arc::from("~2"), Arc::from("a~"), Arc::from("~")]
        );
    }

    #[test]
    fn an_index_has_one_form() {
        for (token, expected) in [("0", Some(0)), ("7", Some(7)), ("10", Some(10))] {
            assert_eq!(index(token), expected);
        }
        for token in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            "-",
            " 1",
            "1 ",
            "1\n",
            "1_0",
            "٣",
            "1e0",
            "1.0",
            "0x1",
            "18446744073709551616",
        ] {
            assert_eq!(index(token), None, "{token}");
        }
    }

    #[test]
    fn containing_is_by_token_not_by_letter() {
        let pointer = |text: &str| Pointer::<Arc<str>>::parse(&text.into()).unwrap();
        assert!(pointer("/a").contains(&pointer("/a/b")));
        assert!(pointer("").contains(&pointer("/a")));
        assert!(!pointer("/a").contains(&pointer("/ab")));
        assert!(!pointer("/a").contains(&pointer("/a")));
    }
}
