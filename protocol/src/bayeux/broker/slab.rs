//! [`Slab`]: things at places that are used again.

use alloc::vec::Vec;

/// Where a thing is, and which one of those that were there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) index: u32,
    generation: u32,
}

/// Things at places that are used again, each under a key that is never used again.
#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, thing: T) -> Key {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push((0, None));
            // Nothing here comes close to so many.
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let Some((generation, place)) = self.places.get_mut(index as usize) else {
            return Key {
                index,
                generation: u32::MAX,
            };
        };
        *place = Some(thing);
        Key {
            index,
            generation: *generation,
        }
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<T> {
        let (generation, place) = self.places.get_mut(key.index as usize)?;
        if *generation != key.generation {
            return None;
        }
        let thing = place.take()?;
        *generation = generation.wrapping_add(1);
        self.free.push(key.index);
        Some(thing)
    }

    pub(super) fn get(&self, key: Key) -> Option<&T> {
        let (generation, place) = self.places.get(key.index as usize)?;
        place.as_ref().filter(|_| *generation == key.generation)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let (generation, place) = self.places.get_mut(key.index as usize)?;
        place.as_mut().filter(|_| *generation == key.generation)
    }

    /// What is at a place now.
    pub(super) fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        self.places.get_mut(index as usize)?.1.as_mut()
    }

    /// The key of what is at a place now.
    pub(super) fn key(&self, index: u32) -> Option<Key> {
        let (generation, place) = self.places.get(index as usize)?;
        place.as_ref().map(|_| Key {
            index,
            generation: *generation,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.places
            .iter()
            .zip(0..)
            .filter_map(|((generation, place), index)| {
                let generation = *generation;
                place
                    .as_ref()
                    .map(|thing| (Key { index, generation }, thing))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_used_again() {
        let mut slab = Slab::default();
        let one = slab.insert(1);
        let two = slab.insert(2);
        assert_eq!(slab.remove(one), Some(1));
        let three = slab.insert(3);
        assert_eq!((three.index, slab.len()), (one.index, 2));
        assert_eq!(slab.get(one), None);
        assert_eq!(slab.remove(one), None);
        assert_eq!(slab.key(0), Some(three));
        *slab.get_mut(two).unwrap() += 5;
        *slab.at_mut(0).unwrap() += 5;
        let all: Vec<_> = slab.iter().collect();
        assert_eq!(all, [(three, &8), (two, &7)]);
    }
}
