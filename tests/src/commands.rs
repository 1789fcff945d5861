//! The side of a program at the tests' command: one JSON object a line in, one a line out.

use std::{
    future::Future,
    io::{self, BufRead, Write},
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::mpsc;

/// Commands that wait to be carried out.
const COMMANDS: usize = 1_024;

#[derive(Debug, Deserialize)]
struct Line<C> {
    id: u64,
    #[serde(flatten)]
    command: C,
}

/// Says that the program is ready, and has `carry_out` answer each command that comes, with an object. What is told first is
/// begun first, where the runtime has one thread. Returns with the end of the standard input.
///
/// # Errors
///
/// Where a line is no command.
pub async fn serve<C, F>(
    address: &str,
    carry_out: impl Fn(C) -> F,
) -> Result<(), Box<dyn std::error::Error>>
where
    C: DeserializeOwned,
    F: Future<Output = Value> + Send + 'static,
{
    println!("ready at {address}");
    let (sender, mut lines) = mpsc::channel(COMMANDS);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    while let Some(line) = lines.recv().await {
        let Line { id, command } = serde_json::from_str(&line)?;
        let carrying_out = carry_out(command);
        tokio::spawn(async move {
            let mut answer = carrying_out.await;
            if let Some(answer) = answer.as_object_mut() {
                answer.insert("id".to_owned(), id.into());
            }
            // Where nobody listens, nobody needs it.
            let _ = writeln!(io::stdout(), "{answer}");
        });
    }
    Ok(())
}
