//! The packed npm package, as those who install it meet it: importable, typed, and reproducible.

use std::path::{Path, PathBuf};

use crate::dist;
use crate::files::{copy, list, read};
use crate::process::{Outcome, run};
use crate::tools::Toolbox;

/// Compilers that projects have, newest first: that of the package, and that of the tests.
const COMPILERS: &[&str] = &["js", "tests"];

/// Packs it and shows it to the tools that know how packages are imported.
pub(crate) fn check(toolbox: &Toolbox) -> Outcome {
    let workspace = toolbox.workspace();
    let tarball = dist::pack(toolbox, &workspace.target("package"))?;
    expect_reproducible(toolbox, &tarball)?;
    expect_no_place(toolbox)?;
    run(toolbox.js("publint").arg("--strict").arg(&tarball))?;
    let mut attw = toolbox.js("attw");
    // ESM only, so `require` from CommonJS is no problem but a decision; the wasm is no module.
    attw.args(["--profile", "esm-only"]);
    attw.args([
        "--exclude-entrypoints",
        "mirrorball.wasm",
        "bayeux.wasm",
        "--",
    ]);
    run(attw.arg(&tarball))?;
    for directory in COMPILERS {
        let compiler = format!("{directory}/node_modules/typescript/bin/tsc");
        let mut tsc = toolbox.command("node");
        run(tsc.args([&compiler, "--project", "js/types/tsconfig.json"]))?;
    }
    Ok(())
}

/// Installs the packed package into the project of `tests/environments/`, in `target/environments/`.
pub(crate) fn install(toolbox: &Toolbox) -> Outcome {
    let workspace = toolbox.workspace();
    let tarball = dist::pack(toolbox, &workspace.target("package"))?;
    let project = workspace.target("environments");
    std::fs::create_dir_all(&project)
        .map_err(|error| format!("cannot make {}: {error}", project.display()))?;
    for name in ["package.json", "package-lock.json"] {
        copy(
            &workspace.path("tests/environments").join(name),
            &project.join(name),
        )?;
    }
    // Not `npm ci`: it refuses a lock that names the native parts of this platform only. What is there already stays, so
    // that this takes a second or two where the lock is the same.
    let mut npm = toolbox.command("npm");
    npm.args(["install", "--no-save", "--prefer-offline"]);
    npm.args(["--ignore-scripts", "--no-audit", "--no-fund"]);
    run(npm.arg(&tarball).current_dir(&project))
}

/// Fails where packing once more, from files that are newer, gives other bytes.
fn expect_reproducible(toolbox: &Toolbox, tarball: &Path) -> Outcome {
    let again = dist::pack(toolbox, &toolbox.workspace().target("package-again"))?;
    if read(tarball)? == read(&again)? {
        return Ok(());
    }
    Err(format!(
        "{} and {} are of the same build and differ: unpack both, and compare",
        tarball.display(),
        again.display()
    ))
}

/// Fails where a file of the package names a place of this machine.
fn expect_no_place(toolbox: &Toolbox) -> Outcome {
    let workspace = toolbox.workspace();
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(""));
    let places: Vec<String> = [Some(workspace.path("")), Some(workspace.target("")), home]
        .into_iter()
        .flatten()
        .map(|place| place.display().to_string())
        // That of a user without a home is everywhere.
        .filter(|place| place.len() > 1)
        .collect();
    for directory in ["", "dist", "dist/wasm"] {
        for path in list(&dist::staged(workspace).join(directory))?
            .iter()
            .filter(|path| path.is_file())
        {
            let bytes = read(path)?;
            if let Some(place) = places
                .iter()
                .find(|place| contains(&bytes, place.as_bytes()))
            {
                return Err(format!(
                    "{} names {place}, where it was made",
                    path.display()
                ));
            }
        }
    }
    Ok(())
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_anywhere() {
        assert!(contains(b"\0/home/me/x", b"/home/me"));
        assert!(!contains(b"/home/m", b"/home/me"));
        assert!(!contains(b"", b"/home/me"));
    }
}
