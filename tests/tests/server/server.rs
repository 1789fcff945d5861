//! A whole server: what is served where, to whom, and how it ends.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::{Extension, ws::WebSocketUpgrade},
    http::StatusCode,
    routing::get,
};
use mirrorball_server::{
    Juggler, Remote, Server, State, Value, origin::Origins, server::ServerError,
};
use serde_json::json;
use tokio::{io::AsyncReadExt, time::timeout};

use crate::{
    http::{UPGRADE, answer, ask, get as fetch, open, rest},
    peer::Peer,
};

const PATIENCE: Duration = Duration::from_secs(30);

fn juggler() -> Juggler {
    Juggler::builder(State::new(7)).build()
}

async fn serve(builder: mirrorball_server::server::Builder) -> (SocketAddr, Server) {
    let server = builder.bind("127.0.0.1:0").await.unwrap().serve();
    (server.addresses()[0], server)
}

fn www() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "index").unwrap();
    std::fs::write(folder.path().join("hello"), "a file").unwrap();
    folder
}

/// Services, routes of one's own and files share a server, in this order, and every answer says `no-cache`.
#[tokio::test]
async fn everything_has_its_place() {
    let www = www();
    let routes = Router::new()
        .route("/hello", get(|| async { "a route" }))
        .route("/ws", get(|| async { "never reached" }))
        .route("/kept", get(|| async { [("cache-control", "max-age=60")] }));
    let more = Router::new()
        .route("/hello", get(|| async { "never reached" }))
        .route("/more", get(|| async { "more" }));
    let other = Juggler::builder(State::new("other"))
        .ws_path("/other/ws")
        .build();
    let builder = Server::builder()
        .juggler(juggler())
        .juggler(other)
        .additional_routes(routes)
        .additional_routes(more)
        .static_dir(www.path());
    let (address, _server) = serve(builder).await;
    assert_eq!(Peer::connect(address).await.state().await, &json!(7));
    assert_eq!(fetch(address, "/other/ws", UPGRADE).await.status, 101);
    for (path, status, body) in [
        ("/hello", 200, "a route"),
        ("/more", 200, "more"),
        ("/index.html", 200, "index"),
        ("/missing", 404, ""),
    ] {
        let found = fetch(address, path, "").await;
        assert_eq!(
            (found.status, found.body.as_str()),
            (status, body),
            "{path}"
        );
        assert_eq!(found.header("cache-control"), "no-cache", "{path}");
    }
    let index = fetch(address, "/?a=b", "").await;
    assert_eq!(
        (index.status, index.header("location")),
        (302, "/index.html?a=b")
    );
    assert_eq!(
        fetch(address, "/kept", "").await.header("cache-control"),
        "max-age=60"
    );
}

/// Where `/` leads is the caller's choice, as is whether answers may be kept.
#[tokio::test]
async fn the_index_and_the_cache_are_settings() {
    let www = www();
    let files = || Server::builder().static_dir(www.path()).no_cache(false);
    let (address, _first) = serve(files().index_path(Some("/hello"))).await;
    let index = fetch(address, "/", "").await;
    assert_eq!((index.status, index.header("location")), (302, "/hello"));
    assert_eq!(index.header("cache-control"), "");
    let (address, _second) = serve(files().index_path(None)).await;
    assert_eq!(fetch(address, "/", "").await.body, "index");

    // Without files `/` belongs to the routes, unless told otherwise.
    let home = || {
        let home = Router::new().route("/", get(|| async { "home" }));
        let home = home.fallback(|| async { (StatusCode::IM_A_TEAPOT, "lost") });
        Server::builder().juggler(juggler()).additional_routes(home)
    };
    let (address, _third) = serve(home()).await;
    assert_eq!(fetch(address, "/", "").await.body, "home");
    assert_eq!(fetch(address, "/lost", "").await.status, 418);
    let (address, _fourth) = serve(home().index_path(Some("/app"))).await;
    assert_eq!(fetch(address, "/", "").await.header("location"), "/app");
}

/// What cannot be served is an error, and not a panic.
#[tokio::test]
async fn what_cannot_be_served_is_refused() {
    let bind =
        async |builder: mirrorball_server::server::Builder| match builder.bind("127.0.0.1:0").await
        {
            Err(error) => error.to_string(),
            Ok(_) => panic!("it was served"),
        };
    let at = |path: &str| Juggler::builder(State::new(1)).ws_path(path).build();
    for path in [
        "ws", "", "//ws", "/{id}", "/a b", "/ws?x", "/*rest", "/\u{e9}",
    ] {
        let error = bind(Server::builder().juggler(at(path))).await;
        assert!(
            error.starts_with(&format!("the WebSocket path `{path}`: ")),
            "{error}"
        );
        let error = bind(Server::builder().index_path(Some(path))).await;
        assert!(
            error.starts_with(&format!("the index path `{path}`: ")),
            "{error}"
        );
    }
    let error = bind(Server::builder().juggler(at("/ws")).juggler(at("/ws"))).await;
    assert!(error.contains("is not taken"), "{error}");
    let error = bind(Server::builder().juggler(at("/")).index_path(Some("/x"))).await;
    assert!(error.contains("the index path"), "{error}");
    let error = bind(Server::builder().static_dir("/nowhere")).await;
    assert!(error.contains("/nowhere"), "{error}");
    let error = bind(Server::builder().htpasswd_file("/nowhere")).await;
    assert!(error.contains("/nowhere"), "{error}");

    let (address, _server) = serve(Server::builder()).await;
    let error = Server::builder().bind(address).await.unwrap_err();
    assert!(matches!(error, ServerError::Listen { .. }), "{error}");
    assert!(error.to_string().contains("the port is taken"), "{error}");
    let error = Server::builder()
        .bind("192.0.2.1:80")
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("this host has no such address"), "{error}");
    let error = Server::builder().bind("no such name").await.unwrap_err();
    assert!(matches!(error, ServerError::Name(_)), "{error}");
}

/// A server listens at all addresses that it is given.
#[tokio::test]
async fn there_may_be_several_addresses() {
    let addresses = ["127.0.0.1:0", "127.0.0.2:0"].map(|text| text.parse().unwrap());
    let server = Server::builder()
        .juggler(juggler())
        .bind(&addresses[..])
        .await
        .unwrap()
        .serve();
    assert_eq!(server.addresses().len(), 2);
    for address in server.addresses() {
        assert_eq!(Peer::connect(*address).await.state().await, &json!(7));
    }
}

/// Closing says goodbye, lets requests end, and takes no new connection; then it is closed.
#[tokio::test]
async fn closing_is_orderly() {
    let (begin, begun) = async_channel();
    let (finish, finished) = async_channel();
    let slow = {
        let finished = std::sync::Arc::new(tokio::sync::Mutex::new(finished));
        get(move || {
            let (begin, finished) = (begin.clone(), finished.clone());
            async move {
                begin.send(()).await.unwrap();
                finished.lock().await.recv().await.unwrap();
                "done"
            }
        })
    };
    let builder = Server::builder()
        .juggler(juggler())
        .additional_routes(Router::new().route("/slow", slow))
        .shutdown_timeout(PATIENCE);
    let (address, server) = serve(builder).await;
    let mut peer = Peer::connect(address).await;
    peer.state().await;
    let mut idle = open(address, "GET /missing HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(answer(&mut idle).await.status, 404);
    let mut request = open(address, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut begun = begun;
    begun.recv().await.unwrap();

    // Nobody has to wait for it.
    assert!(timeout(Duration::ZERO, server.close()).await.is_err());
    let closing = tokio::spawn({
        let server = server.clone();
        async move { server.close().await }
    });
    assert_eq!(peer.goodbye().await.0, 1012);
    rest(&mut idle).await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    let waiting = tokio::spawn({
        let server = server.clone();
        async move { server.closed().await }
    });
    finish.send(()).await.unwrap();
    assert!(rest(&mut request).await.ends_with("done"));
    assert!(timeout(PATIENCE, closing).await.unwrap().unwrap());
    timeout(PATIENCE, waiting).await.unwrap().unwrap();
    assert_eq!(server.connections(), 0);
    assert!(server.close().await);
}

fn async_channel() -> (
    tokio::sync::mpsc::Sender<()>,
    tokio::sync::mpsc::Receiver<()>,
) {
    tokio::sync::mpsc::channel(1)
}

/// What does not end is cut: requests, and WebSockets that know nothing of the server.
#[tokio::test]
async fn what_does_not_end_is_cut() {
    let deaf = get(|upgrade: WebSocketUpgrade| async {
        upgrade.on_upgrade(|mut socket| async move { while socket.recv().await.is_some() {} })
    });
    let routes = Router::new()
        .route("/never", get(std::future::pending::<()>))
        .route("/deaf", deaf);
    let (address, server) = serve(Server::builder().additional_routes(routes)).await;
    let mut never = open(address, "GET /never HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut deaf = open(
        address,
        &format!("GET /deaf HTTP/1.1\r\nHost: x\r\n{UPGRADE}\r\n"),
    )
    .await;
    assert_eq!(answer(&mut deaf).await.status, 101);
    let mut partial = open(address, "GET /").await;
    let mut two = [0; 1];
    assert!(!timeout(PATIENCE, server.close()).await.unwrap());
    rest(&mut never).await;
    rest(&mut partial).await;
    let read = timeout(PATIENCE, deaf.read(&mut two)).await.unwrap();
    assert!(!matches!(read, Ok(1..)));
    let gone = async {
        while server.connections() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap();
}

/// A service is a router, which a stranger's app nests and serves in its own way.
#[tokio::test]
async fn a_service_nests_in_an_app_of_others() {
    let juggler = Juggler::builder(State::new(7))
        .on_request(|connection, _, _| async move {
            Ok(Value::from(
                connection
                    .remote()
                    .map_or("nobody".to_owned(), |remote| remote.to_string()),
            ))
        })
        .build();
    let app = Router::new()
        .route("/", get(|| async { "the stranger's" }))
        .nest("/live", juggler.clone().into_router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let with_address = app
        .clone()
        .into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, with_address).await });
    assert_eq!(fetch(address, "/", "").await.body, "the stranger's");
    let mut peer = Peer::connect_at(address, "/live/ws", "").await;
    assert_eq!(peer.state().await, &json!(7));
    peer.request(1, "who", json!(null)).await;
    assert_eq!(peer.response().await["data"], "127.0.0.1");

    // Without the address it is not known, and not missed.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut peer = Peer::connect_at(address, "/live/ws", "").await;
    peer.state().await;
    peer.request(1, "who", json!(null)).await;
    assert_eq!(peer.response().await["data"], "nobody");
}

/// Only a trusted proxy is believed who its client is.
#[tokio::test]
async fn clients_are_who_the_proxy_says() {
    let juggler = || {
        Juggler::builder(State::new(7))
            .on_request(|connection, _, _| async move {
                Ok(Value::from(connection.remote().unwrap().to_string()))
            })
            .build()
    };
    let who = Router::new().route(
        "/who",
        get(|Extension(remote): Extension<Remote>| async move {
            format!("{remote} through {}", remote.peer().ip())
        }),
    );
    let trusted = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
    let behind = Server::builder()
        .juggler(juggler())
        .additional_routes(who.clone())
        .trusted_proxies(trusted);
    let (behind, _first) = serve(behind).await;
    let (bare, _second) = serve(Server::builder().juggler(juggler()).additional_routes(who)).await;
    let forged = "X-Forwarded-For: 198.51.100.7, 192.0.2.60\r\n";
    assert_eq!(
        fetch(behind, "/who", forged).await.body,
        "192.0.2.60 through 127.0.0.1"
    );
    assert_eq!(
        fetch(bare, "/who", forged).await.body,
        "127.0.0.1 through 127.0.0.1"
    );
    for (address, expect) in [(behind, "2001:db8::1"), (bare, "127.0.0.1")] {
        let mut peer =
            Peer::connect_at(address, "/ws", "Forwarded: for=\"[2001:db8::1]:4711\"").await;
        peer.state().await;
        peer.request(1, "who", json!(null)).await;
        assert_eq!(peer.response().await["data"], expect);
    }
}

/// A page of another site opens no WebSocket, and is told nothing about files by which its browser would show
/// them to it.
#[tokio::test]
async fn origins_are_checked() {
    let www = www();
    let server = |origins: Origins| {
        let juggler = Juggler::builder(State::new(7)).origins(origins).build();
        Server::builder().juggler(juggler).static_dir(www.path())
    };
    let mut added = Origins::default();
    added.add("https://friend.example".parse().unwrap());
    let (address, _server) = serve(server(added)).await;
    let port = address.port();
    let own = format!("http://127.0.0.1:{port}");
    let cases = [
        (None, 101),
        (Some(own.clone()), 101),
        // A proxy that is not known may have taken off the TLS.
        (Some(format!("https://127.0.0.1:{port}")), 101),
        (Some("https://friend.example".into()), 101),
        (Some("http://friend.example".into()), 403),
        (Some("https://friend.example:444".into()), 403),
        (Some("http://evil.example".into()), 403),
        (Some(format!("http://127.0.0.1:{}", port ^ 1)), 403),
        (Some("http://127.0.0.1".into()), 403),
        (Some(format!("http://localhost:{port}")), 403),
        (Some("null".into()), 403),
        (Some(String::new()), 403),
        (Some(format!("{own}.evil.example")), 403),
        (Some(format!("{own}@evil.example")), 403),
        (Some(format!("http://evil127.0.0.1:{port}")), 403),
        (Some(format!("http://x.127.0.0.1:{port}")), 403),
        (Some("https://friend.example.evil.example".into()), 403),
        (Some("https://evilfriend.example".into()), 403),
        (Some(format!("{own}/")), 403),
        (Some(format!("{own}, http://evil.example")), 403),
        (Some(format!("{own}\r\nOrigin: {own}")), 403),
    ];
    for (origin, status) in &cases {
        let line = origin
            .as_ref()
            .map_or(String::new(), |origin| format!("Origin: {origin}\r\n"));
        let socket = fetch(address, "/ws", &format!("{UPGRADE}{line}")).await;
        assert_eq!(socket.status, *status, "{origin:?}");
        let file = fetch(address, "/hello", &line).await;
        assert_eq!(
            (file.status, file.body.as_str()),
            (200, "a file"),
            "{origin:?}"
        );
        for answer in [socket, file] {
            assert!(!answer.head.contains("access-control"), "{}", answer.head);
        }
    }

    let mut pages_only = Origins::default();
    pages_only.require(true);
    let (address, _server) = serve(server(pages_only)).await;
    let own = format!("Origin: http://{address}\r\n");
    assert_eq!(
        fetch(address, "/ws", &format!("{UPGRADE}{own}"))
            .await
            .status,
        101
    );
    let refused = fetch(address, "/ws", UPGRADE).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.starts_with("no origin"), "{refused:?}");
}

/// Behind a proxy that says how its client came, a page has to have come in the same way.
#[tokio::test]
async fn a_proxy_says_by_which_scheme_a_page_came() {
    let trusted = ["127.0.0.0/8".parse().unwrap()].into_iter().collect();
    let (address, _server) = serve(
        Server::builder()
            .juggler(juggler())
            .trusted_proxies(trusted),
    )
    .await;
    for (scheme, proto, status) in [
        ("https", "https", 101),
        ("http", "https", 403),
        ("https", "http", 403),
        ("http", "http", 101),
    ] {
        let lines = format!(
            "{UPGRADE}Origin: {scheme}://{address}\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: {proto}\r\n"
        );
        let answer = fetch(address, "/ws", &lines).await;
        assert_eq!(answer.status, status, "{scheme} over {proto}");
    }
}

/// A loopback server answers to names only that nobody else can have.
#[tokio::test]
async fn a_loopback_server_has_few_names() {
    let builder = Server::builder()
        .juggler(juggler())
        .loopback_names_only(Origins::default());
    let (address, _server) = serve(builder).await;
    for (host, status) in [("localhost", 404), ("evil.test", 421)] {
        let mut stream = open(address, "").await;
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(ask(&mut stream, &request).await.status, status, "{host}");
    }
}
