//! What comes from outside, thrown at the rules.
//!
//! Each function takes any bytes and panics where something holds that must not. The fuzzer calls them with what it makes up
//! (`cargo +nightly fuzz run patches`), and the tests with everything in `corpus/`, which it kept.
#![expect(
    clippy::missing_panics_doc,
    reason = "a panic is what each of them is for"
)]

mod bayeux;
mod frames;
mod machines;
mod site;

pub use bayeux::{bayeux_batch, bayeux_broker, bayeux_channel, bayeux_client};
pub use frames::frames;
pub use machines::{client, server};
pub use site::{headers, htpasswd, paths};

use mirrorball_protocol::{
    json::{Document, Json, Limits, Pointer, PointerError, Value},
    juggler::{
        message::{Request, ServerMessage},
        segment::Draft,
    },
};

/// The bytes as a text; what is no UTF-8 in them never gets past the socket.
fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}

/// Cuts a text into segments of as many bytes as the first byte says.
pub fn segments(data: &[u8]) {
    let Some((size, rest)) = data.split_first() else {
        return;
    };
    let (size, text) = (usize::from(*size).max(1), text(rest));
    let mut draft = Draft::default();
    draft.text().push_str(&text);
    let sealed = draft.seal::<String>(size);
    let mut whole = String::new();
    for (index, segment) in sealed.iter().enumerate() {
        let header = if index + 1 == sealed.len() { '0' } else { '1' };
        let payload = segment
            .strip_prefix(header)
            .expect("it has the header of its place");
        assert!(
            payload.len() <= size || payload.chars().count() == 1,
            "it is too long"
        );
        whole.push_str(payload);
    }
    assert_eq!(whole, text);
}

/// Reads a message as both ends do, and writes what it was read from.
pub fn messages(data: &[u8]) {
    let limits = limits();
    let Ok(message) = Value::parse(&text(data), &limits) else {
        return;
    };
    assert!(
        message.measure(&limits).is_some(),
        "it was parsed although it is too large"
    );
    let written = message.to_text();
    assert_eq!(
        Value::parse(&written, &limits).as_ref(),
        Ok(&message),
        "{written}"
    );
    let _ = Request::read(&message);
    let _ = ServerMessage::read(&message);
}

/// Applies a patch to a document; a line feed is between the two.
pub fn patches(data: &[u8]) {
    let text = text(data);
    let Some((document, patch)) = text.split_once('\n') else {
        return;
    };
    let limits = limits();
    let (Ok(before), Ok(operations)) = (
        Value::parse(document, &limits),
        Value::parse(patch, &limits),
    ) else {
        return;
    };
    let mut mirror = Document::<Value>::new(limits.clone());
    let first = format!(r#"[{{"op":"replace","path":"","value":{document}}}]"#);
    let first_patch = Value::parse(&first, &Limits::default()).expect("it is a patch");
    if mirror.apply(&first_patch, &first).is_err() {
        return;
    }
    let held = mirror.share();
    let applied = mirror.apply(&operations, &patch.to_owned());
    assert_eq!(held, before, "what was handed out changed");
    match applied {
        Ok(_) => assert!(
            mirror.share().measure(&limits).is_some(),
            "it became too large"
        ),
        Err(_) => assert_eq!(
            mirror.share(),
            before,
            "a patch that failed left something behind"
        ),
    }
}

/// Parses a pointer in both ways.
pub fn pointers(data: &[u8]) {
    let text = text(data);
    let key = text.as_str().into();
    let strict = Pointer::<<Value as Json>::Key>::parse(&key);
    let lenient = Pointer::<<Value as Json>::Key>::parse_lenient(&key);
    match (strict, lenient) {
        (Ok(strict), Ok(lenient)) => {
            assert_eq!(strict, lenient);
            let escaped = |token: &str| format!("/{}", token.replace('~', "~0").replace('/', "~1"));
            let written: String = strict.tokens().iter().map(|token| escaped(token)).collect();
            assert_eq!(written, text);
        }
        (Err(PointerError::Escape), _) => assert!(text.contains('~')),
        (Err(PointerError::Start), lenient) => {
            assert!(!text.starts_with('/') && !text.is_empty());
            assert_eq!(lenient, Err(PointerError::Start));
        }
        (Ok(_), Err(error)) => panic!("only lenient parsing fails: {error}"),
    }
}

/// Small, so that the fuzzer gets to them.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.depth = 12;
    limits.nodes = 2_000;
    limits.bytes = 40_000;
    limits.operations = 200;
    limits
}
