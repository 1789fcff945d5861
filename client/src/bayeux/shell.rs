//! What stands between the machine and the handles.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use mirrorball_protocol::{
    bayeux::{
        self, Meta,
        client::{ClientEvent, Ending, Fault, Outcome, RequestId, State},
    },
    json::Value,
    time::Instant,
};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::{
    Error, Message, ServerError, Subscription,
    error::result,
    extension::{Auth, BoxError, BoxFuture},
    inbox::{Inbox, QueueId},
    requests::{Ask, Purpose, Reply},
    view::{Event, ServerTime, Status, View},
};
use crate::{
    ConnectionError,
    driver::{self, Clock},
    hub::Hub,
    lines::Route,
};

pub(super) type Machine = bayeux::Client<Value>;

/// What is said of a session that the server ended.
const ENDED: &str = "Connection closed by the server";

/// What the application wants of the client as a whole.
#[derive(Debug)]
pub(super) enum Control {
    Open(oneshot::Sender<Result<(), Error>>),
    Close(oneshot::Sender<()>),
    Reconnect,
    HandshakeExt(Option<String>),
}

/// Something that the application wants, or that came to its end beside the machine.
pub(super) enum Command {
    Ask(Vec<Ask>),
    Control(Control),
    /// Somebody does not wait for a reply any more.
    Abandon,
    /// There may be room for messages.
    Relieved,
    Authenticated(Result<(), BoxError>),
    /// Nobody has a handle any more.
    Leave,
}

pub(super) struct Shell {
    pub(super) asks: mpsc::Receiver<Vec<Ask>>,
    pub(super) controls: mpsc::Receiver<Control>,
    pub(super) abandoned: Arc<Notify>,
    pub(super) views: watch::Sender<View>,
    pub(super) hub: Arc<Hub<Event>>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) routes: Vec<Route>,
    pub(super) auth: Option<Arc<dyn Auth>>,
    pub(super) request_timeout: Option<Duration>,
    pub(super) send_queue_size: usize,
    pub(super) clock: Clock,
    pub(super) state: Progress,
}

/// What is under way.
#[derive(Default)]
pub(super) struct Progress {
    waiting: HashMap<RequestId, Asked>,
    /// Who waits for the client to open.
    opening: Option<oneshot::Sender<Result<(), Error>>>,
    /// Why it will not.
    refusal: Option<Error>,
    /// Who waits for it to close.
    closing: Vec<oneshot::Sender<()>>,
    authenticating: Option<BoxFuture<'static, Result<(), BoxError>>>,
    is_suspended: bool,
    /// Nobody has a handle any more.
    is_left: bool,
    /// Why the last attempt failed or its connection ended, where the machine does not know.
    noted: Option<ConnectionError>,
}

/// A request that has no end yet.
struct Asked {
    purpose: Purpose,
    channel: Arc<str>,
    refusal: &'static str,
    reply: Reply,
    /// What comes on a channel that is to be subscribed to.
    queue: Option<QueueId>,
}

impl driver::Shell<Machine> for Shell {
    type Command = Command;
    type Target = Route;

    fn event(&mut self, machine: &mut Machine, event: ClientEvent<Value>) {
        match event {
            ClientEvent::Status => self.show(machine),
            ClientEvent::Message {
                message,
                subscriptions,
            } => {
                let is_full = self.inbox.push(&Message(message.0), &subscriptions);
                if is_full && !self.state.is_suspended {
                    self.state.is_suspended = true;
                    machine.suspend(true, self.clock.now());
                }
            }
            ClientEvent::Reply { id, outcome } => {
                if let Some(asked) = self.state.waiting.remove(&id) {
                    self.finish(machine, asked, outcome);
                }
            }
            ClientEvent::Refused { meta, reply } => self.refused(machine, meta, Message(reply.0)),
            ClientEvent::Restored(channel) => {
                self.show_subscriptions(machine);
                self.hub.push(&Event::Restored(channel));
            }
            ClientEvent::Dropped { channel, reply } => {
                self.show_subscriptions(machine);
                let reply = Message(reply.0);
                let error = ServerError::new("Subscribe request failed.", Some(reply));
                self.inbox.end(&channel, Some(&error.clone().into()));
                self.hub.push(&Event::SubscriptionLost { channel, error });
            }
            ClientEvent::SessionLost => self.hub.push(&Event::SessionLost),
            ClientEvent::Gap => self.hub.push(&Event::Gap),
            ClientEvent::TransportChanged { from, to } => {
                let way = |at: usize| self.routes.get(at).map(|it| it.connection_type.clone());
                if let (Some(from), Some(to)) = (way(from), way(to)) {
                    self.hub.push(&Event::TransportChanged { from, to });
                }
            }
            ClientEvent::Authenticate => {
                self.state.authenticating = self.auth.clone().map(Auth::authenticate);
            }
            ClientEvent::Violation(fault) => {
                tracing::warn!(%fault, "the server broke the protocol");
                self.hub.push(&Event::Violation(fault.to_string()));
            }
            // Its status said so before.
            ClientEvent::Ended(_) => {}
        }
    }

    async fn next_command(&mut self, room: bool) -> Command {
        let authenticating = &mut self.state.authenticating;
        let authenticated = async {
            match authenticating {
                Some(future) => future.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            control = self.controls.recv(), if !self.state.is_left => {
                control.map_or(Command::Leave, Command::Control)
            }
            result = authenticated => Command::Authenticated(result),
            () = self.abandoned.notified() => Command::Abandon,
            () = self.inbox.relieved() => Command::Relieved,
            Some(asks) = self.asks.recv(), if room => Command::Ask(asks),
        }
    }

    fn carry_out(&mut self, machine: &mut Machine, command: Command, now: Instant) {
        match command {
            Command::Ask(asks) => {
                let together = asks.len() > 1;
                if together {
                    machine.begin_batch();
                }
                for ask in asks {
                    self.ask(machine, ask, now);
                }
                if together {
                    machine.end_batch(now);
                }
            }
            Command::Control(control) => self.control(machine, control, now),
            Command::Abandon => self.abandon(machine),
            Command::Relieved => {
                if self.state.is_suspended && !self.inbox.is_full() {
                    self.state.is_suspended = false;
                    machine.suspend(false, now);
                }
            }
            Command::Authenticated(result) => {
                self.state.authenticating = None;
                if let Err(error) = &result {
                    self.hub.push(&Event::NotAuthenticated(error.to_string()));
                }
                machine.authenticated(result.is_ok(), now);
            }
            Command::Leave => {
                self.state.is_left = true;
                machine.close(now);
            }
        }
    }

    fn has_room(&self, machine: &Machine) -> bool {
        machine.status().queued < self.send_queue_size
    }

    fn is_over(&self, machine: &Machine) -> bool {
        self.state.is_left && matches!(machine.status().state, State::Disconnected | State::Ended)
    }

    fn target(&self, index: usize) -> Option<Route> {
        self.routes.get(index).cloned()
    }

    fn denied(&mut self, machine: &mut Machine, number: u32, status: u16, now: Instant) {
        machine.denied(number, status, now);
    }

    fn note(&mut self, error: Option<ConnectionError>) {
        self.state.noted = error;
    }
}

impl Shell {
    fn ask(&mut self, machine: &mut Machine, ask: Ask, now: Instant) {
        if ask.reply.is_closed() {
            return;
        }
        match ask.hand_over(machine, self.request_timeout, now) {
            Ok(id) => {
                let refusal = ask.refusal();
                let is_listener = ask.purpose == Purpose::Subscribe;
                let queue = is_listener.then(|| self.inbox.listen(&ask.channel));
                let asked = Asked {
                    purpose: ask.purpose,
                    channel: ask.channel,
                    refusal,
                    reply: ask.reply,
                    queue,
                };
                self.state.waiting.insert(id, asked);
            }
            Err(error) => {
                let end = self.views.borrow().end.clone();
                let error = Error::from(error);
                ask.reply.fail(match end {
                    Some(end) if error == Error::Closed => end,
                    _ => error,
                });
            }
        }
    }

    /// Tells whoever asked what became of a request.
    fn finish(&mut self, machine: &Machine, asked: Asked, outcome: Outcome<Value>) {
        let is_done = matches!(outcome, Outcome::Done(_));
        let result = result(outcome, asked.refusal);
        if matches!(asked.purpose, Purpose::Subscribe | Purpose::Unsubscribe) {
            self.show_subscriptions(machine);
        }
        if asked.purpose == Purpose::Unsubscribe && is_done {
            self.inbox.end(&asked.channel, None);
        }
        // What is made of the queue here leaves it, where nobody takes it.
        let subscription = asked.queue.map(|id| {
            self.inbox.settle(id);
            Subscription {
                channel: asked.channel,
                inbox: Arc::clone(&self.inbox),
                id,
            }
        });
        match (asked.reply, subscription) {
            (Reply::Subscription(reply), Some(subscription)) => {
                // Whoever asked may be gone.
                let _ = reply.send(result.map(|_| subscription));
            }
            (Reply::Message(reply), _) => {
                let _ = reply.send(result);
            }
            (Reply::Subscription(_), None) => {}
        }
    }

    fn abandon(&mut self, machine: &mut Machine) {
        let inbox = &self.inbox;
        self.state.waiting.retain(|id, asked| {
            let is_gone = asked.reply.is_closed();
            if is_gone {
                machine.abandon(*id);
                if let Some(queue) = asked.queue {
                    inbox.leave(queue);
                }
            }
            !is_gone
        });
    }

    fn control(&mut self, machine: &mut Machine, control: Control, now: Instant) {
        match control {
            Control::Open(reply) => match machine.open(now) {
                Ok(()) => {
                    self.tell_time(machine, now);
                    self.inbox.clear();
                    self.state.opening = Some(reply);
                    self.state.refusal = None;
                }
                // Whoever asked may be gone.
                Err(error) => drop(reply.send(Err(error.into()))),
            },
            Control::Close(done) => {
                let is_first = self.state.closing.is_empty();
                self.state.closing.push(done);
                if is_first {
                    machine.close(now);
                }
                self.show(machine);
            }
            Control::Reconnect => machine.reconnect(now),
            Control::HandshakeExt(ext) => machine.set_handshake_ext(ext),
        }
    }

    /// The server refused a handshake or a connect: a client that never was open is not opened.
    fn refused(&mut self, machine: &mut Machine, meta: Meta, reply: Message) {
        let what = match meta {
            Meta::Handshake => "Handshake request failed.",
            _ => "Connect request failed.",
        };
        let error = ServerError::new(what, Some(reply));
        self.hub.push(&Event::Refused(error.clone()));
        if self.state.opening.is_some() && self.state.refusal.is_none() {
            self.state.refusal = Some(error.into());
            machine.close(self.clock.now());
        }
    }

    /// What is said once there is no further attempt.
    fn end(&self, machine: &Machine, ending: Ending) -> Error {
        let last = || machine.last_connect().map(|reply| Message(reply.0.clone()));
        match ending {
            Ending::NoTransport => Error::NoConnectionType,
            Ending::GivenUp => self
                .last_error(machine)
                .map_or(Error::Closed, Error::Connection),
            Ending::Advice | Ending::Disconnected => ServerError::new(ENDED, last()).into(),
        }
    }

    fn last_error(&self, machine: &Machine) -> Option<ConnectionError> {
        let fault = machine.status().last_fault?;
        Some(match (fault, &self.state.noted) {
            (Fault::Lost(_), Some(noted)) => noted.clone(),
            (fault, _) => fault.into(),
        })
    }

    /// Shows the handles what the machine has.
    fn show(&mut self, machine: &Machine) {
        let status = machine.status();
        let shown = Status {
            state: status.state,
            retries: status.retries,
            next_retry: status
                .next_retry
                .and_then(|moment| self.clock.at(moment))
                .map(tokio::time::Instant::into_std),
            ever_connected: status.ever_connected,
            in_flight: status.in_flight,
            queued: status.queued,
            last_error: self.last_error(machine),
        };
        let is_over = shown.is_over();
        let is_connected = shown.state == State::Connected;
        let end = status.ending.map(|ending| self.end(machine, ending));
        self.views.send_modify(|view| {
            view.status = shown;
            view.is_open = !is_over && (view.is_open || is_connected);
            view.connection_type = machine.connection_type().cloned();
            if view.client_id.as_deref() != machine.client_id() {
                view.client_id = machine.client_id().map(Arc::from);
            }
            view.time = ServerTime {
                offset: machine.time_offset(),
                lag: machine.network_lag(),
            };
            view.end = end;
        });
        if is_connected && let Some(opening) = self.state.opening.take() {
            // Whoever asked may be gone.
            let _ = opening.send(Ok(()));
        }
        if is_over {
            self.show_subscriptions(machine);
            self.rest();
        }
    }

    fn show_subscriptions(&self, machine: &Machine) {
        let subscriptions = Arc::new(machine.subscriptions().cloned().collect());
        self.views
            .send_modify(|view| view.subscriptions = subscriptions);
    }

    /// Nothing happens until the client is opened.
    fn rest(&mut self) {
        let end = self.views.borrow().end.clone();
        self.state.authenticating = None;
        self.inbox.end_all(end.as_ref());
        for done in self.state.closing.drain(..) {
            let _ = done.send(());
        }
        if let Some(opening) = self.state.opening.take() {
            let refusal = self.state.refusal.take();
            let _ = opening.send(Err(refusal.or(end).unwrap_or(Error::Closed)));
        }
    }

    fn tell_time(&self, machine: &mut Machine, now: Instant) {
        if let Ok(since) = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            machine.set_wall_clock(since, now);
        }
    }
}

impl Drop for Shell {
    /// However the task ends, whoever listens is told.
    fn drop(&mut self) {
        self.inbox.end_all(None);
        self.hub.end();
    }
}
