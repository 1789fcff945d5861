//! Servers that break the protocol, or go silent.

use std::{cell::Cell, rc::Rc};

use gloo_timers::callback::Interval;
use js_sys::{Function, Object, Reflect};
use mirrorball_client_wasm::{
    juggler::{Figure, Told, Unsent},
    options::juggler::Setting,
};
use serde_json::json;
use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::{
    client::{Ask, Client, QUICK},
    fixture::Server,
    life::state,
    mirroring::polluted,
};

/// What breaks the protocol closes the connection with a code that says how; the next one may do better.
#[wasm_bindgen_test]
async fn what_is_not_understood_closes_with_a_reason() {
    let diff =
        |operation: &str| json!({ "send": format!(r#"0{{"type":"state","diff":[{operation}]}}"#) });
    let cases = [
        (json!({ "sendBinary": "0null" }), 1003),
        (json!({ "send": "" }), 1002),
        (json!({ "send": "4" }), 1002),
        (json!({ "send": "😀" }), 1002),
        (json!({ "send": "0" }), 1007),
        (json!({ "send": "0{" }), 1007),
        (json!({ "send": "0null" }), 1002),
        (json!({ "send": r#"0{"type":"hello"}"# }), 1002),
        (json!({ "send": r#"0{"type":"state"}"# }), 1002),
        (
            json!({ "send": r#"0{"type":"request","id":1,"name":"","data":null}"# }),
            1002,
        ),
        (
            json!({ "send": r#"0{"type":"response","id":1.5,"success":true,"data":null}"# }),
            1002,
        ),
        (
            json!({ "send": r#"0{"type":"notify","name":1,"data":null}"# }),
            1002,
        ),
        (json!({ "send": "2".repeat(4_098) }), 1009),
        (json!({ "send": r#"0{"type":"state","diff":{}}"# }), 4003),
        (diff("null"), 4003),
        (diff(r#"{"op":"replace","path":"/gone","value":1}"#), 4003),
        (diff(r#"{"op":"remove","path":"/list/7"}"#), 4003),
        (
            diff(r#"{"op":"add","path":"/list/length","value":7}"#),
            4003,
        ),
        (diff(r#"{"op":"add","path":"/list/-1","value":7}"#), 4003),
        (diff(r#"{"op":"constructor","path":"/v"}"#), 4003),
        (diff(r#"{"op":"test","path":"/v","value":2}"#), 4003),
        (diff(r#"{"op":"add","path":"/w"}"#), 4003),
        // What an object has by inheritance is no place.
        (
            diff(r#"{"op":"add","path":"/__proto__/x","value":1}"#),
            4003,
        ),
        (
            diff(r#"{"op":"add","path":"/constructor/prototype/x","value":1}"#),
            4003,
        ),
        (
            diff(r#"{"op":"add","path":"/list/__proto__/x","value":1}"#),
            4003,
        ),
        (
            diff(r#"{"op":"replace","path":"/toString","value":1}"#),
            4003,
        ),
        (
            diff(r#"{"op":"copy","from":"/__proto__","path":"/w"}"#),
            4003,
        ),
        (
            diff(r#"{"op":"move","from":"/constructor","path":"/w"}"#),
            4003,
        ),
    ];
    for (step, code) in cases {
        let first = json!({ "v": 1, "list": [] });
        // Behind the fault comes a change that must not be seen.
        let after = diff(r#"{"op":"add","path":"/after","value":1}"#);
        let server = Server::script(json!([
            [state(first.clone()), step, after],
            [state(json!("again"))]
        ]))
        .await;
        let client = Client::start(&server, QUICK);
        let violation = client.until_told(Told::Violation, 1).await.remove(0);
        assert_eq!(violation.one.as_f64(), Some(code as f64), "{step}");
        assert!(!violation.two.as_string().unwrap().is_empty(), "{step}");
        assert_eq!(
            (violation.status, client.state()),
            ("stale", first.into()),
            "{step}"
        );
        client
            .until("the next connection", |client| {
                client.core.state() == "again"
            })
            .await;
        assert_eq!(client.status(), "connected", "{step}");
        let report = server.until("the close", |report| report.is_over(0)).await;
        // Pages may not say codes below 3000.
        let said = if code < 3_000 { code + 2_000 } else { code };
        assert_eq!(report.closed(0), Some(said), "{step}");
        assert_eq!(polluted(), "", "{step}");
    }
}

/// Messages without an end, in empty segments or in large ones: the client leaves at its bounds, keeps its state, and goes on with
/// the next connection.
#[wasm_bindgen_test]
async fn endless_messages_are_left() {
    for (count, segment) in [
        (65_537, "1".to_owned()),
        (65, format!("1{}", "x".repeat(1 << 20))),
    ] {
        let endless = json!({ "sendOften": [count, segment] });
        let server = Server::script(json!([[state(json!(1)), endless], [state(json!(2))]])).await;
        let client = Client::start(&server, QUICK);
        let violation = client.until_told(Told::Violation, 1).await.remove(0);
        assert_eq!(violation.one.as_f64(), Some(1009.0), "{count} segments");
        assert_eq!(client.core.state(), 1, "{count} segments");
        client
            .until("the next connection", |client| client.core.state() == 2)
            .await;
        let id = client.core.ask("n", "null", Some(10.0));
        assert!(client.response(id, 0).await.is(Told::TimedOut));
    }
}

/// More notifications than anyone can read: each is a task of its own, and between them the page has its turns.
#[wasm_bindgen_test]
async fn a_flood_of_notifications_leaves_the_page_its_turns() {
    const FLOOD: usize = 100_000;
    let notify = r#"0{"type":"notify","name":"flood","data":{"n":[1,2,3]}}"#;
    let server = Server::script(json!([[
        state(json!(1)),
        { "sendOften": [FLOOD, notify] },
        { "send": r#"0{"type":"state","diff":[{"op":"replace","path":"","value":2}]}"# },
    ]]))
    .await;
    let (turns, told) = (Rc::new(Cell::new(0_u32)), Rc::new(Cell::new(0_usize)));
    let _turns = Interval::new(0, {
        let (turns, told) = (Rc::clone(&turns), Rc::clone(&told));
        move || {
            if (1..FLOOD).contains(&told.get()) {
                turns.set(turns.get() + 1);
            }
        }
    });
    let client = Client::listening(&server.url, QUICK, {
        let told = Rc::clone(&told);
        move |_, entry| told.set(told.get() + usize::from(entry.is(Told::Notify)))
    });
    client
        .until("what comes behind the flood", |client| {
            client.core.state() == 2
        })
        .await;
    assert_eq!(told.get(), FLOOD);
    assert!(turns.get() > 20, "{} turns", turns.get());
    assert_eq!(
        (client.status(), client.told(Told::Gap).len()),
        ("connected", 0)
    );
}

/// A server whose diffs never apply is given up on after three connections: no storm of attempts.
#[wasm_bindgen_test]
async fn a_server_that_keeps_breaking_the_protocol_is_given_up_on() {
    let bad = json!({ "send": r#"0{"type":"state","diff":[{"op":"remove","path":"/none"}]}"# });
    let server = Server::script(json!([[state(json!({ "v": 1 })), bad]])).await;
    let client = Client::start(&server, QUICK);
    let id = client.core.ask("never", "null", None);
    client.until_status("failed").await;
    assert_eq!(client.told(Told::Violation).len(), 3);
    assert_eq!(client.figure(Figure::FaultCode), 4003.0);
    assert_eq!(
        client.core.fault_text(),
        "a path in the patch names nothing"
    );
    assert!(client.response(id, 0).await.is(Told::Lost));
    assert_eq!(client.state(), json!({ "v": 1 }).into());

    // Nothing wakes it, and nothing is waited for.
    assert!(client.figure(Figure::NextRetry).is_nan());
    let entries = client.entries().len();
    client.core.online();
    client.core.cut();
    client.core.close();
    let closed = f64::from(Unsent::Closed as i32);
    assert_eq!(client.core.ask("n", "null", None), closed);
    assert_eq!(
        (client.status(), client.entries().len()),
        ("failed", entries)
    );
    let report = server
        .until("three closes", |report| (0..3).all(|it| report.is_over(it)))
        .await;
    assert_eq!(report.connections(), 3);
}

/// A ping is answered there and then, be it amid a message.
#[wasm_bindgen_test]
async fn pings_are_answered_amid_a_message() {
    let message = r#"{"type":"state","diff":[{"op":"replace","path":"","value":"whole"}]}"#;
    let (head, tail) = message.split_at(20);
    let (middle, tail) = tail.split_at(20);
    // The rest comes only when the ping before it is answered.
    let server = Server::script(json!([[
        { "send": format!("1{head}") },
        { "send": "2are you there?" },
        { "expect": 1 },
        { "send": format!("1{middle}") },
        { "send": "2😀" },
        { "expect": 2 },
        { "send": "3unasked" },
        { "send": "2" },
        { "expect": 3 },
        { "send": format!("0{tail}") },
    ]]))
    .await;
    let client = Client::connect(&server, &[]).await;
    assert_eq!(client.core.state(), "whole");
    let report = server
        .until("three pongs", |report| report.frames(0).len() == 3)
        .await;
    assert_eq!(report.frames(0), ["3are you there?", "3😀", "3"]);
}

/// And amid a message of its own, which is as long.
#[wasm_bindgen_test]
async fn pings_are_answered_amid_a_request() {
    let server =
        Server::script(json!([[state(json!(1)), { "expect": 1 }, { "send": "2p" }]])).await;
    let client = Client::connect(&server, &[(Setting::MaxSegmentSize, 1.0)]).await;
    client.core.ask("n", "null", None);
    let length = r#"{"type":"request","id":1,"name":"n","data":null}"#.len();
    let report = server
        .until("all of it", |report| report.frames(0).len() == length + 1)
        .await;
    let frames = report.frames(0);
    assert_eq!(frames.iter().filter(|frame| *frame == "3p").count(), 1);
    let payloads = frames
        .iter()
        .filter(|frame| *frame != "3p")
        .map(|frame| &frame[1..]);
    assert_eq!(
        payloads.collect::<String>(),
        r#"{"type":"request","id":1,"name":"n","data":null}"#
    );
}

/// A server that says nothing any more is asked, and then left.
#[wasm_bindgen_test]
async fn a_silent_server_is_left() {
    let server = Server::script(json!([[state(json!(1))], [state(json!(2))]])).await;
    let keepalive = [(Setting::PingDelay, 30.0), (Setting::PingTimeout, 30.0)];
    let client = Client::start(&server, &[QUICK, &keepalive].concat());
    client
        .until("left", |client| client.figure(Figure::FaultCode) == 4000.0)
        .await;
    assert_eq!(
        client.core.fault_text(),
        "nothing heard within the ping timeout"
    );
    assert_eq!(
        client.told(Told::Violation).len(),
        0,
        "silence is no violation"
    );
    let report = server.until("the close", |report| report.is_over(0)).await;
    assert_eq!(
        (report.frames(0), report.closed(0)),
        (vec!["2".to_owned()], Some(4000))
    );
    client
        .until("the next connection", |client| client.core.state() == 2)
        .await;
}

/// A server that answers pings is kept, however little it has to say.
#[wasm_bindgen_test]
async fn a_quiet_server_is_kept() {
    let mut script = vec![state(json!(1))];
    for pings in 1..=5 {
        script.push(json!({ "expect": pings }));
        script.push(json!({ "send": "3" }));
    }
    let server = Server::script(json!([script])).await;
    let keepalive = [(Setting::PingDelay, 10.0), (Setting::PingTimeout, 15_000.0)];
    let client = Client::connect(&server, &keepalive).await;
    let report = server
        .until("six pings", |report| report.frames(0).len() >= 6)
        .await;
    assert_eq!((client.status(), report.connections()), ("connected", 1));
}

/// Without a delay no pings are sent, and a silent server is kept.
#[wasm_bindgen_test]
async fn the_keepalive_can_be_switched_off() {
    let server = Server::mirror(json!({ "state": 1 })).await;
    let settings = [
        (Setting::PingDelay, f64::INFINITY),
        (Setting::PingTimeout, 0.0),
    ];
    let client = Client::connect(&server, &settings).await;
    assert!(
        client
            .request("sleep", json!({ "milliseconds": 100 }))
            .await
            .is(Told::Done)
    );
    assert_eq!(
        (client.status(), client.told(Told::Gap).len()),
        ("connected", 0)
    );
}

/// The page's clock, put forward for as long as this lives.
struct Forward {
    performance: Object,
}

impl Forward {
    fn by(milliseconds: f64) -> Self {
        let performance = Reflect::get(&js_sys::global(), &"performance".into()).unwrap();
        let body = format!("return Performance.prototype.now.call(performance) + {milliseconds}");
        Reflect::set(&performance, &"now".into(), &Function::new_no_args(&body)).unwrap();
        Self {
            performance: performance.unchecked_into(),
        }
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        // What the prototype has is found again.
        let _ = Reflect::delete_property(&self.performance, &"now".into());
    }
}

/// A timer that comes much too late says that the page slept, not that the server is silent: what it sent
/// may lie there unread.
#[wasm_bindgen_test]
async fn a_page_that_slept_asks_again() {
    let server = Server::script(json!([[state(json!(1)), { "expect": 2 }, { "send": "3" }]])).await;
    let keepalive = [(Setting::PingDelay, 10.0), (Setting::PingTimeout, 2_000.0)];
    let client = Client::connect(&server, &[QUICK, &keepalive].concat()).await;
    server
        .until("a ping", |report| report.frames(0).len() == 1)
        .await;
    let _asleep = Forward::by(60_000.0);
    // The second ping is asked for by the late timer; its answer keeps the connection.
    let report = server
        .until("pings", |report| report.frames(0).len() >= 3)
        .await;
    assert!(
        report.frames(0).iter().all(|frame| frame == "2"),
        "{report:?}"
    );
    assert_eq!((client.status(), report.connections()), ("connected", 1));
    client.core.close();
}
