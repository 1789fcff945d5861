//! [`Conversation`]: one client over a WebSocket.

use std::{
    collections::VecDeque,
    future::{Future, pending},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use mirrorball_protocol::{
    Machine,
    bayeux::{
        BatchError,
        broker::{Delivery, Parcel},
        messages,
    },
    json::Value,
    machine::{Input, Output},
    reason::Reason,
    time::Instant,
};
use tokio::{sync::watch, time::sleep};

use super::{Service, hub::Slot, peer::Peer};
use crate::{
    closing::Progress,
    socket::{Frame, Shell, Socket, drive},
};

/// Messages of a client that are read ahead of the one that is being carried out.
const AHEAD: usize = 1;

const NO_BATCH: Reason = Reason::new(1008, "a batch of messages is an array of objects");
const TOO_MANY: Reason = Reason::new(1009, "there are too many messages in the batch");
const IDLE: Reason = Reason::new(1001, "nothing was heard for too long");

/// Serves one client until it is gone.
pub(super) fn serve(peer: Peer, socket: Socket) -> impl Future<Output = ()> + Send {
    let service = Arc::clone(&peer.service);
    let clock = service.hub.clock();
    let machine = Line {
        outputs: VecDeque::new(),
        heard: clock.now(),
        blocked: None,
        idle_timeout: service.options.idle_timeout,
        write_timeout: service.options.write_timeout,
    };
    let conversation = Conversation {
        exchange: None,
        ahead: VecDeque::new(),
        lent: Lent::Nothing,
        ending: None,
        closing: service.closing.subscribe(),
        goodbye: None,
        peer: Arc::new(peer),
        service,
    };
    drive(socket, machine, conversation, clock)
}

/// The machine of a socket: what it decides is when the other end was silent or slow for too long.
struct Line {
    outputs: VecDeque<Output<Frame, String>>,
    heard: Instant,
    /// Since when the socket has taken nothing.
    blocked: Option<Instant>,
    idle_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
}

impl Line {
    fn send(&mut self, frame: Frame) {
        self.outputs.push_back(Output::Send { attempt: 0, frame });
    }

    fn close(&mut self, reason: Reason) {
        self.outputs.push_back(Output::Close { attempt: 0, reason });
    }

    /// Whether everything is written.
    fn is_drained(&self) -> bool {
        self.outputs.is_empty() && self.blocked.is_none()
    }

    fn idle_at(&self) -> Option<Instant> {
        Some(self.heard + self.idle_timeout?)
    }

    fn slow_at(&self) -> Option<Instant> {
        Some(self.blocked? + self.write_timeout?)
    }
}

impl Machine for Line {
    type Text = String;
    type Frame = Frame;
    type Event = String;

    fn handle(&mut self, input: Input<String>, now: Instant) {
        match input {
            Input::Text { text, .. } => {
                self.heard = now;
                // A frame without text is a sign of life.
                if !text.trim_ascii().is_empty() {
                    self.outputs.push_back(Output::Event(text));
                }
            }
            Input::Binary { .. } => self.heard = now,
            Input::Writable(true) => self.blocked = None,
            Input::Writable(false) => self.blocked = self.blocked.or(Some(now)),
            Input::Tick => {
                if self.slow_at().is_some_and(|at| at <= now) {
                    self.close(Reason::SLOW);
                } else if self.idle_at().is_some_and(|at| at <= now) {
                    self.close(IDLE);
                }
            }
            Input::Opened { .. }
            | Input::Malformed { .. }
            | Input::Closed { .. }
            | Input::Online => {}
        }
    }

    fn poll(&mut self) -> Option<Output<Frame, String>> {
        self.outputs.pop_front()
    }

    fn deadline(&self) -> Option<Instant> {
        [self.idle_at(), self.slow_at()].into_iter().flatten().min()
    }
}

/// What became of the parcel that was collected last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lent {
    /// There is none.
    Nothing,
    /// It is on its way.
    Sent,
    /// It is written.
    Written,
}

struct Conversation {
    /// The payload that is being carried out.
    exchange: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Those that came behind it.
    ahead: VecDeque<String>,
    lent: Lent,
    /// Why to close the socket, once everything is written.
    ending: Option<Reason>,
    closing: watch::Receiver<Progress>,
    /// Runs while a server that closes has this client wait for its turn.
    goodbye: Option<Pin<Box<tokio::time::Sleep>>>,
    peer: Arc<Peer>,
    service: Arc<Service>,
}

/// What happens to a conversation besides its socket.
enum Happening {
    /// The payload is carried out.
    Exchanged,
    /// There may be something to send.
    Woken,
    /// Everything is written, and the connection is to end.
    Ended(Reason),
    /// The service closes.
    Closing,
}

impl Shell<Line> for Conversation {
    type Command = Happening;

    fn event(&mut self, machine: &mut Line, text: String) {
        self.ahead.push_back(text);
        self.go_on(machine);
    }

    async fn next_command(&mut self, room: bool) -> Happening {
        let Self {
            exchange,
            lent,
            ending,
            closing,
            goodbye,
            peer,
            ..
        } = self;
        if room {
            if let Some(reason) = ending {
                return Happening::Ended(*reason);
            }
            if *lent == Lent::Written {
                return Happening::Woken;
            }
        }
        let exchanged = async {
            match exchange {
                Some(exchange) => exchange.await,
                None => pending().await,
            }
        };
        let over = async {
            match goodbye {
                Some(goodbye) => goodbye.await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = exchanged => Happening::Exchanged,
            () = peer.wire.notified(), if room => Happening::Woken,
            () = over => Happening::Ended(Reason::RESTART),
            // The sender lives in the service, which this holds.
            Ok(()) = closing.changed() => Happening::Closing,
        }
    }

    fn carry_out(&mut self, machine: &mut Line, happening: Happening) {
        match happening {
            Happening::Exchanged => {
                self.exchange = None;
                self.go_on(machine);
            }
            Happening::Woken => self.collect(machine),
            Happening::Ended(reason) => machine.close(reason),
            Happening::Closing => match *self.closing.borrow_and_update() {
                Progress::Open => {}
                Progress::InTurn(turns) => {
                    let wait = self.service.closing.take_turn(turns);
                    self.goodbye = Some(Box::pin(sleep(wait)));
                }
                Progress::Now => machine.close(Reason::RESTART),
            },
        }
    }

    fn has_room(&self, machine: &Line) -> bool {
        machine.is_drained() && self.lent != Lent::Sent
    }

    fn wants_input(&self, _: &Line) -> bool {
        self.ahead.len() < AHEAD && self.ending.is_none()
    }

    fn settle(&mut self, machine: &Line) {
        if self.lent == Lent::Sent && machine.is_drained() {
            self.lent = Lent::Written;
        }
    }
}

impl Conversation {
    /// Begins with the next payload, unless one is being carried out.
    fn go_on(&mut self, machine: &mut Line) {
        if self.exchange.is_some() {
            return;
        }
        let Some(text) = self.ahead.pop_front() else {
            return;
        };
        let options = &self.service.options;
        let batch = match Value::parse(&text, &options.json) {
            Ok(batch) => batch,
            Err(_) => return machine.close(Reason::NOT_JSON),
        };
        match messages(batch, options.max_batch) {
            Ok(messages) => {
                let peer = Arc::clone(&self.peer);
                self.exchange = Some(Box::pin(async move {
                    peer.exchange(messages).await;
                }));
            }
            Err(BatchError::Long) => machine.close(TOO_MANY),
            Err(_) => machine.close(NO_BATCH),
        }
    }

    fn collect(&mut self, machine: &mut Line) {
        let parcel = match std::mem::replace(&mut self.lent, Lent::Nothing) {
            Lent::Written => self.peer.collect_after(),
            _ => self.peer.collect(),
        };
        if let Some(parcel) = parcel {
            self.ending = parcel.close;
            self.lent = Lent::Sent;
            send(machine, parcel, self.service.options.messages_per_frame);
        }
    }
}

/// Sends a parcel, with so many deliveries in one frame; 0 for all of them.
fn send(machine: &mut Line, parcel: Parcel<Slot>, messages_per_frame: usize) {
    if parcel.is_joined {
        return machine.send(parcel.joined().into());
    }
    if let Some(first) = parcel.first {
        machine.send(first.into());
    }
    match messages_per_frame {
        1 => {
            for delivery in &parcel.deliveries {
                machine.send(frame(delivery));
            }
        }
        0 => send_together(machine, &parcel.deliveries),
        most => {
            for deliveries in parcel.deliveries.chunks(most) {
                send_together(machine, deliveries);
            }
        }
    }
    if let Some(replies) = parcel.replies {
        machine.send(replies.into());
    }
}

fn send_together(machine: &mut Line, deliveries: &[Arc<Delivery<Slot>>]) {
    match deliveries {
        [] => {}
        [one] => machine.send(frame(one)),
        many => {
            let mut batch = mirrorball_protocol::bayeux::Batch::default();
            for delivery in many {
                batch.raw(delivery.message());
            }
            machine.send(batch.into_text().into());
        }
    }
}

/// The frame of a message, which is made by the first who sends it.
fn frame(delivery: &Delivery<Slot>) -> Frame {
    let make = || Frame::from(delivery.batch().to_owned());
    delivery.frame.get_or_init(make).clone()
}
