//! The driver: one machine, one WebSocket.

use std::{
    future::{Future, poll_fn},
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::FutureExt;
use mirrorball_protocol::{
    Machine,
    machine::{Input, Output},
    reason::Reason,
    time::Instant,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf},
    time::{sleep, timeout},
};

use super::{
    Socket,
    frame::{Frame, Opcode},
    reader::Received,
};

/// Bytes that are read in one call, onto the stack: an idle connection has no buffer.
const CHUNK: usize = 16 << 10;
/// How long the goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Messages that are taken in a row before the application's commands have their turn.
const ROW: usize = 64;

/// The close code of a socket that broke without one.
const BROKEN: u16 = 1006;
/// The close code where the peer gave none.
const NO_CODE: u16 = 1005;

/// What stands between a machine and the application.
pub(crate) trait Shell<M: Machine> {
    /// Something that the application wants, or that happened to it.
    type Command: Send;

    /// Carries out what the machine tells the application.
    fn event(&mut self, machine: &mut M, event: M::Event);

    /// Waits for the next command. Where `room` is not set, only for those that need none in the machine's
    /// queue. Dropping the future loses nothing.
    fn next_command(&mut self, room: bool) -> impl Future<Output = Self::Command> + Send;

    /// Passes a command on to the machine.
    fn carry_out(&mut self, machine: &mut M, command: Self::Command);

    /// Whether the machine has room for what a command may cause.
    fn has_room(&self, machine: &M) -> bool;

    /// Whether the machine takes what the peer says.
    fn wants_input(&self, machine: &M) -> bool;

    /// Everything that the machine wanted is carried out, as far as the socket takes it.
    fn settle(&mut self, machine: &M);
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

/// Runs a connection to its end.
///
/// What it holds is held once: an `async fn` would have its arguments and what it makes of them side by side for
/// as long as the connection lasts.
pub(crate) fn drive<M, S>(
    socket: Socket,
    machine: M,
    shell: S,
    clock: Clock,
) -> impl Future<Output = ()> + Send
where
    M: Machine<Text = String, Frame = Frame> + Send,
    M::Event: Send,
    S: Shell<M> + Send,
{
    let mut driver = Driver {
        socket,
        machine,
        shell,
        clock,
        writable: true,
        rest: Vec::new(),
        taken: 0,
        pong: None,
    };
    async move {
        let goodbye = match driver.run().await {
            End::Broken => return,
            End::Left(Some(code)) => Frame::close(Reason::new(code, "")),
            End::Left(None) => Frame::close_without_code(),
            End::Closing(reason) => Frame::close(reason),
        };
        // Whoever waits for the connection to be closed waits for this, too. The peer may be gone, or never read
        // again: a goodbye that cannot be said is let go.
        let _ = timeout(CLOSE_TIMEOUT, leave(&mut driver.socket, goodbye)).await;
    }
}

/// Says goodbye, and listens until the peer is gone: a socket that is closed with bytes unread takes back what
/// it has sent.
pub(super) async fn leave(socket: &mut Socket, goodbye: Frame) -> io::Result<()> {
    let Socket { stream, writer, .. } = socket;
    writer.drop_rest();
    writer.push(goodbye);
    poll_fn(|context| writer.poll_drain(stream, context)).await?;
    stream.shutdown().await?;
    let mut heard = [0; 1 << 10];
    while stream.read(&mut heard).await? > 0 {}
    Ok(())
}

/// How a connection came to its end.
enum End {
    /// The socket is broken.
    Broken,
    /// The peer closed it.
    Left(Option<u16>),
    /// This end wants to close it.
    Closing(Reason),
}

/// What a socket has to say.
enum Traffic {
    /// A message came, or what is none.
    Received(Result<Received, Reason>),
    /// Everything that was to be written is.
    Drained,
    /// It is broken.
    Broken,
}

struct Driver<M, S> {
    socket: Socket,
    machine: M,
    shell: S,
    clock: Clock,
    /// Whether the socket took everything.
    writable: bool,
    /// What was read behind the last message, and how much of it is taken.
    rest: Vec<u8>,
    taken: usize,
    /// The answer to the newest ping, while the socket takes nothing.
    pong: Option<Frame>,
}

impl<M, S> Driver<M, S>
where
    M: Machine<Text = String, Frame = Frame>,
    S: Shell<M>,
{
    async fn run(&mut self) -> End {
        let timer = sleep(Duration::ZERO);
        let mut timer = pin!(timer);
        let mut row = 0;
        loop {
            // Effects first: the machine is polled to `None` after whatever happened before.
            if let Some(end) = poll_fn(|context| Poll::Ready(self.carry_out(context))).await {
                return end;
            }
            self.shell.settle(&self.machine);
            let deadline = self.machine.deadline().and_then(|it| self.clock.at(it));
            // A timer that is early costs a tick; one that is set anew with each message costs more.
            if let Some(deadline) = deadline
                && (deadline < timer.deadline() || timer.is_elapsed())
            {
                timer.as_mut().reset(deadline);
            }
            let room = self.shell.has_room(&self.machine);
            if row >= ROW {
                row = 0;
                if let Some(command) = self.shell.next_command(room).now_or_never() {
                    self.shell.carry_out(&mut self.machine, command);
                    continue;
                }
            }
            let reads = self.shell.wants_input(&self.machine);
            let Self {
                socket,
                shell,
                rest,
                taken,
                ..
            } = self;
            let blocked = !self.writable;
            tokio::select! {
                biased;
                // Input before time: whatever arrived meanwhile counts as heard.
                traffic = poll_fn(|context| poll_traffic(socket, rest, taken, blocked, reads, context)) => {
                    row += 1;
                    if let Some(end) = self.take(traffic) {
                        return end;
                    }
                }
                command = shell.next_command(room) => {
                    row = 0;
                    self.shell.carry_out(&mut self.machine, command);
                }
                () = timer.as_mut(), if deadline.is_some() => {
                    self.machine.handle(Input::Tick, self.clock.now());
                }
            }
        }
    }

    /// Carries out what the machine wants, as far as the socket takes it.
    fn carry_out(&mut self, context: &mut Context<'_>) -> Option<End> {
        let Socket { stream, writer, .. } = &mut self.socket;
        loop {
            while let Some(output) = self.machine.poll() {
                match output {
                    Output::Send { frame, .. } => {
                        writer.push(frame);
                        if writer.is_full() {
                            match writer.poll_drain(stream, context) {
                                Poll::Ready(Ok(())) => {}
                                Poll::Ready(Err(_)) => return Some(End::Broken),
                                Poll::Pending => break,
                            }
                        }
                    }
                    Output::Close { reason, .. } => {
                        self.tell_rest();
                        return Some(End::Closing(reason));
                    }
                    Output::Event(event) => self.shell.event(&mut self.machine, event),
                    // A server's connection never opens another.
                    Output::Connect { .. } => {}
                }
            }
            if self.writable
                && let Some(pong) = self.pong.take()
            {
                writer.push(pong);
            }
            let writable = match writer.poll_drain(stream, context) {
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(_)) => return Some(End::Broken),
                Poll::Pending => false,
            };
            if writable == self.writable {
                return None;
            }
            self.writable = writable;
            self.machine
                .handle(Input::Writable(writable), self.clock.now());
        }
    }

    fn take(&mut self, traffic: Traffic) -> Option<End> {
        let (input, end) = match traffic {
            Traffic::Received(Ok(Received::Text(text))) => (Input::Text { attempt: 0, text }, None),
            Traffic::Received(Ok(Received::Binary(_))) => (Input::Binary { attempt: 0 }, None),
            Traffic::Received(Ok(Received::Ping(payload))) => {
                self.pong = Some(Frame::new(Opcode::Pong, payload));
                return None;
            }
            Traffic::Received(Ok(Received::Pong)) | Traffic::Drained => return None,
            Traffic::Received(Ok(Received::Close(code))) => {
                (closed(code.unwrap_or(NO_CODE)), Some(End::Left(code)))
            }
            Traffic::Received(Err(reason)) => (closed(reason.code), Some(End::Closing(reason))),
            Traffic::Broken => (closed(BROKEN), Some(End::Broken)),
        };
        self.machine.handle(input, self.clock.now());
        if end.is_some() {
            self.tell_rest();
        }
        end
    }

    /// Tells the application what is left to be told of a connection that is closed.
    fn tell_rest(&mut self) {
        while let Some(output) = self.machine.poll() {
            if let Output::Event(event) = output {
                self.shell.event(&mut self.machine, event);
            }
        }
    }
}

/// Writes what waits to be written, reads where that is wanted.
fn poll_traffic(
    socket: &mut Socket,
    rest: &mut Vec<u8>,
    taken: &mut usize,
    blocked: bool,
    reads: bool,
    context: &mut Context<'_>,
) -> Poll<Traffic> {
    let Socket {
        stream,
        reader,
        writer,
    } = socket;
    if blocked {
        match writer.poll_drain(stream, context) {
            Poll::Ready(Ok(())) => return Poll::Ready(Traffic::Drained),
            Poll::Ready(Err(_)) => return Poll::Ready(Traffic::Broken),
            Poll::Pending => {}
        }
    }
    if !reads {
        return Poll::Pending;
    }
    if !rest.is_empty() {
        let mut input = rest.get(*taken..).unwrap_or_default();
        let read = reader.read(&mut input);
        *taken = rest.len() - input.len();
        if *taken == rest.len() {
            (*rest, *taken) = (Vec::new(), 0);
        }
        if let Some(received) = read.transpose() {
            return Poll::Ready(Traffic::Received(received));
        }
    }
    loop {
        let mut chunk = [const { MaybeUninit::uninit() }; CHUNK];
        let mut buffer = ReadBuf::uninit(&mut chunk);
        match Pin::new(&mut *stream).poll_read(context, &mut buffer) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Traffic::Broken),
            Poll::Pending => return Poll::Pending,
        }
        let mut input = buffer.filled();
        if input.is_empty() {
            return Poll::Ready(Traffic::Broken);
        }
        if let Some(received) = reader.read(&mut input).transpose() {
            rest.extend_from_slice(input);
            return Poll::Ready(Traffic::Received(received));
        }
    }
}

const fn closed(code: u16) -> Input<String> {
    Input::Closed { attempt: 0, code }
}
