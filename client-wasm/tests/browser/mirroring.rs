//! How the server's state arrives, and what a page may rely on.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use js_sys::{Array, Object, Set};
use mirrorball_client_wasm::{
    juggler::{Figure, Told},
    options::juggler::Setting,
};
use mirrorball_protocol::json::Value;
use serde_json::json;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::{
    client::{Ask, Client},
    fixture::Server,
    page::{from_text, same, stringify, utf16_length, value},
};

#[wasm_bindgen(inline_js = r#"
const define = (object, key, value) =>
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });

/** Another implementation of patches, which never changes anything that exists. */
export function patched(root, diff) {
  const fresh = new Set();
  const own = (value) => {
    if (fresh.has(value)) return value;
    const copy = Array.isArray(value) ? value.slice() : Object.fromEntries(Object.entries(value));
    fresh.add(copy);
    return copy;
  };
  for (const { op, path, value } of diff) {
    if (path === "") {
      root = value;
      continue;
    }
    const tokens = path.slice(1).split("/").map((it) => it.replaceAll("~1", "/").replaceAll("~0", "~"));
    const last = tokens.pop();
    let place = (root = own(root));
    for (const token of tokens) {
      const child = own(place[token]);
      define(place, token, child);
      place = child;
    }
    if (Array.isArray(place)) {
      const items = op === "remove" ? [] : [value];
      place.splice(Number(last), op === "add" ? 0 : 1, ...items);
    } else if (op === "remove") {
      delete place[last];
    } else {
      define(place, last, value);
    }
  }
  return root;
}

const isContainer = (value) => typeof value === "object" && value !== null;

/** Every object and array in a value. */
export function containers(value, found = new Set()) {
  if (isContainer(value)) {
    found.add(value);
    for (const inner of Object.values(value)) containers(inner, found);
  }
  return found;
}

/** Where two values differ, or one has another object for one of `before`; empty where nowhere. */
export function difference(expected, actual, before, path = "the root") {
  if (expected === actual) return "";
  if (!isContainer(expected) || !isContainer(actual)) return `${path} differs`;
  if (before.has(expected)) return `${path} did not change, and is another object`;
  const keys = Object.keys(expected);
  if (Array.isArray(expected) !== Array.isArray(actual)) return `${path} is of another type`;
  if (keys.length !== Object.keys(actual).length) return `${path} has other members`;
  for (const key of keys) {
    if (!Object.hasOwn(actual, key)) return `${path} lacks ${key}`;
    const inner = difference(expected[key], actual[key], before, `${path}/${key}`);
    if (inner) return inner;
  }
  return "";
}

export function freeze(value) {
  for (const container of containers(value)) Object.freeze(container);
}

/** What every object would have if a key of the data had reached the prototype. */
export function polluted() {
  const names = [];
  for (const name in {}) names.push(name);
  return names.join();
}

export function isPlain(value) {
  return Object.getPrototypeOf(value) === Object.prototype;
}
"#)]
extern "C" {
    fn patched(root: &JsValue, diff: &JsValue) -> JsValue;
    fn containers(value: &JsValue) -> Set;
    fn difference(expected: &JsValue, actual: &JsValue, before: &Set) -> String;
    fn freeze(value: &JsValue);
    pub(crate) fn polluted() -> String;
    #[wasm_bindgen(js_name = "isPlain")]
    fn is_plain(value: &JsValue) -> bool;
}

/// Text with characters of one to four bytes.
const TEXT: &str = "aé€😀\u{10ffff}\u{fffd}\"\\\n";

#[wasm_bindgen_test]
async fn the_state_follows_the_server() {
    let server = Server::mirror(json!({ "state": { "rows": [1, 2], "text": TEXT } })).await;
    let client = Client::connect(&server, &[]).await;
    assert_eq!(
        client.state(),
        json!({ "rows": [1, 2], "text": TEXT }).into()
    );
    let first = client.core.state();
    assert!(
        same(&first, &client.core.state()),
        "another object without a change"
    );

    let done = client
        .request("set", json!({ "path": "/rows/-", "value": 3 }))
        .await;
    assert!(done.is(Told::Done), "{done:?}");
    // Told in the order in which the server sent it: the change, then the answer.
    let entries = client.entries();
    assert!(entries[entries.len() - 2].is(Told::Change), "{entries:?}");
    assert_eq!(
        client.state(),
        json!({ "rows": [1, 2, 3], "text": TEXT }).into()
    );
    assert!(!same(&first, &client.core.state()));
    assert_eq!(
        value(&first),
        json!({ "rows": [1, 2], "text": TEXT }).into()
    );

    assert_eq!(client.figure(Figure::Diffs), 2.0);
    assert_eq!(client.figure(Figure::Operations), 2.0);
    assert_eq!(client.figure(Figure::Messages), 3.0);
    let lengths = client.told(Told::Change);
    let lengths = lengths.iter().map(|entry| entry.two.as_f64().unwrap());
    assert!(client.figure(Figure::Length) > lengths.sum());
    assert!(client.figure(Figure::Copies) <= 2.0);
}

/// For a state that is `null` the server sends nothing: after a while the client knows what that means.
#[wasm_bindgen_test]
async fn a_null_state_is_found_out() {
    let server = Server::mirror(json!({})).await;
    let client = Client::connect(&server, &[(Setting::SyncTimeout, 50.0)]).await;
    assert!(client.core.state().is_null());
    let change = client.until_told(Told::Change, 1).await.remove(0);
    assert_eq!(
        (change.one.as_f64(), change.two.as_f64()),
        (Some(0.0), Some(0.0))
    );
    client
        .request("set", json!({ "path": "", "value": 1 }))
        .await;
    assert_eq!(client.core.state(), 1);
}

#[wasm_bindgen_test]
async fn segments_of_every_size_go_both_ways() {
    for (size, repeats) in [(1_u32, 60), (3, 100), (100, 1_000), (65_536, 40_000)] {
        let text = TEXT.repeat(repeats);
        let plan = json!({ "state": { "text": text }, "segment": size });
        let server = Server::mirror(plan).await;
        let client = Client::connect(&server, &[(Setting::MaxSegmentSize, size.into())]).await;
        assert_eq!(client.state(), json!({ "text": text }).into(), "{size}");
        let done = client.request("", json!({ "echo": text })).await;
        assert_eq!(value(&done.two), json!({ "echo": text }).into(), "{size}");
        let done = client
            .request("set", json!({ "path": "/text", "value": "short" }))
            .await;
        assert!(done.is(Told::Done), "{size}");
        assert_eq!(client.state(), json!({ "text": "short" }).into(), "{size}");
    }
}

/// A message cut at each place, and into single characters.
#[wasm_bindgen_test]
async fn messages_survive_every_cut() {
    let data = "😀é😀x";
    let message = json!({ "type": "notify", "name": "n😀", "data": data }).to_string();
    let places: Vec<usize> = message.char_indices().map(|(at, _)| at).collect();
    let mut steps = Vec::new();
    for at in &places {
        let (head, tail) = message.split_at(*at);
        steps.push(json!({ "send": format!("1{head}") }));
        steps.push(json!({ "send": format!("0{tail}") }));
    }
    for character in message.chars() {
        steps.push(json!({ "send": format!("1{character}") }));
    }
    steps.push(json!({ "send": "0" }));
    // A peer that cuts by UTF-16 units leaves half a character at each end.
    steps.push(json!({ "send": "1{\"type\":\"notify\",\"name\":\"half\",\"data\":\"\u{fffd}" }));
    steps.push(json!({ "send": "0\u{fffd}\"}" }));
    let server = Server::script(json!([steps])).await;
    let client = Client::start(&server, &[]);
    let mut notified = client.until_told(Told::Notify, places.len() + 2).await;
    let half = notified.pop().unwrap();
    assert_eq!(
        (half.one, half.two),
        ("half".into(), "\u{fffd}\u{fffd}".into())
    );
    for entry in &notified {
        assert_eq!(
            (entry.one.clone(), entry.two.clone()),
            ("n😀".into(), data.into())
        );
    }
    assert_eq!(client.told(Told::Violation).len(), 0);
}

/// What the client sends is cut between characters, wherever the cut falls.
#[wasm_bindgen_test]
async fn requests_survive_every_cut() {
    let server = Server::mirror(json!({ "state": 0 })).await;
    for size in 1..=24_u32 {
        let client = Client::connect(&server, &[(Setting::MaxSegmentSize, size.into())]).await;
        let done = client.request("", json!(TEXT)).await;
        assert_eq!(done.two, TEXT, "{size}");
    }
}

/// The state behind a diff, where there was one, and the diff.
type Step = (Option<JsValue>, JsValue);

/// Ten thousand random changes: the mirror equals the server's state, what did not change stays the same
/// object, and what the page keeps never changes.
#[wasm_bindgen_test]
async fn ten_thousand_patches() {
    const PATCHES: usize = 10_000;
    const BATCH: usize = 50;
    let plan = json!({ "state": { "random": { "a": [{}] }, "left": { "alone": [1] } }, "autoflush": null });
    let server = Server::mirror(plan).await;
    let steps: Rc<RefCell<VecDeque<Step>>> = Rc::default();
    let changed: RefCell<Option<JsValue>> = RefCell::default();
    let client = Client::listening(&server.url, &[], {
        let steps = Rc::clone(&steps);
        move |core, entry| {
            if entry.is(Told::Change) {
                changed.replace(Some(core.state()));
            } else if entry.is(Told::Done) {
                steps
                    .borrow_mut()
                    .push_back((changed.take(), entry.two.clone()));
            }
        }
    });
    client.until_status("connected").await;
    let mut before = client.core.state();
    let left_alone = containers(&before);
    let mut patches = 0;
    let mut held: Vec<(JsValue, String)> = Vec::new();
    let mut seed = 0;
    // What was read last came before any diff of a request.
    steps.borrow_mut().clear();
    while patches < PATCHES {
        for _ in 0..BATCH {
            seed += 1;
            let data = json!({ "seed": seed, "count": 1 + seed % 3 }).to_string();
            assert!(client.core.ask("random-changes", &data, None) > 0.0);
        }
        client
            .until("a batch of answers", |_| steps.borrow().len() >= BATCH)
            .await;
        for (state, diff) in steps.take() {
            let Some(state) = state.filter(|_| Array::from(&diff).length() > 0) else {
                assert_eq!(
                    Array::from(&diff).length(),
                    0,
                    "seed {seed}: no change was told"
                );
                continue;
            };
            patches += 1;
            let expected = patched(&before, &diff);
            let difference = difference(&expected, &state, &containers(&before));
            assert!(
                difference.is_empty(),
                "patch {patches}, {}: {difference}",
                stringify(&diff)
            );
            if patches % 100 == 0 {
                held.push((state.clone(), stringify(&state)));
            }
            before = state;
        }
        if seed % 500 == 0 {
            let snapshot = client.request("snapshot", json!(null)).await;
            steps.borrow_mut().clear();
            let snapshot = from_text(&snapshot.two.as_string().unwrap());
            assert_eq!(client.state(), snapshot, "after {patches} patches");
        }
    }
    for (state, text) in &held {
        assert_eq!(&stringify(state), text, "a state that was kept changed");
    }
    let left = js_sys::Reflect::get(&before, &"left".into()).unwrap();
    assert!(left_alone.has(&left));
    assert_eq!(client.told(Told::Violation).len(), 0);
    assert_eq!(polluted(), "");
}

/// A page that reads now and then: what it reads is right, and never changes.
#[wasm_bindgen_test]
async fn a_page_that_reads_seldom_sees_the_same() {
    let plan = json!({ "state": { "random": [[], {}] }, "autoflush": null });
    let server = Server::mirror(plan).await;
    let client = Client::connect(&server, &[]).await;
    let mut held: Vec<(JsValue, String)> = Vec::new();
    for round in 0..40 {
        let first = client.entries().len();
        let mut last = 0.0;
        for index in 0..40 {
            let data = json!({ "seed": round * 1_000 + index, "count": 1 }).to_string();
            last = client.core.ask("random-changes", &data, None);
        }
        client.response(last, first).await;
        let snapshot = client.request("snapshot", json!(null)).await;
        let state = client.core.state();
        assert_eq!(
            value(&state),
            from_text(&snapshot.two.as_string().unwrap()),
            "{round}"
        );
        held.push((state.clone(), stringify(&state)));
    }
    for (state, text) in &held {
        assert_eq!(&stringify(state), text, "a state that was kept changed");
    }
}

/// Pages freeze what they hold, by way of their frameworks: nothing is written to it.
#[wasm_bindgen_test]
async fn a_frozen_state_disturbs_nobody() {
    let plan = json!({ "state": { "random": { "a": [{}] } }, "autoflush": null });
    let server = Server::mirror(plan).await;
    let client = Client::listening(&server.url, &[], |core, entry| {
        if entry.is(Told::Change) {
            freeze(&core.state());
        }
    });
    client.until_status("connected").await;
    for seed in 0..300 {
        client
            .request("random-changes", json!({ "seed": seed, "count": 1 }))
            .await;
    }
    let snapshot = client.request("snapshot", json!(null)).await;
    assert_eq!(
        client.state(),
        from_text(&snapshot.two.as_string().unwrap())
    );
}

/// Names that objects inherit are names like any other, and reach no prototype.
#[wasm_bindgen_test]
async fn names_that_objects_inherit_are_data() {
    let names = [
        "__proto__",
        "constructor",
        "prototype",
        "hasOwnProperty",
        "length",
        "toString",
        "",
        "0",
    ];
    let members: serde_json::Map<String, serde_json::Value> = names
        .iter()
        .map(|name| ((*name).to_owned(), json!({ "x": name })))
        .collect();
    let plan = json!({ "state": { "data": members, "list": [members] }, "autoflush": null });
    let server = Server::mirror(plan).await;
    let client = Client::connect(&server, &[]).await;
    let check = async |what: &str| {
        let snapshot = client.request("snapshot", json!(null)).await;
        let expected = from_text(&snapshot.two.as_string().unwrap());
        assert_eq!(client.state(), expected, "{what}");
        assert_eq!(polluted(), "", "{what}");
        let everything = containers(&client.core.state());
        for container in Array::from(&everything)
            .iter()
            .filter(|it| !Array::is_array(it))
        {
            assert!(is_plain(&container), "{what}: {}", stringify(&container));
        }
    };
    check("at first").await;
    for name in names {
        for parent in ["/data", "/list/0", "/new"] {
            let path = format!("{parent}/{name}");
            let set = async |path: &str, value: serde_json::Value| {
                let done = client
                    .request("set", json!({ "path": path, "value": value }))
                    .await;
                assert!(done.is(Told::Done), "{path}");
                check(path).await;
            };
            set(&format!("{path}/x"), json!(1)).await;
            set(&path, json!({ "y": [name] })).await;
            set(&format!("{path}/y/0"), json!({ "__proto__": { "z": 1 } })).await;
            client.request("remove", json!({ "path": path })).await;
            check(&path).await;
            set(&path, json!(name)).await;
        }
    }
    let keys = Object::keys(&Object::from(
        js_sys::Reflect::get(&client.core.state(), &"data".into()).unwrap(),
    ));
    assert!(keys.includes(&"__proto__".into(), 0));
}

/// A large state arrives whole, and a small change to it is a small message.
#[wasm_bindgen_test]
async fn a_large_state_costs_its_changes() {
    let rows: Vec<serde_json::Value> = (0..20_000)
        .map(|n| json!({ "id": n, "name": format!("row {n} {TEXT}") }))
        .collect();
    let server = Server::mirror(json!({ "state": rows })).await;
    let client = Client::connect(&server, &[]).await;
    assert_eq!(client.state(), json!(rows).into());
    let copies = client.figure(Figure::Copies);
    client
        .request("set", json!({ "path": "/12345/name", "value": TEXT }))
        .await;
    let change = client.told(Told::Change).pop().unwrap();
    assert_eq!(change.one, 1);
    let step = json!({ "type": "state",
        "diff": [{ "op": "replace", "path": "/12345/name", "value": TEXT }], "version": 1 });
    assert_eq!(
        change.two.as_f64(),
        Some(utf16_length(&step.to_string()) as f64)
    );
    assert_eq!(client.figure(Figure::Copies) - copies, 2.0);
    let row = client
        .state()
        .as_array()
        .and_then(|rows| rows.get(12_345).cloned());
    assert_eq!(
        row,
        Some(Value::from(json!({ "id": 12_345, "name": TEXT })))
    );
}
