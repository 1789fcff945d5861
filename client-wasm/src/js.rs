//! [`Js`]: JSON carried by JS values.
//!
//! The state of a browser lives as the plain objects that the page reads; the rules walk and change them
//! from here. Keys are data, `__proto__` included: members are looked for among the own ones only, and made
//! by definition where an assignment would call a setter.

use std::borrow::Cow;

use js_sys::{Array, JsString, Object, Reflect, Set};
use mirrorball_protocol::json::{
    Cursor, Field, Json, Key, Kind, Ledger, Limits, Malformed, Size, Text,
};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    /// An object from a message. Getters are property reads that the engine caches.
    type Fields;
    #[wasm_bindgen(method, getter, structural)]
    fn data(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn diff(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn from(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn id(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn name(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn op(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn path(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn success(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural, js_name = "type")]
    fn kind(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    fn value(this: &Fields) -> JsValue;

    /// An object or an array, by key or index.
    type Container;
    #[wasm_bindgen(method, structural, indexing_getter)]
    fn at(this: &Container, key: &JsValue) -> JsValue;
    #[wasm_bindgen(method, structural, indexing_setter)]
    fn put(this: &Container, key: &JsValue, value: &JsValue);
    #[wasm_bindgen(method, structural, indexing_getter)]
    fn at_index(this: &Container, index: u32) -> JsValue;
    #[wasm_bindgen(method, structural, indexing_setter)]
    fn put_index(this: &Container, index: u32, value: &JsValue);
    // The binding in `js_sys` always passes an item, so it cannot remove without inserting.
    #[wasm_bindgen(method, js_name = "splice")]
    fn remove_at(this: &Container, index: u32, count: u32) -> Array;
    #[wasm_bindgen(method, js_name = "splice")]
    fn insert_at(this: &Container, index: u32, count: u32, item: &JsValue) -> Array;

    #[wasm_bindgen(js_namespace = Object, js_name = "hasOwn")]
    fn has_own(object: &JsValue, key: &JsValue) -> bool;
    #[wasm_bindgen(catch, js_namespace = JSON, js_name = "parse")]
    fn parse(text: &JsString) -> Result<JsValue, JsValue>;

    /// A string, without a way through this module's memory.
    type Chars;
    #[wasm_bindgen(method, js_name = "split")]
    fn split_at_each(this: &Chars, separator: &JsValue) -> Array;
    #[wasm_bindgen(method, js_name = "includes")]
    fn has(this: &Chars, part: &JsValue) -> bool;
    #[wasm_bindgen(method, js_name = "substring")]
    fn behind(this: &Chars, start: u32) -> JsString;
}

/// Strings that the rules name over and over, made once.
struct Names {
    proto: JsValue,
    slash: JsValue,
    tilde: JsValue,
    literals: Vec<(&'static str, JsValue)>,
}

thread_local! {
    static NAMES: Names = Names {
        proto: "__proto__".into(),
        slash: "/".into(),
        tilde: "~".into(),
        literals: [
            "state", "replace", "add", "remove", "response", "notify", "move", "copy", "test",
        ]
        .map(|literal| (literal, literal.into()))
        .into(),
    };
}

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

    fn len(&self) -> usize {
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
                let len = self.len();
                len == other.len()
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
            for index in 0..value.len() {
                let item = value.element(index)?;
                deepest = deepest.max(measure(&item, depth.checked_sub(1)?, left)?);
            }
            value.len() + 2
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

/// How many containers are remembered to be the mirror's own. Beyond that it starts anew, and copies once more
/// what it touches: a mirror that nobody reads must not hold on to what patches took out of it.
const MAX_OWNED: u32 = 4_096;

/// Which containers nobody but the mirror holds, and how to undo what was done to them.
#[derive(Debug, Default)]
pub struct Owned {
    containers: Set,
    count: u32,
    copies: u64,
    root: Option<Js>,
    log: Option<Vec<Undo>>,
}

/// What takes one change back.
#[derive(Debug)]
enum Undo {
    Member(Js, JsKey, Option<JsValue>),
    Item(Js, u32, JsValue),
    Inserted(Js, u32),
    Removed(Js, u32, JsValue),
}

impl Owned {
    fn has(&self, container: &JsValue) -> bool {
        self.count > 0 && self.containers.has(container)
    }

    /// A copy of a container that is the mirror's own.
    fn copy(&mut self, container: &JsValue) -> JsValue {
        let copy = if Array::is_array(container) {
            container.unchecked_ref::<Array>().slice(0, u32::MAX).into()
        } else if NAMES.with(|names| has_own(container, &names.proto)) {
            // Entries define members where `assign` would set the prototype.
            Object::from_entries(&Object::entries(container.unchecked_ref::<Object>()))
                .map_or_else(|error| error, Into::into)
        } else {
            Object::assign(&Object::new(), container.unchecked_ref::<Object>()).into()
        };
        if self.count == MAX_OWNED {
            self.release();
        }
        self.containers.add(&copy);
        self.count += 1;
        self.copies += 1;
        copy
    }

    fn log(&mut self, undo: impl FnOnce() -> Undo) {
        if let Some(log) = &mut self.log {
            log.push(undo());
        }
    }
}

impl Ledger<Js> for Owned {
    fn begin(&mut self, root: &Js, undo: bool) {
        self.root = undo.then(|| root.clone());
        self.log = undo.then(Vec::new);
    }

    fn rollback(&mut self, root: &mut Js) {
        for undo in self.log.take().into_iter().flatten().rev() {
            match undo {
                Undo::Member(object, key, Some(old)) => define(&object, &key, &old),
                Undo::Member(object, key, None) => delete(&object, &key),
                Undo::Item(array, index, old) => array.container().put_index(index, &old),
                Undo::Inserted(array, index) => drop(array.container().remove_at(index, 1)),
                Undo::Removed(array, index, old) => {
                    drop(array.container().insert_at(index, 0, &old));
                }
            }
        }
        if let Some(before) = self.root.take() {
            *root = before;
        }
    }

    fn commit(&mut self) {
        self.root = None;
        self.log = None;
    }

    fn release(&mut self) {
        if self.count > 0 {
            self.containers.clear();
            self.count = 0;
        }
    }

    fn copies(&self) -> u64 {
        self.copies
    }
}

/// A place in the mirror whose containers, down to here, are the mirror's own.
#[derive(Debug)]
pub struct Place<'a> {
    node: Js,
    owned: &'a mut Owned,
}

impl Place<'_> {
    fn index(&self, index: usize) -> Option<u32> {
        u32::try_from(index)
            .ok()
            .filter(|index| *index < self.node.len() as u32)
    }
}

impl Cursor<Js> for Place<'_> {
    fn kind(&self) -> Kind {
        self.node.kind()
    }

    fn len(&self) -> usize {
        self.node.len()
    }

    fn has_member(&self, key: &JsKey) -> bool {
        has_own(&self.node.0, &key.0)
    }

    fn into_member(self, key: &JsKey) -> Option<Self> {
        let mut child = self.node.member(key)?;
        if child.0.is_object() && !self.owned.has(&child.0) {
            child.0 = self.owned.copy(&child.0);
            // An own member is there already: this does not reach a setter.
            self.node.container().put(&key.0, &child.0);
        }
        Some(Self {
            node: child,
            owned: self.owned,
        })
    }

    fn into_element(self, index: usize) -> Option<Self> {
        let mut child = self.node.element(index)?;
        if child.0.is_object() && !self.owned.has(&child.0) {
            child.0 = self.owned.copy(&child.0);
            self.node
                .container()
                .put_index(self.index(index)?, &child.0);
        }
        Some(Self {
            node: child,
            owned: self.owned,
        })
    }

    fn set_member(&mut self, key: &JsKey, value: Js) {
        let node = &self.node;
        self.owned.log(|| {
            Undo::Member(
                node.clone(),
                key.clone(),
                node.member(key).map(Js::into_value),
            )
        });
        define(node, key, &value.0);
    }

    fn set_element(&mut self, index: usize, value: Js) {
        let Some(index) = self.index(index) else {
            return;
        };
        let node = &self.node;
        self.owned
            .log(|| Undo::Item(node.clone(), index, node.container().at_index(index)));
        node.container().put_index(index, &value.0);
    }

    fn insert_element(&mut self, index: usize, value: Js) {
        let Ok(index) = u32::try_from(index) else {
            return;
        };
        let node = &self.node;
        self.owned.log(|| Undo::Inserted(node.clone(), index));
        node.container().insert_at(index, 0, &value.0);
    }

    fn remove_member(&mut self, key: &JsKey) -> Option<Js> {
        let old = self.node.member(key)?;
        let node = &self.node;
        self.owned
            .log(|| Undo::Member(node.clone(), key.clone(), Some(old.0.clone())));
        delete(node, key);
        Some(old)
    }

    fn remove_element(&mut self, index: usize) -> Option<Js> {
        let index = self.index(index)?;
        let old = self.node.container().remove_at(index, 1).get(0);
        let node = &self.node;
        self.owned
            .log(|| Undo::Removed(node.clone(), index, old.clone()));
        Some(Js(old))
    }
}

/// Sets an own member.
fn define(object: &Js, key: &JsKey, value: &JsValue) {
    if !NAMES.with(|names| names.proto == key.0) {
        object.container().put(&key.0, value);
        return;
    }
    let descriptor = Object::new();
    for (name, setting) in [
        ("value", value),
        ("writable", &JsValue::TRUE),
        ("enumerable", &JsValue::TRUE),
        ("configurable", &JsValue::TRUE),
    ] {
        descriptor
            .unchecked_ref::<Container>()
            .put(&name.into(), setting);
    }
    Object::define_property(object.0.unchecked_ref::<Object>(), &key.0, &descriptor);
}

fn delete(object: &Js, key: &JsKey) {
    // A plain object's own members can be deleted.
    let _ = Reflect::delete_property(object.0.unchecked_ref::<Object>(), &key.0);
}

/// A text from the network, left where it is: in the engine's memory.
#[derive(Clone, Debug)]
pub struct JsText(JsString);

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
pub struct JsKey(JsValue);

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
