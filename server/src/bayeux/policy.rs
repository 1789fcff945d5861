//! [`Policy`]: who may shake hands, create channels, subscribe and publish.

use std::{borrow::Cow, fmt, future::Future, pin::Pin, sync::Arc};

use mirrorball_protocol::{
    bayeux::{Message, Reconnect},
    json::{Object, Value},
};

use super::{Context, Session};

/// What a client asks for.
#[derive(Clone, Debug)]
pub struct Request {
    context: Context,
    session: Option<Session>,
    channel: Arc<str>,
    message: Message<Value>,
}

impl Request {
    pub(super) const fn new(
        context: Context,
        session: Option<Session>,
        channel: Arc<str>,
        message: Message<Value>,
    ) -> Self {
        Self {
            context,
            session,
            channel,
            message,
        }
    }

    /// What is known of where it came from.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// The session that it belongs to; `None` for a handshake, which has none yet, and for who publishes without one.
    #[must_use]
    pub const fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// What is to be created, subscribed to (that may be a pattern) or published to; `/meta/handshake` for a handshake.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.channel
    }

    /// The message as it came.
    #[must_use]
    pub const fn message(&self) -> &Message<Value> {
        &self.message
    }

    /// A member of the message's `ext`, where clients put their credentials.
    #[must_use]
    pub fn ext(&self, name: &str) -> Option<Value> {
        self.message.ext()?.get(name).cloned()
    }
}

/// Why a client may not. The default is a denial without a reason of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Denial {
    reason: Option<Cow<'static, str>>,
    ext: Option<Value>,
    retry: bool,
}

impl Denial {
    /// A denial that the client is told this reason of: a word or a few, without colons or commas.
    #[must_use]
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason: Some(reason.into()),
            ..Self::default()
        }
    }

    pub(super) const fn of(reason: &'static str) -> Self {
        Self {
            reason: Some(Cow::Borrowed(reason)),
            ext: None,
            retry: false,
        }
    }

    /// The `ext` of the answer to a handshake.
    #[must_use]
    pub fn ext(mut self, ext: Value) -> Self {
        self.ext = Some(ext);
        self
    }

    /// Invites the client to shake hands again, with other credentials. By default it is told to stay away.
    #[must_use]
    pub const fn retry(mut self) -> Self {
        self.retry = true;
        self
    }

    /// The reason, as the client is told it.
    pub(super) fn reason(&self) -> &str {
        self.reason
            .as_deref()
            .unwrap_or("denied_by_security_policy")
    }

    pub(super) const fn answer(&self) -> Option<&Value> {
        self.ext.as_ref()
    }

    pub(super) const fn reconnect(&self) -> Reconnect {
        if self.retry {
            Reconnect::Handshake
        } else {
            Reconnect::None
        }
    }
}

impl From<&'static str> for Denial {
    fn from(reason: &'static str) -> Self {
        Self::new(reason)
    }
}

/// How a client is let in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Welcome {
    pub(super) ext: Option<Value>,
    pub(super) attributes: Object,
}

impl Welcome {
    /// The `ext` of the answer.
    #[must_use]
    pub fn ext(mut self, ext: Value) -> Self {
        self.ext = Some(ext);
        self
    }

    /// Notes something about the session: [`Session::attribute`].
    #[must_use]
    pub fn attribute(mut self, name: &str, value: Value) -> Self {
        self.attributes.insert(name, value);
        self
    }
}

impl From<()> for Welcome {
    fn from((): ()) -> Self {
        Self::default()
    }
}

type Answer<R> = Pin<Box<dyn Future<Output = Result<R, Denial>> + Send>>;
pub(super) type Ask<R> = Box<dyn Fn(Request) -> Answer<R> + Send + Sync>;

/// Who may do what; where nobody is asked, everybody may.
#[derive(Default)]
pub(super) struct Policy {
    pub(super) handshake: Option<Ask<Welcome>>,
    pub(super) create: Option<Ask<()>>,
    pub(super) subscribe: Option<Ask<()>>,
    pub(super) publish: Option<Ask<()>>,
}

/// A closure as it is kept.
pub(super) fn ask<H, O, R, W>(handler: H) -> Ask<R>
where
    H: Fn(Request) -> O + Send + Sync + 'static,
    O: Future<Output = Result<W, Denial>> + Send + 'static,
    W: Into<R> + 'static,
    R: 'static,
{
    Box::new(move |request| {
        let answer = handler(request);
        Box::pin(async move { answer.await.map(Into::into) })
    })
}

impl fmt::Debug for Policy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Policy").finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Request {
    /// A request about a channel, of nobody.
    pub(super) fn of_test(channel: &str) -> Self {
        Self::new(Context::local(), None, channel.into(), Message(Value::Null))
    }
}
