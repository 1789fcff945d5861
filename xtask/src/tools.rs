//! What the tasks need beyond a Rust toolchain: found where it is there, installed where it is not.
//!
//! * **wasm-bindgen-cli** (at the very version in `Cargo.lock`), **wasm-pack** and **cargo-deny**:
//!   taken from `PATH` at the right version, else built once into `~/.cache/mirrorball/` (or
//!   `$XDG_CACHE_HOME/mirrorball/`, or `$MIRRORBALL_TOOLS`). They are built unoptimised: that takes
//!   half a minute to a minute instead of many, and their own speed matters little here.
//! * **npm packages** of `js/` and `tests/`: by `npm ci`, whenever a `package-lock.json` changed.
//! * **Python packages** for the public peer: in `target/venv`, from `tests/requirements.txt`.
//! * **Chromium and ChromeDriver**, only to test and to measure: Debian's packages.
//!
//! Node and Python themselves are not installed: an error says which version is needed.

mod install;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use install::Installation;

use crate::fingerprint::Stamp;
use crate::lockfile;
use crate::process::{Outcome, announce, ask};
use crate::progress::{Progress, human};
use crate::workspace::Workspace;

/// The version of wasm-pack.
pub(crate) const WASM_PACK: &str = "0.15.1";
const CARGO_DENY: &str = "0.20.2";
/// The oldest Node that every npm package of ours supports.
const NODE: (u32, u32) = (20, 19);
const PYTHON: (u32, u32) = (3, 11);
/// What the module is compiled for.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// Names under which Chromium is installed, Debian's first.
const BROWSERS: &[&str] = &["chromium", "chromium-browser", "google-chrome"];
const BROWSER_DRIVER: &str = "chromedriver";

/// Something a task needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Tool {
    /// Chromium and ChromeDriver.
    Browser,
    /// `cargo deny`.
    CargoDeny,
    /// The npm packages of `js/`, with `tsc`, `eslint` and `wasm-opt`.
    JsPackages,
    /// Node and npm.
    Node,
    /// The virtual environment in `target/venv`.
    Python,
    /// The npm packages of `tests/`.
    TestPackages,
    /// `wasm-bindgen` and its test runner.
    WasmBindgen,
    /// `wasm-pack`.
    WasmPack,
    /// Rust's standard library for wasm.
    WasmTarget,
}

impl Tool {
    /// What it takes to build the npm package.
    pub(crate) const BUILD: &[Self] = &[
        Self::Node,
        Self::JsPackages,
        Self::WasmTarget,
        Self::WasmBindgen,
        Self::WasmPack,
    ];

    /// What it takes to build it, and to compile against it.
    pub(crate) const PACKAGE: &[Self] = &[
        Self::Node,
        Self::JsPackages,
        Self::WasmTarget,
        Self::WasmBindgen,
        Self::WasmPack,
        Self::TestPackages,
    ];

    /// What it takes to run it in a page of someone else's.
    pub(crate) const ENVIRONMENTS: &[Self] = &[
        Self::Node,
        Self::JsPackages,
        Self::WasmTarget,
        Self::WasmBindgen,
        Self::WasmPack,
        Self::TestPackages,
        Self::Browser,
    ];

    /// Everything.
    pub(crate) const ALL: &[Self] = &[
        Self::Node,
        Self::JsPackages,
        Self::WasmTarget,
        Self::WasmBindgen,
        Self::WasmPack,
        Self::TestPackages,
        Self::Python,
        Self::Browser,
        Self::CargoDeny,
    ];
}

/// Installs whatever any task needs.
pub(crate) fn setup(workspace: &Workspace) -> Outcome {
    Toolbox::prepare(workspace, Tool::ALL)?;
    eprintln!("everything that the tasks need is there");
    Ok(())
}

/// The tools of a task, ready to run.
#[derive(Debug)]
pub(crate) struct Toolbox<'a> {
    workspace: &'a Workspace,
    cache: PathBuf,
    /// Directories to be searched before those in `PATH`.
    directories: Vec<PathBuf>,
}

impl<'a> Toolbox<'a> {
    /// Finds `needs`, and installs those that are missing.
    pub(crate) fn prepare(workspace: &'a Workspace, needs: &[Tool]) -> Outcome<Self> {
        let mut toolbox = Self {
            workspace,
            cache: cache()?,
            directories: Vec::new(),
        };
        let mut missing = Vec::new();
        // In the order of `ALL`: Node comes before what is installed with it.
        for tool in Tool::ALL.iter().filter(|tool| needs.contains(tool)) {
            if let Some(installation) = toolbox.missing(*tool)? {
                missing.push(installation);
            }
        }
        if missing.is_empty() {
            return Ok(toolbox);
        }
        eprintln!("tools that are missing: {}; installing them", missing.len());
        let mut progress = Progress::new(missing.len());
        for installation in missing {
            progress.step(&installation.title());
            installation.carry_out(&toolbox)?;
        }
        // What the tools built from source had in common.
        let _ = std::fs::remove_dir_all(toolbox.cache.join("build"));
        eprintln!(
            "\nthe tools are ready after {}\n",
            human(progress.elapsed())
        );
        Ok(toolbox)
    }

    /// A command that finds `program` among these tools first. It runs at the workspace's root.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let program = program.as_ref();
        // An absolute path: `Command` itself may search the caller's `PATH`, not the child's.
        let found = self
            .directories
            .iter()
            .map(|path| path.join(program))
            .find(|p| p.is_file());
        let mut command = Command::new(found.as_deref().unwrap_or(program));
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let search = self
            .directories
            .iter()
            .cloned()
            .chain(std::env::split_paths(&inherited));
        command.env("PATH", std::env::join_paths(search).unwrap_or(inherited));
        command
    }

    /// A program of the npm packages in `js/`.
    pub(crate) fn js(&self, program: &str) -> Command {
        self.command(
            self.workspace
                .path(&format!("js/node_modules/.bin/{program}")),
        )
    }

    /// The workspace that they are for.
    pub(crate) fn workspace(&self) -> &Workspace {
        self.workspace
    }

    /// What the tests and benchmarks outside of cargo are told: where to find what was built with
    /// `profile`, and the tools.
    pub(crate) fn environment(&self, profile: &str) -> Vec<(&'static str, OsString)> {
        let mut variables = vec![
            (
                "MIRRORBALL_BIN",
                self.workspace
                    .target(&format!("{profile}/mirrorball"))
                    .into(),
            ),
            (
                "MIRRORBALL_FIXTURE_BIN",
                self.workspace.target(&format!("{profile}/fixture")).into(),
            ),
            (
                "MIRRORBALL_ENVIRONMENTS",
                self.workspace.target("environments").into(),
            ),
            (
                "MIRRORBALL_PYTHON",
                self.workspace.target("venv/bin/python").into(),
            ),
        ];
        variables.extend(browser().map(|path| ("MIRRORBALL_CHROMIUM", path.into())));
        variables
    }

    fn missing(&mut self, tool: Tool) -> Outcome<Option<Installation>> {
        Ok(match tool {
            Tool::Node => {
                expect_version("node", "Node", NODE, "from nodejs.org or your distribution")?;
                None
            }
            Tool::Python => {
                expect_version("python3", "Python", PYTHON, "from your distribution")?;
                self.venv().work()?.map(Installation::Venv)
            }
            Tool::JsPackages => self.npm("js")?,
            Tool::TestPackages => self.npm("tests")?,
            Tool::WasmTarget => (!has_wasm_target()).then_some(Installation::WasmTarget),
            Tool::WasmPack => self.published("wasm-pack", WASM_PACK, &["wasm-pack"]),
            Tool::CargoDeny => self.published("cargo-deny", CARGO_DENY, &["cargo-deny"]),
            Tool::WasmBindgen => {
                let path = self.workspace.path("Cargo.lock");
                let lock = std::fs::read_to_string(&path)
                    .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                let version = lockfile::version(&lock, "wasm-bindgen")
                    .ok_or("Cargo.lock names no wasm-bindgen: client-wasm has to depend on it")?;
                let programs = &["wasm-bindgen", "wasm-bindgen-test-runner"];
                self.published("wasm-bindgen-cli", version, programs)
            }
            Tool::Browser => (browser().is_none() || which(BROWSER_DRIVER).is_none())
                .then_some(Installation::Browser),
        })
    }

    fn npm(&self, directory: &'static str) -> Outcome<Option<Installation>> {
        let path = |name: &str| self.workspace.path(&format!("{directory}/{name}"));
        let stamp = Stamp {
            file: path("node_modules/.installed"),
            inputs: vec![path("package-lock.json")],
            words: Vec::new(),
            // One file that npm writes last stands for the thousands that it wrote.
            outputs: vec![path("node_modules/.package-lock.json")],
        };
        let work = stamp.work()?;
        Ok(work.map(|work| Installation::Npm { directory, work }))
    }

    fn venv(&self) -> Stamp {
        let venv = self.workspace.target("venv");
        Stamp {
            file: venv.join("installed"),
            inputs: vec![self.workspace.path("tests/requirements.txt")],
            // A virtual environment does not survive being moved.
            words: vec![venv.display().to_string()],
            outputs: vec![venv.join("pyvenv.cfg"), venv.join("bin/python")],
        }
    }

    /// A program from crates.io: used from `PATH`, or from the cache, or to be installed there.
    fn published(
        &mut self,
        package: &'static str,
        version: &str,
        programs: &[&str],
    ) -> Option<Installation> {
        let on_path = programs.iter().all(|program| {
            let answer = which(program).and_then(|path| ask(Command::new(path).arg("--version")));
            answer.is_some_and(|answer| answer.split_whitespace().nth(1) == Some(version))
        });
        if on_path {
            return None;
        }
        let root = self.cache.join(format!("{package}-{version}"));
        let directory = root.join("bin");
        let cached = programs
            .iter()
            .all(|program| directory.join(program).is_file());
        self.directories.push(directory);
        (!cached).then(|| Installation::Crate {
            package,
            version: version.to_owned(),
            root,
        })
    }
}

/// The path of Chromium.
fn browser() -> Option<PathBuf> {
    BROWSERS.iter().find_map(|name| which(name))
}

/// The path of ChromeDriver.
pub(crate) fn browser_driver() -> Outcome<PathBuf> {
    which(BROWSER_DRIVER).ok_or_else(|| format!("`{BROWSER_DRIVER}` is not on PATH"))
}

fn has_wasm_target() -> bool {
    ask(Command::new("rustc").args(["--print", "sysroot"]))
        .is_some_and(|sysroot| Path::new(&sysroot).join("lib/rustlib").join(WASM).is_dir())
}

fn cache() -> Outcome<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    variable("MIRRORBALL_TOOLS")
        .map(PathBuf::from)
        .or_else(|| variable("XDG_CACHE_HOME").map(|home| Path::new(&home).join("mirrorball")))
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cache/mirrorball")))
        .map(|path| std::path::absolute(&path).unwrap_or(path))
        .ok_or_else(|| "set MIRRORBALL_TOOLS to a directory for the tools".to_owned())
}

/// The first file called `program` in a directory of `PATH`.
fn which(program: &str) -> Option<PathBuf> {
    let search = std::env::var_os("PATH")?;
    std::env::split_paths(&search)
        .map(|path| path.join(program))
        .find(|path| path.is_file())
}

fn expect_version(program: &str, name: &str, least: (u32, u32), origin: &str) -> Outcome {
    let (major, minor) = least;
    let wanted = format!("{name} {major}.{minor} or newer is needed");
    let mut question = Command::new(program);
    question.arg("--version");
    let Some(answer) = ask(&mut question) else {
        announce(&question);
        return Err(format!(
            "{wanted}, and `{program}` does not run: install it {origin}"
        ));
    };
    match parse_version(&answer) {
        Some(found) if found >= least => Ok(()),
        _ => Err(format!(
            "{wanted}, and `{program}` is {answer}: install a newer one {origin}"
        )),
    }
}

/// The first two numbers of what a program answers to `--version`.
fn parse_version(answer: &str) -> Option<(u32, u32)> {
    let start = answer.find(|c: char| c.is_ascii_digit())?;
    let mut numbers = answer[start..].split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        assert_eq!(parse_version("v20.20.2"), Some((20, 20)));
        assert_eq!(parse_version("Python 3.11.7"), Some((3, 11)));
        assert_eq!(parse_version("no number"), None);
        assert!(
            parse_version("v20.9.0") < Some(NODE),
            "compared as numbers, not as text"
        );
    }

    #[test]
    fn too_old_and_absent_are_told_apart() {
        let old = expect_version("rustc", "Rust", (9999, 0), "by rustup").unwrap_err();
        assert!(
            old.contains("Rust 9999.0 or newer is needed, and `rustc` is rustc 1."),
            "{old}"
        );
        let absent = expect_version("no-such", "It", (1, 0), "somewhere").unwrap_err();
        assert!(
            absent.contains("does not run: install it somewhere"),
            "{absent}"
        );
    }
}
