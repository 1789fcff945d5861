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

use crate::{
    Address, AddressError, ConnectionError, Credentials,
    driver::{Line, Network, Traffic},
    error::is_io,
    tls::TlsSetup,
};

/// Bytes that the read buffer begins with. The default of the WebSocket layer is 128 KiB.
const READ_BUFFER: usize = 16 << 10;
/// Bytes that are gathered before they are written, where more is to be written at once.
const WRITE_BUFFER: usize = 4 << 10;
/// How long the goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

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

/// Bytes in both directions.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// An open WebSocket.
pub(crate) struct Socket {
    stream: WebSocketStream<Box<dyn Wire>>,
    /// Whether it took the last message at once.
    writable: bool,
    /// Whether everything that was sent has left the buffers.
    flushed: bool,
}

impl Network<String> for Connector {
    type Target = Address;
    type Line = Socket;

    async fn open(
        self: Arc<Self>,
        address: Address,
        query: Option<String>,
    ) -> Result<Box<Socket>, ConnectionError> {
        let address = match query {
            Some(query) => address.with_query(&query),
            None => address,
        };
        let (socket, _) = self.open_with(&address, HeaderMap::new()).await?;
        Ok(socket)
    }
}

impl Connector {
    /// Opens a WebSocket, with these headers in its handshake; returns those of the server's, too.
    pub(crate) async fn open_with(
        &self,
        address: &Address,
        headers: HeaderMap,
    ) -> Result<(Box<Socket>, HeaderMap), ConnectionError> {
        let request = self.request(address, headers)?;
        let wire = self.connect(address).await?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(self.max_message))
            .max_frame_size(Some(self.max_message));
        match client_async_with_config(request, wire, Some(config)).await {
            Ok((stream, response)) => {
                let socket = Socket {
                    stream,
                    writable: true,
                    flushed: true,
                };
                Ok((Box::new(socket), response.into_parts().0.headers))
            }
            Err(Error::Http(response)) if response.status() == StatusCode::UNAUTHORIZED => {
                Err(ConnectionError::Unauthorized)
            }
            Err(Error::Http(response)) => Err(ConnectionError::Refused(response.status().as_u16())),
            Err(Error::Io(error)) => Err(ConnectionError::from_io(error)),
            Err(error) => Err(ConnectionError::Handshake(error.to_string())),
        }
    }

    /// The handshake's request; nothing in it comes from the address's user and password but their header.
    fn request(
        &self,
        address: &Address,
        more: HeaderMap,
    ) -> Result<http::Request<()>, ConnectionError> {
        let mut request = address
            .uri()?
            .into_client_request()
            .map_err(AddressError::new)?;
        let headers: &mut HeaderMap = request.headers_mut();
        headers.insert(header::HOST, address.authority()?);
        self.authorize(address, headers);
        headers.extend(more);
        Ok(request)
    }

    /// Says in a request who asks.
    pub(crate) fn authorize(&self, address: &Address, headers: &mut HeaderMap) {
        if let Some(credentials) = address.credentials().or(self.credentials.as_ref()) {
            headers.insert(header::AUTHORIZATION, credentials.header());
        }
    }

    /// Connects, by TLS where the address says so.
    pub(crate) async fn connect(
        &self,
        address: &Address,
    ) -> Result<Box<dyn Wire>, ConnectionError> {
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

impl Line<String> for Socket {
    fn poll_writable(&mut self, context: &mut Context<'_>) -> bool {
        self.writable = matches!(
            Pin::new(&mut self.stream).poll_ready(context),
            Poll::Ready(Ok(()))
        );
        self.writable
    }

    fn send(&mut self, text: String) {
        self.flushed = false;
        let _ = Pin::new(&mut self.stream).start_send(Message::text(text));
    }

    fn poll_traffic(&mut self, context: &mut Context<'_>) -> Poll<Traffic> {
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

    /// Hears the server out, too.
    async fn close(mut self: Box<Self>, reason: Option<Reason>) {
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
