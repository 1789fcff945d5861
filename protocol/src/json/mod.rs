//! JSON: values, pointers (RFC 6901), patches (RFC 6902) and diffs.
//!
//! The algorithms exist once, over the trait [`Json`]. [`Value`] implements it for native code; the
//! browser client implements it for JS values, so that a browser's state lives as the plain objects that
//! the page reads.

mod carrier;
mod diff;
mod document;
mod mend;
mod native;
mod number;
mod patch;
mod pointer;
mod scan;
mod text;
mod tree;
mod value;

pub use carrier::{Cursor, Field, Json, Key, Kind, Ledger, Parts, Size, Text};
pub use diff::{Change, Diff, diff};
pub use document::{Applied, Document};
pub(crate) use mend::mend;
pub use native::Before;
pub use number::Number;
pub use patch::{Operation, PatchError};
pub use pointer::{Pointer, PointerError, index as array_index};
pub use scan::Scan;
pub use text::to_value;
pub(crate) use text::{write_integer, write_string};
pub use value::{Array, Object, Value};

use alloc::string::{String, ToString};
use core::fmt;

/// How large JSON from a peer may be, and the state that patches make of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Levels of nesting; default 100.
    pub depth: usize,
    /// Values, containers and scalars alike; default 1,000,000.
    pub nodes: usize,
    /// Bytes of the state as JSON text; default 64 MiB.
    pub bytes: usize,
    /// Operations in one patch; default 100,000.
    pub operations: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 100,
            nodes: 1_000_000,
            bytes: 64 << 20,
            operations: 100_000,
        }
    }
}

/// A text that is not JSON, or JSON that passes a limit. Its author is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(String);

impl Malformed {
    /// An error that says why.
    pub fn new(why: &dyn fmt::Display) -> Self {
        Self(why.to_string())
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "malformed JSON: {}", self.0)
    }
}

impl core::error::Error for Malformed {}
