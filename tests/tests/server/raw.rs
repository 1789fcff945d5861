//! A client below WebSocket: it sends the frames that it is told, and shows those that it receives.

use std::{net::SocketAddr, time::Duration};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// How long anything may take. Nothing here is ever waited for in vain.
const PATIENCE: Duration = Duration::from_secs(30);

/// The bit of a compressed message's first frame.
pub(crate) const COMPRESSED: u8 = 0x40;

pub(crate) struct Raw {
    stream: TcpStream,
    /// What the server answered to the handshake.
    pub(crate) head: String,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr, headers: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self::over(stream, headers).await
    }

    /// Connects with a socket that takes little that is not read.
    pub(crate) async fn connect_narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 << 10).unwrap();
        Self::over(socket.connect(address).await.unwrap(), "").await
    }

    async fn over(mut stream: TcpStream, headers: &str) -> Self {
        let address = stream.peer_addr().unwrap();
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        Self { stream, head }
    }

    /// Sends a frame; `first` is its first byte.
    pub(crate) async fn send(&mut self, first: u8, payload: &[u8]) {
        self.stream.write_all(&frame(first, payload)).await.unwrap();
    }

    /// Sends bytes as they are.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next frame: its first byte and its payload.
    pub(crate) async fn frame(&mut self) -> (u8, Vec<u8>) {
        timeout(PATIENCE, self.read_frame())
            .await
            .expect("nothing comes")
    }

    async fn read_frame(&mut self) -> (u8, Vec<u8>) {
        let first = self.stream.read_u8().await.unwrap();
        let length = match self.stream.read_u8().await.unwrap() {
            126 => usize::from(self.stream.read_u16().await.unwrap()),
            127 => self.stream.read_u64().await.unwrap().try_into().unwrap(),
            length => length.into(),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await.unwrap();
        (first, payload)
    }

    /// The next message's text, which is one frame; and whether it was compressed.
    pub(crate) async fn text(&mut self) -> (String, bool) {
        let (first, payload) = self.frame().await;
        assert_eq!(first & !COMPRESSED, 0x81);
        let compressed = first & COMPRESSED != 0;
        let bytes = if compressed {
            inflate(&payload)
        } else {
            payload
        };
        (String::from_utf8(bytes).unwrap(), compressed)
    }

    /// The close code, once the server says goodbye; whatever else comes is passed over.
    pub(crate) async fn goodbye(&mut self) -> u16 {
        loop {
            if let (0x88, payload) = self.frame().await {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }
}

/// A client's frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    if let Ok(length @ ..=125) = u8::try_from(payload.len()) {
        frame.push(0x80 | length);
    } else if let Ok(length) = u16::try_from(payload.len()) {
        frame.push(0x80 | 126);
        frame.extend(length.to_be_bytes());
    } else {
        frame.push(0x80 | 127);
        frame.extend((payload.len() as u64).to_be_bytes());
    }
    let mask = [0x12, 0x34, 0x56, 0x78];
    frame.extend(mask);
    let masks = mask.into_iter().cycle();
    frame.extend(payload.iter().zip(masks).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A message's payload, compressed.
pub(crate) fn deflate(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 1_000);
    Compress::new(Compression::default(), false)
        .compress_vec(payload, &mut out, FlushCompress::Sync)
        .unwrap();
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
    out.truncate(out.len() - 4);
    out
}

fn inflate(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 << 20);
    let whole = [payload, &[0, 0, 0xff, 0xff]].concat();
    Decompress::new(false)
        .decompress_vec(&whole, &mut out, FlushDecompress::Sync)
        .unwrap();
    out
}
