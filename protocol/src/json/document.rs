//! [`Document`]: JSON that patches change, whole or not at all.

use super::{
    Json, Kind, Ledger, Limits, Operation, PatchError, Pointer, Size, Text,
    patch::{add, find, remove, replace},
};

/// How many times over the values that a document may hold are looked at in order to bound one patch.
/// Without this, a short patch that copies or moves something large again and again takes minutes.
const MAX_WALKS: usize = 4;

/// A mirrored document: what patches made of it so far, from `null` on.
///
/// A patch applies as a whole or not at all, and never makes the document larger than its [`Limits`].
/// What [`share`](Self::share) handed out never changes afterwards.
#[derive(Debug)]
pub struct Document<J: Json> {
    root: J,
    ledger: J::Ledger,
    limits: Limits,
    /// An upper bound, so that a small patch costs no walk over a large document: what patches may have
    /// added is added to it, and only where that passes a limit the document is measured.
    size: Size,
    /// What the patch that is being applied adds at most.
    growth: Growth,
    /// Values looked at so far in order to bound the patch that is being applied.
    walked: usize,
}

/// What a patch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The operations in it.
    pub operations: usize,
}

impl<J: Json> Document<J> {
    /// The document `null`.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            root: J::null(),
            ledger: J::Ledger::default(),
            limits,
            size: Size::default(),
            growth: Growth::default(),
            walked: 0,
        }
    }

    /// The document as it is now, never to change again: the next patch copies what it touches.
    pub fn share(&mut self) -> J {
        self.ledger.release();
        self.root.clone()
    }

    /// Containers copied so far in order not to change what was shared, where the carrier counts it.
    pub fn copies(&self) -> u64 {
        self.ledger.copies()
    }

    /// Applies a JSON Patch that came in `text`, or in a part of it.
    ///
    /// # Errors
    ///
    /// Where an operation does not apply or passes a limit; the document is what it was before.
    pub fn apply(&mut self, patch: &J, text: &J::Text) -> Result<Applied, PatchError> {
        if patch.kind() != Kind::Array {
            return Err(PatchError::Shape);
        }
        let operations = patch.items();
        if operations > self.limits.operations {
            return Err(PatchError::Operations);
        }
        let mut source = Source::new(text);
        let tight = !self.fits(source.bound) && !self.fits(source.measure());
        // A single operation fails before it changes anything, except a move and a copy.
        let mut undo = operations > 1 || tight;
        self.walked = 0;
        self.growth = Growth::default();
        self.ledger.begin(&self.root, undo);
        let applied = (0..operations).try_for_each(|index| {
            let operation = Operation::read(patch, index)?;
            if !undo && matches!(operation, Operation::Move(..) | Operation::Copy(..)) {
                undo = true;
                self.ledger.begin(&self.root, undo);
            }
            self.step(operation, &mut source)
        });
        let sized = applied.and_then(|()| {
            let growth = self.growth.within(source.bound);
            self.add(growth).or_else(|_| self.measure())
        });
        if let Err(error) = sized {
            self.ledger.rollback(&mut self.root);
            return Err(error);
        }
        self.ledger.commit();
        Ok(Applied { operations })
    }

    /// Applies one operation of the patch in `source`.
    fn step(
        &mut self,
        operation: Operation<J>,
        source: &mut Source<'_, J::Text>,
    ) -> Result<(), PatchError> {
        match operation {
            Operation::Add(path, value) => {
                self.check_new(&path, &value, source)?;
                self.growth.has_new_keys = true;
                self.growth.nodes += 1;
                add(&mut self.root, &mut self.ledger, path, value)
            }
            Operation::Replace(path, value) => {
                self.check_new(&path, &value, source)?;
                replace(&mut self.root, &mut self.ledger, path, value)
            }
            Operation::Remove(path) => remove(&mut self.root, &mut self.ledger, path).map(|_| ()),
            Operation::Move(from, path) if from == path => find(&self.root, &from)
                .map(|_| ())
                .ok_or(PatchError::Target),
            Operation::Move(from, path) => {
                if from.contains(&path) {
                    return Err(PatchError::IntoItself);
                }
                let value = remove(&mut self.root, &mut self.ledger, from)?;
                self.growth.has_new_keys = true;
                self.check_depth(&path, &value, self.size.depth)?;
                add(&mut self.root, &mut self.ledger, path, value)
            }
            Operation::Copy(from, path) => {
                let value = find(&self.root, &from).ok_or(PatchError::Target)?;
                let size = value.measure(&self.limits).ok_or(PatchError::Size)?;
                self.walk(size)?;
                if !self.fits(size) {
                    self.measure()?;
                }
                self.add(size)?;
                self.growth.has_new_keys = true;
                self.check_depth(&path, &value, size.depth)?;
                // The value is in two places from now on.
                self.ledger.release();
                add(&mut self.root, &mut self.ledger, path, value)
            }
            Operation::Test(path, value) => match find(&self.root, &path) {
                Some(found) if found.equals(&value) => Ok(()),
                Some(_) => Err(PatchError::Test),
                None => Err(PatchError::Target),
            },
        }
    }

    /// Checks that `value`, which came in `source`, fits below `path`.
    fn check_new(
        &mut self,
        path: &Pointer<J::Key>,
        value: &J,
        source: &mut Source<'_, J::Text>,
    ) -> Result<(), PatchError> {
        self.growth.excess = self.growth.excess.saturating_add(value.excess());
        self.growth.has_containers |= value.kind() != Kind::Scalar;
        let fits = path.tokens().len() + source.bound.depth <= self.limits.depth;
        let bound = if fits || value.kind() == Kind::Scalar {
            source.bound
        } else {
            source.measure()
        };
        self.check_depth(path, value, bound.depth)
    }

    /// Checks that `value`, nested at most `bound` deep, fits below `path`.
    fn check_depth(
        &mut self,
        path: &Pointer<J::Key>,
        value: &J,
        bound: usize,
    ) -> Result<(), PatchError> {
        let above = path.tokens().len();
        let mut depth = if value.kind() == Kind::Scalar {
            0
        } else {
            bound
        };
        if above + depth > self.limits.depth && depth > 0 {
            let size = value.measure(&self.limits).ok_or(PatchError::Depth)?;
            self.walk(size)?;
            depth = size.depth;
        }
        if above + depth > self.limits.depth {
            return Err(PatchError::Depth);
        }
        self.size.depth = self.size.depth.max(above + depth);
        Ok(())
    }

    /// Whether the document may grow by this much.
    const fn fits(&self, by: Size) -> bool {
        self.size.nodes.saturating_add(by.nodes) <= self.limits.nodes
            && self.size.bytes.saturating_add(by.bytes) <= self.limits.bytes
    }

    /// Counts growth, where it fits.
    fn add(&mut self, by: Size) -> Result<(), PatchError> {
        if !self.fits(by) {
            return Err(PatchError::Size);
        }
        self.size.nodes += by.nodes;
        self.size.bytes += by.bytes;
        Ok(())
    }

    /// Replaces the upper bound by the size that the document has.
    fn measure(&mut self) -> Result<(), PatchError> {
        let exact = self.root.measure(&self.limits).ok_or(PatchError::Size)?;
        self.walk(exact)?;
        self.size = Size {
            depth: self.size.depth,
            ..exact
        };
        Ok(())
    }

    /// Counts values that were looked at, as many as one patch is worth.
    const fn walk(&mut self, size: Size) -> Result<(), PatchError> {
        self.walked = self.walked.saturating_add(size.nodes);
        if self.walked > self.limits.nodes.saturating_mul(MAX_WALKS) {
            return Err(PatchError::Size);
        }
        Ok(())
    }
}

/// What a patch adds to a document at most.
///
/// A scalar in the place of another value adds nothing but its text, so that a document whose leaves change is not
/// measured again and again.
#[derive(Clone, Copy, Debug, Default)]
struct Growth {
    nodes: usize,
    excess: usize,
    /// Whether the document may have new keys, which are in the text.
    has_new_keys: bool,
    has_containers: bool,
}

impl Growth {
    /// The growth of a patch whose text holds this much at most.
    fn within(self, bound: Size) -> Size {
        let nodes = if self.has_containers {
            bound.nodes
        } else {
            self.nodes
        };
        let bytes = if self.has_containers || self.has_new_keys {
            bound.bytes
        } else {
            self.excess
        };
        Size {
            nodes: nodes.min(bound.nodes),
            bytes: bytes.min(bound.bytes),
            ..bound
        }
    }
}

/// The text that a patch came in: it bounds the values of the patch without a walk over them.
struct Source<'a, T> {
    text: &'a T,
    bound: Size,
    measured: bool,
}

impl<'a, T: Text> Source<'a, T> {
    fn new(text: &'a T) -> Self {
        Self {
            text,
            bound: Size::bound(text.len()),
            measured: false,
        }
    }

    /// Looks at the text, once, where its length alone says too little.
    fn measure(&mut self) -> Size {
        if !self.measured {
            self.measured = true;
            self.bound = self.text.measure();
        }
        self.bound
    }
}
