//! [`Caller`]: a connection that asks, and waits for the answer.

use std::{io, net::SocketAddr};

use crate::{
    message::{self, Said},
    socket::{Socket, bad, find},
};

/// A connection that asks, and waits for the answer.
pub(crate) struct Caller {
    socket: Socket,
    asked: u64,
}

impl Caller {
    pub(crate) async fn open(server: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            socket: Socket::open(server).await?,
            asked: 0,
        })
    }

    /// Makes a state of so many leaves, and waits for it to be mirrored.
    pub(crate) async fn init(&mut self, leaves: usize) -> io::Result<()> {
        self.asked += 1;
        let id = self.asked;
        self.socket.send(&message::init(id, leaves)).await?;
        let (mut answered, mut mirrored) = (false, false);
        while !(answered && mirrored) {
            self.socket
                .receive(|message| {
                    match Said::read(message.text) {
                        Said::Response { id: to, success } if message.whole => {
                            check(id, to, success)?;
                            answered = true;
                        }
                        // A server may say first that there is nothing yet.
                        _ => mirrored |= find(message.text, b"\"kW\"").is_some(),
                    }
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }

    /// Sets a leaf, and waits for the answer and for the change.
    pub(crate) async fn set(&mut self, item: usize) -> io::Result<()> {
        self.asked += 1;
        let (id, asked_path) = (self.asked, message::path(item));
        self.socket.send(&message::set(id, item, id)).await?;
        let (mut answered, mut mirrored) = (false, false);
        while !(answered && mirrored) {
            self.socket
                .receive(|message| match Said::read(message.text) {
                    Said::Response { id: to, success } => {
                        answered = true;
                        check(id, to, success)
                    }
                    Said::State { path, value }
                        if path == asked_path.as_bytes() && value == Some(id) =>
                    {
                        mirrored = true;
                        Ok(())
                    }
                    other => Err(bad(format!("not what was asked for: {other:?}"))),
                })
                .await?;
        }
        Ok(())
    }

    /// Asks for an echo.
    pub(crate) async fn echo(&mut self) -> io::Result<()> {
        self.asked += 1;
        let id = self.asked;
        self.socket.send(&message::echo(id)).await?;
        let mut answered = false;
        while !answered {
            self.socket
                .receive(|message| match Said::read(message.text) {
                    Said::Response { id: to, success } => {
                        answered = true;
                        check(id, to, success)?;
                        find(message.text, b"kW")
                            .map(drop)
                            .ok_or_else(|| bad("an echo of something else"))
                    }
                    // The state, which this is not about.
                    _ => Ok(()),
                })
                .await?;
        }
        Ok(())
    }
}

fn check(id: u64, to: u64, success: bool) -> io::Result<()> {
    if id == to && success {
        Ok(())
    } else {
        Err(bad(format!("request {id} failed, or {to} was answered")))
    }
}
