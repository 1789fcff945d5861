//! [`Place`]: a place in the mirror that is changed, without changing what somebody else holds.

use std::ops::Deref;

use js_sys::{Array, Object, Reflect, WeakSet};
use mirrorball_protocol::json::{Cursor, Json, Kind, Ledger};
use wasm_bindgen::{JsCast, JsValue};

use super::{
    Js, JsKey,
    engine::{Container, NAMES, has_own},
};

/// Which containers nobody but the mirror holds, and how to undo what was done to them.
#[derive(Debug, Default)]
pub struct Owned {
    // Weak: what a patch took out of the mirror is not held on to. Two sets, so that finding a container tells
    // what it is.
    objects: WeakSet<Object>,
    arrays: WeakSet<Object>,
    any_objects: bool,
    any_arrays: bool,
    /// Whether the root is known to be the mirror's own: it is asked for with each operation.
    owns_root: bool,
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
    /// Whether `value` is a container of the mirror's own; then it is found what it is, too.
    pub(super) fn knows(&self, value: &Js) -> bool {
        let key = value.value.unchecked_ref();
        let kind = if self.any_objects && self.objects.has(key) {
            Kind::Object
        } else if self.any_arrays && self.arrays.has(key) {
            Kind::Array
        } else {
            return false;
        };
        value.kind.set(Some(kind));
        true
    }

    /// Makes the root the mirror's own.
    pub(super) fn take_root(&mut self, root: &mut Js) {
        if self.owns_root {
            return;
        }
        self.owns_root = true;
        if !self.knows(root)
            && let Some(copy) = self.copy(root)
        {
            *root = copy;
        }
    }

    /// A copy of `value` that is the mirror's own; `None` for a scalar.
    pub(super) fn copy(&mut self, value: &Js) -> Option<Js> {
        let kind = value.kind();
        let copy: JsValue = match kind {
            Kind::Scalar => return None,
            Kind::Array => {
                let copy = value.value.unchecked_ref::<Array>().slice(0, u32::MAX);
                self.arrays.add(&copy);
                self.any_arrays = true;
                copy.into()
            }
            Kind::Object => {
                let copy = copy_object(&value.value);
                self.objects.add(&copy);
                self.any_objects = true;
                copy.into()
            }
        };
        self.copies += 1;
        let copy = Js::new(copy);
        copy.kind.set(Some(kind));
        Some(copy)
    }

    const fn is_logging(&self) -> bool {
        self.log.is_some()
    }

    fn log(&mut self, undo: Undo) {
        if let Some(log) = &mut self.log {
            log.push(undo);
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
            self.owns_root = false;
            *root = before;
        }
    }

    fn commit(&mut self) {
        self.root = None;
        self.log = None;
    }

    fn replace_root(&mut self) {
        self.owns_root = false;
    }

    fn release(&mut self) {
        self.owns_root = false;
        if core::mem::take(&mut self.any_objects) {
            self.objects = WeakSet::new();
        }
        if core::mem::take(&mut self.any_arrays) {
            self.arrays = WeakSet::new();
        }
    }

    fn copies(&self) -> u64 {
        self.copies
    }
}

fn copy_object(object: &JsValue) -> Object {
    let object: &Object = object.unchecked_ref();
    if NAMES.with(|names| has_own(object, &names.proto)) {
        // Entries define members where `assign` would set the prototype.
        Object::from_entries(&Object::entries(object)).unwrap_or_default()
    } else {
        Object::assign(&Object::new(), object)
    }
}

/// A place in the mirror whose containers, down to here, are the mirror's own.
#[derive(Debug)]
pub struct Place<'a> {
    pub(super) node: Node<'a>,
    pub(super) owned: &'a mut Owned,
}

/// The value at a place.
#[derive(Debug)]
pub(super) enum Node<'a> {
    Root(&'a Js),
    Below(Js),
}

impl Deref for Node<'_> {
    type Target = Js;

    fn deref(&self) -> &Js {
        match self {
            Self::Root(root) => root,
            Self::Below(value) => value,
        }
    }
}

impl Node<'_> {
    fn into_js(self) -> Js {
        match self {
            Self::Root(root) => root.clone(),
            Self::Below(value) => value,
        }
    }
}

impl Place<'_> {
    fn at(self, child: Js) -> Self {
        Place {
            node: Node::Below(child),
            owned: self.owned,
        }
    }

    /// Goes to a copy of `child`, which `put` puts into its place.
    fn below(self, child: Js, put: impl FnOnce(&Container, &JsValue)) -> Self {
        let child = match self.owned.copy(&child) {
            Some(copy) => {
                put(self.node.container(), &copy.value);
                copy
            }
            None => child,
        };
        self.at(child)
    }
}

impl Cursor<Js> for Place<'_> {
    fn kind(&self) -> Kind {
        self.node.kind()
    }

    fn items(&self) -> usize {
        self.node.items()
    }

    fn into_member(self, key: &JsKey) -> Option<Self> {
        let child = Js::new(self.node.container().at(&key.0));
        // What is the mirror's own is surely no member that every object inherits.
        if self.owned.knows(&child) {
            return Some(self.at(child));
        }
        if !has_own(&self.node.value, &key.0) {
            return None;
        }
        // An own member is there already: putting one into its place does not reach a setter.
        Some(self.below(child, |object, copy| object.put(&key.0, copy)))
    }

    fn into_element(self, index: usize) -> Option<Self> {
        let child = self.node.element(index)?;
        if self.owned.knows(&child) {
            return Some(self.at(child));
        }
        Some(self.below(child, |array, copy| array.put_index(index as u32, copy)))
    }

    fn set_member(self, key: JsKey, value: Js) {
        let old = self.owned.is_logging().then(|| self.node.member(&key));
        define(&self.node, &key, &value.value);
        if let Some(old) = old {
            let old = old.map(Js::into_value);
            self.owned.log(Undo::Member(self.node.into_js(), key, old));
        }
    }

    fn replace_member(self, key: JsKey, value: Js) -> bool {
        if !has_own(&self.node.value, &key.0) {
            return false;
        }
        let object = self.node.container();
        let old = self.owned.is_logging().then(|| object.at(&key.0));
        object.put(&key.0, &value.value);
        if old.is_some() {
            self.owned.log(Undo::Member(self.node.into_js(), key, old));
        }
        true
    }

    fn replace_element(self, index: usize, value: Js) -> bool {
        let Some(old) = self.node.element(index) else {
            return false;
        };
        let index = index as u32;
        self.node.container().put_index(index, &value.value);
        self.owned
            .log(Undo::Item(self.node.into_js(), index, old.into_value()));
        true
    }

    fn insert_element(self, index: usize, value: Js) {
        let index = index as u32;
        self.node.container().insert_at(index, 0, &value.value);
        self.owned.log(Undo::Inserted(self.node.into_js(), index));
    }

    fn remove_member(self, key: JsKey) -> Option<Js> {
        let old = self.node.member(&key)?;
        delete(&self.node, &key);
        if self.owned.is_logging() {
            let old = Some(old.value.clone());
            self.owned.log(Undo::Member(self.node.into_js(), key, old));
        }
        Some(old)
    }

    fn remove_element(self, index: usize) -> Option<Js> {
        let old = self.node.element(index)?;
        let index = index as u32;
        self.node.container().remove_at(index, 1);
        if self.owned.is_logging() {
            let removed = old.value.clone();
            self.owned
                .log(Undo::Removed(self.node.into_js(), index, removed));
        }
        Some(old)
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
    Object::define_property(object.value.unchecked_ref::<Object>(), &key.0, &descriptor);
}

fn delete(object: &Js, key: &JsKey) {
    // A plain object's own members can be deleted.
    let _ = Reflect::delete_property(object.value.unchecked_ref::<Object>(), &key.0);
}
