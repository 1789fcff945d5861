//! [`Lines`]: the ways to a server of Bayeux.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_util::FutureExt;
use http::{HeaderValue, header};
use mirrorball_protocol::{
    bayeux::client::{ConnectionType, Frame, Kind},
    reason::Reason,
};
use tokio::sync::mpsc;

use crate::{
    Address, ConnectionError,
    bayeux::{Carrier, Hooks, Incoming, Outgoing, wire},
    driver::{Line, Network, Traffic},
    polling::{Exchange, Polling},
    post::Poster,
    socket::{Connector, Socket},
};

/// Payloads that came and wait for extensions, before no more are read.
const MAX_READ: usize = 64;

/// How a server of Bayeux is reached.
pub(crate) struct Lines {
    pub(crate) connector: Arc<Connector>,
    pub(crate) hooks: Arc<Hooks>,
    /// The WebSocket's subprotocol, where there has to be one.
    pub(crate) protocol: Option<HeaderValue>,
    /// Requests at a time.
    pub(crate) max_connections: usize,
    /// Whether the path of a request says what it is about.
    pub(crate) says_kind: bool,
}

/// One way to a server.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) connection_type: ConnectionType,
    pub(crate) address: Address,
    /// What carries connections of a type of the application's own.
    pub(crate) carrier: Option<Arc<dyn Carrier>>,
}

impl fmt::Debug for Route {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of {}", self.connection_type.name(), self.address)
    }
}

impl Network<Frame> for Lines {
    type Target = Route;
    type Line = Payloads;

    async fn open(
        self: Arc<Self>,
        route: Route,
        _: Option<String>,
    ) -> Result<Box<Payloads>, ConnectionError> {
        let address = &route.address;
        let line = match (&route.connection_type, route.carrier) {
            (ConnectionType::LongPolling, _) => {
                let requests = Requests {
                    poster: Poster::new(
                        Arc::clone(&self.connector),
                        address.clone(),
                        self.max_connections,
                    ),
                    hooks: Arc::clone(&self.hooks),
                    says_kind: self.says_kind && address.takes_more_path(),
                    address: address.clone(),
                };
                Payloads::Requests(Polling::new(Arc::new(requests), self.max_connections))
            }
            (ConnectionType::WebSocket, _) => {
                let mut headers = self.hooks.opening(address).await?;
                if let Some(protocol) = &self.protocol {
                    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol.clone());
                }
                let (socket, headers) = self.connector.open_with(address, headers).await?;
                self.hooks.cookies.keep(address, &headers);
                Payloads::Stream(Box::new(Stream::new(
                    self,
                    &route.address,
                    Pipe::Socket(socket),
                )))
            }
            (ConnectionType::Other(_), Some(carrier)) => {
                let (wire, sender, receiver) = wire();
                let carried = Carried {
                    run: Some(carrier.start(wire)),
                    waiting: VecDeque::new(),
                    sender,
                    receiver,
                    error: None,
                };
                Payloads::Stream(Box::new(Stream::new(
                    self,
                    &route.address,
                    Pipe::Carried(carried),
                )))
            }
            (ConnectionType::Other(name), None) => {
                return Err(ConnectionError::Application(format!(
                    "there is no transport for {name}"
                )));
            }
        };
        Ok(Box::new(line))
    }
}

/// A connection that carries payloads.
pub(crate) enum Payloads {
    Requests(Polling<Frame, Requests>),
    Stream(Box<Stream>),
}

impl Line<Frame> for Payloads {
    fn poll_writable(&mut self, context: &mut Context<'_>) -> bool {
        match self {
            Self::Requests(line) => line.poll_writable(context),
            Self::Stream(line) => line.poll_writable(context),
        }
    }

    fn send(&mut self, frame: Frame) {
        match self {
            Self::Requests(line) => line.send(frame),
            Self::Stream(line) => line.waiting.push_back(frame),
        }
    }

    fn poll_traffic(&mut self, context: &mut Context<'_>) -> Poll<Traffic> {
        match self {
            Self::Requests(line) => line.poll_traffic(context),
            Self::Stream(line) => line.poll_traffic(context),
        }
    }

    async fn close(self: Box<Self>, reason: Option<Reason>) {
        match *self {
            Self::Requests(line) => Box::new(line).close(reason).await,
            Self::Stream(stream) => {
                // A transport of the application's own is dropped.
                if let Pipe::Socket(socket) = stream.pipe {
                    socket.close(reason).await;
                }
            }
        }
    }
}

/// How a payload becomes a request.
#[derive(Debug)]
pub(crate) struct Requests {
    poster: Poster,
    hooks: Arc<Hooks>,
    says_kind: bool,
    address: Address,
}

impl Exchange<Frame> for Requests {
    fn is_held(frame: &Frame) -> bool {
        frame.kind == Kind::Connect
    }

    async fn exchange(self: Arc<Self>, frame: Frame) -> Result<Option<String>, Traffic> {
        let number = frame.payload;
        self.post(frame).await.map_err(|error| match error.code() {
            status @ (401 | 403) => Traffic::Denied(number, status, error),
            _ => Traffic::Broken(Some(error)),
        })
    }
}

impl Requests {
    async fn post(&self, frame: Frame) -> Result<Option<String>, ConnectionError> {
        let (text, headers) = self.hooks.outgoing(frame.text, &self.address).await?;
        let Some(text) = text else { return Ok(None) };
        let path = match frame.kind {
            _ if !self.says_kind => String::new(),
            kind => format!("/{}", kind.path()),
        };
        let answer = self.poster.post(&path, headers, text).await?;
        self.hooks.cookies.keep(&self.address, &answer.headers);
        self.hooks
            .incoming(answer.text, Some(&answer.headers))
            .await
    }
}

type Work<T> = Pin<Box<dyn Future<Output = Result<Option<T>, ConnectionError>> + Send>>;

/// A connection on which payloads come whenever they like, with extensions between it and the machine: one payload after
/// another in each direction.
pub(crate) struct Stream {
    lines: Arc<Lines>,
    address: Address,
    pipe: Pipe,
    /// To be sent.
    waiting: VecDeque<Frame>,
    sending: Option<Work<Outgoing>>,
    /// That came.
    read: VecDeque<Incoming>,
    receiving: Option<Work<String>>,
    /// How it ended, behind everything that came before.
    end: Option<Traffic>,
}

impl Stream {
    fn new(lines: Arc<Lines>, address: &Address, pipe: Pipe) -> Self {
        Self {
            lines,
            address: address.clone(),
            pipe,
            waiting: VecDeque::new(),
            sending: None,
            read: VecDeque::new(),
            receiving: None,
            end: None,
        }
    }

    fn poll_writable(&mut self, context: &mut Context<'_>) -> bool {
        self.waiting.is_empty() && self.sending.is_none() && self.pipe.poll_writable(context)
    }

    fn poll_traffic(&mut self, context: &mut Context<'_>) -> Poll<Traffic> {
        if let Poll::Ready(Err(error)) = self.poll_send(context) {
            return Poll::Ready(Traffic::Broken(Some(error)));
        }
        loop {
            match self.poll_hooked(context) {
                Poll::Ready(Ok(Some(text))) => return Poll::Ready(Traffic::Text(text)),
                Poll::Ready(Err(error)) => return Poll::Ready(Traffic::Broken(Some(error))),
                Poll::Ready(Ok(None)) => {
                    if let Some(end) = self.end.take() {
                        return Poll::Ready(end);
                    }
                }
                Poll::Pending if self.read.len() < MAX_READ && self.end.is_none() => {}
                Poll::Pending => return Poll::Pending,
            }
            match ready!(self.pipe.poll_traffic(context)) {
                Event::Came(incoming) => self.read.push_back(incoming),
                Event::Other(Traffic::Taken) => return Poll::Ready(Traffic::Taken),
                Event::Other(end) => self.end = Some(end),
            }
        }
    }

    /// Passes what waits on to the pipe, by way of the extensions.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        loop {
            if self.sending.is_none() {
                let Some(frame) = self.waiting.pop_front() else {
                    return Poll::Pending;
                };
                let (lines, address) = (Arc::clone(&self.lines), self.address.clone());
                self.sending = Some(Box::pin(async move {
                    let (text, headers) = lines.hooks.outgoing(frame.text, &address).await?;
                    Ok(text.map(|text| Outgoing::new(frame.kind, text, headers)))
                }));
            }
            let Some(sending) = &mut self.sending else {
                return Poll::Pending;
            };
            let sent = ready!(sending.poll_unpin(context));
            self.sending = None;
            match sent {
                Ok(Some(outgoing)) => self.pipe.send(outgoing),
                Ok(None) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// The next payload that the extensions have seen; `None` where there is nothing to see.
    fn poll_hooked(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<String>, ConnectionError>> {
        loop {
            if self.receiving.is_none() {
                let Some(incoming) = self.read.pop_front() else {
                    return Poll::Ready(Ok(None));
                };
                let lines = Arc::clone(&self.lines);
                self.receiving = Some(Box::pin(async move {
                    let Incoming { text, headers } = incoming;
                    lines.hooks.incoming(text, headers.as_ref()).await
                }));
            }
            let Some(receiving) = &mut self.receiving else {
                return Poll::Ready(Ok(None));
            };
            let hooked = ready!(receiving.poll_unpin(context));
            self.receiving = None;
            match hooked {
                Ok(None) => {}
                hooked => return Poll::Ready(hooked),
            }
        }
    }
}

/// What is under a [`Stream`].
enum Pipe {
    Socket(Box<Socket>),
    Carried(Carried),
}

/// What comes out of a [`Pipe`].
enum Event {
    Came(Incoming),
    Other(Traffic),
}

impl Pipe {
    fn poll_writable(&mut self, context: &mut Context<'_>) -> bool {
        match self {
            Self::Socket(socket) => socket.poll_writable(context),
            Self::Carried(carried) => carried.waiting.is_empty(),
        }
    }

    fn send(&mut self, outgoing: Outgoing) {
        match self {
            Self::Socket(socket) => socket.send(outgoing.text),
            Self::Carried(carried) => carried.waiting.push_back(outgoing),
        }
    }

    fn poll_traffic(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        match self {
            Self::Socket(socket) => socket.poll_traffic(context).map(|traffic| match traffic {
                Traffic::Text(text) => Event::Came(Incoming {
                    text,
                    headers: None,
                }),
                other => Event::Other(other),
            }),
            Self::Carried(carried) => carried.poll_traffic(context),
        }
    }
}

/// A connection of the application's own transport.
struct Carried {
    /// `None` once it has ended.
    run: Option<Pin<Box<dyn Future<Output = ConnectionError> + Send>>>,
    /// What the transport has no room for yet.
    waiting: VecDeque<Outgoing>,
    sender: mpsc::Sender<Outgoing>,
    receiver: mpsc::Receiver<Incoming>,
    error: Option<ConnectionError>,
}

impl Carried {
    fn poll_traffic(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        loop {
            let waited = self.waiting.len();
            while let Some(outgoing) = self.waiting.pop_front() {
                if let Err(mpsc::error::TrySendError::Full(outgoing)) =
                    self.sender.try_send(outgoing)
                {
                    self.waiting.push_front(outgoing);
                    break;
                }
            }
            if let Some(run) = &mut self.run
                && let Poll::Ready(error) = run.poll_unpin(context)
            {
                (self.run, self.error) = (None, Some(error));
            }
            if let Poll::Ready(Some(incoming)) = self.receiver.poll_recv(context) {
                return Poll::Ready(Event::Came(incoming));
            }
            if self.run.is_none() {
                return Poll::Ready(Event::Other(Traffic::Broken(self.error.take())));
            }
            // The transport may have taken what was in its way.
            if self.waiting.is_empty() && waited > 0 {
                return Poll::Ready(Event::Other(Traffic::Taken));
            }
            if self.waiting.is_empty() || self.sender.capacity() == 0 {
                return Poll::Pending;
            }
        }
    }
}
