//! [`Mark`]: which of a server's states a mirror holds.

use alloc::string::String;
use core::fmt::Write;

use crate::json::Key;

/// The most characters of an epoch that is asked for.
const EPOCH_LENGTH: usize = 32;

/// Which of a server's states a mirror holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark<K> {
    /// The server's life.
    pub(super) epoch: K,
    /// The state's number in it.
    pub(super) version: i64,
}

impl<K: Key> Mark<K> {
    /// The mark of another state in the same epoch.
    pub(super) fn at(self, version: i64) -> Self {
        Self { version, ..self }
    }

    /// Asks, as part of an address, to go on from here; `None` where an address cannot say it.
    pub(super) fn query(&self) -> Option<String> {
        let epoch = self.epoch.to_str();
        let is_plain = epoch.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_plain || epoch.is_empty() || epoch.len() > EPOCH_LENGTH {
            return None;
        }
        let mut query = String::from("resume=");
        query.push_str(&epoch);
        write!(query, ".{}", self.version).ok()?;
        Some(query)
    }
}
