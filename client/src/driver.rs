//! The driver: one machine, over one WebSocket after another.

use std::{
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

use crate::{
    Address, AddressError, ConnectionError,
    socket::{BROKEN, Connector, Socket, Traffic},
};

/// Goodbyes that are said at a time, each within a second; beyond that sockets are dropped.
const MAX_GOODBYES: usize = 8;

/// What stands between a machine and the application.
pub(crate) trait Shell<M: Machine> {
    /// Something that the application wants.
    type Command: Send;

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

    /// The address at this index, where there is one.
    fn address(&self, index: usize) -> Option<&Address>;

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
pub(crate) async fn drive<M, S>(machine: M, shell: S, connector: Connector, clock: Clock)
where
    M: Machine<Text = String, Frame = String>,
    S: Shell<M>,
{
    let driver = Driver {
        machine,
        shell,
        connector: Arc::new(connector),
        clock,
        attempt: 0,
        line: Line::None,
        goodbyes: JoinSet::new(),
    };
    driver.run().await;
}

struct Driver<M, S> {
    machine: M,
    shell: S,
    connector: Arc<Connector>,
    clock: Clock,
    /// What the line is an attempt at.
    attempt: u32,
    line: Line,
    goodbyes: JoinSet<()>,
}

type Opening = Pin<Box<dyn Future<Output = Result<Box<Socket>, ConnectionError>> + Send>>;

/// What there is of a connection.
enum Line {
    None,
    Opening(Opening),
    Open {
        socket: Box<Socket>,
        /// What the machine was told.
        writable: bool,
    },
}

/// What ends a sleep.
enum Woken<C> {
    Line(Happening),
    Command(C),
    Time,
}

/// What happens on a line.
enum Happening {
    Opened(Result<Box<Socket>, ConnectionError>),
    Traffic(Traffic),
}

impl Line {
    async fn next(&mut self) -> Happening {
        match self {
            Self::None => pending().await,
            Self::Opening(opening) => Happening::Opened(opening.await),
            Self::Open { socket, .. } => {
                Happening::Traffic(poll_fn(|context| socket.poll_traffic(context)).await)
            }
        }
    }
}

impl<M, S> Driver<M, S>
where
    M: Machine<Text = String, Frame = String>,
    S: Shell<M>,
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
            let (line, shell) = (&mut self.line, &mut self.shell);
            // In no order: neither a flood of messages nor one of commands holds up the other.
            let work = async {
                tokio::select! {
                    happening = line.next() => Woken::Line(happening),
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

    fn take(&mut self, woken: Woken<S::Command>) {
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

    fn hear(&mut self, happening: Happening, now: Instant) {
        let attempt = self.attempt;
        let input = match happening {
            Happening::Opened(Ok(socket)) => {
                tracing::debug!(attempt, "open");
                self.line = Line::Open {
                    socket,
                    writable: true,
                };
                Input::Opened { attempt }
            }
            Happening::Opened(Err(error)) => {
                tracing::debug!(attempt, %error, "not opened");
                self.lose(Some(error), BROKEN)
            }
            Happening::Traffic(Traffic::Taken) => return,
            Happening::Traffic(Traffic::Text(text)) => Input::Text { attempt, text },
            Happening::Traffic(Traffic::Binary) => Input::Binary { attempt },
            Happening::Traffic(Traffic::Malformed(reason)) => Input::Malformed { attempt, reason },
            Happening::Traffic(Traffic::Goodbye(code, reason)) => {
                tracing::debug!(attempt, code, reason, "closed by the server");
                // The WebSocket layer has the answer to it ready.
                self.hang_up(None);
                self.lose(Some(ConnectionError::Closed { code, reason }), code)
            }
            Happening::Traffic(Traffic::Broken(error)) => {
                tracing::debug!(attempt, ?error, "broken");
                self.lose(error, BROKEN)
            }
        };
        self.machine.handle(input, now);
    }

    /// Drops the line; returns what the machine is told of it.
    fn lose(&mut self, error: Option<ConnectionError>, code: u16) -> Input<String> {
        self.line = Line::None;
        self.shell.note(error);
        Input::Closed {
            attempt: self.attempt,
            code,
        }
    }

    /// Carries out what the machine wants, as far as the socket takes it.
    fn drain(&mut self, context: &mut Context<'_>) {
        loop {
            if let Line::Open { socket, writable } = &mut self.line {
                let takes = socket.poll_writable(context);
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
                    if let Line::Open { socket, .. } = &mut self.line
                        && attempt == self.attempt
                    {
                        socket.send(frame);
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
        let connector = Arc::clone(&self.connector);
        let address = self.shell.address(index).cloned();
        tracing::debug!(attempt, ?address, "connecting");
        self.line = Line::Opening(Box::pin(async move {
            let address = address.ok_or_else(|| AddressError::new("no address"))?;
            let address = match query {
                Some(query) => address.with_query(&query),
                None => address,
            };
            connector.open(address).await
        }));
    }

    /// Says goodbye, or answers one, while life goes on.
    fn hang_up(&mut self, reason: Option<Reason>) {
        if let Line::Open { socket, .. } = std::mem::replace(&mut self.line, Line::None)
            && self.goodbyes.len() < MAX_GOODBYES
        {
            self.goodbyes.spawn(socket.close(reason));
        }
    }
}
