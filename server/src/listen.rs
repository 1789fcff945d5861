//! Accepts connections, within bounds.
//!
//! A connection that does not send its request in time is closed, so that silent ones do not pile up.
//! There is a most of them; one more is told so. Where accepting fails, for want of file descriptors
//! for instance, it is tried again after a pause, not at once.

use std::{
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tower::ServiceExt;

/// What bounds the connections of a server.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// How many there may be, WebSockets included. Default: 10,000, or fewer where the process may
    /// not open as many files.
    pub(crate) connections: u32,
    /// How long one may take to send the head of a request, and how long it may be idle between two.
    /// Default: 10 s.
    pub(crate) head_timeout: Duration,
    /// How many bytes the head of a request may have. Default: 32 KiB.
    pub(crate) head_size: usize,
    /// How long they have to end when the server closes; then they are cut. Default: 5 s.
    pub(crate) shutdown_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        /// Files that are not connections: the log, static files on their way, and so on.
        const OTHER_FILES: usize = 256;
        let files = sysinfo::System::open_files_limit().unwrap_or(usize::MAX);
        let connections = files.saturating_sub(OTHER_FILES).clamp(1, 10_000);
        Self {
            connections: u32::try_from(connections).unwrap_or(u32::MAX),
            head_timeout: Duration::from_secs(10),
            head_size: 32 * 1024,
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}

/// How long to wait where accepting a connection fails.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// How long to try to tell one connection too many that it is.
const REFUSE_TIMEOUT: Duration = Duration::from_millis(100);
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\
    Content-Type: text/plain\r\nContent-Length: 47\r\nRetry-After: 10\r\n\r\n\
    this server has as many connections as it takes";

/// Addresses that the server listens on.
#[derive(Debug)]
pub(crate) struct Listeners {
    listeners: Vec<TcpListener>,
    limits: Limits,
}

/// An address cannot be listened on.
#[derive(Debug, Error)]
#[error("cannot listen on {address}: {}", hint(error))]
pub(crate) struct ListenError {
    address: SocketAddr,
    #[source]
    error: io::Error,
}

fn hint(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is taken: stop the program that has it, or choose another with --listen"
                .into()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this host has no such address: choose another with --listen".into()
        }
        io::ErrorKind::PermissionDenied => {
            "this user may not: choose a port above 1023 with --listen".into()
        }
        _ => error.to_string(),
    }
}

impl Listeners {
    /// Listens on all of these addresses.
    ///
    /// # Errors
    ///
    /// The first of them that cannot be listened on.
    pub(crate) async fn bind(
        addresses: &[SocketAddr],
        limits: Limits,
    ) -> Result<Self, ListenError> {
        let mut listeners = Vec::new();
        for &address in addresses {
            let listener = TcpListener::bind(address).await;
            listeners.push(listener.map_err(|error| ListenError { address, error })?);
        }
        Ok(Self { listeners, limits })
    }

    /// The addresses that are listened on, with the ports that were chosen where 0 was asked for.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect()
    }

    /// Starts to accept connections and to serve them.
    pub(crate) fn serve(self, router: &Router) -> Serving {
        let Self { listeners, limits } = self;
        let places = Arc::new(Semaphore::new(limits.connections as usize));
        let (stopping, stopped) = watch::channel(());
        let mut accepting = JoinSet::new();
        for listener in listeners {
            let acceptor = Acceptor {
                router: router.clone(),
                limits: limits.clone(),
                places: Arc::clone(&places),
                stopped: stopped.clone(),
            };
            accepting.spawn(acceptor.run(listener));
        }
        Serving {
            accepting,
            stopping,
            places,
            limits,
        }
    }
}

/// A server that accepts connections, until [`Serving::stop`].
#[derive(Debug)]
pub(crate) struct Serving {
    accepting: JoinSet<()>,
    /// Dropped to tell the connections.
    stopping: watch::Sender<()>,
    places: Arc<Semaphore>,
    limits: Limits,
}

impl Serving {
    /// Accepts no more connections, and takes no more requests on those that there are.
    pub(crate) async fn stop(self) -> Stopping {
        let Self {
            mut accepting,
            stopping,
            places,
            limits,
        } = self;
        accepting.shutdown().await;
        drop(stopping);
        Stopping { places, limits }
    }
}

/// A server that waits for its connections to end.
#[derive(Debug)]
pub(crate) struct Stopping {
    places: Arc<Semaphore>,
    limits: Limits,
}

impl Stopping {
    /// Waits for all connections to end, and returns whether they did so in time.
    pub(crate) async fn ended(self) -> bool {
        // Each connection gives back its place when it ends.
        let all = self.places.acquire_many(self.limits.connections);
        timeout(self.limits.shutdown_timeout, all).await.is_ok()
    }
}

/// Accepts the connections of one address.
struct Acceptor {
    router: Router,
    limits: Limits,
    places: Arc<Semaphore>,
    /// Its sender is gone once the server stops.
    stopped: watch::Receiver<()>,
}

impl Acceptor {
    async fn run(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.admit(stream, peer).await,
                Err(error) if is_of_peer(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections; trying again");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn admit(&self, mut stream: TcpStream, peer: SocketAddr) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::debug!(%peer, "refused: too many connections");
            let _ = timeout(REFUSE_TIMEOUT, stream.write_all(REFUSAL)).await;
            return;
        };
        if self.places.available_permits() == 0 {
            tracing::warn!(
                limit = self.limits.connections,
                "no more connections are taken"
            );
        }
        // Diffs are small, and each is wanted at once.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%peer, %error, "connection lost");
            return;
        }
        let router = self
            .router
            .clone()
            .map_request(move |mut request: Request<_>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                request
            });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head_timeout)
            .max_buf_size(self.limits.head_size)
            .serve_connection(
                TokioIo::new(Placed {
                    stream,
                    _place: place,
                }),
                TowerToHyperService::new(router),
            )
            .with_upgrades();
        let mut stopped = self.stopped.clone();
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                _ = stopped.changed() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%peer, %error, "connection ended");
            }
        });
    }
}

/// Whether accepting failed because of the one connection that was to be accepted.
fn is_of_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

/// A connection, and its place among those that there may be: it keeps it when it becomes a WebSocket.
struct Placed {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

impl AsyncRead for Placed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use std::time::Instant;
    use tokio::io::AsyncReadExt;

    async fn start(limits: Limits) -> (SocketAddr, Serving) {
        let slow = async || {
            sleep(Duration::from_millis(300)).await;
            "done"
        };
        let router =
            Router::new()
                .route(
                    "/",
                    get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move {
                        peer.ip().to_string()
                    }),
                )
                .route("/slow", get(slow))
                .route("/never", get(std::future::pending::<()>));
        let listeners = Listeners::bind(&["127.0.0.1:0".parse().unwrap()], limits)
            .await
            .unwrap();
        (listeners.addresses()[0], listeners.serve(&router))
    }

    async fn open(address: SocketAddr, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// Everything up to the end of the connection, which must come within a few seconds.
    async fn rest(stream: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        timeout(Duration::from_secs(5), stream.read_to_end(&mut bytes))
            .await
            .unwrap()
            .unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn serves_and_tells_who_asks() {
        let (address, server) = start(Limits::default()).await;
        let mut stream = open(address, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await;
        assert!(rest(&mut stream).await.ends_with("\r\n\r\n127.0.0.1"));
        assert!(server.stop().await.ended().await);
    }

    #[tokio::test]
    async fn closes_who_does_not_send_a_request() {
        let head_timeout = Duration::from_millis(300);
        let limits = Limits {
            head_timeout,
            ..Limits::default()
        };
        let (address, server) = start(limits).await;
        let begun = Instant::now();
        let mut silent = open(address, "").await;
        let mut partial = open(address, "GET / HTTP/1.1\r\nHost: x\r\nX-").await;
        let mut idle = open(address, "GET / HTTP/1.1\r\n\r\n").await;
        let dripping = open(address, "GET / HTTP/1.1\r\n").await;
        let (mut dripping, mut drops) = dripping.into_split();
        let drip = tokio::spawn(async move {
            while drops.write_all(b"X-Drop: 1\r\n").await.is_ok() {
                sleep(Duration::from_millis(50)).await;
            }
        });
        assert_eq!(rest(&mut silent).await, "");
        rest(&mut partial).await;
        assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200 "));
        let _ = timeout(
            Duration::from_secs(5),
            dripping.read_to_end(&mut Vec::new()),
        )
        .await
        .unwrap();
        drip.await.unwrap();
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "{:?}",
            begun.elapsed()
        );
        assert!(server.stop().await.ended().await);
    }

    #[tokio::test]
    async fn refuses_heads_without_end() {
        let (address, _server) = start(Limits::default()).await;
        let endless = format!("GET / HTTP/1.1\r\nX-Long: {}", "x".repeat(100_000));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(endless.as_bytes()).await;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 431");
    }

    #[tokio::test]
    async fn tells_one_connection_too_many() {
        let (address, _server) = start(Limits {
            connections: 2,
            ..Limits::default()
        })
        .await;
        let first = open(address, "GET /never HTTP/1.1\r\n\r\n").await;
        let _second = open(address, "GET /never HTTP/1.1\r\n\r\n").await;
        let mut third = open(address, "").await;
        let answer = rest(&mut third).await;
        assert!(
            answer.starts_with("HTTP/1.1 503 ") && answer.ends_with(" as it takes"),
            "{answer}"
        );
        let length = answer.split("\r\n\r\n").nth(1).unwrap().len();
        assert!(
            answer.contains(&format!("Content-Length: {length}\r\n")),
            "{answer}"
        );

        drop(first);
        let served = async {
            loop {
                let mut next = open(address, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await;
                if rest(&mut next).await.ends_with("127.0.0.1") {
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(5), served).await.unwrap();
    }

    #[tokio::test]
    async fn lets_requests_end_when_it_stops() {
        let (address, server) = start(Limits::default()).await;
        let _idle = open(address, "GET / HTTP/1.1\r\n\r\n").await;
        let mut slow = open(address, "GET /slow HTTP/1.1\r\n\r\n").await;
        sleep(Duration::from_millis(100)).await;
        let stopping = server.stop().await;
        assert!(rest(&mut slow).await.ends_with("done"));
        assert!(stopping.ended().await);
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn waits_only_so_long_when_it_stops() {
        let shutdown_timeout = Duration::from_millis(200);
        let limits = Limits {
            shutdown_timeout,
            ..Limits::default()
        };
        let (address, server) = start(limits).await;
        let _never = open(address, "GET /never HTTP/1.1\r\n\r\n").await;
        sleep(Duration::from_millis(100)).await;
        let stopping = server.stop().await;
        assert!(
            !timeout(Duration::from_secs(5), stopping.ended())
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn says_why_it_cannot_listen() {
        let (address, _server) = start(Limits::default()).await;
        let check = async |address: SocketAddr, expect: &str| {
            let error = Listeners::bind(&[address], Limits::default())
                .await
                .unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("cannot listen on {address}: {expect}")
            );
        };
        check(
            address,
            "the port is taken: stop the program that has it, or choose another with --listen",
        )
        .await;
        check(
            "192.0.2.1:80".parse().unwrap(),
            "this host has no such address: choose another with --listen",
        )
        .await;
    }
}
