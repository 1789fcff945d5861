//! [`Channels`]: who subscribed to what.

use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};

use super::{ChannelOptions, Delivery};
use crate::bayeux::{Channel, Pattern, Reach, channel::patterns, ext::replay::Ring};

/// Sweeps that a channel survives unused, the one in which it goes included.
const SWEEPS: u8 = 3;

/// The channels and patterns that exist, by where they stand.
#[derive(Debug)]
pub(super) struct Channels<F> {
    places: BTreeMap<Arc<str>, Nodes<F>>,
    len: usize,
    /// Whether there may be one that nobody uses.
    pub(super) needs_sweep: bool,
}

/// The three patterns that stand at one place.
#[derive(Debug)]
struct Nodes<F> {
    here: Node<F>,
    children: Node<F>,
    descendants: Node<F>,
}

/// A channel or pattern.
#[derive(Debug)]
pub(super) struct Node<F> {
    /// Its name, where it exists.
    pub(super) name: Option<Pattern>,
    /// Where its subscribers are, in order.
    pub(super) subscribers: Vec<u32>,
    pub(super) options: ChannelOptions,
    /// What is kept to be replayed.
    pub(super) ring: Option<Box<Ring<Arc<Delivery<F>>>>>,
    /// Sweeps that it was unused in.
    idle: u8,
}

impl<F> Default for Channels<F> {
    fn default() -> Self {
        Self {
            places: BTreeMap::new(),
            len: 0,
            needs_sweep: false,
        }
    }
}

impl<F> Default for Node<F> {
    fn default() -> Self {
        Self {
            name: None,
            subscribers: Vec::new(),
            options: ChannelOptions::default(),
            ring: None,
            idle: 0,
        }
    }
}

impl<F> Node<F> {
    fn is_vacant(&self) -> bool {
        self.subscribers.is_empty()
            && self.options == ChannelOptions::default()
            && self.ring.as_ref().is_none_or(|ring| ring.is_empty())
    }
}

impl<F> Nodes<F> {
    const fn node(&self, reach: Reach) -> &Node<F> {
        match reach {
            Reach::Here => &self.here,
            Reach::Children => &self.children,
            Reach::Descendants => &self.descendants,
        }
    }

    const fn node_mut(&mut self, reach: Reach) -> &mut Node<F> {
        match reach {
            Reach::Here => &mut self.here,
            Reach::Children => &mut self.children,
            Reach::Descendants => &mut self.descendants,
        }
    }

    const fn all(&mut self) -> [&mut Node<F>; 3] {
        [&mut self.here, &mut self.children, &mut self.descendants]
    }
}

impl<F> Channels<F> {
    /// How many channels and patterns exist.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Node<F>> {
        self.places
            .values()
            .flat_map(|nodes| [&nodes.here, &nodes.children, &nodes.descendants])
            .filter(|node| node.name.is_some())
    }

    /// A channel or pattern, where it exists.
    pub(super) fn node(&self, pattern: &Pattern) -> Option<&Node<F>> {
        self.at(pattern.place(), pattern.reach())
    }

    /// A channel, where it exists.
    pub(super) fn channel(&self, channel: &str) -> Option<&Node<F>> {
        self.at(channel, Reach::Here)
    }

    fn at(&self, place: &str, reach: Reach) -> Option<&Node<F>> {
        let node = self.places.get(place)?.node(reach);
        node.name.is_some().then_some(node)
    }

    pub(super) fn node_mut(&mut self, pattern: &Pattern) -> Option<&mut Node<F>> {
        let node = self.places.get_mut(pattern.place())?;
        let node = node.node_mut(pattern.reach());
        node.name.is_some().then_some(node)
    }

    /// A channel or pattern that exists from now on, and whether it did not before.
    pub(super) fn ensure(&mut self, pattern: &Pattern) -> (&mut Node<F>, bool) {
        let place = pattern.place();
        let nodes = self.places.entry(place.into()).or_insert_with(|| Nodes {
            here: Node::default(),
            children: Node::default(),
            descendants: Node::default(),
        });
        let node = nodes.node_mut(pattern.reach());
        let is_new = node.name.is_none();
        if is_new {
            node.name = Some(pattern.clone());
            self.len += 1;
            self.needs_sweep = true;
        }
        node.idle = 0;
        (node, is_new)
    }

    /// Everything that a message on this channel is for, from the closest to the widest.
    pub(super) fn matching<'a>(&'a self, channel: &'a str) -> impl Iterator<Item = &'a Node<F>> {
        let mut last: (Option<usize>, Option<&Nodes<F>>) = (None, None);
        patterns(channel).filter_map(move |(place, reach)| {
            // The places are parts of one name: the same length is the same place.
            if last.0 != Some(place.len()) {
                last = (Some(place.len()), self.places.get(place));
            }
            let node = last.1?.node(reach);
            node.name.is_some().then_some(node)
        })
    }

    /// What holds for a channel.
    pub(super) fn options(&self, channel: &Channel) -> ChannelOptions {
        let mut all = ChannelOptions::default();
        for ChannelOptions {
            persistent,
            lazy,
            lazy_timeout,
            hides_own,
            anonymous,
            replay,
        } in self.matching(channel.name()).map(|node| node.options)
        {
            all.persistent |= persistent;
            all.lazy |= lazy;
            all.lazy_timeout = [all.lazy_timeout, lazy_timeout].into_iter().flatten().min();
            all.hides_own |= hides_own;
            all.anonymous |= anonymous;
            all.replay = all.replay.max(replay);
        }
        all
    }

    /// Whether the session at a place subscribed to this.
    pub(super) fn has(&self, pattern: &Pattern, index: u32) -> bool {
        let node = self.node(pattern);
        node.is_some_and(|node| node.subscribers.binary_search(&index).is_ok())
    }

    /// Takes a subscriber away. Returns whether there was one.
    pub(super) fn unsubscribe(&mut self, pattern: &Pattern, index: u32) -> bool {
        let Some(node) = self.node_mut(pattern) else {
            return false;
        };
        let Ok(at) = node.subscribers.binary_search(&index) else {
            return false;
        };
        node.subscribers.remove(at);
        let left = node.subscribers.len();
        if left == 0 || left < node.subscribers.capacity() / 4 {
            node.subscribers.shrink_to(left * 2);
        }
        self.needs_sweep |= left == 0;
        true
    }

    pub(super) fn remove(&mut self, pattern: &Pattern) -> Option<Node<F>> {
        let nodes = self.places.get_mut(pattern.place())?;
        let node = core::mem::take(nodes.node_mut(pattern.reach()));
        node.name.as_ref()?;
        self.len -= 1;
        if nodes.all().iter().all(|node| node.name.is_none()) {
            self.places.remove(pattern.place());
        }
        Some(node)
    }

    /// Looks for channels that nobody uses, and removes those that nobody used the last times either.
    pub(super) fn sweep(&mut self) -> Vec<Pattern> {
        let mut gone = Vec::new();
        self.needs_sweep = false;
        for node in self.places.values_mut().flat_map(Nodes::all) {
            if node.name.is_none() || !node.is_vacant() {
                node.idle = 0;
                continue;
            }
            node.idle += 1;
            if node.idle < SWEEPS {
                self.needs_sweep = true;
            } else {
                gone.extend(node.name.clone());
            }
        }
        for pattern in &gone {
            self.remove(pattern);
        }
        gone
    }
}
