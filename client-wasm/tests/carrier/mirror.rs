//! A document of JS values: edited in place where nobody holds it, copied where somebody does.

use mirrorball_client_wasm::js::Js;
use mirrorball_protocol::json::{Document, Json, Limits, PatchError, diff};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::suite::{self, apply, canonical, random::Random, text};

fn document(json: &str) -> Document<Js> {
    suite::document(json, Limits::default())
}

fn set(document: &mut Document<Js>, path: &str, value: u32) {
    let patch = format!(r#"[{{"op":"replace","path":"{path}","value":{value}}}]"#);
    apply(document, &patch).unwrap();
}

/// What is on the way to a change is copied once, then edited in place until somebody reads.
#[wasm_bindgen_test]
fn containers_are_copied_once_for_each_read() {
    let mut document = document(r#"{"a":{"b":[0,1]},"c":{"d":2}}"#);
    let held = document.share();
    for n in 0..100 {
        set(&mut document, "/a/b/0", n);
    }
    assert_eq!(document.copies(), 3, "the root, a, b");
    set(&mut document, "/c/d", 3);
    assert_eq!(document.copies(), 4, "c");
    assert_eq!(text(&held), r#"{"a":{"b":[0,1]},"c":{"d":2}}"#);

    for n in 0..100 {
        drop(document.share());
        set(&mut document, "/a/b/0", n);
    }
    assert_eq!(document.copies(), 4 + 300);
    // A patch of many operations copies each container once.
    drop(document.share());
    let operation = |n| format!(r#"{{"op":"add","path":"/a/b/-","value":{n}}}"#);
    let patch: Vec<String> = (0..50).map(operation).collect();
    apply(&mut document, &format!("[{}]", patch.join(","))).unwrap();
    assert_eq!(document.copies(), 4 + 300 + 3);
}

/// A read without a change hands out the same value, and so does what did not change.
#[wasm_bindgen_test]
fn what_did_not_change_is_the_same_value() {
    use js_sys::{Object, Reflect};
    use wasm_bindgen::JsValue;
    let mut document = document(r#"{"a":[{"b":1}],"c":{}}"#);
    let one = document.share().into_value();
    assert!(Object::is(&one, &document.share().into_value()));
    set(&mut document, "/a/0/b", 1);
    let two = document.share().into_value();
    let at = |value: &JsValue, key: &str| Reflect::get(value, &key.into()).unwrap();
    assert!(!Object::is(&one, &two) && !Object::is(&at(&one, "a"), &at(&two, "a")));
    assert!(Object::is(&at(&one, "c"), &at(&two, "c")));
}

/// A patch that fails takes back what it did, in place or in copies.
#[wasm_bindgen_test]
fn a_failing_patch_leaves_nothing_behind() {
    const FAILURE: &str = r#"{"op":"remove","path":"/no/such/place"}"#;
    let mut failed = 0;
    for seed in 0..600 {
        let mut random = Random::new(seed);
        let mut now = random.value(4);
        let mut document = document(&now.to_text());
        let mut held = Vec::new();
        for _ in 0..6 {
            if random.chance(50) {
                let shared = document.share();
                held.push((text(&shared), shared));
            }
            let mut next = now.clone();
            (0..3).for_each(|_| random.mutate(&mut next));
            let patch = suite::diff::patch(&diff(&now, &next));
            if patch == "[]" {
                continue;
            }
            // A patch ends with an operation, which is an object.
            let failing = format!("{},{FAILURE}]", &patch[..patch.len() - 1]);
            let result = apply(&mut document, &failing);
            assert!(result.is_err(), "seed {seed}: {failing}");
            failed += 1;
            if random.chance(30) {
                let state = canonical(&document.share());
                assert_eq!(state, canonical(&now), "seed {seed}: {failing}");
            }
            apply(&mut document, &patch).unwrap();
            now = next;
        }
        assert_eq!(canonical(&document.share()), canonical(&now), "seed {seed}");
        for (before, value) in &held {
            assert_eq!(&text(value), before, "seed {seed}: a held value changed");
        }
    }
    assert!(failed > 1_000, "{failed}");
}

/// Each kind of change to a container that is the mirror's own is undone.
#[wasm_bindgen_test]
fn every_change_in_place_is_undone() {
    const BEFORE: &str = r#"{"list":[0,1,2],"object":{"a":1,"__proto__":2},"n":0}"#;
    for operations in [
        r#"{"op":"replace","path":"/n","value":1}"#,
        r#"{"op":"add","path":"/new","value":1}"#,
        r#"{"op":"remove","path":"/n"}"#,
        r#"{"op":"add","path":"/list/0","value":9},{"op":"add","path":"/list/-","value":9}"#,
        r#"{"op":"remove","path":"/list/0"},{"op":"remove","path":"/list/1"}"#,
        r#"{"op":"replace","path":"/list/1","value":9}"#,
        r#"{"op":"replace","path":"/object/__proto__","value":9}"#,
        r#"{"op":"remove","path":"/object/__proto__"}"#,
        r#"{"op":"add","path":"/object/__proto__","value":{"x":1}},{"op":"add","path":"/object/__proto__/x","value":2}"#,
        r#"{"op":"move","from":"/list/0","path":"/object/a"}"#,
        r#"{"op":"move","from":"/object","path":"/list/1"}"#,
        r#"{"op":"copy","from":"/object","path":"/list/1"},{"op":"replace","path":"/list/1/a","value":9}"#,
        r#"{"op":"add","path":"","value":[]},{"op":"add","path":"/0","value":1}"#,
        r#"{"op":"remove","path":""}"#,
    ] {
        let mut document = document(BEFORE);
        // Now everything is the mirror's own: nobody has read.
        for path in ["/n", "/list/0", "/object/a"] {
            let value = u32::from(path == "/object/a");
            set(&mut document, path, value);
        }
        let patch = format!(r#"[{operations},{{"op":"test","path":"","value":"never"}}]"#);
        assert_eq!(
            apply(&mut document, &patch),
            Err(PatchError::Test),
            "{operations}"
        );
        let before: Js = suite::parse(BEFORE);
        let after = document.share();
        assert!(after.equals(&before), "{operations}: {}", text(&after));
    }
}

/// Two places with one value behind them: a change of one is none of the other.
#[wasm_bindgen_test]
fn a_copy_is_its_own() {
    let mut document = document(r#"{"a":{"x":{"y":0}}}"#);
    set(&mut document, "/a/x/y", 1);
    let copy = r#"{"op":"copy","from":"/a","path":"/b"}"#;
    let change = r#"{"op":"replace","path":"/b/x/y","value":2}"#;
    apply(&mut document, &format!("[{copy},{change}]")).unwrap();
    assert_eq!(
        text(&document.share()),
        r#"{"a":{"x":{"y":1}},"b":{"x":{"y":2}}}"#
    );

    apply(&mut document, r#"[{"op":"copy","from":"/a","path":"/c"}]"#).unwrap();
    set(&mut document, "/a/x/y", 3);
    set(&mut document, "/c/x/y", 4);
    apply(
        &mut document,
        r#"[{"op":"copy","from":"/c","path":"/c/x/inner"}]"#,
    )
    .unwrap();
    set(&mut document, "/c/x/inner/x/y", 5);
    let expected =
        r#"{"a":{"x":{"y":3}},"b":{"x":{"y":2}},"c":{"x":{"y":4,"inner":{"x":{"y":5}}}}}"#;
    assert_eq!(text(&document.share()), expected);
}

/// However many containers a patch touches before the next read, each is copied once.
#[wasm_bindgen_test]
fn many_containers_are_copied_once() {
    const ROWS: usize = 6_000;
    let rows = vec![r#"{"n":0}"#; ROWS];
    let mut document = document(&format!("[{}]", rows.join(",")));
    let held = document.share();
    for value in 1..=2 {
        for row in 0..ROWS {
            set(&mut document, &format!("/{row}/n"), value);
        }
        assert_eq!(document.copies(), ROWS as u64 + 1);
    }
    assert_eq!(text(&held), format!("[{}]", rows.join(",")));
}
