//! The native client of Bayeux at the tests' command: options as JSON in the first argument, then one JSON object a line in, one
//! a line out. It ends with its standard input.
//!
//! | command | what it is answered with |
//! | --- | --- |
//! | `subscribe`, `unsubscribe`, with a `channel`; `publish`, with `data` too; `bytes`, with `bytes` | `done`; `refused`, in the server's words, or in the client's |
//! | `batch`, with `steps`: such commands | `done`, once all are |
//! | `call`, with `target` and `data` | `done`: `successful` and `data` |
//! | `messages` | `done`: what came, channels and data |
//! | `status` | `done`: `transport`, `isConnected`, `sessions`, `ack` |
//! | `disconnect` | `done` |

use std::{
    env,
    future::Future,
    pin::Pin,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mirrorball_client::bayeux::{Binary, Client, ConnectionType, Error, Event, Message, State};
use mirrorball_tests::commands;
use serde::Deserialize;
use serde_json::{Value, json};

/// How soon it tries again, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(200));

/// What the client is started with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    address: String,
    transport: String,
    /// Milliseconds that the network may take.
    patience: u64,
    #[serde(default)]
    extensions: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase")]
enum Command {
    Subscribe { channel: String },
    Unsubscribe { channel: String },
    Publish { channel: String, data: Value },
    Bytes { channel: String, bytes: Vec<u8> },
    Batch { steps: Vec<Self> },
    Call { target: String, data: Value },
    Messages,
    Status,
    Disconnect,
}

#[derive(Debug)]
struct Heard {
    messages: Vec<Value>,
    sessions: u64,
}

#[derive(Clone, Debug)]
struct Subscriber {
    client: Client,
    heard: Arc<Mutex<Heard>>,
    has_ack: bool,
}

// One thread: what is told first is begun first.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("subscriber: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let options = env::args().nth(1).ok_or("no options")?;
    let options: Options = serde_json::from_str(&options)?;
    let subscriber = Subscriber::connect(&options).await?;
    commands::serve(&options.address, |command| {
        let subscriber = subscriber.clone();
        async move {
            match subscriber.carry_out(command).await {
                Ok(done) => json!({ "done": done }),
                Err(error) => json!({ "refused": words(&error) }),
            }
        }
    })
    .await
}

/// The server's, or else the client's.
fn words(error: &Error) -> String {
    match error {
        Error::Server(refusal) => refusal.error().unwrap_or(refusal.message()).to_owned(),
        error => error.to_string(),
    }
}

/// What a message brought.
fn content(message: &Message) -> Value {
    let data = match message.binary() {
        Some(Ok(binary)) => json!(binary.bytes),
        Some(Err(error)) => json!(format!("{error:?}")),
        None => json!(message.data()),
    };
    json!([message.channel(), data])
}

impl Subscriber {
    async fn connect(options: &Options) -> Result<Self, Error> {
        let connection_type = match options.transport.as_str() {
            "websocket" => ConnectionType::WebSocket,
            "long-polling" => ConnectionType::LongPolling,
            other => ConnectionType::Other(other.into()),
        };
        let has = |name: &str| options.extensions.iter().any(|it| it == name);
        let patience = Duration::from_millis(options.patience);
        let client = Client::builder(options.address.as_str())
            .connection_types([connection_type])
            .max_network_delay(patience)
            .connect_timeout(patience)
            .connection_timeout(None)
            .retry_delay(RETRY.0, RETRY.1)
            .ack(has("ack"))
            .build()?;
        let heard = Heard {
            messages: Vec::new(),
            sessions: 1,
        };
        let subscriber = Self {
            client,
            heard: Arc::new(Mutex::new(heard)),
            has_ack: has("ack"),
        };
        let mut events = subscriber.client.events();
        subscriber.client.open().await?;
        tokio::spawn({
            let subscriber = subscriber.clone();
            async move {
                while let Ok(message) = subscriber.client.receive().await {
                    subscriber.with(|heard| heard.messages.push(content(&message)));
                }
            }
        });
        tokio::spawn({
            let subscriber = subscriber.clone();
            async move {
                while let Some(event) = events.next().await {
                    if event == Event::SessionLost {
                        subscriber.with(|heard| heard.sessions += 1);
                    }
                }
            }
        });
        Ok(subscriber)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Heard) -> T) -> T {
        look(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn carry_out(&self, command: Command) -> Result<Value, Error> {
        match command {
            // Its messages are for whoever receives all.
            Command::Subscribe { channel } => drop(self.client.subscribe(&channel).await?),
            Command::Unsubscribe { channel } => {
                self.client.unsubscribe(&channel).await?;
            }
            Command::Publish { channel, data } => {
                self.client.publish(&channel, &data).await?;
            }
            Command::Bytes { channel, bytes } => {
                let binary = Binary {
                    bytes,
                    is_last: true,
                    meta: mirrorball_client::Value::Null,
                };
                self.client.publish_binary(&channel, &binary).await?;
            }
            Command::Batch { steps } => self.carry_out_together(steps).await?,
            Command::Call { target, data } => {
                return match self.client.call(&target, &data).await {
                    Ok(data) => Ok(json!({ "successful": true, "data": data })),
                    Err(Error::Server(error)) => {
                        let data = error.response().map(Message::data);
                        Ok(json!({ "successful": false, "data": data }))
                    }
                    Err(error) => Err(error),
                };
            }
            Command::Messages => return Ok(self.with(|heard| json!(heard.messages))),
            Command::Status => return Ok(self.status()),
            Command::Disconnect => self.client.close().await,
        }
        Ok(Value::Null)
    }

    async fn carry_out_together(&self, steps: Vec<Command>) -> Result<(), Error> {
        type Step = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;
        let mut batch = self.client.batch();
        let mut ends: Vec<Step> = Vec::new();
        for step in steps {
            match step {
                Command::Subscribe { channel } => {
                    let end = batch.subscribe(&channel);
                    ends.push(Box::pin(async { end.await.map(drop) }));
                }
                Command::Publish { channel, data } => {
                    let end = batch.publish(&channel, &data);
                    ends.push(Box::pin(async { end.await.map(drop) }));
                }
                other => return Err(Error::NoTransport(format!("{other:?}"))),
            }
        }
        batch.send().await?;
        for end in ends {
            end.await?;
        }
        Ok(())
    }

    fn status(&self) -> Value {
        let transport = self.client.connection_type();
        json!({
            "transport": transport.as_ref().map(ConnectionType::name),
            "isConnected": self.client.status().state == State::Connected,
            "sessions": self.with(|heard| heard.sessions),
            "ack": self.has_ack,
        })
    }
}
