//! Pointers, patches and limits, case by case.

use mirrorball_protocol::json::{
    Document, Json, Key, Limits, PatchError, Pointer, PointerError, Text,
};

use super::{apply, document, parse, text};

/// A document, a patch, and what comes of it.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    Result<&'static str, PatchError>,
);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Where `-` stands for the end of an array, and where not.
    ("append", "[1]", r#"[{"op":"add","path":"/-","value":2}]"#, Ok("[1,2]")),
    ("append below", r#"{"a":[[]]}"#, r#"[{"op":"add","path":"/a/0/-","value":2}]"#, Ok(r#"{"a":[[2]]}"#)),
    ("append by move", r#"{"a":[1],"b":2}"#, r#"[{"op":"move","from":"/b","path":"/a/-"}]"#, Ok(r#"{"a":[1,2]}"#)),
    ("append by copy", r#"{"a":[1],"b":2}"#, r#"[{"op":"copy","from":"/b","path":"/a/-"}]"#, Ok(r#"{"a":[1,2],"b":2}"#)),
    ("the end is no item to replace", "[1]", r#"[{"op":"replace","path":"/-","value":2}]"#, Err(PatchError::Index)),
    ("the end is no item to remove", "[1]", r#"[{"op":"remove","path":"/-"}]"#, Err(PatchError::Index)),
    ("the end is no item to test", "[1]", r#"[{"op":"test","path":"/-","value":1}]"#, Err(PatchError::Target)),
    ("the end is no item to move", r#"{"a":[1]}"#, r#"[{"op":"move","from":"/a/-","path":"/b"}]"#, Err(PatchError::Index)),
    ("the end is no item to copy", r#"{"a":[1]}"#, r#"[{"op":"copy","from":"/a/-","path":"/b"}]"#, Err(PatchError::Target)),
    ("the end is no item to go through", "[[1]]", r#"[{"op":"add","path":"/-/0","value":2}]"#, Err(PatchError::Index)),
    ("a dash is a name in an object", r#"{"-":1}"#, r#"[{"op":"replace","path":"/-","value":2}]"#, Ok(r#"{"-":2}"#)),
    ("add a dash to an object", "{}", r#"[{"op":"add","path":"/-","value":2}]"#, Ok(r#"{"-":2}"#)),

    // Names.
    ("numbers are names in an object", r#"{"1":1}"#, r#"[{"op":"add","path":"/0","value":0},{"op":"remove","path":"/1"},{"op":"add","path":"/01","value":2}]"#, Ok(r#"{"0":0,"01":2}"#)),
    ("the empty name", r#"{"":1}"#, r#"[{"op":"replace","path":"/","value":2}]"#, Ok(r#"{"":2}"#)),
    ("the empty name twice", r#"{"":{"":1}}"#, r#"[{"op":"replace","path":"//","value":2}]"#, Ok(r#"{"":{"":2}}"#)),
    ("the empty name behind another", r#"{"a":{}}"#, r#"[{"op":"add","path":"/a/","value":2}]"#, Ok(r#"{"a":{"":2}}"#)),
    ("names differ by case", r#"{"a":1}"#, r#"[{"op":"add","path":"/A","value":2}]"#, Ok(r#"{"a":1,"A":2}"#)),
    ("escapes", r#"{"~":1,"/":2}"#, r#"[{"op":"replace","path":"/~0","value":3},{"op":"replace","path":"/~1","value":4}]"#, Ok(r#"{"~":3,"/":4}"#)),
    ("escapes are read once", r#"{"~1":1,"/":2}"#, r#"[{"op":"remove","path":"/~01"}]"#, Ok(r#"{"/":2}"#)),
    ("no escape of JSON pointers", r#"{"~2":1}"#, r#"[{"op":"replace","path":"/~2","value":3}]"#, Ok(r#"{"~2":3}"#)),
    ("a tilde at the end", r#"{"a~":1}"#, r#"[{"op":"replace","path":"/a~","value":3}]"#, Ok(r#"{"a~":3}"#)),
    ("two tildes", r#"{"~~":1}"#, r#"[{"op":"replace","path":"/~~","value":3}]"#, Ok(r#"{"~~":3}"#)),
    ("percent and fragment are letters", r##"{"#%20":1}"##, r##"[{"op":"replace","path":"/#%20","value":3}]"##, Ok(r##"{"#%20":3}"##)),
    ("a path without its slash", r#"{"a":1}"#, r#"[{"op":"replace","path":"a","value":3}]"#, Err(PatchError::Pointer)),
    ("a source without its slash", r#"{"a":1}"#, r#"[{"op":"copy","from":"a","path":"/b"}]"#, Err(PatchError::Pointer)),
    ("the last of equal names counts", r#"{"a":1,"b":2,"a":3}"#, r#"[{"op":"add","path":"/c","path":"/d","value":4}]"#, Ok(r#"{"a":3,"b":2,"d":4}"#)),

    // The root.
    ("add the root", r#"{"a":1}"#, r#"[{"op":"add","path":"","value":[2]}]"#, Ok("[2]")),
    ("replace the root", "[1]", r#"[{"op":"replace","path":"","value":{"a":2}}]"#, Ok(r#"{"a":2}"#)),
    ("replace a scalar root", "1", r#"[{"op":"replace","path":"","value":2}]"#, Ok("2")),
    ("remove the root", r#"{"a":1}"#, r#"[{"op":"remove","path":""}]"#, Ok("null")),
    ("go on behind a removed root", r#"{"a":1}"#, r#"[{"op":"remove","path":""},{"op":"add","path":"","value":[]},{"op":"add","path":"/0","value":1}]"#, Ok("[1]")),
    ("move the root to itself", r#"{"a":1}"#, r#"[{"op":"move","from":"","path":""}]"#, Ok(r#"{"a":1}"#)),
    ("move the root into itself", r#"{"a":1}"#, r#"[{"op":"move","from":"","path":"/b"}]"#, Err(PatchError::IntoItself)),
    ("move to the root", r#"{"a":{"b":1}}"#, r#"[{"op":"move","from":"/a","path":""}]"#, Ok(r#"{"b":1}"#)),
    ("copy the root into itself", r#"{"a":1}"#, r#"[{"op":"copy","from":"","path":"/b"}]"#, Ok(r#"{"a":1,"b":{"a":1}}"#)),
    ("copy to the root", r#"{"a":{"b":1}}"#, r#"[{"op":"copy","from":"/a","path":""}]"#, Ok(r#"{"b":1}"#)),
    ("test the root", r#"{"a":[1]}"#, r#"[{"op":"test","path":"","value":{"a":[1]}}]"#, Ok(r#"{"a":[1]}"#)),
    ("a scalar has no members", "1", r#"[{"op":"add","path":"/a","value":1}]"#, Err(PatchError::Target)),

    // Moves.
    ("move to the same place", r#"{"a":1}"#, r#"[{"op":"move","from":"/a","path":"/a"}]"#, Ok(r#"{"a":1}"#)),
    ("move nothing to the same place", "{}", r#"[{"op":"move","from":"/a","path":"/a"}]"#, Err(PatchError::Target)),
    ("move into an own child", r#"{"a":{"b":1}}"#, r#"[{"op":"move","from":"/a","path":"/a/b"}]"#, Err(PatchError::IntoItself)),
    ("move into an own grandchild", r#"{"a":{"b":{}}}"#, r#"[{"op":"move","from":"/a","path":"/a/b/c"}]"#, Err(PatchError::IntoItself)),
    ("move to a longer name", r#"{"a":1}"#, r#"[{"op":"move","from":"/a","path":"/ab"}]"#, Ok(r#"{"ab":1}"#)),
    ("move out", r#"{"a":{"b":1}}"#, r#"[{"op":"move","from":"/a/b","path":"/a"}]"#, Ok(r#"{"a":1}"#)),
    ("move over another", r#"{"a":1,"b":2}"#, r#"[{"op":"move","from":"/a","path":"/b"}]"#, Ok(r#"{"b":1}"#)),
    ("move to the front", "[1,2,3]", r#"[{"op":"move","from":"/2","path":"/0"}]"#, Ok("[3,1,2]")),
    ("move to the back", "[1,2,3]", r#"[{"op":"move","from":"/0","path":"/2"}]"#, Ok("[2,3,1]")),
    ("move counts without the moved", "[1,2,3]", r#"[{"op":"move","from":"/0","path":"/3"}]"#, Err(PatchError::Index)),
    ("move nothing", r#"{"a":1}"#, r#"[{"op":"move","from":"/b","path":"/c"}]"#, Err(PatchError::Target)),
    ("move to nowhere", r#"{"a":1}"#, r#"[{"op":"move","from":"/a","path":"/x/y"}]"#, Err(PatchError::Target)),
    ("move to nowhere in an array", "[1,[2]]", r#"[{"op":"move","from":"/0","path":"/1/0"}]"#, Err(PatchError::Index)),
    ("move to a root, then fail", r#"{"a":1}"#, r#"[{"op":"move","from":"/a","path":""},{"op":"remove","path":"/b"}]"#, Err(PatchError::Target)),

    // Copies are taken before they are put down, and are nobody else's.
    ("copy into an own child", r#"{"a":{"b":1}}"#, r#"[{"op":"copy","from":"/a","path":"/a/c"}]"#, Ok(r#"{"a":{"b":1,"c":{"b":1}}}"#)),
    ("copy within an array", "[1,2]", r#"[{"op":"copy","from":"/1","path":"/0"}]"#, Ok("[2,1,2]")),
    ("copy over another", r#"{"a":1,"b":2}"#, r#"[{"op":"copy","from":"/a","path":"/b"}]"#, Ok(r#"{"a":1,"b":1}"#)),
    ("copy to the same place", "[1]", r#"[{"op":"copy","from":"/0","path":"/0"}]"#, Ok("[1,1]")),
    ("change a copy", r#"{"a":[1]}"#, r#"[{"op":"copy","from":"/a","path":"/b"},{"op":"add","path":"/b/-","value":2}]"#, Ok(r#"{"a":[1],"b":[1,2]}"#)),
    ("change what was copied", r#"{"a":[1]}"#, r#"[{"op":"copy","from":"/a","path":"/b"},{"op":"add","path":"/a/-","value":2}]"#, Ok(r#"{"a":[1,2],"b":[1]}"#)),
    ("change below a copy", r#"{"a":{"b":{"c":1}}}"#, r#"[{"op":"copy","from":"/a","path":"/d"},{"op":"replace","path":"/d/b/c","value":2},{"op":"remove","path":"/a/b/c"}]"#, Ok(r#"{"a":{"b":{}},"d":{"b":{"c":2}}}"#)),
    ("change what was copied into itself", r#"{"a":{}}"#, r#"[{"op":"copy","from":"/a","path":"/a/b"},{"op":"add","path":"/a/b/c","value":1},{"op":"add","path":"/a/d","value":2}]"#, Ok(r#"{"a":{"b":{"c":1},"d":2}}"#)),
    ("copy what was added", "{}", r#"[{"op":"add","path":"/a","value":[1]},{"op":"copy","from":"/a","path":"/b"},{"op":"add","path":"/a/0","value":0}]"#, Ok(r#"{"a":[0,1],"b":[1]}"#)),
    ("copy nothing", "{}", r#"[{"op":"copy","from":"/a","path":"/b"}]"#, Err(PatchError::Target)),
    ("copy to nowhere", r#"{"a":1}"#, r#"[{"op":"copy","from":"/a","path":"/x/y"}]"#, Err(PatchError::Target)),

    // Tests.
    ("a test changes nothing", r#"{"a":1}"#, r#"[{"op":"test","path":"/a","value":1}]"#, Ok(r#"{"a":1}"#)),
    ("a test of null", r#"{"a":null}"#, r#"[{"op":"test","path":"/a","value":null}]"#, Ok(r#"{"a":null}"#)),
    ("nothing is not null", "{}", r#"[{"op":"test","path":"/a","value":null}]"#, Err(PatchError::Target)),
    ("a fraction of zero", "[1]", r#"[{"op":"test","path":"/0","value":1.0}]"#, Ok("[1]")),
    ("another form", "[100]", r#"[{"op":"test","path":"/0","value":1e2}]"#, Ok("[100]")),
    ("minus zero", "[0]", r#"[{"op":"test","path":"/0","value":-0.0}]"#, Ok("[0]")),
    ("minus zero in the document", "[-0.0]", r#"[{"op":"test","path":"/0","value":0}]"#, Ok("[0]")),
    ("true is no number", "[1]", r#"[{"op":"test","path":"/0","value":true}]"#, Err(PatchError::Test)),
    ("false is no number", "[false]", r#"[{"op":"test","path":"/0","value":0}]"#, Err(PatchError::Test)),
    ("null is no number", "[0]", r#"[{"op":"test","path":"/0","value":null}]"#, Err(PatchError::Test)),
    ("a text is no number", "[1]", r#"[{"op":"test","path":"/0","value":"1"}]"#, Err(PatchError::Test)),
    ("an array is no object", "[[]]", r#"[{"op":"test","path":"/0","value":{}}]"#, Err(PatchError::Test)),
    ("an array is no object with numbers", r#"["a"]"#, r#"[{"op":"test","path":"","value":{"0":"a"}}]"#, Err(PatchError::Test)),
    ("a shorter array", "[[1,2]]", r#"[{"op":"test","path":"/0","value":[1]}]"#, Err(PatchError::Test)),
    ("another order of items", "[[1,2]]", r#"[{"op":"test","path":"/0","value":[2,1]}]"#, Err(PatchError::Test)),
    ("another order of members", r#"[{"a":1,"b":[2]}]"#, r#"[{"op":"test","path":"/0","value":{"b":[2],"a":1}}]"#, Ok(r#"[{"a":1,"b":[2]}]"#)),
    ("other members, as many", r#"[{"a":1}]"#, r#"[{"op":"test","path":"/0","value":{"b":1}}]"#, Err(PatchError::Test)),
    ("fewer members", r#"[{"a":1,"b":2}]"#, r#"[{"op":"test","path":"/0","value":{"a":1}}]"#, Err(PatchError::Test)),
    ("inherited members", r#"[{"a":1}]"#, r#"[{"op":"test","path":"/0","value":{"toString":1}}]"#, Err(PatchError::Test)),
    ("deep below", r#"{"a":[{"b":[1,{"c":null}]}]}"#, r#"[{"op":"test","path":"/a","value":[{"b":[1,{"c":null}]}]}]"#, Ok(r#"{"a":[{"b":[1,{"c":null}]}]}"#)),
    ("deep below and different", r#"{"a":[{"b":[1,{"c":null}]}]}"#, r#"[{"op":"test","path":"/a","value":[{"b":[1,{"c":0}]}]}]"#, Err(PatchError::Test)),

    // Places that do not exist.
    ("replace a missing member", "{}", r#"[{"op":"replace","path":"/a","value":1}]"#, Err(PatchError::Target)),
    ("remove a missing member", "{}", r#"[{"op":"remove","path":"/a"}]"#, Err(PatchError::Target)),
    ("add below a missing member", "{}", r#"[{"op":"add","path":"/a/b","value":1}]"#, Err(PatchError::Target)),
    ("remove below a missing member", "{}", r#"[{"op":"remove","path":"/a/b"}]"#, Err(PatchError::Target)),
    ("add through a number", r#"{"a":1}"#, r#"[{"op":"add","path":"/a/b","value":1}]"#, Err(PatchError::Target)),
    ("replace through a number", r#"{"a":1}"#, r#"[{"op":"replace","path":"/a/b","value":1}]"#, Err(PatchError::Target)),
    ("remove through a number", r#"{"a":1}"#, r#"[{"op":"remove","path":"/a/b"}]"#, Err(PatchError::Target)),
    ("remove through null", r#"{"a":null}"#, r#"[{"op":"remove","path":"/a/b"}]"#, Err(PatchError::Target)),
    ("remove a letter of a text", r#"{"a":"xy"}"#, r#"[{"op":"remove","path":"/a/0"}]"#, Err(PatchError::Target)),
    ("the length of a text", r#"{"a":"xy"}"#, r#"[{"op":"copy","from":"/a/length","path":"/b"}]"#, Err(PatchError::Target)),
    ("the length of an array", r#"{"a":[1]}"#, r#"[{"op":"replace","path":"/a/length","value":0}]"#, Err(PatchError::Index)),
    ("through a deep scalar", r#"{"a":[true]}"#, r#"[{"op":"add","path":"/a/0/b/c","value":1}]"#, Err(PatchError::Target)),

    // Shapes of patches.
    ("no operations", "[1]", "[]", Ok("[1]")),
    ("no array", "[1]", r#"{"op":"remove","path":"/0"}"#, Err(PatchError::Shape)),
    ("null", "[1]", "null", Err(PatchError::Shape)),
    ("a text", "[1]", r#""[]""#, Err(PatchError::Shape)),
    ("an operation that is null", "[1]", "[null]", Err(PatchError::Shape)),
    ("an operation that is an array", "[1]", r#"[["remove","/0"]]"#, Err(PatchError::Shape)),
    ("an operation that is a text", "[1]", r#"["remove"]"#, Err(PatchError::Shape)),
    ("no op", "[1]", r#"[{"path":"/0"}]"#, Err(PatchError::Op)),
    ("an empty operation", "[1]", "[{}]", Err(PatchError::Op)),
    ("an unknown op", "[1]", r#"[{"op":"spam","path":"/0"}]"#, Err(PatchError::Op)),
    ("another case", "[1]", r#"[{"op":"Remove","path":"/0"}]"#, Err(PatchError::Op)),
    ("an op with a space", "[1]", r#"[{"op":"remove ","path":"/0"}]"#, Err(PatchError::Op)),
    ("an op that every object has", "[1]", r#"[{"op":"constructor","path":"/0","value":1}]"#, Err(PatchError::Op)),
    ("another that every object has", "[1]", r#"[{"op":"toString","path":"/0","value":1}]"#, Err(PatchError::Op)),
    ("an op that is a number", "[1]", r#"[{"op":1,"path":"/0"}]"#, Err(PatchError::Op)),
    ("an op that is null", "[1]", r#"[{"op":null,"path":"/0"}]"#, Err(PatchError::Op)),
    ("an op in an array", "[1]", r#"[{"op":["remove"],"path":"/0"}]"#, Err(PatchError::Op)),
    ("no path", "[1]", r#"[{"op":"remove"}]"#, Err(PatchError::Pointer)),
    ("a path that is null", "[1]", r#"[{"op":"remove","path":null}]"#, Err(PatchError::Pointer)),
    ("a path that is a number", "[1]", r#"[{"op":"remove","path":0}]"#, Err(PatchError::Pointer)),
    ("a path in an array", "[1]", r#"[{"op":"remove","path":["/0"]}]"#, Err(PatchError::Pointer)),
    ("no source to move", "[1]", r#"[{"op":"move","path":"/0"}]"#, Err(PatchError::Pointer)),
    ("no source to copy", "[1]", r#"[{"op":"copy","path":"/0"}]"#, Err(PatchError::Pointer)),
    ("a source that is null", "[1]", r#"[{"op":"copy","from":null,"path":"/0"}]"#, Err(PatchError::Pointer)),
    ("no value to add", "[1]", r#"[{"op":"add","path":"/0"}]"#, Err(PatchError::Value)),
    ("no value to replace", "[1]", r#"[{"op":"replace","path":"/0"}]"#, Err(PatchError::Value)),
    ("no value to test", "[null]", r#"[{"op":"test","path":"/0"}]"#, Err(PatchError::Value)),
    ("a null to add", "[1]", r#"[{"op":"add","path":"/0","value":null}]"#, Ok("[null,1]")),
    ("a null to replace", "[1]", r#"[{"op":"replace","path":"/0","value":null}]"#, Ok("[null]")),
    ("more members than needed", "[1]", r#"[{"op":"remove","path":"/0","value":1,"from":2,"spam":{}}]"#, Ok("[]")),
    ("each operation sees the last", "[]", r#"[{"op":"add","path":"/0","value":{}},{"op":"add","path":"/0/a","value":[]},{"op":"add","path":"/0/a/0","value":1},{"op":"replace","path":"/0/a/0","value":2}]"#, Ok(r#"[{"a":[2]}]"#)),
];

/// What JS objects inherit, or treat in a way of their own: plain names here.
const INHERITED: [&str; 9] = [
    "__proto__",
    "constructor",
    "prototype",
    "toString",
    "valueOf",
    "hasOwnProperty",
    "isPrototypeOf",
    "length",
    "__defineGetter__",
];

/// Runs every case.
pub(crate) fn all<J: Json>() {
    rows::<J>();
    pointers::<J>();
    indices::<J>();
    inherited_names::<J>();
    texts_that_are_not_json::<J>();
    all_or_nothing::<J>();
    what_was_shared_stays::<J>();
    depth_is_bounded::<J>();
    an_empty_container_is_a_level::<J>();
    size_is_bounded::<J>();
    a_copy_counts::<J>();
    the_bound_is_exact_where_it_matters::<J>();
    copies_do_not_multiply::<J>();
    a_short_patch_is_short_work::<J>();
    operations_are_bounded::<J>();
    many_inserts_at_the_front::<J>();
}

#[track_caller]
fn check<J: Json>(case: &str, before: &str, patch: &str, expected: Result<&str, PatchError>) {
    let mut document: Document<J> = document(before, Limits::default());
    let held = document.share();
    let applied = apply(&mut document, patch);
    let (result, after) = match expected {
        Ok(after) => (Ok(()), after),
        Err(error) => (Err(error), before),
    };
    assert_eq!(applied, result, "{case}: {patch} on {before}");
    assert_same::<J>(case, &document.share(), after);
    assert_same::<J>(case, &held, before);
}

#[track_caller]
fn assert_same<J: Json>(case: &str, value: &J, expected: &str) {
    assert!(
        value.equals(&parse(expected)),
        "{case}: {} instead of {expected}",
        text(value)
    );
}

fn rows<J: Json>() {
    for (case, before, patch, expected) in ROWS {
        check::<J>(case, before, patch, *expected);
    }
}

fn pointers<J: Json>() {
    let strict = |text: &str| Pointer::parse(&J::Key::new(text));
    let lenient = |text: &str| Pointer::parse_lenient(&J::Key::new(text));
    for (text, tokens) in [
        ("", &[][..]),
        ("/", &[""]),
        ("//", &["", ""]),
        ("/a/0/-", &["a", "0", "-"]),
        ("/~0/~1/~01/~10/~00", &["~", "/", "~1", "/0", "~0"]),
        ("/é/😀", &["é", "😀"]),
        ("/\u{0}/\"", &["\u{0}", "\""]),
        ("/__proto__", &["__proto__"]),
    ] {
        for pointer in [strict(text), lenient(text)] {
            let pointer = pointer.unwrap();
            let found: Vec<_> = pointer.tokens().iter().map(Key::to_str).collect();
            assert_eq!(found, tokens, "{text}");
        }
    }
    for (text, token) in [("/~2", "~2"), ("/~", "~"), ("/a~", "a~"), ("/~~1", "~/")] {
        assert_eq!(strict(text).err(), Some(PointerError::Escape), "{text}");
        assert_eq!(lenient(text).unwrap().tokens()[0].to_str(), token, "{text}");
    }
    for text in ["a", "a/b", " /a", "#/a", "~0", "\u{0}/"] {
        assert_eq!(strict(text).err(), Some(PointerError::Start), "{text}");
        assert_eq!(lenient(text).err(), Some(PointerError::Start), "{text}");
    }
}

/// An index has one form, and names an item that is there; only `add` may name the end.
fn indices<J: Json>() {
    let before = r#"{"a":[[0],[1]]}"#;
    for index in [
        "",
        "00",
        "01",
        "+0",
        "+1",
        "-1",
        "-0",
        " 1",
        "1 ",
        "1\\n",
        "\\t1",
        "1_0",
        "٣",
        "１",
        "1e0",
        "1.0",
        "0x1",
        "1n",
        "0b1",
        "NaN",
        "Infinity",
        "null",
        "true",
        "length",
        "__proto__",
        "at",
        "3",
        "4294967295",
        "4294967296",
        "4294967297",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "18446744073709551617",
        "99999999999999999999999999999999",
    ] {
        for (patch, error) in [
            (
                format!(r#"[{{"op":"add","path":"/a/{index}","value":1}}]"#),
                PatchError::Index,
            ),
            (
                format!(r#"[{{"op":"replace","path":"/a/{index}","value":1}}]"#),
                PatchError::Index,
            ),
            (
                format!(r#"[{{"op":"remove","path":"/a/{index}"}}]"#),
                PatchError::Index,
            ),
            (
                format!(r#"[{{"op":"move","from":"/a/{index}","path":"/b"}}]"#),
                PatchError::Index,
            ),
            (
                format!(r#"[{{"op":"copy","from":"/a/{index}","path":"/b"}}]"#),
                PatchError::Target,
            ),
            (
                format!(r#"[{{"op":"test","path":"/a/{index}","value":1}}]"#),
                PatchError::Target,
            ),
            (
                format!(r#"[{{"op":"add","path":"/a/{index}/0","value":1}}]"#),
                PatchError::Index,
            ),
        ] {
            check::<J>("a wrong index", before, &patch, Err(error));
        }
    }
    for (patch, error) in [
        (
            r#"[{"op":"replace","path":"/a/2","value":1}]"#,
            PatchError::Index,
        ),
        (r#"[{"op":"remove","path":"/a/2"}]"#, PatchError::Index),
        (
            r#"[{"op":"test","path":"/a/2","value":1}]"#,
            PatchError::Target,
        ),
        (
            r#"[{"op":"copy","from":"/a/2","path":"/b"}]"#,
            PatchError::Target,
        ),
    ] {
        check::<J>("an index past the end", before, patch, Err(error));
    }
    let appended = r#"{"a":[[0],[1],2]}"#;
    let append = r#"[{"op":"add","path":"/a/2","value":2}]"#;
    check::<J>("the end as an index", before, append, Ok(appended));
}

/// Every operation on every name, at the root and below.
fn inherited_names<J: Json>() {
    for name in INHERITED {
        for (at, around) in [("", ["", ""]), ("/a/0", [r#"{"a":["#, "]}"])] {
            let wrap = |inner: &str| format!("{}{inner}{}", around[0], around[1]);
            let check = |before: &str, patch: &str, after: Result<&str, PatchError>| {
                let after = after.map(wrap);
                check::<J>(
                    name,
                    &wrap(before),
                    patch,
                    after.as_ref().map(String::as_str).map_err(|error| *error),
                );
            };
            let with = format!(r#"{{"{name}":{{"x":1}}}}"#);
            let path = format!("{at}/{name}");
            check(
                "{}",
                &format!(r#"[{{"op":"add","path":"{path}","value":{{"x":1}}}}]"#),
                Ok(&with),
            );
            check(
                "{}",
                &format!(r#"[{{"op":"replace","path":"{path}","value":1}}]"#),
                Err(PatchError::Target),
            );
            check(
                "{}",
                &format!(r#"[{{"op":"remove","path":"{path}"}}]"#),
                Err(PatchError::Target),
            );
            check(
                "{}",
                &format!(r#"[{{"op":"copy","from":"{path}","path":"/b"}}]"#),
                Err(PatchError::Target),
            );
            check(
                "{}",
                &format!(r#"[{{"op":"add","path":"{path}/x","value":1}}]"#),
                Err(PatchError::Target),
            );
            check(
                &with,
                &format!(r#"[{{"op":"replace","path":"{path}/x","value":2}}]"#),
                Ok(&with.replace('1', "2")),
            );
            check(
                &with,
                &format!(
                    r#"[{{"op":"add","path":"{path}/y","value":2}},{{"op":"remove","path":"{path}/x"}}]"#
                ),
                Ok(&with.replace(r#""x":1"#, r#""y":2"#)),
            );
            check(
                &with,
                &format!(r#"[{{"op":"remove","path":"{path}"}}]"#),
                Ok("{}"),
            );
            check(
                &with,
                &format!(r#"[{{"op":"move","from":"{path}","path":"{at}/b"}}]"#),
                Ok(r#"{"b":{"x":1}}"#),
            );
            check(
                &with,
                &format!(r#"[{{"op":"copy","from":"{path}","path":"{at}/b"}}]"#),
                Ok(&format!(r#"{{"{name}":{{"x":1}},"b":{{"x":1}}}}"#)),
            );
            check(
                &with,
                &format!(r#"[{{"op":"test","path":"{path}","value":{{"x":1}}}}]"#),
                Ok(&with),
            );
        }
    }
}

fn texts_that_are_not_json<J: Json>() {
    for wrong in [
        "",
        " ",
        "{",
        "[",
        "[1,]",
        r#"{"a":1,}"#,
        "{a:1}",
        "{'a':1}",
        "01",
        "+1",
        ".5",
        "5.",
        "0x1",
        "NaN",
        "Infinity",
        "-Infinity",
        "undefined",
        "nul",
        "True",
        "\u{feff}1",
        "1 2",
        "[1]]",
        "\"\t\"",
        "\"\u{0}\"",
        "\"",
        r#""\x""#,
        r#""\u12""#,
        "1//",
        "/**/1",
        "'a'",
    ] {
        let parsed = J::parse(&J::Text::new(wrong), &Limits::default());
        assert!(parsed.is_err(), "{wrong:?} is not JSON");
    }
}

/// Whatever was done before the operation that fails is undone, and nobody who holds a part has seen it.
fn all_or_nothing<J: Json>() {
    let before = r#"{"a":{"b":[1,2,3],"c":{"d":"e"}},"f":[[0],{"g":null}],"__proto__":{"h":1}}"#;
    let changes = [
        r#"{"op":"add","path":"/new","value":{"x":[1]}},{"op":"add","path":"/new/x/0","value":0}"#,
        r#"{"op":"add","path":"/a","value":0}"#,
        r#"{"op":"add","path":"/a/b/1","value":9}"#,
        r#"{"op":"add","path":"/a/b/-","value":9}"#,
        r#"{"op":"remove","path":"/a/c"}"#,
        r#"{"op":"remove","path":"/f/0/0"},{"op":"remove","path":"/f/0"},{"op":"remove","path":"/f/0"}"#,
        r#"{"op":"replace","path":"/a/c/d","value":{"deep":1}},{"op":"add","path":"/a/c/d/er","value":2}"#,
        r#"{"op":"replace","path":"/f/1","value":7}"#,
        r#"{"op":"replace","path":"/__proto__/h","value":7},{"op":"remove","path":"/__proto__"}"#,
        r#"{"op":"move","from":"/a/b","path":"/f/0"},{"op":"add","path":"/f/0/0","value":7}"#,
        r#"{"op":"move","from":"/a/b/0","path":"/a/b/2"}"#,
        r#"{"op":"copy","from":"/a","path":"/f/-"},{"op":"remove","path":"/f/2/b/0"},{"op":"remove","path":"/a/b/0"}"#,
        r#"{"op":"copy","from":"","path":"/a/c/all"},{"op":"replace","path":"/a/c/all/f","value":0}"#,
        r#"{"op":"test","path":"/a/b/0","value":1}"#,
        r#"{"op":"replace","path":"","value":[1]},{"op":"add","path":"/0","value":0}"#,
        r#"{"op":"remove","path":""},{"op":"add","path":"","value":{"z":{}}},{"op":"add","path":"/z/y","value":1}"#,
        r#"{"op":"move","from":"/f","path":""},{"op":"remove","path":"/0/0"}"#,
    ];
    let failures = [
        r#"{"op":"add","path":"/no/where","value":1}"#,
        r#"{"op":"remove","path":"/nowhere"}"#,
        r#"{"op":"replace","path":"/nowhere","value":1}"#,
        r#"{"op":"move","from":"/nowhere","path":"/x"}"#,
        r#"{"op":"copy","from":"/nowhere","path":"/x"}"#,
        r#"{"op":"test","path":"","value":"something else"}"#,
        r#"{"op":"spam"}"#,
        r#"{"op":"add","path":"/x"}"#,
        "null",
    ];
    for change in changes {
        for failure in failures {
            for (first, shared) in [
                ("", false),
                ("", true),
                (r#"{"op":"copy","from":"/a/c","path":"/k"},"#, true),
            ] {
                let patch = format!("[{first}{change},{failure}]");
                let mut document: Document<J> = document(before, Limits::default());
                let held = shared.then(|| document.share());
                assert!(apply(&mut document, &patch).is_err(), "{patch}");
                // The document goes on as if nothing had been.
                let next =
                    r#"[{"op":"add","path":"/a/b/0","value":0},{"op":"remove","path":"/a/c/d"}]"#;
                if !shared {
                    assert_eq!(apply(&mut document, next), Ok(()), "{patch}");
                    let after =
                        r#"{"a":{"b":[0,1,2,3],"c":{}},"f":[[0],{"g":null}],"__proto__":{"h":1}}"#;
                    assert_same::<J>(&patch, &document.share(), after);
                }
                if let Some(held) = held {
                    assert_same::<J>(&patch, &document.share(), before);
                    assert_eq!(apply(&mut document, next), Ok(()), "{patch}");
                    assert_same::<J>(&patch, &held, before);
                }
            }
        }
    }
    // A move alone changes something before it fails.
    let alone = r#"[{"op":"move","from":"/a","path":"/no/where"}]"#;
    check::<J>("a single move", before, alone, Err(PatchError::Target));
}

/// What was shared before, between and behind changes stays what it was.
fn what_was_shared_stays<J: Json>() {
    let mut document: Document<J> =
        document(r#"{"a":{"b":[1,{"c":0}]},"d":[]}"#, Limits::default());
    let mut held = Vec::new();
    for step in 0..40 {
        let shared = document.share();
        held.push((text(&shared), shared));
        let patch = format!(
            r#"[{{"op":"replace","path":"/a/b/1/c","value":{step}}},{{"op":"add","path":"/d/0","value":[{step}]}},{{"op":"add","path":"/d/0/0","value":{{"x":1}}}},{{"op":"copy","from":"/a","path":"/e"}},{{"op":"add","path":"/e/b/0","value":0}}]"#
        );
        assert_eq!(apply(&mut document, &patch), Ok(()));
        if step % 3 == 0 {
            let unchanged = document.share();
            held.push((text(&unchanged), unchanged));
        }
        for (before, value) in &held {
            assert_eq!(&text(value), before, "after step {step}");
        }
    }
}

fn nested(depth: usize) -> String {
    "[".repeat(depth) + &"]".repeat(depth)
}

fn depth_is_bounded<J: Json>() {
    let try_patch = |before: &str, patch: &str| {
        let mut document: Document<J> = document(before, Limits::default());
        let applied = apply(&mut document, patch);
        if applied.is_err() {
            assert_same::<J>("too deep", &document.share(), before);
        }
        applied
    };
    let deep = |above: &str, below: usize, value: usize| {
        let path = format!("{above}{}", "/0".repeat(below));
        format!(
            r#"[{{"op":"add","path":"{path}","value":{}}}]"#,
            nested(value)
        )
    };
    // Added as a whole, and piece by piece.
    assert_eq!(try_patch("null", &deep("", 0, 100)), Ok(()));
    assert_eq!(try_patch("null", &deep("", 0, 101)), Err(PatchError::Depth));
    let half = nested(50);
    assert_eq!(try_patch(&half, &deep("", 50, 50)), Ok(()));
    assert_eq!(try_patch(&half, &deep("", 50, 51)), Err(PatchError::Depth));
    let full = nested(100);
    let scalar = format!(
        r#"[{{"op":"add","path":"{}","value":1}}]"#,
        "/0".repeat(100)
    );
    assert_eq!(try_patch(&full, &scalar), Ok(()));
    assert_eq!(try_patch(&full, &deep("", 100, 1)), Err(PatchError::Depth));
    let replace = |value: usize| {
        let path = "/0".repeat(49);
        format!(
            r#"[{{"op":"replace","path":"{path}","value":{}}}]"#,
            nested(value)
        )
    };
    assert_eq!(try_patch(&half, &replace(51)), Ok(()));
    assert_eq!(try_patch(&half, &replace(52)), Err(PatchError::Depth));
    // Objects count like arrays.
    let objects = |depth: usize| r#"{"o":"#.repeat(depth) + "0" + &"}".repeat(depth);
    let add = |depth| format!(r#"[{{"op":"add","path":"","value":{}}}]"#, objects(depth));
    assert_eq!(try_patch("null", &add(100)), Ok(()));
    assert_eq!(try_patch("null", &add(101)), Err(PatchError::Depth));
    // Moved or copied below another.
    for op in ["move", "copy"] {
        for (depth, expected) in [(49, Ok(())), (50, Err(PatchError::Depth))] {
            let before = format!(r#"{{"from":{},"to":{half}}}"#, nested(depth));
            let path = "/0".repeat(50);
            let patch = format!(r#"[{{"op":"{op}","from":"/from","path":"/to{path}"}}]"#);
            assert_eq!(try_patch(&before, &patch), expected, "{op} of {depth}");
        }
    }
    // Doubled again and again, in one patch and in many.
    let double = r#"{"op":"copy","from":"","path":"/0"}"#;
    let patch = format!("[{}]", vec![double; 101].join(","));
    assert!(try_patch("[]", &patch).is_err());
    let mut document: Document<J> = document(&full, Limits::default());
    for _ in 0..3 {
        assert_eq!(
            apply(&mut document, &format!("[{double}]")),
            Err(PatchError::Depth)
        );
    }
    assert_same::<J>("copies of itself", &document.share(), &full);
}

/// Arrays and objects alike, while parsing as well as in the document.
fn an_empty_container_is_a_level<J: Json>() {
    for empty in ["[]", "{}"] {
        let within = |depth: usize| "[".repeat(depth) + empty + &"]".repeat(depth);
        let patch = |depth| format!(r#"[{{"op":"add","path":"","value":{}}}]"#, within(depth));
        let mut document: Document<J> = Document::new(Limits::default());
        assert_eq!(apply(&mut document, &patch(99)), Ok(()), "{empty}");
        assert_eq!(
            apply(&mut document, &patch(100)),
            Err(PatchError::Depth),
            "{empty}"
        );
    }
}

fn limits(nodes: usize, bytes: usize) -> Limits {
    let mut limits = Limits::default();
    (limits.nodes, limits.bytes) = (nodes, bytes);
    limits
}

fn size_is_bounded<J: Json>() {
    // One item at a time, to the bound and not past it.
    let mut document: Document<J> = document("[]", limits(1_000, 1 << 20));
    for _ in 1..1_000 {
        assert_eq!(
            apply(&mut document, r#"[{"op":"add","path":"/0","value":1}]"#),
            Ok(())
        );
    }
    for _ in 0..3 {
        let refused = apply(&mut document, r#"[{"op":"add","path":"/-","value":1}]"#);
        assert_eq!(refused, Err(PatchError::Size));
    }
    assert_eq!(document.share().items(), 999);
    // What was removed makes room.
    assert_eq!(
        apply(&mut document, r#"[{"op":"remove","path":"/0"}]"#),
        Ok(())
    );
    assert_eq!(
        apply(&mut document, r#"[{"op":"add","path":"/-","value":2}]"#),
        Ok(())
    );
    assert_eq!(document.share().items(), 999);

    // By bytes.
    let mut document: Document<J> = super::document("[]", limits(1_000_000, 10_000));
    let add = format!(
        r#"[{{"op":"add","path":"/-","value":"{}"}}]"#,
        "x".repeat(400)
    );
    let added = (0..100)
        .take_while(|_| apply(&mut document, &add).is_ok())
        .count();
    assert!((20..25).contains(&added), "{added} times 400 bytes");
    assert_eq!(document.share().items(), added);

    // Replacing for ever never fills it.
    for step in 0..300 {
        let patch = format!(
            r#"[{{"op":"replace","path":"/0","value":"{}"}}]"#,
            "y".repeat(300 + step % 100)
        );
        assert_eq!(apply(&mut document, &patch), Ok(()), "step {step}");
    }
}

/// Each half fits, both together do not.
fn a_copy_counts<J: Json>() {
    let items = vec!["0"; 600].join(",");
    let before = format!(r#"{{"a":[{items}]}}"#);
    let copy = r#"{"op":"copy","from":"/a","path":"/b"}"#;
    let remove = r#"{"op":"remove","path":"/b"}"#;
    let mut document: Document<J> = document(&before, limits(1_000, 1 << 20));
    for patch in [format!("[{copy}]"), format!("[{copy},{remove}]")] {
        assert_eq!(apply(&mut document, &patch), Err(PatchError::Size));
        assert_same::<J>("a copy too many", &document.share(), &before);
    }
}

/// An estimate that is too high costs a measurement, never a patch that fits; and a patch that does not fit
/// leaves nothing behind.
fn the_bound_is_exact_where_it_matters<J: Json>() {
    for padding in [0, 40, 80, 160, 240] {
        // Forty nodes, copied once: eighty of a hundred. The text of the patch looks like more.
        let items = vec!["0"; 39].join(",");
        let mut document: Document<J> =
            document(&format!(r#"{{"a":[{items}]}}"#), limits(100, 1 << 20));
        assert_eq!(apply(&mut document, "[]"), Ok(()));
        let spaces = "s".repeat(padding);
        let copy = format!(r#"[{{"op":"copy","from":"/a","path":"/b","spam":"{spaces}"}}]"#);
        let before = text(&document.share());
        let held = document.share();
        assert_eq!(apply(&mut document, &copy), Ok(()), "with {padding}");
        assert_eq!(text(&held), before);
        let copied = text(&document.share());
        let again = copy.replace("/b", "/c");
        assert_eq!(
            apply(&mut document, &again),
            Err(PatchError::Size),
            "with {padding}"
        );
        assert_eq!(text(&document.share()), copied, "with {padding}");
    }
}

/// Twenty-two operations ask for four million values.
fn copies_do_not_multiply<J: Json>() {
    let double = r#"{"op":"copy","from":"/a","path":"/a/-"}"#;
    let patch = format!("[{}]", [double; 22].join(","));
    let before = r#"{"a":["x"]}"#;
    let mut document: Document<J> = document(before, Limits::default());
    assert_eq!(apply(&mut document, &patch), Err(PatchError::Size));
    assert_same::<J>("a copy bomb", &document.share(), before);
    // One by one they stop at the bound.
    let one = format!("[{double}]");
    let done = (0..22)
        .take_while(|_| apply(&mut document, &one).is_ok())
        .count();
    assert!((18..20).contains(&done), "{done} doublings");
    // By bytes, too.
    let before = format!(r#"{{"a":["{}"]}}"#, "x".repeat(1 << 20));
    let mut document: Document<J> = super::document(&before, Limits::default());
    assert_eq!(apply(&mut document, &patch), Err(PatchError::Size));
    assert_same::<J>("a copy bomb of bytes", &document.share(), &before);
}

/// Copying or moving something large again and again fits every bound of size, and takes minutes.
fn a_short_patch_is_short_work<J: Json>() {
    let items = format!("[{}0]", "0,".repeat(200_000));
    let around = |depth: usize, inner: &str| {
        format!("{}{inner}{}", r#"{"x":"#.repeat(depth), "}".repeat(depth))
    };
    let deep = "/x".repeat(90);
    for (before, there, back) in [
        (
            around(0, &format!(r#"{{"a":{items}}}"#)),
            r#"{"op":"copy","from":"/a","path":"/b"}"#.to_owned(),
            r#"{"op":"remove","path":"/b"}"#.to_owned(),
        ),
        (
            around(90, &format!(r#"{{"a":{items}}}"#)),
            format!(r#"{{"op":"move","from":"{deep}/a","path":"{deep}/b"}}"#),
            format!(r#"{{"op":"move","from":"{deep}/b","path":"{deep}/a"}}"#),
        ),
    ] {
        let mut document: Document<J> = document(&before, Limits::default());
        let patch =
            |times: usize| format!("[{}]", vec![format!("{there},{back}"); times].join(","));
        assert_eq!(apply(&mut document, &patch(2)), Ok(()));
        assert_eq!(apply(&mut document, &patch(500)), Err(PatchError::Size));
        assert_eq!(apply(&mut document, &patch(2)), Ok(()));
        assert_same::<J>("moved to and fro", &document.share(), &before);
    }
}

fn operations_are_bounded<J: Json>() {
    let test = r#"{"op":"test","path":"","value":0}"#;
    let patch = |count| format!("[{}]", vec![test; count].join(","));
    let mut document: Document<J> = document("0", Limits::default());
    assert_eq!(apply(&mut document, &patch(100_000)), Ok(()));
    assert_eq!(
        apply(&mut document, &patch(100_001)),
        Err(PatchError::Operations)
    );
}

/// The cheapest way to make an array move all of its items.
fn many_inserts_at_the_front<J: Json>() {
    let count = if cfg!(target_arch = "wasm32") {
        20_000
    } else {
        100_000
    };
    let insert = r#"{"op":"add","path":"/0","value":0}"#;
    let patch = format!("[{}]", vec![insert; count].join(","));
    let mut document: Document<J> = document("[1]", Limits::default());
    assert_eq!(apply(&mut document, &patch), Ok(()));
    let array = document.share();
    assert_eq!(array.items(), count + 1);
    assert!(array.element(count).unwrap().equals(&parse("1")));
}
