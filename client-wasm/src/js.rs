//! [`Js`]: JSON carried by JS values.
//!
//! The state of a browser lives as the plain objects that the page reads; the rules walk and change them
//! from here. Keys are data, `__proto__` included: members are looked for among the own ones only, and made
//! by definition where an assignment would call a setter.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "lengths and indices of JS are integers of 32 bits, and limits are checked where they are compared"
)]

mod engine;
mod place;
mod text;

use std::cell::Cell;

use mirrorball_protocol::json::{Field, Json, Kind, Limits, Malformed, Parts, Size};
use wasm_bindgen::{JsCast, JsValue};

#[cfg(feature = "juggler")]
pub(crate) use self::engine::tell_numbers;
pub(crate) use self::engine::{receive, tell};
use self::{
    engine::{Items, array_of, code, code_of, measure, own_member},
    text::tokens,
};
pub use self::{
    place::{Owned, Place},
    text::{JsKey, JsText},
};

/// A JSON value as JS has it.
#[derive(Clone, Debug)]
pub struct Js {
    value: JsValue,
    /// What `codeOf` returned: each look at a JS value is a call out of this module.
    code: Cell<Option<i32>>,
}

impl Js {
    /// What `value` is.
    #[must_use]
    pub const fn new(value: JsValue) -> Self {
        Self {
            value,
            code: Cell::new(None),
        }
    }

    /// The value itself.
    #[must_use]
    pub fn into_value(self) -> JsValue {
        self.value
    }

    /// The value in `slot`; `None` where there is none, for JSON has no `undefined`.
    fn present(slot: JsValue) -> Option<Self> {
        let value = Self::new(slot);
        (value.code() != code::NOTHING).then_some(value)
    }

    fn code(&self) -> i32 {
        self.code.get().unwrap_or_else(|| {
            let code = code_of(&self.value);
            self.code.set(Some(code));
            code
        })
    }

    /// An item of this array.
    fn item(&self, index: i32) -> Self {
        Self::new(self.value.unchecked_ref::<Items>().at(index))
    }
}

impl Json for Js {
    type Text = JsText;
    type Key = JsKey;
    type Ledger = Owned;
    type Cursor<'a> = Place<'a>;

    fn null() -> Self {
        Self::new(JsValue::NULL)
    }

    fn parse(text: &JsText, _: &Limits) -> Result<Self, Malformed> {
        // The engine's parser is bounded by the text, and its values are measured when they are applied.
        Self::present(text.parse()).ok_or_else(|| Malformed::new(&"the browser cannot parse it"))
    }

    fn write(&self, out: &mut String) {
        // What came from JSON goes back to JSON.
        match js_sys::JSON::stringify(&self.value) {
            Ok(text) => out.push_str(&String::from(text)),
            Err(_) => out.push_str("null"),
        }
    }

    fn kind(&self) -> Kind {
        match self.code() {
            ..code::NOTHING => Kind::Array,
            code::OBJECT => Kind::Object,
            _ => Kind::Scalar,
        }
    }

    fn items(&self) -> usize {
        usize::try_from(code::NOTHING - 1 - self.code()).unwrap_or(0)
    }

    fn field(&self, field: Field) -> Option<Self> {
        match field {
            Field::Diff => Self::present(engine::member_diff(&self.value)),
            _ => self.named(Field::NAMES, field as usize),
        }
    }

    fn named(&self, names: &'static [&'static str], at: usize) -> Option<Self> {
        // What is no object has none of these.
        Self::present(engine::member_at(&self.value, &array_of(names), at as i32))
    }

    fn member(&self, key: &JsKey) -> Option<Self> {
        Self::present(own_member(&self.value, key.list(), key.at()))
    }

    fn element(&self, index: usize) -> Option<Self> {
        (index < self.items()).then(|| self.item(index as i32))
    }

    fn word(&self, field: Field, words: &'static [&'static str]) -> Option<usize> {
        // No other member's value is among the words of the rules.
        let is_type = field == Field::Type;
        let index = engine::type_among(&self.value, &array_of(words));
        usize::try_from(index).ok().filter(|_| is_type)
    }

    fn operation(&self, index: usize, words: &'static [&'static str]) -> Option<Parts<Self>> {
        let read = engine::read_operation(&self.value, index as i32, &array_of(words));
        if read < 0.0 {
            return None;
        }
        let read = read as u64;
        let value = match (read / 8) % 4 {
            0 => None,
            kind => {
                let value = Self::new(engine::read_operand());
                value.code.set((kind == 1).then_some(code::SCALAR));
                Some(value)
            }
        };
        Some(Parts {
            op: (read % 8) as usize,
            path: tokens((read / 32) as i32 - 1),
            value,
        })
    }

    fn into_key(self) -> Option<JsKey> {
        (self.code() >= code::TEXT).then(|| JsKey::of(&self.value))
    }

    fn excess(&self) -> usize {
        usize::try_from(self.code() - code::TEXT).unwrap_or(0)
    }

    fn as_bool(&self) -> Option<bool> {
        self.value.as_bool()
    }

    fn as_integer(&self) -> Option<i64> {
        integer(self.value.as_f64()?)
    }

    fn integer(&self, field: Field) -> Option<i64> {
        integer(match field {
            Field::Id => engine::number_id(&self.value),
            Field::Version => engine::number_version(&self.value),
            _ => self.field(field)?.value.as_f64()?,
        })
    }

    fn equals(&self, other: &Self) -> bool {
        engine::equal(&self.value, &other.value)
    }

    fn measure(&self, limits: &Limits) -> Option<Size> {
        let (nodes, bytes) = (limits.nodes as f64, limits.bytes as f64);
        let depth = measure(&self.value, limits.depth as f64, nodes, bytes);
        (depth >= 0.0).then(|| Size {
            depth: depth as usize,
            nodes: (nodes - engine::nodes_left()) as usize,
            bytes: (bytes - engine::bytes_left()) as usize,
        })
    }

    fn edit<'a>(root: &'a mut Self, owned: &'a mut Owned) -> Place<'a> {
        owned.open(root)
    }
}

/// The integer that a number is, where it has at most 53 bits.
fn integer(number: f64) -> Option<i64> {
    const MAX: f64 = 9_007_199_254_740_992.0;
    (number.abs() <= MAX && number % 1.0 == 0.0).then_some(number as i64)
}
