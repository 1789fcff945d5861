//! A WebSocket server that does what a test wrote down, and reports what it received.

use std::{future::pending, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{
        Query, Request, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use tokio::{sync::watch, time::timeout};

use crate::cors;

/// How long a report is waited for.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Connections that are reported; more are refused.
const MAX_CONNECTIONS: usize = 1_000;
/// Frames of one connection that are reported; behind them it is cut.
const MAX_FRAMES: usize = 10_000;

/// One thing to do on a connection. After the last one everything is read, and nothing sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Refuses the connection with 403; only as the first step.
    Refuse,
    /// Never answers the connection's handshake; only as the first step.
    Hang,
    /// Sends a text message.
    Send(String),
    /// Sends a text message so many times.
    SendOften(usize, String),
    /// Sends a binary message.
    SendBinary(String),
    /// Waits until so many messages came in all.
    Expect(usize),
    /// Closes with a code and a reason.
    Close(u16, String),
    /// Cuts the connection without a goodbye.
    Cut,
}

/// What happened so far.
#[derive(Clone, Debug, Default, Serialize)]
struct Report {
    /// Rises with every change.
    version: u64,
    /// The oldest first.
    connections: Vec<Log>,
}

/// What happened on one connection.
#[derive(Clone, Debug, Default, Serialize)]
struct Log {
    /// The text messages that came.
    frames: Vec<String>,
    /// The client's close code and reason, once it has closed.
    closed: Option<(u16, String)>,
    /// Whether it is over.
    over: bool,
}

#[derive(Debug)]
struct Stage {
    scripts: Vec<Vec<Step>>,
    report: watch::Sender<Report>,
}

/// The server that does what `scripts` say; it reports at `/report?after=VERSION` what came later than that.
pub fn app(scripts: Vec<Vec<Step>>) -> Router {
    let stage = Stage {
        scripts,
        report: watch::Sender::default(),
    };
    Router::new()
        .route("/ws", get(accept))
        .route("/report", get(report))
        .layer(middleware::from_fn(cors::allow_all))
        .with_state(Arc::new(stage))
}

#[derive(Debug, Deserialize)]
struct After {
    after: u64,
}

async fn report(State(stage): State<Arc<Stage>>, Query(After { after }): Query<After>) -> Response {
    let mut reports = stage.report.subscribe();
    let newer = reports.wait_for(|report| report.version > after);
    // Without news the one that is known already says so.
    let _ = timeout(MAX_WAIT, newer).await;
    let text = serde_json::to_string(&*stage.report.borrow());
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn accept(
    State(stage): State<Arc<Stage>>,
    upgrade: WebSocketUpgrade,
    _: Request,
) -> Response {
    let mut index = MAX_CONNECTIONS;
    stage.change(|report| {
        if report.connections.len() < MAX_CONNECTIONS {
            index = report.connections.len();
            report.connections.push(Log::default());
        }
    });
    if index == MAX_CONNECTIONS {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let script = stage
        .scripts
        .get(index)
        .or(stage.scripts.last())
        .cloned()
        .unwrap_or_default();
    match script.first() {
        Some(Step::Refuse) => StatusCode::FORBIDDEN.into_response(),
        Some(Step::Hang) => pending().await,
        _ => upgrade.on_upgrade(move |socket| async move {
            let mut actor = Actor {
                stage: &stage,
                index,
                socket,
                received: 0,
            };
            // Without a result it is over before the script was.
            let _ = actor.play(script).await;
            drop(actor);
            stage.log(index, |log| log.over = true);
        }),
    }
}

impl Stage {
    fn change(&self, change: impl FnOnce(&mut Report)) {
        self.report.send_modify(|report| {
            report.version += 1;
            change(report);
        });
    }

    fn log(&self, index: usize, change: impl FnOnce(&mut Log)) {
        self.change(|report| report.connections.get_mut(index).map_or((), change));
    }
}

struct Actor<'a> {
    stage: &'a Stage,
    index: usize,
    socket: WebSocket,
    received: usize,
}

impl Actor<'_> {
    /// Plays a script to its end, then reads on; `None` once the connection is over.
    async fn play(&mut self, script: Vec<Step>) -> Option<()> {
        for step in script {
            match step {
                Step::Refuse | Step::Hang => {}
                Step::Send(text) => self.send(Message::text(text)).await?,
                Step::SendOften(count, text) => {
                    for _ in 0..count {
                        self.send(Message::text(text.clone())).await?;
                    }
                }
                Step::SendBinary(text) => self.send(Message::binary(text)).await?,
                Step::Expect(count) => {
                    while self.received < count {
                        self.receive().await?;
                    }
                }
                Step::Close(code, reason) => {
                    let frame = CloseFrame {
                        code,
                        reason: reason.into(),
                    };
                    self.send(Message::Close(Some(frame))).await?;
                }
                Step::Cut => return None,
            }
        }
        while self.received < MAX_FRAMES {
            self.receive().await?;
        }
        None
    }

    async fn send(&mut self, message: Message) -> Option<()> {
        self.socket.send(message).await.ok()
    }

    async fn receive(&mut self) -> Option<()> {
        match self.socket.next().await?.ok()? {
            Message::Text(text) => {
                self.received += 1;
                self.stage
                    .log(self.index, |log| log.frames.push(text.to_string()));
            }
            Message::Close(frame) => {
                let closed = frame.map_or((1005, String::new()), |frame| {
                    (frame.code, frame.reason.to_string())
                });
                self.stage.log(self.index, |log| log.closed = Some(closed));
                // The answer is sent where the socket is read once more.
                let _ = self.socket.next().await;
                return None;
            }
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => {}
        }
        Some(())
    }
}
