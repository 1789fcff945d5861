//! [`Session`]: the handle of one client's session.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use mirrorball_protocol::{
    bayeux::{
        Channel, ChannelError, Pattern,
        broker::{SessionId, SessionOptions, Transport},
    },
    json::Value,
};

use super::Service;

/// A session. A handle: clone it freely, keep it as long as you like. What is done with one that is over does
/// nothing.
#[derive(Clone)]
pub struct Session {
    service: Arc<Service>,
    id: SessionId,
}

impl Session {
    pub(super) const fn new(service: Arc<Service>, id: SessionId) -> Self {
        Self { service, id }
    }

    /// What no other session of this service has.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// The secret by which the client names it; `None` once it is over. It is not to be told to others.
    #[must_use]
    pub fn client_id(&self) -> Option<Arc<str>> {
        self.service
            .hub
            .with(|broker, _| broker.client_id(self.id).cloned())
    }

    /// Whether it is not over.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.client_id().is_some()
    }

    /// Sends a message to this session alone, whether it subscribed or not. Returns whether the session is there.
    ///
    /// # Errors
    ///
    /// Where `channel` is none that can be published to.
    pub fn deliver(&self, channel: &str, data: &Value) -> Result<bool, ChannelError> {
        let channel = Channel::parse(channel)?;
        Ok(self
            .service
            .hub
            .with(|broker, now| broker.deliver(self.id, &channel, data, now)))
    }

    /// Publishes on behalf of this session, without asking anybody.
    ///
    /// # Errors
    ///
    /// Where `channel` is none that can be published to.
    pub fn publish(&self, channel: &str, data: &Value) -> Result<(), ChannelError> {
        let channel = Channel::parse(channel)?;
        self.service
            .hub
            .with(|broker, now| broker.publish(Some(self.id), &channel, data, now));
        Ok(())
    }

    /// Subscribes on behalf of this session, without asking anybody. Returns whether it is subscribed: not where it is
    /// over, or has as many subscriptions as one may have.
    #[must_use]
    pub fn subscribe(&self, pattern: &Pattern) -> bool {
        self.service
            .hub
            .with(|broker, now| broker.subscribe(self.id, pattern, now))
    }

    /// Ends a subscription. Returns whether there was one.
    pub fn unsubscribe(&self, pattern: &Pattern) -> bool {
        self.service
            .hub
            .with(|broker, _| broker.unsubscribe(self.id, pattern))
    }

    /// What it subscribed to.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<Pattern> {
        self.service
            .hub
            .with(|broker, _| broker.subscriptions(self.id).cloned().collect())
    }

    /// What it spoke through last; `None` once it is over.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.service.hub.with(|broker, _| broker.transport(self.id))
    }

    /// How many messages wait for it, those included that are on their way.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.service.hub.with(|broker, _| broker.queued(self.id))
    }

    /// Holds back what is for this session until what is returned is dropped, so that it travels together.
    #[must_use = "the batch ends when this is dropped"]
    pub fn batch(&self) -> SessionBatch {
        self.service
            .hub
            .with(|broker, _| broker.begin_batch(self.id));
        SessionBatch(self.clone())
    }

    /// What the application noted about it by this name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<Value> {
        self.service
            .hub
            .with(|broker, _| broker.attributes(self.id)?.get(name).cloned())
    }

    /// Notes something about it, for as long as it lasts; with `None` it is forgotten. Returns what was noted before.
    pub fn set_attribute(&self, name: &str, value: Option<Value>) -> Option<Value> {
        self.service.hub.with(|broker, _| {
            let attributes = broker.attributes_mut(self.id)?;
            match value {
                Some(value) => attributes.insert(name, value),
                None => attributes.remove(name),
            }
        })
    }

    /// Says what differs for it from the service's options.
    pub fn configure(&self, options: SessionOptions) {
        self.service
            .hub
            .with(|broker, _| broker.configure_session(self.id, options));
    }

    /// Ends it, and tells its client. Returns whether it was there.
    pub fn disconnect(&self) -> bool {
        self.service
            .hub
            .with(|broker, now| broker.disconnect(self.id, now))
    }
}

impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && Arc::ptr_eq(&self.service, &other.service)
    }
}

impl Eq for Session {}

impl Hash for Session {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Session").field(&self.id).finish()
    }
}

/// What is for a session is held back until this is dropped.
#[derive(Debug)]
#[must_use = "the batch ends when this is dropped"]
pub struct SessionBatch(Session);

impl Drop for SessionBatch {
    fn drop(&mut self) {
        let Session { service, id } = &self.0;
        service.hub.with(|broker, now| broker.end_batch(*id, now));
    }
}
