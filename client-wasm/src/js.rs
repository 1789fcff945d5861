//! [`Js`]: JSON carried by JS values.
//!
//! The state of a browser lives as the plain objects that the page reads; the rules walk and change them
//! from here. Keys are data, `__proto__` included: members are looked for among the own ones only, and made
//! by definition where an assignment would call a setter.

mod engine;
mod place;
mod text;

use js_sys::{Array, JsString, Object};
use mirrorball_protocol::json::{Field, Json, Kind, Limits, Malformed, Size};
use wasm_bindgen::{JsCast, JsValue};

use self::engine::{Container, Fields, NAMES, has_own, parse};
pub use self::{
    place::{Owned, Place},
    text::{JsKey, JsText},
};

/// A JSON value as JS has it.
#[derive(Clone, Debug)]
pub struct Js(JsValue);

impl Js {
    /// The value itself.
    #[must_use]
    pub fn into_value(self) -> JsValue {
        self.0
    }

    fn fields(&self) -> &Fields {
        self.0.unchecked_ref()
    }

    fn container(&self) -> &Container {
        self.0.unchecked_ref()
    }
}

impl Json for Js {
    type Text = JsText;
    type Key = JsKey;
    type Ledger = Owned;
    type Cursor<'a> = Place<'a>;

    fn null() -> Self {
        Self(JsValue::NULL)
    }

    fn parse(text: JsText, _: &Limits) -> Result<Self, Malformed> {
        // The engine's parser is bounded by the text, and its values are measured when they are applied.
        parse(&text.0)
            .map(Self)
            .map_err(|_| Malformed::new(&"the browser cannot parse it"))
    }

    fn write(&self, out: &mut String) {
        // What came from JSON goes back to JSON.
        match js_sys::JSON::stringify(&self.0) {
            Ok(text) => out.push_str(&String::from(text)),
            Err(_) => out.push_str("null"),
        }
    }

    fn kind(&self) -> Kind {
        if !self.0.is_object() {
            Kind::Scalar
        } else if Array::is_array(&self.0) {
            Kind::Array
        } else {
            Kind::Object
        }
    }

    fn items(&self) -> usize {
        match self.kind() {
            Kind::Array => self.0.unchecked_ref::<Array>().length() as usize,
            _ => 0,
        }
    }

    fn field(&self, field: Field) -> Option<Self> {
        if !self.0.is_object() {
            return None;
        }
        let fields = self.fields();
        let value = match field {
            Field::Data => fields.data(),
            Field::Diff => fields.diff(),
            Field::From => fields.from(),
            Field::Id => fields.id(),
            Field::Name => fields.name(),
            Field::Op => fields.op(),
            Field::Path => fields.path(),
            Field::Success => fields.success(),
            Field::Type => fields.kind(),
            Field::Value => fields.value(),
        };
        // JSON has no `undefined`.
        (!value.is_undefined()).then_some(Self(value))
    }

    fn member(&self, key: &JsKey) -> Option<Self> {
        has_own(&self.0, &key.0).then(|| Self(self.container().at(&key.0)))
    }

    fn element(&self, index: usize) -> Option<Self> {
        let index = u32::try_from(index).ok()?;
        (index < self.0.unchecked_ref::<Array>().length())
            .then(|| Self(self.container().at_index(index)))
    }

    fn is_text(&self, literal: &'static str) -> bool {
        NAMES.with(|names| {
            let known = names.literals.iter().find(|(known, _)| *known == literal);
            match known {
                Some((_, value)) => *value == self.0,
                None => self.0 == literal,
            }
        })
    }

    fn as_key(&self) -> Option<JsKey> {
        self.0.is_string().then(|| JsKey(self.0.clone()))
    }

    fn as_bool(&self) -> Option<bool> {
        self.0.as_bool()
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be a whole number of 53 bits"
    )]
    fn as_id(&self) -> Option<i64> {
        const MAX: f64 = 9_007_199_254_740_992.0;
        let number = self.0.as_f64()?;
        (number.abs() <= MAX && number % 1.0 == 0.0).then_some(number as i64)
    }

    fn equals(&self, other: &Self) -> bool {
        match (self.kind(), other.kind()) {
            (Kind::Scalar, Kind::Scalar) => self.0 == other.0,
            (Kind::Array, Kind::Array) => {
                let len = self.items();
                len == other.items()
                    && (0..len).all(|index| match (self.element(index), other.element(index)) {
                        (Some(one), Some(two)) => one.equals(&two),
                        _ => false,
                    })
            }
            (Kind::Object, Kind::Object) => {
                let keys = Object::keys(self.0.unchecked_ref::<Object>());
                keys.length() == Object::keys(other.0.unchecked_ref::<Object>()).length()
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
        if root.kind() != Kind::Scalar && !owned.has(&root.0) {
            root.0 = owned.copy(&root.0);
        }
        Place {
            node: root.clone(),
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
            .0
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
            for key in Object::keys(value.0.unchecked_ref::<Object>()).iter() {
                own += key.unchecked_ref::<JsString>().length() as usize + 4;
                let item = Js(value.container().at(&key));
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
