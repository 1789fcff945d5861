//! The driver: one machine, one WebSocket.

use std::{
    error::Error,
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::{
        FromRequestParts,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    },
    http::request::Parts,
    response::{IntoResponse, Response},
};
use futures_util::{Sink, SinkExt, Stream};
use mirrorball_protocol::{
    Machine,
    machine::{Input, Output},
    reason::Reason,
    time::Instant,
};
use tokio::time::{sleep_until, timeout};

/// Bytes that a socket's read buffer begins with. The default of the WebSocket layer is 128 KiB, which an idle
/// connection would hold for ever.
const READ_BUFFER: usize = 4 << 10;
/// Bytes that are gathered before they are written, where more is to be written at once.
const WRITE_BUFFER: usize = 4 << 10;
/// Bytes of one WebSocket message from a peer: a segment of 65,536 UTF-16 units, as `@hat-open/juggler` cuts
/// them, is up to 196,609 bytes long.
const MAX_MESSAGE: usize = 1 << 20;
/// How long the goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// The close code of a socket that broke without one.
const BROKEN: u16 = 1006;
/// The close code where the peer gave none.
const NO_CODE: u16 = 1005;
/// What the WebSocket layer refuses.
const MALFORMED: Reason =
    Reason::protocol("no WebSocket message, one that is not UTF-8, or one that is too big");

/// A text in the form in which a socket takes it: shared, not copied.
pub(crate) type Frame = Utf8Bytes;

/// An open WebSocket, to be driven.
#[derive(Debug)]
pub(crate) struct Socket(WebSocket);

/// Answers a request for a WebSocket, and has `serve` called with it once it is open.
pub(crate) async fn accept<F>(
    request: &mut Parts,
    serve: impl FnOnce(Socket) -> F + Send + 'static,
) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    match WebSocketUpgrade::from_request_parts(request, &()).await {
        Ok(upgrade) => upgrade
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(MAX_MESSAGE)
            .max_frame_size(MAX_MESSAGE)
            .on_upgrade(|socket| serve(Socket(socket))),
        Err(rejection) => rejection.into_response(),
    }
}

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

    /// Whether the machine has room for what a command or an input may cause.
    fn has_room(&self, machine: &M) -> bool;
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

    pub(crate) fn at(self, moment: Instant) -> tokio::time::Instant {
        self.origin + moment.since_origin()
    }
}

/// Runs a connection to its end.
pub(crate) async fn drive<M, S>(Socket(socket): Socket, machine: M, shell: S, clock: Clock)
where
    M: Machine<Text = String, Frame = Frame>,
    S: Shell<M>,
{
    let mut driver = Driver {
        socket,
        machine,
        shell,
        clock,
        writable: true,
        flushed: true,
    };
    let goodbye = match driver.run().await {
        End::Broken => return,
        // Says goodbye to a goodbye: the WebSocket layer has the answer ready.
        End::Left => None,
        End::Closing(reason) => Some(Message::Close(Some(CloseFrame {
            code: reason.code,
            reason: reason.text.into(),
        }))),
    };
    // The peer may be gone, or never read again: a goodbye that cannot be said is let go.
    let _ = timeout(CLOSE_TIMEOUT, async {
        if let Some(goodbye) = goodbye {
            driver.socket.send(goodbye).await?;
        }
        driver.socket.close().await
    })
    .await;
}

/// How a connection came to its end.
enum End {
    /// The socket is broken.
    Broken,
    /// The peer closed it.
    Left,
    /// This end wants to close it.
    Closing(Reason),
}

/// What a socket has to say.
enum Traffic {
    /// A message, an error, or the end.
    Received(Option<Result<Message, axum::Error>>),
    /// It takes more than it did before.
    Taken,
    /// It is broken.
    Broken,
}

struct Driver<M, S> {
    socket: WebSocket,
    machine: M,
    shell: S,
    clock: Clock,
    /// Whether the socket took the last message at once.
    writable: bool,
    /// Whether everything that was sent has left the buffers.
    flushed: bool,
}

impl<M, S> Driver<M, S>
where
    M: Machine<Text = String, Frame = Frame>,
    S: Shell<M>,
{
    async fn run(&mut self) -> End {
        let timer = sleep_until(self.clock.at(self.clock.now()));
        let mut timer = pin!(timer);
        loop {
            // Effects first: the machine is polled to `None` after whatever happened before.
            if let Some(end) = poll_fn(|context| Poll::Ready(self.carry_out(context))).await {
                return end;
            }
            let deadline = self.machine.deadline();
            if let Some(deadline) = deadline {
                let deadline = self.clock.at(deadline);
                if timer.deadline() != deadline {
                    timer.as_mut().reset(deadline);
                }
            }
            let room = self.shell.has_room(&self.machine);
            let (socket, blocked, flushed) = (&mut self.socket, !self.writable, self.flushed);
            tokio::select! {
                biased;
                // Input before time: whatever arrived meanwhile counts as heard.
                traffic = poll_fn(|context| poll_traffic(socket, blocked, flushed, room, context)) => {
                    if let Some(end) = self.take(traffic) {
                        return end;
                    }
                }
                command = self.shell.next_command(room) => {
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
        loop {
            let writable = match Pin::new(&mut self.socket).poll_ready(context) {
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(_)) => return Some(End::Broken),
                Poll::Pending => false,
            };
            if writable != self.writable {
                self.writable = writable;
                self.machine
                    .handle(Input::Writable(writable), self.clock.now());
            }
            match self.machine.poll() {
                Some(Output::Send { frame, .. }) => {
                    self.flushed = false;
                    if Pin::new(&mut self.socket)
                        .start_send(Message::Text(frame))
                        .is_err()
                    {
                        return Some(End::Broken);
                    }
                }
                Some(Output::Close { reason, .. }) => {
                    self.tell_rest();
                    return Some(End::Closing(reason));
                }
                Some(Output::Event(event)) => self.shell.event(&mut self.machine, event),
                // A server's connection never opens another.
                Some(Output::Connect { .. }) => {}
                None => return None,
            }
        }
    }

    fn take(&mut self, traffic: Traffic) -> Option<End> {
        let (input, end) = match traffic {
            Traffic::Received(message) => read(message)?,
            Traffic::Taken => {
                self.flushed |= self.writable;
                return None;
            }
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

/// Writes what is buffered, reads where there is room.
fn poll_traffic(
    socket: &mut WebSocket,
    blocked: bool,
    flushed: bool,
    room: bool,
    context: &mut Context<'_>,
) -> Poll<Traffic> {
    let mut socket = Pin::new(socket);
    if blocked || !flushed {
        let written = if blocked {
            socket.as_mut().poll_ready(context)
        } else {
            socket.as_mut().poll_flush(context)
        };
        match written {
            Poll::Ready(Ok(())) => return Poll::Ready(Traffic::Taken),
            Poll::Ready(Err(_)) => return Poll::Ready(Traffic::Broken),
            Poll::Pending => {}
        }
    }
    if room {
        socket.poll_next(context).map(Traffic::Received)
    } else {
        Poll::Pending
    }
}

/// What a message is to the machine, and whether it is the last one.
fn read(message: Option<Result<Message, axum::Error>>) -> Option<(Input<String>, Option<End>)> {
    Some(match message {
        Some(Ok(Message::Text(text))) => {
            let text = text.as_str().to_owned();
            (Input::Text { attempt: 0, text }, None)
        }
        Some(Ok(Message::Binary(_))) => (Input::Binary { attempt: 0 }, None),
        // Answered by the WebSocket layer.
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => return None,
        Some(Ok(Message::Close(frame))) => {
            let code = frame.map_or(NO_CODE, |frame| frame.code);
            (closed(code), Some(End::Left))
        }
        Some(Err(error)) if is_malformed(&error) => {
            (closed(MALFORMED.code), Some(End::Closing(MALFORMED)))
        }
        Some(Err(_)) | None => (closed(BROKEN), Some(End::Broken)),
    })
}

const fn closed(code: u16) -> Input<String> {
    Input::Closed { attempt: 0, code }
}

/// Whether it is the peer's message that is at fault, and not the network.
fn is_malformed(error: &axum::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<io::Error>() {
            return false;
        }
        cause = error.source();
    }
    true
}
