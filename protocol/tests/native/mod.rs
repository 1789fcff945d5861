//! What only the native carrier promises, and a second opinion on what its patches do.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod jsontestsuite;

use mirrorball_protocol::json::{Document, Limits, PatchError, Value, diff};

use crate::suite::{self, apply, diff as diffs, document, parse, random::Random};

/// Another implementation of RFC 6902 makes the same value of the same patch.
#[test]
fn another_implementation_agrees() {
    let mut triples = 0;
    for seed in 1_000_000..1_004_000 {
        let mut random = Random::new(seed);
        let mut old = diffs::start(&mut random);
        for _ in 0..3 {
            let new = diffs::step(&mut random, &old);
            let patch = diffs::patch(&diff(&old, &new));
            let mut theirs: serde_json::Value = serde_json::from_str(&old.to_text()).unwrap();
            let operations: json_patch::Patch = serde_json::from_str(&patch).unwrap();
            json_patch::patch(&mut theirs, &operations)
                .unwrap_or_else(|error| panic!("seed {seed}: {error}: {patch} on {old}"));
            assert_eq!(Value::from(theirs), new, "seed {seed}: {patch} on {old}");
            old = new;
            triples += 1;
        }
    }
    assert_eq!(triples, 12_000);
}

/// Operations that no diff emits, wrong ones among them: both refuse, or both do the same. Not `test`, which
/// the other does by the form of numbers, and nothing about the root, which it neither removes nor moves.
#[test]
fn another_implementation_refuses_the_same() {
    let mut applied = [0, 0];
    for seed in 0..20_000 {
        let mut random = Random::new(seed);
        let before = random.object(3);
        let patch = operation(&mut random, &before);
        let mut ours: Document<Value> = document(&before.to_text(), Limits::default());
        let result = apply(&mut ours, &format!("[{patch}]"));
        let mut theirs: serde_json::Value = serde_json::from_str(&before.to_text()).unwrap();
        let operations: json_patch::Patch = serde_json::from_str(&format!("[{patch}]")).unwrap();
        let reference = json_patch::patch(&mut theirs, &operations);
        assert_eq!(
            result.is_ok(),
            reference.is_ok(),
            "{patch} on {before}: {result:?}, {reference:?}"
        );
        if result.is_ok() {
            assert_eq!(ours.share(), Value::from(theirs), "{patch} on {before}");
        } else {
            assert_eq!(ours.share(), before, "{patch}");
        }
        applied[usize::from(result.is_ok())] += 1;
    }
    assert!(applied.iter().all(|count| *count > 4_000), "{applied:?}");
}

/// One operation on places that exist, nearly exist, or do not.
fn operation(random: &mut Random, root: &Value) -> String {
    let path = Value::from(place(random, root));
    let from = Value::from(place(random, root));
    match random.below(5) {
        0 => format!(
            r#"{{"op":"add","path":{path},"value":{}}}"#,
            random.value(1)
        ),
        1 => format!(r#"{{"op":"remove","path":{path}}}"#),
        2 => format!(
            r#"{{"op":"replace","path":{path},"value":{}}}"#,
            random.value(1)
        ),
        3 => format!(r#"{{"op":"move","from":{from},"path":{path}}}"#),
        _ => format!(r#"{{"op":"copy","from":{from},"path":{path}}}"#),
    }
}

/// A pointer that follows the document for a while, never to the root itself.
fn place(random: &mut Random, root: &Value) -> String {
    let mut path = String::new();
    let mut at = root.clone();
    loop {
        let (token, next) = match &at {
            Value::Array(array) if random.chance(85) => {
                let index = random.below(array.len() + 2);
                (index.to_string(), array.get(index).cloned())
            }
            Value::Object(object) if !object.is_empty() && random.chance(85) => {
                let (key, value) = object.iter().nth(random.below(object.len())).unwrap();
                (key.to_owned(), Some(value.clone()))
            }
            _ => (random.key(), None),
        };
        path.push('/');
        path.push_str(&token.replace('~', "~0").replace('/', "~1"));
        match next {
            Some(next) if next.is_container() && random.chance(60) => at = next,
            _ => return path,
        }
    }
}

/// Integers of 64 bits are exact.
#[test]
fn large_integers_are_exact() {
    for text in [
        "9007199254740993",
        "-9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "18446744073709551615",
    ] {
        assert_eq!(parse::<Value>(text).to_text(), text);
    }
    let neighbours = ["18446744073709551614", "18446744073709551615"].map(parse::<Value>);
    assert_eq!(diff(&neighbours[0], &neighbours[1]).len(), 1);
}

/// What a browser's parser takes and this one does not.
#[test]
fn what_has_no_place_in_a_value_is_refused() {
    for text in [
        "1e400",
        "-1e400",
        r#""\ud800""#,
        r#""\udc00\ud800""#,
        r#"{"\ud800":1}"#,
    ] {
        assert!(Value::parse(text, &Limits::default()).is_err(), "{text}");
    }
}

/// Every number is read as the float that is nearest to it, as browsers do.
#[test]
fn numbers_are_read_exactly() {
    for (text, float) in [
        ("5.67890123456789e+39", 5.678_901_234_567_89e39),
        ("0.1", 0.1),
        ("2.2250738585072011e-308", 2.225_073_858_507_201e-308),
        ("9007199254740993.0", 9_007_199_254_740_992.0),
    ] {
        let value = Value::parse(text, &Limits::default()).unwrap();
        assert_eq!(
            value.as_f64().map(f64::to_bits),
            Some(f64::to_bits(float)),
            "{text}"
        );
    }
}

/// Levels are counted while parsing, those of empty containers as well.
#[test]
fn depth_is_counted_while_parsing() {
    for (empty, open, close) in [
        ("[]", "[", "]"),
        ("{}", "[", "]"),
        ("{}", r#"{"a":"#, "}"),
        ("[]", r#"{"a":"#, "}"),
    ] {
        let nested = |depth: usize| open.repeat(depth - 1) + empty + &close.repeat(depth - 1);
        let limits = Limits::default();
        assert!(
            Value::parse(&nested(100), &limits).is_ok(),
            "{empty} in {open}"
        );
        assert!(
            Value::parse(&nested(101), &limits).is_err(),
            "{empty} in {open}"
        );
    }
}

/// Only the name that a copy gets makes the document too large, which is found out last.
#[test]
fn a_copy_under_a_long_name_is_undone() {
    let mut limits = Limits::default();
    limits.bytes = 10_000;
    let before = format!(r#"{{"a":"{}"}}"#, "x".repeat(4_000));
    let mut document: Document<Value> = document(&before, limits);
    let name = "k".repeat(3_000);
    let patch = format!(r#"[{{"op":"copy","from":"/a","path":"/{name}"}}]"#);
    assert_eq!(apply(&mut document, &patch), Err(PatchError::Size));
    assert_eq!(document.share(), parse(&before));
}

/// `MIRRORBALL_SEED=7 cargo test -p mirrorball-protocol replay -- --nocapture` plays one schedule alone;
/// `MIRRORBALL_BAYEUX_SEED=7` one of Bayeux.
#[test]
fn replay() {
    if let Ok(seed) = std::env::var("MIRRORBALL_SEED") {
        suite::pair::replay::<Value>(seed.parse().expect("a seed is a number"));
    }
    if let Ok(seed) = std::env::var("MIRRORBALL_BAYEUX_SEED") {
        suite::bayeux::pair::replay::<Value>(seed.parse().expect("a seed is a number"));
    }
}
