//! [`LocalSession`]: a client in the server's process.

use std::{collections::VecDeque, sync::Arc};

use futures_util::{Stream, stream};
use mirrorball_protocol::{
    bayeux::{
        Message,
        broker::{Delivery, Transport, Welcome},
    },
    json::{Limits, Value},
};

use super::{Context, Service, Session, hub::Slot, peer::Peer, token::token};

/// A client in the server's process: it subscribes and publishes without asking anybody, and lasts until it is
/// dropped. What it does not take in time is bounded as any session's queue is.
pub struct LocalSession {
    session: Session,
    peer: Peer,
    /// What was collected, and is not taken yet.
    taken: VecDeque<Arc<Delivery<Slot>>>,
}

impl LocalSession {
    pub(super) fn open(service: &Arc<Service>) -> Option<Self> {
        let peer = Peer::attach(service, Context::local(), Transport::Local);
        let welcome = Welcome::new(token()?);
        let id = service
            .hub
            .with(|broker, now| broker.open_local(peer.id(), &welcome, now))?;
        Some(Self {
            session: Session::new(Arc::clone(service), id),
            peer,
            taken: VecDeque::new(),
        })
    }

    /// Its handle, to subscribe and publish by.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Waits for the next message; `None` once the session is over. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Message<Value>> {
        loop {
            while let Some(delivery) = self.taken.pop_front() {
                // What is sent is JSON.
                if let Ok(message) = Value::parse(delivery.message(), &Limits::default()) {
                    return Some(Message(message));
                }
            }
            if let Some(parcel) = self.peer.collect() {
                self.taken.extend(parcel.deliveries);
                self.peer.delivered();
                continue;
            }
            if !self.session.is_alive() {
                return None;
            }
            self.peer.wire.notified().await;
        }
    }

    /// Its messages as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Message<Value>> + Send {
        stream::unfold(self, |mut session| async {
            let message = session.next().await?;
            Some((message, session))
        })
    }
}

impl Drop for LocalSession {
    fn drop(&mut self) {
        self.session.disconnect();
    }
}

impl std::fmt::Debug for LocalSession {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("LocalSession")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
