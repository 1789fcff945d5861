//! `serve`: the page, live, from this checkout.

use std::process::Command;

use crate::build;
use crate::process::{Outcome, announce, run};
use crate::tools::{Tool, Toolbox};
use crate::workspace::Workspace;

/// Builds what is out of date, then becomes `mirrorball demo` with `arguments`.
pub(crate) fn task(workspace: &Workspace, arguments: &[String]) -> Outcome {
    let arguments = match arguments {
        [first, rest @ ..] if first == "--" => rest,
        all => all,
    };
    let toolbox = Toolbox::prepare(workspace, Tool::BUILD)?;
    build::package(&toolbox)?;
    run(Command::new("cargo").args(["build", "--release", "--package", "mirrorball-server"]))?;

    let mut server = Command::new(workspace.target("release/mirrorball"));
    server
        .args(["demo", "--www"])
        .arg(workspace.path("www"))
        .args(arguments);
    announce(&server);
    replace_self(&mut server)
}

/// Replaces this process, so that signals reach the server and its exit code is ours.
#[cfg(unix)]
fn replace_self(command: &mut Command) -> Outcome {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(format!(
        "cannot run {}: {error}",
        command.get_program().display()
    ))
}

#[cfg(not(unix))]
fn replace_self(command: &mut Command) -> Outcome {
    let status = command.status();
    let status = status.map_err(|error| format!("cannot run the server: {error}"))?;
    crate::process::expect_success(command, status)
}
