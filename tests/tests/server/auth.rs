//! Who may send requests, where a file of users says so.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use axum::{Router, extract::Extension, routing::get};
use mirrorball_server::{
    Juggler, Limits, RequestError, Server, State,
    auth::{Principal, with_password},
    juggler,
    server::Builder,
};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::{
    http::{Answer, UPGRADE, answer, get as fetch, open_from},
    peer::Peer,
    site::Site,
};

/// `alice:secret`, as openssl hashes it.
const ALICE: &str = "alice:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\n";
/// Pairs as a browser sends them.
const ALICE_SECRET: &str = "Basic YWxpY2U6c2VjcmV0";
const ALICE_WRONG: &str = "Basic YWxpY2U6d3Jvbmc=";
const BOB_SECRET: &str = "Basic Ym9iOnNlY3JldA==";
const BOB_BOB: &str = "Basic Ym9iOmJvYg==";

struct House {
    folder: tempfile::TempDir,
    address: SocketAddr,
    server: Server,
}

/// A service that answers who asks.
fn juggler() -> juggler::Builder {
    Juggler::builder(State::new(7)).request("who", |connection, (): ()| async move {
        Ok::<_, RequestError>(connection.principal().map(ToString::to_string))
    })
}

impl House {
    async fn open(users: &str, change: impl FnOnce(Builder) -> Builder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("htpasswd"), users).unwrap();
        fs::create_dir(folder.path().join("www")).unwrap();
        fs::write(folder.path().join("www/page"), "a page").unwrap();
        let who = Router::new().route(
            "/who",
            get(|Extension(principal): Extension<Principal>| async move { principal.to_string() }),
        );
        let builder = Server::builder()
            .juggler(juggler().build())
            .additional_routes(who)
            .static_dir(folder.path().join("www"))
            .htpasswd_file(folder.path().join("htpasswd"))
            .reload_interval(None);
        let server = change(builder).bind("127.0.0.1:0").await.unwrap().serve();
        Self {
            address: server.addresses()[0],
            folder,
            server,
        }
    }

    async fn get(&self, path: &str, authorization: &str) -> Answer {
        let upgrade = if path == "/ws" { UPGRADE } else { "" };
        let lines = match authorization {
            "" => upgrade.to_owned(),
            value => format!("{upgrade}Authorization: {value}\r\n"),
        };
        fetch(self.address, path, &lines).await
    }

    async fn status(&self, path: &str, authorization: &str) -> u16 {
        self.get(path, authorization).await.status
    }

    fn file(&self) -> std::path::PathBuf {
        self.folder.path().join("htpasswd")
    }
}

/// Every request is asked who it is from: for pages, routes, WebSockets, and what is not there.
#[tokio::test]
async fn nothing_is_open() {
    let house = House::open(ALICE, |builder| builder.realm("the \"plant\"")).await;
    for path in ["/page", "/who", "/ws", "/", "/missing", "/.htpasswd"] {
        for authorization in ["", ALICE_WRONG, BOB_SECRET, "Bearer x", "Basic ?"] {
            let answer = house.get(path, authorization).await;
            assert_eq!(answer.status, 401, "{path} {authorization}");
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge, r#"basic realm="the \"plant\"", charset="utf-8""#);
            assert_eq!(answer.header("cache-control"), "no-cache");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
        }
    }
    assert_eq!(house.get("/page", ALICE_SECRET).await.body, "a page");
    assert_eq!(house.get("/who", ALICE_SECRET).await.body, "alice");
    assert_eq!(house.status("/ws", ALICE_SECRET).await, 101);
    assert_eq!(house.status("/missing", ALICE_SECRET).await, 404);
    let header = format!("Authorization: {ALICE_SECRET}");
    let mut peer = Peer::connect_at(house.address, "/ws", &header).await;
    assert_eq!(peer.state().await, &json!(7));
}

/// A connection knows its user, where users are asked for.
#[tokio::test]
async fn a_connection_knows_its_user() {
    let users = format!("{ALICE}{}", with_password("", "bob", b"bob").unwrap());
    let house = House::open(&users, |builder| builder).await;
    let mut peers = Vec::new();
    for (authorization, name) in [(ALICE_SECRET, "alice"), (BOB_BOB, "bob")] {
        let header = format!("Authorization: {authorization}");
        let mut peer = Peer::connect_at(house.address, "/ws", &header).await;
        peer.request(1, "who", json!(null)).await;
        assert_eq!(peer.response().await["data"], name);
        peers.push((peer, name));
    }
    // Each is who it was, whatever becomes of the others, and of the file.
    fs::write(house.file(), ALICE).unwrap();
    assert!(house.server.reload().await);
    for (mut peer, name) in peers {
        peer.request(2, "who", json!(null)).await;
        assert_eq!(peer.response().await["data"], name);
    }

    // What nobody asked for is not believed.
    let open = Site::start(juggler()).await;
    let header = format!("Authorization: {ALICE_SECRET}");
    let mut peer = Peer::connect_at(open.address, "/ws", &header).await;
    peer.request(1, "who", json!(null)).await;
    assert_eq!(peer.response().await["data"], json!(null));
}

/// Whoever is wrong too often waits; others do not, nor does a pair that was right before.
#[tokio::test]
async fn guessing_has_an_end() {
    let mut limits = Limits::default();
    limits.failures_per_min_per_ip = 3;
    let users = format!("{ALICE}{}", with_password("", "bob", b"bob").unwrap());
    let house = House::open(&users, |builder| builder.limits(limits)).await;
    assert_eq!(house.status("/page", ALICE_SECRET).await, 200);
    // A request that does not say who it is from is no guess.
    for _ in 0..10 {
        assert_eq!(house.status("/page", "").await, 401);
    }
    for _ in 0..3 {
        assert_eq!(house.status("/page", ALICE_WRONG).await, 401);
    }
    let refused = house.get("/page", ALICE_WRONG).await;
    assert_eq!(refused.status, 429);
    assert!((1..=60).contains(&refused.header("retry-after").parse().unwrap()));
    assert_eq!(house.status("/ws", BOB_SECRET).await, 429);
    // Not even the right one, if it was never right before.
    assert_eq!(house.status("/page", BOB_BOB).await, 429);
    assert_eq!(house.status("/page", ALICE_SECRET).await, 200);
    let request = format!("GET /who HTTP/1.1\r\nHost: x\r\nAuthorization: {BOB_BOB}\r\n\r\n");
    let mut other = open_from("127.0.7.7", house.address, &request).await;
    assert_eq!(answer(&mut other).await.body, "bob");
}

/// So many passwords are hashed and wait, and no more; one that was right before waits for none of them.
#[tokio::test]
async fn hashing_is_bounded() {
    let mut limits = Limits::default();
    (limits.max_concurrent_hashes, limits.max_pending_hashes) = (1, 2);
    limits.failures_per_min_per_ip = 1000;
    let users = format!("{ALICE}{}", with_password("", "bob", b"bob").unwrap());
    let house = House::open(&users, |builder| builder.limits(limits)).await;
    assert_eq!(house.status("/page", ALICE_SECRET).await, 200);
    let guesses =
        futures_util::future::join_all((0..40).map(|_| house.status("/page", BOB_SECRET)));
    let statuses = guesses.await;
    let count = |status| statuses.iter().filter(|found| **found == status).count();
    assert!(count(401) >= 3 && count(503) > 0, "{statuses:?}");
    assert_eq!(count(401) + count(503), 40, "{statuses:?}");
    assert_eq!(house.status("/page", ALICE_SECRET).await, 200);
    assert_eq!(house.status("/page", BOB_BOB).await, 200);
}

/// A password is not as long as a body.
#[tokio::test]
async fn passwords_are_bounded() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let long = "x".repeat(1024);
    let users = with_password("", "eve", long.as_bytes()).unwrap();
    let longer = format!("{long}x");
    let users = with_password(&users, "mallory", longer.as_bytes()).unwrap();
    let house = House::open(&users, |builder| builder).await;
    let basic = |pair: String| format!("Basic {}", BASE64_STANDARD.encode(pair));
    assert_eq!(
        house.status("/page", &basic(format!("eve:{long}"))).await,
        200
    );
    assert_eq!(
        house
            .status("/page", &basic(format!("mallory:{longer}")))
            .await,
        401
    );
}

/// The file is read again when it is told to be; what cannot be used changes nothing.
#[tokio::test]
async fn users_come_and_go() {
    let house = House::open(ALICE, |builder| builder).await;
    assert_eq!(house.status("/page", ALICE_SECRET).await, 200);
    let header = format!("Authorization: {ALICE_SECRET}");
    let mut peer = Peer::connect_at(house.address, "/ws", &header).await;
    peer.state().await;
    fs::write(house.file(), "alice:secret\n").unwrap();
    assert!(!house.server.reload().await);
    assert_eq!(house.status("/page", ALICE_SECRET).await, 200);
    fs::write(house.file(), with_password("", "bob", b"bob").unwrap()).unwrap();
    assert!(house.server.reload().await);
    assert_eq!(house.status("/page", ALICE_SECRET).await, 401);
    assert_eq!(house.status("/page", BOB_BOB).await, 200);
    // What is open stays open.
    peer.request(1, "", json!("still there")).await;
    assert_eq!(peer.response().await["data"], "still there");
}

/// A file that changes is read again by itself.
#[tokio::test]
async fn changes_are_seen() {
    let soon = Some(Duration::from_millis(20));
    let house = House::open(ALICE, |builder| builder.reload_interval(soon)).await;
    assert_eq!(house.status("/page", BOB_BOB).await, 401);
    replace(&house.file(), &with_password("", "bob", b"bob").unwrap());
    let seen = async {
        while house.status("/page", ALICE_SECRET).await == 200 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(30), seen).await.unwrap();
    assert_eq!(house.status("/page", BOB_BOB).await, 200);
}

/// As an editor writes a file: nobody reads half of it.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

/// A file that protects nobody is refused before anything is served, with its line.
#[tokio::test]
async fn a_file_that_protects_nobody_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    for (text, expect) in [
        (
            "# users\nalice:secret\n",
            ", line 2: the password is not hashed",
        ),
        (
            "alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n",
            ", line 1: {SHA} is no protection",
        ),
        ("alice:$7$x$y\n", ", line 1: this kind of hash is not known"),
        ("", "names no users"),
    ] {
        fs::write(&file, text).unwrap();
        let bound = Server::builder()
            .htpasswd_file(&file)
            .bind("127.0.0.1:0")
            .await;
        let error = bound.unwrap_err().to_string();
        assert!(error.contains(expect) && error.contains("users"), "{error}");
    }
}
