//! `dist`: the npm package as one tarball in `target/dist/`: the same bytes from the same tree, wherever it is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build;
use crate::files::{copy, list, read_text, remake, write};
use crate::licences;
use crate::lockfile;
use crate::process::{Outcome, ask, expect_success, run_lines};
use crate::tools::{Tool, Toolbox, WASM_PACK};
use crate::workspace::Workspace;

/// What a file of the package may be, whoever's umask made it.
const FILE_MODE: u32 = 0o644;

/// The task.
pub(crate) fn task(workspace: &Workspace) -> Outcome {
    let toolbox = Toolbox::prepare(workspace, Tool::BUILD)?;
    let tarball = pack(&toolbox, &workspace.target("dist"))?;
    println!("{}", tarball.display());
    Ok(())
}

/// Builds the package and packs it into `directory`; returns where the tarball is.
pub(crate) fn pack(toolbox: &Toolbox, directory: &Path) -> Outcome<PathBuf> {
    build::package(toolbox)?;
    let staged = staged(toolbox.workspace());
    stage(toolbox, &staged)?;
    remake(directory)?;
    // What npm packs is sorted, and as old as everything that it packs.
    let mut npm = toolbox.command("npm");
    npm.args(["pack", "--ignore-scripts", "--pack-destination"]);
    npm.arg(directory).arg(&staged);
    let mut name = String::new();
    let status = run_lines(&mut npm, |line| line.clone_into(&mut name))?;
    expect_success(&npm, status)?;
    Ok(directory.join(name))
}

/// What was packed last.
pub(crate) fn staged(workspace: &Workspace) -> PathBuf {
    workspace.target("xtask/staged")
}

/// Lays out what goes into the tarball.
fn stage(toolbox: &Toolbox, staged: &Path) -> Outcome {
    let workspace = toolbox.workspace();
    remake(staged)?;
    for name in ["package.json", "README.md", "dist"] {
        copy(&workspace.path("js").join(name), &staged.join(name))?;
    }
    for name in ["LICENSE-APACHE", "LICENSE-MIT"] {
        copy(&workspace.path(name), &staged.join(name))?;
    }
    write(&staged.join("THIRD-PARTY.txt"), &licences::text()?)?;
    write(&staged.join("PROVENANCE.json"), &provenance(toolbox)?)?;
    set_modes(staged)
}

/// From what, and by which versions, the package was made.
fn provenance(toolbox: &Toolbox) -> Outcome<String> {
    let lock = read_text(&toolbox.workspace().path("Cargo.lock"))?;
    let first_line = |mut command: Command| {
        let answer = ask(command.arg("--version")).unwrap_or_default();
        let line = answer.lines().next().unwrap_or("unknown");
        line.trim_start_matches("Version ").to_owned()
    };
    let describe = [
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    ];
    let provenance = serde_json::json!({
        "commit": ask(Command::new("git").args(describe)),
        "rustc": first_line(Command::new("rustc")),
        "wasm-bindgen": lockfile::version(&lock, "wasm-bindgen"),
        "wasm-pack": WASM_PACK,
        "wasm-opt": first_line(toolbox.js("wasm-opt")),
        "typescript": first_line(toolbox.js("tsc")),
        "esbuild": first_line(toolbox.js("esbuild")),
    });
    Ok(format!("{provenance:#}\n"))
}

fn set_modes(directory: &Path) -> Outcome {
    for path in list(directory)? {
        if path.is_dir() {
            set_modes(&path)?;
            continue;
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(FILE_MODE))
            .map_err(|error| format!("cannot set the mode of {}: {error}", path.display()))?;
    }
    Ok(())
}
