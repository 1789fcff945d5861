//! [`Json`] carried by [`Value`].

use alloc::{
    borrow::{Cow, ToOwned},
    string::String,
    sync::Arc,
    vec::Vec,
};

use super::{Cursor, Field, Json, Key, Kind, Ledger, Limits, Malformed, Size, Text, Value, mend};

impl Json for Value {
    type Text = String;
    type Key = Arc<str>;
    type Ledger = Before;
    type Cursor<'a> = &'a mut Self;

    fn null() -> Self {
        Self::Null
    }

    /// A text that only JavaScript takes for JSON is read as far as a [`Value`] can hold it.
    fn parse(text: &String, limits: &Limits) -> Result<Self, Malformed> {
        Self::parse(text, limits).or_else(|error| match mend(text) {
            Some(mended) => Self::parse(&mended, limits),
            None => Err(error),
        })
    }

    fn write(&self, out: &mut String) {
        self.write(out);
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Array(_) => Kind::Array,
            Self::Object(_) => Kind::Object,
            _ => Kind::Scalar,
        }
    }

    fn items(&self) -> usize {
        self.as_array().map_or(0, super::Array::len)
    }

    fn named(&self, names: &'static [&'static str], at: usize) -> Option<Self> {
        self.get(names.get(at)?).cloned()
    }

    fn member(&self, key: &Arc<str>) -> Option<Self> {
        self.get(key).cloned()
    }

    fn element(&self, index: usize) -> Option<Self> {
        self.as_array()?.get(index).cloned()
    }

    fn word(&self, field: Field, words: &'static [&'static str]) -> Option<usize> {
        let text = self.get(field.name())?.as_str()?;
        words.iter().position(|word| *word == text)
    }

    fn into_key(self) -> Option<Arc<str>> {
        if let Self::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    fn excess(&self) -> usize {
        self.as_str().map_or(0, str::len)
    }

    fn as_bool(&self) -> Option<bool> {
        self.as_bool()
    }

    fn as_integer(&self) -> Option<i64> {
        let number = self.as_i64();
        number.filter(|number| number.unsigned_abs() <= 1 << 53)
    }

    fn equals(&self, other: &Self) -> bool {
        self == other
    }

    fn measure(&self, limits: &Limits) -> Option<Size> {
        let mut nodes = limits.nodes;
        let mut bytes = limits.bytes;
        let depth = measure(self, limits.depth, &mut nodes, &mut bytes)?;
        Some(Size {
            depth,
            nodes: limits.nodes - nodes,
            bytes: limits.bytes - bytes,
        })
    }

    fn edit<'a>(root: &'a mut Self, _: &'a mut Before) -> &'a mut Self {
        root
    }
}

/// The depth of `value`, taking its values and bytes off what is left of both.
fn measure(value: &Value, depth: usize, nodes: &mut usize, bytes: &mut usize) -> Option<usize> {
    *nodes = nodes.checked_sub(1)?;
    let own = match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(array) => array.len() + 2,
        Value::Object(object) => object.iter().map(|(key, _)| key.len() + 4).sum::<usize>() + 2,
    };
    *bytes = bytes.checked_sub(own)?;
    let mut deepest = 0;
    match value {
        Value::Array(array) => {
            for item in array.iter() {
                deepest = deepest.max(measure(item, depth.checked_sub(1)?, nodes, bytes)?);
            }
        }
        Value::Object(object) => {
            for (_, item) in object.iter() {
                deepest = deepest.max(measure(item, depth.checked_sub(1)?, nodes, bytes)?);
            }
        }
        _ => return Some(0),
    }
    // An empty container is a level, too.
    depth.checked_sub(1)?;
    Some(deepest + 1)
}

/// The ledger of [`Value`]: its tree edits in place by itself whatever nobody else holds, and the root
/// from before a patch undoes the patch.
#[derive(Clone, Debug, Default)]
pub struct Before(Option<Value>);

impl Ledger<Value> for Before {
    fn begin(&mut self, root: &Value, undo: bool) {
        self.0 = undo.then(|| root.clone());
    }

    fn rollback(&mut self, root: &mut Value) {
        if let Some(before) = self.0.take() {
            *root = before;
        }
    }

    fn commit(&mut self) {
        self.0 = None;
    }

    fn release(&mut self) {}
}

impl Cursor<Value> for &mut Value {
    fn kind(&self) -> Kind {
        Json::kind(&**self)
    }

    fn items(&self) -> usize {
        Json::items(&**self)
    }

    fn into_member(self, key: &Arc<str>) -> Option<Self> {
        if let Value::Object(object) = self {
            object.get_mut(key)
        } else {
            None
        }
    }

    fn into_element(self, index: usize) -> Option<Self> {
        if let Value::Array(array) = self {
            array.get_mut(index)
        } else {
            None
        }
    }

    fn set_member(self, key: Arc<str>, value: Value) {
        if let Value::Object(object) = self {
            object.insert(key, value);
        }
    }

    fn replace_member(self, key: Arc<str>, value: Value) -> bool {
        let Value::Object(object) = self else {
            return false;
        };
        object.get_mut(&key).map(|member| *member = value).is_some()
    }

    fn replace_element(self, index: usize, value: Value) -> bool {
        let Value::Array(array) = self else {
            return false;
        };
        array.get_mut(index).map(|item| *item = value).is_some()
    }

    fn insert_element(self, index: usize, value: Value) {
        if let Value::Array(array) = self {
            array.insert(index, value);
        }
    }

    fn remove_member(self, key: Arc<str>) -> Option<Value> {
        if let Value::Object(object) = self {
            object.remove(&key)
        } else {
            None
        }
    }

    fn remove_element(self, index: usize) -> Option<Value> {
        if let Value::Array(array) = self {
            array.remove(index)
        } else {
            None
        }
    }
}

impl Text for String {
    fn new(text: &str) -> Self {
        text.to_owned()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn header(&self) -> Option<u8> {
        self.as_bytes().first().copied().filter(u8::is_ascii)
    }

    fn payload(mut self) -> Self {
        self.remove(0);
        self
    }

    fn append(&mut self, more: Self) {
        self.push_str(&more);
    }

    fn to_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

impl Key for Arc<str> {
    fn new(text: &str) -> Self {
        text.into()
    }

    fn to_str(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }

    fn split(&self) -> Option<Vec<Self>> {
        let mut parts = str::split(self, '/');
        let first = parts.next().unwrap_or_default();
        let token = |part: &str| {
            if part.contains('~') {
                part.replace("~1", "/").replace("~0", "~").into()
            } else {
                part.into()
            }
        };
        first.is_empty().then(|| parts.map(token).collect())
    }
}
