//! The native client at the tests' command: options as JSON in the first argument, then one JSON object a line in,
//! one a line out. It ends with its standard input.
//!
//! | command | what it is answered with |
//! | --- | --- |
//! | `send`, with `name`, `data` and, in milliseconds, `timeout` | `done`; `refused`, with the server's data; `lost`, in words |
//! | `state` | `done`: the state |
//! | `status` | `done`: `state`, `retries`, `error` |
//! | `notifications` | `done`: what came, names and data; a gap is a text |
//! | `reconnect`, `close` | `done` |

use std::{
    env,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mirrorball_client::{
    Credentials, Tls,
    juggler::{Client, Notification, RequestError},
};
use mirrorball_tests::commands;
use serde::Deserialize;
use serde_json::{Value, json};

/// What the client is started with; what is missing has the client's default. Times are in milliseconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Options {
    address: String,
    segment: Option<usize>,
    ping_delay: Option<u64>,
    ping_timeout: Option<u64>,
    user: Option<String>,
    password: Option<String>,
    /// The authorities to trust, in PEM.
    ca: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase")]
enum Command {
    Send {
        name: String,
        data: Value,
        timeout: Option<u64>,
    },
    State,
    Status,
    Notifications,
    Reconnect,
    Close,
}

type Heard = Arc<Mutex<Vec<Value>>>;

// One thread: what is told first is begun first.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("native: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let options = env::args().nth(1).ok_or("no options")?;
    let options: Options = serde_json::from_str(&options)?;
    let (client, heard) = connect(&options).await?;
    commands::serve(&options.address, |command| {
        let (client, heard) = (client.clone(), Arc::clone(&heard));
        async move { carry_out(&client, &heard, command).await }
    })
    .await
}

async fn connect(options: &Options) -> Result<(Client, Heard), Box<dyn std::error::Error>> {
    let mut builder = Client::builder(&options.address);
    if let Some(segment) = options.segment {
        builder = builder.max_segment_size(segment);
    }
    if let Some(delay) = options.ping_delay {
        builder = builder.ping_delay(Some(Duration::from_millis(delay)));
    }
    if let Some(timeout) = options.ping_timeout {
        builder = builder.ping_timeout(Duration::from_millis(timeout));
    }
    if let (Some(user), Some(password)) = (&options.user, &options.password) {
        builder = builder.auth(Credentials::new(user, password)?);
    }
    if let Some(ca) = &options.ca {
        builder = builder.tls(Tls::default().roots(ca.as_bytes())?);
    }
    let mut notifications = builder.notifications();
    let heard = Heard::default();
    tokio::spawn({
        let heard = Arc::clone(&heard);
        async move {
            while let Some(notification) = notifications.next().await {
                let shown = match notification {
                    Notification::Message { name, data } => json!([*name, data]),
                    gap => format!("{gap:?}").into(),
                };
                heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(shown);
            }
        }
    });
    Ok((builder.connect().await?, heard))
}

async fn carry_out(client: &Client, heard: &Heard, command: Command) -> Value {
    match command {
        Command::Send {
            name,
            data,
            timeout,
        } => {
            let answer = match timeout {
                Some(timeout) => {
                    let timeout = Some(Duration::from_millis(timeout));
                    client.request_within(timeout, &name, &data).await
                }
                None => client.request(&name, &data).await,
            };
            match answer {
                Ok(data) => json!({ "done": data }),
                Err(RequestError::Remote(data)) => json!({ "refused": data }),
                Err(error) => json!({ "lost": format!("{error:?}") }),
            }
        }
        Command::State => json!({ "done": client.state() }),
        Command::Status => {
            let status = client.status();
            let error = status.last_error.map(|error| error.to_string());
            let state = format!("{:?}", status.state).to_lowercase();
            json!({ "done": { "state": state, "retries": status.retries, "error": error } })
        }
        Command::Notifications => {
            json!({ "done": *heard.lock().unwrap_or_else(PoisonError::into_inner) })
        }
        Command::Reconnect => {
            client.reconnect();
            json!({ "done": null })
        }
        Command::Close => {
            client.close().await;
            json!({ "done": null })
        }
    }
}
