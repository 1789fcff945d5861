//! Callbacks that call back in.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use js_sys::Function;
use mirrorball_client_wasm::juggler::{Figure, JugglerCore, Told};
use mirrorball_protocol::json::Value;
use serde_json::json;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::{
    client::{Ask, Client, Entry, QUICK},
    fixture::Server,
    life::state,
    page::value,
};

/// A function that calls another and then throws.
fn throwing(inner: &Function) -> Function {
    let body = "return (...args) => { inner(...args); throw new Error('as the test asked for'); }";
    let wrap = Function::new_with_args("inner", body);
    wrap.call1(&wasm_bindgen::JsValue::NULL, inner)
        .unwrap()
        .into()
}

/// In each event: everything is read, a request is sent, and then it throws.
#[wasm_bindgen_test]
async fn a_callback_may_ask_send_and_throw() {
    let notify = json!({ "send": r#"0{"type":"notify","name":"n","data":null}"# });
    let done = json!({ "send": r#"0{"type":"response","id":1,"success":true,"data":null}"# });
    let refused = json!({ "send": r#"0{"type":"response","id":2,"success":false,"data":null}"# });
    let server = Server::script(json!([
        [{ "expect": 1 }, state(json!(1)), notify, done, refused, { "send": "broken" }],
        [state(json!(2))],
    ]))
    .await;
    let sent: Rc<RefCell<Vec<f64>>> = Rc::default();
    let listener = {
        let sent = Rc::clone(&sent);
        move |core: &JugglerCore, entry: &Entry| {
            let _ = (
                core.state(),
                core.figure(Figure::InFlight),
                core.fault_text(),
            );
            core.abandon(1e9);
            // In the second connection there is no answer any more: this one's time runs out.
            let timeout = if entry.is(Told::Gap) {
                10.0
            } else {
                f64::INFINITY
            };
            let id = core.ask("n", "null", Some(timeout));
            sent.borrow_mut().push(id);
        }
    };
    let client = Client::wrapped(&server.url, QUICK, listener, throwing);
    let kinds = [
        Told::Status,
        Told::Change,
        Told::Done,
        Told::Refused,
        Told::Lost,
        Told::TimedOut,
        Told::Notify,
        Told::Gap,
        Told::Violation,
    ];
    client
        .until("every event", |client| {
            kinds.iter().all(|kind| !client.told(*kind).is_empty())
        })
        .await;
    client
        .until("the second state", |client| client.core.state() == 2)
        .await;
    // Each event but the last ones sent one, or was told why not.
    assert!(sent.borrow().iter().any(|id| *id > 6.0) && sent.borrow().contains(&-1.0));
}

/// A client that is closed by its own callback, in whatever event.
#[wasm_bindgen_test]
async fn a_callback_may_close_the_client() {
    for kind in [
        Told::Status,
        Told::Change,
        Told::Done,
        Told::Refused,
        Told::Lost,
        Told::TimedOut,
        Told::Notify,
        Told::Gap,
    ] {
        let server = Server::mirror(json!({ "state": 1 })).await;
        let client = Client::listening(&server.url, QUICK, move |core, entry| {
            if entry.is(kind) {
                core.close();
            }
        });
        client.core.ask("", "null", None);
        client.core.ask("fail", "null", None);
        client
            .core
            .ask("notify", r#"{"name":"n","items":[1]}"#, None);
        client.core.ask(
            "never",
            "null",
            Some(if matches!(kind, Told::TimedOut) {
                10.0
            } else {
                1e9
            }),
        );
        if matches!(kind, Told::Lost | Told::Gap) {
            client.until_told(Told::Done, 2).await;
            client.core.cut();
        }
        client.until_status("closed").await;
        let last = client.entries().pop().unwrap();
        assert!(
            last.is(Told::Status) && last.status == "closed",
            "{kind:?}: {last:?}"
        );
        assert_eq!(client.figure(Figure::InFlight), 0.0, "{kind:?}");
    }
}

/// A callback that cuts the connection in each event does not end the client.
#[wasm_bindgen_test]
async fn a_callback_may_cut_the_connection() {
    let server = Server::mirror(json!({ "state": { "v": 1 } })).await;
    let cuts = Cell::new(0);
    let client = Client::listening(&server.url, QUICK, move |core, entry| {
        if entry.is(Told::Change) && cuts.get() < 5 {
            cuts.set(cuts.get() + 1);
            core.cut();
        }
    });
    client
        .until("five cuts", |client| client.told(Told::Gap).len() == 5)
        .await;
    client.until_status("connected").await;
    assert!(client.request("", json!(1)).await.is(Told::Done));
    assert_eq!(client.state(), json!({ "v": 1 }).into());
}

/// What a callback sees is what it was told of, even if it causes more: that is told afterwards.
#[wasm_bindgen_test]
async fn events_come_one_after_another() {
    let server = Server::mirror(json!({ "state": { "n": 0 } })).await;
    let seen: Rc<RefCell<Vec<i64>>> = Rc::default();
    let client = Client::listening(&server.url, QUICK, {
        let seen = Rc::clone(&seen);
        move |core, entry| {
            if !entry.is(Told::Change) {
                return;
            }
            let n = value(&core.state()).get("n").and_then(Value::as_i64);
            seen.borrow_mut().push(n.unwrap_or(-1));
            match n {
                Some(n @ 0..20) => {
                    let data = json!({ "path": "/n", "value": n + 1 }).to_string();
                    core.ask("set", &data, None);
                }
                // Each of these causes events at once.
                _ => {
                    core.ask("never", "null", None);
                    core.cut();
                    core.close();
                }
            }
        }
    });
    client.until_status("closed").await;
    let mut entries = client.entries();
    let last = entries.split_off(entries.len() - 5);
    let expected = [
        Told::Change,
        Told::Lost,
        Told::Lost,
        Told::Status,
        Told::Status,
    ];
    assert!(
        last.iter()
            .zip(expected)
            .all(|(entry, told)| entry.is(told)),
        "{last:?}"
    );
    assert!(seen.borrow().iter().copied().eq(0..=20), "{seen:?}");
}
