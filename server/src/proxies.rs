//! Who is at the other end, where proxies may stand between: the socket's peer, or the client that a trusted proxy speaks for.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, header},
};
use ipnet::IpNet;

/// Hops that are looked at, from the nearest one on; no chain of proxies is this long.
const HOPS: usize = 32;

/// The proxies whose word is taken for who their clients are. By default there are none, and what a request
/// says about where it comes from is ignored.
///
/// ```
/// use mirrorball_server::proxies::TrustedProxies;
///
/// let mut proxies = TrustedProxies::default();
/// proxies.add("10.0.0.0/8".parse()?);
/// assert!(proxies.contains("10.1.2.3".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Trusts the proxies of one more network.
    pub fn add(&mut self, network: IpNet) {
        self.0.push(network);
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is the address of such a proxy.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromIterator<IpNet> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

/// How a client speaks to the server, or to the proxy before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `http`, and `ws`.
    Http,
    /// `https`, and `wss`.
    Https,
}

impl Scheme {
    /// As it stands in a URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let known = [Self::Http, Self::Https];
        known
            .into_iter()
            .find(|scheme| text.eq_ignore_ascii_case(scheme.as_str()))
    }
}

/// The other end of a request: an extension of every request that a [`Server`](crate::Server) passes on.
///
/// Where a trusted proxy is the socket's peer, its `Forwarded` header (RFC 7239), else `X-Forwarded-For`,
/// says who the client is: from the right, the first address that is no trusted proxy's own. What stands left
/// of it may be a lie. Where the two headers lead to different addresses, one of them is not the proxy's,
/// and neither counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remote {
    peer: SocketAddr,
    address: IpAddr,
    scheme: Option<Scheme>,
}

impl Remote {
    /// The client is the socket's peer itself. `scheme`, where it is known how it came.
    #[must_use]
    pub const fn direct(peer: SocketAddr, scheme: Option<Scheme>) -> Self {
        Self {
            peer,
            address: peer.ip().to_canonical(),
            scheme,
        }
    }

    /// The client of a request with these headers, which came from `peer`.
    #[must_use]
    pub fn of(
        peer: SocketAddr,
        scheme: Option<Scheme>,
        headers: &HeaderMap,
        trusted: &TrustedProxies,
    ) -> Self {
        let direct = Self::direct(peer, scheme);
        if trusted.is_empty() || !trusted.contains(direct.address) {
            return direct;
        }
        let client = |hops: Vec<Hop>| client(direct.address, hops, trusted);
        let forwarded = forwarded(headers).map(client);
        let legacy = x_forwarded(headers).map(client);
        let hop = match (forwarded, legacy) {
            (Some(one), Some(other)) if one.address != other.address => {
                tracing::warn!(
                    proxy = %direct.address,
                    forwarded = ?one.address,
                    x_forwarded_for = ?other.address,
                    "a proxy sends two headers that disagree about its client: neither is believed; \
                     have it set or remove both"
                );
                None
            }
            (Some(hop), _) | (None, Some(hop)) => Some(hop),
            (None, None) => None,
        };
        // What lies between a proxy and its client is known from the proxy alone.
        let scheme = match scheme {
            Some(Scheme::Https) => scheme,
            Some(Scheme::Http) | None => hop.as_ref().and_then(|hop| hop.scheme),
        };
        Self {
            peer,
            address: hop.and_then(|hop| hop.address).unwrap_or(direct.address),
            scheme,
        }
    }

    /// The other end of a request, as far as it is known: as a [`Server`](crate::Server) found it, or the
    /// socket's peer where an app was served with its address (axum's `ConnectInfo<SocketAddr>`).
    #[must_use]
    pub fn of_request(extensions: &Extensions) -> Option<Self> {
        extensions.get::<Self>().copied().or_else(|| {
            let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
            Some(Self::direct(*peer, None))
        })
    }

    /// The socket's peer: the client, or the nearest proxy.
    #[must_use]
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The client's address.
    #[must_use]
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// How the client came, where that is known: over this server's own TLS, or as a trusted proxy says. What
    /// comes without TLS and without a trusted proxy may have come by TLS to a proxy that is not known.
    #[must_use]
    pub const fn scheme(&self) -> Option<Scheme> {
        self.scheme
    }
}

impl fmt::Display for Remote {
    /// The client's address.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(out)
    }
}

/// What counts as one client: an IPv4 address, or the first 64 bits of an IPv6 address, of which everyone has
/// all that follow.
pub(crate) const fn client_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            const NETWORK: u128 = !(u64::MAX as u128);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK))
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// One step of a request's way: who sent it to the proxy that says so.
struct Hop {
    /// `None` where the proxy does not say.
    address: Option<IpAddr>,
    scheme: Option<Scheme>,
}

/// The nearest hop that is no trusted proxy, else the farthest one that there is.
fn client(peer: IpAddr, hops: Vec<Hop>, trusted: &TrustedProxies) -> Hop {
    let mut found = Hop {
        address: Some(peer),
        scheme: None,
    };
    for hop in hops.into_iter().rev().take(HOPS) {
        // A proxy that does not name its client is the last one that is known.
        let Some(address) = hop.address else {
            found.scheme = hop.scheme;
            break;
        };
        found = hop;
        if !trusted.contains(address) {
            break;
        }
    }
    found
}

/// All values of a header that is a list, in order; `None` where there is no such header.
fn list<'a>(headers: &'a HeaderMap, name: &str) -> Option<Vec<&'a str>> {
    let values: Vec<&str> = headers
        .get_all(name)
        .iter()
        // What cannot be read names nobody.
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    (!values.is_empty()).then_some(values)
}

fn x_forwarded(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let values = list(headers, "x-forwarded-for")?;
    // One value says how the client came to the proxy; of several it is not known whose they are.
    let scheme = match list(headers, "x-forwarded-proto").as_deref() {
        Some([scheme]) => Scheme::parse(scheme.trim()),
        _ => None,
    };
    let hop = |text: &str| Hop {
        address: node(text.trim()),
        scheme,
    };
    Some(
        values
            .iter()
            .flat_map(|value| value.split(','))
            .map(hop)
            .collect(),
    )
}

fn forwarded(headers: &HeaderMap) -> Option<Vec<Hop>> {
    let values = list(headers, header::FORWARDED.as_str())?;
    Some(values.iter().flat_map(|value| elements(value)).collect())
}

/// The elements of a `Forwarded` header: `for=192.0.2.1;proto=https, for="[2001:db8::1]:443"`.
fn elements(value: &str) -> Vec<Hop> {
    let element = |element: &str| {
        let mut hop = Hop {
            address: None,
            scheme: None,
        };
        for pair in split_unquoted(element, ';') {
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let value = value.trim();
            let quoted = value
                .strip_prefix('"')
                .and_then(|text| text.strip_suffix('"'));
            let value = quoted.unwrap_or(value);
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => hop.address = node(value),
                "proto" => hop.scheme = Scheme::parse(value),
                _ => {}
            }
        }
        hop
    };
    split_unquoted(value, ',')
        .into_iter()
        .map(element)
        .collect()
}

/// The parts of a text between separators that are not within quotes.
fn split_unquoted(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c: char| {
        let splits = c == separator && !quoted;
        if !escaped && c == '"' {
            quoted = !quoted;
        }
        escaped = quoted && !escaped && c == '\\';
        splits
    })
    .collect()
}

/// The address of a node: with or without a port, version 6 with or without brackets. `unknown` and names
/// that a proxy made up are none.
fn node(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    let address = text.parse().ok().or_else(bracketed).or_else(with_port);
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    const PROXY: &str = "10.0.0.1:4000";

    fn remote(peer: &str, headers: &[(&str, &str)]) -> Remote {
        let trusted: TrustedProxies = ["10.0.0.0/8", "fd00::/8"]
            .into_iter()
            .map(|network| network.parse().unwrap())
            .collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Remote::of(peer.parse().unwrap(), Some(Scheme::Http), &map, &trusted)
    }

    fn address(peer: &str, headers: &[(&str, &str)]) -> String {
        remote(peer, headers).to_string()
    }

    #[test]
    fn nobody_is_believed_but_trusted_proxies() {
        let forged = [
            ("forwarded", "for=192.0.2.60"),
            ("x-forwarded-for", "192.0.2.60"),
            ("x-forwarded-proto", "https"),
        ];
        let remote = remote("192.0.2.1:1", &forged);
        assert_eq!(remote.to_string(), "192.0.2.1");
        assert_eq!(remote.scheme(), Some(Scheme::Http));
        let nobody = TrustedProxies::default();
        let peer = PROXY.parse().unwrap();
        let direct = Remote::of(peer, None, &HeaderMap::new(), &nobody);
        assert_eq!(direct, Remote::direct(peer, None));
    }

    #[test]
    fn the_nearest_address_that_is_no_proxy_is_the_client() {
        for (header, expect) in [
            ("192.0.2.60", "192.0.2.60"),
            (" 192.0.2.60 ", "192.0.2.60"),
            ("192.0.2.60:1234", "192.0.2.60"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:1234", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::ffff:192.0.2.60", "192.0.2.60"),
            // What a client sent itself stands on the left.
            ("198.51.100.1, 192.0.2.60", "192.0.2.60"),
            ("127.0.0.1, 192.0.2.60, 10.0.0.9", "192.0.2.60"),
            ("192.0.2.60, ::ffff:10.1.1.1, fd00::1", "192.0.2.60"),
            // Nothing but proxies: the farthest one.
            ("10.0.0.8, 10.0.0.9", "10.0.0.8"),
            // Nothing that names anybody: the nearest one.
            ("", "10.0.0.1"),
            ("unknown", "10.0.0.1"),
            ("192.0.2.60, unknown", "10.0.0.1"),
            ("192.0.2.60, unknown, 10.0.0.9", "10.0.0.9"),
            ("192.0.2.60, \u{e9}", "10.0.0.1"),
            ("999.1.1.1", "10.0.0.1"),
        ] {
            let found = address(PROXY, &[("x-forwarded-for", header)]);
            assert_eq!(found, expect, "{header}");
        }
        let lines = [
            ("x-forwarded-for", "198.51.100.1"),
            ("x-forwarded-for", "192.0.2.60"),
        ];
        assert_eq!(address(PROXY, &lines), "192.0.2.60");
    }

    #[test]
    fn reads_what_the_standard_says() {
        for (header, expect) in [
            ("for=192.0.2.60", "192.0.2.60"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=192.0.2.43, for=192.0.2.60", "192.0.2.60"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            (
                "for=192.0.2.60;by=10.0.0.2, for=10.0.0.2 ; proto=https",
                "192.0.2.60",
            ),
            ("proto=https;for=\"192.0.2.60:80\"", "192.0.2.60"),
            ("for=_hidden", "10.0.0.1"),
            ("for=unknown", "10.0.0.1"),
            ("for=192.0.2.60, for=_gazonk", "10.0.0.1"),
            ("by=192.0.2.60", "10.0.0.1"),
            ("nonsense", "10.0.0.1"),
            // A separator within quotes separates nothing.
            ("for=\"x, for=192.0.2.7\"", "10.0.0.1"),
            ("for=192.0.2.7, for=\"x\\\", for=192.0.2.8\"", "10.0.0.1"),
        ] {
            assert_eq!(address(PROXY, &[("forwarded", header)]), expect, "{header}");
        }
    }

    #[test]
    fn two_headers_have_to_agree() {
        let agree = [
            ("forwarded", "for=192.0.2.60"),
            ("x-forwarded-for", "1.1.1.1, 192.0.2.60"),
        ];
        assert_eq!(address(PROXY, &agree), "192.0.2.60");
        // The proxy knows the older one only, and passes on what its client sent of the other.
        let forged = [
            ("forwarded", "for=1.1.1.1"),
            ("x-forwarded-for", "192.0.2.60"),
        ];
        assert_eq!(address(PROXY, &forged), "10.0.0.1");
    }

    #[test]
    fn a_proxy_says_how_its_client_came() {
        let scheme = |headers: &[(&str, &str)]| remote(PROXY, headers).scheme();
        let client = ("x-forwarded-for", "192.0.2.60");
        let proto = |value| ("x-forwarded-proto", value);
        assert_eq!(scheme(&[client, proto("https")]), Some(Scheme::Https));
        assert_eq!(scheme(&[client, proto("HTTP")]), Some(Scheme::Http));
        assert_eq!(scheme(&[client]), None);
        assert_eq!(scheme(&[client, proto("https"), proto("http")]), None);
        let header = (
            "forwarded",
            "for=192.0.2.60;proto=https, for=10.0.0.2;proto=http",
        );
        assert_eq!(scheme(&[header]), Some(Scheme::Https));
        let hidden = ("forwarded", "for=_secret;proto=https");
        assert_eq!(scheme(&[hidden]), Some(Scheme::Https));
    }

    #[test]
    fn neighbours_in_a_network_of_version_6_are_one_client() {
        let key = |text: &str| client_key(text.parse().unwrap()).to_string();
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(key("192.0.2.7"), "192.0.2.7");
        assert_eq!(key("::ffff:192.0.2.7"), "192.0.2.7");
    }
}
