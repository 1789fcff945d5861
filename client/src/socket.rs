//! One attempt's WebSocket: over TCP, or TLS over TCP.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{Sink, SinkExt, Stream, StreamExt};
use http::{HeaderMap, StatusCode, header};
use mirrorball_protocol::reason::Reason;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error, Message, Utf8Bytes,
        client::IntoClientRequest,
        error::CapacityError,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::{Address, AddressError, ConnectionError, Credentials, error::is_io, tls::TlsSetup};

/// Bytes that the read buffer begins with. The default of the WebSocket layer is 128 KiB.
const READ_BUFFER: usize = 16 << 10;
/// Bytes that are gathered before they are written, where more is to be written at once.
const WRITE_BUFFER: usize = 4 << 10;
/// How long the goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The close code of a socket that broke without one.
pub(crate) const BROKEN: u16 = 1006;
/// The close code where the peer gave none.
const NO_CODE: u16 = 1005;
/// What the WebSocket layer refuses.
const MALFORMED: Reason = Reason::protocol("no WebSocket message, or one that is not UTF-8");

/// How sockets are opened.
#[derive(Debug, Default)]
pub(crate) struct Connector {
    /// For addresses that name nobody.
    pub(crate) credentials: Option<Credentials>,
    pub(crate) tls: TlsSetup,
    /// Bytes of one WebSocket message.
    pub(crate) max_message: usize,
}

/// What a socket has to say.
#[derive(Debug)]
pub(crate) enum Traffic {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary,
    /// No message, or one that is too large.
    Malformed(Reason),
    /// The server says goodbye: a code, and its reason.
    Goodbye(u16, String),
    /// It is broken, and why, where that is known.
    Broken(Option<ConnectionError>),
    /// It takes more than it did before.
    Taken,
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// An open WebSocket.
pub(crate) struct Socket {
    stream: WebSocketStream<Box<dyn Wire>>,
    /// Whether it took the last message at once.
    writable: bool,
    /// Whether everything that was sent has left the buffers.
    flushed: bool,
}

impl Connector {
    /// Opens a WebSocket.
    pub(crate) async fn open(
        self: Arc<Self>,
        address: Address,
    ) -> Result<Box<Socket>, ConnectionError> {
        let request = self.request(&address)?;
        let wire = self.connect(&address).await?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(self.max_message))
            .max_frame_size(Some(self.max_message));
        match client_async_with_config(request, wire, Some(config)).await {
            Ok((stream, _)) => Ok(Box::new(Socket {
                stream,
                writable: true,
                flushed: true,
            })),
            Err(Error::Http(response)) if response.status() == StatusCode::UNAUTHORIZED => {
                Err(ConnectionError::Unauthorized)
            }
            Err(Error::Http(response)) => Err(ConnectionError::Refused(response.status().as_u16())),
            Err(Error::Io(error)) => Err(ConnectionError::from_io(error)),
            Err(error) => Err(ConnectionError::Handshake(error.to_string())),
        }
    }

    /// The handshake's request; nothing in it comes from the address's user and password but their header.
    fn request(&self, address: &Address) -> Result<http::Request<()>, ConnectionError> {
        let mut request = address
            .uri()?
            .into_client_request()
            .map_err(AddressError::new)?;
        let headers: &mut HeaderMap = request.headers_mut();
        headers.insert(header::HOST, address.authority()?);
        if let Some(credentials) = address.credentials().or(self.credentials.as_ref()) {
            headers.insert(header::AUTHORIZATION, credentials.header());
        }
        Ok(request)
    }

    async fn connect(&self, address: &Address) -> Result<Box<dyn Wire>, ConnectionError> {
        let stream = TcpStream::connect((address.host(), address.port()))
            .await
            .map_err(ConnectionError::from_io)?;
        // Messages are small, and each is wanted at once. Without it they are late, not lost.
        let _ = stream.set_nodelay(true);
        if !address.is_secure() {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(address.host().to_owned())
            .map_err(|error| ConnectionError::Tls(error.to_string()))?;
        let config = self.tls.config().await;
        let config = config.map_err(|error| ConnectionError::Tls(error.to_string()))?;
        let stream = TlsConnector::from(config).connect(name, stream).await;
        Ok(Box::new(stream.map_err(ConnectionError::from_io)?))
    }
}

impl Socket {
    /// Whether it takes a message now. Once it is broken it takes none.
    pub(crate) fn poll_writable(&mut self, context: &mut Context<'_>) -> bool {
        self.writable = matches!(
            Pin::new(&mut self.stream).poll_ready(context),
            Poll::Ready(Ok(()))
        );
        self.writable
    }

    /// Takes a message. That it is broken is told by [`poll_traffic`](Self::poll_traffic).
    pub(crate) fn send(&mut self, text: String) {
        self.flushed = false;
        let _ = Pin::new(&mut self.stream).start_send(Message::text(text));
    }

    /// Writes what is buffered, and reads.
    pub(crate) fn poll_traffic(&mut self, context: &mut Context<'_>) -> Poll<Traffic> {
        let mut stream = Pin::new(&mut self.stream);
        if !self.writable || !self.flushed {
            match stream.as_mut().poll_flush(context) {
                Poll::Ready(Ok(())) => {
                    (self.writable, self.flushed) = (true, true);
                    return Poll::Ready(Traffic::Taken);
                }
                // The server may have said why, before it closed.
                Poll::Ready(Err(_)) | Poll::Pending => {}
            }
        }
        loop {
            return Poll::Ready(match ready!(stream.as_mut().poll_next(context)) {
                Some(Ok(Message::Text(text))) => Traffic::Text(text.as_str().to_owned()),
                Some(Ok(Message::Binary(_))) => Traffic::Binary,
                // Answered by the WebSocket layer.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Close(frame))) => {
                    let (code, reason) = frame.map_or((NO_CODE, String::new()), |frame| {
                        (frame.code.into(), frame.reason.to_string())
                    });
                    Traffic::Goodbye(code, reason)
                }
                Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => {
                    Traffic::Malformed(Reason::TOO_BIG)
                }
                Some(Err(Error::Io(error))) => {
                    Traffic::Broken(Some(ConnectionError::from_io(error)))
                }
                Some(Err(error)) if is_broken(&error) => Traffic::Broken(None),
                Some(Err(_)) => Traffic::Malformed(MALFORMED),
                None => Traffic::Broken(None),
            });
        }
    }

    /// Says goodbye, or answers one where there is no `reason`, and hears the server out, for a second at most.
    pub(crate) async fn close(mut self, reason: Option<Reason>) {
        let goodbye = async {
            let frame = reason.map(|reason| CloseFrame {
                code: CloseCode::from(reason.code),
                reason: Utf8Bytes::from_static(reason.text),
            });
            match frame {
                Some(frame) => self.stream.close(Some(frame)).await?,
                None => SinkExt::<Message>::flush(&mut self.stream).await?,
            }
            // Where something is left unread, the system takes the goodbye back.
            while self.stream.next().await.transpose()?.is_some() {}
            Ok::<(), Error>(())
        };
        // The server may be gone, or never read again: a goodbye that cannot be said is let go.
        let _ = timeout(CLOSE_TIMEOUT, goodbye).await;
    }
}

/// Whether the network is at fault, and not what came over it.
fn is_broken(error: &Error) -> bool {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    let ended = matches!(
        error,
        Error::ConnectionClosed
            | Error::AlreadyClosed
            | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
    );
    ended || is_io(error)
}
