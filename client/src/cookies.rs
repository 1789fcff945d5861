//! [`Jar`]: the cookies that servers set.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use cookie::Cookie;
use http::{HeaderMap, HeaderValue, header};

use crate::Address;

/// Cookies that are kept at most; where there are more, the oldest go.
const MAX_COOKIES: usize = 64;
/// Bytes of a `Set-Cookie` that is kept.
const MAX_SIZE: usize = 4 << 10;

/// The cookies that servers set, by the rules of RFC 6265. A host that is an IP address has cookies, too.
#[derive(Debug, Default)]
pub(crate) struct Jar {
    /// The oldest first.
    cookies: Mutex<Vec<Kept>>,
}

/// A cookie, and where it belongs.
struct Kept {
    name: String,
    value: String,
    host: String,
    /// Whether hosts below it see it, too.
    below: bool,
    path: String,
    secure: bool,
    /// In seconds of Unix time; `None` for as long as the jar is there.
    expires: Option<i64>,
}

impl Jar {
    /// Keeps what a server at `address` sets in the headers of a response.
    pub(crate) fn keep(&self, address: &Address, headers: &HeaderMap) {
        self.keep_at(now(), address, headers);
    }

    fn keep_at(&self, now: i64, address: &Address, headers: &HeaderMap) {
        let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        for header in headers.get_all(header::SET_COOKIE) {
            let kept = header.to_str().ok().filter(|it| it.len() <= MAX_SIZE);
            let Some(kept) = kept.and_then(|it| Kept::read(it, now, address)) else {
                continue;
            };
            cookies.retain(|other| !other.is_as(&kept));
            cookies.push(kept);
        }
        cookies.retain(|it| it.expires.is_none_or(|expires| expires > now));
        let surplus = cookies.len().saturating_sub(MAX_COOKIES);
        cookies.drain(..surplus);
    }

    /// What a request to `address` says of cookies.
    pub(crate) fn header(&self, address: &Address) -> Option<HeaderValue> {
        self.header_at(now(), address)
    }

    fn header_at(&self, now: i64, address: &Address) -> Option<HeaderValue> {
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let lives = |it: &&Kept| it.expires.is_none_or(|expires| expires > now);
        let mut sent: Vec<&Kept> = cookies
            .iter()
            .filter(|it| it.belongs_to(address))
            .filter(lives)
            .collect();
        // Longer paths first.
        sent.sort_by_key(|it| usize::MAX - it.path.len());
        let sent: Vec<String> = sent
            .iter()
            .map(|it| format!("{}={}", it.name, it.value))
            .collect();
        let mut header = HeaderValue::from_str(&sent.join("; ")).ok()?;
        header.set_sensitive(true);
        (!sent.is_empty()).then_some(header)
    }
}

impl Kept {
    /// Reads what a server at `address` sets; `None` where it is no cookie, or one that it may not set.
    fn read(text: &str, now: i64, address: &Address) -> Option<Self> {
        let cookie = Cookie::parse(text).ok()?;
        let own = address.host().to_ascii_lowercase();
        let domain = cookie.domain().map(|it| it.trim_start_matches('.'));
        let domain = domain
            .filter(|it| !it.is_empty())
            .map(str::to_ascii_lowercase);
        let (host, below) = match domain {
            None => (own, false),
            Some(domain) if domain == own => (own, true),
            // A whole top-level domain is nobody's.
            Some(domain) if is_below(&own, &domain) && domain.contains('.') => (domain, true),
            Some(_) => return None,
        };
        let path = cookie.path().filter(|it| it.starts_with('/'));
        let age = cookie
            .max_age()
            .map(|it| now.saturating_add(it.whole_seconds()));
        let date = || Some(cookie.expires_datetime()?.unix_timestamp());
        Some(Self {
            name: cookie.name().to_owned(),
            value: cookie.value().to_owned(),
            host,
            below,
            path: path.map_or_else(|| folder(address.path()).to_owned(), str::to_owned),
            secure: cookie.secure() == Some(true),
            expires: age.or_else(date),
        })
    }

    /// Whether it takes the other's place.
    fn is_as(&self, other: &Self) -> bool {
        self.name == other.name && self.host == other.host && self.path == other.path
    }

    fn belongs_to(&self, address: &Address) -> bool {
        let host = address.host().to_ascii_lowercase();
        let is_hosts = host == self.host || self.below && is_below(&host, &self.host);
        let rest = address.path().strip_prefix(&self.path);
        let is_paths =
            rest.is_some_and(|it| it.is_empty() || it.starts_with('/') || self.path.ends_with('/'));
        is_hosts && is_paths && (address.is_secure() || !self.secure)
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}=.. of {}{}", self.name, self.host, self.path)
    }
}

/// Whether a host is a part of a domain. Nothing is above an IP address.
fn is_below(host: &str, domain: &str) -> bool {
    let rest = host.strip_suffix(domain);
    rest.is_some_and(|it| it.ends_with('.')) && host.parse::<IpAddr>().is_err()
}

/// Where cookies belong that do not say.
fn folder(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => "/",
        Some(at) => path.get(..at).unwrap_or("/"),
    }
}

/// Seconds of Unix time.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |it| i64::try_from(it.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(jar: &Jar, now: i64, from: &str, cookie: &str) {
        let mut headers = HeaderMap::new();
        headers.append(header::SET_COOKIE, cookie.parse().unwrap());
        jar.keep_at(now, &from.parse().unwrap(), &headers);
    }

    fn sent(jar: &Jar, now: i64, to: &str) -> String {
        let header = jar.header_at(now, &to.parse().unwrap());
        header.map_or_else(String::new, |it| it.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_cookie_goes_back_to_where_it_came_from() {
        for host in ["127.0.0.1:80", "[::1]:80", "localhost", "a.example"] {
            let jar = Jar::default();
            let url = format!("http://{host}/cometd");
            set(
                &jar,
                0,
                &url,
                "BAYEUX_BROWSER=x1=; Path=/; HttpOnly; SameSite=Lax",
            );
            assert_eq!(sent(&jar, 0, &url), "BAYEUX_BROWSER=x1=", "{host}");
            assert_eq!(sent(&jar, 0, "http://other.example/cometd"), "");
            set(&jar, 0, &url, "BAYEUX_BROWSER=2; Path=/");
            assert_eq!(sent(&jar, 0, &url), "BAYEUX_BROWSER=2", "{host}");
        }
    }

    #[test]
    fn a_cookie_has_a_domain_a_path_and_an_end() {
        let jar = Jar::default();
        set(&jar, 0, "http://a.b.example/x/y", "here=1");
        set(
            &jar,
            0,
            "http://a.b.example/",
            "below=2; Domain=.B.example; Path=/x/y/z",
        );
        set(&jar, 0, "http://a.b.example/", "top=3; Domain=example");
        set(
            &jar,
            0,
            "http://a.b.example/",
            "foreign=4; Domain=c.example",
        );
        set(&jar, 0, "http://1.2.3.4/", "address=5; Domain=2.3.4");
        assert_eq!(sent(&jar, 0, "http://a.b.example/x"), "here=1");
        assert_eq!(sent(&jar, 0, "http://a.b.example/x/y/z"), "below=2; here=1");
        assert_eq!(sent(&jar, 0, "http://c.b.example/x/y/z"), "below=2");
        assert_eq!(sent(&jar, 0, "http://a.b.example/xy"), "");
        assert_eq!(sent(&jar, 0, "http://9.2.3.4/"), "");

        let jar = Jar::default();
        set(&jar, 100, "https://a/", "aged=1; Max-Age=10; Secure");
        set(
            &jar,
            100,
            "https://a/",
            "dated=2; Expires=Thu, 01 Jan 1970 00:01:50 GMT",
        );
        assert_eq!(sent(&jar, 109, "https://a/"), "aged=1; dated=2");
        assert_eq!(sent(&jar, 109, "http://a/"), "dated=2");
        assert_eq!(sent(&jar, 110, "https://a/"), "");
        set(&jar, 105, "https://a/", "aged=; Max-Age=0");
        assert_eq!(sent(&jar, 105, "https://a/"), "dated=2");
    }

    #[test]
    fn there_is_an_end_to_cookies() {
        let jar = Jar::default();
        for number in 0..=MAX_COOKIES {
            set(&jar, 0, "http://a/", &format!("c{number}=1"));
        }
        set(
            &jar,
            0,
            "http://a/",
            &format!("large={}", "x".repeat(MAX_SIZE)),
        );
        let sent = sent(&jar, 0, "http://a/");
        assert_eq!(sent.split("; ").count(), MAX_COOKIES);
        assert!(!sent.contains("c0=") && !sent.contains("large"));
        assert!(!format!("{jar:?}").contains("=1"));
    }
}
