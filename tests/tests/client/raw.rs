//! A server without rules: it sends what it is told, and shows what it receives.

use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite::Message};

use crate::soon;

/// A port on which a test answers.
pub(crate) struct Raw {
    listener: TcpListener,
}

impl Raw {
    pub(crate) async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ws", self.address())
    }

    /// The next connection, without a word.
    pub(crate) async fn accept_stream(&self) -> TcpStream {
        soon("a connection", self.listener.accept())
            .await
            .unwrap()
            .0
    }

    /// The next connection as a WebSocket.
    pub(crate) async fn accept(&self) -> Line {
        let stream = self.accept_stream().await;
        let socket = soon("a handshake", accept_async(stream)).await.unwrap();
        Line { socket }
    }

    /// The next connection, in step with this state.
    pub(crate) async fn accept_with(&self, state: &str) -> Line {
        let mut line = self.accept().await;
        line.send_state(state).await;
        line
    }
}

/// One connection.
pub(crate) struct Line {
    socket: WebSocketStream<TcpStream>,
}

impl Line {
    /// Sends a segment. The client may have left.
    pub(crate) async fn send(&mut self, text: impl Into<String>) -> bool {
        self.send_message(Message::text(text.into())).await
    }

    pub(crate) async fn send_message(&mut self, message: Message) -> bool {
        let sent = soon("room to send", self.socket.send(message)).await;
        sent.is_ok()
    }

    pub(crate) async fn send_state(&mut self, state: &str) {
        self.send_diff(&format!(r#"{{"op":"replace","path":"","value":{state}}}"#))
            .await;
    }

    pub(crate) async fn send_diff(&mut self, operations: &str) {
        self.send(format!(r#"0{{"type":"state","diff":[{operations}]}}"#))
            .await;
    }

    /// Sends what no WebSocket library would.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.get_mut().write_all(bytes).await.unwrap();
    }

    /// The next segment from the client.
    pub(crate) async fn text(&mut self) -> String {
        match soon("a segment", self.socket.next()).await {
            Some(Ok(Message::Text(text))) => text.to_string(),
            other => panic!("no text: {other:?}"),
        }
    }

    /// The close code, once the client says goodbye; whatever else comes is passed over.
    pub(crate) async fn goodbye(mut self) -> u16 {
        loop {
            match soon("a goodbye", self.socket.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(Message::Close(None))) => return 1005,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return 1006,
            }
        }
    }
}
