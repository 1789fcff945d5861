//! [`Json`]: what carries JSON, and what the algorithms need to know of it.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;

use super::{Limits, Malformed, Scan, pointer::index};

/// A carrier of JSON: the native [`Value`](super::Value), or a JS value in a browser.
pub trait Json: Clone + fmt::Debug + 'static {
    /// A message's text, in the form in which the network hands it over.
    type Text: Text;
    /// A member's name, or one token of a pointer.
    type Key: Key;
    /// What a [`Document`](super::Document) remembers in order to edit in place and to undo.
    type Ledger: Ledger<Self>;
    /// A place in a document that may be changed.
    type Cursor<'a>: Cursor<Self>;

    /// `null`
    fn null() -> Self;

    /// Parses a text.
    ///
    /// # Errors
    ///
    /// Where it is not JSON, or passes a limit that this carrier checks while it parses.
    fn parse(text: &Self::Text, limits: &Limits) -> Result<Self, Malformed>;

    /// Appends the value as JSON text.
    fn write(&self, out: &mut String);

    /// Whether this can hold others.
    fn kind(&self) -> Kind;

    /// How many items an array has; zero for everything else.
    fn items(&self) -> usize;

    /// A member that a protocol names, where this is an object that has it.
    fn field(&self, field: Field) -> Option<Self> {
        self.named(Field::NAMES, field as usize)
    }

    /// The member whose name is at a place of `names`, where this is an object that has it.
    fn named(&self, names: &'static [&'static str], at: usize) -> Option<Self>;

    /// The own member `key`, where this is an object that has it.
    fn member(&self, key: &Self::Key) -> Option<Self>;

    /// The item at `index`, where this is an array that has it.
    fn element(&self, index: usize) -> Option<Self>;

    /// Which of `words` a member is, where this is an object that has it.
    fn word(&self, field: Field, words: &'static [&'static str]) -> Option<usize>;

    /// What the operation at `index` of a patch consists of; `words` are the values that `op` may have.
    fn operation(&self, index: usize, words: &'static [&'static str]) -> Option<Parts<Self>> {
        let operation = self.element(index)?;
        Some(Parts {
            op: operation.word(Field::Op, words)?,
            path: operation.tokens(Field::Path),
            value: operation.field(Field::Value),
        })
    }

    /// The tokens of the pointer that a member is, as [`Key::split`] finds them, where this is an object that has it.
    fn tokens(&self, field: Field) -> Option<Vec<Self::Key>> {
        self.field(field)?.into_key()?.split()
    }

    /// The text, where this is one.
    fn into_key(self) -> Option<Self::Key>;

    /// About how many bytes of JSON text a scalar has beyond those that each has.
    fn excess(&self) -> usize;

    /// The boolean, where this is one.
    fn as_bool(&self) -> Option<bool>;

    /// The integer that a member is, where this is an object that has it, and it is one of at most 53 bits:
    /// what every peer can hold.
    fn integer(&self, field: Field) -> Option<i64> {
        self.field(field)?.as_integer()
    }

    /// The integer, where this is one of at most 53 bits.
    fn as_integer(&self) -> Option<i64>;

    /// Whether both are the same JSON: numbers by value, objects whatever the order of their keys.
    fn equals(&self, other: &Self) -> bool;

    /// How large this is; `None` where it passes `limits`, found without looking further.
    fn measure(&self, limits: &Limits) -> Option<Size>;

    /// The root of a document, to be changed.
    fn edit<'a>(root: &'a mut Self, ledger: &'a mut Self::Ledger) -> Self::Cursor<'a>;
}

/// What an operation of a patch consists of, whatever of it is there.
#[derive(Clone, Debug)]
pub struct Parts<J: Json> {
    /// Which word `op` is.
    pub op: usize,
    /// The tokens of `path`.
    pub path: Option<Vec<J::Key>>,
    /// `value`
    pub value: Option<J>,
}

/// What a value is, as far as paths go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Neither array nor object.
    Scalar,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// The size of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Levels of nesting; zero for a scalar.
    pub depth: usize,
    /// Values, this one included.
    pub nodes: usize,
    /// About how many bytes of JSON text.
    pub bytes: usize,
}

impl Size {
    /// The most that can be in `length` characters of JSON.
    #[must_use]
    pub const fn bound(length: usize) -> Self {
        Self {
            depth: length / 2,
            nodes: length / 2 + 1,
            bytes: length,
        }
    }
}

/// The members that the protocols name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `data`
    Data,
    /// `diff`
    Diff,
    /// `epoch`
    Epoch,
    /// `from`
    From,
    /// `id`
    Id,
    /// `key`
    Key,
    /// `name`
    Name,
    /// `op`
    Op,
    /// `path`
    Path,
    /// `since`
    Since,
    /// `success`
    Success,
    /// `type`
    Type,
    /// `unhandled`
    Unhandled,
    /// `value`
    Value,
    /// `version`
    Version,
}

impl Field {
    /// The names, in the order of the members above.
    pub const NAMES: &[&str] = &[
        "data",
        "diff",
        "epoch",
        "from",
        "id",
        "key",
        "name",
        "op",
        "path",
        "since",
        "success",
        "type",
        "unhandled",
        "value",
        "version",
    ];

    /// The member's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// A text from the network.
pub trait Text: fmt::Debug + Sized + 'static {
    /// A text with this content.
    fn new(text: &str) -> Self;

    /// Its length, in the platform's unit: never more than bytes of UTF-8, and at least a third of them.
    fn len(&self) -> usize;

    /// Whether there is nothing in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first character, where it is an ASCII one.
    fn header(&self) -> Option<u8>;

    /// Everything behind the first character, which is an ASCII one.
    fn payload(self) -> Self;

    /// Appends another text.
    fn append(&mut self, more: Self);

    /// The content.
    fn to_str(&self) -> Cow<'_, str>;

    /// At most how much is in it, as JSON.
    fn measure(&self) -> Size {
        let mut scan = Scan::default();
        scan.feed(&self.to_str());
        scan.size()
    }
}

/// A name, or one token of a pointer.
pub trait Key: Clone + fmt::Debug + PartialEq + 'static {
    /// A key with this content.
    fn new(text: &str) -> Self;

    /// The content.
    fn to_str(&self) -> Cow<'_, str>;

    /// The tokens of the pointer that this is: what is behind each slash, with `~1` read as `/`, then `~0` as `~`.
    /// Any other tilde stands for itself. `None` where there is something before the first slash.
    fn split(&self) -> Option<Vec<Self>>;

    /// The array index that this is, as [`array_index`](super::array_index) reads it.
    fn index(&self) -> Option<usize> {
        index(&self.to_str())
    }
}

/// Remembers what a document may edit in place, and how to undo what a patch has done so far.
pub trait Ledger<J>: Default + fmt::Debug {
    /// A patch begins. Where `undo` is set it may have to be rolled back.
    fn begin(&mut self, root: &J, undo: bool);

    /// Undoes everything since [`begin`](Self::begin).
    fn rollback(&mut self, root: &mut J);

    /// The patch stands.
    fn commit(&mut self);

    /// The root is about to be another value.
    fn replace_root(&mut self) {}

    /// Somebody else may hold a part of the document from now on: nothing that exists may change.
    fn release(&mut self);

    /// How many containers were copied so far in order not to change what somebody holds, where the
    /// carrier counts it.
    fn copies(&self) -> u64 {
        0
    }
}

/// A place in a document that may be changed. Reading through it never copies; going down and changing
/// does, where somebody else holds the container.
pub trait Cursor<J: Json>: Sized {
    /// What is here.
    fn kind(&self) -> Kind;

    /// How many items the array that is here has.
    fn items(&self) -> usize;

    /// Goes down by as many of `keys` as can be gone by at once; returns how many.
    fn walk(self, keys: &[J::Key]) -> (Self, usize) {
        let _ = keys;
        (self, 0)
    }

    /// Goes to the member `key`.
    fn into_member(self, key: &J::Key) -> Option<Self>;

    /// Goes to the item at `index`.
    fn into_element(self, index: usize) -> Option<Self>;

    /// Sets a member of the object that is here.
    fn set_member(self, key: J::Key, value: J);

    /// Sets an existing member of the object that is here; returns whether there was one.
    fn replace_member(self, key: J::Key, value: J) -> bool;

    /// Sets an existing item of the array that is here; returns whether there was one.
    fn replace_element(self, index: usize, value: J) -> bool;

    /// Inserts into the array that is here, at most at its end.
    fn insert_element(self, index: usize, value: J);

    /// Removes a member of the object that is here.
    fn remove_member(self, key: J::Key) -> Option<J>;

    /// Removes an item of the array that is here.
    fn remove_element(self, index: usize) -> Option<J>;
}
