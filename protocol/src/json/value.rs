//! [`Value`]: JSON that is shared instead of copied.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::fmt;

use super::{
    Number,
    tree::{self, Tree},
};

/// A JSON value as a persistent tree.
///
/// A clone is one count. Changing one leaf copies the containers on its path, and of a wide container
/// only the nodes on the way to the leaf; what did not change is shared with the older version.
/// Equality is JSON's: numbers by value, objects whatever the order of their keys.
#[derive(Clone, Default)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    String(Arc<str>),
    /// A list.
    Array(Array),
    /// Values by name.
    Object(Object),
}

/// The items of a JSON array.
#[derive(Clone, Default)]
pub struct Array(pub(crate) Tree<Value>);

/// The members of a JSON object, ordered by key.
#[derive(Clone, Default)]
pub struct Object(pub(crate) Tree<(Arc<str>, Value)>);

impl tree::Item for Value {
    type Mark = ();

    fn mark(&self) -> &() {
        &()
    }
}

impl tree::Item for (Arc<str>, Value) {
    type Mark = Arc<str>;

    fn mark(&self) -> &Arc<str> {
        &self.0
    }
}

impl Value {
    /// Whether this is `null`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The boolean, where this is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The number, where this is one.
    #[must_use]
    pub const fn as_number(&self) -> Option<Number> {
        if let Self::Number(value) = self {
            Some(*value)
        } else {
            None
        }
    }

    /// The number as a signed integer, where it is one; see [`Number::as_i64`].
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.as_i64()
    }

    /// The number as an unsigned integer, where it is one; see [`Number::as_u64`].
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.as_u64()
    }

    /// The number as a float, where this is a number.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number().map(Number::as_f64)
    }

    /// The text, where this is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The array, where this is one.
    #[must_use]
    pub const fn as_array(&self) -> Option<&Array> {
        if let Self::Array(array) = self {
            Some(array)
        } else {
            None
        }
    }

    /// The object, where this is one.
    #[must_use]
    pub const fn as_object(&self) -> Option<&Object> {
        if let Self::Object(object) = self {
            Some(object)
        } else {
            None
        }
    }

    /// The member `key`, where this is an object that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_object()?.get(key)
    }

    /// Whether this is an array or an object.
    #[must_use]
    pub const fn is_container(&self) -> bool {
        matches!(self, Self::Array(_) | Self::Object(_))
    }

    /// Whether both are one and the same piece of memory, which says that they are equal at the cost of
    /// one comparison; scalars never are.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::String(one), Self::String(two)) => Arc::ptr_eq(one, two),
            (Self::Array(one), Self::Array(two)) => one.0.ptr_eq(&two.0),
            (Self::Object(one), Self::Object(two)) => one.0.ptr_eq(&two.0),
            _ => false,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::Number(one), Self::Number(two)) => one == two,
            (Self::String(one), Self::String(two)) => one == two,
            (Self::Array(one), Self::Array(two)) => one == two,
            (Self::Object(one), Self::Object(two)) => one == two,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Array {
    /// How many items there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Value> {
        self.0.get(index)
    }

    /// The item at `index`, to be changed.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut Value> {
        self.0.get_mut(index)
    }

    /// Inserts before `index`, or at the end where `index` is the length. Returns whether it did: not
    /// where `index` is past the length.
    pub fn insert(&mut self, index: usize, value: Value) -> bool {
        let inside = index <= self.len();
        if inside {
            self.0.insert(index, value);
        }
        inside
    }

    /// Appends an item.
    pub fn push(&mut self, value: Value) {
        self.0.insert(self.len(), value);
    }

    /// Removes and returns the item at `index`.
    pub fn remove(&mut self, index: usize) -> Option<Value> {
        self.0.remove(index)
    }

    /// The items in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.0.iter()
    }
}

impl PartialEq for Array {
    fn eq(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0) || (self.len() == other.len() && self.iter().eq(other.iter()))
    }
}

impl Object {
    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The member `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let index = self.search(key).ok()?;
        self.0.get(index).map(|(_, value)| value)
    }

    /// The member `key`, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let index = self.search(key).ok()?;
        self.0.get_mut(index).map(|(_, value)| value)
    }

    /// The member `key`, to be changed; it is `null` where there was none.
    pub fn get_or_insert(&mut self, key: &str) -> Option<&mut Value> {
        let index = self.search(key).unwrap_or_else(|index| {
            self.0.insert(index, (key.into(), Value::Null));
            index
        });
        self.0.get_mut(index).map(|(_, value)| value)
    }

    /// Sets the member `key`; returns what it was before.
    pub fn insert(&mut self, key: impl Into<Arc<str>>, value: Value) -> Option<Value> {
        let key = key.into();
        match self.search(&key) {
            Ok(index) => self
                .0
                .get_mut(index)
                .map(|(_, old)| core::mem::replace(old, value)),
            Err(index) => {
                self.0.insert(index, (key, value));
                None
            }
        }
    }

    /// Removes and returns the member `key`.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let index = self.search(key).ok()?;
        self.0.remove(index).map(|(_, value)| value)
    }

    /// The members, ordered by key.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (&**key, value))
    }

    fn search(&self, key: &str) -> Result<usize, usize> {
        self.0.search(|other| (**other).cmp(key))
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0) || (self.len() == other.len() && self.iter().eq(other.iter()))
    }
}

impl FromIterator<Value> for Array {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

/// Of members with the same key, the last one counts.
impl<K: Into<Arc<str>>> FromIterator<(K, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(members: I) -> Self {
        let mut sorted: Vec<(Arc<str>, Value)> = members
            .into_iter()
            .map(|(key, value)| (key.into(), value))
            .collect();
        sorted.sort_by(|(one, _), (two, _)| one.cmp(two));
        sorted.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                core::mem::swap(&mut later.1, &mut earlier.1);
            }
            same
        });
        Self(tree::Tree::from_iter(sorted))
    }
}

impl<T: Into<Self>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::Array(items.into_iter().map(Into::into).collect())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// `null` for infinities and NaN, which JSON cannot hold; [`Number::from_f64`] tells them apart.
impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Number::from_f64(value).map_or(Self::Null, Self::Number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        items.into_iter().collect()
    }
}

impl From<Array> for Value {
    fn from(array: Array) -> Self {
        Self::Array(array)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

macro_rules! from_integers {
    ($($type:ty as $wide:ty),*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::Number(<$wide>::from(value).into())
            }
        }
    )*};
}

from_integers!(
    i8 as i64, i16 as i64, i32 as i64, i64 as i64, u8 as u64, u16 as u64, u32 as u64, u64 as u64
);

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        // No target has a `usize` wider than 64 bits.
        Self::Number(u64::try_from(value).unwrap_or(u64::MAX).into())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.to_text())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.to_text())
    }
}

impl fmt::Debug for Array {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        Value::Array(self.clone()).fmt(out)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        Value::Object(self.clone()).fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        assert_eq!(parse(r#"{"a":1,"b":2,"a":3}"#), parse(r#"{"b":2,"a":3}"#));
    }

    #[test]
    fn a_clone_keeps_what_it_saw() {
        let mut object = Object::default();
        for n in 0..1_000_u32 {
            object.insert(alloc::format!("k{n}"), n.into());
        }
        let held = object.clone();
        *object.get_mut("k500").unwrap() = Value::from("changed");
        object.remove("k7");
        assert_eq!(held.get("k500"), Some(&500_u32.into()));
        assert_eq!(held.len(), 1_000);
        assert_eq!(object.len(), 999);
        assert_eq!(object.get("k500").and_then(Value::as_str), Some("changed"));
        assert_eq!(object.get("k7"), None);
    }

    #[test]
    fn an_index_past_the_end_is_refused() {
        let mut array = Array::default();
        assert!(!array.insert(1, Value::Null));
        assert!(array.insert(0, Value::Null));
        assert_eq!(array.get_mut(1), None);
        assert_eq!(array.remove(1), None);
    }
}
