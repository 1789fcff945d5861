//! `mirrorball watch`

use std::{
    env,
    io::{IsTerminal, stdout},
    time::{Duration, Instant},
};

use clap::Args;
use mirrorball_client::{
    Changes,
    juggler::{Client, ConnectionState, Status},
};
use mirrorball_protocol::json::diff;
use mirrorball_server::Value;
use tokio::time::sleep;

use super::{
    escape, line,
    peer::{Peer, misused},
    print, tell,
    tree::Tree,
};
use crate::ending::Ending;

/// A terminal is drawn anew this often at most, whatever happens in between.
const FRAME: Duration = Duration::from_millis(50);
/// The rows around the tree: what it is of, an empty one, and the one behind the last, so that nothing scrolls.
const HEAD: usize = 3;
/// The rows of a terminal that does not say.
const ROWS: usize = 24;

/// `mirrorball watch`
#[derive(Debug, Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    peer: Peer,

    /// Look at this part of the state only, such as /devices/a7; null where there is none
    #[arg(value_name = "POINTER", default_value = "")]
    pointer: String,

    /// Print each state as a line of JSON, on a terminal, too
    #[arg(long)]
    json: bool,

    /// Print what changes as lines of JSON Patch, the first one from null
    #[arg(long, conflicts_with = "json")]
    patches: bool,
}

impl Watch {
    pub(super) async fn run(&self) -> Result<(), Ending> {
        let builder = self.peer.client()?;
        let client = builder
            .connect()
            .await
            .map_err(|error| self.peer.failed(&error))?;
        let values = client
            .changes_at(&self.pointer)
            .map_err(|error| misused(format_args!("`{}`: {error}", self.pointer)))?;
        let read = if self.json || self.patches || !stdout().is_terminal() {
            self.print_lines(&client, values).await?
        } else {
            self.draw(&client, values).await?
        };
        match client.closed().await {
            Some(error) if read => Err(self.peer.failed(&error)),
            _ => Ok(()),
        }
    }

    /// One line for each value. Returns whether they were read to the end.
    async fn print_lines(
        &self,
        client: &Client,
        mut values: Changes<Option<Value>>,
    ) -> Result<bool, Ending> {
        let mut statuses = client.statuses();
        let mut last = Value::Null;
        let mut was_stale = false;
        loop {
            tokio::select! {
                value = values.next() => {
                    let Some(value) = value else { return Ok(true) };
                    let value = value.unwrap_or_default();
                    let text = if self.patches {
                        let mut text = String::new();
                        diff(&last, &value).write(&mut text);
                        escape(&text)
                    } else {
                        line(&value)
                    };
                    last = value;
                    if !print(&format!("{text}\n"))? {
                        client.close().await;
                        return Ok(false);
                    }
                }
                Some(status) = statuses.next() => {
                    let is_stale = status.state == ConnectionState::Stale;
                    if std::mem::replace(&mut was_stale, is_stale) != is_stale {
                        tell(&describe(&status));
                    }
                }
            }
        }
    }

    /// Draws the tree whenever there is something new. Returns whether it was seen to the end.
    async fn draw(
        &self,
        client: &Client,
        mut values: Changes<Option<Value>>,
    ) -> Result<bool, Ending> {
        let colour = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let mut statuses = client.statuses();
        let mut before = None;
        let mut current = None;
        let name = format!("{} {}", self.peer.name(), escape(&self.pointer));
        print("\x1b[2J")?;
        loop {
            tokio::select! {
                value = values.next() => {
                    let Some(value) = value else { return Ok(true) };
                    before = current.replace(value.unwrap_or_default());
                }
                Some(_) = statuses.next() => {}
            }
            let Some(value) = &current else { continue };
            let rows = terminal_size::terminal_size().map_or(ROWS, |(_, rows)| rows.0.into());
            let head = format!("{name} {}", escape(&describe(&client.status())));
            let tree = Tree::draw(before.as_ref(), value, rows.saturating_sub(HEAD), colour);
            if !print(&frame(&head, &tree))? {
                client.close().await;
                return Ok(false);
            }
            sleep(FRAME).await;
        }
    }
}

/// What puts these lines in place of what a terminal shows; lines that are too long end at its edge.
fn frame(head: &str, lines: &[String]) -> String {
    let mut frame = String::from("\x1b[?7l\x1b[H");
    for line in [head, ""]
        .into_iter()
        .chain(lines.iter().map(String::as_str))
    {
        frame.push_str(line);
        frame.push_str("\x1b[K\n");
    }
    frame + "\x1b[J\x1b[?7h"
}

/// A status in words.
fn describe(status: &Status) -> String {
    let why = || {
        let error = status.last_error.as_ref();
        error.map_or_else(String::new, |error| format!(": {error}"))
    };
    match status.state {
        ConnectionState::Connecting => "connecting".to_owned(),
        ConnectionState::Connected => "connected".to_owned(),
        ConnectionState::Closed => "closed".to_owned(),
        ConnectionState::Failed => format!("failed{}", why()),
        ConnectionState::Stale => {
            let wait = status
                .next_retry
                .map(|at| at.saturating_duration_since(Instant::now()));
            let wait = wait.map_or_else(String::new, |wait| {
                format!("; trying again in {:.1} s", wait.as_secs_f64())
            });
            format!("connection lost, this is what the state was{}{wait}", why())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_overwrites_the_one_before() {
        let lines = ["  a: 1".to_owned(), "  b: 2".to_owned()];
        assert_eq!(
            frame("head", &lines),
            "\x1b[?7l\x1b[Hhead\x1b[K\n\x1b[K\n  a: 1\x1b[K\n  b: 2\x1b[K\n\x1b[J\x1b[?7h"
        );
    }
}
