//! The program `mirrorball`: a Juggler server with a folder of static files, a demo, and a look at any server.

mod cli;
mod config;
mod demo;
mod ending;
mod host;
mod passwd;
mod program;
mod remote;
mod settings;
mod signals;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::Cli::read(std::env::args_os()).and_then(|cli| program::run(&cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(ending) => ending.report(),
    }
}
