//! Where a server is.

use std::{fmt, str::FromStr};

use http::{
    HeaderValue, Uri,
    uri::{Authority, PathAndQuery},
};
use mirrorball_protocol::machine::with_query;
use percent_encoding::percent_decode_str;

use crate::Credentials;

/// Where servers take WebSockets, where an address does not say.
const PATH: &str = "/ws";

/// Where a server is: `ws://`, `wss://`, `http://` or `https://`, or a host and a port alone. Without a path it
/// is `/ws`, and `/cometd` for a client of Bayeux. A name and a password before the host become [`Credentials`]; they are never shown.
///
/// ```
/// use mirrorball_client::Address;
///
/// let address: Address = "https://ann:secret@plant.example".parse()?;
/// assert_eq!(address.to_string(), "wss://plant.example/ws");
/// assert_eq!(format!("{address:?}"), "wss://plant.example/ws");
/// # Ok::<(), mirrorball_client::AddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    secure: bool,
    /// As it is written: with brackets where it is an IPv6 address.
    host: String,
    port: Option<u16>,
    path: String,
    /// Whether the path is one that nobody wrote.
    is_path_assumed: bool,
    credentials: Option<Credentials>,
}

/// A text that is no [`Address`]. Whoever wrote it is at fault; it is not repeated, since it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: an address was expected, such as ws://127.0.0.1:8080/ws or https://plant.example")]
pub struct AddressError(String);

impl Address {
    /// Whether the connection is encrypted.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host, without the brackets of an IPv6 address.
    pub(crate) fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(if self.secure { 443 } else { 80 })
    }

    pub(crate) const fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// What the `Host` header says.
    pub(crate) fn authority(&self) -> Result<HeaderValue, AddressError> {
        let authority = self
            .port
            .map_or_else(|| self.host.clone(), |port| format!("{}:{port}", self.host));
        HeaderValue::from_str(&authority).map_err(AddressError::new)
    }

    /// The address with this in its query, too.
    pub(crate) fn with_query(self, query: &str) -> Self {
        Self {
            path: with_query(&self.path, query),
            ..self
        }
    }

    /// The same with this path, where it was written without one.
    #[must_use]
    pub fn or_path(mut self, path: &str) -> Self {
        if std::mem::take(&mut self.is_path_assumed) {
            let query = self
                .path
                .split_off(self.path.find('?').unwrap_or(self.path.len()));
            self.path = format!("{path}{query}");
        }
        self
    }

    /// The path, without the query.
    pub(crate) fn path(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// Whether something may be put behind the path: it has no query behind it, and does not end in a file's name.
    pub(crate) fn takes_more_path(&self) -> bool {
        let last = self.path().rsplit('/').next().unwrap_or_default();
        self.path().len() == self.path.len() && !last.contains('.')
    }

    /// As `ws://` or `wss://`.
    pub(crate) fn uri(&self) -> Result<Uri, AddressError> {
        self.to_string().parse().map_err(AddressError::new)
    }

    /// As `http://` or `https://`, with `more` behind the path.
    pub(crate) fn http_uri(&self, more: &str) -> Result<Uri, AddressError> {
        let scheme = if self.secure { "https" } else { "http" };
        let authority = self.authority()?;
        let authority = authority.to_str().map_err(AddressError::new)?;
        let path = if more.is_empty() {
            self.path.as_str()
        } else {
            self.path.trim_end_matches('/')
        };
        let uri = Uri::builder().scheme(scheme).authority(authority);
        uri.path_and_query(format!("{path}{more}"))
            .build()
            .map_err(AddressError::new)
    }
}

impl AddressError {
    pub(crate) fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (secure, rest) = match text.split_once("://") {
            None => (false, text),
            Some(("ws" | "http", rest)) => (false, rest),
            Some(("wss" | "https", rest)) => (true, rest),
            Some(_) => return Err(AddressError::new("an unknown scheme")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let is_path_assumed = !path.starts_with('/');
        let path = match path {
            "" => PATH.to_owned(),
            query if query.starts_with('?') => format!("{PATH}{query}"),
            path => path.to_owned(),
        };
        // The last one: a password may have others.
        let (userinfo, authority) = match authority.rsplit_once('@') {
            Some((userinfo, authority)) => (Some(userinfo), authority),
            None => (None, authority),
        };
        let authority: Authority = authority.parse().map_err(AddressError::new)?;
        let port = match authority.port() {
            Some(port) => Some(port.as_u16()),
            None if authority.as_str().ends_with(':') => None,
            None if authority.host().len() < authority.as_str().len() => {
                return Err(AddressError::new("no port"));
            }
            None => None,
        };
        path.parse::<PathAndQuery>().map_err(AddressError::new)?;
        if authority.host().is_empty() {
            return Err(AddressError::new("no host"));
        }
        Ok(Self {
            secure,
            host: authority.host().to_owned(),
            port,
            path,
            is_path_assumed,
            credentials: userinfo.map(read_userinfo).transpose()?,
        })
    }
}

/// `user:password`, each percent-encoded.
fn read_userinfo(userinfo: &str) -> Result<Credentials, AddressError> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let decode = |text| {
        percent_decode_str(text)
            .decode_utf8()
            .map_err(|_| AddressError::new("a user or password that is no UTF-8"))
    };
    Credentials::new(&decode(user)?, &decode(password)?).map_err(AddressError::new)
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "wss" } else { "ws" };
        write!(out, "{scheme}://{}", self.host)?;
        if let Some(port) = self.port {
            write!(out, ":{port}")?;
        }
        out.write_str(&self.path)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl TryFrom<&str> for Address {
    type Error = AddressError;

    fn try_from(text: &str) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl TryFrom<&String> for Address {
    type Error = AddressError;

    fn try_from(text: &String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<&Self> for Address {
    fn from(address: &Self) -> Self {
        address.clone()
    }
}

impl From<std::convert::Infallible> for AddressError {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_are_filled_in() {
        for (text, full) in [
            ("ws://a/ws", "ws://a/ws"),
            ("ws://a", "ws://a/ws"),
            ("ws://a/", "ws://a/"),
            ("wss://a:1/b/c?d=e#f", "wss://a:1/b/c?d=e"),
            ("http://a?b", "ws://a/ws?b"),
            ("https://a", "wss://a/ws"),
            ("localhost:8080", "ws://localhost:8080/ws"),
            ("127.0.0.1:1/x", "ws://127.0.0.1:1/x"),
            ("[::1]:80", "ws://[::1]:80/ws"),
        ] {
            assert_eq!(parse(text).to_string(), full, "{text}");
        }
        assert_eq!(parse("wss://[::1]").host(), "::1");
        assert_eq!((parse("ws://a").port(), parse("wss://a").port()), (80, 443));
        assert_eq!(parse("ws://[::1]:7").authority().unwrap(), "[::1]:7");
        assert_eq!(parse("ws://a").authority().unwrap(), "a");
    }

    #[test]
    fn a_protocol_has_its_path_where_an_address_says_none() {
        let shown = |text| parse(text).or_path("/cometd").to_string();
        assert_eq!(shown("http://a"), "ws://a/cometd");
        assert_eq!(shown("a:1?b=c"), "ws://a:1/cometd?b=c");
        assert_eq!(shown("http://a/"), "ws://a/");
        assert_eq!(shown("http://a/ws"), "ws://a/ws");
    }

    #[test]
    fn requests_go_below_a_path_that_is_none_of_a_file() {
        for (text, takes, uri) in [
            ("http://a/b", true, "http://a/b/connect"),
            ("wss://a:1/b/", true, "https://a:1/b/connect"),
            ("[::1]:8/b.c/d", true, "http://[::1]:8/b.c/d/connect"),
            ("a/b?c", false, ""),
            ("a/b.php", false, ""),
        ] {
            assert_eq!(parse(text).takes_more_path(), takes, "{text}");
            if takes {
                assert_eq!(parse(text).http_uri("/connect").unwrap(), uri);
            }
        }
        assert_eq!(parse("a/b?c").http_uri("").unwrap(), "http://a/b?c");
        assert_eq!(parse("a/b/").http_uri("").unwrap(), "http://a/b/");
    }

    #[test]
    fn what_is_no_address() {
        for text in [
            "",
            "ws://",
            "ftp://a",
            "ws://a b",
            "ws://a:x",
            "ws://a:99999",
            "ws:///ws",
            "a\n",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_read_and_never_shown() {
        let address = parse("wss://ann:p%40ss:w@rd@host:1/ws");
        assert_eq!(
            address.credentials(),
            Some(&Credentials::new("ann", "p@ss:w@rd").unwrap())
        );
        assert_eq!(
            format!("{address} {address:?}"),
            "wss://host:1/ws wss://host:1/ws"
        );
        assert!(!format!("{:?}", address.credentials()).contains("p@ss"));
        let error = "ws://ann:secret@a b".parse::<Address>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
