//! The files that the rules look at.

use std::fmt;
use std::process::Command;

use super::{file_name, rust};
use crate::process::{Outcome, ask};
use crate::workspace::Workspace;

/// Where files are no text that anyone wrote.
const CORPUS: &str = "fuzz/corpus/";

/// Every file that is tracked, or neither tracked nor ignored.
#[derive(Debug)]
pub(crate) struct Tree {
    files: Vec<File>,
}

/// One file: its path from the root, and what is in it.
#[derive(Debug)]
pub(crate) struct File {
    /// With `/` between its parts.
    pub(crate) path: String,
    /// Empty where the file is not UTF-8.
    pub(crate) text: String,
    /// Rust source without comments and literals; empty for other files.
    pub(crate) code: String,
    /// That without test modules.
    pub(crate) shipped: String,
}

/// Something that breaks a rule.
#[derive(Debug)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

impl Tree {
    /// Reads the work tree.
    pub(crate) fn read(workspace: &Workspace) -> Outcome<Self> {
        let question = "ls-files --cached --others --exclude-standard -z";
        let listing = ask(Command::new("git").args(question.split(' ')))
            .ok_or_else(|| format!("`git {question}` failed: is this a git checkout?"))?;
        let mut paths: Vec<&str> = listing
            .split('\0')
            .filter(|path| !path.is_empty())
            .collect();
        paths.sort_unstable();
        paths.dedup();
        let mut files = Vec::new();
        for path in paths {
            match std::fs::read(workspace.path(path)) {
                // Inputs that a fuzzer made up: whatever they are, they are bytes.
                Ok(_) if path.starts_with(CORPUS) => files.push(File::new(path, None)),
                Ok(bytes) => files.push(File::new(path, String::from_utf8(bytes).ok())),
                // Deleted, and not yet committed as such.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("cannot read {path}: {error}")),
            }
        }
        Ok(Self { files })
    }

    /// A tree that exists only here.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File::new(path, Some((*text).to_owned()));
        Self {
            files: files.iter().map(file).collect(),
        }
    }

    /// All of them, in the order of their paths.
    pub(crate) fn files(&self) -> &[File] {
        &self.files
    }

    /// Those of Rust source.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// Whether `path` is a file, or a directory with one.
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.files.iter().any(|file| {
            file.path
                .strip_prefix(path)
                .is_some_and(|rest| path.is_empty() || rest.is_empty() || rest.starts_with('/'))
        })
    }
}

impl File {
    fn new(path: &str, text: Option<String>) -> Self {
        let text = text.unwrap_or_default();
        let code = if path.ends_with(".rs") {
            rust::code(&text)
        } else {
            String::new()
        };
        let shipped = rust::without(&code, &rust::test_modules(&code));
        Self {
            path: path.to_owned(),
            text,
            code,
            shipped,
        }
    }

    /// A finding at the byte `offset` of the text.
    pub(crate) fn at(&self, offset: usize, message: impl Into<String>) -> Finding {
        let before = self.text.as_bytes().iter().take(offset);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        Finding {
            path: self.path.clone(),
            line,
            message: message.into(),
        }
    }

    /// Whether the whole file is there to test or to measure.
    pub(crate) fn is_test(&self) -> bool {
        let name = file_name(&self.path);
        self.path
            .split('/')
            .any(|part| matches!(part, "tests" | "benches"))
            || matches!(name, "tests.rs" | "test.rs") && !self.path.starts_with("xtask/")
            || name.contains(".test.")
    }

    /// Whether npm or cargo wrote it.
    pub(crate) fn is_lock(&self) -> bool {
        matches!(file_name(&self.path), "Cargo.lock" | "package-lock.json")
    }
}
