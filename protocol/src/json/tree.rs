//! A persistent sequence: the container under arrays and objects.
//!
//! A balanced tree of shared nodes. A clone is one count; changing one item copies the nodes on its
//! path and nothing else, and edits in place those that nobody else holds. Two versions of a sequence
//! therefore share what did not change, and [`Walk`] lets a comparison step over a shared node in one
//! step: that is what makes the cost of a diff follow the change instead of the state.

use alloc::{sync::Arc, vec, vec::Vec};
use core::{cmp::Ordering, fmt, slice};

/// Items of a leaf, children of a branch. A change copies one node of each level, and counts one more holder of
/// each of their children, which is a miss of the cache where the state is large: of a million items, 8 in each
/// of seven levels cost a third of 32 in each of four, for 3 % more memory.
const WIDTH: usize = 8;

/// What a [`Tree`] holds.
pub(crate) trait Item: Clone {
    /// What the items of a sorted sequence are sorted by.
    type Mark: Clone + fmt::Debug;

    /// This item's. It stays what it is while the item is in the sequence.
    fn mark(&self) -> &Self::Mark;
}

/// A persistent sequence of `T`.
#[derive(Clone, Debug)]
pub(crate) struct Tree<T: Item> {
    root: Arc<Node<T>>,
}

/// A node of a [`Tree`].
#[derive(Clone, Debug)]
pub(crate) enum Node<T: Item> {
    Leaf(Vec<T>),
    Branch(Branch<T>),
}

/// An inner node; all children have the same height, one less than its own.
#[derive(Clone, Debug)]
pub(crate) struct Branch<T: Item> {
    height: u8,
    len: usize,
    children: Vec<Arc<Node<T>>>,
    /// Those of the first items below each child: a search looks at them here, and not far below. They are shared
    /// with the branch that this one is a copy of.
    marks: Arc<[T::Mark]>,
}

impl<T: Item> Default for Tree<T> {
    fn default() -> Self {
        Self {
            root: Arc::new(Node::Leaf(Vec::new())),
        }
    }
}

impl<T: Item> Tree<T> {
    pub(crate) fn len(&self) -> usize {
        self.root.len()
    }

    pub(crate) fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        let mut node = &*self.root;
        let mut index = index;
        loop {
            match node {
                Node::Leaf(items) => return items.get(index),
                Node::Branch(branch) => {
                    let (child, before) = branch.child_holding(index)?;
                    index -= before;
                    node = branch.children.get(child)?;
                }
            }
        }
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        let mut node = &mut self.root;
        let mut index = index;
        loop {
            match Arc::make_mut(node) {
                Node::Leaf(items) => return items.get_mut(index),
                Node::Branch(branch) => {
                    let (child, before) = branch.child_holding(index)?;
                    index -= before;
                    node = branch.children.get_mut(child)?;
                }
            }
        }
    }

    /// Inserts before `index`, or at the end where `index` is the length.
    ///
    /// # Panics
    ///
    /// Where `index` is past the length; callers have checked it.
    pub(crate) fn insert(&mut self, index: usize, item: T) {
        if let Some(right) = insert(&mut self.root, index, item) {
            let left = core::mem::replace(&mut self.root, Arc::new(Node::Leaf(Vec::new())));
            self.root = Arc::new(Node::branch(vec![left, right]));
        }
    }

    pub(crate) fn remove(&mut self, index: usize) -> Option<T> {
        if index >= self.len() {
            return None;
        }
        let item = remove(&mut self.root, index);
        while let Node::Branch(branch) = &*self.root
            && let [only] = branch.children.as_slice()
        {
            self.root = Arc::clone(only);
        }
        item
    }

    /// Finds an item in a sequence that is sorted by what `order` compares: its index, or the index
    /// where it would have to be inserted.
    pub(crate) fn search(&self, order: impl Fn(&T::Mark) -> Ordering) -> Result<usize, usize> {
        let mut node = &*self.root;
        let mut before = 0;
        loop {
            match node {
                Node::Leaf(items) => {
                    return match items.binary_search_by(|item| order(item.mark())) {
                        Ok(index) => Ok(before + index),
                        Err(index) => Err(before + index),
                    };
                }
                Node::Branch(branch) => {
                    let marks = &branch.marks;
                    let after = marks.partition_point(|mark| order(mark) != Ordering::Greater);
                    let child = after.saturating_sub(1);
                    before += branch
                        .children
                        .iter()
                        .take(child)
                        .map(|c| c.len())
                        .sum::<usize>();
                    match branch.children.get(child) {
                        Some(next) => node = next,
                        None => return Err(before),
                    }
                }
            }
        }
    }

    pub(crate) fn iter(&self) -> Iter<'_, T> {
        Iter {
            walk: self.walk(Side::Front),
            left: self.len(),
        }
    }

    pub(crate) fn walk(&self, side: Side) -> Walk<'_, T> {
        Walk {
            side,
            levels: vec![Level::Nodes(slice::from_ref(&self.root))],
        }
    }
}

impl<T: Item> FromIterator<T> for Tree<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut items = items.into_iter();
        let mut nodes = Vec::new();
        loop {
            let leaf: Vec<T> = items.by_ref().take(WIDTH).collect();
            if leaf.is_empty() {
                break;
            }
            nodes.push(Arc::new(Node::Leaf(leaf)));
        }
        while nodes.len() > 1 {
            nodes = nodes
                .chunks(WIDTH)
                .map(|group| Arc::new(Node::branch(group.to_vec())))
                .collect();
        }
        nodes.pop().map_or_else(Self::default, |root| Self { root })
    }
}

impl<T: Item> Node<T> {
    fn branch(children: Vec<Arc<Self>>) -> Self {
        let height = children.first().map_or(0, |child| child.height()) + 1;
        let len = children.iter().map(|child| child.len()).sum();
        let marks = marks(&children);
        Self::Branch(Branch {
            height,
            len,
            children,
            marks,
        })
    }

    fn mark(&self) -> Option<&T::Mark> {
        match self {
            Self::Leaf(items) => items.first().map(Item::mark),
            Self::Branch(branch) => branch.marks.first(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Leaf(items) => items.len(),
            Self::Branch(branch) => branch.len,
        }
    }

    pub(crate) fn height(&self) -> u8 {
        match self {
            Self::Leaf(_) => 0,
            Self::Branch(branch) => branch.height,
        }
    }

    pub(crate) fn first(&self) -> Option<&T> {
        match self {
            Self::Leaf(items) => items.first(),
            Self::Branch(branch) => branch.children.first()?.first(),
        }
    }

    fn width(&self) -> usize {
        match self {
            Self::Leaf(items) => items.len(),
            Self::Branch(branch) => branch.children.len(),
        }
    }
}

fn marks<T: Item>(children: &[Arc<Node<T>>]) -> Arc<[T::Mark]> {
    let marks = children.iter().filter_map(|child| child.mark());
    marks.cloned().collect()
}

impl<T: Item> Branch<T> {
    /// The child that holds the item at `index`, and how many items are before that child.
    fn child_holding(&self, index: usize) -> Option<(usize, usize)> {
        let mut before = 0;
        for (child, node) in self.children.iter().enumerate() {
            if index < before + node.len() {
                return Some((child, before));
            }
            before += node.len();
        }
        None
    }
}

/// Inserts below `node`; returns the right half where the node had to be split.
fn insert<T: Item>(node: &mut Arc<Node<T>>, index: usize, item: T) -> Option<Arc<Node<T>>> {
    match Arc::make_mut(node) {
        Node::Leaf(items) => {
            items.insert(index, item);
            (items.len() > WIDTH)
                .then(|| Arc::new(Node::Leaf(items.split_off(split_at(index, items.len())))))
        }
        Node::Branch(branch) => {
            // An index on the border belongs to the left child, the end to the last.
            let (child, before) = match index.checked_sub(1) {
                Some(left) => branch.child_holding(left)?,
                None => (0, 0),
            };
            branch.len += 1;
            let right = insert(&mut branch.children[child], index - before, item);
            if right.is_none() && index > 0 {
                return None;
            }
            branch.children.splice(child + 1..child + 1, right);
            let right = (branch.children.len() > WIDTH).then(|| {
                let at = split_at(child + 1, branch.children.len());
                let right = Node::branch(branch.children.split_off(at));
                branch.len -= right.len();
                Arc::new(right)
            });
            branch.marks = marks(&branch.children);
            right
        }
    }
}

/// Where to split a node that became too wide: in the middle, but where it grew at its end leave the
/// left part full, so that a sequence that is only appended to is packed.
fn split_at(grown: usize, width: usize) -> usize {
    if grown + 1 == width {
        width - 1
    } else {
        width / 2
    }
}

fn remove<T: Item>(node: &mut Arc<Node<T>>, index: usize) -> Option<T> {
    match Arc::make_mut(node) {
        Node::Leaf(items) => Some(items.remove(index)),
        Node::Branch(branch) => {
            let (child, before) = branch.child_holding(index)?;
            let item = remove(&mut branch.children[child], index - before)?;
            branch.len -= 1;
            if branch.merge(child) || index == before {
                branch.marks = marks(&branch.children);
            }
            Some(item)
        }
    }
}

impl<T: Item> Branch<T> {
    /// Joins `child` with a neighbour where both fit into one node, which keeps the tree shallow. Returns whether
    /// it did, and there is a child less.
    fn merge(&mut self, child: usize) -> bool {
        if self.children[child].width() == 0 {
            self.children.remove(child);
            return true;
        }
        for left in [child.checked_sub(1), Some(child)].into_iter().flatten() {
            let Some([one, two]) = self.children.get(left..left + 2) else {
                continue;
            };
            if one.width() + two.width() > WIDTH {
                continue;
            }
            let two = self.children.remove(left + 1);
            match (Arc::make_mut(&mut self.children[left]), &*two) {
                (Node::Leaf(items), Node::Leaf(more)) => items.extend_from_slice(more),
                (Node::Branch(branch), Node::Branch(more)) => {
                    branch.len += more.len;
                    branch.children.extend_from_slice(&more.children);
                    branch.marks = marks(&branch.children);
                }
                _ => {}
            }
            return true;
        }
        false
    }
}

/// The end from which a [`Walk`] starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Front,
    Back,
}

/// What a [`Walk`] stands before: a whole node, or an item of a node that was opened.
#[derive(Debug)]
pub(crate) enum Next<'a, T: Item> {
    Node(&'a Arc<Node<T>>),
    Item(&'a T),
}

/// A walk along a sequence that may step over whole nodes.
#[derive(Clone, Debug)]
pub(crate) struct Walk<'a, T: Item> {
    side: Side,
    levels: Vec<Level<'a, T>>,
}

#[derive(Debug)]
enum Level<'a, T: Item> {
    Nodes(&'a [Arc<Node<T>>]),
    Items(&'a [T]),
}

impl<T: Item> Clone for Level<'_, T> {
    fn clone(&self) -> Self {
        match self {
            Self::Nodes(nodes) => Self::Nodes(nodes),
            Self::Items(items) => Self::Items(items),
        }
    }
}

impl<'a, T: Item> Walk<'a, T> {
    /// What comes next; `None` at the end.
    pub(crate) fn next(&mut self) -> Option<Next<'a, T>> {
        loop {
            let next = match self.levels.last()? {
                Level::Nodes(nodes) => self.pick(nodes).map(Next::Node),
                Level::Items(items) => self.pick(items).map(Next::Item),
            };
            if next.is_some() {
                return next;
            }
            self.levels.pop();
        }
    }

    /// Steps over what comes next.
    pub(crate) fn skip(&mut self) {
        let side = self.side;
        match self.levels.last_mut() {
            Some(Level::Nodes(nodes)) => *nodes = rest(side, nodes),
            Some(Level::Items(items)) => *items = rest(side, items),
            None => {}
        }
    }

    /// Goes into `node`, which came next.
    pub(crate) fn open(&mut self, node: &'a Node<T>) {
        self.skip();
        self.levels.push(match node {
            Node::Leaf(items) => Level::Items(items),
            Node::Branch(branch) => Level::Nodes(&branch.children),
        });
    }

    fn pick<U>(&self, list: &'a [U]) -> Option<&'a U> {
        match self.side {
            Side::Front => list.first(),
            Side::Back => list.last(),
        }
    }
}

fn rest<T>(side: Side, list: &[T]) -> &[T] {
    match side {
        Side::Front => list.get(1..),
        Side::Back => list.get(..list.len().saturating_sub(1)),
    }
    .unwrap_or_default()
}

/// The items of a [`Tree`] in order.
#[derive(Clone, Debug)]
pub(crate) struct Iter<'a, T: Item> {
    walk: Walk<'a, T>,
    left: usize,
}

impl<'a, T: Item> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        loop {
            match self.walk.next()? {
                Next::Item(item) => {
                    self.walk.skip();
                    self.left = self.left.saturating_sub(1);
                    return Some(item);
                }
                Next::Node(node) => self.walk.open(node),
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T: Item> ExactSizeIterator for Iter<'_, T> {}

#[cfg(test)]
mod tests {
    use super::*;

    impl Item for u32 {
        type Mark = Self;

        fn mark(&self) -> &Self {
            self
        }
    }

    /// Every node but those on the right edge and those left by removals is well filled.
    fn check(tree: &Tree<u32>, model: &[u32]) {
        assert_eq!(tree.len(), model.len());
        assert!(tree.iter().eq(model.iter()));
        for (index, item) in model.iter().enumerate() {
            assert_eq!(tree.get(index), Some(item));
        }
        assert_eq!(tree.get(model.len()), None);
        let levels = model.len().max(1).ilog2() / 3 + 2;
        assert!(
            u32::from(tree.root.height()) <= levels,
            "{} items",
            model.len()
        );
    }

    #[test]
    fn behaves_like_a_vector() {
        let mut seed = 1_u64;
        let mut random = |below: usize| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        let mut tree = Tree::default();
        let mut model = Vec::new();
        for step in 0..6_000_u32 {
            let held = tree.clone();
            let before = model.clone();
            let grow = if step < 3_000 { 7 } else { 3 };
            if random(10) < grow || model.is_empty() {
                let at = random(model.len() + 1);
                tree.insert(at, step);
                model.insert(at, step);
            } else {
                let at = random(model.len());
                assert_eq!(tree.remove(at), Some(model.remove(at)));
            }
            if !model.is_empty() {
                let at = random(model.len());
                model[at] = step;
                *tree.get_mut(at).unwrap() = step;
            }
            if step % 97 == 0 {
                check(&tree, &model);
                check(&held, &before);
            }
        }
        while !model.is_empty() {
            assert_eq!(tree.remove(0), Some(model.remove(0)));
        }
        check(&tree, &model);
        assert_eq!(tree.remove(0), None);
    }

    #[test]
    fn appending_packs_the_leaves() {
        let mut tree = Tree::default();
        for item in 0..10_000_u32 {
            tree.insert(tree.len(), item);
        }
        let built: Tree<u32> = (0..10_000).collect();
        assert_eq!(tree.root.height(), built.root.height());
        check(&built, &(0..10_000).collect::<Vec<_>>());
    }

    #[test]
    fn search_finds_or_says_where() {
        let tree: Tree<u32> = (0..5_000).map(|n| n * 2).collect();
        for n in 0..10_000_u32 {
            let found = tree.search(|item| item.cmp(&n));
            let half = n as usize / 2;
            assert_eq!(found, if n % 2 == 0 { Ok(half) } else { Err(half + 1) });
        }
    }

    #[test]
    fn a_sorted_sequence_is_searched_whatever_came_and_went() {
        let mut seed = 1_u64;
        let mut random = |below: u32| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as u32 % below
        };
        let mut tree = Tree::default();
        let mut model = alloc::collections::BTreeSet::new();
        for step in 0..20_000 {
            let grow = if step < 10_000 { 7 } else { 3 };
            let item = random(4_000);
            match tree.search(|other: &u32| other.cmp(&item)) {
                Ok(at) if random(10) >= grow => {
                    assert_eq!(tree.remove(at), Some(item));
                    assert!(model.remove(&item));
                }
                Ok(_) => assert!(model.contains(&item)),
                Err(at) => {
                    tree.insert(at, item);
                    assert!(model.insert(item));
                }
            }
            if step % 997 == 0 {
                let sorted: Vec<u32> = model.iter().copied().collect();
                check(&tree, &sorted);
                for (at, item) in sorted.iter().enumerate() {
                    assert_eq!(tree.search(|other| other.cmp(item)), Ok(at));
                }
            }
        }
    }
}
