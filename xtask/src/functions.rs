//! `size`: which function of the WebAssembly modules costs what.

use std::collections::BTreeMap;

use crate::build::{self, SHRINK};
use crate::files::read;
use crate::module::Module;
use crate::process::{Outcome, run};
use crate::tools::{Tool, Toolbox};
use crate::workspace::Workspace;

/// How many functions are named, the largest ones.
const SHOWN: usize = 40;

/// Builds each module once more as it ships, but with names, and prints its functions.
pub(crate) fn task(workspace: &Workspace) -> Outcome {
    let toolbox = Toolbox::prepare(workspace, Tool::BUILD)?;
    build::package(&toolbox)?;
    let named = workspace.target("xtask/named.wasm");
    for module in build::unoptimised(workspace) {
        let mut shrink = toolbox.js("wasm-opt");
        shrink.args(SHRINK).arg("--debuginfo");
        run(shrink.arg(&module).arg("-o").arg(&named))?;
        println!("{}\n", module.display());
        print!("{}", report(&Module::parse(&read(&named)?)?));
    }
    Ok(())
}

/// The sections, the crates and the largest functions, each with its bytes and its part of the code.
fn report(module: &Module) -> String {
    let mut functions: Vec<(&str, usize)> = module
        .functions
        .iter()
        .map(|(name, size)| (unhashed(name), *size))
        .collect();
    let code: usize = functions.iter().map(|(_, size)| size).sum();
    let mut crates: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, size) in &functions {
        *crates.entry(owner(name)).or_default() += size;
    }
    let mut crates: Vec<_> = crates.into_iter().collect();
    let sections: Vec<_> = module
        .sections
        .iter()
        // What does not ship.
        .filter(|(name, _)| !name.starts_with("custom"))
        .map(|(name, size)| (name.as_str(), *size))
        .collect();
    let total = sections.iter().map(|(_, size)| size).sum();
    for list in [&mut crates, &mut functions] {
        list.sort_by_key(|(name, size)| (std::cmp::Reverse(*size), *name));
    }
    let rest = functions.split_off(functions.len().min(SHOWN));
    let mut report = table("section", &sections, total);
    report += &table("crate", &crates, code);
    report += &table("function", &functions, code);
    let left: usize = rest.iter().map(|(_, size)| size).sum();
    report += &format!("{left:>8}  and {} smaller ones\n", rest.len());
    report
}

fn table(title: &str, rows: &[(&str, usize)], whole: usize) -> String {
    let mut table = format!("{:>8} {:>6}  {title}\n", "bytes", "%");
    for (name, size) in rows {
        let tenths = size * 1_000 / whole.max(1);
        table += &format!("{size:>8} {:>4}.{}  {name}\n", tenths / 10, tenths % 10);
    }
    table + "\n"
}

/// The crate that a function is of: for a method of a trait, that of the type. What wasm-bindgen exports has no crate
/// in its name.
fn owner(name: &str) -> &str {
    let name = name.trim_start_matches(['<', '&', '(', '[', '*']);
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_');
    match end.map(|end| name.split_at(end)) {
        // Some names of crates come with a hash in brackets.
        Some((first, rest)) if rest.starts_with("::") || rest.starts_with('[') => first,
        _ => "(exports)",
    }
}

/// A name without the hash that rustc puts at its end.
fn unhashed(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((start, hash)) if hash.len() == 16 => start,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_belongs_to_the_crate_of_its_type() {
        assert_eq!(
            owner("mirrorball_protocol::json::diff"),
            "mirrorball_protocol"
        );
        assert_eq!(
            owner("<talc::Talc<O> as core::alloc::Allocator>::grow"),
            "talc"
        );
        assert_eq!(
            owner("<core[c5930c85a12de822]::fmt::Formatter>::pad"),
            "core"
        );
        assert_eq!(unhashed("talc::grow::h0b21ac9c665d5f17"), "talc::grow");
        assert_eq!(unhashed("talc::heap"), "talc::heap");
        assert_eq!(owner("jugglercore_new"), "(exports)");
    }

    #[test]
    fn the_largest_come_first_and_the_rest_is_counted() {
        let functions = (0..SHOWN + 2).map(|index| (format!("a::f{index}"), index + 1));
        let module = Module {
            sections: vec![
                ("code".to_owned(), 1_000),
                ("custom name".to_owned(), 5_000),
            ],
            functions: functions.collect(),
        };
        let report = report(&module);
        let largest = format!("a::f{}", SHOWN + 1);
        assert!(report.contains(&largest), "{report}");
        assert!(
            report.ends_with("       3  and 2 smaller ones\n"),
            "{report}"
        );
        assert!(!report.contains("5000"), "{report}");
    }
}
