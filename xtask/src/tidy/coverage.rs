//! Whether the coverage table names tests, and whether there are such tests.

use super::tree::{File, Finding, Tree};

const TABLE: &str = "docs/coverage.md";
/// Documents whose tests have to exist, though not every row names one.
const OTHERS: &[&str] = &["docs/guarantees.md", "docs/safety.md"];
/// What the heading of a section says whose tests are still to come.
const TO_COME: &str = "(with Bayeux)";

/// Each row of the table names a test, as `path::name`, and each that it names exists.
pub(crate) fn covered_by_tests(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_table = |file: &&File| file.path == TABLE || OTHERS.contains(&&*file.path);
    for table in tree.files().iter().filter(is_table) {
        let mut is_finished = table.path == TABLE;
        let mut at = 0;
        let mut lines = table.text.split_inclusive('\n').peekable();
        while let Some(line) = lines.next() {
            if line.starts_with('#') {
                is_finished = table.path == TABLE && !line.contains(TO_COME);
            }
            let is_head = is_rule(line) || lines.peek().is_some_and(|next| is_rule(next));
            let mut tests = tests(line).peekable();
            if line.starts_with('|') && !is_head && is_finished && tests.peek().is_none() {
                findings.push(table.at(at, "the row names no test: `path::name`"));
            }
            for (path, name) in tests {
                if let Some(wrong) = missing(tree, path, name) {
                    findings.push(table.at(at, wrong));
                }
            }
            at += line.len();
        }
    }
    findings
}

/// Whether this is what stands between a table's head and its rows.
fn is_rule(line: &str) -> bool {
    line.starts_with('|')
        && line
            .trim()
            .chars()
            .all(|c| matches!(c, '|' | '-' | ':' | ' '))
}

/// The tests that a line names.
fn tests(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let spans = line.split('`').skip(1).step_by(2);
    spans
        .filter_map(|span| span.split_once("::"))
        .filter(|(path, _)| path.ends_with(".rs") || path.ends_with(".mjs"))
}

/// What is wrong with a test that is named.
fn missing(tree: &Tree, path: &str, name: &str) -> Option<String> {
    let Some(file) = tree.files().iter().find(|file| file.path == path) else {
        return Some(format!("there is no `{path}`"));
    };
    let exists = if path.ends_with(".rs") {
        has_function(file, name)
    } else {
        titles(&file.text).any(|title| title == name)
    };
    (!exists).then(|| format!("`{path}` has no test `{name}`"))
}

/// Whether the file has a function of this name with an attribute that makes it a test.
fn has_function(file: &File, name: &str) -> bool {
    let head = format!("fn {name}(");
    let mut places = file.code.match_indices(&head);
    places.any(|(at, _)| {
        let start = file.code[..at].rfind('\n').map_or(0, |end| end + 1);
        let before = file.code[..start].lines().rev().map(str::trim);
        before
            .take_while(|line| line.is_empty() || line.starts_with("#["))
            .any(|line| {
                line.split(['(', ']'])
                    .next()
                    .is_some_and(|path| path.ends_with("test"))
            })
    })
}

/// The titles of the tests of a script; what they are filled in with is `…`.
fn titles(text: &str) -> impl Iterator<Item = String> {
    text.split("test(").skip(1).filter_map(|rest| {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '`'))?;
        let title = &rest[1..];
        let title = &title[..title.find(quote)?];
        let mut parts = title.split("${");
        let mut shown = parts.next()?.to_owned();
        for part in parts {
            shown.push('…');
            shown.push_str(part.split_once('}')?.1);
        }
        Some(shown)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUST: &str = "/// It holds.\n#[tokio::test]\n#[expect(lint)]\nasync fn it_holds() {}\n\n#[test]\nfn so_does_this() {}\nfn helps() {}\n// #[test]\n// fn said()\n";
    const SCRIPT: &str = "test(\"it holds\", () => {});\ntest(`so do ${1 + 1} of ${n}`, f);\n";

    fn findings(table: &str) -> Vec<String> {
        let files = [
            ("docs/coverage.md", table),
            ("tests/a.rs", RUST),
            ("tests/b.test.mjs", SCRIPT),
        ];
        let found = covered_by_tests(&Tree::of(&files));
        found.iter().map(ToString::to_string).collect()
    }

    fn row(test: &str) -> Vec<String> {
        findings(&format!(
            "## Names\n\n| name | test |\n| --- | :-: |\n| a | {test} |\n"
        ))
    }

    #[test]
    fn tests_that_exist_are_found() {
        for test in [
            "`tests/a.rs::it_holds`",
            "`tests/a.rs::so_does_this`",
            "as `send`, `tests/b.test.mjs::it holds`",
            "`tests/b.test.mjs::so do … of …`, `tests/a.rs::it_holds`",
        ] {
            assert_eq!(row(test), [""; 0], "{test}");
        }
    }

    #[test]
    fn rows_without_a_test_are_told() {
        for test in ["", "`Client::send`", "tests/a.rs::it_holds"] {
            let found = row(test);
            assert_eq!(found.len(), 1, "{test}: {found:?}");
            assert!(found[0].starts_with("docs/coverage.md:5: the row names no test"));
        }
    }

    #[test]
    fn tests_that_do_not_exist_are_told() {
        for (test, expected) in [
            ("`tests/a.rs::it`", "no test `it`"),
            ("`tests/a.rs::helps`", "no test `helps`"),
            ("`tests/a.rs::said`", "no test `said`"),
            ("`tests/c.rs::it_holds`", "there is no `tests/c.rs`"),
            ("`tests/b.test.mjs::it`", "no test `it`"),
            ("`tests/b.test.mjs::so do 2 of …`", "no test"),
        ] {
            let found = row(test);
            assert_eq!(found.len(), 1, "{test}: {found:?}");
            assert!(found[0].contains(expected), "{test}: {found:?}");
        }
    }

    #[test]
    fn sections_to_come_may_name_none() {
        let table = "## A (with Bayeux)\n\n| a | b |\n|---|---|\n| x | y |\n";
        assert_eq!(findings(table), [""; 0]);
        let later = format!("{table}\n## B\n\n| a | b |\n|---|---|\n| x | y |\n");
        assert_eq!(findings(&later).len(), 1);
    }
}
