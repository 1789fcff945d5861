//! [`Tally`]: how many there are of each.

use alloc::{collections::BTreeMap, sync::Arc};

/// How many there are of each name.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<Arc<str>, usize>);

impl Tally {
    /// One more, unless there are so many already. Returns whether there is.
    pub(super) fn add(&mut self, name: &Arc<str>, most: usize) -> bool {
        let count = self.0.get(name).copied().unwrap_or_default();
        let fits = count < most;
        if fits {
            self.0.insert(Arc::clone(name), count + 1);
        }
        fits
    }

    /// One less.
    pub(super) fn remove(&mut self, name: &str) {
        if let Some(count) = self.0.get_mut(name) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_own_bound() {
        let mut tally = Tally::default();
        let (a, b) = ("a".into(), "b".into());
        assert!(tally.add(&a, 2) && tally.add(&a, 2) && !tally.add(&a, 2));
        assert!(tally.add(&b, 2));
        tally.remove("a");
        tally.remove("b");
        tally.remove("b");
        assert!(tally.add(&a, 2) && tally.0.len() == 1);
    }
}
