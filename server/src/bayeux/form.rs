//! The fields of a form, as a query or a body has them.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The values of one field of a form, in order; `None` in place of one that is not UTF-8.
pub(super) fn values<'a>(
    form: &'a str,
    name: &'a str,
) -> impl Iterator<Item = Option<String>> + 'a {
    form.split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(move |(field, _)| decode(field).as_deref() == Some(name))
        .map(|(_, value)| decode(value))
}

fn decode(text: &str) -> Option<String> {
    let spaced = if text.contains('+') {
        Cow::Owned(text.replace('+', " "))
    } else {
        Cow::Borrowed(text)
    };
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded() {
        let all = |form| values(form, "message").collect::<Vec<_>>();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(all("message=%5B%5D"), [some("[]")]);
        assert_eq!(
            all("a=1&message=x+y%2B&b&message=%e2%82%ac"),
            [some("x y+"), some("€")]
        );
        assert_eq!(all("messag%65=1"), [some("1")]);
        assert_eq!(all("message"), [some("")]);
        assert_eq!(all("message=%ff"), [None]);
        assert_eq!(all(""), []);
        assert_eq!(all("messages=1"), []);
    }
}
