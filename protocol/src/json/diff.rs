//! From one value to another in few operations.
//!
//! Shared subtrees are stepped over, so the cost follows the change and not the state. What comes out
//! holds for the strictest reader: only `add`, `remove` and `replace`, canonical indices, never `-`, each
//! operation valid on what the ones before it made.

use alloc::{string::String, vec::Vec};
use core::{cmp::Ordering, fmt::Write};

use super::{
    Array, Object, Value,
    pointer::push_token,
    tree::{Item, Next, Node, Side, Tree, Walk},
    write_string,
};

/// How many items may be inserted and removed to line two arrays up. Past that they are compared item by
/// item, which is right, too, and costs no more.
const MAX_EDITS: usize = 64;

/// The operations that make one value of another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff(Vec<(String, Change)>);

/// What happens at one place.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A member or an item comes in.
    Add(Value),
    /// A member or an item goes.
    Remove,
    /// A value takes the place of another.
    Replace(Value),
}

/// The operations that make `new` of `old`; none where they are equal.
#[must_use]
pub fn diff(old: &Value, new: &Value) -> Diff {
    let mut differ = Differ {
        path: String::new(),
        diff: Diff::default(),
    };
    differ.values(old, new);
    differ.diff
}

impl Diff {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many operations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The operations in order: where, as a JSON pointer, and what.
    pub fn changes(&self) -> impl ExactSizeIterator<Item = (&str, &Change)> {
        self.0.iter().map(|(path, change)| (path.as_str(), change))
    }

    /// Appends the diff as a JSON Patch.
    pub fn write(&self, out: &mut String) {
        out.push('[');
        for (index, (path, change)) in self.0.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            let (op, value) = match change {
                Change::Add(value) => ("add", Some(value)),
                Change::Remove => ("remove", None),
                Change::Replace(value) => ("replace", Some(value)),
            };
            out.push_str("{\"op\":\"");
            out.push_str(op);
            out.push_str("\",\"path\":");
            write_string(path, out);
            if let Some(value) = value {
                out.push_str(",\"value\":");
                value.write(out);
            }
            out.push('}');
        }
        out.push(']');
    }

    /// About how long `write` makes the operations from `first` on; more than `enough` is not counted.
    fn text_len(&self, first: usize, enough: usize) -> usize {
        let mut len = 0;
        for (path, change) in self.0.iter().skip(first) {
            len += path.len() + 25;
            if let Change::Add(value) | Change::Replace(value) = change {
                len += scalar_len(value);
            }
            if len > enough {
                break;
            }
        }
        len
    }
}

struct Differ {
    path: String,
    diff: Diff,
}

impl Differ {
    fn values(&mut self, old: &Value, new: &Value) {
        match (old, new) {
            (Value::Array(one), Value::Array(two)) => {
                if !one.0.ptr_eq(&two.0) {
                    self.container(new, one.is_empty(), |differ| differ.arrays(one, two));
                }
            }
            (Value::Object(one), Value::Object(two)) => {
                if !one.0.ptr_eq(&two.0) {
                    self.container(new, one.is_empty(), |differ| differ.objects(one, two));
                }
            }
            _ if old == new => {}
            _ => self.push(Change::Replace(new.clone())),
        }
    }

    /// Compares containers, and replaces the whole where that is shorter. Only where nothing but scalars
    /// is in it: readers keep the identity of subtrees that no operation names.
    fn container(&mut self, new: &Value, fresh: bool, compare: impl FnOnce(&mut Self)) {
        let first = self.diff.len();
        compare(self);
        if self.diff.len() < first + 2 || self.path.is_empty() {
            return;
        }
        let enough = self.diff.text_len(first, usize::MAX);
        let whole = flat_len(new, enough);
        if (fresh || whole.is_some()) && whole.unwrap_or(0) + self.path.len() + 25 <= enough {
            self.diff.0.truncate(first);
            self.push(Change::Replace(new.clone()));
        }
    }

    fn objects(&mut self, old: &Object, new: &Object) {
        let mut old = old.0.walk(Side::Front);
        let mut new = new.0.walk(Side::Front);
        loop {
            match (old.next(), new.next()) {
                (None, None) => return,
                (Some(Next::Node(one)), Some(Next::Node(two))) => {
                    if alloc::sync::Arc::ptr_eq(one, two) {
                        old.skip();
                        new.skip();
                        continue;
                    }
                    open_taller((&mut old, one), (&mut new, two));
                }
                (Some(Next::Item((key, value))), Some(Next::Item((new_key, new_value)))) => {
                    match key.cmp(new_key) {
                        Ordering::Equal => {
                            self.at(key, |differ| differ.values(value, new_value));
                            old.skip();
                            new.skip();
                        }
                        Ordering::Less => {
                            self.at(key, |differ| differ.push(Change::Remove));
                            old.skip();
                        }
                        Ordering::Greater => {
                            self.at(new_key, |differ| {
                                differ.push(Change::Add(new_value.clone()));
                            });
                            new.skip();
                        }
                    }
                }
                // A whole node of later keys stays closed: it may be shared with what comes next.
                (Some(Next::Item((key, _))), two) => match two {
                    Some(Next::Node(node)) if node.first().is_none_or(|(k, _)| k <= key) => {
                        new.open(node);
                    }
                    _ => {
                        self.at(key, |differ| differ.push(Change::Remove));
                        old.skip();
                    }
                },
                (one, Some(Next::Item((key, value)))) => match one {
                    Some(Next::Node(node)) if node.first().is_none_or(|(k, _)| k <= key) => {
                        old.open(node);
                    }
                    _ => {
                        self.at(key, |differ| differ.push(Change::Add(value.clone())));
                        new.skip();
                    }
                },
                (Some(Next::Node(node)), None) => old.open(node),
                (None, Some(Next::Node(node))) => new.open(node),
            }
        }
    }

    fn arrays(&mut self, old: &Array, new: &Array) {
        let shorter = old.len().min(new.len());
        let before = common(&old.0, &new.0, Side::Front, shorter);
        let after = common(&old.0, &new.0, Side::Back, shorter - before);
        let middle = |array: &Array| before..array.len() - after;
        let (old_middle, new_middle) = (middle(old), middle(new));
        if old_middle.len() <= 1 || new_middle.len() <= 1 {
            let olds: Vec<&Value> = old_middle.filter_map(|i| old.get(i)).collect();
            let news: Vec<&Value> = new_middle.filter_map(|i| new.get(i)).collect();
            self.gap(before, &olds, &news);
            return;
        }
        let olds: Vec<&Value> = old.iter().skip(before).take(old_middle.len()).collect();
        let news: Vec<&Value> = new.iter().skip(before).take(new_middle.len()).collect();
        let (mut from, mut to) = (0, 0);
        for (one, two) in matches(&olds, &news) {
            self.gap(before + to, &olds[from..one], &news[to..two]);
            (from, to) = (one + 1, two + 1);
        }
        self.gap(before + to, &olds[from..], &news[to..]);
    }

    /// Items that came in the place of others: pairwise as long as there are both.
    fn gap(&mut self, index: usize, olds: &[&Value], news: &[&Value]) {
        let pairs = olds.len().min(news.len());
        for (offset, (old, new)) in olds.iter().zip(news).enumerate() {
            self.at_index(index + offset, |differ| differ.values(old, new));
        }
        for _ in pairs..olds.len() {
            self.at_index(index + pairs, |differ| differ.push(Change::Remove));
        }
        for (offset, new) in news.iter().enumerate().skip(pairs) {
            self.at_index(index + offset, |differ| {
                differ.push(Change::Add((*new).clone()));
            });
        }
    }

    fn at(&mut self, key: &str, compare: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        push_token(&mut self.path, key);
        compare(self);
        self.path.truncate(length);
    }

    fn at_index(&mut self, index: usize, compare: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        // Writing into a `String` cannot fail.
        let _ = write!(self.path, "/{index}");
        compare(self);
        self.path.truncate(length);
    }

    fn push(&mut self, change: Change) {
        self.diff.0.push((self.path.clone(), change));
    }
}

/// Goes into the taller one of two nodes, or into both, so that equal heights meet.
fn open_taller<'a, T: Item>(
    (old, one): (&mut Walk<'a, T>, &'a Node<T>),
    (new, two): (&mut Walk<'a, T>, &'a Node<T>),
) {
    let (one_height, two_height) = (one.height(), two.height());
    if one_height >= two_height {
        old.open(one);
    }
    if two_height >= one_height {
        new.open(two);
    }
}

/// How many items are equal from one side on, at most `limit`.
fn common(old: &Tree<Value>, new: &Tree<Value>, side: Side, limit: usize) -> usize {
    let mut old: Walk<'_, Value> = old.walk(side);
    let mut new: Walk<'_, Value> = new.walk(side);
    let mut equal = 0;
    while equal < limit {
        match (old.next(), new.next()) {
            (Some(Next::Node(one)), Some(Next::Node(two))) => {
                if alloc::sync::Arc::ptr_eq(one, two) && equal + one.len() <= limit {
                    equal += one.len();
                    old.skip();
                    new.skip();
                    continue;
                }
                open_taller((&mut old, one), (&mut new, two));
            }
            (Some(Next::Node(node)), Some(Next::Item(_))) => old.open(node),
            (Some(Next::Item(_)), Some(Next::Node(node))) => new.open(node),
            (Some(Next::Item(one)), Some(Next::Item(two))) if one == two => {
                equal += 1;
                old.skip();
                new.skip();
            }
            _ => break,
        }
    }
    equal
}

/// Pairs of equal items, in order, found with the fewest insertions and removals (Myers' greedy
/// algorithm); none where that takes more than [`MAX_EDITS`].
fn matches(old: &[&Value], new: &[&Value]) -> Vec<(usize, usize)> {
    // The furthest reach on each diagonal, and its history to walk back along.
    let most = MAX_EDITS.min(old.len() + new.len());
    let mut reach = alloc::vec![0_usize; 2 * most + 3];
    let mut history: Vec<Vec<usize>> = Vec::new();
    for edits in 0..=most {
        history.push(reach.clone());
        let mut diagonal = most + 1 - edits;
        while diagonal <= most + 1 + edits {
            let down = diagonal == most + 1 - edits
                || (diagonal != most + 1 + edits && reach[diagonal - 1] < reach[diagonal + 1]);
            let mut x = if down {
                reach[diagonal + 1]
            } else {
                reach[diagonal - 1] + 1
            };
            // Off the edges there is no such diagonal.
            let Some(mut y) = (x + most + 1).checked_sub(diagonal) else {
                diagonal += 2;
                continue;
            };
            while x < old.len() && y < new.len() && old[x] == new[y] {
                x += 1;
                y += 1;
            }
            reach[diagonal] = x;
            if x == old.len() && y == new.len() {
                return walk_back(&history, most, old.len(), new.len());
            }
            diagonal += 2;
        }
    }
    Vec::new()
}

fn walk_back(history: &[Vec<usize>], most: usize, old: usize, new: usize) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let (mut x, mut y) = (old, new);
    for (edits, reach) in history.iter().enumerate().rev() {
        let diagonal = x + most + 1 - y;
        let down = diagonal == most + 1 - edits
            || (diagonal != most + 1 + edits && reach[diagonal - 1] < reach[diagonal + 1]);
        let (from_x, from_diagonal) = if down {
            (reach[diagonal + 1], diagonal + 1)
        } else {
            (reach[diagonal - 1], diagonal - 1)
        };
        let start = if edits == 0 {
            0
        } else if down {
            from_x
        } else {
            from_x + 1
        };
        while x > start && y > 0 {
            x -= 1;
            y -= 1;
            pairs.push((x, y));
        }
        if edits > 0 {
            x = from_x;
            y = (x + most + 1).saturating_sub(from_diagonal);
        }
    }
    pairs.reverse();
    pairs
}

/// About how long a container of scalars is as text; `None` where it holds containers, or is longer than
/// `enough`.
fn flat_len(value: &Value, enough: usize) -> Option<usize> {
    let mut len = 2;
    let mut add = |key: usize, value: &Value| {
        len += key + scalar_len(value) + 1;
        !value.is_container() && len <= enough
    };
    let flat = match value {
        Value::Array(array) => array.iter().all(|item| add(0, item)),
        Value::Object(object) => object.iter().all(|(key, item)| add(key.len() + 3, item)),
        _ => true,
    };
    flat.then_some(len)
}

fn scalar_len(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(_) | Value::Object(_) => 2,
        _ => 5,
    }
}
