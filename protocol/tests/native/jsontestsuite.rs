//! The public suite of texts that are JSON, and of those that are none.

use mirrorball_protocol::json::{Limits, Value};
use serde::Deserialize;

/// Texts that have to be read, and texts that must not be; the suite cannot silently shrink.
const RECORDS: [usize; 2] = [95, 188];

/// Texts about which the specification says nothing, and what they are read as, where they are read.
///
/// Those with half of a surrogate pair, or with a number that is past every double, are refused as they are. In a state a
/// client reads them all the same: `what_parsers_disagree_about_is_read` says how.
#[rustfmt::skip]
const PINNED: &[(&str, Option<&str>)] = &[
    ("i_number_double_huge_neg_exp.json", Some("[0.0]")),
    ("i_number_huge_exp.json", None),
    ("i_number_neg_int_huge_exp.json", None),
    ("i_number_pos_double_huge_exp.json", None),
    ("i_number_real_neg_overflow.json", None),
    ("i_number_real_pos_overflow.json", None),
    ("i_number_real_underflow.json", Some("[0.0]")),
    ("i_number_too_big_neg_int.json", Some("[-1.2312312312312312e+29]")),
    ("i_number_too_big_pos_int.json", Some("[1e+20]")),
    ("i_number_very_big_negative_int.json", Some("[-2.374623746732769e+47]")),
    ("i_object_key_lone_2nd_surrogate.json", None),
    ("i_string_1st_surrogate_but_2nd_missing.json", None),
    ("i_string_1st_valid_surrogate_2nd_invalid.json", None),
    ("i_string_UTF-16LE_with_BOM.json", None),
    ("i_string_UTF-8_invalid_sequence.json", Some("[\"日ш\u{fffd}\"]")),
    ("i_string_UTF8_surrogate_U+D800.json", Some("[\"\u{fffd}\u{fffd}\u{fffd}\"]")),
    ("i_string_incomplete_surrogate_and_escape_valid.json", None),
    ("i_string_incomplete_surrogate_pair.json", None),
    ("i_string_incomplete_surrogates_escape_valid.json", None),
    ("i_string_invalid_lonely_surrogate.json", None),
    ("i_string_invalid_surrogate.json", None),
    ("i_string_invalid_utf-8.json", Some("[\"\u{fffd}\"]")),
    ("i_string_inverted_surrogates_U+1D11E.json", None),
    ("i_string_iso_latin_1.json", Some("[\"\u{fffd}\"]")),
    ("i_string_lone_second_surrogate.json", None),
    ("i_string_lone_utf8_continuation_byte.json", Some("[\"\u{fffd}\"]")),
    ("i_string_not_in_unicode_range.json", Some("[\"\u{fffd}\u{fffd}\u{fffd}\u{fffd}\"]")),
    ("i_string_overlong_sequence_2_bytes.json", Some("[\"\u{fffd}\u{fffd}\"]")),
    ("i_string_overlong_sequence_6_bytes.json", Some("[\"\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\"]")),
    ("i_string_overlong_sequence_6_bytes_null.json", Some("[\"\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\"]")),
    ("i_string_truncated-utf-8.json", Some("[\"\u{fffd}\u{fffd}\"]")),
    ("i_string_utf16BE_no_BOM.json", None),
    ("i_string_utf16LE_no_BOM.json", None),
    ("i_structure_500_nested_arrays.json", None),
    ("i_structure_UTF-8_BOM_empty_object.json", None),
];

/// One text.
#[derive(Deserialize)]
struct Record {
    /// Begins with `y`, `n` or `i`.
    name: String,
    input: String,
}

/// What has to be read is read as another implementation reads it, what must not be is not; and whatever is read is
/// written as a text that is read as the same.
#[test]
fn the_public_json_suite() {
    let records = include_str!("../jsontestsuite/parsing.json");
    let records: Vec<Record> = serde_json::from_str(records).unwrap();
    let mut seen = [0; 2];
    let mut pinned = PINNED.iter();
    for Record { name, input } in &records {
        let parsed = Value::parse(input, &Limits::default());
        if let Ok(value) = &parsed {
            let again = Value::parse(&value.to_text(), &Limits::default());
            assert_eq!(again.as_ref(), Ok(value), "{name}");
        }
        match name.as_bytes().first() {
            Some(b'y') => {
                let theirs: serde_json::Value = serde_json::from_str(input).unwrap();
                assert_eq!(parsed, Ok(Value::from(theirs)), "{name}");
                seen[0] += 1;
            }
            Some(b'n') => {
                assert!(parsed.is_err(), "{name}: {parsed:?}");
                seen[1] += 1;
            }
            _ => {
                let read = parsed.ok().map(|value| value.to_text());
                assert_eq!(Some(&(&**name, read.as_deref())), pinned.next());
            }
        }
    }
    assert_eq!((seen, pinned.next()), (RECORDS, None));
}
