//! Connections that come and go.

use mirrorball_client_wasm::{
    juggler::{Figure, Told, Unsent},
    options::juggler::Setting,
};
use serde_json::json;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::{
    client::{Ask, Client, QUICK},
    fixture::Server,
    page::same,
};

/// A script's step that sends a state.
pub(crate) fn state(value: impl Into<serde_json::Value>) -> serde_json::Value {
    let diff = json!([{ "op": "replace", "path": "", "value": value.into() }]);
    json!({ "send": format!("0{}", json!({ "type": "state", "diff": diff })) })
}

/// A server that is killed and comes back with another state: meanwhile the page keeps what it has.
#[wasm_bindgen_test]
async fn a_killed_server_comes_back() {
    let server = Server::mirror(json!({ "state": { "old": [1], "both": 1 } })).await;
    let client = Client::connect(&server, QUICK).await;
    assert_eq!(client.statuses(), ["connecting", "connected"]);
    let held = client.core.state();
    server.kill().await;
    client
        .until("a failed attempt", |client| {
            client.figure(Figure::Retries) > 1.0
        })
        .await;
    assert_eq!(client.status(), "stale");
    assert!(same(&held, &client.core.state()), "the state was not kept");
    assert_eq!(client.figure(Figure::FaultCode), 1006.0);
    assert_eq!(client.core.fault_text(), "");

    server
        .restart(json!({ "state": { "new": [2], "both": 2 } }))
        .await;
    client.until_status("connected").await;
    assert_eq!(client.state(), json!({ "new": [2], "both": 2 }).into());
    assert_eq!(
        client.statuses(),
        ["connecting", "connected", "stale", "connected"]
    );
    assert_eq!(client.told(Told::Gap).len(), 1);
    assert_eq!(client.figure(Figure::Reconnects), 1.0);
    assert_eq!(client.figure(Figure::EverConnected), 1.0);
    // Not once was there anything else to be seen.
    assert!(
        client
            .told(Told::Gap)
            .iter()
            .all(|entry| entry.status == "stale")
    );
    assert!(client.request("", json!(null)).await.is(Told::Done));
}

/// While a client waits it says until when, and tries at once where the network is back.
#[wasm_bindgen_test]
async fn a_client_waits_until_it_is_told_that_the_network_is_back() {
    let server = Server::mirror(json!({ "state": 1 })).await;
    let day = 86_400_000.0;
    let client = Client::connect(
        &server,
        &[(Setting::MinRetryDelay, day), (Setting::MaxRetryDelay, day)],
    )
    .await;
    assert!(client.figure(Figure::NextRetry).is_nan());
    server.kill().await;
    client.until_status("stale").await;
    assert!(client.figure(Figure::NextRetry) > day);
    server.restart(json!({ "state": 2 })).await;
    client.core.online();
    client.until_status("connected").await;
    assert_eq!(client.core.state(), 2);
    assert!(client.figure(Figure::NextRetry).is_nan());
    // Where there is a connection it is asked, and nothing happens to it.
    client.core.online();
    assert!(client.request("", json!(null)).await.is(Told::Done));
    assert_eq!(client.status(), "connected");
}

/// Between the connection and its first state the old one is shown, and requests are sent already.
#[wasm_bindgen_test]
async fn the_old_state_stays_until_the_new_one_comes() {
    let server = Server::script(json!([
        [state(json!({ "v": 1 })), "cut"],
        [{ "expect": 1 }, state(json!({ "v": 2 })), { "send": r#"0{"type":"state","diff":[]}"# }],
    ]))
    .await;
    let client = Client::start(&server, QUICK);
    client.until_told(Told::Gap, 1).await;
    assert_eq!(
        (client.status(), client.state()),
        ("stale", json!({ "v": 1 }).into())
    );
    assert!(client.core.ask("n", "1", None) > 0.0);
    client.until_status("connected").await;
    assert_eq!(client.state(), json!({ "v": 2 }).into());
    let report = server
        .until("the request", |report| !report.frames(1).is_empty())
        .await;
    assert_eq!(
        report.frames(1),
        [r#"0{"type":"request","id":1,"name":"n","data":1}"#]
    );
}

/// Of several addresses the next one is tried where one fails.
#[wasm_bindgen_test]
async fn every_address_is_tried() {
    let dead = Server::mirror(json!({})).await;
    dead.kill().await;
    let refusing = Server::script(json!([["refuse"]])).await;
    let alive = Server::mirror(json!({ "state": "alive" })).await;
    let addresses = [&*dead.url, "no URL at all", &*refusing.url, &*alive.url].join("\n");
    let client = Client::at(&addresses, QUICK);
    client.until_status("connected").await;
    assert_eq!(client.core.state(), "alive");
    assert_eq!(client.figure(Figure::Retries), 3.0);
    assert_eq!(client.told(Told::Gap).len(), 0);
    // From there on in turn.
    client.core.cut();
    client
        .until("connected again", |client| {
            client.told(Told::Gap).len() == 1 && client.status() == "connected"
        })
        .await;
}

/// A server that takes the connection and never answers is given up on.
#[wasm_bindgen_test]
async fn a_connection_has_its_time_to_open() {
    let server = Server::script(json!([["hang"], [state(json!(1))]])).await;
    let client = Client::start(
        &server,
        &[QUICK, &[(Setting::ConnectTimeout, 100.0)]].concat(),
    );
    client
        .until("given up", |client| client.figure(Figure::Retries) > 0.0)
        .await;
    assert_eq!(client.figure(Figure::FaultCode), 4001.0);
    assert_eq!(
        client.core.fault_text(),
        "the connection did not open in time"
    );
    client.until_status("connected").await;
}

/// For ever is a time like any other.
#[wasm_bindgen_test]
async fn every_time_may_be_infinite() {
    let server = Server::mirror(json!({ "state": 1 })).await;
    let times = [
        Setting::ConnectTimeout,
        Setting::MaxRetryDelay,
        Setting::MinRetryDelay,
        Setting::PingDelay,
        Setting::PingTimeout,
        Setting::RequestTimeout,
        Setting::SyncTimeout,
    ];
    let settings = times.map(|setting| (setting, f64::INFINITY));
    let client = Client::connect(&server, &settings).await;
    let id = client
        .core
        .ask("sleep", r#"{"milliseconds":50}"#, Some(f64::INFINITY));
    assert!(client.response(id, 0).await.is(Told::Done));
    client.core.cut();
    assert_eq!(client.status(), "stale");
    client.core.online();
    client.until_status("connected").await;
}

/// A server may say why it closes; whatever it says, the client comes back.
#[wasm_bindgen_test]
async fn a_server_closes_with_a_code() {
    let codes = [1000, 1001, 1011, 1012, 1013, 3000, 4999];
    let mut scripts: Vec<_> = codes
        .iter()
        .map(|code| json!([state(json!(code)), { "expect": 1 }, { "close": [code, "for a test"] }]))
        .collect();
    scripts.push(json!([state(json!("end"))]));
    let server = Server::script(json!(scripts)).await;
    let client = Client::start(&server, QUICK);
    for (index, code) in codes.iter().enumerate() {
        let shown =
            |client: &Client| client.status() == "connected" && client.core.state() == *code;
        client.until("the state", shown).await;
        client.core.ask("close", "null", None);
        client.until_told(Told::Lost, index + 1).await;
        assert_eq!(client.figure(Figure::FaultCode), f64::from(*code));
    }
    client
        .until("the end", |client| client.core.state() == "end")
        .await;
    assert_eq!(client.told(Told::Violation).len(), 0);
}

/// Cut as by a fault of the network: the server sees it go, and it comes back.
#[wasm_bindgen_test]
async fn a_cut_connection_comes_back() {
    let server = Server::script(json!([[state(json!(1))], [state(json!(2))]])).await;
    let client = Client::connect(&server, QUICK).await;
    let id = client.core.ask("n", "null", None);
    client.core.cut();
    assert_eq!((client.status(), client.core.state()), ("stale", 1.into()));
    assert_eq!(client.figure(Figure::FaultCode), 4002.0);
    assert!(client.response(id, 0).await.is(Told::Lost));
    // There is nothing to cut.
    client.core.cut();
    client.until_status("connected").await;
    assert_eq!(client.core.state(), 2);
    let report = server.until("the close", |report| report.is_over(0)).await;
    assert_eq!((report.closed(0), report.connections()), (Some(4002), 2));
}

/// Closed by the page: the state stays, requests end, and that is the last that is heard of it.
#[wasm_bindgen_test]
async fn a_closed_client_stays_closed() {
    let server = Server::script(json!([[state(json!({ "v": 1 }))]])).await;
    let client = Client::connect(&server, QUICK).await;
    let held = client.core.state();
    let id = client.core.ask("n", "null", None);
    client.core.close();
    assert_eq!(client.status(), "closed");
    assert!(client.response(id, 0).await.is(Told::Closed));
    assert!(same(&held, &client.core.state()));
    let entries = client.entries().len();
    let report = server.until("the close", |report| report.is_over(0)).await;
    assert_eq!((report.closed(0), report.connections()), (Some(1000), 1));

    let closed = f64::from(Unsent::Closed as i32);
    assert_eq!(client.core.ask("n", "null", None), closed);
    client.core.close();
    client.core.cut();
    client.core.online();
    assert_eq!(
        (client.entries().len(), client.status()),
        (entries, "closed")
    );
}

/// A client that nobody holds any more leaves its server.
#[wasm_bindgen_test]
async fn a_dropped_client_leaves_its_server() {
    use mirrorball_client_wasm::juggler::JugglerCore;
    let server = Server::script(json!([[state(json!(1)), { "expect": 1 }]])).await;
    let core = JugglerCore::new(&server.url, &[], 1.0, js_sys::Function::default());
    core.start();
    core.ask("n", "null", None);
    server
        .until("the request", |report| report.frames(0).len() == 1)
        .await;
    drop(core);
    server.until("the end", |report| report.is_over(0)).await;
}
