//! One client's connection: its handle, and the shell around its machine.

use std::{collections::HashMap, sync::Arc};

use mirrorball_protocol::{
    json::Value,
    juggler::{
        Server,
        message::{Request, notification},
        segment::Sealed,
        server::ServerEvent,
    },
    reason::Reason,
};
use tokio::{
    sync::{broadcast, mpsc, watch},
    task::{Id, JoinError, JoinSet},
};

use super::{CLOSING, RequestError, Service};
use crate::{
    State,
    proxies::Remote,
    socket::{Clock, Frame, Shell, Socket, drive},
    state::Snapshot,
};

/// Commands that wait for the connection's task to take them.
const COMMANDS: usize = 16;

/// A client's connection. A handle: clone it freely, keep it as long as you like.
#[derive(Clone, Debug)]
pub struct Connection {
    id: u64,
    remote: Option<Remote>,
    state: State,
    max_segment_size: usize,
    commands: mpsc::Sender<Command>,
}

/// The connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection is closed")]
pub struct Disconnected;

#[derive(Debug)]
enum Command {
    Notify(Sealed<Frame>),
    Close(Reason),
}

impl Connection {
    /// A number that no other connection of this service has.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// The client, as far as it is known: see [`Remote::of_request`].
    #[must_use]
    pub const fn remote(&self) -> Option<Remote> {
        self.remote
    }

    /// The state that this connection mirrors.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Sends a notification to this client. Waits while its send queue is full.
    ///
    /// # Errors
    ///
    /// [`Disconnected`].
    pub async fn notify(&self, name: &str, data: &Value) -> Result<(), Disconnected> {
        let message = notification(name, data).seal(self.max_segment_size);
        self.commands
            .send(Command::Notify(message))
            .await
            .map_err(|_| Disconnected)
    }

    /// Closes the connection.
    pub async fn close(&self) {
        // A connection that is closed already needs no command.
        let _ = self.commands.send(Command::Close(Reason::NORMAL)).await;
    }

    /// Waits for the connection to be closed.
    pub async fn closed(&self) {
        self.commands.closed().await;
    }
}

/// Serves one client until it is gone.
pub(super) async fn serve(service: Arc<Service>, socket: Socket, remote: Option<Remote>) {
    let clock = Clock::new();
    let (sender, commands) = mpsc::channel(COMMANDS);
    let connection = Connection {
        id: service.next_id(),
        remote,
        state: service.state.clone(),
        max_segment_size: service.options.max_segment_size,
        commands: sender,
    };
    tracing::debug!(connection = connection.id, ?remote, "connected");
    let id = connection.id;
    let mut machine = Server::new(service.options.clone(), clock.now());
    let mut published = service.publisher.subscribe();
    let first = published.borrow_and_update().clone();
    machine.set_state(first.value);
    let session = Session {
        published,
        version: first.version,
        notifications: service.notifications.subscribe(),
        closing: service.closing.subscribe(),
        commands,
        requests: JoinSet::new(),
        ids: HashMap::new(),
        connection,
        service,
    };
    drive(socket, machine, session, clock).await;
    tracing::debug!(connection = id, "disconnected");
}

/// The shell around one connection's machine.
struct Session {
    service: Arc<Service>,
    connection: Connection,
    published: watch::Receiver<Snapshot>,
    /// The version of the state that the machine was given last.
    version: u64,
    notifications: broadcast::Receiver<Sealed<Frame>>,
    closing: watch::Receiver<bool>,
    commands: mpsc::Receiver<Command>,
    requests: JoinSet<Result<Value, RequestError>>,
    ids: HashMap<Id, i64>,
}

/// What happens to a session besides its socket.
enum Happening {
    Closing,
    Published,
    Handled(Result<(Id, Result<Value, RequestError>), JoinError>),
    Command(Command),
    /// A client too slow for its notifications.
    Lagged,
}

impl Shell<Server<Frame>> for Session {
    type Command = Happening;

    fn event(&mut self, machine: &mut Server<Frame>, event: ServerEvent) {
        match event {
            ServerEvent::Diff { from, to } => machine.mirror(self.service.frames.step(&from, &to)),
            ServerEvent::Request(request) => self.start(machine, request),
            ServerEvent::Closed(reason) => {
                tracing::debug!(connection = self.connection.id, %reason, "closed");
            }
        }
    }

    async fn next_command(&mut self, room: bool) -> Happening {
        // Senders live in the service, which this holds: none of them can be gone.
        tokio::select! {
            biased;
            Ok(()) = self.closing.changed() => Happening::Closing,
            Ok(()) = self.published.changed() => Happening::Published,
            // What a handler sent before it answered goes before its answer.
            Some(command) = self.commands.recv(), if room => Happening::Command(command),
            notification = self.notifications.recv(), if room => match notification {
                Ok(message) => Happening::Command(Command::Notify(message)),
                Err(_) => Happening::Lagged,
            },
            Some(ended) = self.requests.join_next_with_id() => Happening::Handled(ended),
        }
    }

    fn carry_out(&mut self, machine: &mut Server<Frame>, happening: Happening) {
        match happening {
            Happening::Closing => machine.close(CLOSING),
            Happening::Published => {
                let snapshot = self.published.borrow_and_update().clone();
                self.show(machine, snapshot);
            }
            Happening::Handled(ended) => self.finish(machine, ended),
            // There is room: it was asked for before the command was taken.
            Happening::Command(Command::Notify(message)) => drop(machine.notify(message)),
            Happening::Command(Command::Close(reason)) => machine.close(reason),
            Happening::Lagged => machine.close(Reason::SLOW),
        }
    }

    fn has_room(&self, machine: &Server<Frame>) -> bool {
        machine.has_room()
    }
}

impl Session {
    /// Has the client hold a state, unless it is to hold a newer one already.
    fn show(&mut self, machine: &mut Server<Frame>, snapshot: Snapshot) {
        if snapshot.version > self.version {
            self.version = snapshot.version;
            machine.set_state(snapshot.value);
        }
    }

    fn start(&mut self, machine: &mut Server<Frame>, request: Request<Value>) {
        let Some(handler) = &self.service.handler else {
            let missing = RequestError::new("this server handles no requests");
            machine.respond(request.id, Err(missing.data()));
            return;
        };
        let name = request.name.to_string();
        let handling = handler(self.connection.clone(), name, request.data);
        let task = self.requests.spawn(handling);
        self.ids.insert(task.id(), request.id);
    }

    fn finish(
        &mut self,
        machine: &mut Server<Frame>,
        ended: Result<(Id, Result<Value, RequestError>), JoinError>,
    ) {
        let (task, result) = match ended {
            Ok((task, result)) => (task, result),
            Err(error) => {
                // What a panic says is for the log, not for the other side.
                tracing::error!(connection = self.connection.id, %error, "a request handler panicked");
                (
                    error.id(),
                    Err(RequestError::new("the request failed inside the server")),
                )
            }
        };
        let Some(id) = self.ids.remove(&task) else {
            return;
        };
        // What the handler changed is visible before its answer is.
        self.show(machine, self.service.state.current());
        machine.respond(id, result.as_ref().map_err(RequestError::data));
    }
}
