//! `bench`: what the project measures, as one table per suite.
//!
//! Every part prints one JSON object per measurement on its standard output, in the form of
//! [`Measure`]; whatever else it says goes to its standard error.

use std::process::Command;

use crate::build;
use crate::measure::{Measure, tables};
use crate::process::{Outcome, expect_success, run, run_lines};
use crate::progress::{Progress, human};
use crate::size;
use crate::tools::{Tool, Toolbox};
use crate::workspace::Workspace;

struct Part {
    name: &'static str,
    needs: &'static [Tool],
    run: fn(&Toolbox, quick: bool) -> Outcome<Vec<Measure>>,
}

const PARTS: &[Part] = &[
    Part {
        name: "size",
        needs: Tool::BUILD,
        run: |toolbox, _| size::measure(toolbox),
    },
    Part {
        name: "node",
        needs: Tool::ALL,
        run: |toolbox, quick| patch(toolbox, quick, &[]),
    },
    Part {
        name: "browser",
        needs: Tool::ALL,
        run: |toolbox, quick| patch(toolbox, quick, &["--browser"]),
    },
    Part {
        name: "native",
        needs: &[],
        run: |toolbox, quick| native(toolbox, quick, &[]),
    },
    Part {
        name: "fan-out",
        needs: &[Tool::Python],
        run: |toolbox, quick| load(toolbox, quick, "fan-out"),
    },
    Part {
        name: "change",
        needs: &[Tool::Python],
        run: |toolbox, quick| load(toolbox, quick, "change"),
    },
    Part {
        name: "request",
        needs: &[Tool::Python],
        run: |toolbox, quick| load(toolbox, quick, "request"),
    },
    Part {
        name: "connect",
        needs: &[Tool::Python],
        run: |toolbox, quick| load(toolbox, quick, "connect"),
    },
    Part {
        name: "bayeux",
        needs: &[Tool::Node, Tool::TestPackages],
        run: bayeux,
    },
];

/// Cases of the patch suite that are enough to see that it runs.
const FEW_CASES: &str = "100 rows";

/// Runs the parts named, or all of them, and prints what they measured.
pub(crate) fn task(workspace: &Workspace, arguments: &[String]) -> Outcome {
    let (flags, names): (Vec<_>, Vec<_>) = arguments
        .iter()
        .map(String::as_str)
        .partition(|argument| argument.starts_with('-'));
    let known = ["--json", "--quick"];
    if let Some(unknown) = flags.iter().find(|flag| !known.contains(flag)) {
        return Err(format!(
            "bench takes the options {}, not {unknown}",
            known.join(" and ")
        ));
    }
    let (json, quick) = (flags.contains(&"--json"), flags.contains(&"--quick"));
    let known: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        return Err(format!(
            "bench has no part `{unknown}`: there are {}",
            known.join(", ")
        ));
    }
    let named = |part: &&Part| names.is_empty() || names.contains(&part.name);
    let parts: Vec<&Part> = PARTS.iter().filter(named).collect();

    let needs: Vec<Tool> = parts.iter().flat_map(|part| part.needs).copied().collect();
    let toolbox = Toolbox::prepare(workspace, &needs)?;
    let mut progress = Progress::new(parts.len());
    let mut measures = Vec::new();
    for part in parts {
        progress.step(part.name);
        measures.extend((part.run)(&toolbox, quick)?);
    }
    // What is expected stands below what was measured.
    measures.sort_by_key(|measure| measure.bound.is_some());
    eprintln!(
        "\n{} measurements in {}\n",
        measures.len(),
        human(progress.elapsed())
    );
    if json {
        let array: Vec<_> = measures.iter().map(Measure::to_json).collect();
        println!("{}", serde_json::Value::from(array));
    } else {
        print!("{}", tables(&measures));
    }
    Ok(())
}

/// How long the package takes to apply patches, beside its peers.
fn patch(toolbox: &Toolbox, quick: bool, arguments: &[&str]) -> Outcome<Vec<Measure>> {
    build::package(toolbox)?;
    release()?;
    let mut command = toolbox.command("node");
    command.arg("tests/bench/patch.mjs").args(arguments);
    command.args(quick.then_some(FEW_CASES));
    collect(command.envs(toolbox.environment("release")))
}

/// What the native crates measure.
fn native(toolbox: &Toolbox, quick: bool, arguments: &[&str]) -> Outcome<Vec<Measure>> {
    release()?;
    let mut command = Command::new(toolbox.workspace().target("release/bench"));
    collect(command.args(arguments).args(quick.then_some("--quick")))
}

/// What Bayeux costs the server under load, and what it costs to find who subscribed.
fn bayeux(toolbox: &Toolbox, quick: bool) -> Outcome<Vec<Measure>> {
    let mut measures = load(toolbox, quick, "bayeux")?;
    measures.extend(native(toolbox, quick, &["matching"])?);
    Ok(measures)
}

/// What the server costs under load, beside a bare one and beside its peer.
fn load(toolbox: &Toolbox, quick: bool, part: &str) -> Outcome<Vec<Measure>> {
    release()?;
    let built = |name: &str| toolbox.workspace().target(&format!("release/{name}"));
    let mut command = Command::new(built("load"));
    command.arg(part).args(quick.then_some("--quick"));
    command.env("MIRRORBALL_BARE_BIN", built("bare"));
    command.env("MIRRORBALL_LOAD_TARGET_BIN", built("examples/load_target"));
    collect(command.envs(toolbox.environment("release")))
}

/// Builds all that is measured, and all that measures: the same in every part, since other packages would need
/// other features of what they share, and so all of it once more.
fn release() -> Outcome {
    let what = ["build", "--release", "--bins", "--example", "load_target"];
    run(Command::new("cargo").args(what))
}

fn collect(command: &mut Command) -> Outcome<Vec<Measure>> {
    let mut measures = Vec::new();
    let status = run_lines(command, |line| {
        eprintln!("{line}");
        measures.push(Measure::parse(line));
    })?;
    expect_success(command, status)?;
    let measures = measures.into_iter().collect::<Outcome<Vec<_>>>()?;
    if measures.is_empty() {
        return Err("the benchmark measured nothing".to_owned());
    }
    Ok(measures)
}
