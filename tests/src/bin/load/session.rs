//! [`Session`]: one client of Bayeux.

use std::{fmt, io, net::SocketAddr};

use crate::{
    batch::{self, Heard},
    polling::Polling,
    socket::{Socket, bad},
};

/// Where the servers speak Bayeux.
const PATH: &str = "/cometd";
const CONNECT: &[u8] = b"/meta/connect";

/// What a session goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    WebSocket,
    LongPolling,
}

impl Transport {
    const fn connection_type(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::LongPolling => "long-polling",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::WebSocket => "WebSocket",
            Self::LongPolling => "long-polling",
        })
    }
}

/// A session, and the one connection that it has.
pub(crate) struct Session {
    line: Line,
    client_id: String,
    connect: String,
    /// Whether a connect is on its way that is not answered yet.
    is_held: bool,
}

enum Line {
    Socket(Socket),
    Polling(Polling),
}

impl Session {
    /// Shakes hands, and connects for the first time.
    pub(crate) async fn open(server: SocketAddr, transport: Transport) -> io::Result<Self> {
        let kind = transport.connection_type();
        let mut line = match transport {
            Transport::WebSocket => Line::Socket(Socket::open_plain(server, PATH).await?),
            Transport::LongPolling => Line::Polling(Polling::open(server, PATH).await?),
        };
        let client_id = line.ask(&batch::handshake(kind)).await?;
        let client_id = client_id.ok_or_else(|| bad("a handshake without a clientId"))?;
        line.ask(&batch::first_connect(&client_id, kind)).await?;
        Ok(Self {
            connect: batch::connect(&client_id, kind),
            line,
            client_id,
            is_held: false,
        })
    }

    pub(crate) async fn subscribe(&mut self, channel: &str) -> io::Result<()> {
        let subscribe = batch::subscribe(&self.client_id, channel);
        self.line.ask(&subscribe).await.map(drop)
    }

    /// Publishes on a channel. Over a WebSocket the reply is [heard](Self::hear) later.
    pub(crate) async fn publish(
        &mut self,
        channel: &str,
        value: u64,
        take: impl FnMut(Heard<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let publish = batch::publish(&self.client_id, channel, value);
        match &mut self.line {
            Line::Socket(socket) => socket.send(&publish).await,
            Line::Polling(polling) => batch::read(&polling.post(&publish).await?, take),
        }
    }

    /// Waits for something to be said, and shows it to `take`. With polling there is nothing to wait for.
    pub(crate) async fn hear(
        &mut self,
        mut take: impl FnMut(Heard<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        match &mut self.line {
            Line::Socket(socket) => {
                let take =
                    |message: crate::socket::Message<'_>| batch::read(message.text, &mut take);
                socket.receive(take).await
            }
            Line::Polling(_) => std::future::pending().await,
        }
    }

    /// Connects, unless that is on its way, and shows what comes to `take`, apart from replies to connects.
    pub(crate) async fn listen(
        &mut self,
        mut take: impl FnMut(Heard<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut is_answered = false;
        let mut take = |heard: Heard<'_>| match heard {
            Heard::Reply {
                channel: CONNECT,
                successful: true,
                ..
            } => {
                is_answered = true;
                Ok(())
            }
            other => take(other),
        };
        match &mut self.line {
            Line::Polling(polling) => batch::read(&polling.post(&self.connect).await?, take)?,
            Line::Socket(socket) => {
                if !self.is_held {
                    socket.send(&self.connect).await?;
                    self.is_held = true;
                }
                socket
                    .receive(|message| batch::read(message.text, &mut take))
                    .await?;
            }
        }
        self.is_held &= !is_answered;
        Ok(())
    }
}

impl Line {
    /// Sends a request, and waits for its reply. Returns the `clientId` that it has.
    async fn ask(&mut self, request: &str) -> io::Result<Option<String>> {
        let mut reply = None;
        let mut take = |heard: Heard<'_>| match heard {
            Heard::Reply {
                successful: true,
                client_id,
                ..
            } => {
                reply = Some(client_id.map(|id| String::from_utf8_lossy(id).into_owned()));
                Ok(())
            }
            other => Err(bad(format!("not what was asked for: {other:?}"))),
        };
        match self {
            Self::Polling(polling) => batch::read(&polling.post(request).await?, take)?,
            Self::Socket(socket) => {
                socket.send(request).await?;
                let mut is_answered = false;
                while !is_answered {
                    socket
                        .receive(|message| {
                            is_answered = true;
                            batch::read(message.text, &mut take)
                        })
                        .await?;
                }
            }
        }
        reply.ok_or_else(|| bad("a request without a reply"))
    }
}
