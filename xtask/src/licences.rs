//! The crates whose code is in the WebAssembly module, and the texts of their licences.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::files::{list, read_text};
use crate::process::{Outcome, ask};
use crate::tools::WASM;

const CLIENT: &str = "mirrorball-client-wasm";

const HEAD: &str = "\
The WebAssembly module of this package, and the JavaScript that belongs to it, contain code of the projects below, each
under the licence beside its name. Where there is a choice, the texts are those of the MIT licence. The text of the Apache
License 2.0 is LICENSE-APACHE.

";

/// One crate.
#[derive(Debug, PartialEq)]
struct Crate {
    title: String,
    /// The texts that come with it; none where it has no such file.
    texts: Vec<String>,
}

/// The file that names them.
pub(crate) fn text() -> Outcome<String> {
    let names = shipped()?;
    let question = format!("metadata --format-version 1 --locked --filter-platform {WASM}");
    let metadata: Value = serde_json::from_str(&cargo(&question)?)
        .map_err(|error| format!("cargo {question}: {error}"))?;
    let packages = metadata["packages"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let mut crates = Vec::new();
    for package in packages {
        // What has no source is of this workspace, and under the package's own licence.
        if is_shipped(package, &names) && !package["source"].is_null() {
            crates.push(read(package)?);
        }
    }
    if crates.is_empty() {
        return Err(format!(
            "`cargo {question}` names nothing that {CLIENT} needs"
        ));
    }
    let rustc =
        ask(Command::new("rustc").arg("--version")).ok_or("`rustc --version` does not answer")?;
    crates.push(Crate {
        title: format!(
            "the standard library of {rustc} (MIT OR Apache-2.0), https://github.com/rust-lang/rust, Copyright (c) The \
             Rust Project Contributors"
        ),
        texts: Vec::new(),
    });
    Ok(render(&crates))
}

/// The crates that are linked, as names and versions: no build scripts, no macros, nothing that only tests need.
fn shipped() -> Outcome<BTreeSet<(String, String)>> {
    let question = format!(
        "tree --locked --package {CLIENT} --target {WASM} --edges normal,no-proc-macro --prefix none --format {{p}}"
    );
    let tree = cargo(&question)?;
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?.to_owned();
        Some((name, words.next()?.strip_prefix('v')?.to_owned()))
    };
    tree.lines()
        .filter(|line| !line.is_empty())
        .map(|line| parse(line).ok_or_else(|| format!("`cargo {question}` printed `{line}`")))
        .collect()
}

fn is_shipped(package: &Value, names: &BTreeSet<(String, String)>) -> bool {
    let field = |name: &str| package[name].as_str().unwrap_or_default().to_owned();
    names.contains(&(field("name"), field("version")))
}

fn read(package: &Value) -> Outcome<Crate> {
    let field = |name: &str| package[name].as_str().unwrap_or_default();
    let (name, version, licence) = (field("name"), field("version"), field("license"));
    let directory = Path::new(field("manifest_path")).parent();
    let directory = directory.ok_or_else(|| format!("{name} {version} is nowhere"))?;
    let mut files = Vec::new();
    for path in list(directory)? {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_uppercase();
        if path.is_file() && is_licence(&name) {
            files.push((name, read_text(&path)?.trim_end().to_owned()));
        }
    }
    Ok(Crate {
        title: format!("{name} {version} ({licence}), {}", field("repository")),
        texts: choose(files),
    })
}

fn is_licence(name: &str) -> bool {
    let names = ["LICENSE", "LICENCE", "COPYING", "UNLICENSE", "NOTICE"];
    names.iter().any(|start| name.starts_with(start))
}

/// Of files with their names, the texts that have to come along: all, but those that the MIT licence is an alternative to.
fn choose(mut files: Vec<(String, String)>) -> Vec<String> {
    let alternatives = ["LICENSE-APACHE", "UNLICENSE", "COPYING"];
    if files.iter().any(|(name, _)| name.contains("MIT")) {
        files.retain(|(name, _)| !alternatives.iter().any(|start| name.starts_with(start)));
    }
    files.into_iter().map(|(_, text)| text).collect()
}

/// The list, and each text once.
fn render(crates: &[Crate]) -> String {
    let mut output = HEAD.to_owned();
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for Crate { title, texts } in crates {
        let _ = writeln!(output, "- {title}");
        for text in texts {
            let name = title.split(" (").next().unwrap_or(title);
            users.entry(text).or_default().push(name);
        }
    }
    // In the order of their first user.
    let mut texts: Vec<_> = users
        .into_iter()
        .map(|(text, names)| (names, text))
        .collect();
    texts.sort();
    for (names, text) in texts {
        let _ = write!(
            output,
            "\n{}\n{}:\n\n{text}\n",
            "-".repeat(80),
            names.join(", ")
        );
    }
    output
}

fn cargo(arguments: &str) -> Outcome<String> {
    ask(Command::new("cargo").args(arguments.split(' ')))
        .ok_or_else(|| format!("`cargo {arguments}` failed: run it by hand to see why"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_there_once_with_all_who_use_it() {
        let of = |title: &str, texts: &[&str]| Crate {
            title: title.to_owned(),
            texts: texts.iter().map(|text| (*text).to_owned()).collect(),
        };
        let text = render(&[of("a 1 (MIT)", &["one"]), of("b 2 (MIT)", &["one", "two"])]);
        assert!(text.contains("- a 1 (MIT)\n- b 2 (MIT)\n"), "{text}");
        assert!(text.contains("\na 1, b 2:\n\none\n"), "{text}");
        assert!(text.contains("\nb 2:\n\ntwo\n"), "{text}");
    }

    #[test]
    fn of_a_choice_the_mit_licence_is_taken_and_the_rest_is_kept() {
        let files = |names: &[&str]| {
            let both = names
                .iter()
                .map(|name| ((*name).to_owned(), (*name).to_owned()));
            both.filter(|(name, _)| is_licence(name))
                .collect::<Vec<_>>()
        };
        let names = [
            "CARGO.TOML",
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "LICENSE-UNICODE",
            "NOTICE",
        ];
        let kept = ["LICENSE-MIT", "LICENSE-UNICODE", "NOTICE"];
        assert_eq!(choose(files(&names)), kept);
        assert_eq!(
            choose(files(&["COPYING", "LICENSE.MD"])),
            ["COPYING", "LICENSE.MD"]
        );
    }

    #[test]
    fn what_only_builds_or_tests_is_not_shipped() {
        let names = shipped().unwrap();
        let has = |name: &str| names.iter().any(|(shipped, _)| shipped == name);
        assert!(has("wasm-bindgen") && has("talc"));
        assert!(!has("syn") && !has("serde-wasm-bindgen") && !has("wasm-bindgen-test"));
    }
}
