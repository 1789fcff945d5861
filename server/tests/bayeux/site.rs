//! A server for one test, and clients that know nothing of its rules.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use mirrorball_server::{
    Bayeux, Server,
    bayeux::{BrokerOptions, Builder},
    server,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Waits, but not for ever.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it takes too long")
}

/// A server with a Bayeux service.
pub(crate) struct Site {
    pub(crate) bayeux: Bayeux,
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
}

impl Site {
    pub(crate) async fn start(builder: Builder) -> Self {
        Self::start_with(builder, |server| server).await
    }

    pub(crate) async fn start_with(
        builder: Builder,
        more: impl FnOnce(server::Builder) -> server::Builder,
    ) -> Self {
        let bayeux = builder.build();
        let server = more(Server::builder().bayeux(bayeux.clone()))
            .bind("127.0.0.1:0")
            .await
            .unwrap()
            .serve();
        Self {
            address: server.addresses()[0],
            bayeux,
            server,
        }
    }

    pub(crate) async fn http(&self) -> Http {
        Http::connect(self.address).await
    }

    pub(crate) async fn ws(&self) -> Ws {
        Ws::connect(self.address, &[]).await.unwrap()
    }

    /// A client over a WebSocket that has shaken hands and connected once.
    pub(crate) async fn ws_client(&self) -> (Ws, String) {
        let mut ws = self.ws().await;
        let id = ws.handshake().await;
        (ws, id)
    }

    /// A client over long-polling that has shaken hands and connected once.
    pub(crate) async fn http_client(&self) -> (Http, String) {
        let mut http = self.http().await;
        let id = http.handshake().await;
        (http, id)
    }
}

/// Options whose times do not come while a test runs.
pub(crate) fn patient() -> BrokerOptions {
    let mut options = BrokerOptions::default();
    options.timeout = 10 * PATIENCE;
    options.max_interval = 10 * PATIENCE;
    options.max_sessions_per_browser = None;
    options
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn messages(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }
}

/// One connection over HTTP, kept alive, and a jar for one cookie.
pub(crate) struct Http {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
    pub(crate) cookie: Option<String>,
}

impl Http {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self {
            address,
            stream: BufReader::new(TcpStream::connect(address).await.unwrap()),
            cookie: None,
        }
    }

    /// Another connection of the same browser.
    pub(crate) async fn twin(&self) -> Self {
        let mut twin = Self::connect(self.address).await;
        twin.cookie.clone_from(&self.cookie);
        twin
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.address);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(cookie) = &self.cookie {
            head.push_str(&format!("Cookie: {cookie}\r\n"));
        }
        if !body.is_empty() || method == "POST" {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        let all = format!("{head}\r\n{body}");
        self.stream.write_all(all.as_bytes()).await.unwrap();
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        soon(async {
            let mut line = String::new();
            self.stream.read_line(&mut line).await.unwrap();
            let status = line.split(' ').nth(1).expect("an answer").parse().unwrap();
            let mut headers = Vec::new();
            loop {
                let mut line = String::new();
                self.stream.read_line(&mut line).await.unwrap();
                let Some((name, value)) = line.trim_end().split_once(": ") else {
                    break;
                };
                headers.push((name.to_owned(), value.to_owned()));
            }
            let mut answer = Answer {
                status,
                headers,
                body: String::new(),
            };
            let length = answer
                .header("content-length")
                .map_or(0, |it| it.parse().unwrap());
            let mut body = vec![0; length];
            self.stream.read_exact(&mut body).await.unwrap();
            answer.body = String::from_utf8(body).unwrap();
            if let Some(cookie) = answer.header("set-cookie") {
                self.cookie = cookie.split(';').next().map(str::to_owned);
            }
            answer
        })
        .await
    }

    /// Waits for an answer to begin.
    pub(crate) async fn first_byte(&mut self) {
        soon(self.stream.fill_buf()).await.unwrap();
    }

    pub(crate) async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        self.send(method, path, headers, body).await;
        self.answer().await
    }

    /// Sends messages, and does not wait for the answer.
    pub(crate) async fn begin(&mut self, messages: Value) {
        let json = [("Content-Type", "application/json;charset=UTF-8")];
        self.send("POST", "/cometd", &json, &messages.to_string())
            .await;
    }

    pub(crate) async fn post(&mut self, messages: Value) -> Vec<Value> {
        self.begin(messages).await;
        self.answer().await.messages()
    }

    pub(crate) async fn handshake(&mut self) -> String {
        let answer = self.post(json!([handshake()])).await;
        assert_eq!(answer[0]["successful"], true, "{answer:?}");
        let id = answer[0]["clientId"].as_str().unwrap().to_owned();
        let answer = self.post(json!([connect(&id, "c0")])).await;
        assert_eq!(answer[0]["successful"], true, "{answer:?}");
        id
    }
}

/// A WebSocket.
pub(crate) struct Ws {
    pub(crate) stream: WebSocketStream<TcpStream>,
    /// What came in a frame of several.
    rest: VecDeque<Value>,
}

impl Ws {
    pub(crate) async fn connect(
        address: SocketAddr,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, tokio_tungstenite::tungstenite::Error> {
        let mut request = format!("ws://{address}/cometd").into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let socket = TcpStream::connect(address).await?;
        let (stream, _) = soon(client_async(request, socket)).await?;
        Ok(Self {
            stream,
            rest: VecDeque::new(),
        })
    }

    pub(crate) async fn send(&mut self, messages: Value) {
        self.say(&messages.to_string()).await;
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// The next frame, as messages.
    pub(crate) async fn frame(&mut self) -> Vec<Value> {
        loop {
            match soon(self.stream.next()).await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no frame: {other:?}"),
            }
        }
    }

    /// The next message, whatever the frames.
    pub(crate) async fn next(&mut self) -> Value {
        while self.rest.is_empty() {
            self.rest = self.frame().await.into();
        }
        self.rest.pop_front().unwrap()
    }

    /// The code that the server closes with.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            match soon(self.stream.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(Message::Close(None)) | Err(_)) | None => panic!("no code"),
                Some(Ok(_)) => {}
            }
        }
    }

    pub(crate) async fn handshake(&mut self) -> String {
        self.send(json!([handshake()])).await;
        let answer = self.next().await;
        assert_eq!(answer["successful"], true, "{answer}");
        let id = answer["clientId"].as_str().unwrap().to_owned();
        self.send(json!([connect(&id, "c0")])).await;
        let answer = self.next().await;
        assert_eq!(answer["successful"], true, "{answer}");
        id
    }

    pub(crate) async fn subscribe(&mut self, id: &str, pattern: &str) {
        self.send(json!([subscribe(id, pattern)])).await;
        let answer = self.next().await;
        assert_eq!(answer["successful"], true, "{answer}");
    }
}

pub(crate) fn handshake() -> Value {
    json!({"channel": "/meta/handshake", "id": "h", "version": "1.0",
        "supportedConnectionTypes": ["websocket", "long-polling"]})
}

pub(crate) fn connect(id: &str, message: &str) -> Value {
    json!({"channel": "/meta/connect", "clientId": id, "id": message, "connectionType": "long-polling"})
}

pub(crate) fn subscribe(id: &str, pattern: &str) -> Value {
    json!({"channel": "/meta/subscribe", "clientId": id, "id": "s", "subscription": pattern})
}

pub(crate) fn publish(id: &str, channel: &str, data: Value) -> Value {
    let mut message = json!({"channel": channel, "clientId": id, "id": "p"});
    message["data"] = data;
    message
}
