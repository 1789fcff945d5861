//! [`Watched`]: files that may change.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

/// Files that may change, and by what it is told that they have.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    paths: Vec<PathBuf>,
    seen: Mutex<Vec<Option<Stamp>>>,
}

/// By what a file that was written again is told from what it was: when, how long, and which one.
type Stamp = (SystemTime, u64, u64);

impl Watched {
    /// To be called before the files are read, so that no change is missed.
    pub(crate) fn new(paths: Vec<PathBuf>) -> Self {
        Self {
            seen: Mutex::new(stamps(&paths)),
            paths,
        }
    }

    /// Whether they have changed since this was asked last. Looks at them, which blocks.
    pub(crate) fn have_changed(&self) -> bool {
        let stamps = stamps(&self.paths);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = *seen != stamps;
        *seen = stamps;
        changed
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Option<Stamp>> {
    paths.iter().map(|path| stamp(path)).collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    #[cfg(unix)]
    let which = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let which = 0;
    Some((metadata.modified().ok()?, metadata.len(), which))
}
