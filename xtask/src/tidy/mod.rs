//! `tidy`: the house rules that no compiler knows, over every file that git does not ignore.
//!
//! A rule is a function from the [`Tree`] to findings, and each has a test that it can fail.

mod coverage;
mod hygiene;
mod imports;
mod layout;
mod rust;
mod tree;

use std::path::Path;

use tree::{Finding, Tree};

use crate::process::Outcome;
use crate::workspace::Workspace;

type Rule = (&'static str, fn(&Tree) -> Vec<Finding>);

const RULES: &[Rule] = &[
    ("core-without-io", imports::core_without_io),
    ("protocols-apart", imports::protocols_apart),
    ("client-without-server", imports::client_without_server),
    ("js-values-in-one-place", imports::js_values_in_one_place),
    (
        "protocol-without-sockets",
        imports::protocol_without_sockets,
    ),
    ("exceptions-have-reasons", hygiene::exceptions_have_reasons),
    ("covered-by-tests", coverage::covered_by_tests),
    ("every-test-runs", hygiene::every_test_runs),
    ("nothing-left-to-do", hygiene::nothing_left_to_do),
    ("short-files", hygiene::short_files),
    ("whitespace", hygiene::whitespace),
    ("known-top-level", layout::known_top_level),
    ("links-resolve", layout::links_resolve),
];

/// Checks the work tree, and prints each finding with its place.
pub(crate) fn task(workspace: &Workspace) -> Outcome {
    let tree = Tree::read(workspace)?;
    let mut count = 0;
    for (name, rule) in RULES {
        for finding in rule(&tree) {
            eprintln!("{finding} [{name}]");
            count += 1;
        }
    }
    if count > 0 {
        return Err(format!(
            "{count} findings; the rules are in xtask/src/tidy/"
        ));
    }
    eprintln!(
        "{} files, {} rules, no finding",
        tree.files().len(),
        RULES.len()
    );
    Ok(())
}

/// The name of the file or directory that `path` ends in.
fn file_name(path: &str) -> &str {
    Path::new(path)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// Checks that `rule` finds something in each of `bad` and nothing in each of `good`: pairs of a
/// path and its text.
#[cfg(test)]
fn check(rule: fn(&Tree) -> Vec<Finding>, bad: &[(&str, &str)], good: &[(&str, &str)]) {
    for (path, text) in bad {
        assert!(
            !rule(&Tree::of(&[(path, text)])).is_empty(),
            "nothing found in {path}: {text}"
        );
    }
    for (path, text) in good {
        let findings = rule(&Tree::of(&[(path, text)]));
        assert!(findings.is_empty(), "{path}: {text}: {}", findings[0]);
    }
}
