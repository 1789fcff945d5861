//! One message on its way through the broker: what has to be asked, what was decided, what came of it.

use alloc::{string::String, sync::Arc, vec::Vec};

use super::SessionId;
use crate::{
    bayeux::{Advice, Channel, Message, Pattern},
    json::{Object, Value},
};

/// A message that was looked at: valid, of a living session, and with what the policy has to be asked.
///
/// The policy is asked about what was parsed, never about a text, and it is that what is carried out.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) message: Message<Value>,
    pub(super) session: Option<SessionId>,
    pub(super) question: Question,
    pub(super) kind: Kind,
    /// Milliseconds of the wall clock when it came.
    pub(super) received: u64,
}

impl Request {
    /// The message as it came.
    #[must_use]
    pub const fn message(&self) -> &Message<Value> {
        &self.message
    }

    /// The session that sends it; none before a handshake, and where a message is anonymous or refused.
    #[must_use]
    pub const fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// What the policy has to be asked.
    #[must_use]
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// Replaces the application's part, as a filter does.
    pub fn set_data(&mut self, data: Value) {
        if let Value::Object(message) = &mut self.message.0 {
            message.insert("data", data);
        }
    }
}

/// What the policy, the authorizers and the listeners of channels have to be asked about a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Nothing: it is refused already, or needs no leave.
    Nothing,
    /// May it shake hands? The answer is [`Verdict::Welcome`] or [`Verdict::Denied`].
    Handshake,
    /// May it subscribe to each of these? Service channels are not among them: nothing is subscribed there.
    Subscribe(Vec<Place<Pattern>>),
    /// May it publish?
    Publish(Place<Channel>),
}

/// Something that a question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<T> {
    /// The channel or pattern.
    pub name: T,
    /// Whether it does not exist yet, so that the question is also whether it may be created.
    pub is_new: bool,
}

/// What a message is, once it is parsed.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Refused(Refusal),
    Handshake,
    Connect,
    Disconnect,
    Subscribe(Vec<Pattern>),
    Unsubscribe(Vec<Pattern>),
    Publish(Channel),
}

/// Why a message is refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) error: String,
    pub(super) advice: Option<Advice>,
}

/// What was decided about a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It may, or nothing was asked.
    Granted,
    /// Its sender gets a session.
    Welcome(Welcome),
    /// It may not.
    Denied(Denial),
    /// A listener took it away: `404::message_deleted`.
    Deleted,
}

/// A new session.
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome {
    /// Its secret name: at least 128 bits from the operating system's generator, as printable ASCII.
    pub client_id: Arc<str>,
    /// What the reply's `ext` says besides what the broker's extensions say.
    pub ext: Object,
    /// What the application wants to know of the session, by name.
    pub attributes: Object,
}

impl Welcome {
    /// A session of this name.
    #[must_use]
    pub fn new(client_id: impl Into<Arc<str>>) -> Self {
        Self {
            client_id: client_id.into(),
            ext: Object::default(),
            attributes: Object::default(),
        }
    }
}

/// Why something may not be.
#[derive(Clone, Debug, PartialEq)]
pub enum Denial {
    /// The handshake: `403::handshake_denied`.
    Handshake {
        /// What the reply's `ext` says.
        ext: Object,
        /// What the client is to do; where it does not say, it is to stay away.
        advice: Advice,
    },
    /// Something failed while the handshake was looked at: `403::handshake_failed`.
    Failed,
    /// The channel may not be created by subscribing to it.
    Create(String),
    /// The channel may not be subscribed to.
    Subscribe(String),
    /// The channel may not be created by publishing to it.
    CreateToPublish(String),
    /// The channel may not be published to.
    Publish(String),
}

impl Denial {
    /// The reason that is given where the policy gives none.
    pub const POLICY: &'static str = "denied_by_security_policy";
    /// The reason that is given where there are authorizers and none of them granted.
    pub const NOT_GRANTED: &'static str = "denied_by_not_granting";
}

/// What a message came to, where the shell has to do something more. Its reply is written in any case.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Effect {
    /// Nothing more.
    Done,
    /// There is a new session.
    Opened(SessionId),
    /// The handlers of a service channel have to run.
    Service(Call),
}

/// A message to a service channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// Who sent it; nobody where it is anonymous.
    pub session: Option<SessionId>,
    /// Where to.
    pub channel: Channel,
    /// What an answer has to repeat.
    pub id: Option<Value>,
    /// All of it.
    pub message: Message<Value>,
}
