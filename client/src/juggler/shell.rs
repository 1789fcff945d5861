//! What stands between the machine and the handles.

use std::{collections::HashMap, sync::Arc, time::Duration};

use mirrorball_protocol::{
    json::Value,
    juggler::{
        self,
        client::{ClientEvent, Fault},
    },
    time::Instant,
};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::{
    error::{RequestError, result},
    notifications::Notification,
    view::{Status, View},
};
use crate::{
    Address, ConnectionError,
    driver::{self, Clock},
    hub::Hub,
};

type Machine = juggler::Client<Value>;
type Reply = oneshot::Sender<Result<Value, RequestError>>;

/// A request on its way to the machine.
#[derive(Debug)]
pub(super) struct Ask {
    /// What is asked, as `message::ask` writes it.
    pub(super) text: String,
    pub(super) is_keyed: bool,
    /// `None` for never.
    pub(super) deadline: Option<tokio::time::Instant>,
    pub(super) reply: Reply,
}

/// What the application wants of the connection: a level, so that wishes do not pile up.
#[derive(Clone, Debug)]
pub(super) struct Wishes {
    pub(super) addresses: Arc<[Address]>,
    /// Rises with each wish for another connection.
    pub(super) reconnects: u64,
    pub(super) close: bool,
}

/// Something that the application wants.
pub(super) enum Command {
    Ask(Ask),
    /// The wishes are others.
    Wish,
    /// Somebody does not wait for an answer any more.
    Abandon,
    /// Nobody has a handle any more.
    Close,
}

pub(super) struct Shell {
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) wishes: watch::Receiver<Wishes>,
    /// Those that were carried out.
    pub(super) granted: Wishes,
    pub(super) abandoned: Arc<Notify>,
    pub(super) views: watch::Sender<View>,
    pub(super) hub: Arc<Hub<Notification>>,
    pub(super) waiting: HashMap<i64, Reply>,
    pub(super) send_queue_size: usize,
    pub(super) clock: Clock,
    /// Why the last attempt failed or its connection ended, where the machine does not know.
    pub(super) noted: Option<ConnectionError>,
}

impl driver::Shell<Machine> for Shell {
    type Command = Command;
    type Target = Address;

    fn event(&mut self, machine: &mut Machine, event: ClientEvent<Value>) {
        match event {
            ClientEvent::Status => self.show(machine, false),
            ClientEvent::Change { .. } => self.show(machine, true),
            ClientEvent::Response { id, outcome } => {
                if let Some(reply) = self.waiting.remove(&id) {
                    // Whoever asked may be gone.
                    let _ = reply.send(result(outcome));
                }
            }
            ClientEvent::Notify { name, data } => {
                self.hub.push(&Notification::Message { name, data });
            }
            ClientEvent::Gap => self.hub.push(&Notification::Reconnected),
            ClientEvent::Violation(fault) => {
                tracing::warn!(%fault, "the server broke the protocol");
            }
        }
    }

    async fn next_command(&mut self, room: bool) -> Command {
        tokio::select! {
            changed = self.wishes.changed() => {
                if changed.is_ok() { Command::Wish } else { Command::Close }
            }
            () = self.abandoned.notified() => Command::Abandon,
            ask = self.asks.recv(), if room => ask.map_or(Command::Close, Command::Ask),
        }
    }

    fn carry_out(&mut self, machine: &mut Machine, command: Command, now: Instant) {
        match command {
            Command::Ask(ask) => self.ask(machine, ask, now),
            Command::Wish => self.grant(machine, now),
            Command::Abandon => self.waiting.retain(|id, reply| {
                let gone = reply.is_closed();
                if gone {
                    machine.abandon(*id);
                }
                !gone
            }),
            Command::Close => machine.close(),
        }
    }

    fn has_room(&self, machine: &Machine) -> bool {
        machine.queued() < self.send_queue_size
    }

    fn is_over(&self, _: &Machine) -> bool {
        self.views.borrow().status.is_over()
    }

    fn target(&self, index: usize) -> Option<Address> {
        self.granted.addresses.get(index).cloned()
    }

    fn note(&mut self, error: Option<ConnectionError>) {
        self.noted = error;
    }
}

impl Shell {
    fn ask(&mut self, machine: &mut Machine, ask: Ask, now: Instant) {
        if ask.reply.is_closed() {
            return;
        }
        let timeout = ask.deadline.map_or(Duration::MAX, |deadline| {
            deadline.saturating_duration_since(tokio::time::Instant::now())
        });
        match machine.request(&ask.text, ask.is_keyed, Some(timeout), now) {
            Ok(id) => {
                self.waiting.insert(id, ask.reply);
            }
            Err(unsent) => {
                // Whoever asked may be gone.
                let _ = ask.reply.send(Err(unsent.into()));
            }
        }
    }

    fn grant(&mut self, machine: &mut Machine, now: Instant) {
        let wishes = self.wishes.borrow_and_update().clone();
        let granted = std::mem::replace(&mut self.granted, wishes);
        if !Arc::ptr_eq(&granted.addresses, &self.granted.addresses) {
            machine.set_addresses(self.granted.addresses.len());
        }
        if self.granted.close {
            machine.close();
        } else if granted.reconnects != self.granted.reconnects {
            machine.reconnect(now);
        }
    }

    /// Shows the handles what the machine has.
    fn show(&mut self, machine: &mut Machine, changed: bool) {
        let (state, status) = (machine.state(), machine.status());
        let noted = || self.noted.clone();
        let last_error = status.last_fault.map(|fault| match fault {
            Fault::Lost(_) => noted().unwrap_or_else(|| fault.into()),
            fault => fault.into(),
        });
        let status = Status {
            state: status.state,
            retries: status.retries,
            next_retry: status
                .next_retry
                .and_then(|moment| self.clock.at(moment))
                .map(tokio::time::Instant::into_std),
            ever_connected: status.ever_connected,
            last_error,
        };
        self.views.send_modify(|view| {
            view.state = state;
            view.status = status;
            view.version += u64::from(changed);
        });
    }
}

impl Drop for Shell {
    /// However the task ends, whoever listens is told.
    fn drop(&mut self) {
        self.hub.end();
    }
}
