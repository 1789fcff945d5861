//! How connections end, and which ones do not begin.

use mirrorball_server::{Juggler, State, Value, origin::Origins};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;

use crate::site::Site;

/// A handler closes its own connection, and no other.
#[tokio::test]
async fn a_connection_is_closed_alone() {
    let builder = Juggler::builder(State::new(0)).on_request(|connection, _, _| async move {
        connection.close();
        Ok(Value::Null)
    });
    let site = Site::start(builder).await;
    let mut peers = site.connect_all(2).await;
    let mut other = peers.remove(0);
    let mut closed = peers.remove(0);
    closed.request(1, "close", json!(null)).await;
    assert_eq!(closed.goodbye().await, (1000, "done".to_owned()));
    other.request(1, "", json!(null)).await;
    assert_eq!(other.response().await["id"], 1);
}

/// What breaks the protocol ends the connection with the code that says how, and hurts nobody else.
#[tokio::test]
async fn what_is_not_understood_closes_with_a_reason() {
    let site = Site::start(Juggler::builder(State::new(0))).await;
    let mut bystander = site.connect().await;
    bystander.state().await;
    let text = |text: &str| vec![Message::text(text.to_owned())];
    let request = |data: String| {
        let request = format!(r#"0{{"type":"request","id":1,"name":"","data":{data}}}"#);
        vec![Message::text(request)]
    };
    let part = || Message::text("1".to_owned() + &"x".repeat(1 << 19));
    let cases = [
        ("binary", vec![Message::binary(b"0null".to_vec())], 1003),
        ("empty", text(""), 1002),
        ("no header", text("null"), 1002),
        ("unknown header", text("4"), 1002),
        ("no JSON", text("0{"), 1007),
        ("no message at all", text("0"), 1007),
        ("no object", text("0[]"), 1002),
        ("unknown type", text(r#"0{"type":"hello"}"#), 1002),
        (
            "what only servers say",
            text(r#"0{"type":"notify","name":"n","data":1}"#),
            1002,
        ),
        (
            "no id",
            text(r#"0{"type":"request","name":"n","data":1}"#),
            1002,
        ),
        (
            "too deep",
            request("[".repeat(101) + &"]".repeat(101)),
            1007,
        ),
        (
            "too many values",
            request(format!("[{}1]", "1,".repeat(100_000))),
            1007,
        ),
        ("a long ping", vec![Message::text("2".repeat(4_098))], 1009),
        ("too many segments", vec![Message::text("1"); 4_097], 1009),
        ("too large", (0..9).map(|_| part()).collect(), 1009),
    ];
    for (name, messages, code) in cases {
        let mut peer = site.connect().await;
        peer.state().await;
        for message in messages {
            peer.send(message).await;
        }
        let (closed, reason) = peer.goodbye().await;
        assert_eq!(closed, code, "{name}: {reason}");
        assert!(!reason.is_empty(), "{name}");
    }
    bystander.request(1, "", json!("still there")).await;
    assert_eq!(bystander.message().await["data"], "still there");
}

/// What the WebSocket layer refuses: it says goodbye to that, too.
#[tokio::test]
async fn what_is_no_websocket_message_closes_with_a_reason() {
    let site = Site::start(Juggler::builder(State::new(0))).await;
    // A text of two bytes under an empty mask, and the head of one that is a byte too long.
    let too_long = u64::to_be_bytes((1 << 20) + 1);
    for (name, bytes, expected) in [
        ("no UTF-8", vec![0x81, 0x82, 0, 0, 0, 0, b'0', 0xff], 1007),
        (
            "too large",
            [&[0x81, 0xff][..], &too_long, &[0; 4]].concat(),
            1009,
        ),
        (
            "2^63 bytes",
            [&[0x81, 0xff][..], &(1_u64 << 63).to_be_bytes(), &[0; 4]].concat(),
            1009,
        ),
        ("an unknown opcode", vec![0x83, 0x80, 0, 0, 0, 0], 1002),
        ("without a mask", vec![0x81, 0x01, b'0'], 1002),
        ("what was not agreed on", vec![0xc1, 0x80, 0, 0, 0, 0], 1002),
    ] {
        let mut peer = site.connect().await;
        peer.state().await;
        peer.send_bytes(&bytes).await;
        let (code, reason) = peer.goodbye().await;
        assert_eq!(code, expected, "{name}: {reason}");
        assert!(!reason.is_empty(), "{name}");
    }
}

/// The answer's first line to a WebSocket handshake, and the rest of it.
async fn handshake(site: &Site, origin: Option<&str>) -> (String, String) {
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    let address = site.address;
    let origin = origin.map_or(String::new(), |origin| format!("Origin: {origin}\r\n"));
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\n{origin}Connection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(answer).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    let first = head.lines().next().unwrap().to_owned();
    (first, String::from_utf8(body).unwrap())
}

/// Pages of other sites do not connect, unless they were added.
#[tokio::test]
async fn foreign_pages_are_refused() {
    let mut origins = Origins::default();
    origins.add("https://friend.example".parse().unwrap());
    let site = Site::start(Juggler::builder(State::new(0)).origins(origins)).await;
    let own = format!("http://{}", site.address);
    for origin in [None, Some(&*own), Some("https://friend.example")] {
        let (first, _) = handshake(&site, origin).await;
        assert_eq!(first, "HTTP/1.1 101 Switching Protocols", "{origin:?}");
    }
    for origin in [
        "https://foe.example",
        "http://friend.example",
        "null",
        "nonsense",
    ] {
        let (first, body) = handshake(&site, Some(origin)).await;
        assert_eq!(first, "HTTP/1.1 403 Forbidden", "{origin}");
        assert!(body.contains(origin), "{body}");
    }
}
