//! Which web pages may connect.
//!
//! A browser lets any page on the web open a WebSocket to any server, this one included, and sends
//! along the user's credentials. What it does not let the page do is lie about itself: the `Origin`
//! header names the page's site. [`Origins`] is the list of sites that are let in: the one that the
//! request itself is addressed to, and those that were added to it.

use std::{error::Error, fmt, net::IpAddr, str::FromStr};

use axum::{
    http::{HeaderMap, HeaderName, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use crate::proxies::{Remote, Scheme};

/// How much of a refused header is quoted in the answer, in characters.
const QUOTE_LENGTH: usize = 200;

/// What stands for a header that is not there.
const MISSING: &str = "";

/// The sites whose pages may connect. By default only the server's own.
///
/// ```
/// use mirrorball_server::origin::Origins;
///
/// let mut origins = Origins::default();
/// assert!(origins.allows(Some("https://example.com"), Some("example.com")));
/// assert!(!origins.allows(Some("https://example.org"), Some("example.com")));
///
/// origins.add("https://example.org".parse()?);
/// assert!(origins.allows(Some("https://example.org"), Some("example.com")));
/// # Ok::<(), mirrorball_server::origin::InvalidOrigin>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Origins {
    added: Vec<Origin>,
    required: bool,
}

impl Origins {
    /// Lets in the pages of one more site.
    pub fn add(&mut self, origin: Origin) {
        self.added.push(origin);
    }

    /// Whether a request has to have an `Origin`, as each of a browser's has that opens a WebSocket: then nothing
    /// but pages connects. Default: false.
    pub fn require(&mut self, required: bool) {
        self.required = required;
    }

    /// Whether a request with this `Origin` and this `Host` header may connect.
    ///
    /// - Without an origin it may, unless it is [required](Self::require): only browsers send one, and they
    ///   always do.
    /// - An origin that was added may.
    /// - Otherwise the origin's host and port must be, to the letter, those of the `Host` header.
    ///   The scheme is compared by [`check_request`](Self::check_request), where it is known.
    /// - `null`, which is what sandboxed pages and local files send, may not.
    pub fn allows(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(text) = origin else {
            return !self.required;
        };
        let Ok(origin) = text.parse::<Origin>() else {
            return false;
        };
        self.added.contains(&origin)
            || host.is_some_and(|host| {
                text.split_once("://")
                    .is_some_and(|(_, named)| named.eq_ignore_ascii_case(host))
            })
    }

    /// Whether this `Host` header can name a server that is reached on this machine only.
    ///
    /// A page of any site can have its own host name resolve to `127.0.0.1`: then it is of the same
    /// origin as the server behind that address. What it cannot do is to be called `localhost` or by
    /// an address. So a server that listens on loopback only should answer to nothing else, except
    /// to the hosts of origins that were added. A request without the header may pass: no browser
    /// sends one.
    pub fn allows_host(&self, host: Option<&str>) -> bool {
        let Some(host) = host else {
            return true;
        };
        let Some((name, _)) = split_port(host) else {
            return false;
        };
        let name = name.to_ascii_lowercase();
        name == "localhost"
            || name.ends_with(".localhost")
            || is_address(&name)
            || self.added.iter().any(|added| added.host == name)
    }

    /// Lets a request with these headers pass, or answers it.
    ///
    /// # Errors
    ///
    /// The answer to send where [`Origins::allows`] says no.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let origin = single(headers, &header::ORIGIN);
        let host = single(headers, &header::HOST);
        let allowed = match (origin, host) {
            // No browser sends what cannot be read, and two of them are none to rely on.
            (Header::Unclear, _) => false,
            (Header::Missing, _) => !self.required,
            (Header::Text(origin), Header::Text(host)) => self.allows(Some(origin), Some(host)),
            (Header::Text(origin), _) => self.allows(Some(origin), None),
        };
        if allowed {
            Ok(())
        } else {
            Err(Refusal::Origin(origin.quote()))
        }
    }

    /// As [`check`](Self::check), and where it is known how the client came ([`Remote::scheme`]), a page of the
    /// server's own site has to have come in the same way: one that came without TLS may have been changed by
    /// anyone on its way.
    ///
    /// # Errors
    ///
    /// The answer to send where the request may not connect.
    pub fn check_request(&self, request: &Parts) -> Result<(), Refusal> {
        self.check(&request.headers)?;
        let came = Remote::of_request(&request.extensions).and_then(|remote| remote.scheme());
        let (Some(came), Header::Text(text)) = (came, single(&request.headers, &header::ORIGIN))
        else {
            return Ok(());
        };
        match text.parse::<Origin>() {
            Ok(origin) if self.added.contains(&origin) || origin.came(came) => Ok(()),
            _ => Err(Refusal::Origin(Header::Text(text).quote())),
        }
    }

    /// Lets a request with these headers pass, or answers it.
    ///
    /// # Errors
    ///
    /// The answer to send where [`Origins::allows_host`] says no.
    pub fn check_host(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = single(headers, &header::HOST);
        let allowed = match host {
            Header::Missing => true,
            Header::Unclear => false,
            Header::Text(host) => self.allows_host(Some(host)),
        };
        if allowed {
            Ok(())
        } else {
            Err(Refusal::Host(host.quote()))
        }
    }
}

/// A site: scheme, host and port, as browsers write it in the `Origin` header.
///
/// Parsed from a text such as `https://example.com` or `http://10.0.0.7:8080`: no path, and the
/// host in ASCII as the browser sends it (`xn--…` for other letters).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: String,
    host: String,
    /// None where it is the scheme's own.
    port: Option<u16>,
}

impl Origin {
    /// Whether its pages come in this way.
    fn came(&self, scheme: Scheme) -> bool {
        self.scheme == scheme.as_str()
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let (scheme, authority) = text.split_once("://").ok_or(InvalidOrigin)?;
        let scheme = scheme.to_ascii_lowercase();
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        // An origin is that of the page, and there are no pages at `ws:`.
        if !scheme.starts_with(|c: char| c.is_ascii_lowercase())
            || !scheme.chars().all(legal)
            || matches!(scheme.as_str(), "ws" | "wss")
        {
            return Err(InvalidOrigin);
        }
        let (host, port) = split_port(authority).ok_or(InvalidOrigin)?;
        let port = port.filter(|&port| match scheme.as_str() {
            "http" => port != 80,
            "https" => port != 443,
            _ => true,
        });
        Ok(Self {
            scheme,
            host: host.to_ascii_lowercase(),
            port,
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// A text is not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidOrigin;

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected the address of one site, scheme://host[:port] without a path, such as \
             https://example.com",
        )
    }
}

impl Error for InvalidOrigin {}

/// Why a request is refused; as a response it says so in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 403: a page of this origin may not connect.
    Origin(String),
    /// 421: this is not a name of this server.
    Host(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin(origin) if origin == MISSING => f.write_str(
                "no origin: this server takes connections from web pages only, and their browser names \
                 the page's site",
            ),
            Self::Origin(origin) => write!(
                f,
                "origin \"{origin}\" may not connect: it is neither this server's own nor one of \
                 its allowed origins"
            ),
            Self::Host(host) => write!(
                f,
                "host \"{host}\" is not served: this server listens on loopback only; use \
                 localhost, or allow the origin of that name"
            ),
        }
    }
}

impl Error for Refusal {}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Origin(_) => StatusCode::FORBIDDEN,
            Self::Host(_) => StatusCode::MISDIRECTED_REQUEST,
        };
        // A plain text that nothing takes for HTML: it quotes the request.
        let headers = [(header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
        (status, headers, format!("{self}\n")).into_response()
    }
}

/// What a request says in a header that it may send once.
#[derive(Clone, Copy)]
enum Header<'a> {
    Missing,
    Text(&'a str),
    /// Not ASCII, or more than one.
    Unclear,
}

impl Header<'_> {
    fn quote(self) -> String {
        match self {
            Self::Text(text) => text.escape_debug().take(QUOTE_LENGTH).collect(),
            Self::Missing => MISSING.to_owned(),
            Self::Unclear => "?".to_owned(),
        }
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Header<'a> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Header::Missing,
        (Some(value), None) => value.to_str().map_or(Header::Unclear, Header::Text),
        (Some(_), Some(_)) => Header::Unclear,
    }
}

/// Splits `host[:port]`; nothing where it is not that.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    // An IPv6 address has colons of its own, in brackets.
    let end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match authority[end..].find(':') {
        Some(colon) => (
            &authority[..end + colon],
            Some(&authority[end + colon + 1..]),
        ),
        None => (authority, None),
    };
    let port = match port {
        // `parse` would take a sign.
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => Some(port.parse().ok()?),
        Some(_) => return None,
        None => None,
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let bracketed = host.starts_with('[') && is_address(host);
    (bracketed || (!host.is_empty() && host.chars().all(legal))).then_some((host, port))
}

/// Whether a host is an IP address; version 6 in brackets.
fn is_address(host: &str) -> bool {
    match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(inner) => matches!(inner.parse(), Ok(IpAddr::V6(_))),
        None => matches!(host.parse(), Ok(IpAddr::V4(_))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn origins(added: &[&str]) -> Origins {
        let mut origins = Origins::default();
        for text in added {
            origins.add(text.parse().unwrap());
        }
        origins
    }

    #[test]
    fn same_origin_by_default() {
        let own = "example.com:8080";
        let cases = [
            (None, Some(own), true),
            (None, None, true),
            (Some("http://example.com:8080"), Some(own), true),
            (Some("HTTP://Example.COM:8080"), Some(own), true),
            // The scheme is not known here: a proxy may have taken off the TLS.
            (Some("https://example.com:8080"), Some(own), true),
            (Some("https://example.com"), Some("example.com"), true),
            (Some("http://[::1]:8080"), Some("[::1]:8080"), true),
            (Some("http://127.0.0.1:8080"), Some("127.0.0.1:8080"), true),
            // No origin at all.
            (Some(""), Some(own), false),
            (Some(""), Some(""), false),
            (Some("null"), Some(own), false),
            (Some("null"), Some("null"), false),
            (Some("example.com:8080"), Some(own), false),
            (Some("//example.com:8080"), Some(own), false),
            (Some("://example.com:8080"), Some(own), false),
            (Some("http://"), Some(""), false),
            (Some("*"), Some(own), false),
            (Some("http://*"), Some("*"), false),
            // No host.
            (Some("http://example.com:8080"), None, false),
            (Some("http://example.com:8080"), Some(""), false),
            // Another port, or none.
            (Some("http://example.com"), Some(own), false),
            (Some("http://example.com:80"), Some(own), false),
            (Some("http://example.com:80"), Some("example.com"), false),
            (Some("http://example.com:8081"), Some(own), false),
            (Some("http://example.com:808"), Some(own), false),
            (Some("http://example.com:80800"), Some(own), false),
            (Some("http://example.com:08080"), Some(own), false),
            (Some("http://example.com:"), Some("example.com"), false),
            (Some("http://example.com:8080:8080"), Some(own), false),
            // Another host: prefix, suffix, parent, child.
            (Some("http://example.com.evil.test:8080"), Some(own), false),
            (Some("http://evil-example.com:8080"), Some(own), false),
            (Some("http://sub.example.com:8080"), Some(own), false),
            (Some("http://example.co:8080"), Some(own), false),
            (Some("http://example.com.:8080"), Some(own), false),
            (Some("http://com:8080"), Some(own), false),
            (Some("http://127.0.0.1:8080"), Some("localhost:8080"), false),
            // User, path, query, fragment, blanks, two origins.
            (Some("http://example.com:8080@evil.test"), Some(own), false),
            (Some("http://evil.test@example.com:8080"), Some(own), false),
            (Some("http://example.com:8080/"), Some(own), false),
            (Some("http://evil.test/example.com:8080"), Some(own), false),
            (Some("http://example.com:8080#evil.test"), Some(own), false),
            (Some("http://evil.test?example.com:8080"), Some(own), false),
            (Some("http://evil.test\\example.com:8080"), Some(own), false),
            (Some(" http://example.com:8080"), Some(own), false),
            (Some("http://example.com:8080 "), Some(own), false),
            (
                Some("http://evil.test http://example.com:8080"),
                Some(own),
                false,
            ),
            (
                Some("http://example.com:8080, http://evil.test"),
                Some(own),
                false,
            ),
            (Some("http://example.com%3a8080"), Some(own), false),
            (
                Some("http://exämple.com:8080"),
                Some("exämple.com:8080"),
                false,
            ),
        ];
        for (origin, host, expect) in cases {
            assert_eq!(
                origins(&[]).allows(origin, host),
                expect,
                "{origin:?} to {host:?}"
            );
        }
    }

    #[test]
    fn added_origins_are_exact() {
        let added = [
            "https://app.example.org",
            "http://10.0.0.7:3000",
            "tauri://localhost",
        ];
        let cases = [
            ("https://app.example.org", true),
            ("https://APP.example.org:443", true),
            ("http://10.0.0.7:3000", true),
            ("tauri://localhost", true),
            ("http://app.example.org", false),
            ("https://app.example.org:8443", false),
            ("https://app.example.org:80", false),
            ("https://example.org", false),
            ("https://app.example.org.evil.test", false),
            ("https://evil.app.example.org", false),
            ("http://10.0.0.7", false),
            ("http://10.0.0.7:30000", false),
            ("null", false),
        ];
        for (origin, expect) in cases {
            for host in [Some("server.test"), None] {
                assert_eq!(
                    origins(&added).allows(Some(origin), host),
                    expect,
                    "{origin}"
                );
            }
        }
    }

    #[test]
    fn knows_what_an_origin_is() {
        for text in [
            "https://example.com",
            "http://[2001:db8::1]:8080",
            "capacitor://localhost",
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().to_string(), text);
        }
        assert_eq!(
            "HTTP://A.B:80".parse::<Origin>().unwrap().to_string(),
            "http://a.b"
        );
        let wrong = [
            "",
            "null",
            "*",
            "example.com",
            "https://",
            "https://*.example.com",
            "https://example.com/",
            "https://example.com/path",
            "https://example.com:",
            "https://example.com:+80",
            "https://example.com:65536",
            "https://user@example.com",
            "https://[::1",
            "https://::1",
            "https://[evil.test]",
            "https://x[::1]",
            "wss://example.com",
            "1http://example.com",
        ];
        for text in wrong {
            assert_eq!(text.parse::<Origin>(), Err(InvalidOrigin), "{text:?}");
        }
    }

    #[test]
    fn a_loopback_server_has_few_names() {
        let origins = origins(&["https://app.example.org:8443"]);
        let cases = [
            (None, true),
            (Some("localhost"), true),
            (Some("LocalHost:8080"), true),
            (Some("app.localhost:8080"), true),
            (Some("127.0.0.1:8080"), true),
            (Some("[::1]:8080"), true),
            (Some("192.168.0.7"), true),
            (Some("app.example.org"), true),
            (Some(""), false),
            (Some(":8080"), false),
            (Some("evil.test:8080"), false),
            (Some("localhost.evil.test"), false),
            (Some("notlocalhost"), false),
            (Some("127.0.0.1.evil.test"), false),
            (Some("localhost:8080@evil.test"), false),
            (Some("[::1].evil.test"), false),
            (Some("[evil.test]"), false),
            (Some("example.org"), false),
        ];
        for (host, expect) in cases {
            assert_eq!(origins.allows_host(host), expect, "{host:?}");
        }
    }

    #[test]
    fn relies_on_one_clear_header_only() {
        let own = HeaderValue::from_static("http://example.com");
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("example.com"));
        let origins = Origins::default();
        assert_eq!(origins.check(&headers), Ok(()));
        headers.insert(header::ORIGIN, own.clone());
        assert_eq!(origins.check(&headers), Ok(()));
        headers.append(header::ORIGIN, own.clone());
        assert!(origins.check(&headers).is_err());
        headers.insert(
            header::ORIGIN,
            HeaderValue::from_bytes(b"http://\xff").unwrap(),
        );
        assert!(origins.check(&headers).is_err());
        headers.insert(header::ORIGIN, own);
        headers.append(header::HOST, HeaderValue::from_static("example.com"));
        assert!(origins.check(&headers).is_err());
        assert!(origins.check_host(&headers).is_err());
        headers.remove(header::HOST);
        assert!(origins.check(&headers).is_err());
        assert_eq!(origins.check_host(&headers), Ok(()));
    }

    #[test]
    fn refuses_in_one_line() {
        let mut headers = HeaderMap::new();
        let long = format!("http://{}", "a".repeat(5000));
        headers.insert(header::ORIGIN, HeaderValue::from_str(&long).unwrap());
        let refusal = Origins::default().check(&headers).unwrap_err();
        assert!(refusal.to_string().len() < QUOTE_LENGTH + 200);
        let response = refusal.into_response();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "text/plain; charset=utf-8"
        );

        headers.insert(header::HOST, HeaderValue::from_static("evil.test"));
        let refusal = Origins::default().check_host(&headers).unwrap_err();
        assert_eq!(
            refusal.into_response().status(),
            StatusCode::MISDIRECTED_REQUEST
        );
    }
}
