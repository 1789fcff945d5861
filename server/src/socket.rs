//! The driver: one machine, one WebSocket.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
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

/// Sizes the buffers of a socket that is about to be opened.
pub(crate) fn configure(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
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
pub(crate) async fn drive<M, S>(socket: WebSocket, machine: M, shell: S, clock: Clock)
where
    M: Machine<Text = String, Frame = Utf8Bytes>,
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
    M: Machine<Text = String, Frame = Utf8Bytes>,
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
        let input = match traffic {
            Traffic::Received(message) => read(message)?,
            Traffic::Taken => {
                self.flushed |= self.writable;
                return None;
            }
            Traffic::Broken => Input::Closed {
                attempt: 0,
                code: BROKEN,
            },
        };
        let end = match input {
            Input::Closed { code: BROKEN, .. } => Some(End::Broken),
            Input::Closed { .. } => Some(End::Left),
            _ => None,
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

fn read(message: Option<Result<Message, axum::Error>>) -> Option<Input<String>> {
    Some(match message {
        Some(Ok(Message::Text(text))) => Input::Text {
            attempt: 0,
            text: text.as_str().to_owned(),
        },
        Some(Ok(Message::Binary(_))) => Input::Binary { attempt: 0 },
        // Answered by the WebSocket layer.
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => return None,
        Some(Ok(Message::Close(frame))) => Input::Closed {
            attempt: 0,
            code: frame.map_or(1005, |frame| frame.code),
        },
        Some(Err(_)) | None => Input::Closed {
            attempt: 0,
            code: BROKEN,
        },
    })
}
