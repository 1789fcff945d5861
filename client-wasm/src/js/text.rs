//! Texts and keys that stay in the engine's memory.

use std::{borrow::Cow, ops::Range, rc::Rc};

use js_sys::{Array, JsString};
use mirrorball_protocol::json::{Key, Scan, Size, Text};
use wasm_bindgen::{JsCast, JsValue};

use super::engine::{self, Items, parse};

/// UTF-16 units that are looked at together.
const PIECE: usize = 1 << 16;

/// A text from the network, left where it is: in the engine's memory.
#[derive(Clone, Debug)]
pub struct JsText {
    text: JsValue,
    /// Units at the beginning that are none of it any more.
    skip: usize,
    /// In UTF-16 units, those included; kept, for asking is a call out of this module.
    end: usize,
    /// The first unit, not counting those; known of a text from the network.
    first: Option<u16>,
}

impl JsText {
    /// The text that a message is, with what [`receive`](super::receive) says of it; `None` where it is none.
    pub(crate) fn received(value: JsValue, head: f64) -> Option<Self> {
        (head >= 0.0).then(|| Self {
            text: value,
            skip: 0,
            end: (head / 65_536.0) as usize,
            first: Some((head as u64 % 65_536) as u16),
        })
    }

    /// The value that this JSON text stands for; undefined where it stands for none.
    pub(super) fn parse(&self) -> JsValue {
        parse(&self.text, self.skip as i32)
    }

    /// The units from the first to before the second.
    fn slice(&self, start: usize, end: usize) -> JsString {
        let text: &JsString = self.text.unchecked_ref();
        text.slice((self.skip + start) as u32, (self.skip + end) as u32)
    }
}

impl Text for JsText {
    fn new(text: &str) -> Self {
        let text = JsString::from(text);
        Self {
            skip: 0,
            end: text.length() as usize,
            text: text.into(),
            first: None,
        }
    }

    fn len(&self) -> usize {
        self.end.saturating_sub(self.skip)
    }

    fn header(&self) -> Option<u8> {
        let first = match self.first {
            Some(unit) => unit,
            None => {
                let text: &JsString = self.text.unchecked_ref();
                text.char_code_at(self.skip as u32) as u16
            }
        };
        (first < 128 && !self.is_empty()).then_some(first as u8)
    }

    fn payload(self) -> Self {
        Self {
            skip: self.skip + 1,
            first: None,
            ..self
        }
    }

    fn append(&mut self, more: Self) {
        let both = self.slice(0, self.len()).concat(&more.slice(0, more.len()));
        *self = Self {
            text: both.into(),
            skip: 0,
            end: self.len() + more.len(),
            first: None,
        };
    }

    fn to_str(&self) -> Cow<'_, str> {
        Cow::Owned(String::from(self.slice(0, self.len())))
    }

    fn measure(&self) -> Size {
        // In pieces, for this module's memory never shrinks. A surrogate pair that is cut does not matter here.
        let mut scan = Scan::default();
        for start in (0..self.len()).step_by(PIECE) {
            scan.feed(&String::from(self.slice(start, start + PIECE)));
        }
        scan.size()
    }
}

/// A key, left where it is: in the engine's memory, in a list beside others.
#[derive(Clone, Debug)]
pub struct JsKey {
    list: Rc<JsValue>,
    at: i32,
}

impl JsKey {
    /// The key itself.
    #[must_use]
    pub fn into_value(self) -> JsValue {
        self.list.unchecked_ref::<Items>().at(self.at)
    }

    /// The key that this string is.
    pub(super) fn of(text: &JsValue) -> Self {
        Self {
            list: Rc::new(Array::of1(text).into()),
            at: 0,
        }
    }

    fn range(list: JsValue, range: Range<i32>) -> Vec<Self> {
        let list = Rc::new(list);
        let key = |at| Self {
            list: Rc::clone(&list),
            at,
        };
        range.map(key).collect()
    }

    pub(super) fn list(&self) -> &JsValue {
        &self.list
    }

    pub(super) const fn at(&self) -> i32 {
        self.at
    }

    /// Whether both are in one list.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.list, &other.list)
    }
}

impl PartialEq for JsKey {
    fn eq(&self, other: &Self) -> bool {
        self.clone().into_value() == other.clone().into_value()
    }
}

impl Key for JsKey {
    fn new(text: &str) -> Self {
        Self::of(&text.into())
    }

    fn to_str(&self) -> Cow<'_, str> {
        Cow::Owned(self.clone().into_value().as_string().unwrap_or_default())
    }

    fn split(&self) -> Option<Vec<Self>> {
        tokens(engine::split(&self.clone().into_value()))
    }

    fn index(&self) -> Option<usize> {
        let index = engine::index_of(&self.list, self.at);
        (index >= 0.0).then_some(index as usize)
    }
}

/// The tokens of what was split just now, which are so many; none where it was no pointer.
pub(super) fn tokens(count: i32) -> Option<Vec<JsKey>> {
    // Before the first slash there is nothing.
    (count >= 0).then(|| JsKey::range(engine::split_tokens(), 1..count + 1))
}
