//! Installing what is missing.

use std::path::PathBuf;
use std::process::Command;

use super::{BROWSER_DRIVER, BROWSERS, Toolbox, WASM, which};
use crate::fingerprint::Work;
use crate::process::{Outcome, ask, run};

/// Something to be installed.
#[derive(Debug)]
pub(super) enum Installation {
    Browser,
    Crate {
        package: &'static str,
        version: String,
        root: PathBuf,
    },
    Npm {
        directory: &'static str,
        work: Work,
    },
    Venv(Work),
    WasmTarget,
}

impl Installation {
    /// What is to come, for people.
    pub(super) fn title(&self) -> String {
        match self {
            Self::Browser => "Chromium and ChromeDriver, from Debian".to_owned(),
            Self::Crate {
                package, version, ..
            } => {
                format!("{package} {version}, built from crates.io: up to a few minutes")
            }
            Self::Npm { directory, .. } => format!("npm packages of {directory}/"),
            Self::Venv(_) => "Python packages of tests/requirements.txt".to_owned(),
            Self::WasmTarget => "Rust's standard library for wasm".to_owned(),
        }
    }

    /// Installs it.
    pub(super) fn carry_out(self, toolbox: &Toolbox) -> Outcome {
        match self {
            Self::Browser => install_browser(),
            Self::Crate {
                package,
                version,
                root,
            } => {
                // Not `--locked`: the versions that their lock files pin may be gone or slow to
                // build. One target directory for all of them, since they share dependencies.
                let mut command = Command::new("cargo");
                command.args([
                    "install",
                    package,
                    "--version",
                    &version,
                    "--profile",
                    "dev",
                ]);
                command.arg("--root").arg(&root);
                command.arg("--target-dir").arg(toolbox.cache.join("build"));
                run(command.env("CARGO_PROFILE_DEV_DEBUG", "0"))
            }
            Self::Npm { directory, work } => {
                let mut command = Command::new("npm");
                command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
                run(command.current_dir(toolbox.workspace.path(directory)))?;
                work.done()
            }
            Self::Venv(work) => {
                let venv = toolbox.workspace.target("venv");
                let mut create = Command::new("python3");
                create.args(["-m", "venv", "--clear"]).arg(&venv);
                run(&mut create)
                    .map_err(|error| format!("{error}\nOn Debian, install python3-venv."))?;
                let mut install = Command::new(venv.join("bin/python"));
                install.args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                ]);
                run(install.args(["--requirement", "tests/requirements.txt"]))?;
                work.done()
            }
            Self::WasmTarget => {
                run(Command::new("rustup").args(["target", "add", WASM])).map_err(|error| {
                    format!(
                        "{error}\nThe Rust toolchain needs the target {WASM}: with rustup by the \
                         command above, without it from wherever your toolchain came."
                    )
                })
            }
        }
    }
}

fn install_browser() -> Outcome {
    let install = "apt-get install -y chromium chromium-driver";
    if which("apt-get").is_none() {
        return Err(format!(
            "Chromium and ChromeDriver are missing: install both, at the same version, so that \
             `{BROWSER_DRIVER}` and one of {} are on PATH. On Debian: {install}",
            BROWSERS.join(", ")
        ));
    }
    if ask(Command::new("id").arg("-u")).as_deref() != Some("0") {
        return Err(format!(
            "Chromium and ChromeDriver are missing, and only root can install them:\n    \
             sudo apt-get update && sudo {install}"
        ));
    }
    let apt = |line: &str| {
        let mut command = Command::new("apt-get");
        command
            .args(line.split(' ').skip(1))
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    // A new machine has no package lists; an old one may do with those it has.
    if let Err(error) = run(&mut apt("apt-get update")) {
        eprintln!("the package lists stay as they are: {error}");
    }
    run(&mut apt(install))
}
