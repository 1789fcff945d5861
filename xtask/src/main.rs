//! The repository's tasks: `cargo xtask <task>`.
//!
//! One module per task. Each prints the commands it runs, so that any of them can be repeated by
//! hand, and names what is missing and how to get it. Progress goes to stderr; stdout carries
//! results only. Linux and macOS are supported.

mod advisories;
mod bench;
mod build;
mod dist;
mod files;
mod fingerprint;
mod fixture;
mod functions;
mod licences;
mod lockfile;
mod measure;
mod module;
mod package;
mod process;
mod progress;
mod serve;
mod size;
mod tally;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use process::Outcome;
use workspace::Workspace;

const USAGE: &str = "\
Usage: cargo xtask <TASK>

  setup                  install whatever the other tasks need and is missing
  build                  the npm package in js/dist/, and its copy in www/mirrorball/
  serve [-- ARGUMENT…]   build, then run `mirrorball demo --www www` with these arguments
  test [STEP…]           every check there is, or only the named ones; `test --list` names them
  bench [PART…] [--json] [--quick]
                         measure, and print one table per suite; parts: size node browser native
                         fan-out change request connect bayeux; --quick only shows that it
                         runs
  dist                   the npm package as a tarball in target/dist/; prints where it is
  size                   what each function of the wasm costs, and each crate
  tidy                   the house rules that no compiler knows

Tools are kept in ~/.cache/mirrorball (or $MIRRORBALL_TOOLS) and in target/.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("\nerror: {message}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Outcome {
    let Some((task, rest)) = arguments.split_first() else {
        return Err(format!("which task?\n\n{USAGE}"));
    };
    if matches!(task.as_str(), "help" | "--help" | "-h") {
        println!("{USAGE}");
        return Ok(());
    }
    let workspace = Workspace::locate()?;
    match task.as_str() {
        "setup" => none(rest).and_then(|()| tools::setup(&workspace)),
        "build" => none(rest).and_then(|()| build::task(&workspace)),
        "serve" => serve::task(&workspace, rest),
        "test" => test::task(&workspace, rest),
        "bench" => bench::task(&workspace, rest),
        "dist" => none(rest).and_then(|()| dist::task(&workspace)),
        "size" => none(rest).and_then(|()| functions::task(&workspace)),
        "tidy" => none(rest).and_then(|()| tidy::task(&workspace)),
        unknown => Err(format!("there is no task `{unknown}`\n\n{USAGE}")),
    }
}

fn none(arguments: &[String]) -> Outcome {
    match arguments {
        [] => Ok(()),
        [first, ..] => Err(format!("this task takes no arguments, not `{first}`")),
    }
}
