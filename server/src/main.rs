//! The program `mirrorball`: a Juggler server with a folder of static files, and a demo.

mod cli;
mod demo;
mod host;
mod listen;
mod program;
mod remote;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::Cli::read(std::env::args_os()).and_then(|cli| program::run(&cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(ending) => ending.report(),
    }
}
