//! The driver: one machine, over one connection after another.

use std::{
    fmt,
    future::{Future, pending, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use mirrorball_protocol::{
    Machine,
    machine::{Input, Output},
    reason::Reason,
    time::Instant,
};
use tokio::{task::JoinSet, time::sleep_until};

use crate::{AddressError, ConnectionError};

/// Goodbyes that are said at a time, each within a second; beyond that sockets are dropped.
const MAX_GOODBYES: usize = 8;

/// The close code of a connection that broke without one.
pub(crate) const BROKEN: u16 = 1006;

/// What opens connections.
pub(crate) trait Network<F>: Send + Sync + 'static {
    /// Where to, and how.
    type Target: Clone + fmt::Debug + Send + 'static;
    /// A connection.
    type Line: Line<F>;

    /// Opens a connection. Dropping the future gives it up.
    fn open(
        self: Arc<Self>,
        target: Self::Target,
        query: Option<String>,
    ) -> impl Future<Output = Result<Box<Self::Line>, ConnectionError>> + Send;
}

/// An open connection. What it is in the middle of is given up where it is dropped.
pub(crate) trait Line<F>: Send + 'static {
    /// Whether it takes a frame now. Once it is broken it takes none.
    fn poll_writable(&mut self, context: &mut Context<'_>) -> bool;

    /// Takes a frame. That it is broken is told by [`poll_traffic`](Self::poll_traffic).
    fn send(&mut self, frame: F);

    /// Writes what is buffered, and reads.
    fn poll_traffic(&mut self, context: &mut Context<'_>) -> Poll<Traffic>;

    /// Says goodbye, or answers one where there is no `reason`; within a second.
    fn close(self: Box<Self>, reason: Option<Reason>) -> impl Future<Output = ()> + Send + 'static;
}

/// What a connection has to say.
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
    /// Of a frame with this number HTTP said with this status, 401 or 403, that it takes none from this client. The
    /// connection is not lost by that.
    Denied(u32, u16, ConnectionError),
    /// It takes more than it did before.
    Taken,
}

/// What stands between a machine and the application.
pub(crate) trait Shell<M: Machine> {
    /// Something that the application wants.
    type Command: Send;
    /// Where connections lead.
    type Target;

    /// Carries out what the machine tells the application.
    fn event(&mut self, machine: &mut M, event: M::Event);

    /// Waits for the next command. Where `room` is not set, only for those that need none in the machine's
    /// queue. Dropping the future loses nothing.
    fn next_command(&mut self, room: bool) -> impl Future<Output = Self::Command> + Send;

    /// Passes a command on to the machine.
    fn carry_out(&mut self, machine: &mut M, command: Self::Command, now: Instant);

    /// Whether the machine has room for what a command may cause.
    fn has_room(&self, machine: &M) -> bool;

    /// Whether nothing is going to happen any more.
    fn is_over(&self, machine: &M) -> bool;

    /// Where the address at this index leads, where there is one.
    fn target(&self, index: usize) -> Option<Self::Target>;

    /// Passes on that HTTP denied a frame.
    fn denied(&mut self, machine: &mut M, number: u32, status: u16, now: Instant) {
        let _ = (machine, number, status, now);
    }

    /// Notes what the machine is not told: more of why an attempt failed or a connection ended, where it is known.
    fn note(&mut self, error: Option<ConnectionError>);
}

/// The runtime's clock as the machines see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: tokio::time::Instant,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            origin: tokio::time::Instant::now(),
        }
    }

    pub(crate) fn now(self) -> Instant {
        Instant::from_origin(self.origin.elapsed())
    }

    /// When the runtime's clock shows `moment`; `None` where it never does.
    pub(crate) fn at(self, moment: Instant) -> Option<tokio::time::Instant> {
        self.origin.checked_add(moment.since_origin())
    }
}

/// Runs a machine to its end.
pub(crate) async fn drive<M, S, N>(machine: M, shell: S, network: N, clock: Clock)
where
    M: Machine<Text = String>,
    S: Shell<M, Target = N::Target>,
    N: Network<M::Frame>,
{
    let driver = Driver {
        machine,
        shell,
        network: Arc::new(network),
        clock,
        attempt: 0,
        connection: Connection::None,
        goodbyes: JoinSet::new(),
    };
    driver.run().await;
}

struct Driver<M, S, N, L> {
    machine: M,
    shell: S,
    network: Arc<N>,
    clock: Clock,
    /// What the connection is an attempt at.
    attempt: u32,
    connection: Connection<L>,
    goodbyes: JoinSet<()>,
}

type Opening<L> = Pin<Box<dyn Future<Output = Result<Box<L>, ConnectionError>> + Send>>;

/// What there is of a connection.
enum Connection<L> {
    None,
    Opening(Opening<L>),
    Open {
        line: Box<L>,
        /// What the machine was told.
        writable: bool,
    },
}

/// What ends a sleep.
enum Woken<C, L> {
    Line(Happening<L>),
    Command(C),
    Time,
}

/// What happens on a connection.
enum Happening<L> {
    Opened(Result<Box<L>, ConnectionError>),
    Traffic(Traffic),
}

impl<L> Connection<L> {
    async fn next<F>(&mut self) -> Happening<L>
    where
        L: Line<F>,
    {
        match self {
            Self::None => pending().await,
            Self::Opening(opening) => Happening::Opened(opening.await),
            Self::Open { line, .. } => {
                Happening::Traffic(poll_fn(|context| line.poll_traffic(context)).await)
            }
        }
    }
}

impl<M, S, N> Driver<M, S, N, N::Line>
where
    M: Machine<Text = String>,
    S: Shell<M, Target = N::Target>,
    N: Network<M::Frame>,
{
    async fn run(mut self) {
        let timer = sleep_until(tokio::time::Instant::now());
        let mut timer = pin!(timer);
        loop {
            // Effects first: the machine is polled to `None` after whatever happened before.
            poll_fn(|context| {
                self.drain(context);
                Poll::Ready(())
            })
            .await;
            if self.shell.is_over(&self.machine) {
                break;
            }
            let deadline = self.machine.deadline().and_then(|it| self.clock.at(it));
            if let Some(deadline) = deadline
                && timer.deadline() != deadline
            {
                timer.as_mut().reset(deadline);
            }
            let room = self.shell.has_room(&self.machine);
            let (connection, shell) = (&mut self.connection, &mut self.shell);
            // In no order: neither a flood of messages nor one of commands holds up the other.
            let work = async {
                tokio::select! {
                    happening = connection.next() => Woken::Line(happening),
                    command = shell.next_command(room) => Woken::Command(command),
                }
            };
            let woken = tokio::select! {
                biased;
                // Input before time: whatever arrived meanwhile counts as heard.
                woken = work => woken,
                () = timer.as_mut(), if deadline.is_some() => Woken::Time,
                Some(_) = self.goodbyes.join_next(), if !self.goodbyes.is_empty() => continue,
            };
            self.take(woken);
        }
        while self.goodbyes.join_next().await.is_some() {}
    }

    fn take(&mut self, woken: Woken<S::Command, N::Line>) {
        let now = self.clock.now();
        match woken {
            Woken::Line(happening) => self.hear(happening, now),
            Woken::Command(command) => self.shell.carry_out(&mut self.machine, command, now),
            Woken::Time => {}
        }
        // Also where input never pauses; early and repeated ticks do nothing.
        if self
            .machine
            .deadline()
            .is_some_and(|deadline| deadline <= now)
        {
            self.machine.handle(Input::Tick, now);
        }
    }

    fn hear(&mut self, happening: Happening<N::Line>, now: Instant) {
        let attempt = self.attempt;
        let input = match happening {
            Happening::Opened(Ok(line)) => {
                tracing::debug!(attempt, "open");
                self.connection = Connection::Open {
                    line,
                    writable: true,
                };
                Input::Opened { attempt }
            }
            Happening::Opened(Err(error)) => {
                tracing::debug!(attempt, %error, "not opened");
                let code = error.code();
                self.lose(Some(error), code)
            }
            Happening::Traffic(Traffic::Taken) => return,
            Happening::Traffic(Traffic::Denied(number, status, error)) => {
                self.shell.note(Some(error));
                self.shell.denied(&mut self.machine, number, status, now);
                return;
            }
            Happening::Traffic(Traffic::Text(text)) => Input::Text { attempt, text },
            Happening::Traffic(Traffic::Binary) => Input::Binary { attempt },
            Happening::Traffic(Traffic::Malformed(reason)) => Input::Malformed { attempt, reason },
            Happening::Traffic(Traffic::Goodbye(code, reason)) => {
                tracing::debug!(attempt, code, reason, "closed by the server");
                // The connection has the answer to it ready.
                self.hang_up(None);
                self.lose(Some(ConnectionError::Closed { code, reason }), code)
            }
            Happening::Traffic(Traffic::Broken(error)) => {
                tracing::debug!(attempt, ?error, "broken");
                let code = error.as_ref().map_or(BROKEN, ConnectionError::code);
                self.lose(error, code)
            }
        };
        self.machine.handle(input, now);
    }

    /// Drops the connection; returns what the machine is told of it.
    fn lose(&mut self, error: Option<ConnectionError>, code: u16) -> Input<String> {
        self.connection = Connection::None;
        self.shell.note(error);
        Input::Closed {
            attempt: self.attempt,
            code,
        }
    }

    /// Carries out what the machine wants, as far as the socket takes it.
    fn drain(&mut self, context: &mut Context<'_>) {
        loop {
            if let Connection::Open { line, writable } = &mut self.connection {
                let takes = line.poll_writable(context);
                if std::mem::replace(writable, takes) != takes {
                    self.machine
                        .handle(Input::Writable(takes), self.clock.now());
                }
            }
            match self.machine.poll() {
                Some(Output::Connect {
                    attempt,
                    address,
                    query,
                }) => self.connect(attempt, address, query),
                Some(Output::Send { attempt, frame }) => {
                    if let Connection::Open { line, .. } = &mut self.connection
                        && attempt == self.attempt
                    {
                        line.send(frame);
                    }
                }
                Some(Output::Close { reason, .. }) => {
                    tracing::debug!(attempt = self.attempt, %reason, "closing");
                    self.hang_up(Some(reason));
                }
                Some(Output::Event(event)) => self.shell.event(&mut self.machine, event),
                None => return,
            }
        }
    }

    fn connect(&mut self, attempt: u32, index: usize, query: Option<String>) {
        self.attempt = attempt;
        let network = Arc::clone(&self.network);
        let target = self.shell.target(index);
        tracing::debug!(attempt, ?target, "connecting");
        self.connection = Connection::Opening(Box::pin(async move {
            let target = target.ok_or_else(|| AddressError::new("no address"))?;
            network.open(target, query).await
        }));
    }

    /// Says goodbye, or answers one, while life goes on.
    fn hang_up(&mut self, reason: Option<Reason>) {
        if let Connection::Open { line, .. } =
            std::mem::replace(&mut self.connection, Connection::None)
            && self.goodbyes.len() < MAX_GOODBYES
        {
            self.goodbyes.spawn(line.close(reason));
        }
    }
}
