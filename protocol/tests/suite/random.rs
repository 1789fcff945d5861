//! Random values and changes, the same for the same seed on every platform.

use mirrorball_protocol::json::{Array, Object, Value};

/// SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

/// Names that hurt: escapes of pointers, array indices, what JS objects inherit, what needs escapes in JSON.
const KEYS: [&str; 34] = [
    "",
    "/",
    "~",
    "~0",
    "~1",
    "~01",
    "a/b",
    "m~n",
    "0",
    "1",
    "01",
    "10",
    "-",
    "-1",
    "1e0",
    "4294967295",
    "9007199254740993",
    "__proto__",
    "constructor",
    "prototype",
    "toString",
    "valueOf",
    "hasOwnProperty",
    "length",
    "\u{10ffff}",
    "😀",
    "é",
    "\u{fffd}",
    "\"",
    "\\",
    "\n",
    "\u{0}",
    " ",
    "a",
];

/// Lengths on both sides of where the tree under arrays and objects splits its nodes.
const WIDTHS: [usize; 8] = [31, 32, 33, 64, 65, 1_023, 1_024, 1_057];

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly from the numbers below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }

    /// Evenly from `from` to `to`, both included.
    pub(crate) const fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.next() % (to - from + 1)
    }

    /// Yes, in so many of a hundred cases.
    pub(crate) const fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    pub(crate) fn pick<'a, T>(&mut self, choice: &'a [T]) -> &'a T {
        &choice[self.below(choice.len())]
    }

    pub(crate) fn key(&mut self) -> String {
        if self.chance(75) {
            (*self.pick(&KEYS)).to_owned()
        } else {
            format!("k{}", self.below(20))
        }
    }

    pub(crate) fn text(&mut self) -> String {
        let words = self.below(5);
        (0..words).map(|_| self.key()).collect()
    }

    /// Numbers that every peer can hold.
    pub(crate) fn number(&mut self) -> Value {
        const SAFE: i64 = 1 << 53;
        let small = i64::try_from(self.below(200)).unwrap() - 100;
        match self.below(8) {
            0 => Value::from(-0.0),
            1 => Value::from(1.0),
            2 => Value::from(*self.pick(&[SAFE, -SAFE, SAFE - 1, 0, 1, i64::from(u32::MAX)])),
            3 => Value::from(*self.pick(&[1e300, 5e-324, 1.5, -0.1, 1e21, 123_456_789.25])),
            4 => Value::from(small as f64 / 8.0),
            _ => Value::from(small),
        }
    }

    pub(crate) fn scalar(&mut self) -> Value {
        match self.below(6) {
            0 => Value::Null,
            1 => Value::from(self.chance(50)),
            2 | 3 => self.number(),
            _ => Value::from(self.text()),
        }
    }

    /// A value of at most `depth` levels.
    pub(crate) fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 4 } else { 10 }) {
            0..=3 => self.scalar(),
            4..=6 => self.array(depth),
            _ => self.object(depth),
        }
    }

    pub(crate) fn array(&mut self, depth: usize) -> Value {
        let len = self.below(6);
        (0..len).map(|_| self.value(depth - 1)).collect()
    }

    pub(crate) fn object(&mut self, depth: usize) -> Value {
        let len = self.below(6);
        let members = (0..len).map(|_| (self.key(), self.value(depth - 1)));
        Value::Object(members.collect())
    }

    /// A container with so many items that the tree under it has levels.
    pub(crate) fn wide(&mut self) -> Value {
        let len = *self.pick(&WIDTHS);
        if self.chance(50) {
            return (0..len).map(|_| self.scalar()).collect();
        }
        let members = (0..len).map(|index| (format!("k{index}"), self.scalar()));
        Value::Object(members.collect())
    }

    /// Changes `value` somewhere, at any depth.
    pub(crate) fn mutate(&mut self, value: &mut Value) {
        match value {
            Value::Array(array) if !array.is_empty() && self.chance(50) => {
                let index = self.below(array.len());
                self.mutate(array.get_mut(index).unwrap());
            }
            Value::Object(object) if !object.is_empty() && self.chance(50) => {
                let key = self.key_of(object);
                self.mutate(object.get_mut(&key).unwrap());
            }
            _ if self.chance(10) => *value = self.value(3),
            Value::Array(array) => self.mutate_array(array),
            Value::Object(object) => self.mutate_object(object),
            scalar => *scalar = self.scalar(),
        }
    }

    fn mutate_array(&mut self, array: &mut Array) {
        let len = array.len();
        let at = self.below(len.max(1));
        match self.below(8) {
            0 | 1 => {
                let at = self.below(len + 1);
                array.insert(at, self.value(2));
            }
            2 => {
                array.remove(at);
            }
            // What a log does.
            3 => {
                array.remove(0);
                array.push(self.value(1));
            }
            4 => {
                if let Some(moved) = array.remove(at) {
                    array.insert(self.below(len), moved);
                }
            }
            5 => {
                for _ in 0..self.below(len + 1) {
                    array.remove(self.below(array.len()));
                }
            }
            6 => {
                for _ in 0..self.below(40) {
                    let at = self.below(array.len() + 1);
                    array.insert(at, self.scalar());
                }
            }
            _ => {
                for _ in 0..self.below(len + 1) {
                    let at = self.below(len);
                    *array.get_mut(at).unwrap() = self.scalar();
                }
            }
        }
    }

    fn mutate_object(&mut self, object: &mut Object) {
        match self.below(8) {
            0..=2 => {
                object.insert(self.key(), self.value(2));
            }
            3 | 4 if !object.is_empty() => {
                object.remove(&self.key_of(object));
            }
            5 if !object.is_empty() => {
                let renamed = object.remove(&self.key_of(object)).unwrap();
                object.insert(self.key(), renamed);
            }
            6 => {
                for _ in 0..self.below(40) {
                    object.insert(format!("k{}", self.below(200)), self.scalar());
                }
            }
            _ => {
                for _ in 0..self.below(object.len() + 1) {
                    object.remove(&self.key_of(object));
                }
            }
        }
    }

    fn key_of(&mut self, object: &Object) -> String {
        let index = self.below(object.len());
        object.iter().nth(index).unwrap().0.to_owned()
    }
}
