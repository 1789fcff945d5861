//! Files and directories, as the tasks make them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::process::Outcome;

/// An empty directory at `path`, whatever was there.
pub(crate) fn remake(path: &Path) -> Outcome {
    let remade = match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir_all(path),
    };
    remade.map_err(|error| format!("cannot empty {}: {error}", path.display()))
}

/// Copies a file, or a directory with all it holds.
pub(crate) fn copy(from: &Path, to: &Path) -> Outcome {
    copy_all(from, to).map_err(|error| {
        format!(
            "cannot copy {} to {}: {error}",
            from.display(),
            to.display()
        )
    })
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Outcome<Vec<u8>> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Reads a file that is text.
pub(crate) fn read_text(path: &Path) -> Outcome<String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Writes a file.
pub(crate) fn write(path: &Path, text: &str) -> Outcome {
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// What is in a directory, in the order of the names.
pub(crate) fn list(directory: &Path) -> Outcome<Vec<PathBuf>> {
    let mut paths = fs::read_dir(directory)
        .and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.path()))
                .collect::<io::Result<Vec<_>>>()
        })
        .map_err(|error| format!("cannot list {}: {error}", directory.display()))?;
    paths.sort();
    Ok(paths)
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path: PathBuf = entry?.path();
        if let Some(name) = path.file_name() {
            copy_all(&path, &to.join(name))?;
        }
    }
    Ok(())
}
