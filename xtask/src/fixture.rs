//! The server that the browser client's wasm tests talk to.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::process::{Outcome, announce, run};
use crate::workspace::Workspace;

/// How long the fixture may take to say where it listens.
const START: Duration = Duration::from_secs(30);
const GREETING: &str = "fixture listening on ";

/// A running fixture, stopped when dropped.
#[derive(Debug)]
pub(crate) struct Fixture {
    child: Child,
    url: String,
}

impl Fixture {
    /// Builds and starts it, and waits until it says where it listens.
    pub(crate) fn start(workspace: &Workspace) -> Outcome<Self> {
        let binary = ["build", "--package", "mirrorball-tests", "--bin", "fixture"];
        run(Command::new("cargo").args(binary))?;
        let mut command = Command::new(workspace.target("debug/fixture"));
        announce(&command);
        // Its standard input ends when this process does, however that comes about.
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run the fixture: {error}"))?;
        let mut fixture = Self {
            child,
            url: String::new(),
        };
        let stdout = fixture
            .child
            .stdout
            .take()
            .ok_or("the fixture has no output")?;

        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            // Read to the end, so that the fixture is never stopped by a full pipe.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let line = lines.recv_timeout(START).map_err(|_| {
            format!(
                "the fixture printed no `{GREETING}URL` within {} s",
                START.as_secs()
            )
        })?;
        let url = line.strip_prefix(GREETING).map(str::trim);
        fixture.url = url
            .ok_or_else(|| format!("the fixture's first line should be `{GREETING}URL`: {line}"))?
            .to_owned();
        eprintln!("{line}");
        Ok(fixture)
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        // Either may fail only because it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
