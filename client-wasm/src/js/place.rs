//! [`Place`]: a place in the mirror that is changed, without changing what somebody else holds.

use std::{cell::Cell, marker::PhantomData};

use mirrorball_protocol::json::{Cursor, Kind, Ledger};

use super::{
    Js, JsKey,
    engine::{Editor, found},
};

/// Which containers nobody but the mirror holds, and how to undo what was done to them.
#[derive(Debug)]
pub struct Owned {
    editor: Editor,
    /// Whether the editor knows of any container.
    any: bool,
    /// What the root is, where it is the editor's: it is asked for with each operation.
    root: Option<Kind>,
    is_logging: bool,
    copies: u64,
    /// The root from before the patch, where that may have to be undone.
    before: Option<Js>,
}

impl Default for Owned {
    fn default() -> Self {
        Self {
            editor: Editor::new(),
            any: false,
            root: None,
            is_logging: false,
            copies: 0,
            before: None,
        }
    }
}

impl Owned {
    /// Goes to the root, which is the mirror's own from then on.
    pub(super) fn open<'a>(&'a mut self, root: &'a mut Js) -> Place<'a> {
        // It may become longer.
        root.code.set(None);
        if let Some(kind) = self.root {
            return Place::new(kind, true, self);
        }
        let copies = self.copies;
        let found = self.editor.open(&root.value);
        let kind = self.enter(found).unwrap_or(Kind::Scalar);
        if self.copies != copies {
            *root = Js::new(self.editor.node());
        }
        if kind != Kind::Scalar {
            self.root = Some(kind);
        }
        Place::new(kind, false, self)
    }

    /// What the editor found; a container that somebody else holds is copied.
    fn enter(&mut self, found: i32) -> Option<Kind> {
        if found == found::ARRAY || found == found::OBJECT {
            self.editor.copy();
            self.copies += 1;
            self.any = true;
        }
        match found {
            found::NOTHING => None,
            _ if found & found::ARRAY != 0 => Some(Kind::Array),
            _ if found & found::OBJECT != 0 => Some(Kind::Object),
            _ => Some(Kind::Scalar),
        }
    }

    fn log(&mut self, on: bool) {
        if self.is_logging || on {
            self.is_logging = on;
            self.editor.log(on);
        }
    }
}

impl Ledger<Js> for Owned {
    fn begin(&mut self, root: &Js, undo: bool) {
        self.before = undo.then(|| root.clone());
        self.log(undo);
    }

    fn rollback(&mut self, root: &mut Js) {
        if let Some(before) = self.before.take() {
            self.editor.undo();
            self.is_logging = false;
            self.root = None;
            *root = before;
        }
    }

    fn commit(&mut self) {
        self.before = None;
        self.log(false);
    }

    fn replace_root(&mut self) {
        self.root = None;
    }

    fn release(&mut self) {
        self.root = None;
        if std::mem::take(&mut self.any) {
            self.editor.release();
        }
    }

    fn copies(&self) -> u64 {
        self.copies
    }
}

/// A place in the mirror whose containers, down to here, are the mirror's own. The editor is there; this
/// knows what it found.
#[derive(Debug)]
pub struct Place<'a> {
    kind: Kind,
    /// Whether the editor has still to go to the root.
    is_top: Cell<bool>,
    owned: &'a mut Owned,
    root: PhantomData<&'a mut Js>,
}

impl<'a> Place<'a> {
    const fn new(kind: Kind, is_top: bool, owned: &'a mut Owned) -> Self {
        Self {
            kind,
            is_top: Cell::new(is_top),
            owned,
            root: PhantomData,
        }
    }

    fn editor(&self) -> &Editor {
        if self.is_top.replace(false) {
            self.owned.editor.reopen();
        }
        &self.owned.editor
    }

    fn enter(self, found: i32) -> Option<Self> {
        let kind = self.owned.enter(found)?;
        Some(Self { kind, ..self })
    }
}

impl Cursor<Js> for Place<'_> {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn items(&self) -> usize {
        match self.kind {
            Kind::Array => self.editor().length() as usize,
            _ => 0,
        }
    }

    fn walk(self, keys: &[JsKey]) -> (Self, usize) {
        let Some(first) = keys.first().filter(|_| self.kind != Kind::Scalar) else {
            return (self, 0);
        };
        // The keys of a pointer are all in one list, unless some are unescaped.
        let listed = keys.iter().take_while(|key| key.is_beside(first)).count();
        let end = first.at() + listed as i32;
        let is_top = self.is_top.replace(false);
        let walked = self
            .owned
            .editor
            .walk(is_top, first.list(), first.at(), end);
        let kind = if walked % 2 == 1 {
            Kind::Array
        } else {
            Kind::Object
        };
        (Self { kind, ..self }, (walked / 2 - first.at()) as usize)
    }

    fn into_member(self, key: &JsKey) -> Option<Self> {
        let found = self.editor().member(key.list(), key.at());
        self.enter(found)
    }

    fn into_element(self, index: usize) -> Option<Self> {
        let found = self.editor().element(index as i32);
        self.enter(found)
    }

    fn set_member(self, key: JsKey, value: Js) {
        self.editor().set(key.list(), key.at(), &value.value);
    }

    fn replace_member(self, key: JsKey, value: Js) -> bool {
        self.editor().replace(key.list(), key.at(), &value.value)
    }

    fn replace_element(self, index: usize, value: Js) -> bool {
        self.editor().replace_element(index as i32, &value.value)
    }

    fn insert_element(self, index: usize, value: Js) {
        self.editor().insert(index as i32, &value.value);
    }

    fn remove_member(self, key: JsKey) -> Option<Js> {
        Js::present(self.editor().remove(key.list(), key.at()))
    }

    fn remove_element(self, index: usize) -> Option<Js> {
        Js::present(self.editor().remove_element(index as i32))
    }
}
