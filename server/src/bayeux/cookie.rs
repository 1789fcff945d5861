//! [`BrowserCookie`]: what ties the sessions of long-polling to the browser that began them.

use std::{fmt::Write, sync::Arc, time::Duration};

use axum::http::{HeaderMap, HeaderValue, header};

/// Characters that a browser's id may have: more than any that this server gives out.
const MAX_VALUE: usize = 128;

/// When a browser sends the cookie along with requests of another site's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Never.
    Strict,
    /// When the user follows a link.
    Lax,
    /// Always; browsers want [`secure`](BrowserCookie::secure) with it.
    None,
}

impl SameSite {
    const fn word(self) -> &'static str {
        match self {
            Self::Strict => "Strict",
            Self::Lax => "Lax",
            Self::None => "None",
        }
    }
}

/// The cookie that a browser is given with its first session over long-polling. Every request of the session
/// has to carry it: who learns a session's id cannot use it from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserCookie {
    name: String,
    domain: Option<String>,
    path: String,
    max_age: Option<Duration>,
    secure: Option<bool>,
    http_only: bool,
    same_site: Option<SameSite>,
    partitioned: bool,
}

impl Default for BrowserCookie {
    fn default() -> Self {
        Self {
            name: "BAYEUX_BROWSER".to_owned(),
            domain: None,
            path: "/".to_owned(),
            max_age: None,
            secure: None,
            http_only: true,
            same_site: None,
            partitioned: false,
        }
    }
}

impl BrowserCookie {
    /// Its name; default `BAYEUX_BROWSER`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// The domain whose servers are sent it; by default only this one.
    #[must_use]
    pub fn domain(mut self, domain: Option<impl Into<String>>) -> Self {
        self.domain = domain.map(Into::into);
        self
    }

    /// The paths below which it is sent; default `/`.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// How long the browser keeps it; by default, until it is closed.
    #[must_use]
    pub const fn max_age(mut self, age: Option<Duration>) -> Self {
        self.max_age = age;
        self
    }

    /// Whether it is sent over TLS only. Default `None`: where it was given over TLS.
    #[must_use]
    pub const fn secure(mut self, secure: Option<bool>) -> Self {
        self.secure = secure;
        self
    }

    /// Whether it is kept from scripts; default yes.
    #[must_use]
    pub const fn http_only(mut self, http_only: bool) -> Self {
        self.http_only = http_only;
        self
    }

    /// When it is sent along with requests of another site's pages. By default it does not say, and browsers take
    /// [`SameSite::Lax`].
    #[must_use]
    pub const fn same_site(mut self, same_site: Option<SameSite>) -> Self {
        self.same_site = same_site;
        self
    }

    /// Whether a page that is embedded in another has one of its own for each; default no.
    #[must_use]
    pub const fn partitioned(mut self, partitioned: bool) -> Self {
        self.partitioned = partitioned;
        self
    }

    /// The browser's id in a request's headers, where one of the first few is such.
    pub(super) fn find(&self, headers: &HeaderMap) -> Option<Arc<str>> {
        let all = headers.get_all(header::COOKIE).into_iter();
        let pairs = all
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'));
        pairs
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, value)| *name == self.name && is_id(value))
            .map(|(_, value)| value.into())
    }

    /// What has the browser keep this id; `None` where a part of the cookie is none that a header can have.
    pub(super) fn header(&self, id: &str, over_tls: bool) -> Option<HeaderValue> {
        let mut text = format!("{}={id}", self.name);
        // Writing into a `String` cannot fail.
        if let Some(domain) = &self.domain {
            let _ = write!(text, "; Domain={domain}");
        }
        let _ = write!(text, "; Path={}", self.path);
        if let Some(age) = self.max_age {
            let _ = write!(text, "; Max-Age={}", age.as_secs());
        }
        if let Some(same_site) = self.same_site {
            let _ = write!(text, "; SameSite={}", same_site.word());
        }
        for (word, is_set) in [
            ("Secure", self.secure.unwrap_or(over_tls)),
            ("HttpOnly", self.http_only),
            ("Partitioned", self.partitioned),
        ] {
            if is_set {
                let _ = write!(text, "; {word}");
            }
        }
        HeaderValue::from_str(&text)
            .inspect_err(|_| {
                tracing::error!("the browser cookie has a part that no header can have");
            })
            .ok()
    }
}

fn is_id(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MAX_VALUE).contains(&text.len()) && text.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cookie: &BrowserCookie, over_tls: bool) -> String {
        let header = cookie.header("x1", over_tls).unwrap();
        header.to_str().unwrap().to_owned()
    }

    #[test]
    fn all_attributes_are_written() {
        let cookie = BrowserCookie::default();
        assert_eq!(text(&cookie, false), "BAYEUX_BROWSER=x1; Path=/; HttpOnly");
        assert_eq!(
            text(&cookie, true),
            "BAYEUX_BROWSER=x1; Path=/; Secure; HttpOnly"
        );
        let cookie = cookie
            .name("B")
            .domain(Some("example.com"))
            .path("/cometd")
            .max_age(Some(Duration::from_secs(60)))
            .same_site(Some(SameSite::None))
            .secure(Some(true))
            .http_only(false)
            .partitioned(true);
        assert_eq!(
            text(&cookie, false),
            "B=x1; Domain=example.com; Path=/cometd; Max-Age=60; SameSite=None; Secure; Partitioned"
        );
        assert_eq!(cookie.path("/\r\nX: y").header("x1", false), None);
    }

    #[test]
    fn it_is_found_among_others() {
        let find = |cookies: &[&str]| {
            let mut headers = HeaderMap::new();
            for cookies in cookies {
                headers.append(header::COOKIE, cookies.parse().unwrap());
            }
            let found = BrowserCookie::default().find(&headers);
            found.map(|id| id.to_string())
        };
        assert_eq!(find(&[]), None);
        assert_eq!(find(&["BAYEUX_BROWSER=a1"]).as_deref(), Some("a1"));
        assert_eq!(find(&["a=b; BAYEUX_BROWSER=a1;c"]).as_deref(), Some("a1"));
        assert_eq!(find(&["a=b", "BAYEUX_BROWSER=a1"]).as_deref(), Some("a1"));
        assert_eq!(find(&["XBAYEUX_BROWSER=a1"]), None);
        assert_eq!(find(&["BAYEUX_BROWSER="]), None);
        assert_eq!(find(&["BAYEUX_BROWSER=a b"]), None);
        let long = format!("BAYEUX_BROWSER={}", "x".repeat(MAX_VALUE + 1));
        assert_eq!(find(&[&long]), None);
    }
}
