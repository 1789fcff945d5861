//! Operations of a JSON Patch (RFC 6902), applied to one document.

use core::fmt;

use super::{Cursor, Field, Json, Key, Kind, Ledger, Pointer};

/// One operation of a patch, parsed.
#[derive(Clone, Debug)]
pub enum Operation<J: Json> {
    /// Sets a member, or inserts an item.
    Add(Pointer<J::Key>, J),
    /// Takes a member or an item away.
    Remove(Pointer<J::Key>),
    /// Sets what is there already.
    Replace(Pointer<J::Key>, J),
    /// Takes from the first place and adds at the second.
    Move(Pointer<J::Key>, Pointer<J::Key>),
    /// Reads from the first place and adds at the second.
    Copy(Pointer<J::Key>, Pointer<J::Key>),
    /// Fails the patch where something else is there.
    Test(Pointer<J::Key>, J),
}

/// The values of `op`, in the order in which they are told apart.
const OPERATIONS: &[&str] = &["add", "remove", "replace", "move", "copy", "test"];

/// Why a patch does not apply. Whoever made the patch is at fault, or the two ends do not hold the same
/// document any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatchError {
    /// The patch is not an array of objects.
    Shape,
    /// `op` is none of the six.
    Op,
    /// `path` or `from` is missing or no pointer.
    Pointer,
    /// `value` is missing.
    Value,
    /// A path names nothing.
    Target,
    /// A token names no place in the array that it should.
    Index,
    /// A value should move into itself.
    IntoItself,
    /// A `test` found something else.
    Test,
    /// The document would be nested deeper than [`Limits::depth`](super::Limits::depth).
    Depth,
    /// The document would be larger than [`Limits::nodes`](super::Limits::nodes) or
    /// [`Limits::bytes`](super::Limits::bytes).
    Size,
    /// There are more than [`Limits::operations`](super::Limits::operations).
    Operations,
}

impl PatchError {
    /// The error in words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Shape => "the patch is not an array of objects",
            Self::Op => "the patch holds an unknown operation",
            Self::Pointer => "a path in the patch is missing or no JSON pointer",
            Self::Value => "an operation of the patch lacks its value",
            Self::Target => "a path in the patch names nothing",
            Self::Index => "a path in the patch names no place in an array",
            Self::IntoItself => "the patch moves a value into itself",
            Self::Test => "a test in the patch failed",
            Self::Depth => "the patch nests the document too deep",
            Self::Size => "the patch makes the document too large",
            Self::Operations => "the patch has too many operations",
        }
    }
}

impl fmt::Display for PatchError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.text())
    }
}

impl core::error::Error for PatchError {}

impl<J: Json> Operation<J> {
    /// Reads the operation at `index` of a patch; members that RFC 6902 does not name are ignored.
    ///
    /// # Errors
    ///
    /// Where a member that the operation needs is missing or of the wrong type.
    pub fn read(patch: &J, index: usize) -> Result<Self, PatchError> {
        let Some(parts) = patch.operation(index, OPERATIONS) else {
            let kind = patch.element(index).map(|operation| operation.kind());
            return Err(match kind {
                Some(Kind::Object) => PatchError::Op,
                _ => PatchError::Shape,
            });
        };
        let from = || {
            let tokens = patch.element(index).and_then(|it| it.tokens(Field::From));
            tokens.map(Pointer::of).ok_or(PatchError::Pointer)
        };
        let path = parts.path.map(Pointer::of);
        let path = path.ok_or(PatchError::Pointer)?;
        let value = parts.value.ok_or(PatchError::Value);
        Ok(match parts.op {
            0 => Self::Add(path, value?),
            1 => Self::Remove(path),
            2 => Self::Replace(path, value?),
            3 => Self::Move(from()?, path),
            4 => Self::Copy(from()?, path),
            _ => Self::Test(path, value?),
        })
    }
}

/// What is at `pointer`.
pub(super) fn find<J: Json>(root: &J, pointer: &Pointer<J::Key>) -> Option<J> {
    let mut place = root.clone();
    for token in pointer.tokens() {
        place = match place.kind() {
            Kind::Object => place.member(token)?,
            Kind::Array => place.element(token.index()?)?,
            Kind::Scalar => return None,
        };
    }
    Some(place)
}

/// Sets a member or inserts an item, as `add` does.
pub(super) fn add<J: Json>(
    root: &mut J,
    ledger: &mut J::Ledger,
    pointer: Pointer<J::Key>,
    value: J,
) -> Result<(), PatchError> {
    let Some((last, parents)) = pointer.split_last() else {
        set_root(root, ledger, value);
        return Ok(());
    };
    let parent = descend::<J>(J::edit(root, ledger), &parents)?;
    match parent.kind() {
        Kind::Object => parent.set_member(last, value),
        Kind::Array => {
            let end = parent.items();
            let index = match last.index() {
                Some(index) => index,
                None if last.to_str() == "-" => end,
                None => return Err(PatchError::Index),
            };
            if index > end {
                return Err(PatchError::Index);
            }
            parent.insert_element(index, value);
        }
        Kind::Scalar => return Err(PatchError::Target),
    }
    Ok(())
}

/// Sets what is there already, as `replace` does.
pub(super) fn replace<J: Json>(
    root: &mut J,
    ledger: &mut J::Ledger,
    pointer: Pointer<J::Key>,
    value: J,
) -> Result<(), PatchError> {
    let Some((last, parents)) = pointer.split_last() else {
        set_root(root, ledger, value);
        return Ok(());
    };
    let parent = descend::<J>(J::edit(root, ledger), &parents)?;
    match parent.kind() {
        Kind::Object => parent
            .replace_member(last, value)
            .then_some(())
            .ok_or(PatchError::Target),
        Kind::Array => {
            let index = last.index().ok_or(PatchError::Index)?;
            parent
                .replace_element(index, value)
                .then_some(())
                .ok_or(PatchError::Index)
        }
        Kind::Scalar => Err(PatchError::Target),
    }
}

/// Takes a value out. Without a root there is `null`: RFC 6902 leaves that open, and the peers do so.
pub(super) fn remove<J: Json>(
    root: &mut J,
    ledger: &mut J::Ledger,
    pointer: Pointer<J::Key>,
) -> Result<J, PatchError> {
    let Some((last, parents)) = pointer.split_last() else {
        return Ok(set_root(root, ledger, J::null()));
    };
    let parent = descend::<J>(J::edit(root, ledger), &parents)?;
    match parent.kind() {
        Kind::Object => parent.remove_member(last).ok_or(PatchError::Target),
        Kind::Array => {
            let index = last.index().ok_or(PatchError::Index)?;
            parent.remove_element(index).ok_or(PatchError::Index)
        }
        Kind::Scalar => Err(PatchError::Target),
    }
}

/// Puts another document in the place of this one, which it returns.
fn set_root<J: Json>(root: &mut J, ledger: &mut J::Ledger, value: J) -> J {
    ledger.replace_root();
    core::mem::replace(root, value)
}

fn descend<'a, J: Json>(
    place: J::Cursor<'a>,
    tokens: &[J::Key],
) -> Result<J::Cursor<'a>, PatchError> {
    let (mut place, walked) = place.walk(tokens);
    for token in tokens.iter().skip(walked) {
        place = match place.kind() {
            Kind::Object => place.into_member(token).ok_or(PatchError::Target)?,
            Kind::Array => {
                let index = token.index().ok_or(PatchError::Index)?;
                place.into_element(index).ok_or(PatchError::Index)?
            }
            Kind::Scalar => return Err(PatchError::Target),
        };
    }
    Ok(place)
}
