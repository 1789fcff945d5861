//! Requests, and how they end.

use mirrorball_client_wasm::{
    juggler::{Figure, Told, Unsent},
    options::juggler::Setting,
};
use serde_json::json;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::{
    client::{Ask, Client, QUICK},
    fixture::Server,
    life::state,
    page::value,
};

fn unsent(why: Unsent) -> f64 {
    f64::from(why as i32)
}

#[wasm_bindgen_test]
async fn a_request_is_answered_or_refused() {
    let server = Server::mirror(json!({ "state": 0 })).await;
    let client = Client::connect(&server, &[]).await;
    let data = json!({ "text": "ü😀\n", "list": [1, 2.5, null, true, {}] });
    let done = client.request("", data.clone()).await;
    assert!(done.is(Told::Done));
    assert_eq!(value(&done.two), data.clone().into());
    for data in [data, json!("a text"), json!(null), json!(-0.5)] {
        let refused = client.request("fail", data.clone()).await;
        assert!(refused.is(Told::Refused));
        assert_eq!(value(&refused.two), data.into());
    }
    let refused = client.request("panic", json!(null)).await;
    assert!(refused.is(Told::Refused));
    assert_eq!(refused.two, "the request failed inside the server");
    let refused = client.request("no-such-request", json!(null)).await;
    assert!(refused.is(Told::Refused));
    let expected = json!({ "code": "unknown-request",
        "message": "this server has no request `no-such-request`" });
    assert_eq!(value(&refused.two), expected.into());
    assert_eq!(client.figure(Figure::InFlight), 0.0);
}

/// Many at once, answered in any order: each answer finds its request.
#[wasm_bindgen_test]
async fn answers_find_their_requests() {
    let server = Server::mirror(json!({ "state": 0, "parallel": true })).await;
    let client = Client::connect(&server, &[]).await;
    let slow = client.core.ask("sleep", r#"{"milliseconds":50}"#, None);
    let ids: Vec<f64> = (0..50)
        .map(|n| client.core.ask("", &n.to_string(), None))
        .collect();
    assert_eq!(client.figure(Figure::InFlight), 51.0);
    client.response(slow, 0).await;
    for (n, id) in (0_i32..).zip(ids) {
        assert_eq!(client.response(id, 0).await.two, n);
    }
    assert_eq!(client.figure(Figure::InFlight), 0.0);
}

/// Before the first connection a request waits for it.
#[wasm_bindgen_test]
async fn an_early_request_waits_for_the_connection() {
    let server = Server::mirror(json!({ "state": 0 })).await;
    server.kill().await;
    let client = Client::start(&server, QUICK);
    let id = client.core.ask("", "7", None);
    assert!(id > 0.0);
    client
        .until("a failed attempt", |client| {
            client.figure(Figure::Retries) > 2.0
        })
        .await;
    assert_eq!(client.figure(Figure::InFlight), 1.0);
    server.restart(json!({})).await;
    let done = client.response(id, 0).await;
    assert!(done.is(Told::Done));
    assert_eq!(done.two, 7);
}

/// A server that dies takes the outcome along, and nothing is sent to nobody.
#[wasm_bindgen_test]
async fn a_request_is_lost_with_its_connection() {
    let server = Server::mirror(json!({ "state": 0, "parallel": true })).await;
    let client = Client::connect(&server, QUICK).await;
    let ids: Vec<f64> = (0..3)
        .map(|_| client.core.ask("never", "null", None))
        .collect();
    // Its answer says that the others have arrived as well.
    client.request("", json!(null)).await;
    server.kill().await;
    client.until_status("stale").await;
    let lost: Vec<f64> = client
        .told(Told::Lost)
        .iter()
        .map(|it| it.one.as_f64().unwrap())
        .collect();
    assert_eq!(lost, ids);
    assert_eq!(
        client.core.ask("", "null", None),
        unsent(Unsent::Disconnected)
    );
    assert_eq!(client.figure(Figure::InFlight), 0.0);
}

/// Without an answer in time a request ends; a late answer is nobody's.
#[wasm_bindgen_test]
async fn a_late_answer_is_ignored() {
    let answer = |id: i64| {
        let answer = json!({ "type": "response", "id": id, "success": true, "data": id });
        json!({ "send": format!("0{answer}") })
    };
    let server = Server::script(json!([[
        state(1),
        { "expect": 2 },
        answer(1),
        answer(77),
        answer(2),
        answer(2),
        { "send": r#"0{"type":"notify","name":"end","data":null}"# },
    ]]))
    .await;
    let client = Client::connect(&server, &[]).await;
    let first = client.core.ask("n", "null", Some(20.0));
    assert!(client.response(first, 0).await.is(Told::TimedOut));
    // Now the server answers both.
    let second = client.core.ask("n", "null", None);
    client.until_told(Told::Notify, 1).await;
    let done = client.told(Told::Done);
    assert_eq!(done.len(), 1, "{done:?}");
    assert_eq!(
        (done[0].one.as_f64(), done[0].two.as_f64()),
        (Some(second), Some(2.0))
    );
    assert_eq!(client.told(Told::TimedOut).len(), 1);
}

/// A request has the time that it says, or else the client's; for ever is a time, too.
#[wasm_bindgen_test]
async fn a_request_has_its_time() {
    let server = Server::mirror(json!({ "state": 0, "parallel": true })).await;
    let client = Client::connect(&server, &[(Setting::RequestTimeout, 20.0)]).await;
    let sleep = r#"{"milliseconds":300}"#;
    let endless = client.core.ask("sleep", sleep, Some(f64::INFINITY));
    for timeout in [None, Some(f64::NAN), Some(1.0)] {
        let id = client.core.ask("never", "null", timeout);
        assert!(
            client.response(id, 0).await.is(Told::TimedOut),
            "{timeout:?}"
        );
    }
    assert!(client.response(endless, 0).await.is(Told::Done));
    let client = Client::connect(&server, &[(Setting::RequestTimeout, f64::INFINITY)]).await;
    let id = client.core.ask("never", "null", Some(20.0));
    assert!(client.response(id, 0).await.is(Told::TimedOut));
}

/// Nobody is told how a request ended that nobody waits for.
#[wasm_bindgen_test]
async fn an_abandoned_request_is_forgotten() {
    let server = Server::mirror(json!({ "state": 0 })).await;
    let client = Client::connect(&server, &[]).await;
    let id = client.core.ask("sleep", r#"{"milliseconds":20}"#, None);
    client.core.abandon(id);
    assert_eq!(client.figure(Figure::InFlight), 0.0);
    client.core.abandon(id);
    client.core.abandon(77.0);
    client.request("sleep", json!({ "milliseconds": 0 })).await;
    assert!(
        client
            .told(Told::Done)
            .iter()
            .all(|entry| entry.one.as_f64() != Some(id))
    );
}

#[wasm_bindgen_test]
async fn requests_without_an_answer_are_bounded() {
    let server = Server::mirror(json!({ "state": 0, "parallel": true })).await;
    let client = Client::connect(&server, &[(Setting::MaxPending, 3.0)]).await;
    let ids: Vec<f64> = (0..3)
        .map(|_| client.core.ask("never", "null", None))
        .collect();
    assert!(ids.iter().all(|id| *id > 0.0));
    assert_eq!(client.core.ask("", "null", None), unsent(Unsent::Full));
    client.core.abandon(ids[0]);
    assert!(client.core.ask("", "null", None) > 0.0);
    client.until_told(Told::Done, 1).await;
}

#[wasm_bindgen_test]
async fn notifications_come_in_order() {
    let server = Server::mirror(json!({ "state": 0, "segment": 16 })).await;
    let client = Client::connect(&server, &[]).await;
    let items: Vec<serde_json::Value> =
        (0..200).map(|n| json!({ "n": n, "text": "ü😀" })).collect();
    client
        .request("notify", json!({ "name": "news 😀", "items": items }))
        .await;
    let told = client.until_told(Told::Notify, items.len()).await;
    for (entry, item) in told.iter().zip(items) {
        assert_eq!(entry.one, "news 😀");
        assert_eq!(value(&entry.two), item.into());
    }
}
