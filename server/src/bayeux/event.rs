//! [`Event`]: what happens to sessions, channels and queues.

use std::sync::Arc;

use futures_util::{Stream, stream};
use mirrorball_protocol::bayeux::{
    Pattern,
    broker::{BrokerEvent, Cause},
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{Service, Session};

/// Something that happened to a session, a channel or a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A handshake was successful.
    SessionAdded(Session),
    /// A session is over.
    SessionRemoved(Session, Cause),
    /// Somebody subscribed to what nobody had subscribed to.
    ChannelAdded(Pattern),
    /// Nobody uses a channel any more.
    ChannelRemoved(Pattern),
    /// A session subscribed.
    Subscribed(Session, Pattern),
    /// A session ended a subscription, or ended with it.
    Unsubscribed(Session, Pattern),
    /// More waited for a session than may, and so many messages were lost.
    Overflowed(Session, usize),
    /// The last connection of a session is gone; what is for it waits.
    Detached(Session),
    /// A connect is held. Only with [detailed events](super::BrokerOptions::detailed_events), as those
    /// that follow.
    Suspended(Session),
    /// A held connect is answered.
    Resumed(Session),
    /// Something waits for a session for which nothing waited.
    Queued(Session),
    /// Nothing waits for a session any more.
    Drained(Session),
    /// A batch of messages was sent that is to be acknowledged.
    BatchSent(Session, u64),
    /// A client has this batch and all before it.
    BatchReceived(Session, u64),
    /// So many events were missed: whoever listens is too slow.
    Missed(u64),
}

impl Event {
    fn of(service: &Arc<Service>, event: BrokerEvent) -> Option<Self> {
        let of = |id| Session::new(Arc::clone(service), id);
        Some(match event {
            BrokerEvent::SessionAdded { session, .. } => Self::SessionAdded(of(session)),
            BrokerEvent::SessionRemoved { session, cause, .. } => {
                Self::SessionRemoved(of(session), cause)
            }
            BrokerEvent::ChannelAdded(pattern) => Self::ChannelAdded(pattern),
            BrokerEvent::ChannelRemoved(pattern) => Self::ChannelRemoved(pattern),
            BrokerEvent::Subscribed { session, pattern } => Self::Subscribed(of(session), pattern),
            BrokerEvent::Unsubscribed { session, pattern } => {
                Self::Unsubscribed(of(session), pattern)
            }
            BrokerEvent::Overflowed { session, lost } => Self::Overflowed(of(session), lost),
            BrokerEvent::Detached(session) => Self::Detached(of(session)),
            BrokerEvent::Suspended(session) => Self::Suspended(of(session)),
            BrokerEvent::Resumed(session) => Self::Resumed(of(session)),
            BrokerEvent::Queued(session) => Self::Queued(of(session)),
            BrokerEvent::Drained(session) => Self::Drained(of(session)),
            BrokerEvent::BatchSent { session, batch } => Self::BatchSent(of(session), batch),
            BrokerEvent::BatchReceived { session, batch } => {
                Self::BatchReceived(of(session), batch)
            }
            _ => return None,
        })
    }
}

/// What happens from now on. It does not keep the service alive by itself.
#[derive(Debug)]
pub struct Events {
    service: std::sync::Weak<Service>,
    receiver: Receiver<BrokerEvent>,
}

impl Events {
    pub(super) fn new(service: &Arc<Service>) -> Self {
        Self {
            service: Arc::downgrade(service),
            receiver: service.hub.listen(),
        }
    }

    /// Waits for the next; `None` once the service is gone. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => {
                    let service = self.service.upgrade()?;
                    if let Some(event) = Event::of(&service, event) {
                        return Some(event);
                    }
                }
                Err(RecvError::Lagged(count)) => return Some(Event::Missed(count)),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// The same as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Event> + Send {
        stream::unfold(self, |mut events| async {
            let event = events.next().await?;
            Some((event, events))
        })
    }
}
