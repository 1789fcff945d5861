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
    run: fn(&Toolbox) -> Outcome<Vec<Measure>>,
}

const PARTS: &[Part] = &[
    Part {
        name: "size",
        needs: Tool::BUILD,
        run: size::measure,
    },
    Part {
        name: "node",
        needs: Tool::ALL,
        run: |toolbox| patch(toolbox, &[]),
    },
    Part {
        name: "browser",
        needs: Tool::ALL,
        run: |toolbox| patch(toolbox, &["--browser"]),
    },
    Part {
        name: "native",
        needs: &[],
        run: native,
    },
];

/// Runs the parts named, or all of them, and prints what they measured.
pub(crate) fn task(workspace: &Workspace, arguments: &[String]) -> Outcome {
    let (flags, names): (Vec<_>, Vec<_>) = arguments
        .iter()
        .map(String::as_str)
        .partition(|argument| argument.starts_with('-'));
    let json = match flags.as_slice() {
        [] => false,
        ["--json"] => true,
        _ => {
            return Err(format!(
                "bench takes no option but --json, not {}",
                flags.join(" ")
            ));
        }
    };
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
        measures.extend((part.run)(&toolbox)?);
    }
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
fn patch(toolbox: &Toolbox, arguments: &[&str]) -> Outcome<Vec<Measure>> {
    build::package(toolbox)?;
    release()?;
    let mut command = toolbox.command("node");
    command.arg("tests/bench/patch.mjs").args(arguments);
    collect(command.envs(toolbox.environment("release")))
}

/// What the native crates measure.
fn native(toolbox: &Toolbox) -> Outcome<Vec<Measure>> {
    release()?;
    collect(&mut Command::new(
        toolbox.workspace().target("release/bench"),
    ))
}

fn release() -> Outcome {
    run(Command::new("cargo").args(["build", "--release", "--bins"]))
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
