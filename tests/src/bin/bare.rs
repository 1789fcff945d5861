//! The least that a server can do: broadcast one prepared frame over axum's WebSocket, with small buffers.
//! It has no state; what `cargo xtask bench` measures of ours is compared with this.
//!
//! It answers the requests of `server/examples/load_target.rs` as cheaply as can be: by looking for the few
//! texts that the load generator is known to write. So it does on `/cometd`, where each connection is one that
//! subscribes to one channel, or publishes.

use std::{
    collections::HashMap,
    error::Error,
    fmt::Write,
    future::pending,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::{
        State,
        ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    },
    response::Response,
    routing::get,
    serve::ListenerExt,
};
use futures_util::SinkExt;
use tokio::{net::TcpListener, select, sync::broadcast};

/// Bytes of a connection's buffers, as small as ours.
const BUFFER: usize = 4 << 10;
/// Frames that a connection may be behind.
const FRAMES: usize = 1_024;

/// What all connections share.
#[derive(Debug)]
struct Shared {
    frames: broadcast::Sender<Utf8Bytes>,
    /// What a new connection is sent first.
    first: Mutex<Option<Utf8Bytes>>,
    /// What is sent to those who subscribed.
    channels: Mutex<HashMap<String, broadcast::Sender<Utf8Bytes>>>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listen = std::env::args()
        .skip_while(|word| word != "--listen")
        .nth(1);
    let listener = TcpListener::bind(listen.as_deref().unwrap_or("127.0.0.1:0")).await?;
    println!("ready at ws://{}/ws", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let shared = Arc::new(Shared {
        frames: broadcast::Sender::new(FRAMES),
        first: Mutex::default(),
        channels: Mutex::default(),
    });
    let app = Router::new()
        .route("/ws", get(upgrade))
        .route("/cometd", get(upgrade_to_channels))
        .with_state(shared);
    axum::serve(listener, app).await?;
    Ok(())
}

async fn upgrade(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .on_upgrade(move |socket| async move {
            // However it ends, the connection is over.
            let _ = serve(&shared, socket).await;
        })
}

async fn upgrade_to_channels(
    State(shared): State<Arc<Shared>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .on_upgrade(move |socket| async move {
            // However it ends, the connection is over.
            let _ = serve_channels(&shared, socket).await;
        })
}

async fn serve(shared: &Shared, mut socket: WebSocket) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut frames = shared.frames.subscribe();
    let first = shared.first().clone();
    if let Some(first) = first {
        socket.send(Message::Text(first)).await?;
    }
    loop {
        select! {
            biased;
            frame = frames.recv() => socket.send(Message::Text(frame?)).await?,
            message = socket.recv() => match message {
                Some(message) => if let Message::Text(text) = message? {
                    let answer = answer(shared, &text).ok_or("no request of the load generator")?;
                    // What was changed goes before the answer, in one write with it.
                    while let Ok(frame) = frames.try_recv() {
                        socket.feed(Message::Text(frame)).await?;
                    }
                    socket.send(Message::Text(answer.into())).await?;
                },
                None => return Ok(()),
            }
        }
    }
}

/// Does what the load generator asks for.
fn answer(shared: &Shared, request: &str) -> Option<String> {
    let (_, rest) = request.split_once(r#""id":"#)?;
    let (id, rest) = rest.split_once(r#","name":""#)?;
    let (name, rest) = rest.split_once(r#"","data":"#)?;
    let data = rest.strip_suffix('}')?;
    let mut result = "null";
    match name {
        "echo" => result = data,
        "set" => {
            let (path, value) = data.strip_suffix('}')?.split_once(r#"],"value":"#)?;
            let mut frame = String::with_capacity(128);
            frame.push_str(r#"0{"type":"state","diff":[{"op":"replace","path":""#);
            for token in path.split('"').skip(3).step_by(2) {
                frame.push('/');
                frame.push_str(token);
            }
            // Writing into a `String` cannot fail.
            let _ = write!(frame, r#"","value":{value}}}]}}"#);
            let _ = shared.frames.send(frame.into());
        }
        "init" => {
            let leaves = data.strip_suffix('}')?.rsplit(':').next()?;
            let frame = Utf8Bytes::from(first(leaves.parse().ok()?));
            *shared.first() = Some(frame.clone());
            let _ = shared.frames.send(frame);
        }
        _ => return None,
    }
    Some(format!(
        r#"0{{"type":"response","id":{id},"success":true,"data":{result}}}"#
    ))
}

async fn serve_channels(
    shared: &Shared,
    mut socket: WebSocket,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut events = None;
    loop {
        let event = async {
            match &mut events {
                Some(events) => broadcast::Receiver::recv(events).await,
                None => pending().await,
            }
        };
        select! {
            biased;
            event = event => socket.send(Message::Text(event?)).await?,
            message = socket.recv() => match message {
                Some(message) => if let Message::Text(text) = message? {
                    let channel = member(&text, "channel").ok_or("no message of the load generator")?;
                    if channel == "/meta/connect" && !text.contains("advice") {
                        // It is held for longer than anything is measured.
                        continue;
                    }
                    if let Some(channel) = member(&text, "subscription") {
                        events = Some(shared.channel(channel).subscribe());
                    }
                    if let Some((_, data)) = text.split_once(r#""data":"#) {
                        let (data, _) = data.split_once(r#","id""#).ok_or("no event of the load generator")?;
                        let event = format!(r#"[{{"channel":"{channel}","data":{data}}}]"#);
                        // An error says that nobody subscribed.
                        let _ = shared.channel(channel).send(event.into());
                    }
                    let reply = format!(r#"[{{"channel":"{channel}","successful":true,"clientId":"bare"}}]"#);
                    socket.send(Message::Text(reply.into())).await?;
                },
                None => return Ok(()),
            }
        }
    }
}

/// A text in a message.
fn member<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = message.split_once(&format!(r#""{name}":""#))?;
    Some(rest.split_once('"')?.0)
}

/// The message that carries a whole state of so many leaves.
fn first(leaves: usize) -> String {
    let mut frame =
        String::from(r#"0{"type":"state","diff":[{"op":"replace","path":"","value":{"items":{"#);
    for index in 0..leaves / 4 {
        let comma = if index > 0 { "," } else { "" };
        let _ = write!(
            frame,
            r#"{comma}"k{index}":{{"v":0,"t":0,"q":"good","u":"kW"}}"#
        );
    }
    frame.push_str("}}}]}");
    frame
}

impl Shared {
    fn channel(&self, name: &str) -> broadcast::Sender<Utf8Bytes> {
        let channels = self.channels.lock();
        let mut channels = channels.unwrap_or_else(PoisonError::into_inner);
        let new = || broadcast::Sender::new(FRAMES);
        channels.entry(name.to_owned()).or_insert_with(new).clone()
    }

    fn first(&self) -> std::sync::MutexGuard<'_, Option<Utf8Bytes>> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
