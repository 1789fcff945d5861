//! The state is the same on both ends.

use std::time::Duration;

use futures_util::StreamExt;
use mirrorball_client::{Value, juggler::ConnectionState};
use mirrorball_tests::plan::Plan;
use serde_json::json;

use crate::{client, json as parse, raw::Raw, site::Site, soon, until_state};

/// Whatever happens to a state, in whatever segments it comes: the mirror comes to the same.
#[tokio::test]
async fn mirrors_converge() {
    for (segment, autoflush) in [(1, 0), (65_536, 0), (7, 5)] {
        let site = Site::start(Plan {
            segment,
            autoflush: Some(autoflush),
            state: json!({ "random": null, "😀": "a😀é\u{10ffff}" }).into(),
            ..Plan::default()
        })
        .await;
        let builder = client(site.url()).max_segment_size(segment);
        let client = builder.connect().await.unwrap();
        for seed in 0..50 {
            let changes = json!({ "seed": seed, "count": 20 });
            client.request("random-changes", &changes).await.unwrap();
            let snapshot = client.request("snapshot", &()).await.unwrap();
            until_state(&client, &parse(snapshot.as_str().unwrap())).await;
        }
        let text = client.state_at("/😀").unwrap().unwrap();
        assert_eq!(text.as_str(), Some("a😀é\u{10ffff}"), "{segment}");
    }
}

/// What a request changed is there with its answer.
#[tokio::test]
async fn a_client_reads_its_own_writes() {
    let site = Site::start(Plan {
        autoflush: Some(10_000),
        ..Plan::default()
    })
    .await;
    let builder = client(site.url()).sync_timeout(Duration::from_millis(1));
    let client = builder.connect().await.unwrap();
    for value in 0..100 {
        let data = json!({ "path": "/a/b", "value": value });
        client.request("set", &data).await.unwrap();
        assert_eq!(client.state_at("/a/b").unwrap(), Some(value.into()));
    }
}

/// For a state of `null` no message is sent; it is known after a while.
#[tokio::test]
async fn null_is_a_state_too() {
    let site = Site::start(Plan::default()).await;
    let builder = client(site.url()).sync_timeout(Duration::from_millis(20));
    let client = soon("null", builder.connect()).await.unwrap();
    assert_eq!(
        (client.state(), client.status().state),
        (Value::Null, ConnectionState::Connected)
    );
    assert_eq!(client.changes().next().await, Some(Value::Null));
}

/// Who looks late sees the newest, and what was seen never changes.
#[tokio::test]
async fn changes_are_a_level() {
    let raw = Raw::bind().await;
    let (client, mut line) = tokio::join!(client(raw.url()).connect(), raw.accept_with("0"));
    let client = client.unwrap();
    let mut changes = client.changes();
    let mut evens = client.changes_at("/even").unwrap();
    assert_eq!(changes.next().await, Some(0.into()));
    assert_eq!(evens.next().await, Some(None));
    for value in 1..=100 {
        let even = value / 2 * 2;
        line.send_state(&format!(r#"{{"all":{value},"even":{even}}}"#))
            .await;
    }
    let last = parse(r#"{"all":100,"even":100}"#);
    until_state(&client, &last).await;
    assert_eq!(changes.next().await, Some(last));
    assert_eq!(evens.next().await, Some(Some(100.into())));

    // What stays the same where somebody looks is not told there.
    let kept = client.state();
    line.send_diff(r#"{"op":"replace","path":"/all","value":101}"#)
        .await;
    assert_eq!(changes.next().await.unwrap().get("all"), Some(&101.into()));
    assert_eq!(kept.get("all"), Some(&100.into()));
    line.send_diff(r#"{"op":"replace","path":"/even","value":102}"#)
        .await;
    assert_eq!(evens.next().await, Some(Some(102.into())));
    line.send_diff(r#"{"op":"remove","path":"/even"}"#).await;
    let mut stream = Box::pin(evens.into_stream());
    assert_eq!(stream.next().await, Some(None));
    client.close().await;
    assert_eq!(soon("the end", stream.next()).await, None);
}

/// A wait that is given up has taken nothing.
#[tokio::test]
async fn waiting_for_changes_can_be_given_up() {
    let raw = Raw::bind().await;
    let (client, mut line) = tokio::join!(client(raw.url()).connect(), raw.accept_with("0"));
    let client = client.unwrap();
    let mut changes = client.changes();
    let mut notifications = client.notifications();
    assert_eq!(changes.next().await, Some(0.into()));
    for value in 1..=100 {
        // Given up at once, over and over, while it arrives.
        line.send_state(&value.to_string()).await;
        line.send(format!(r#"0{{"type":"notify","name":"n","data":{value}}}"#))
            .await;
        let mut seen = None;
        while seen.is_none() {
            tokio::select! {
                biased;
                change = changes.next() => seen = change,
                () = tokio::task::yield_now() => {}
            }
        }
        assert_eq!(seen, Some(value.into()));
        let mut heard = None;
        while heard.is_none() {
            tokio::select! {
                biased;
                notification = notifications.next() => heard = notification,
                () = tokio::task::yield_now() => {}
            }
        }
    }
}

/// The state as a Rust type; what is another is an error that says why.
#[tokio::test]
async fn the_state_has_a_type() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Plant {
        name: String,
        power: Vec<f64>,
    }
    let state = json!({ "name": "😀", "power": [1, 2.5], "more": null });
    let site = Site::start(Plan {
        state: state.into(),
        ..Plan::default()
    })
    .await;
    let client = client(site.url()).connect().await.unwrap();
    let plant = Plant {
        name: "😀".to_owned(),
        power: vec![1.0, 2.5],
    };
    assert_eq!(client.state_as::<Plant>(), Ok(plant));
    let error = client.state_as::<Vec<u8>>().unwrap_err().to_string();
    assert!(error.contains("expected a sequence"), "{error}");
    assert!(client.state_at("no pointer").is_err() && client.changes_at("no").is_err());
    assert_eq!(client.state_at("/power/1").unwrap(), Some(2.5.into()));
    assert_eq!(client.state_at("/power/2").unwrap(), None);
    assert_eq!(client.state_at("/name/0").unwrap(), None);
}
