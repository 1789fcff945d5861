//! The public JSON Patch test suite, over any carrier.

use mirrorball_protocol::json::{Document, Json, Limits};

use super::{apply, document, member, parse, text};

/// Records that are not disabled; the suite cannot silently shrink.
const ENABLED: usize = 102 + 16;

/// Runs every record that is not disabled.
pub(crate) fn all<J: Json>() {
    let main = run::<J>(include_str!("../rfc6902/tests.json"));
    let specification = run::<J>(include_str!("../rfc6902/spec_tests.json"));
    assert_eq!(main + specification, ENABLED);
}

fn run<J: Json>(records: &str) -> usize {
    let records: J = parse(records);
    let mut enabled = 0;
    for record in (0..).map_while(|index| records.element(index)) {
        let disabled = member(&record, "disabled").and_then(|it| it.as_bool());
        if disabled != Some(true) {
            check(&record);
            enabled += 1;
        }
    }
    enabled
}

fn check<J: Json>(record: &J) {
    let before = member(record, "doc").unwrap();
    let mut document: Document<J> = document(&text(&before), Limits::default());
    let applied = apply(&mut document, &text(&member(record, "patch").unwrap()));
    let after = document.share();
    if member(record, "error").is_some() {
        assert!(applied.is_err(), "applied: {}", text(record));
        assert!(after.equals(&before), "half applied: {}", text(record));
    } else {
        let expected = member(record, "expected").unwrap_or(before);
        assert_eq!(applied, Ok(()), "{}", text(record));
        assert!(
            after.equals(&expected),
            "{} from {}",
            text(&after),
            text(record)
        );
    }
}
