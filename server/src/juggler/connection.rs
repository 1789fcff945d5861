//! [`Connection`]: the handle of one client's connection.

use std::sync::{Arc, Mutex, PoisonError};

use mirrorball_protocol::{
    json::Value,
    juggler::{message::notification, segment::Sealed},
    reason::Reason,
};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::{State, auth::Principal, proxies::Remote, socket::Frame};

/// Notifications that wait for the connection's task to take them.
const NOTES: usize = 16;

/// A client's connection. A handle: clone it freely, keep it as long as you like.
#[derive(Clone, Debug)]
pub struct Connection {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    id: u64,
    who: Who,
    state: State,
    max_segment_size: usize,
    notes: mpsc::Sender<Sealed<Frame>>,
    orders: Mutex<Orders>,
    ordered: Notify,
}

/// Who is at the other end, as far as the request said that opened the connection.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) remote: Option<Remote>,
    pub(super) principal: Option<Principal>,
}

/// The connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection is closed")]
pub struct Disconnected;

/// What a connection's task is to do, whether there is room for messages or not.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// Why to close it.
    pub(super) close: Option<Reason>,
    /// Who waits for the state to be handed out; each of them is a task of the application's.
    pub(super) flushes: Vec<oneshot::Sender<()>>,
    is_over: bool,
}

impl Connection {
    /// A handle, and where its notifications come out.
    pub(super) fn new(
        id: u64,
        who: Who,
        state: State,
        max_segment_size: usize,
    ) -> (Self, mpsc::Receiver<Sealed<Frame>>) {
        let (notes, receiver) = mpsc::channel(NOTES);
        let shared = Shared {
            id,
            who,
            state,
            max_segment_size,
            notes,
            orders: Mutex::default(),
            ordered: Notify::new(),
        };
        let connection = Self {
            shared: Arc::new(shared),
        };
        (connection, receiver)
    }

    /// A number that no other connection of this service has.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.shared.id
    }

    /// The client, as far as it is known: see [`Remote::of_request`].
    #[must_use]
    pub fn remote(&self) -> Option<Remote> {
        self.shared.who.remote
    }

    /// The user who opened the connection; `None` where nobody asked for a name and a password. It is the
    /// [`Principal`] extension of the request: [`htpasswd_file`](crate::server::Builder::htpasswd_file) sets it, and
    /// in an app of your own any layer may. A user who is taken off the file stays until the connection ends.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.shared.who.principal.as_ref()
    }

    /// The state that this connection mirrors: the service's, or its own where the service has none.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.shared.state
    }

    /// Sends what changed to this client at once, and waits until every change that was made before this call
    /// is handed to the transport.
    ///
    /// # Errors
    ///
    /// [`Disconnected`] where the connection closed before that.
    pub async fn flush(&self) -> Result<(), Disconnected> {
        let (done, flushed) = oneshot::channel();
        {
            let mut orders = self.orders();
            if orders.is_over {
                return Err(Disconnected);
            }
            // Those who gave up need no answer.
            orders.flushes.retain(|waiting| !waiting.is_closed());
            orders.flushes.push(done);
        }
        self.shared.ordered.notify_one();
        flushed.await.map_err(|_| Disconnected)
    }

    /// Sends a notification to this client. Waits while its send queue is full.
    ///
    /// # Errors
    ///
    /// [`Disconnected`].
    pub async fn notify(&self, name: &str, data: &Value) -> Result<(), Disconnected> {
        let message = notification(name, data).seal(self.shared.max_segment_size);
        let sent = self.shared.notes.send(message).await;
        sent.map_err(|_| Disconnected)
    }

    /// Closes the connection: code 1000, "done". What is not sent yet is not sent; [`flush`](Self::flush)
    /// before, where it has to be.
    pub fn close(&self) {
        self.close_with(Reason::NORMAL);
    }

    /// Closes the connection and says why. An application's own codes are 4000 to 4999.
    pub fn close_with(&self, reason: Reason) {
        self.orders().close.get_or_insert(reason);
        self.shared.ordered.notify_one();
    }

    /// Waits for the connection to be closed.
    pub async fn closed(&self) {
        self.shared.notes.closed().await;
    }

    fn orders(&self) -> std::sync::MutexGuard<'_, Orders> {
        let orders = self.shared.orders.lock();
        orders.unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for orders. Dropping the future loses nothing.
    pub(super) async fn ordered(&self) {
        self.shared.ordered.notified().await;
    }

    pub(super) fn take_orders(&self) -> Orders {
        std::mem::take(&mut *self.orders())
    }

    /// The connection is closed: nobody waits for it any more.
    pub(super) fn end(&self) {
        let mut orders = self.orders();
        orders.is_over = true;
        orders.flushes.clear();
    }
}
