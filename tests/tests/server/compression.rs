//! permessage-deflate, where both ends agree to it.

use mirrorball_server::{Juggler, State};
use serde_json::json;

use crate::{
    raw::{COMPRESSED, Raw, deflate},
    site::Site,
};

const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
const ANSWER: &str = "sec-websocket-extensions: permessage-deflate; server_no_context_takeover; \
    client_no_context_takeover\r\n";

fn rows(count: usize) -> State {
    let rows: Vec<String> = (0..count).map(|n| format!("row number {n}")).collect();
    State::new(
        rows.into_iter()
            .map(mirrorball_server::Value::from)
            .collect::<mirrorball_server::Value>(),
    )
}

/// Large messages are compressed for whoever can take that, small ones for nobody.
#[tokio::test]
async fn large_messages_are_compressed_where_it_was_agreed_on() {
    let state = rows(1_000);
    let site = Site::start(Juggler::builder(state.clone())).await;
    let mut plain = Raw::connect(site.address, "").await;
    assert!(!plain.head.contains("permessage-deflate"));
    let mut first = Raw::connect(site.address, OFFER).await;
    let mut second = Raw::connect(site.address, OFFER).await;
    assert!(first.head.contains(ANSWER), "{}", first.head);
    let (expected, compressed) = plain.text().await;
    assert!(!compressed && expected.len() > 10_000);
    for raw in [&mut first, &mut second] {
        assert_eq!(raw.text().await, (expected.clone(), true));
    }
    state.set("/7", "another").unwrap();
    let (expected, _) = plain.text().await;
    for raw in [&mut first, &mut second] {
        assert_eq!(raw.text().await, (expected.clone(), false));
    }
    // A client compresses what it likes.
    let request = r#"0{"type":"request","id":1,"name":"","data":[1,1,1,1,1,1,1,1,1,1,1,1,1,1]}"#;
    first
        .send(0x81 | COMPRESSED, &deflate(request.as_bytes()))
        .await;
    assert!(first.text().await.0.contains(r#""success":true"#));
    first.send(0x81, b"2ping").await;
    assert_eq!(first.text().await, ("3ping".to_owned(), false));
}

/// A server may have none of it, and an offer that cannot be met is passed over.
#[tokio::test]
async fn compression_is_an_option() {
    let off = Site::start(Juggler::builder(rows(1_000)).compression(None)).await;
    let mut raw = Raw::connect(off.address, OFFER).await;
    assert!(!raw.head.contains("permessage-deflate"));
    assert!(!raw.text().await.1);

    let site = Site::start(Juggler::builder(rows(1_000)).compression(Some(1))).await;
    let narrow = "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n";
    let mut raw = Raw::connect(site.address, narrow).await;
    assert!(!raw.head.contains("permessage-deflate"));
    assert!(!raw.text().await.1);
    let mut raw = Raw::connect(site.address, OFFER).await;
    raw.text().await;
    site.juggler
        .notify("n", &"aaaaaaaaaaaaaaaaaaaaaaaaaaaa".into());
    assert!(raw.text().await.1);
}

/// What inflates to more than a message may have is not inflated to the end.
#[tokio::test]
async fn a_bomb_closes_the_connection() {
    let site = Site::start(Juggler::builder(State::new(0))).await;
    let fits = format!(
        r#"0{{"type":"request","id":1,"name":"","data":"{}"}}"#,
        "x".repeat(1_000_000)
    );
    let mut raw = Raw::connect(site.address, OFFER).await;
    raw.send(0x81 | COMPRESSED, &deflate(fits.as_bytes())).await;
    while !raw.text().await.0.contains("response") {}
    for bomb in [vec![b'0'; (1 << 20) + 1], vec![b'0'; 64 << 20]] {
        let mut raw = Raw::connect(site.address, OFFER).await;
        raw.send(0x81 | COMPRESSED, &deflate(&bomb)).await;
        assert_eq!(raw.goodbye().await, 1009);
    }
    let mut raw = Raw::connect(site.address, OFFER).await;
    raw.send(0x81 | COMPRESSED, &[0xff, 0xff, 0xff]).await;
    assert_eq!(raw.goodbye().await, 1007);
    // Without an agreement nothing is compressed.
    let mut raw = Raw::connect(site.address, "").await;
    raw.send(0x81 | COMPRESSED, &deflate(fits.as_bytes())).await;
    assert_eq!(raw.goodbye().await, 1002);
    let mut bystander = site.connect().await;
    bystander.request(1, "", json!(7)).await;
    assert_eq!(bystander.response().await["data"], 7);
}
