//! A server without rules: it shows each payload that comes, over either transport, and answers what it is told.

use std::{io, net::SocketAddr};

use axum::{
    Router,
    body::Body,
    extract::{
        Request, State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    sync::{mpsc, oneshot},
};

use crate::soon;

/// The server, gone with all its connections when it is dropped.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    calls: mpsc::UnboundedReceiver<Call>,
    runtime: Option<Runtime>,
}

/// What a server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Both,
    Requests,
    /// Sockets, and requests are answered with this status.
    Sockets(u16),
}

#[derive(Clone)]
struct Stage {
    takes: Takes,
    calls: mpsc::UnboundedSender<Call>,
}

/// A payload that came.
pub(crate) struct Call {
    pub(crate) path: String,
    /// Of the request, or of the one that opened the socket.
    pub(crate) headers: HeaderMap,
    pub(crate) messages: Vec<Value>,
    way: Way,
}

enum Way {
    Request(oneshot::Sender<Response>),
    Socket(Line),
}

/// A socket, from the server's side.
#[derive(Clone)]
pub(crate) struct Line(mpsc::UnboundedSender<Message>);

impl Scripted {
    pub(crate) async fn start() -> Self {
        Self::start_with(Takes::Both, 0).await
    }

    /// At this port, where it is not zero.
    pub(crate) async fn start_with(takes: Takes, port: u16) -> Self {
        let (sender, calls) = mpsc::unbounded_channel();
        let stage = Stage {
            takes,
            calls: sender,
        };
        let app = Router::new()
            .route("/cometd", post(request).get(upgrade))
            .route("/cometd/", post(request))
            .route("/cometd/{kind}", post(request))
            .route("/other", any(StatusCode::GONE))
            .with_state(stage);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        // Where it comes back to a port, the one before may still be on its way out.
        let bind = async move {
            loop {
                match TcpListener::bind(("127.0.0.1", port)).await {
                    Ok(listener) => return listener,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        let (bound, address) = oneshot::channel();
        runtime.spawn(async move {
            let listener = bind.await;
            bound.send(listener.local_addr().unwrap()).unwrap();
            axum::serve(listener, app).await
        });
        Self {
            address: soon("a port", address).await.unwrap(),
            calls,
            runtime: Some(runtime),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/cometd", self.address)
    }

    /// The next payload.
    pub(crate) async fn call(&mut self) -> Call {
        soon("a payload", self.calls.recv()).await.unwrap()
    }

    /// The next payload, whose first message is for this channel.
    pub(crate) async fn expect(&mut self, channel: &str) -> Call {
        let call = self.call().await;
        assert_eq!(call.channel(), channel, "{:?}", call.messages);
        call
    }

    /// Whether no payload waits to be looked at.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.calls.is_empty()
    }

    /// Answers a handshake and the first connect; returns the next one, which is held.
    pub(crate) async fn open(&mut self) -> Call {
        self.expect("/meta/handshake").await.accept();
        self.expect("/meta/connect").await.accept();
        self.expect("/meta/connect").await
    }

    /// Answers what has to be answered for a client to close.
    pub(crate) async fn close(&mut self, held: Call) {
        self.expect("/meta/disconnect").await.accept();
        drop(held);
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Call {
    pub(crate) fn channel(&self) -> &str {
        self.messages[0]["channel"].as_str().unwrap()
    }

    pub(crate) fn is_request(&self) -> bool {
        matches!(self.way, Way::Request(_))
    }

    /// The socket that it came over.
    pub(crate) fn line(&self) -> Line {
        match &self.way {
            Way::Socket(line) => line.clone(),
            Way::Request(_) => panic!("not over a socket"),
        }
    }

    /// Answers with these messages.
    pub(crate) fn answer(self, messages: impl Into<Value>) {
        self.answer_with(messages, &[]);
    }

    pub(crate) fn answer_with(self, messages: impl Into<Value>, headers: &[(&str, &str)]) {
        let text = messages.into().to_string();
        match self.way {
            Way::Request(reply) => {
                let mut response = Response::builder()
                    .header(header::CONTENT_TYPE, "application/json;charset=utf-8");
                for (name, value) in headers {
                    response = response.header(*name, *value);
                }
                // The client may have left.
                let _ = reply.send(response.body(Body::from(text)).unwrap());
            }
            Way::Socket(line) => line.send(&text),
        }
    }

    /// Answers a request with this text.
    pub(crate) fn answer_text(self, status: u16, text: &str) {
        let Way::Request(reply) = self.way else {
            panic!("not a request")
        };
        let status = StatusCode::from_u16(status).unwrap();
        let _ = reply.send((status, text.to_owned()).into_response());
    }

    /// Answers a request with these bytes.
    pub(crate) fn answer_bytes(self, bytes: Vec<u8>) {
        let Way::Request(reply) = self.way else {
            panic!("not a request")
        };
        let _ = reply.send(Response::new(Body::from(bytes)));
    }

    /// Waits until the client gives the request up.
    pub(crate) async fn gone(self) {
        let Way::Request(mut reply) = self.way else {
            panic!("not a request")
        };
        reply.closed().await;
    }

    /// Ends the request amid the answer, or the socket.
    pub(crate) fn cut(self) {
        match self.way {
            Way::Request(reply) => {
                let broken = io::Error::from(io::ErrorKind::ConnectionReset);
                let parts = [Ok("[{"), Err(broken)];
                let _ = reply.send(Response::new(Body::from_stream(stream::iter(parts))));
            }
            Way::Socket(line) => line.cut(),
        }
    }

    /// What says yes to each message.
    pub(crate) fn yes(&self) -> Vec<Value> {
        self.messages
            .iter()
            .map(|it| reply(it, &json!({})))
            .collect()
    }

    /// Says yes to each message.
    pub(crate) fn accept(self) {
        let yes = self.yes();
        self.answer(yes);
    }

    /// Says yes to each message, and more.
    pub(crate) fn accept_with(self, more: &Value) {
        let yes: Vec<Value> = self.messages.iter().map(|it| reply(it, more)).collect();
        self.answer(yes);
    }

    /// Says no to each message.
    pub(crate) fn refuse(self, error: &str) {
        let no = json!({ "successful": false, "error": error });
        self.accept_with(&no);
    }
}

/// What says yes to a message, with more members, or others.
pub(crate) fn reply(message: &Value, more: &Value) -> Value {
    let mut reply = json!({ "channel": message["channel"], "successful": true });
    let members = reply.as_object_mut().unwrap();
    for name in ["id", "subscription"] {
        if let Some(value) = message.get(name) {
            members.insert(name.to_owned(), value.clone());
        }
    }
    if message["channel"] == "/meta/handshake" {
        let handshake = json!({
            "clientId": "one",
            "version": "1.0",
            "supportedConnectionTypes": ["websocket", "long-polling"],
            "advice": { "reconnect": "retry", "interval": 0, "timeout": 30_000 },
        });
        members.extend(handshake.as_object().unwrap().clone());
    }
    members.extend(more.as_object().unwrap().clone());
    reply
}

impl Line {
    /// Sends messages.
    pub(crate) fn push(&self, messages: impl Into<Value>) {
        self.send(&messages.into().to_string());
    }

    pub(crate) fn send(&self, text: &str) {
        // The client may have left.
        let _ = self.0.send(Message::text(text));
    }

    /// Ends it without a goodbye.
    pub(crate) fn cut(&self) {
        let _ = self.0.send(Message::Ping("cut".into()));
    }
}

async fn request(State(stage): State<Stage>, request: Request) -> Response {
    if let Takes::Sockets(status) = stage.takes {
        return StatusCode::from_u16(status).unwrap().into_response();
    }
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let (reply, answer) = oneshot::channel();
    let call = Call {
        path: parts.uri.to_string(),
        headers: parts.headers,
        messages: serde_json::from_slice(&body).unwrap(),
        way: Way::Request(reply),
    };
    if stage.calls.send(call).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    answer
        .await
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

async fn upgrade(
    State(stage): State<Stage>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if stage.takes == Takes::Requests {
        return StatusCode::FORBIDDEN.into_response();
    }
    let upgrade = upgrade.protocols(["bayeux"]);
    let mut response = upgrade.on_upgrade(move |socket| serve(socket, stage, headers));
    let cookie = header::HeaderValue::from_static("upgraded=yes");
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

async fn serve(mut socket: WebSocket, stage: Stage, headers: HeaderMap) {
    let (sender, mut sent) = mpsc::unbounded_channel();
    let line = Line(sender);
    loop {
        tokio::select! {
            Some(message) = sent.recv() => {
                if matches!(&message, Message::Ping(text) if text == "cut") || socket.send(message).await.is_err() {
                    return;
                }
            }
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    let call = Call {
                        path: "/cometd".to_owned(),
                        headers: headers.clone(),
                        messages: serde_json::from_str(&text).unwrap(),
                        way: Way::Socket(line.clone()),
                    };
                    if stage.calls.send(call).is_err() {
                        return;
                    }
                }
                Some(Ok(_)) => {}
                _ => return,
            },
        }
    }
}
