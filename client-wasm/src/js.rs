//! [`Js`]: JSON carried by JS values.
//!
//! The state of a browser lives as the plain objects that the page reads; the rules walk and change them
//! from here. Keys are data, `__proto__` included: members are looked for among the own ones only, and made
//! by definition where an assignment would call a setter.

mod engine;
mod place;
mod text;

use std::cell::Cell;

use js_sys::{Array, JsString, Object};
use mirrorball_protocol::json::{Field, Json, Kind, Limits, Malformed, Size};
use wasm_bindgen::{JsCast, JsValue};

use self::{
    engine::{Container, Fields, NAMES, has_own},
    place::Node,
};
pub use self::{
    place::{Owned, Place},
    text::{JsKey, JsText},
};

/// A JSON value as JS has it.
#[derive(Clone, Debug)]
pub struct Js {
    value: JsValue,
    /// Found once: each look at a JS value is a call out of this module.
    kind: Cell<Option<Kind>>,
}

impl Js {
    /// What `value` is.
    #[must_use]
    pub const fn new(value: JsValue) -> Self {
        Self {
            value,
            kind: Cell::new(None),
        }
    }

    /// The value itself.
    #[must_use]
    pub fn into_value(self) -> JsValue {
        self.value
    }

    /// The value in `slot`; `None` where there is none, for JSON has no `undefined`.
    fn present(slot: JsValue) -> Option<Self> {
        (!slot.is_undefined()).then(|| Self::new(slot))
    }

    fn container(&self) -> &Container {
        self.value.unchecked_ref()
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
        text.parse()
            .map(Self::new)
            .map_err(|_| Malformed::new(&"the browser cannot parse it"))
    }

    fn write(&self, out: &mut String) {
        // What came from JSON goes back to JSON.
        match js_sys::JSON::stringify(&self.value) {
            Ok(text) => out.push_str(&String::from(text)),
            Err(_) => out.push_str("null"),
        }
    }

    fn kind(&self) -> Kind {
        if let Some(kind) = self.kind.get() {
            return kind;
        }
        let kind = if !self.value.is_object() {
            Kind::Scalar
        } else if Array::is_array(&self.value) {
            Kind::Array
        } else {
            Kind::Object
        };
        self.kind.set(Some(kind));
        kind
    }

    fn items(&self) -> usize {
        match self.kind() {
            Kind::Array => self.value.unchecked_ref::<Array>().length() as usize,
            _ => 0,
        }
    }

    fn field(&self, field: Field) -> Option<Self> {
        // Of scalars, only null has no members at all to ask for; an array has none of these names.
        if self
            .kind
            .get()
            .map_or_else(|| !self.value.is_object(), |kind| kind == Kind::Scalar)
        {
            return None;
        }
        let fields: &Fields = self.value.unchecked_ref();
        // What these have to be is asked next, and `undefined` is none of it.
        let typed = |slot| Some(Self::new(slot));
        match field {
            Field::Data => Self::present(fields.data()),
            Field::Diff => Self::present(fields.diff()),
            Field::From => typed(fields.from()),
            Field::Id => typed(fields.id()),
            Field::Name => typed(fields.name()),
            Field::Op => typed(fields.op()),
            Field::Path => typed(fields.path()),
            Field::Success => typed(fields.success()),
            Field::Type => typed(fields.kind()),
            Field::Value => Self::present(fields.value()),
        }
    }

    fn member(&self, key: &JsKey) -> Option<Self> {
        has_own(&self.value, &key.0).then(|| Self::new(self.container().at(&key.0)))
    }

    fn element(&self, index: usize) -> Option<Self> {
        Self::present(self.container().at_index(u32::try_from(index).ok()?))
    }

    fn is_text(&self, literal: &'static str) -> bool {
        NAMES.with(|names| {
            let known = names.literals.iter().find(|(known, _)| *known == literal);
            match known {
                Some((_, value)) => *value == self.value,
                None => self.value == literal,
            }
        })
    }

    fn into_key(self) -> Option<JsKey> {
        self.value.is_string().then(|| JsKey(self.value))
    }

    fn as_bool(&self) -> Option<bool> {
        self.value.as_bool()
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be a whole number of 53 bits"
    )]
    fn as_id(&self) -> Option<i64> {
        const MAX: f64 = 9_007_199_254_740_992.0;
        let number = self.value.as_f64()?;
        (number.abs() <= MAX && number % 1.0 == 0.0).then_some(number as i64)
    }

    fn equals(&self, other: &Self) -> bool {
        match (self.kind(), other.kind()) {
            (Kind::Scalar, Kind::Scalar) => self.value == other.value,
            (Kind::Array, Kind::Array) => {
                let len = self.items();
                len == other.items()
                    && (0..len).all(|index| match (self.element(index), other.element(index)) {
                        (Some(one), Some(two)) => one.equals(&two),
                        _ => false,
                    })
            }
            (Kind::Object, Kind::Object) => {
                let keys = Object::keys(self.value.unchecked_ref::<Object>());
                keys.length() == Object::keys(other.value.unchecked_ref::<Object>()).length()
                    && keys.iter().map(JsKey).all(|key| {
                        match (self.member(&key), other.member(&key)) {
                            (Some(one), Some(two)) => one.equals(&two),
                            _ => false,
                        }
                    })
            }
            _ => false,
        }
    }

    fn measure(&self, limits: &Limits) -> Option<Size> {
        let mut left = Size {
            depth: limits.depth,
            nodes: limits.nodes,
            bytes: limits.bytes,
        };
        let depth = measure(self, limits.depth, &mut left)?;
        Some(Size {
            depth,
            nodes: limits.nodes - left.nodes,
            bytes: limits.bytes - left.bytes,
        })
    }

    fn edit<'a>(root: &'a mut Self, owned: &'a mut Owned) -> Place<'a> {
        owned.take_root(root);
        Place {
            node: Node::Root(root),
            owned,
        }
    }
}

/// The depth of `value`, taking its values and bytes off what is left of both.
fn measure(value: &Js, depth: usize, left: &mut Size) -> Option<usize> {
    left.nodes = left.nodes.checked_sub(1)?;
    let kind = value.kind();
    let mut deepest = 0;
    let own = match kind {
        Kind::Scalar => value
            .value
            .dyn_ref::<JsString>()
            .map_or(5, |text| text.length() as usize + 2),
        Kind::Array => {
            for index in 0..value.items() {
                let item = value.element(index)?;
                deepest = deepest.max(measure(&item, depth.checked_sub(1)?, left)?);
            }
            value.items() + 2
        }
        Kind::Object => {
            let mut own = 2;
            for key in Object::keys(value.value.unchecked_ref::<Object>()).iter() {
                own += key.unchecked_ref::<JsString>().length() as usize + 4;
                let item = Js::new(value.container().at(&key));
                deepest = deepest.max(measure(&item, depth.checked_sub(1)?, left)?);
            }
            own
        }
    };
    left.bytes = left.bytes.checked_sub(own)?;
    if kind == Kind::Scalar {
        return Some(0);
    }
    // An empty container is a level, too.
    depth.checked_sub(1)?;
    Some(deepest + 1)
}
