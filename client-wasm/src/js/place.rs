//! [`Place`]: a place in the mirror that is changed, without changing what somebody else holds.

use js_sys::{Array, Object, Reflect, Set};
use mirrorball_protocol::json::{Cursor, Json, Kind, Ledger};
use wasm_bindgen::{JsCast, JsValue};

use super::{
    Js, JsKey,
    engine::{Container, NAMES, has_own},
};

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
    pub(super) fn has(&self, container: &JsValue) -> bool {
        self.count > 0 && self.containers.has(container)
    }

    /// A copy of a container that is the mirror's own.
    pub(super) fn copy(&mut self, container: &JsValue) -> JsValue {
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
    pub(super) node: Js,
    pub(super) owned: &'a mut Owned,
}

impl Place<'_> {
    fn index(&self, index: usize) -> Option<u32> {
        u32::try_from(index)
            .ok()
            .filter(|index| *index < self.node.items() as u32)
    }
}

impl Cursor<Js> for Place<'_> {
    fn kind(&self) -> Kind {
        self.node.kind()
    }

    fn items(&self) -> usize {
        self.node.items()
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
