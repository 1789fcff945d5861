//! A client without rules: it sends what it is told, and shows what it receives.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Message, client::IntoClientRequest, http::HeaderName, protocol::WebSocketConfig,
    },
};

/// How long anything may take. Nothing here is ever waited for in vain.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Peer {
    socket: WebSocketStream<TcpStream>,
    state: Value,
    /// WebSocket messages received.
    pub(crate) frames: usize,
}

impl Peer {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap()).await
    }

    /// Connects with a socket that takes little that is not read.
    pub(crate) async fn connect_narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 << 10).unwrap();
        Self::over(socket.connect(address).await.unwrap()).await
    }

    async fn over(stream: TcpStream) -> Self {
        let address = stream.peer_addr().unwrap();
        Self::open(stream, address, "/ws", "").await
    }

    /// Connects at another path, with one more header, which may be none.
    pub(crate) async fn connect_at(address: SocketAddr, path: &str, header: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self::open(stream, address, path, header).await
    }

    async fn open(stream: TcpStream, address: SocketAddr, path: &str, header: &str) -> Self {
        let url = format!("ws://{address}{path}");
        let mut request = url.into_client_request().unwrap();
        if let Some((name, value)) = header.split_once(": ") {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let config = WebSocketConfig::default()
            .max_message_size(None)
            .max_frame_size(None);
        let (socket, _) = client_async_with_config(request, stream, Some(config))
            .await
            .unwrap();
        Self {
            socket,
            state: Value::Null,
            frames: 0,
        }
    }

    pub(crate) async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Sends while the server listens; returns whether it does.
    pub(crate) async fn try_send(&mut self, message: Message) -> bool {
        self.socket.send(message).await.is_ok()
    }

    /// Sends what no WebSocket library would.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).await.unwrap();
    }

    pub(crate) async fn send_text(&mut self, text: impl Into<String>) {
        self.send(Message::text(text.into())).await;
    }

    pub(crate) async fn request(&mut self, id: i64, name: &str, data: Value) {
        let request = json!({ "type": "request", "id": id, "name": name, "data": data });
        self.send_text(format!("0{request}")).await;
    }

    async fn next(&mut self) -> Option<Message> {
        match timeout(PATIENCE, self.socket.next())
            .await
            .expect("nothing comes")
        {
            Some(Ok(message)) => Some(message),
            Some(Err(_)) | None => None,
        }
    }

    /// The next WebSocket message.
    pub(crate) async fn frame(&mut self) -> String {
        match self.next().await {
            Some(Message::Text(text)) => {
                self.frames += 1;
                text.to_string()
            }
            other => panic!("no text: {other:?}"),
        }
    }

    /// The next message, put together, as a text; pings in between are answered.
    pub(crate) async fn text(&mut self) -> String {
        let mut message = String::new();
        loop {
            let frame = self.frame().await;
            let (header, payload) = frame.split_at(1);
            match header {
                "0" => return message + payload,
                "1" => message += payload,
                "2" => self.send_text(format!("3{payload}")).await,
                "3" => {}
                _ => panic!("no segment: {frame:.100}"),
            }
        }
    }

    /// The next message; the state has its changes.
    pub(crate) async fn message(&mut self) -> Value {
        let text = self.text().await;
        self.take(&text)
    }

    fn take(&mut self, text: &str) -> Value {
        let message: Value = serde_json::from_str(text).unwrap();
        if message["type"] == "state" {
            let diff: json_patch::Patch = serde_json::from_value(message["diff"].clone()).unwrap();
            json_patch::patch(&mut self.state, &diff).unwrap();
        }
        message
    }

    /// The state after the next message, which has to be a diff.
    pub(crate) async fn state(&mut self) -> &Value {
        let message = self.message().await;
        assert_eq!(message["type"], "state", "{message}");
        &self.state
    }

    /// This after the next message, which has to be a diff; or the close code and reason, where the server says
    /// goodbye instead.
    pub(crate) async fn state_or_goodbye(mut self) -> Result<Self, (u16, String)> {
        match self.next().await {
            Some(Message::Text(text)) => {
                let message = self.take(text.strip_prefix('0').unwrap());
                assert_eq!(message["type"], "state", "{message}");
                Ok(self)
            }
            Some(Message::Close(Some(frame))) => Err((frame.code.into(), frame.reason.to_string())),
            other => panic!("neither: {other:?}"),
        }
    }

    /// The mirrored state as it is.
    pub(crate) const fn mirrored(&self) -> &Value {
        &self.state
    }

    /// The next response; diffs before it are applied.
    pub(crate) async fn response(&mut self) -> Value {
        loop {
            let message = self.message().await;
            match message["type"].as_str() {
                Some("response") => return message,
                Some("state") => {}
                _ => panic!("no response: {message}"),
            }
        }
    }

    /// The close code and reason, once the server says goodbye; whatever else comes is passed over.
    pub(crate) async fn goodbye(mut self) -> (u16, String) {
        loop {
            match self.next().await {
                Some(Message::Close(Some(frame))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Message::Close(None)) => return (1005, String::new()),
                Some(_) => {}
                None => return (1006, String::new()),
            }
        }
    }
}
