//! Where things are, and whether the documentation knows.

use std::collections::BTreeSet;

use super::tree::{Finding, Tree};

/// What may be at the top of the tree.
const TOP_LEVEL: &[&str] = &[
    ".cargo",
    ".ci",
    ".editorconfig",
    ".gitattributes",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "DESIGN.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "client",
    "client-wasm",
    "clippy.toml",
    "deny.toml",
    "docs",
    "fuzz",
    "js",
    "protocol",
    "rustfmt.toml",
    "server",
    "tests",
    "www",
    "xtask",
];

/// The top level stays what the documentation says it is.
pub(crate) fn known_top_level(tree: &Tree) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for file in tree.files() {
        let name = file.path.split('/').next().unwrap_or_default();
        if seen.insert(name) && !TOP_LEVEL.contains(&name) {
            let message = format!("`{name}` is not a known name at the top level");
            findings.push(file.at(0, message));
        }
    }
    findings
}

/// Each relative link of a Markdown file leads to a file of the tree, and to a heading in it.
pub(crate) fn links_resolve(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree
        .files()
        .iter()
        .filter(|file| file.path.ends_with(".md"))
    {
        for (at, link) in links(&file.text) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() {
                Some(file.path.clone())
            } else {
                resolve(&file.path, path)
            };
            let found = target.filter(|target| tree.contains(target));
            let Some(target) = found else {
                findings.push(file.at(at, format!("the link `{link}` leads nowhere")));
                continue;
            };
            let heads = tree.files().iter().find(|file| file.path == target);
            let has = |text: &str| headings(text).any(|heading| heading == anchor);
            if target.ends_with(".md") && !anchor.is_empty() && !heads.is_some_and(|f| has(&f.text))
            {
                findings.push(file.at(at, format!("{target} has no heading `#{anchor}`")));
            }
        }
    }
    findings
}

/// The lines of a Markdown text that are not in a code block, each with its offset.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    let mut fenced = false;
    text.split_inclusive('\n').filter_map(move |line| {
        let at = offset;
        offset += line.len();
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((at, line))
    })
}

/// The relative links of a Markdown text: `[text](target)`, `[text]: target`, without titles.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    prose(text)
        .flat_map(|(offset, line)| {
            let inline = line.match_indices("](").filter_map(move |(at, _)| {
                let target = line[at + 2..].split([')', ' ']).next()?;
                // Within a code span it is an example of a link.
                let code = line[..at].matches('`').count() % 2 == 1;
                (!code).then_some((offset + at, target))
            });
            let reference = line
                .strip_prefix('[')
                .and_then(|rest| rest.split_once("]: "))
                .and_then(|(_, target)| target.split_whitespace().next())
                .map(|target| (offset, target));
            inline.chain(reference)
        })
        .filter(|(_, link)| !link.contains("://") && !link.starts_with("mailto:"))
}

/// `link` as seen from the directory of `from`: `None` where it leads out of the tree.
fn resolve(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = match link.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => from
            .split('/')
            .rev()
            .skip(1)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect(),
    };
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// What the headings of a Markdown text are called in links.
fn headings(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter_map(|(_, line)| {
        let title = line.strip_prefix('#')?.trim_start_matches('#').trim();
        let keep = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        Some(
            title
                .to_lowercase()
                .chars()
                .filter(keep)
                .map(|c| if c == ' ' { '-' } else { c })
                .collect(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn unknown_names_at_the_top_are_found() {
        check(
            known_top_level,
            &[("notes.txt", ""), ("scripts/x.sh", "")],
            &[("README.md", ""), ("docs/notes.txt", "")],
        );
    }

    #[test]
    fn links_have_to_lead_somewhere() {
        check(
            links_resolve,
            &[
                ("README.md", "see [a](docs/a.md)"),
                ("docs/a.md", "see [up](../../README.md)"),
                ("docs/a.md", "see [a](#missing)\n# Here\n"),
                ("docs/a.md", "[ref]: b.md\n"),
            ],
            &[
                (
                    "README.md",
                    "[web](https://example.org/x) [mail](mailto:a@b) [self](README.md)",
                ),
                (
                    "docs/a.md",
                    "# What it *is*, now\n[a](#what-it-is-now) [b](./a.md#what-it-is-now)",
                ),
                ("docs/a.md", "`[x](y)`\n```\n[a](b)\n```\n"),
            ],
        );
    }

    #[test]
    fn links_may_lead_to_other_files_and_to_directories() {
        let readme = "[d](docs/) [a](docs/a.md#one \"title\") [s](/server)";
        let tree = Tree::of(&[
            ("README.md", readme),
            ("docs/a.md", "## One\n"),
            ("server/x", ""),
        ]);
        assert!(links_resolve(&tree).is_empty());
        let tree = Tree::of(&[
            ("README.md", readme),
            ("docs/a.md", "## Two\n"),
            ("server/x", ""),
        ]);
        assert_eq!(links_resolve(&tree).len(), 1);
    }
}
