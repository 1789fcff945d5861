//! [`Acceptor`]: accepts the connections of one address, and serves each on a task of its own.

use std::{future::poll_fn, io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::{
    activity::{Activity, Answer},
    places::{Full, Place, Places},
    wire::{Stream, Wire},
};
use crate::{
    Limits, Tls,
    proxies::{Remote, Scheme, TrustedProxies},
    written::Written,
};

/// How long to wait where accepting a connection fails, for want of file descriptors for instance.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
/// How long to tell one connection too many that it is.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);
/// Bytes that hyper needs for a head at least.
const MIN_HEADER: usize = 8 << 10;
/// How many are told at once; others are closed without a word.
const REFUSALS: usize = 32;

/// What the connections of a server have in common.
pub(super) struct Site {
    pub(super) router: Router,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) limits: Limits,
    pub(super) trusted: Arc<TrustedProxies>,
    pub(super) places: Arc<Places>,
    refusals: Arc<Semaphore>,
}

impl Site {
    pub(super) fn new(
        router: Router,
        tls: Option<Arc<Tls>>,
        limits: Limits,
        trusted: TrustedProxies,
    ) -> Self {
        Self {
            router,
            tls,
            places: Arc::new(Places::new(&limits)),
            limits,
            trusted: trusted.into(),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
        }
    }
}

/// Accepts the connections of one address.
pub(super) struct Acceptor {
    pub(super) site: Arc<Site>,
    /// Its sender is gone once the server stops.
    pub(super) stopped: watch::Receiver<()>,
}

impl Acceptor {
    pub(super) async fn run(self, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(error) if is_of_peer(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections; trying again");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: SocketAddr) {
        // A proxy's connections are those of many.
        let counted = !self.site.trusted.contains(peer.ip());
        match self.site.places.take(counted.then(|| peer.ip())) {
            Ok(place) => {
                let site = Arc::clone(&self.site);
                tokio::spawn(serve(site, stream, peer, place, self.stopped.clone()));
            }
            Err(full) => self.refuse(stream, peer, full),
        }
    }

    fn refuse(&self, stream: TcpStream, peer: SocketAddr, full: Full) {
        let reason = match full {
            Full::Total => "this server has as many connections as it takes",
            Full::Client => "this client has as many connections as one may have",
        };
        tracing::debug!(%peer, reason, "refused");
        // Over TLS it could be told only after a handshake, which is the work that is to be saved.
        if self.site.tls.is_some() {
            return;
        }
        if let Ok(permit) = Arc::clone(&self.site.refusals).try_acquire_owned() {
            tokio::spawn(async move {
                let _permit = permit;
                // Whoever does not listen is not told.
                let _ = timeout(REFUSAL_TIMEOUT, tell(stream, reason)).await;
            });
        }
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

async fn tell(mut stream: TcpStream, reason: &str) -> io::Result<()> {
    let length = reason.len();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain\r\n\
         Content-Length: {length}\r\nRetry-After: 10\r\n\r\n{reason}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // What is left unread when a socket is closed has the answer thrown away, too.
    while stream.read(&mut [0; 1024]).await? > 0 {}
    Ok(())
}

/// Serves a connection until it ends or becomes a WebSocket.
async fn serve(
    site: Arc<Site>,
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    mut stopped: watch::Receiver<()>,
) {
    let activity = Arc::clone(place.activity());
    let serving = async {
        // Diffs are small, and each is wanted at once.
        stream.set_nodelay(true)?;
        let stream = tokio::select! {
            stream = secure(&site, stream) => stream?,
            _ = stopped.changed() => return Ok(()),
        };
        let written = Written::default();
        talk(
            &site,
            Wire::new(stream, place, written.clone()),
            peer,
            &activity,
            written,
            &mut stopped,
        )
        .await
    };
    let ended: Result<(), Box<dyn std::error::Error + Send + Sync>> = serving.await;
    activity.leave_http();
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

async fn secure(site: &Site, stream: TcpStream) -> io::Result<Stream> {
    let Some(tls) = &site.tls else {
        return Ok(Stream::Plain(stream));
    };
    let handshake = TlsAcceptor::from(tls.config()).accept(stream);
    match timeout(site.limits.handshake_timeout, handshake).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream?))),
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the TLS handshake took too long",
        )),
    }
}

async fn talk(
    site: &Site,
    wire: Wire,
    peer: SocketAddr,
    activity: &Arc<Activity>,
    written: Written,
    stopped: &mut watch::Receiver<()>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let scheme = match site.tls {
        Some(_) => Scheme::Https,
        None => Scheme::Http,
    };
    // A proxy that is not known may have taken off the TLS.
    let scheme = (scheme == Scheme::Https || site.trusted.contains(peer.ip())).then_some(scheme);
    let trusted = Arc::clone(&site.trusted);
    let (begun, over) = (Arc::clone(activity), Arc::clone(activity));
    let service = site
        .router
        .clone()
        .map_request(move |mut request: Request<_>| {
            begun.answering();
            let remote = Remote::of(peer, scheme, request.headers(), &trusted);
            let extensions = request.extensions_mut();
            extensions.insert(ConnectInfo(peer));
            extensions.insert(remote);
            extensions.insert(written.clone());
            request
        })
        .map_response(move |response| Answer::track(response, Arc::clone(&over)));
    let connection = http1::Builder::new()
        // It would count the time between two requests, too.
        .header_read_timeout(None)
        .max_buf_size(site.limits.max_header_bytes.max(MIN_HEADER))
        .serve_connection(TokioIo::new(wire), TowerToHyperService::new(service))
        .with_upgrades();
    let mut connection = pin!(connection);
    let mut timer = pin!(sleep_until(Instant::now()));
    let mut stopping = false;
    loop {
        tokio::select! {
            // What the connection does decides what the others wait for.
            biased;
            ended = connection.as_mut() => return Ok(ended?),
            () = poll_fn(|context| activity.poll_cut(context)) => return Ok(()),
            () = poll_fn(|context| activity.poll_overdue(&site.limits, timer.as_mut(), context)) => {
                return Err("the client took too long".into());
            }
            _ = stopped.changed(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
