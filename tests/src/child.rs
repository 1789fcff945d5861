//! A server's process.

use std::{io, path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child as Process, ChildStdin, Command},
    time::timeout,
};

use crate::plan::Plan;

/// What precedes a server's address in the first line that its process prints.
pub const GREETING: &str = "server listening on ";
/// The argument with which the program is a server instead of the controller.
pub const ARGUMENT: &str = "server";

/// How long a process may take to say where it listens.
const START: Duration = Duration::from_secs(10);

/// A server in a process of its own, which ends with this one at the latest.
#[derive(Debug)]
pub struct Child {
    process: Process,
    /// The process ends when this does, however that comes about.
    _stdin: ChildStdin,
    port: u16,
}

impl Child {
    /// Starts a server, with the program `fixture`, and waits until it listens.
    ///
    /// # Errors
    ///
    /// Where there is no such process, or it does not listen; why is on its standard error.
    pub async fn start(program: &Path, plan: &Plan) -> io::Result<Self> {
        let mut process = Command::new(program)
            .arg(ARGUMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Handlers panic on purpose.
            .env("RUST_BACKTRACE", "0")
            .kill_on_drop(true)
            .spawn()?;
        let (Some(mut stdin), Some(stdout)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::Error::other("the process has no pipes"));
        };
        let mut text = serde_json::to_string(plan)?;
        text.push('\n');
        stdin.write_all(text.as_bytes()).await?;
        let mut line = String::new();
        timeout(START, BufReader::new(stdout).read_line(&mut line)).await??;
        let port = line
            .trim()
            .strip_prefix(GREETING)
            .and_then(|address| address.rsplit(':').next()?.parse().ok());
        Ok(Self {
            process,
            _stdin: stdin,
            port: port.ok_or_else(|| io::Error::other(format!("it did not start: {line}")))?,
        })
    }

    /// The port on which it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Ends it at once: its connections get no goodbye.
    ///
    /// # Errors
    ///
    /// Where the system refuses.
    pub async fn kill(mut self) -> io::Result<()> {
        self.process.kill().await
    }
}
