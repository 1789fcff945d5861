//! What a step was made from, so that it is not done twice.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use crate::process::Outcome;

/// A digest of the names and contents of `paths` (directories with all they hold; what is absent
/// counts as absent) and of `words`.
///
/// It tells a change from none; it is no defence against someone who looks for a collision.
#[expect(
    clippy::disallowed_methods,
    reason = "a digest has to be the same tomorrow"
)]
pub(crate) fn fingerprint(paths: &[PathBuf], words: &[&str]) -> io::Result<String> {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        add(path, path, &mut hasher)?;
    }
    words.hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

fn add(base: &Path, path: &Path, hasher: &mut DefaultHasher) -> io::Result<()> {
    path.strip_prefix(base).unwrap_or(path).hash(hasher);
    if path.is_dir() {
        let mut entries = fs::read_dir(path)?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<Vec<_>>>()?;
        entries.sort();
        entries
            .iter()
            .try_for_each(|entry| add(base, entry, hasher))
    } else {
        match fs::read(path) {
            Ok(bytes) => Some(bytes).hash(hasher),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None::<Vec<u8>>.hash(hasher),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// A step that need not be done again while neither its inputs nor its outputs change.
#[derive(Debug)]
pub(crate) struct Stamp {
    /// Where the fingerprint of the last success is kept.
    pub(crate) file: PathBuf,
    /// What the step reads.
    pub(crate) inputs: Vec<PathBuf>,
    /// What else decides its result: versions, options.
    pub(crate) words: Vec<String>,
    /// What it writes.
    pub(crate) outputs: Vec<PathBuf>,
}

impl Stamp {
    /// The work that there is: `None` while the last success still stands.
    ///
    /// # Errors
    ///
    /// Where an input cannot be read.
    pub(crate) fn work(&self) -> Outcome<Option<Work>> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let inputs = fingerprint(&self.inputs, &words)
            .map_err(|error| format!("cannot read what {} is for: {error}", self.file.display()))?;
        let outputs = self.outputs.clone();
        let work = Work {
            file: self.file.clone(),
            inputs,
            outputs,
        };
        let made = self.outputs.iter().all(|output| output.exists());
        let recorded = fs::read_to_string(&self.file).ok();
        let fresh = made && recorded.is_some() && recorded == work.stamp().ok();
        Ok((!fresh).then_some(work))
    }
}

/// Work to be done, from inputs as they were when it was found.
#[derive(Debug)]
pub(crate) struct Work {
    file: PathBuf,
    /// Taken before the work begins: what is edited meanwhile is work again.
    inputs: String,
    outputs: Vec<PathBuf>,
}

impl Work {
    /// Notes that it is done.
    pub(crate) fn done(self) -> Outcome {
        let write = || -> io::Result<()> {
            if let Some(parent) = self.file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&self.file, self.stamp()?)
        };
        write().map_err(|error| format!("cannot write {}: {error}", self.file.display()))
    }

    fn stamp(&self) -> io::Result<String> {
        Ok(format!(
            "{} {}",
            self.inputs,
            fingerprint(&self.outputs, &[])?
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_sees_every_kind_of_change() {
        let base = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        fs::create_dir_all(base.join("in/deep")).unwrap();
        fs::write(base.join("in/deep/a"), "1").unwrap();
        let stamp = |word: &str| Stamp {
            file: base.join("state/stamp"),
            inputs: vec![base.join("in"), base.join("absent")],
            words: vec![word.to_owned()],
            outputs: vec![base.join("out")],
        };
        let is_fresh = |word: &str| stamp(word).work().unwrap().is_none();
        let done = || {
            let work = stamp("v1").work().unwrap().unwrap();
            fs::write(base.join("out"), "made").unwrap();
            work.done().unwrap();
            assert!(is_fresh("v1"));
        };

        done();
        assert!(!is_fresh("v2"), "another version of the tool");
        fs::write(base.join("in/deep/a"), "2").unwrap();
        assert!(!is_fresh("v1"), "an input changed");
        done();
        fs::rename(base.join("in/deep/a"), base.join("in/deep/b")).unwrap();
        assert!(!is_fresh("v1"), "an input was renamed");
        done();
        fs::write(base.join("absent"), "").unwrap();
        assert!(!is_fresh("v1"), "an input appeared");
        done();
        fs::write(base.join("out"), "touched").unwrap();
        assert!(!is_fresh("v1"), "the output was altered");
        fs::remove_file(base.join("out")).unwrap();
        assert!(!is_fresh("v1"), "the output is gone");

        let work = stamp("v1").work().unwrap().unwrap();
        fs::write(base.join("in/deep/b"), "edited during the work").unwrap();
        fs::write(base.join("out"), "made").unwrap();
        work.done().unwrap();
        assert!(!is_fresh("v1"), "an input changed before the work was done");
        fs::remove_dir_all(&base).unwrap();
    }
}
