//! Diffs: they lead from one value to the other, and consist of what the strictest reader takes.

use std::sync::Arc;

use mirrorball_protocol::json::{
    Change, Diff, Document, Json, Limits, Object, Pointer, Value, diff,
};

use super::{apply, canonical, random::Random};

/// Checks `count` random histories and what diffs of well-known changes look like.
pub(crate) fn all<J: Json>(count: u64) {
    nothing_changed();
    one_leaf_of_many_rows::<J>();
    logs_shift_in_two_operations::<J>();
    the_root_is_named_only_where_its_type_changes();
    (0..count).for_each(history::<J>);
}

/// A diff as the JSON Patch that goes over the network.
pub(crate) fn patch(diff: &Diff) -> String {
    let mut patch = String::new();
    diff.write(&mut patch);
    patch
}

/// Two values, one made from the other by a few changes, or by none.
pub(crate) fn step(random: &mut Random, old: &Value) -> Value {
    if random.chance(3) {
        return random.value(4);
    }
    let mut new = old.clone();
    for _ in 0..random.below(5) {
        random.mutate(&mut new);
    }
    new
}

/// What a history begins with.
pub(crate) fn start(random: &mut Random) -> Value {
    if !random.chance(10) {
        return random.value(4);
    }
    let mut object = Object::default();
    for name in ["", "a", "__proto__"] {
        object.insert(
            name,
            if random.chance(50) {
                random.wide()
            } else {
                random.value(3)
            },
        );
    }
    Value::Object(object)
}

/// One document through several states, some of them held by somebody.
fn history<J: Json>(seed: u64) {
    let mut random = Random::new(seed);
    let mut document = Document::<J>::new(Limits::default());
    let mut old = Value::Null;
    let mut new = start(&mut random);
    let mut held: Vec<(J, String)> = Vec::new();
    for _ in 0..=random.below(5) {
        let diff = diff(&old, &new);
        check_rules(&old, &new, &diff);
        assert_eq!(diff.is_empty(), old == new, "seed {seed}");
        let patch = patch(&diff);
        assert_eq!(
            apply(&mut document, &patch),
            Ok(()),
            "seed {seed}: {patch} on {old}"
        );
        if random.chance(60) {
            let shared = document.share();
            let shown = canonical(&shared);
            assert_eq!(shown, canonical(&new), "seed {seed}: {patch} on {old}");
            held.push((shared, shown));
        }
        old = new;
        new = step(&mut random, &old);
    }
    assert_eq!(canonical(&document.share()), canonical(&old), "seed {seed}");
    for (value, shown) in &held {
        assert_eq!(
            &canonical(value),
            shown,
            "seed {seed}: a held state changed"
        );
    }
}

/// Only `add`, `remove` and `replace`; each on a place that has or lacks it just then, written in its one
/// form; the root only where it changes its type.
fn check_rules(old: &Value, new: &Value, diff: &Diff) {
    let mut now = old.clone();
    for (path, change) in diff.changes() {
        let case = || format!("{path} of {} from {old} to {new}", patch(diff));
        let pointer = Pointer::<Arc<str>>::parse(&path.into())
            .unwrap_or_else(|error| panic!("{error}: {}", case()));
        let Some((last, parents)) = pointer.tokens().split_last() else {
            let containers =
                [old, new].map(|it| (it.as_array().is_some(), it.as_object().is_some()));
            assert!(
                containers[0] != containers[1] || !new.is_container(),
                "{}",
                case()
            );
            let Change::Replace(value) = change else {
                panic!("the root is only replaced: {}", case());
            };
            now = value.clone();
            continue;
        };
        let mut parent = &mut now;
        for token in parents {
            parent = match parent {
                Value::Array(array) => array.get_mut(index(token).unwrap_or(usize::MAX)),
                Value::Object(object) => object.get_mut(token),
                _ => None,
            }
            .unwrap_or_else(|| panic!("names nothing: {}", case()));
        }
        let applied = match (parent, change) {
            (Value::Object(object), Change::Add(value)) => {
                object.insert(last.clone(), value.clone()).is_none()
            }
            (Value::Object(object), Change::Remove) => object.remove(last).is_some(),
            (Value::Object(object), Change::Replace(value)) => {
                object.insert(last.clone(), value.clone()).is_some()
            }
            (Value::Array(array), Change::Add(value)) => {
                index(last).is_some_and(|index| array.insert(index, value.clone()))
            }
            (Value::Array(array), Change::Remove) => {
                index(last).is_some_and(|index| array.remove(index).is_some())
            }
            (Value::Array(array), Change::Replace(value)) => index(last)
                .and_then(|index| array.get_mut(index))
                .map(|item| *item = value.clone())
                .is_some(),
            _ => false,
        };
        assert!(applied, "{}", case());
    }
    assert_eq!(&now, new);
}

/// An index in its one form.
fn index(token: &str) -> Option<usize> {
    let index = token.parse().ok()?;
    (format!("{index}") == token).then_some(index)
}

/// Equal values have no difference, whether they share anything or not.
fn nothing_changed() {
    for seed in 0..200 {
        let value = start(&mut Random::new(seed));
        let again = super::parse::<Value>(&value.to_text());
        assert!(diff(&value, &value.clone()).is_empty(), "{value}");
        assert!(diff(&value, &again).is_empty(), "{value}");
    }
    let one: Value = super::parse(r#"[1,0,{"a":[1e2]}]"#);
    let two = super::parse(r#"[1.0,-0.0,{"a":[100]}]"#);
    assert!(diff(&one, &two).is_empty());
}

/// One operation, whether the rows are in an array or in an object, and whether the states share memory.
fn one_leaf_of_many_rows<J: Json>() {
    const ROWS: u32 = 100_000;
    const CHANGED: usize = 54_321;
    let state: Value = (0..ROWS).map(row).collect();
    let mut changed = state.clone();
    if let Value::Array(rows) = &mut changed {
        rename(rows.get_mut(CHANGED).unwrap());
    }
    check_one_leaf::<J>(&state, &changed, "/54321/name");

    let name = |index| format!("row {index}");
    let state: Object = (0..ROWS).map(|index| (name(index), row(index))).collect();
    let mut changed = state.clone();
    rename(changed.get_mut("row 54321").unwrap());
    check_one_leaf::<J>(
        &Value::Object(state),
        &Value::Object(changed),
        "/row 54321/name",
    );
}

fn row(index: u32) -> Value {
    let values: Value = (0..3).map(|column| index * 3 + column).collect();
    let name = Value::from(format!("row {index}"));
    Value::Object([("name", name), ("values", values)].into_iter().collect())
}

fn rename(row: &mut Value) {
    if let Value::Object(members) = row {
        members.insert("name", Value::from("renamed"));
    }
}

fn check_one_leaf<J: Json>(old: &Value, new: &Value, path: &str) {
    let leaf = diff(old, new);
    let expected = format!(r#"[{{"op":"replace","path":"{path}","value":"renamed"}}]"#);
    assert_eq!(patch(&leaf), expected);
    let unshared = super::parse(&new.to_text());
    assert_eq!(patch(&diff(old, &unshared)), expected);

    let mut document: Document<J> = super::document(&old.to_text(), Limits::default());
    let held = document.share();
    assert_eq!(apply(&mut document, &expected), Ok(()));
    assert!(held.equals(&super::parse(&old.to_text())));
    assert!(document.share().equals(&super::parse(&new.to_text())));
}

/// A log that drops its oldest lines and gains new ones.
fn logs_shift_in_two_operations<J: Json>() {
    let log = |range: core::ops::Range<u32>| {
        let lines: Value = range.map(|line| format!("line {line}")).collect();
        Value::Object([("log", lines)].into_iter().collect())
    };
    for len in [2, 3, 31, 32, 33, 120, 1_000, 5_000] {
        let (old, new) = (log(0..len), log(1..len + 1));
        let diff = diff(&old, &new);
        let text = patch(&diff);
        if len > 3 {
            let last = len - 1;
            let expected = format!(
                r#"[{{"op":"remove","path":"/log/0"}},{{"op":"add","path":"/log/{last}","value":"line {len}"}}]"#
            );
            assert_eq!(text, expected);
        }
        let mut document: Document<J> = super::document(&old.to_text(), Limits::default());
        assert_eq!(apply(&mut document, &text), Ok(()));
        assert_eq!(canonical(&document.share()), canonical(&new));
    }
    for (gone, come) in [(0, 7), (7, 0), (5, 9), (20, 20)] {
        let diff = diff(&log(0..500), &log(gone..500 + come));
        assert_eq!(diff.len() as u32, gone + come);
    }
}

fn the_root_is_named_only_where_its_type_changes() {
    let names_root = |old: &str, new: &str| {
        let diff = diff(&super::parse(old), &super::parse(new));
        diff.changes().any(|(path, _)| path.is_empty())
    };
    for (old, new) in [
        ("null", "{}"),
        ("null", "1"),
        ("{}", "[]"),
        ("[]", "{}"),
        ("1", "2"),
        ("[1]", "1"),
    ] {
        assert!(names_root(old, new), "{old} to {new}");
    }
    for (old, new) in [
        ("{}", r#"{"a":1,"b":2,"c":3}"#),
        (r#"{"a":1,"b":2,"c":3}"#, "{}"),
        (r#"{"a":1,"b":2}"#, r#"{"c":3,"d":4}"#),
        ("[]", "[1,2,3]"),
        ("[1,2,3]", "[]"),
        ("[1,2,3]", "[4,5,6]"),
    ] {
        assert!(!names_root(old, new), "{old} to {new}");
    }
}
