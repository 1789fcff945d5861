//! What a reader should never meet.

use super::file_name;
use super::rust::words;
use super::tree::{File, Finding, Tree};

/// The most lines of code in one file: tests, comments and blank lines do not count.
const LONGEST: usize = 400;
/// Files that may be longer, each with the reason.
const LONGER: &[(&str, &str)] = &[];
const CODE: &[&str] = &["js", "mjs", "py", "rs", "ts"];

/// Each allowed or expected lint says why, in code and in manifests.
pub(crate) fn exceptions_have_reasons(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let code = &file.code;
        for attribute in ["[allow(", "[expect("] {
            for (at, _) in code.match_indices(attribute) {
                let end = code[at..].find(")]").map_or(code.len(), |end| at + end);
                if words(&code[at..end], "reason").next().is_none() {
                    findings.push(file.at(at, "an exception from a lint needs its `reason = …`"));
                }
            }
        }
    }
    let manifests = tree
        .files()
        .iter()
        .filter(|file| file_name(&file.path) == "Cargo.toml");
    for file in manifests {
        let mut previous = "";
        for (at, line) in lines(file) {
            let excepted = line.contains("\"allow\"") && !line.trim_start().starts_with('#');
            if excepted && !line.contains('#') && !previous.trim_start().starts_with('#') {
                findings.push(file.at(at, "an allowed lint needs a comment that says why"));
            }
            previous = line;
        }
    }
    findings
}

/// A test that is switched off is a test that fails unseen.
pub(crate) fn every_test_runs(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Spelled in halves here and below, since these rules are among the files they look at.
    let rust = [concat!("#[ign", "ore"), concat!("```ign", "ore")];
    let js = [
        ".skip(",
        ".only(",
        ".todo(",
        "skip: true",
        "only: true",
        "todo: true",
    ];
    for file in tree.files() {
        let script = [".mjs", ".js", ".ts"]
            .iter()
            .any(|end| file.path.ends_with(end));
        let forbidden: &[&str] = match () {
            () if file.path.ends_with(".rs") => &rust,
            () if script && file.is_test() => &js,
            () => &[],
        };
        for word in forbidden {
            let places = file.text.match_indices(word);
            findings.extend(places.map(|(at, _)| file.at(at, format!("`{word}`: let it run"))));
        }
    }
    findings
}

/// What is left to do is an issue, not a comment.
pub(crate) fn nothing_left_to_do(tree: &Tree) -> Vec<Finding> {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("unimple", "mented!"),
        concat!("to", "do!"),
    ];
    let mut findings = Vec::new();
    for file in tree.files().iter().filter(|file| !file.is_lock()) {
        for mark in marks {
            let word = mark.trim_end_matches('!');
            let places = words(&file.text, word).filter(|at| file.text[*at..].starts_with(mark));
            findings.extend(places.map(|at| file.at(at, format!("`{mark}`: do it or drop it"))));
        }
    }
    findings
}

/// A module is a noun with one main type.
pub(crate) fn short_files(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files().iter().filter(|file| is_code(file)) {
        let allowed = LONGER.iter().any(|(path, _)| *path == file.path);
        let length = length(file);
        if length > LONGEST && !allowed {
            let message = format!("{length} lines of code, at most {LONGEST}: split it");
            findings.push(file.at(0, message));
        } else if length <= LONGEST && allowed {
            findings.push(file.at(0, "short enough: drop it from the list in hygiene.rs"));
        }
    }
    findings
}

fn is_code(file: &File) -> bool {
    let extension = file.path.rsplit('.').next().unwrap_or_default();
    CODE.contains(&extension) && !file.is_test()
}

/// The lines with code that is no test.
fn length(file: &File) -> usize {
    let is_rust = file.path.ends_with(".rs");
    let comment = |line: &str| {
        ["//", "/*", "*", "#"]
            .iter()
            .any(|mark| line.starts_with(mark))
    };
    let code = |line: &&str| !line.is_empty() && (is_rust || !comment(line));
    let text = if is_rust { &file.shipped } else { &file.text };
    text.lines().map(str::trim).filter(code).count()
}

/// No space at the end of a line, no tabs or carriage returns, one newline at the end.
pub(crate) fn whitespace(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files().iter().filter(|file| !file.text.is_empty()) {
        for (at, line) in lines(file) {
            if line.ends_with([' ', '\t', '\r']) {
                findings.push(file.at(at, "space at the end of the line"));
            }
        }
        if !file.text.ends_with('\n') || file.text.ends_with("\n\n") {
            findings.push(file.at(file.text.len(), "the file should end with one newline"));
        }
    }
    findings
}

/// The lines of a file, each with its offset and without its newline.
fn lines(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    file.text.split('\n').map(move |line| {
        let at = offset;
        offset += line.len() + 1;
        (at, line)
    })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn exceptions_without_reasons_are_found() {
        check(
            exceptions_have_reasons,
            &[
                ("a.rs", "#[allow(dead_code)]\nfn f() {}"),
                ("a.rs", "#![expect(\n    clippy::panic,\n)]"),
                ("a.rs", "#[allow(dead_code)] // reason = none"),
                (
                    "Cargo.toml",
                    "[lints.clippy]\nall = \"warn\"\ntodo = \"allow\"\n",
                ),
            ],
            &[
                (
                    "a.rs",
                    "#[allow(dead_code, reason = \"shared by two tests\")]",
                ),
                (
                    "a.rs",
                    "#[expect(\n    dead_code,\n    reason = \"why\"\n)]",
                ),
                (
                    "Cargo.toml",
                    "[lints.clippy]\n# The page prints.\nprint_stdout = \"allow\"\n",
                ),
                (
                    "Cargo.toml",
                    "[lints.rust]\nmissing_docs = \"allow\" # a program\n",
                ),
            ],
        );
    }

    #[test]
    fn tests_that_do_not_run_are_found() {
        check(
            every_test_runs,
            &[
                ("a.rs", concat!("#[test]\n#[ign", "ore]\nfn f() {}")),
                ("a.rs", concat!("/// ```ign", "ore\n/// f()\n/// ```")),
                ("tests/browser/page.test.mjs", "test.skip('x', () => {})"),
                (
                    "tests/browser/page.test.mjs",
                    "test('x', { only: true }, () => {})",
                ),
            ],
            &[
                ("a.rs", "#[test]\nfn f() { v.iter().skip(1); }"),
                ("tests/browser/page.test.mjs", "test('skip', () => {})"),
                ("www/page.js", "rows.skip(3)"),
            ],
        );
    }

    #[test]
    fn leftovers_are_found() {
        check(
            nothing_left_to_do,
            &[
                ("a.ts", concat!("// TO", "DO: more")),
                ("README.md", concat!("FIX", "ME")),
                ("a.rs", concat!("fn f() { to", "do!() }")),
                ("a.rs", concat!("fn f() { unimple", "mented!() }")),
            ],
            &[
                ("a.rs", concat!("let to", "do = list; // \"TO", "DOS\"")),
                ("js/package-lock.json", concat!("sha512-a/XX", "X/b")),
            ],
        );
    }

    #[test]
    fn long_files_are_found_and_tests_do_not_count() {
        let code = "fn f() {}\n";
        let long = code.repeat(LONGEST + 1);
        let tests = format!(
            "{code}#[cfg(test)]\nmod tests {{\n{}}}\n",
            code.repeat(LONGEST)
        );
        check(
            short_files,
            &[("a.rs", &long), ("www/app.js", &long)],
            &[
                ("a.rs", &code.repeat(LONGEST)),
                ("a.rs", &tests),
                ("a.rs", &"/// Doc.\n\n".repeat(LONGEST)),
                ("www/app.js", &"// Why.\n\n".repeat(LONGEST)),
                ("tests/src/wire.rs", &long),
                ("a.css", &long),
            ],
        );
    }

    #[test]
    fn stray_whitespace_is_found() {
        check(
            whitespace,
            &[
                ("a.md", "a \n"),
                ("a.rs", "a\r\n"),
                ("a.rs", "a"),
                ("a.rs", "a\n\n"),
            ],
            &[("a.rs", "a\n\nb\n"), ("empty", "")],
        );
    }
}
