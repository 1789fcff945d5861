//! Where things are.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{Outcome, ask};

/// The directories of this checkout, all of them absolute.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Asks cargo where this workspace and its target directory are, and makes the root the
    /// working directory, whatever directory the task was started in.
    pub(crate) fn locate() -> Outcome<Self> {
        let question = "cargo metadata --no-deps --format-version 1";
        let answer = ask(Command::new("cargo")
            .args(question.split(' ').skip(1))
            .current_dir(env!("CARGO_MANIFEST_DIR")))
        .ok_or_else(|| format!("`{question}` failed: run it by hand to see why"))?;
        let metadata: serde_json::Value =
            serde_json::from_str(&answer).map_err(|error| format!("{question}: {error}"))?;
        let directory = |name: &str| {
            metadata[name]
                .as_str()
                .map(PathBuf::from)
                .ok_or_else(|| format!("`{question}` named no `{name}`"))
        };
        let workspace = Self {
            root: directory("workspace_root")?,
            target: directory("target_directory")?,
        };
        std::env::set_current_dir(&workspace.root)
            .map_err(|error| format!("cannot enter {}: {error}", workspace.root.display()))?;
        Ok(workspace)
    }

    /// A path below the top of the checkout.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A path below cargo's target directory.
    pub(crate) fn target(&self, relative: &str) -> PathBuf {
        self.target.join(relative)
    }
}
