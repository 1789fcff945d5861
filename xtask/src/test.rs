//! `test`: everything that a change has to pass, cheapest first.
//!
//! The first failure ends the run. The last line is `N passed, N failed`: what the test runners
//! reported, plus one for a step that failed without a count of its own. A step that runs tests
//! fails where its runner reports none.

use std::path::Path;
use std::process::Command;

use crate::advisories;
use crate::build;
use crate::fixture::Fixture;
use crate::package;
use crate::process::{Outcome, expect_success, run, run_lines};
use crate::progress::{Progress, human};
use crate::size;
use crate::tally::Tally;
use crate::tidy;
use crate::tools::{Tool, Toolbox, browser_driver};
use crate::workspace::Workspace;

/// How long one test in node may take, and one file of them, in milliseconds.
const NODE_TEST: &str = "--test-timeout=300000";
/// How long the wasm tests in the browser may take together, in seconds.
const BROWSER_TESTS: &str = "300";
/// How long ChromeDriver may take to start, in seconds.
const DRIVER_START: &str = "30";

/// What a step works with, and the tests that it counted.
struct Run<'a> {
    toolbox: &'a Toolbox<'a>,
    tally: Tally,
}

struct Step {
    name: &'static str,
    about: &'static str,
    needs: &'static [Tool],
    run: fn(&mut Run) -> Outcome,
}

const STEPS: &[Step] = &[
    Step {
        name: "format",
        about: "rustfmt has nothing to change",
        needs: &[],
        run: |run| run.cargo("fmt --all --check"),
    },
    Step {
        name: "tidy",
        about: "the house rules that no compiler knows",
        needs: &[],
        run: |run| tidy::task(run.toolbox.workspace()),
    },
    Step {
        name: "deny",
        about: "licenses, sources and bans of dependencies; advisories where reachable",
        needs: &[Tool::CargoDeny],
        run: |run| advisories::check(run.toolbox),
    },
    Step {
        name: "clippy",
        about: "the native crates and their tests have no warnings",
        needs: &[],
        run: |run| run.cargo("clippy --all-targets -- -D warnings"),
    },
    Step {
        name: "clippy-wasm",
        about: "nor has the browser client",
        needs: &[Tool::WasmTarget],
        run: |run| run.cargo(&format!("clippy {CLIENT} --all-targets -- -D warnings")),
    },
    Step {
        name: "docs",
        about: "rustdoc has no warnings",
        needs: &[Tool::WasmTarget],
        run: docs,
    },
    Step {
        name: "build",
        about: "the npm package builds, its TypeScript without errors",
        needs: Tool::BUILD,
        run: |run| build::package(run.toolbox),
    },
    Step {
        name: "lint",
        about: "eslint has no warnings, and typedoc none; the code of the guides, and the types, are checked",
        needs: Tool::BUILD,
        run: lint,
    },
    Step {
        name: "package",
        about: "the packed tarball is reproducible, and one that every tool can import",
        needs: Tool::PACKAGE,
        run: |run| package::check(run.toolbox),
    },
    Step {
        name: "size",
        about: "the package is within js/size-budget.json",
        needs: Tool::BUILD,
        run: |run| size::check(run.toolbox),
    },
    Step {
        name: "rust",
        about: "cargo test, every native crate",
        needs: &[],
        run: |run| {
            run.cargo("build --bins")?;
            let environment = run.toolbox.environment("debug");
            run.counted(Command::new("cargo").arg("test").envs(environment))
        },
    },
    Step {
        name: "wasm-node",
        about: "the protocol's tests as wasm, in node",
        needs: &[
            Tool::Node,
            Tool::WasmTarget,
            Tool::WasmBindgen,
            Tool::WasmPack,
        ],
        run: |run| {
            let mut command = run.toolbox.command("wasm-pack");
            run.counted(command.args(["test", "--mode", "no-install", "--node", "protocol"]))
        },
    },
    Step {
        name: "wasm-browser",
        about: "the browser client's tests, in headless Chromium against the fixture",
        needs: &[
            Tool::WasmTarget,
            Tool::WasmBindgen,
            Tool::WasmPack,
            Tool::Browser,
        ],
        run: wasm_browser,
    },
    Step {
        name: "browser",
        about: "the page end to end, in headless Chromium",
        needs: Tool::ALL,
        run: |run| run.node("tests/browser"),
    },
    Step {
        name: "frameworks",
        about: "React, Vue, Svelte and Solid with the package, in headless Chromium",
        needs: &[
            Tool::Node,
            Tool::JsPackages,
            Tool::TestPackages,
            Tool::WasmTarget,
            Tool::WasmBindgen,
            Tool::WasmPack,
            Tool::Browser,
        ],
        run: |run| run.node("tests/frameworks"),
    },
    Step {
        name: "environments",
        about: "the installed tarball in every bundler, in Node and under a policy, against the real server",
        needs: Tool::ENVIRONMENTS,
        run: |run| {
            package::install(run.toolbox)?;
            run.node("tests/environments")
        },
    },
    Step {
        name: "interop",
        about: "our client and server against the public peers",
        needs: Tool::ALL,
        run: |run| run.node("tests/interop"),
    },
    Step {
        name: "interop-bayeux",
        about: "the same for Bayeux, over both transports",
        needs: Tool::ALL,
        run: |run| run.node("tests/interop-bayeux"),
    },
];

/// The browser client is no default member, and is built for wasm alone.
const CLIENT: &str = "--package mirrorball-client-wasm --target wasm32-unknown-unknown";

/// Runs the steps named, or all of them; `--list` only prints them.
pub(crate) fn task(workspace: &Workspace, arguments: &[String]) -> Outcome {
    if arguments == ["--list"] {
        for step in STEPS {
            println!("{:<14} {}", step.name, step.about);
        }
        return Ok(());
    }
    let steps = select(arguments)?;
    let mut tally = Tally::default();
    let result = run_steps(workspace, &steps, &mut tally);
    if result.is_err() && tally.failed == 0 {
        tally.failed = 1;
    }
    // The summary comes last on either stream, whichever is looked at.
    match &result {
        Ok(()) => eprintln!("\nall {} steps passed", steps.len()),
        Err(message) => eprintln!("\n{message}\n"),
    }
    println!("{tally}");
    if result.is_err() {
        std::process::exit(1);
    }
    Ok(())
}

fn select(names: &[String]) -> Outcome<Vec<&'static Step>> {
    let known = |name: &&String| STEPS.iter().any(|step| step.name == **name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        return Err(format!(
            "there is no step `{unknown}`: `cargo xtask test --list` names them"
        ));
    }
    let named = |step: &&Step| names.is_empty() || names.iter().any(|name| name == step.name);
    Ok(STEPS.iter().filter(named).collect())
}

fn run_steps(workspace: &Workspace, steps: &[&Step], tally: &mut Tally) -> Outcome {
    let needs: Vec<Tool> = steps.iter().flat_map(|step| step.needs).copied().collect();
    let toolbox = Toolbox::prepare(workspace, &needs)?;
    let mut progress = Progress::new(steps.len());
    for (index, step) in steps.iter().enumerate() {
        progress.step(&format!("{}: {}", step.name, step.about));
        let mut run = Run {
            toolbox: &toolbox,
            tally: Tally::default(),
        };
        let began = progress.elapsed();
        let result = (step.run)(&mut run);
        *tally += run.tally;
        let took = human(progress.elapsed() - began);
        match result {
            Ok(()) if run.tally.passed > 0 => eprintln!("ok in {took}: {}", run.tally),
            Ok(()) => eprintln!("ok in {took}"),
            Err(message) => {
                let position = format!("{}/{}", index + 1, steps.len());
                let rest: Vec<&str> = steps[index + 1..].iter().map(|step| step.name).collect();
                let rest = if rest.is_empty() {
                    "nothing".to_owned()
                } else {
                    rest.join(", ")
                };
                return Err(format!(
                    "FAILED at step {position}, {}, after {took}\n{message}\n\
                     not run: {rest}\nagain: cargo xtask test {}",
                    step.name, step.name,
                ));
            }
        }
    }
    Ok(())
}

impl Run<'_> {
    fn cargo(&self, arguments: &str) -> Outcome {
        run(Command::new("cargo").args(arguments.split(' ')))
    }

    /// Runs a test runner, shows its output and counts the tests in it.
    fn counted(&mut self, command: &mut Command) -> Outcome {
        let mut tally = Tally::default();
        let status = run_lines(command, |line| {
            eprintln!("{line}");
            tally += Tally::of_line(line);
        })?;
        self.tally += tally;
        expect_success(command, status)?;
        match tally {
            Tally {
                failed: 0,
                passed: 0,
            } => Err("the runner reported no tests".to_owned()),
            Tally { failed: 0, .. } => Ok(()),
            // A runner that counts failures and exits with 0 is not believed.
            Tally { failed, .. } => Err(format!("the runner reported {failed} failed tests")),
        }
    }

    /// Runs the `*.test.mjs` of a directory, which may use the page and the native binaries.
    fn node(&mut self, directory: &str) -> Outcome {
        build::package(self.toolbox)?;
        self.cargo("build --bins")?;
        let files = test_files(&self.toolbox.workspace().path(directory))
            .map_err(|error| format!("cannot list {directory}: {error}"))?;
        if files.is_empty() {
            return Err(format!("there is no {directory}/*.test.mjs"));
        }
        let mut command = self.toolbox.command("node");
        // One file after the other: each starts servers and a browser, and two cores are few.
        command.args([
            "--test",
            "--test-concurrency=1",
            "--test-reporter=spec",
            NODE_TEST,
        ]);
        command.args(files.iter().map(|name| format!("{directory}/{name}")));
        self.counted(command.envs(self.toolbox.environment("debug")))
    }
}

/// The names of the `*.test.mjs` in `directory`; none where it does not exist.
fn test_files(directory: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    if directory.is_dir() {
        for entry in std::fs::read_dir(directory)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
    }
    names.retain(|name| name.ends_with(".test.mjs"));
    names.sort();
    Ok(names)
}

fn docs(_: &mut Run) -> Outcome {
    for packages in ["", CLIENT] {
        let mut command = Command::new("cargo");
        command
            .args(["doc", "--no-deps"])
            .args(packages.split_whitespace());
        run(command.env("RUSTDOCFLAGS", "-D warnings"))?;
    }
    Ok(())
}

fn lint(step: &mut Run) -> Outcome {
    // Types come from what is built.
    build::package(step.toolbox)?;
    // From the root with the configuration named, since eslint ignores what lies above it.
    let mut command = step.toolbox.js("eslint");
    command.args(["--config", "js/eslint.config.js", "--max-warnings", "0"]);
    run(command.args([
        "--no-error-on-unmatched-pattern",
        "client-wasm/src",
        "js",
        "tests",
        "www",
        "xtask",
    ]))?;
    run(step
        .toolbox
        .js("typedoc")
        .args(["--options", "js/typedoc.json"]))?;
    // It is checked against the package as it is published.
    build::package(step.toolbox)?;
    run(step.toolbox.command("node").arg("xtask/guides.mjs"))?;
    run(step
        .toolbox
        .js("tsc")
        .args(["--project", "target/guides/tsconfig.json"]))
}

fn wasm_browser(step: &mut Run) -> Outcome {
    let driver = browser_driver()?;
    let fixture = Fixture::start(step.toolbox.workspace())?;
    let mut command = step.toolbox.command("wasm-pack");
    command.args([
        "test",
        "--mode",
        "no-install",
        "--headless",
        "--chrome",
        "--chromedriver",
    ]);
    command.arg(driver).arg("client-wasm");
    command.env("MIRRORBALL_FIXTURE", fixture.url());
    command.env("WASM_BINDGEN_TEST_TIMEOUT", BROWSER_TESTS);
    step.counted(command.env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", DRIVER_START))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_keep_their_order_and_unknown_names_are_refused() {
        let names = |names: &[&str]| -> Outcome<Vec<&str>> {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            Ok(select(&names)?.iter().map(|step| step.name).collect())
        };
        assert_eq!(names(&["rust", "format"]), Ok(vec!["format", "rust"]));
        assert_eq!(names(&[]).unwrap().len(), STEPS.len());
        assert!(
            names(&["rust", "unit"])
                .unwrap_err()
                .contains("no step `unit`")
        );
    }

    #[test]
    fn a_runner_has_to_count_and_to_be_consistent() {
        let workspace = Workspace::locate().unwrap();
        let toolbox = Toolbox::prepare(&workspace, &[]).unwrap();
        let check = |script: &str| {
            let mut run = Run {
                toolbox: &toolbox,
                tally: Tally::default(),
            };
            let result = run.counted(Command::new("sh").args(["-c", script]));
            (result, run.tally)
        };
        let (result, tally) = check("echo 'test result: ok. 2 passed; 0 failed'");
        assert_eq!((result, tally.passed), (Ok(()), 2));
        assert!(check("echo nothing").0.unwrap_err().contains("no tests"));
        assert!(
            check("echo 'test result: ok. 2 passed; 1 failed'")
                .0
                .is_err()
        );
        let (result, tally) = check("echo 'test result: FAILED. 2 passed; 1 failed'; exit 101");
        assert_eq!((result.is_err(), tally.failed), (true, 1));
    }
}
