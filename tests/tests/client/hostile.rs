//! Servers that break the rules: the client stays whole, keeps what it had, and gives up in time.

use mirrorball_client::{
    ConnectionError, Limits,
    juggler::{Builder, Client, ConnectionState},
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client, json,
    raw::{Line, Raw},
    soon, until_state, until_status,
};

/// A client that mirrors `{"kept":1}`.
async fn connect(raw: &Raw, builder: Builder) -> (Client, Line) {
    let (client, line) = tokio::join!(builder.connect(), raw.accept_with(r#"{"kept":1}"#));
    (client.unwrap(), line)
}

/// The client leaves with this code, keeps its state as stale, and is in step with the next server.
async fn expect_recovery(raw: &Raw, client: &Client, line: Line, code: u16) {
    assert_eq!(line.goodbye().await, code);
    until_status(client, "why", |status| {
        status.state == ConnectionState::Stale
            && matches!(status.last_error, Some(ConnectionError::Protocol(_)))
    })
    .await;
    assert_eq!(client.state(), json(r#"{"kept":1}"#));
    let _line = raw.accept_with("2").await;
    until_state(client, &2.into()).await;
}

/// A diff that does not apply, or makes too much of the state, is as if it had never been.
#[tokio::test]
async fn a_bad_diff_is_left_out_whole() {
    let deep = format!(
        r#"{{"op":"add","path":"/deep","value":{}1{}}}"#,
        "[".repeat(99),
        "]".repeat(99)
    );
    let copies = |count: usize| {
        let copy = r#"{"op":"copy","from":"","path":"/kept"}"#;
        vec![copy; count].join(",")
    };
    let doubling = |count: usize| {
        let double = r#"{"op":"copy","from":"/a","path":"/a/-"}"#;
        let first = r#"{"op":"add","path":"/a","value":["xxxxxxxxxxxxxxxx"]}"#;
        format!("{first},{}", vec![double; count].join(","))
    };
    for (name, operations) in [
        (
            "no target",
            r#"{"op":"add","path":"/x","value":1},{"op":"remove","path":"/none"}"#.to_owned(),
        ),
        ("unknown", r#"{"op":"constructor","path":""}"#.to_owned()),
        ("no value", r#"{"op":"add","path":"/x"}"#.to_owned()),
        (
            "a failed test",
            r#"{"op":"remove","path":"/kept"},{"op":"test","path":"","value":1}"#.to_owned(),
        ),
        (
            "a move to the root, then a failure",
            r#"{"op":"move","from":"/kept","path":""},{"op":"remove","path":"/none"}"#.to_owned(),
        ),
        (
            "into itself",
            r#"{"op":"move","from":"","path":"/kept"}"#.to_owned(),
        ),
        ("too deep by copies", copies(120)),
        ("too large by copies", doubling(40)),
        ("too deep", format!("{deep},{}", copies(1))),
    ] {
        let raw = Raw::bind().await;
        let (client, mut line) = connect(&raw, client(raw.url())).await;
        line.send_diff(&operations).await;
        assert_eq!(line.goodbye().await, 4003, "{name}");
        until_status(&client, name, |status| {
            status.state == ConnectionState::Stale
        })
        .await;
        assert_eq!(client.state(), json(r#"{"kept":1}"#), "{name}");
        let _line = raw.accept_with("2").await;
        until_state(&client, &2.into()).await;
    }
}

/// Limits can be tighter.
#[tokio::test]
async fn limits_are_the_applications() {
    let mut limits = Limits::default();
    limits.operations = 2;
    limits.nodes = 20;
    for operations in [
        [r#"{"op":"add","path":"/a","value":1}"#; 3].join(","),
        format!(
            r#"{{"op":"add","path":"/a","value":[{}1]}}"#,
            "1,".repeat(30)
        ),
    ] {
        let raw = Raw::bind().await;
        let (client, mut line) = connect(&raw, client(raw.url()).limits(limits.clone())).await;
        line.send_diff(&operations).await;
        let code = line.goodbye().await;
        assert!(matches!(code, 4003 | 1007), "{code}");
        assert_eq!(client.state(), json(r#"{"kept":1}"#));
    }
}

/// Three bad diffs, one connection after another: no storm of connections, but an end that says why.
#[tokio::test]
async fn after_three_bad_diffs_it_gives_up() {
    let raw = Raw::bind().await;
    let client = client(raw.url()).start().unwrap();
    for _ in 0..3 {
        let mut line = raw.accept_with(r#"{"kept":2}"#).await;
        line.send_diff(r#"{"op":"remove","path":"/none"}"#).await;
        assert_eq!(line.goodbye().await, 4003);
    }
    let error = soon("the end", client.closed()).await;
    let expected = "a path in the patch names nothing".to_owned();
    assert_eq!(error, Some(ConnectionError::Protocol(expected)));
    assert_eq!(
        (client.state(), client.status().state),
        (json(r#"{"kept":2}"#), ConnectionState::Failed)
    );
}

#[tokio::test]
async fn what_is_not_understood_is_left() {
    let notify = r#"{"type":"notify","name":"n","data":"#;
    for (name, message, code) in [
        ("binary", Message::binary(b"0null".to_vec()), 1003),
        ("empty", Message::text(""), 1002),
        ("unknown header", Message::text("4"), 1002),
        ("no JSON", Message::text("0{"), 1007),
        ("unknown type", Message::text(r#"0{"type":"hello"}"#), 1002),
        (
            "no diff",
            Message::text(r#"0{"type":"state","diff":{}}"#),
            4003,
        ),
        (
            "a request",
            Message::text(r#"0{"type":"request","id":1,"name":"","data":1}"#),
            1002,
        ),
        (
            "no id",
            Message::text(r#"0{"type":"response","success":true,"data":1}"#),
            1002,
        ),
        ("a long ping", Message::text("2".repeat(5_000)), 1009),
        (
            "nested too deep",
            Message::text(format!(
                "0{notify}{}1{}}}",
                "[".repeat(500),
                "]".repeat(500)
            )),
            1007,
        ),
        (
            "endlessly nested",
            Message::text(format!("0{notify}{}", "[".repeat(100_000))),
            1007,
        ),
    ] {
        let raw = Raw::bind().await;
        let (client, mut line) = connect(&raw, client(raw.url())).await;
        assert!(line.send_message(message).await, "{name}");
        expect_recovery(&raw, &client, line, code).await;
    }
}

/// Messages without an end, in large parts, in empty ones, in one that is announced and never comes.
#[tokio::test]
async fn endless_messages_are_left() {
    let small = |raw: &Raw| {
        client(raw.url())
            .max_message_size(1 << 20)
            .max_segments(1_000)
    };
    for part in ["x".repeat(64 << 10), String::new(), "😀".to_owned()] {
        let raw = Raw::bind().await;
        let (client, mut line) = connect(&raw, small(&raw)).await;
        let mut sent = 0;
        while sent < 2_000 && line.send(format!("1{part}")).await {
            sent += 1;
        }
        expect_recovery(&raw, &client, line, 1009).await;
    }
    let raw = Raw::bind().await;
    let (client, mut line) = connect(&raw, small(&raw)).await;
    line.send_bytes(&[&[0x81, 0x7f][..], &u64::to_be_bytes(1 << 62)].concat())
        .await;
    expect_recovery(&raw, &client, line, 1009).await;
    // No message at all.
    for bytes in [
        &[0x81, 0x02, b'0', 0xff][..],
        &[0x83, 0x00],
        &[0x81, 0x81, 0, 0, 0, 0, b'0'],
    ] {
        let raw = Raw::bind().await;
        let (client, mut line) = connect(&raw, small(&raw)).await;
        line.send_bytes(bytes).await;
        expect_recovery(&raw, &client, line, 1002).await;
    }
}

/// What JavaScript and Python take for JSON, and Rust does not: read as far as it can be held.
#[tokio::test]
async fn what_other_languages_call_json_is_read() {
    let raw = Raw::bind().await;
    let (client, mut line) = connect(&raw, client(raw.url())).await;
    for (sent, read) in [
        (r#""\ud800""#, "\"\u{fffd}\""),
        (
            r#"{"\udc00":["\ud83d\ude00\ud83d","a\uD800\uD800z"]}"#,
            "{\"\u{fffd}\":[\"😀\u{fffd}\",\"a\u{fffd}\u{fffd}z\"]}",
        ),
        (
            "[1e400,-1E+9999,0.4e006699999999]",
            "[1.7976931348623157e308,-1.7976931348623157e308,1.7976931348623157e308]",
        ),
        (
            "[1e-400,100000000000000000000,9007199254740993]",
            "[0.0,1e20,9007199254740993]",
        ),
    ] {
        line.send_state(sent).await;
        until_state(&client, &json(read)).await;
    }
    line.send_diff(
        r#"{"op":"replace","path":"","value":{}},{"op":"add","path":"/\ud800","value":1}"#,
    )
    .await;
    until_state(&client, &json("{\"\u{fffd}\":1}")).await;
    assert_eq!(client.status().state, ConnectionState::Connected);
    assert_eq!(client.status().retries, 0);
}
