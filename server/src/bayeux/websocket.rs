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
    rate::Rate,
    reason::Reason,
    time::Instant,
};
use tokio::{sync::watch, time::sleep};

use super::{Service, hub::Slot, peer::Peer};
use crate::{
    closing::Progress,
    socket::{Frame, Shell, Socket, drive},
};

/// Places for frames that an idle connection keeps.
const KEPT: usize = 16;
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
        texts: VecDeque::new(),
        frames: VecDeque::new(),
        closing: None,
        heard: clock.now(),
        blocked: None,
        idle_timeout: service.options.idle_timeout,
        write_timeout: service.options.write_timeout,
        rate: service.options.max_inbound_rate.map(|rate| {
            let burst = service.options.max_inbound_burst;
            Rate::new(rate, burst, clock.now())
        }),
    };
    let conversation = Conversation {
        exchange: None,
        ahead: VecDeque::new(),
        is_lent: false,
        next: None,
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
    /// What came.
    texts: VecDeque<String>,
    /// What is to be sent, while the socket takes it.
    frames: VecDeque<Frame>,
    /// Why to close the socket.
    closing: Option<Reason>,
    heard: Instant,
    /// Since when the socket has taken nothing.
    blocked: Option<Instant>,
    idle_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    /// How fast the client may send.
    rate: Option<Rate>,
}

impl Line {
    fn send(&mut self, frame: Frame) {
        self.frames.push_back(frame);
    }

    fn close(&mut self, reason: Reason) {
        self.closing.get_or_insert(reason);
    }

    /// Whether everything is written.
    fn is_drained(&self) -> bool {
        self.frames.is_empty() && self.blocked.is_none()
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
                    self.texts.push_back(text);
                }
            }
            Input::Binary { .. } => self.heard = now,
            Input::Writable(true) => self.blocked = None,
            Input::Writable(false) => self.blocked = self.blocked.or(Some(now)),
            Input::Tick => {
                if let Some(rate) = &mut self.rate {
                    rate.tick(now);
                }
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
        if let Some(text) = self.texts.pop_front() {
            return Some(Output::Event(text));
        }
        if let Some(reason) = self.closing.take() {
            return Some(Output::Close { attempt: 0, reason });
        }
        let is_blocked = self.blocked.is_some();
        let frame = (!is_blocked).then(|| self.frames.pop_front()).flatten();
        if self.frames.is_empty() && self.frames.capacity() > KEPT {
            self.frames = VecDeque::new();
        }
        frame.map(|frame| Output::Send { attempt: 0, frame })
    }

    fn deadline(&self) -> Option<Instant> {
        let pause = self.rate.as_ref().and_then(Rate::pause);
        let times = [self.idle_at(), self.slow_at(), pause];
        times.into_iter().flatten().min()
    }
}

struct Conversation {
    /// The payload that is being carried out.
    exchange: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Those that came behind it.
    ahead: VecDeque<String>,
    /// Whether what was collected is on its way.
    is_lent: bool,
    /// What was collected behind it.
    next: Option<Parcel<Slot>>,
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
            next,
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
            if next.is_some() {
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
        machine.is_drained()
    }

    fn wants_input(&self, machine: &Line) -> bool {
        let is_fast = machine.rate.as_ref().and_then(Rate::pause).is_some();
        !is_fast && self.ahead.len() < AHEAD && self.ending.is_none()
    }

    fn settle(&mut self, machine: &Line) {
        // At once: should the connection break now, what is written is not sent again.
        if machine.is_drained() && std::mem::take(&mut self.is_lent) {
            self.next = self.peer.collect_after();
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
        let Ok(batch) = Value::parse(&text, &options.json) else {
            return machine.close(Reason::NOT_JSON);
        };
        match messages(batch, options.max_batch) {
            Ok(messages) => {
                if let Some(rate) = &mut machine.rate {
                    let now = self.service.hub.clock().now();
                    messages.iter().for_each(|_| rate.count(now));
                }
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
        if let Some(parcel) = self.next.take().or_else(|| self.peer.collect()) {
            self.ending = parcel.close;
            self.is_lent = true;
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
