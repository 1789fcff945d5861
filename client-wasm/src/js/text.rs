//! Texts and keys that stay in the engine's memory.

use std::borrow::Cow;

use js_sys::JsString;
use mirrorball_protocol::json::{Key, Scan, Size, Text};
use wasm_bindgen::{JsCast, JsValue};

use super::engine::{Chars, NAMES, parse};

/// `/` as a UTF-16 unit.
const SLASH: u32 = 0x2f;

/// UTF-16 units that are looked at together.
const PIECE: usize = 1 << 16;

/// A text from the network, left where it is: in the engine's memory.
#[derive(Clone, Debug)]
pub struct JsText {
    text: JsString,
    /// In UTF-16 units; kept, for asking is a call out of this module.
    len: usize,
}

impl JsText {
    /// The text that `value` is; `None` where it is none.
    #[must_use]
    pub fn from_value(value: JsValue) -> Option<Self> {
        value.dyn_into().ok().map(Self::from_text)
    }

    fn from_text(text: JsString) -> Self {
        let len = text.length() as usize;
        Self { text, len }
    }

    /// The value that this JSON text stands for.
    pub(super) fn parse(&self) -> Result<JsValue, JsValue> {
        parse(&self.text)
    }
}

impl Text for JsText {
    fn new(text: &str) -> Self {
        Self::from_text(text.into())
    }

    fn len(&self) -> usize {
        self.len
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be ASCII"
    )]
    fn header(&self) -> Option<u8> {
        // Not a number where the text is empty.
        let unit = self.text.char_code_at(0);
        (unit < 128.0).then_some(unit as u8)
    }

    fn payload(self) -> Self {
        Self {
            text: self.text.unchecked_ref::<Chars>().behind(1),
            len: self.len.saturating_sub(1),
        }
    }

    fn append(&mut self, more: Self) {
        self.text = self.text.concat(&more.text);
        self.len += more.len;
    }

    fn to_str(&self) -> Cow<'_, str> {
        Cow::Owned(String::from(&self.text))
    }

    fn measure(&self) -> Size {
        // In pieces, for this module's memory never shrinks. A surrogate pair that is cut does not matter here.
        let mut scan = Scan::default();
        for start in (0..self.len).step_by(PIECE) {
            let piece = self.text.slice(start as u32, (start + PIECE) as u32);
            scan.feed(&String::from(piece));
        }
        scan.size()
    }
}

/// A key, left where it is: in the engine's memory.
#[derive(Clone, Debug, PartialEq)]
pub struct JsKey(pub(super) JsValue);

impl JsKey {
    /// The key itself.
    #[must_use]
    pub fn into_value(self) -> JsValue {
        self.0
    }

    fn chars(&self) -> &Chars {
        self.0.unchecked_ref()
    }
}

impl Key for JsKey {
    fn new(text: &str) -> Self {
        Self(text.into())
    }

    fn to_str(&self) -> Cow<'_, str> {
        Cow::Owned(self.0.as_string().unwrap_or_default())
    }

    fn split(&self) -> Option<Vec<Self>> {
        let parts = NAMES.with(|names| self.chars().split_at_each(&names.slash));
        let count = parts.length();
        // With a part before the first slash there is something before it, or no slash at all.
        let rooted = count > 1 && self.chars().code_at(0) == SLASH;
        if !rooted && (count > 1 || self.0.unchecked_ref::<JsString>().length() > 0) {
            return None;
        }
        Some((1..count).map(|index| Self(parts.get(index))).collect())
    }

    fn is_escaped(&self) -> bool {
        NAMES.with(|names| self.chars().has(&names.tilde))
    }
}
