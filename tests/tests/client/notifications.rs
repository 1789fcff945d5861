//! Notifications come in order, and what is missing is told.

use futures_util::StreamExt;
use mirrorball_client::juggler::Notification;
use mirrorball_tests::plan::Plan;
use serde_json::json;

use crate::{client, raw::Raw, site::Site, soon};

fn message(name: &str, data: impl Into<mirrorball_client::Value>) -> Notification {
    Notification::Message {
        name: name.into(),
        data: data.into(),
    }
}

#[tokio::test]
async fn they_come_in_order_to_everybody() {
    let site = Site::start(Plan {
        state: 1.into(),
        ..Plan::default()
    })
    .await;
    let mut builder = client(site.url());
    let mut first = builder.notifications();
    let client = builder.connect().await.unwrap();
    let mut second = client.notifications();
    let items: Vec<_> = (0..1_500)
        .map(|index| json!([index, "😀".repeat(index % 7)]))
        .collect();
    let data = json!({ "name": "news", "items": items });
    client.request("notify", &data).await.unwrap();
    for item in items {
        let expected = message("news", item);
        assert_eq!(soon("one", first.next()).await.as_ref(), Some(&expected));
        assert_eq!(
            soon("one", StreamExt::next(&mut second)).await,
            Some(expected)
        );
    }
    client.close().await;
    assert_eq!(first.next().await, None);
    assert_eq!(StreamExt::next(&mut second).await, None);
}

/// A listener of the builder's misses none, not even what comes before the first state.
#[tokio::test]
async fn the_first_is_heard() {
    let raw = Raw::bind().await;
    let mut builder = client(raw.url());
    let mut notifications = builder.notifications();
    let serve = async {
        let mut line = raw.accept().await;
        line.send(r#"0{"type":"notify","name":"welcome","data":"é"}"#)
            .await;
        line.send_state("1").await;
        line
    };
    let (client, line) = tokio::join!(builder.connect(), serve);
    let client = client.unwrap();
    assert_eq!(notifications.next().await, Some(message("welcome", "é")));
    // A loss is told where it was.
    drop(line);
    let mut line = raw.accept_with("2").await;
    line.send(r#"0{"type":"notify","name":"again","data":2}"#)
        .await;
    assert_eq!(
        soon("the gap", notifications.next()).await,
        Some(Notification::Reconnected)
    );
    assert_eq!(
        soon("the next", notifications.next()).await,
        Some(message("again", 2))
    );
    client.close().await;
}

/// Nobody takes them: they are bounded, counted, and hold nothing up.
#[tokio::test]
async fn a_flood_is_bounded_and_told() {
    const FLOOD: u64 = 100_000;
    let raw = Raw::bind().await;
    let builder = client(raw.url()).notification_queue(1_000);
    let (client, mut line) = tokio::join!(builder.connect(), raw.accept_with("0"));
    let client = client.unwrap();
    let mut notifications = client.notifications();
    let answering = tokio::spawn(client.request("amid", &()));
    assert!(line.text().await.contains("amid"));
    for number in 0..FLOOD {
        line.send(format!(
            r#"0{{"type":"notify","name":"n","data":{number}}}"#
        ))
        .await;
    }
    line.send(r#"0{"type":"response","id":1,"success":true,"data":1}"#)
        .await;
    assert_eq!(soon("the answer", answering).await.unwrap(), Ok(1.into()));
    for number in 0..1_000 {
        assert_eq!(notifications.next().await, Some(message("n", number)));
    }
    assert_eq!(
        notifications.next().await,
        Some(Notification::Missed(FLOOD - 1_000))
    );
    line.send(r#"0{"type":"notify","name":"n","data":"last"}"#)
        .await;
    assert_eq!(
        soon("the last", notifications.next()).await,
        Some(message("n", "last"))
    );
    client.close().await;
    assert_eq!(notifications.next().await, None);
}
