//! [`Session`]: the shell around one connection's machine.

use std::{
    collections::HashMap,
    future::{Future, pending, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
};

use futures_util::FutureExt;
use mirrorball_protocol::{
    json::Value,
    juggler::{
        Server,
        message::{Request, Stamp},
        segment::Sealed,
        server::{Level, ServerEvent},
    },
    reason::Reason,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{Id, JoinError, JoinSet},
    time::{Sleep, sleep},
};

use super::{
    Connection, RequestError, Service,
    casts::{Listener, Missed, News},
    connection::Who,
    frames::encode,
    publisher::Pace,
};
use crate::{
    auth::Principal,
    closing::Progress,
    socket::{Clock, Frame, Shell, Socket, drive},
    state::Snapshot,
};

/// Serves one client until it is gone.
pub(super) fn serve(
    service: Arc<Service>,
    socket: Socket,
    who: Who,
    resumed: Option<Level>,
) -> impl Future<Output = ()> + Send {
    let clock = Clock::new();
    let state = service.state.clone().unwrap_or_default();
    // What is told from here on may be what the first state is already.
    let casts = service.casts.listen();
    let (own, first) = match &service.publisher {
        Some(publisher) => (None, publisher.latest()),
        None => {
            let flushes = service.flushes.subscribe();
            let (pace, first) = Pace::new(&state, service.autoflush_delay, flushes);
            (Some(Box::new(pace)), first)
        }
    };
    let size = service.options.max_segment_size;
    let (connection, notes) = Connection::new(service.next_id(), who, state, size);
    tracing::debug!(
        connection = connection.id(),
        remote = ?connection.remote(),
        user = connection.principal().map(Principal::name),
        "connected"
    );
    let mut machine = Server::new(service.options.clone(), clock.now());
    machine.share(Arc::clone(&service.sockets.budget));
    machine.share_requests(Arc::clone(&service.requests));
    if let Some(resumed) = resumed {
        machine.resume(resumed);
    }
    machine.set_state(service.level(first.clone()));
    let mut tasks = JoinSet::new();
    if service.greet.is_some() {
        let (service, connection) = (Arc::clone(&service), connection.clone());
        tasks.spawn(async move {
            if let Some(greet) = &service.greet {
                greet(connection).await;
            }
            Ok(Value::Null)
        });
    }
    let session = Session {
        own,
        version: first.version,
        casts,
        closing: service.closing.subscribe(),
        turn: Turn::Unknown,
        notes,
        flushes: Vec::new(),
        tasks,
        requests: HashMap::new(),
        connection,
        service,
    };
    drive(socket, machine, session, clock)
}

struct Session {
    service: Arc<Service>,
    connection: Connection,
    /// When the connection's own state is sent, where it has one.
    own: Option<Box<Pace>>,
    /// The version of the state that the machine was given last.
    version: u64,
    casts: Listener,
    closing: watch::Receiver<Progress>,
    turn: Turn,
    notes: mpsc::Receiver<Sealed<Frame>>,
    /// Who waits for which of the machine's revisions to be handed out.
    flushes: Vec<(u64, oneshot::Sender<()>)>,
    /// Handlers of requests, and of the connection.
    tasks: JoinSet<Result<Value, RequestError>>,
    /// Which of them handle which request.
    requests: HashMap<Id, i64>,
}

/// When it is this connection's turn to close, where the service closes.
enum Turn {
    Unknown,
    Coming(Pin<Box<Sleep>>),
    Come,
}

impl Turn {
    /// Waits for it to come, where it is known when. Dropping the future loses nothing.
    async fn come(&mut self) {
        match self {
            Self::Coming(sleep) => sleep.await,
            Self::Unknown | Self::Come => pending().await,
        }
    }
}

/// What happens to a session besides its socket.
enum Happening {
    Closing,
    Turn,
    Told(News),
    Handled(Result<(Id, Result<Value, RequestError>), JoinError>),
    Ordered,
    /// A client too slow for its notifications.
    Missed,
}

/// Waits for the next state of a connection's own.
async fn next_own(own: &mut Option<Box<Pace>>) -> Option<Snapshot> {
    own.as_mut()?.next().await
}

impl Shell<Server<Frame>> for Session {
    type Command = Happening;

    fn event(&mut self, machine: &mut Server<Frame>, event: ServerEvent) {
        match event {
            ServerEvent::Diff {
                from,
                to,
                is_resumed,
            } => machine.mirror(match self.own {
                None => self.service.frames.step(&from, &to, is_resumed),
                Some(_) => {
                    let size = self.service.options.max_segment_size;
                    encode(&from, &to, &Stamp::default(), size)
                }
            }),
            ServerEvent::Request(request) => self.start(machine, request),
            ServerEvent::Closed(reason) => {
                tracing::debug!(connection = self.connection.id(), %reason, "closed");
            }
        }
    }

    async fn next_command(&mut self, room: bool) -> Happening {
        // Everybody wakes up for news, so that there are few things to wait for.
        if self.closing.has_changed().unwrap_or(true) {
            self.closing.mark_unchanged();
            return Happening::Closing;
        }
        // Senders live in the service and in the connection, which this holds: none of them can be gone.
        tokio::select! {
            biased;
            Ok(()) = self.closing.changed(), if !room => Happening::Closing,
            () = self.turn.come() => Happening::Turn,
            // What a handler sent before it answered goes before its answer.
            Some(note) = self.notes.recv(), if room => Happening::Told(News::Note(note)),
            news = self.casts.next(), if room => match news {
                Ok(news) => news.map_or(Happening::Closing, Happening::Told),
                Err(Missed) => Happening::Missed,
            },
            Some(snapshot) = next_own(&mut self.own) => Happening::Told(News::State(snapshot)),
            () = self.connection.ordered() => Happening::Ordered,
            // What it sent before may wait for room.
            Some(ended) = self.tasks.join_next_with_id(), if self.notes.is_empty() => {
                Happening::Handled(ended)
            }
        }
    }

    fn carry_out(&mut self, machine: &mut Server<Frame>, happening: Happening) {
        match happening {
            Happening::Closing | Happening::Told(News::Closing) => self.leave(machine),
            Happening::Turn => {
                self.turn = Turn::Come;
                machine.retire(Reason::RESTART);
            }
            Happening::Told(News::State(snapshot)) => self.show(machine, snapshot),
            Happening::Handled(ended) => self.finish(machine, ended),
            // There is room: it was asked for before the note was taken.
            Happening::Told(News::Note(message)) => _ = machine.notify(message),
            Happening::Ordered => self.obey(machine),
            Happening::Missed => machine.close(Reason::SLOW),
        }
    }

    fn has_room(&self, machine: &Server<Frame>) -> bool {
        machine.has_room()
    }

    fn wants_input(&self, machine: &Server<Frame>) -> bool {
        machine.wants_input()
    }

    fn settle(&mut self, machine: &Server<Frame>) {
        let flushed = |(revision, _): &mut (u64, _)| machine.is_handed_out(*revision);
        for (_, waiting) in self.flushes.extract_if(.., flushed) {
            // Whoever gave up needs no answer.
            let _ = waiting.send(());
        }
    }
}

impl Session {
    /// Closes as the service does. It may hear of that several times.
    fn leave(&mut self, machine: &mut Server<Frame>) {
        match *self.closing.borrow_and_update() {
            Progress::InTurn(turns) if matches!(self.turn, Turn::Unknown) => {
                let wait = self.service.closing.take_turn(turns);
                self.turn = Turn::Coming(Box::pin(sleep(wait)));
            }
            Progress::Now => machine.close(Reason::RESTART),
            Progress::Open | Progress::InTurn(_) => {}
        }
    }

    /// Has the client hold a state, unless it is to hold a newer one already.
    fn show(&mut self, machine: &mut Server<Frame>, snapshot: Snapshot) {
        if snapshot.version > self.version {
            self.version = snapshot.version;
            machine.set_state(self.service.level(snapshot));
        }
    }

    fn obey(&mut self, machine: &mut Server<Frame>) {
        let orders = self.connection.take_orders();
        if !orders.flushes.is_empty() {
            self.show(machine, self.connection.state().current());
            let revision = machine.revision();
            let waiting = orders.flushes.into_iter();
            self.flushes.retain(|(_, waiting)| !waiting.is_closed());
            self.flushes
                .extend(waiting.map(|waiting| (revision, waiting)));
        }
        if let Some(reason) = orders.close {
            machine.close(reason);
        }
    }

    fn start(&mut self, machine: &mut Server<Frame>, request: Request<Value>) {
        let Request {
            id,
            name,
            data,
            key,
        } = request;
        let (service, connection) = (Arc::clone(&self.service), self.connection.clone());
        let once = Arc::clone(&service.once);
        let handle = {
            let name = name.to_string();
            || async move { service.handlers.handle(connection, name, data).await }
        };
        if let Some(key) = key {
            let task = match once.carry_out(&key, &name, handle) {
                Ok(answer) => self.tasks.spawn(answer),
                Err(refused) => return self.answer(machine, id, &Err(refused)),
            };
            self.requests.insert(task.id(), id);
            return;
        }
        let mut handling = Box::pin(handle());
        // Most handlers have nothing to wait for, and need no task. What they sent before goes before.
        let ended = catch_unwind(AssertUnwindSafe(|| handling.as_mut().now_or_never()));
        while machine.has_room()
            && let Ok(note) = self.notes.try_recv()
        {
            // There is room.
            let _ = machine.notify(note);
        }
        let task = match ended {
            Ok(Some(result)) if self.notes.is_empty() => return self.answer(machine, id, &result),
            Err(_) if self.notes.is_empty() => return self.answer(machine, id, &self.panicked()),
            Ok(Some(result)) => self.tasks.spawn(ready(result)),
            Err(_) => self.tasks.spawn(ready(self.panicked())),
            Ok(None) => self.tasks.spawn(handling),
        };
        self.requests.insert(task.id(), id);
    }

    fn finish(
        &mut self,
        machine: &mut Server<Frame>,
        ended: Result<(Id, Result<Value, RequestError>), JoinError>,
    ) {
        let (task, result) = match ended {
            Ok((task, result)) => (task, result),
            Err(error) => (error.id(), self.panicked()),
        };
        if let Some(id) = self.requests.remove(&task) {
            self.answer(machine, id, &result);
        }
    }

    fn answer(
        &mut self,
        machine: &mut Server<Frame>,
        id: i64,
        result: &Result<Value, RequestError>,
    ) {
        // What the handler changed is visible before its answer is.
        self.show(machine, self.connection.state().current());
        machine.respond(id, result.as_ref().map_err(RequestError::data));
    }

    /// What a panic says is for the log, where its hook writes it, and not for the other side.
    fn panicked(&self) -> Result<Value, RequestError> {
        tracing::error!(connection = self.connection.id(), "a handler panicked");
        Err(RequestError::panicked())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.end();
        tracing::debug!(connection = self.connection.id(), "disconnected");
    }
}
