//! Texts and keys that stay in the engine's memory.

use std::borrow::Cow;

use js_sys::JsString;
use mirrorball_protocol::json::{Key, Text};
use wasm_bindgen::{JsCast, JsValue};

use super::engine::{Chars, NAMES};

/// A text from the network, left where it is: in the engine's memory.
#[derive(Clone, Debug)]
pub struct JsText(pub(super) JsString);

impl JsText {
    /// The text that `value` is; `None` where it is none.
    #[must_use]
    pub fn from_value(value: JsValue) -> Option<Self> {
        value.dyn_into().ok().map(Self)
    }
}

impl Text for JsText {
    fn new(text: &str) -> Self {
        Self(text.into())
    }

    fn len(&self) -> usize {
        self.0.length() as usize
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be ASCII"
    )]
    fn header(&self) -> Option<u8> {
        // Not a number where the text is empty.
        let unit = self.0.char_code_at(0);
        (unit < 128.0).then_some(unit as u8)
    }

    fn payload(self) -> Self {
        Self(self.0.unchecked_ref::<Chars>().behind(1))
    }

    fn append(&mut self, more: Self) {
        self.0 = self.0.concat(&more.0);
    }

    fn to_str(&self) -> Cow<'_, str> {
        Cow::Owned(String::from(&self.0))
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

    fn split(&self) -> Vec<Self> {
        let parts = NAMES.with(|names| self.chars().split_at_each(&names.slash));
        (0..parts.length())
            .map(|index| Self(parts.get(index)))
            .collect()
    }

    fn is_escaped(&self) -> bool {
        NAMES.with(|names| self.chars().has(&names.tilde))
    }

    fn is_empty(&self) -> bool {
        self.0.unchecked_ref::<JsString>().length() == 0
    }
}
