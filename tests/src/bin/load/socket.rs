//! [`Socket`]: a client's end of a WebSocket that costs as little as can be, so that what is measured is the server.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::atomic::{AtomicU32, Ordering},
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWriteExt, ReadBuf},
    net::{TcpSocket, TcpStream},
};

/// Bytes that are read at once, of all sockets.
const SCRATCH: usize = 256 << 10;
/// The longest head of a response.
const MAX_HEAD: usize = 8 << 10;
/// Connections from one address: a port is taken for a minute after its connection.
const PER_ADDRESS: u32 = 10_000;

const FINAL_TEXT: u8 = 0x81;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const CLOSE: u8 = 0x88;
/// Set where a payload is masked, as a client's have to be. The mask is 0: it changes nothing.
const MASKED: u8 = 0x80;

thread_local! {
    static BYTES: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH]);
}

/// A message of the server.
pub(crate) struct Message<'a> {
    /// The message, or its last segment.
    pub(crate) text: &'a [u8],
    /// Whether it came in one segment.
    pub(crate) whole: bool,
}

/// A client's WebSocket.
pub(crate) struct Socket {
    stream: TcpStream,
    /// Received, and still to be read: a part of a frame.
    rest: Vec<u8>,
    /// Whether messages come in segments of Juggler, and not each in a frame.
    is_segmented: bool,
    /// Whether segments came of a message whose end is still to come.
    amid: bool,
    /// Frames that answer the server's pings.
    pongs: Vec<u8>,
}

impl Socket {
    /// Opens one that carries segments of Juggler.
    pub(crate) async fn open(server: SocketAddr) -> io::Result<Self> {
        Self::open_at(server, "/ws", true).await
    }

    /// Opens one that carries a message in each frame.
    pub(crate) async fn open_plain(server: SocketAddr, path: &str) -> io::Result<Self> {
        Self::open_at(server, path, false).await
    }

    async fn open_at(server: SocketAddr, path: &str, is_segmented: bool) -> io::Result<Self> {
        let mut socket = Self {
            stream: connect(server).await?,
            rest: Vec::new(),
            is_segmented,
            amid: false,
            pongs: Vec::new(),
        };
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: bWlycm9yYmFsbC1sb2FkIQ==\r\n\r\n"
        );
        socket.stream.write_all(head.as_bytes()).await?;
        let end = loop {
            if let Some(end) = find(&socket.rest, b"\r\n\r\n") {
                break end + 4;
            }
            if socket.rest.len() > MAX_HEAD {
                return Err(bad("the server's answer has no end"));
            }
            let rest = &mut socket.rest;
            poll_fn(|context| read(&mut socket.stream, context, |bytes| rest.extend(bytes)))
                .await?;
        };
        if !socket.rest.starts_with(b"HTTP/1.1 101 ") {
            let answer = String::from_utf8_lossy(&socket.rest);
            return Err(bad(format!("the server opens no WebSocket: {answer}")));
        }
        socket.rest.drain(..end);
        Ok(socket)
    }

    /// Sends a message in one segment, or one frame.
    pub(crate) async fn send(&mut self, message: &str) -> io::Result<()> {
        let mut frame = Vec::with_capacity(message.len() + 16);
        let header: &[u8] = if self.is_segmented { b"0" } else { b"" };
        write_frame(&mut frame, FINAL_TEXT, header, message.as_bytes());
        self.stream.write_all(&frame).await
    }

    /// Waits for something to arrive, and shows each message that it completes to `take`.
    pub(crate) async fn receive(
        &mut self,
        mut take: impl FnMut(Message<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        // What came with the head of the response.
        if !self.rest.is_empty() {
            let kept = std::mem::take(&mut self.rest);
            let read = self.frames(&kept, &mut take)?;
            let progress = read > 0;
            self.rest = kept;
            self.rest.drain(..read);
            if progress {
                return self.answer().await;
            }
        }
        poll_fn(|context| {
            BYTES.with_borrow_mut(|bytes| {
                let mut buffer = ReadBuf::new(bytes);
                match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Ready(Ok(())) => {}
                }
                Poll::Ready(self.arrived(buffer.filled(), &mut take))
            })
        })
        .await?;
        self.answer().await
    }

    /// Takes bytes; keeps what is no whole frame.
    fn arrived(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(Message<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if self.rest.is_empty() {
            let read = self.frames(bytes, take)?;
            self.rest
                .extend_from_slice(bytes.get(read..).unwrap_or_default());
        } else {
            let mut kept = std::mem::take(&mut self.rest);
            kept.extend_from_slice(bytes);
            let read = self.frames(&kept, take)?;
            kept.drain(..read);
            // What an idle connection keeps would be counted against nobody, but there are thousands.
            if kept.is_empty() {
                kept = Vec::new();
            }
            self.rest = kept;
        }
        Ok(())
    }

    /// Reads whole frames; returns how many bytes they were.
    fn frames(
        &mut self,
        bytes: &[u8],
        take: &mut impl FnMut(Message<'_>) -> io::Result<()>,
    ) -> io::Result<usize> {
        let mut read = 0;
        while let Some((kind, payload, length)) = frame(bytes.get(read..).unwrap_or_default()) {
            read += length;
            match (kind, payload.split_first()) {
                (FINAL_TEXT, _) if !self.is_segmented => {
                    take(Message {
                        text: payload,
                        whole: true,
                    })?;
                }
                (FINAL_TEXT, Some((b'0', text))) => {
                    let whole = !std::mem::take(&mut self.amid);
                    take(Message { text, whole })?;
                }
                (FINAL_TEXT, Some((b'1', _))) => self.amid = true,
                (FINAL_TEXT, Some((b'2', ping))) => {
                    write_frame(&mut self.pongs, FINAL_TEXT, b"3", ping);
                }
                (FINAL_TEXT, Some((b'3', _))) | (PONG, _) => {}
                (PING, _) => write_frame(&mut self.pongs, PONG, b"", payload),
                (CLOSE, _) => return Err(bad("the server closes the connection")),
                _ => return Err(bad("the server sends a frame that nobody expects")),
            }
        }
        Ok(read)
    }

    async fn answer(&mut self) -> io::Result<()> {
        if !self.pongs.is_empty() {
            let pongs = std::mem::take(&mut self.pongs);
            self.stream.write_all(&pongs).await?;
        }
        Ok(())
    }
}

/// Connects from one of many addresses of this host.
pub(crate) async fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    static OPENED: AtomicU32 = AtomicU32::new(0);
    let block = OPENED.fetch_add(1, Ordering::Relaxed) / PER_ADDRESS;
    let [_, _, high, low] = block.to_be_bytes();
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::new(127, 0, high, low.wrapping_add(1)), 0).into())?;
    socket.set_nodelay(true)?;
    socket.connect(server).await
}

/// Reads once into the bytes that all sockets share.
pub(crate) fn read(
    stream: &mut TcpStream,
    context: &mut Context<'_>,
    take: impl FnOnce(&[u8]),
) -> Poll<io::Result<()>> {
    BYTES.with_borrow_mut(|bytes| {
        let mut buffer = ReadBuf::new(bytes);
        match Pin::new(stream).poll_read(context, &mut buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
            }
            Poll::Ready(Ok(())) => {
                take(buffer.filled());
                Poll::Ready(Ok(()))
            }
        }
    })
}

/// The first frame: its first byte, its payload, and its length in whole.
fn frame(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (kind, length) = (*bytes.first()?, *bytes.get(1)?);
    let (at, length) = match length {
        126 => (
            4,
            u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
        ),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        short => (2, u64::from(short)),
    };
    let end = at + usize::try_from(length).ok()?;
    Some((kind, bytes.get(at..end)?, end))
}

fn write_frame(out: &mut Vec<u8>, kind: u8, header: &[u8], payload: &[u8]) {
    let length = header.len() + payload.len();
    out.push(kind);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => out.push(MASKED | short),
        (_, Ok(medium)) => {
            out.push(MASKED | 126);
            out.extend(medium.to_be_bytes());
        }
        _ => {
            out.push(MASKED | 127);
            out.extend((length as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(header);
    out.extend(payload);
}

/// Where `part` first is in `bytes`.
pub(crate) fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// A peer that does what it should not.
pub(crate) fn bad(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_read_back() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let mut written = Vec::new();
            write_frame(&mut written, FINAL_TEXT, b"0", &vec![b'x'; length]);
            // A server does not mask: the mask, four zeros, goes.
            let head = written.len() - length - 1 - 4;
            written[1] &= !MASKED;
            written.drain(head..head + 4);
            assert!(frame(&written[..written.len() - 1]).is_none());
            written.push(0);
            let (kind, payload, end) = frame(&written).unwrap();
            assert_eq!(
                (kind, payload.len(), end),
                (FINAL_TEXT, length + 1, written.len() - 1)
            );
        }
    }
}
