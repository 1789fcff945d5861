//! [`Server`]: listens, and serves whatever is to be served, within bounds.

mod acceptor;
mod activity;
mod builder;
mod places;
mod reload;
mod wire;

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::{join, join_all};
use thiserror::Error;
use tokio::{
    net::{TcpListener, TcpSocket, ToSocketAddrs, lookup_host},
    select,
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

pub use self::builder::Builder;
use self::{
    acceptor::{Acceptor, Site},
    reload::Reloaded,
};
use crate::{Bayeux, Juggler, auth::HtpasswdError, files::FilesError, tls::TlsError};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;
/// How long a last goodbye may take to those who are cut.
const LAST_WORD: Duration = Duration::from_millis(250);

/// A server that runs: an own loop that accepts connections, with bounds and timeouts, and with TLS where that
/// is wanted. A handle, to be cloned freely; the server runs until it is closed, or its runtime is.
///
/// ```
/// use mirrorball_server::{Juggler, Server, State};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let state = State::new("hello");
/// let server = Server::builder()
///     .juggler(Juggler::builder(state).build())
///     .bind("127.0.0.1:0")
///     .await?
///     .serve();
/// println!("mirror ws://{}/ws", server.addresses()[0]);
/// server.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    running: Arc<Running>,
}

#[derive(Debug)]
struct Running {
    addresses: Vec<SocketAddr>,
    services: Services,
    places: Arc<places::Places>,
    reloaded: Reloaded,
    shutdown_timeout: Duration,
    /// Whether the end is to come at once.
    hurried: watch::Sender<bool>,
    /// Taken by whoever closes the server first.
    tasks: Mutex<Option<Tasks>>,
    /// Whether the end was orderly, once it has come.
    closed: watch::Sender<Option<bool>>,
}

#[derive(Debug)]
struct Tasks {
    /// Accept connections, and look after files.
    accepting: JoinSet<()>,
    /// Dropped to tell connections that the server stops.
    stopping: watch::Sender<()>,
}

/// What is closed with the server.
#[derive(Debug)]
struct Services {
    jugglers: Vec<Juggler>,
    bayeux: Vec<Bayeux>,
}

impl Services {
    /// Has clients go in turn, and returns how long it is to the last turn.
    fn begin_closing(&self) -> Duration {
        let jugglers = self.jugglers.iter().map(Juggler::begin_closing);
        let bayeux = self.bayeux.iter().map(Bayeux::begin_closing);
        jugglers.chain(bayeux).max().unwrap_or_default()
    }

    /// Has clients go at once.
    fn hasten_closing(&self) {
        self.jugglers.iter().for_each(Juggler::hasten_closing);
        self.bayeux.iter().for_each(Bayeux::hasten_closing);
    }

    async fn close(&self) {
        let jugglers = join_all(self.jugglers.iter().map(Juggler::close));
        let bayeux = join_all(self.bayeux.iter().map(Bayeux::close));
        join(jugglers, bayeux).await;
    }
}

/// Addresses that are listened on, and what is to be served there.
#[must_use = "nothing is served before `serve` is called"]
pub struct Bound {
    listeners: Vec<TcpListener>,
    site: Site,
    addresses: Vec<SocketAddr>,
    services: Services,
    reloaded: Reloaded,
    reload_interval: Option<Duration>,
    shutdown_timeout: Duration,
}

/// A server cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {}", hint(error))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// A name stands for no address.
    #[error("cannot listen: the name leads to no address of this host: {0}")]
    Name(#[source] io::Error),
    /// A path cannot be served.
    #[error(
        "{what} `{path}`: a path was expected that begins with one slash, has none of {{}}*?#, and is not \
         taken, such as {example}"
    )]
    Path {
        /// What it is the path of.
        what: &'static str,
        /// The path.
        path: String,
        /// One that could be served.
        example: &'static str,
    },
    /// The folder of static files cannot be served.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The file of users cannot be used.
    #[error(transparent)]
    Htpasswd(#[from] HtpasswdError),
    /// Certificate or key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The work of reading a file was cancelled with the runtime.
    #[error("{} could not be read: the runtime is shutting down", .0.display())]
    Cancelled(PathBuf),
}

fn hint(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is taken: stop the program that has it, or choose another port".into()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this host has no such address: choose another one, such as 127.0.0.1".into()
        }
        io::ErrorKind::PermissionDenied => "this user may not: choose a port above 1023".into(),
        _ => error.to_string(),
    }
}

impl Server {
    /// A server that serves nothing yet.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The addresses that are listened on, with the ports that were chosen where 0 was asked for.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.running.addresses
    }

    /// How many connections there are, WebSockets included.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.running.places.count()
    }

    /// Reads certificates and users again, as is done by itself when their files change, and logs what came of
    /// it. Returns whether all of it could be used; what could not stays as it was.
    pub async fn reload(&self) -> bool {
        self.running.reloaded.reload().await
    }

    /// Accepts no more connections, has those of Juggler and Bayeux close one after another, as [`Juggler::close`] says,
    /// and lets requests end. What is left is cut, the [shutdown timeout](Builder::shutdown_timeout) after the last
    /// client was told to go. Returns whether everything ended in time.
    ///
    /// It goes on where nobody waits for it, and whoever calls it again waits for the same end; for whoever does not
    /// want to wait for it there is [`close_now`](Self::close_now).
    pub async fn close(&self) -> bool {
        let tasks = self.running.tasks.lock();
        if let Some(tasks) = tasks.unwrap_or_else(PoisonError::into_inner).take() {
            // On a task of its own: it comes to its end also where nobody waits for it.
            tokio::spawn(Arc::clone(&self.running).end(tasks));
        }
        self.ended().await
    }

    /// Closes at once, also where [`close`](Self::close) has begun to: says goodbye on the connections of Juggler, and
    /// cuts what is not gone a quarter of a second later. Returns whether nothing had to be cut.
    pub async fn close_now(&self) -> bool {
        self.running.hurried.send_replace(true);
        self.close().await
    }

    /// Waits until the server has been closed.
    pub async fn closed(&self) {
        self.ended().await;
    }

    async fn ended(&self) -> bool {
        let mut closed = self.running.closed.subscribe();
        // Its sender lives as long as this handle.
        let closed = closed.wait_for(Option::is_some).await;
        closed.is_ok_and(|orderly| *orderly == Some(true))
    }
}

impl Running {
    async fn end(self: Arc<Self>, mut tasks: Tasks) {
        tasks.accepting.shutdown().await;
        drop(tasks.stopping);
        let patience = self.services.begin_closing();
        let orderly = select! {
            () = self.emptied() => true,
            () = self.hurried() => self.say_a_last_word().await,
            () = sleep(patience.saturating_add(self.shutdown_timeout)) => {
                self.say_a_last_word().await;
                false
            }
        };
        if !orderly {
            tracing::debug!(connections = self.places.count(), "cut");
            self.places.cut();
        }
        self.closed.send_replace(Some(orderly));
    }

    /// Waits until all connections have ended.
    async fn emptied(&self) {
        self.services.close().await;
        self.places.emptied().await;
    }

    /// Waits for somebody to be in a hurry.
    async fn hurried(&self) {
        let mut hurried = self.hurried.subscribe();
        // Its sender lives as long as this.
        let _ = hurried.wait_for(|hurried| *hurried).await;
    }

    /// Has clients go without their turns and their answers. Returns whether all connections are gone soon.
    async fn say_a_last_word(&self) -> bool {
        self.services.hasten_closing();
        timeout(LAST_WORD, self.places.emptied()).await.is_ok()
    }
}

impl Bound {
    /// The addresses that are listened on, with the ports that were chosen where 0 was asked for.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Starts to accept connections and to serve them.
    #[must_use = "the handle is what closes the server"]
    pub fn serve(self) -> Server {
        let site = Arc::new(self.site);
        let (stopping, stopped) = watch::channel(());
        let mut accepting = JoinSet::new();
        for listener in self.listeners {
            let acceptor = Acceptor {
                site: Arc::clone(&site),
                stopped: stopped.clone(),
            };
            accepting.spawn(acceptor.run(listener));
        }
        if let Some(period) = self.reload_interval {
            accepting.spawn(self.reloaded.clone().watch(period));
        }
        let running = Running {
            addresses: self.addresses,
            services: self.services,
            places: Arc::clone(&site.places),
            reloaded: self.reloaded,
            shutdown_timeout: self.shutdown_timeout,
            hurried: watch::Sender::new(false),
            tasks: Mutex::new(Some(Tasks {
                accepting,
                stopping,
            })),
            closed: watch::Sender::new(None),
        };
        Server {
            running: Arc::new(running),
        }
    }
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Bound")
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

/// Listens on all addresses that a name stands for. Connections have send buffers of this size.
async fn listen(
    addresses: impl ToSocketAddrs,
    send_buffer: usize,
) -> Result<(Vec<TcpListener>, Vec<SocketAddr>), ServerError> {
    let addresses: Vec<_> = lookup_host(addresses)
        .await
        .map_err(ServerError::Name)?
        .collect();
    if addresses.is_empty() {
        return Err(ServerError::Name(io::ErrorKind::NotFound.into()));
    }
    let (mut listeners, mut bound) = (Vec::new(), Vec::new());
    for address in addresses {
        let fail = |error| ServerError::Listen { address, error };
        let listener = listen_at(address, send_buffer).map_err(fail)?;
        bound.push(listener.local_addr().map_err(fail)?);
        listeners.push(listener);
    }
    Ok((listeners, bound))
}

fn listen_at(address: SocketAddr, send_buffer: usize) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Connections that were closed lately do not keep the address; elsewhere the option means something else.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // What is accepted inherits it.
    socket.set_send_buffer_size(u32::try_from(send_buffer).unwrap_or(u32::MAX))?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
