//! Requests end once, in one of the ways that are written down.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use mirrorball_client::{
    Value,
    juggler::{ConnectionState, RequestError},
};
use mirrorball_server::{Juggler, State};
use mirrorball_tests::plan::Plan;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::{client, raw::Raw, site::Site, soon, until_status};

#[tokio::test]
async fn they_are_answered_and_refused() {
    for segment in [1, 65_536] {
        let site = Site::start(Plan {
            segment,
            state: 1.into(),
            ..Plan::default()
        })
        .await;
        let builder = client(site.url()).max_segment_size(segment);
        let client = builder.connect().await.unwrap();
        let data =
            json!({ "text": "a😀é\u{10ffff}", "numbers": [0, -1, 1.5], "nested": [{}, [], null] });
        assert_eq!(client.request("", &data).await, Ok(data.clone().into()));
        assert_eq!(
            client.request("fail", &data).await,
            Err(RequestError::Remote(data.into()))
        );
        let Err(RequestError::Remote(unknown)) = client.request("no-such", &()).await else {
            panic!("an unknown request was answered");
        };
        assert_eq!(
            unknown.get("code").and_then(Value::as_str),
            Some("unknown-request")
        );
        let Err(RequestError::Remote(panicked)) = client.request("panic", &()).await else {
            panic!("a panic was answered");
        };
        assert!(
            panicked.to_string().contains("failed inside the server"),
            "{panicked}"
        );
        assert_eq!(
            client.request("", "still there").await,
            Ok("still there".into())
        );
    }
}

#[tokio::test]
async fn they_have_types() {
    let site = Site::start(Plan {
        state: 1.into(),
        ..Plan::default()
    })
    .await;
    let client = client(site.url()).connect().await.unwrap();
    let pair: (u8, String) = client.request_as("", &(7, "é")).await.unwrap();
    assert_eq!(pair, (7, "é".to_owned()));
    let other = client.request_as::<bool, _>("", &7).await;
    assert!(matches!(other, Err(RequestError::Mismatch(_))), "{other:?}");
    // A map whose keys are no texts.
    let unfit = std::collections::BTreeMap::from([(vec![1], 1)]);
    let unfit = client.request("", &unfit).await;
    assert!(matches!(unfit, Err(RequestError::Mismatch(_))), "{unfit:?}");
}

#[tokio::test]
async fn large_ones_pass_in_both_directions() {
    let site = Site::start(Plan {
        state: 1.into(),
        ..Plan::default()
    })
    .await;
    let client = client(site.url()).connect().await.unwrap();
    for character in ["é", "語", "😀"] {
        let data = character.repeat(200_000);
        assert!(
            client.request("", &data).await == Ok(data.into()),
            "{character}"
        );
    }
}

#[tokio::test]
async fn many_are_in_progress_at_once() {
    let site = Site::start(Plan {
        parallel: true,
        state: 1.into(),
        ..Plan::default()
    })
    .await;
    let client = client(site.url()).connect().await.unwrap();
    let endless = client.request("never", &());
    let fast = async {
        let answers = join_all((0..50).map(async |number| client.request("", &number).await)).await;
        for (number, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer, Ok(number.into()));
        }
    };
    tokio::select! {
        biased;
        _ = endless => panic!("the endless one ended"),
        () = fast => {}
    }
}

/// A server that never answers, never reads on, or is not there.
#[tokio::test]
async fn they_do_not_wait_for_ever() {
    let raw = Raw::bind().await;
    let short = Some(Duration::from_millis(30));
    let builder = client(raw.url()).request_timeout(short).max_pending(3);
    let (client, mut line) = tokio::join!(builder.connect(), raw.accept_with("1"));
    let client = client.unwrap();
    assert_eq!(
        client.request("never", &()).await,
        Err(RequestError::Timeout)
    );
    assert!(line.text().await.contains("never"));

    let long = |name| tokio::spawn(client.request_within(None, name, &()));
    let three = [long("one"), long("two"), long("three")];
    for _ in &three {
        line.text().await;
    }
    assert_eq!(client.request("four", &()).await, Err(RequestError::Limit));
    // One that is given up makes room.
    three[0].abort();
    let five = soon("room", async {
        loop {
            match client.request("five", &()).await {
                Err(RequestError::Limit) => tokio::task::yield_now().await,
                other => return other,
            }
        }
    });
    assert_eq!(five.await, Err(RequestError::Timeout));
    // Cut in flight.
    drop(line);
    let [_, two, three] = three;
    for waiting in [two, three] {
        assert_eq!(waiting.await.unwrap(), Err(RequestError::ConnectionLost));
    }
    until_status(&client, "stale", |status| {
        status.state == ConnectionState::Stale
    })
    .await;
    assert_eq!(
        client.request("now", &()).await,
        Err(RequestError::NotConnected)
    );
    client.close().await;
    assert_eq!(client.request("late", &()).await, Err(RequestError::Closed));
}

/// Before the first connection they wait for it.
#[tokio::test]
async fn they_wait_for_the_first_connection() {
    let raw = Raw::bind().await;
    let client = client(raw.url()).start().unwrap();
    let early = tokio::spawn(client.request("early", &1));
    drop(raw.accept_stream().await);
    let mut line = raw.accept().await;
    assert_eq!(
        line.text().await,
        r#"0{"type":"request","id":1,"name":"early","data":1}"#
    );
    // Answers that nobody asked for are nobody's.
    for id in [0, 2, -1] {
        line.send(format!(
            r#"0{{"type":"response","id":{id},"success":true,"data":"forged"}}"#
        ))
        .await;
    }
    line.send(r#"0{"type":"response","id":1,"success":true,"data":"answer"}"#)
        .await;
    assert_eq!(
        soon("the answer", early).await.unwrap(),
        Ok("answer".into())
    );
}

/// A server that does not read: what is to be sent waits, in bounded number, and closing does not wait for it.
#[tokio::test]
async fn a_server_that_does_not_read_holds_up_no_one_else() {
    let raw = Raw::bind().await;
    // Were they all taken at once, there would be too many.
    let builder = client(raw.url()).send_queue_size(4).max_pending(8);
    let (client, mut line) = tokio::join!(builder.connect(), raw.accept_with("1"));
    let client = client.unwrap();
    let mut changes = client.changes();
    assert_eq!(changes.next().await, Some(1.into()));
    let big = "x".repeat(1 << 20);
    let asked: Vec<_> = (0..20)
        .map(|_| tokio::spawn(client.request_within(None, "big", &big)))
        .collect();
    // It hears all the same.
    for value in 2..100 {
        line.send_state(&value.to_string()).await;
        assert_eq!(soon("a change", changes.next()).await, Some(value.into()));
    }
    soon("the end", client.close()).await;
    for asked in asked {
        assert_eq!(
            soon("an end", asked).await.unwrap(),
            Err(RequestError::Closed)
        );
    }
}

/// A request with a key is carried out once, though its answer gets lost with its connection again and again.
#[tokio::test]
async fn a_request_with_a_key_is_carried_out_once() {
    let (count, answers) = (Arc::new(AtomicU32::new(0)), Arc::new(Semaphore::new(0)));
    let juggler = {
        let (count, answers) = (Arc::clone(&count), Arc::clone(&answers));
        Juggler::builder(State::new(1)).on_request(move |_, _, data| {
            count.fetch_add(1, Ordering::Relaxed);
            let answers = Arc::clone(&answers);
            async move {
                answers.acquire().await.unwrap().forget();
                Ok(data)
            }
        })
    };
    let site = Site::serve(juggler.build().into_router()).await;
    let client = client(site.url()).connect().await.unwrap();
    let pending = tokio::spawn(client.request_once("the key", "order", "a coffee"));
    let plain = tokio::spawn(client.request("order", "a tea"));
    // One after the other: the first is being carried out, the second waits.
    while count.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..3 {
        let mut statuses = client.statuses();
        client.reconnect();
        soon("a new connection", async {
            while statuses.next().await.unwrap().state != ConnectionState::Stale {}
            while statuses.next().await.unwrap().state != ConnectionState::Connected {}
        })
        .await;
    }
    assert_eq!(plain.await.unwrap(), Err(RequestError::ConnectionLost));
    answers.add_permits(10);
    let answer = soon("the answer", pending).await.unwrap();
    assert_eq!(answer, Ok("a coffee".into()));
    assert_eq!(count.load(Ordering::Relaxed), 1);
    // Whoever asks again with the same key gets the same answer.
    let answer = client.request_once("the key", "order", "a coffee").await;
    assert_eq!(answer, Ok("a coffee".into()));
    assert_eq!(count.load(Ordering::Relaxed), 1);
}
