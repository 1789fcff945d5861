//! What bounds connections and requests, probed by hand.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Bytes,
    routing::{get, post},
};
use mirrorball_server::{Juggler, Limits, Server, State, Tls, server::Builder};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::http::{UPGRADE, answer, ask, get as fetch, open, open_from, rest};

/// A limit that is met at once.
const SHORT: Duration = Duration::from_millis(200);
/// A limit that is never met.
const LONG: Duration = Duration::from_secs(3600);
const HELLO: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

fn routes() -> Router {
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/never", get(std::future::pending::<()>))
        .route("/large", get(|| async { vec![b'x'; 64 << 20] }))
        .route(
            "/body",
            post(|body: Bytes| async move { body.len().to_string() }),
        )
}

async fn start(limits: Limits) -> (SocketAddr, Server) {
    serve(Server::builder().limits(limits)).await
}

async fn serve(builder: Builder) -> (SocketAddr, Server) {
    let server = builder
        .additional_routes(routes())
        .bind("127.0.0.1:0")
        .await
        .unwrap()
        .serve();
    (server.addresses()[0], server)
}

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    for time in [
        &mut limits.handshake_timeout,
        &mut limits.header_read_timeout,
        &mut limits.body_deadline,
        &mut limits.idle_timeout,
        &mut limits.write_timeout,
    ] {
        *time = LONG;
    }
    change(&mut limits);
    limits
}

/// Sends `drop` again and again, for as long as it is taken.
fn drip(
    mut stream: impl AsyncWriteExt + Send + Unpin + 'static,
    drop: &'static [u8],
) -> JoinHandle<()> {
    tokio::spawn(async move {
        while stream.write_all(drop).await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    })
}

/// Whoever does not send the head of a request in time is closed, however it dawdles; whoever is idle is not.
#[tokio::test]
async fn heads_come_in_time() {
    let (address, _server) = start(limits(|limits| limits.header_read_timeout = SHORT)).await;
    let mut idle = open(address, HELLO).await;
    assert_eq!(answer(&mut idle).await.body, "hello");
    let mut silent = open(address, "").await;
    let mut partial = open(address, "GET / HTTP/1.1\r\nHost: x\r\nX-").await;
    let mut second = open(address, &format!("{HELLO}GET / HT")).await;
    let (mut dripping, drops) = open(address, "GET / HTTP/1.1\r\n").await.into_split();
    let drops = drip(drops, b"X-Drop: 1\r\n");
    assert_eq!(rest(&mut silent).await, "");
    rest(&mut partial).await;
    rest(&mut dripping).await;
    drops.await.unwrap();
    assert_eq!(answer(&mut second).await.body, "hello");
    second.write_all(b"T").await.unwrap();
    rest(&mut second).await;
    // Between two requests another limit counts.
    assert_eq!(ask(&mut idle, HELLO).await.body, "hello");
}

/// Whoever is idle for too long is closed; whoever is in the middle of a head is not.
#[tokio::test]
async fn idle_connections_end() {
    let (address, server) = start(limits(|limits| limits.idle_timeout = SHORT)).await;
    let mut partial = open(address, "GET / HTTP/1.1\r\n").await;
    let mut waiting = open(address, "GET /never HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let mut idle = open(address, HELLO).await;
    assert!(rest(&mut idle).await.ends_with("hello"));
    assert_eq!(ask(&mut partial, "Host: x\r\n\r\n").await.body, "hello");
    rest(&mut partial).await;
    assert_eq!(server.connections(), 1);
    server.close().await;
    rest(&mut waiting).await;
}

/// A WebSocket is no request that takes too long.
#[tokio::test]
async fn websockets_have_bounds_of_their_own() {
    let limits = limits(|limits| {
        limits.header_read_timeout = SHORT;
        limits.idle_timeout = SHORT;
        limits.body_deadline = SHORT;
    });
    let juggler = Juggler::builder(State::new(1)).build();
    let (address, _server) = serve(Server::builder().limits(limits).juggler(juggler)).await;
    let mut peer = crate::peer::Peer::connect(address).await;
    peer.state().await;
    // One that opened later is closed long before this one is used.
    rest(&mut open(address, "").await).await;
    rest(&mut open(address, HELLO).await).await;
    peer.request(1, "", serde_json::json!("there")).await;
    assert_eq!(peer.response().await["data"], "there");
}

/// A body comes as a whole in time, and is no longer than it may be.
#[tokio::test]
async fn bodies_are_bounded() {
    let (address, _server) = start(limits(|limits| {
        limits.body_deadline = SHORT;
        limits.max_body_bytes = 1000;
    }))
    .await;
    let head = "POST /body HTTP/1.1\r\nHost: x\r\n";
    let post =
        async |rest: String| answer(&mut open(address, &format!("{head}{rest}")).await).await;
    let of = |length: usize| format!("Content-Length: {length}\r\n\r\n{}", "x".repeat(length));
    let chunks = |length: usize| {
        let body = "x".repeat(length);
        format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n")
    };
    assert_eq!(post(of(1000)).await.body, "1000");
    assert_eq!(post(chunks(1000)).await.body, "1000");
    assert_eq!(post(of(1001)).await.status, 413);
    assert_eq!(post(chunks(1001)).await.status, 413);
    assert_eq!(
        post("Content-Length: 99999999\r\n\r\n".to_owned())
            .await
            .status,
        413
    );

    let slow = open(address, &format!("{head}Content-Length: 999\r\n\r\nxx")).await;
    let (mut slow, drops) = slow.into_split();
    let drops = drip(drops, b"x");
    let status = answer(&mut slow).await.status;
    assert!((400..500).contains(&status), "{status}");
    rest(&mut slow).await;
    drops.await.unwrap();
}

/// Nobody waits for a client that takes nothing of its answer.
#[tokio::test]
async fn answers_are_taken() {
    let (address, server) = start(limits(|limits| limits.write_timeout = SHORT)).await;
    let mut stalled = open(address, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(stalled.read_u8().await.unwrap(), b'H');
    until(async || server.connections() == 0).await;
    // The system keeps what it was told to, for as long as the client does not take it.
    let kept = rest(&mut stalled).await.len();
    assert!(kept < 1 << 20, "{kept} bytes were kept for nobody");
}

/// Heads have an end.
#[tokio::test]
async fn heads_are_bounded() {
    let (address, _server) = start(limits(|limits| limits.max_header_bytes = 9 << 10)).await;
    let endless = format!("GET / HTTP/1.1\r\nX-Long: {}", "x".repeat(100_000));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(endless.as_bytes()).await;
    assert_eq!(answer(&mut stream).await.status, 431);
    let fine = format!("GET / HTTP/1.1\r\nX-Long: {}\r\n\r\n", "x".repeat(8000));
    assert_eq!(answer(&mut open(address, &fine).await).await.body, "hello");
}

/// A handshake that does not come to its end is closed, however it dawdles.
#[tokio::test]
async fn handshakes_come_in_time() {
    let limits = limits(|limits| limits.handshake_timeout = SHORT);
    let tls = Tls::self_signed(["localhost"]).unwrap();
    let (address, server) = serve(Server::builder().limits(limits).tls(tls)).await;
    let mut silent = open(address, "").await;
    // The head of a record that announces 16 KiB, which come byte by byte.
    let mut dripping = TcpStream::connect(address).await.unwrap();
    dripping
        .write_all(&[0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc])
        .await
        .unwrap();
    let (mut dripping, drops) = dripping.into_split();
    let drops = drip(drops, b"\x03");
    rest(&mut silent).await;
    rest(&mut dripping).await;
    drops.await.unwrap();
    // Who speaks without TLS.
    rest(&mut open(address, HELLO).await).await;
    until(async || server.connections() == 0).await;
}

async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !condition().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), waiting)
        .await
        .expect("it never holds");
}

/// One connection too many is told so before anything else, and places that were given back are taken again.
#[tokio::test]
async fn connections_are_bounded() {
    let (address, server) = start(limits(|limits| limits.max_total = 2)).await;
    let never = "GET /never HTTP/1.1\r\nHost: x\r\n\r\n";
    let first = open(address, never).await;
    let _second = open(address, never).await;
    until(async || server.connections() == 2).await;
    let refused = fetch(address, "/ws", UPGRADE).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "10"));
    assert!(
        refused.body.ends_with("as many connections as it takes"),
        "{refused:?}"
    );
    drop(first);
    until(async || fetch(address, "/", "").await.status == 200).await;
}

/// One client does not take the places of all.
#[tokio::test]
async fn one_client_has_so_many_connections() {
    let juggler = Juggler::builder(State::new(1)).build();
    let limits = limits(|limits| limits.max_per_ip = 2);
    let (address, server) = serve(Server::builder().limits(limits).juggler(juggler)).await;
    let _page = open(address, "").await;
    let mut socket = crate::peer::Peer::connect(address).await;
    socket.state().await;
    until(async || server.connections() == 2).await;
    let refused = fetch(address, "/", "").await;
    assert_eq!(refused.status, 503);
    assert!(refused.body.starts_with("this client has"), "{refused:?}");
    let mut other = open_from("127.0.9.9", address, HELLO).await;
    assert_eq!(answer(&mut other).await.body, "hello");
    drop(socket);
    until(async || fetch(address, "/", "").await.status == 200).await;
}

/// A proxy has the connections of many.
#[tokio::test]
async fn connections_of_a_proxy_are_not_counted() {
    let limits = limits(|limits| limits.max_per_ip = 2);
    let proxies = ["127.0.0.1/32".parse().unwrap()].into_iter().collect();
    let (address, _server) = serve(Server::builder().limits(limits).trusted_proxies(proxies)).await;
    let mut open_connections = Vec::new();
    for _ in 0..10 {
        let mut stream = open(address, HELLO).await;
        assert_eq!(answer(&mut stream).await.status, 200);
        open_connections.push(stream);
    }
}
