//! What is around the WebSocket: users, files, and what a request says of itself.

use std::{fs, net::IpAddr, time::Duration};

use axum::{Router, body::Body, http::Request};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use mirrorball_server::{
    Files, Remote,
    auth::Htpasswd,
    origin::{Origin, Origins},
    proxies::TrustedProxies,
};
use tokio::runtime::Runtime;
use tower::ServiceExt;

use super::text;

/// What may be read.
const PUBLIC: &str = "public";
/// What may not.
const CANARY: &str = "canary";

/// Reads a file of users: what is refused is refused with its line.
pub fn htpasswd(data: &[u8]) {
    let text = text(data);
    let lines = text.lines().count();
    match Htpasswd::parse(&text) {
        Ok(users) => assert!(users.len() <= lines),
        Err((line, fault)) => {
            assert!((1..=lines).contains(&line), "{fault}");
            // Without that line and what follows it there is nothing wrong.
            let before: Vec<&str> = text.lines().take(line - 1).collect();
            assert!(Htpasswd::parse(&before.join("\n")).is_ok());
        }
    }
}

/// A folder with what may be read and what may not, and routers that serve it.
struct Site {
    _folder: tempfile::TempDir,
    /// Without and with symbolic links.
    routers: [Router; 2],
    runtime: Runtime,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let base = folder.path();
        for name in ["www/a/b", "www/.git", "private"] {
            fs::create_dir_all(base.join(name)).expect("a folder can be made");
        }
        for name in ["www/index.html", "www/a/index.html", "www/a/b/c", "www/~"] {
            fs::write(base.join(name), PUBLIC).expect("a file can be made");
        }
        for name in [
            "secret",
            "private/x",
            "www/.htpasswd",
            "www/.git/x",
            "www/a/.x",
        ] {
            fs::write(base.join(name), CANARY).expect("a file can be made");
        }
        #[cfg(unix)]
        for (target, name) in [
            ("..", "up"),
            ("../private", "p"),
            (".git", "g"),
            ("a", "in"),
        ] {
            std::os::unix::fs::symlink(target, base.join("www").join(name))
                .expect("a link can be made");
        }
        let files = Files::open(base.join("www")).expect("it is a folder");
        let following = files.clone().follow_symlinks(true);
        Self {
            _folder: folder,
            routers: [files, following].map(Files::into_router),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime can be made"),
        }
    }
}

thread_local! {
    static SITE: Site = Site::new();
}

/// Asks for a file by any path; the first byte says whether links are followed. What comes back is public.
pub fn paths(data: &[u8]) {
    let Some((first, path)) = data.split_first() else {
        return;
    };
    let Ok(request) = Request::get(path).body(Body::empty()) else {
        return;
    };
    SITE.with(|site| {
        let answering = async {
            let router = site.routers[usize::from(first & 1)].clone();
            let Ok(response) = router.oneshot(request).await;
            let status = response.status();
            let location = response.headers().get(header::LOCATION).cloned();
            let body = axum::body::to_bytes(response.into_body(), 1 << 20).await;
            (status, location, body.expect("a file can be read"))
        };
        let patience = Duration::from_secs(10);
        let answer = site
            .runtime
            .block_on(async { tokio::time::timeout(patience, answering).await });
        let (status, location, body) = answer.expect("it waits for something");
        let allowed = status.is_redirection() || status.is_client_error();
        assert!(status == StatusCode::OK || allowed, "{status}");
        assert_eq!(status == StatusCode::OK, *body == *PUBLIC.as_bytes());
        if let Some(location) = location {
            let location = location.as_bytes();
            assert!(
                location.starts_with(b"/") && !location.starts_with(b"//"),
                "it leads to another host"
            );
        }
    });
}

/// Reads what a request says of its page, its host and its proxies, each on a line of its own.
pub fn headers(data: &[u8]) {
    const NAMES: [HeaderName; 4] = [
        header::ORIGIN,
        header::HOST,
        header::FORWARDED,
        HeaderName::from_static("x-forwarded-for"),
    ];
    let mut headers = HeaderMap::new();
    for (line, name) in data.split(|byte| *byte == b'\n').zip(NAMES) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.insert(name, value);
        }
    }
    let said = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let (origin, host) = (said(header::ORIGIN), said(header::HOST));
    let friend: Origin = "https://friend.example".parse().expect("it is one");
    let mut origins = Origins::default();
    origins.add(friend.clone());
    if let Some(text) = origin
        && origins.allows(origin, host)
    {
        let read: Origin = text.parse().expect("what is allowed is an origin");
        assert_eq!(read.to_string().parse(), Ok(read.clone()));
        let authority = text.split_once("://").map(|(_, authority)| authority);
        let own = host.is_some_and(|host| {
            authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
        });
        assert!(own || read == friend, "a stranger");
    }
    assert_eq!(
        origins.check(&headers).is_ok(),
        (origin.is_none() && !headers.contains_key(header::ORIGIN))
            || origins.allows(origin, host) && origin.is_some()
    );
    let _ = origins.check_host(&headers);
    // Nobody is believed but trusted proxies, and of what those say nothing is taken that is no address.
    let peer = ([192, 0, 2, 1], 7).into();
    let stranger = Remote::of(peer, None, &headers, &TrustedProxies::default());
    assert_eq!(stranger.address(), peer.ip());
    let networks = ["192.0.2.0/24", "2001:db8::/32"];
    let trusted: TrustedProxies = networks
        .iter()
        .map(|network| network.parse::<ipnet::IpNet>().expect("it is one"))
        .collect();
    let client: IpAddr = Remote::of(peer, None, &headers, &trusted).address();
    if client != peer.ip() {
        let said = [
            header::FORWARDED,
            HeaderName::from_static("x-forwarded-for"),
        ];
        assert!(said.iter().any(|name| headers.contains_key(name)));
    }
}
