//! [`Services`]: who handles what is sent to service channels.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use mirrorball_protocol::{
    bayeux::{Message, broker},
    json::{Value, to_value},
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Bayeux, Context, Session,
    template::{Parameters, Template},
};
use crate::RequestError;

/// A message to a service channel, as its handler gets it. A handle, to be cloned freely.
#[derive(Clone, Debug)]
pub struct Call {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bayeux: Bayeux,
    session: Option<Session>,
    context: Context,
    call: broker::Call,
    parameters: Parameters,
}

impl Call {
    fn new(bayeux: &Bayeux, context: &Context, call: broker::Call, parameters: Parameters) -> Self {
        let shared = Shared {
            bayeux: bayeux.clone(),
            session: call.session.map(|id| bayeux.session(id)),
            context: context.clone(),
            call,
            parameters,
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The service that it came to.
    #[must_use]
    pub fn bayeux(&self) -> &Bayeux {
        &self.shared.bayeux
    }

    /// Who sent it; `None` where the channel takes messages of clients without a session.
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        self.shared.session.as_ref()
    }

    /// What is known of where it came from.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.shared.context
    }

    /// Where it was sent to.
    #[must_use]
    pub fn channel(&self) -> &str {
        self.shared.call.channel.name()
    }

    /// What stands where the handler's name has `{name}`.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let mut all = self.shared.parameters.iter();
        all.find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The message as it came.
    #[must_use]
    pub fn message(&self) -> &Message<Value> {
        &self.shared.call.message
    }

    /// Sends the caller a message on the same channel. Returns whether the caller is still there.
    pub fn reply(&self, data: &Value) -> bool {
        let (call, hub) = (&self.shared.call, &self.shared.bayeux.service.hub);
        call.session.is_some_and(|session| {
            hub.with(|broker, now| broker.deliver(session, &call.channel, data, now))
        })
    }

    /// Answers it as a remote call is answered: the caller gets a message that repeats the channel and the `id`.
    /// Returns whether the caller is still there. Handlers' results are answers by themselves.
    pub fn answer(&self, result: Result<Value, Value>) -> bool {
        let hub = &self.shared.bayeux.service.hub;
        hub.with(|broker, now| broker.answer(&self.shared.call, result, now))
    }
}

type Handling = Pin<Box<dyn Future<Output = Result<Value, RequestError>> + Send>>;

/// Who handles what is sent to service channels.
#[derive(Default)]
pub(super) struct Services(Vec<Handler>);

struct Handler {
    template: Template,
    kind: Kind,
    handle: Handle,
}

pub(super) type Handle = Arc<dyn Fn(Call) -> Handling + Send + Sync>;

/// What becomes of a handler's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is sent to the caller as a message on the same channel, unless it is null.
    Service,
    /// It is the answer to a remote call.
    Remote,
}

impl Services {
    pub(super) fn add<H, T, O, R, E>(&mut self, name: &str, kind: Kind, handler: H)
    where
        H: Fn(Call, T) -> O + Send + Sync + 'static,
        T: DeserializeOwned + 'static,
        O: Future<Output = Result<R, E>> + Send + 'static,
        R: Serialize + 'static,
        E: Into<RequestError> + 'static,
    {
        self.add_raw(name, kind, move |call| {
            let data = call.message().data().unwrap_or_default();
            // By way of the text: it is what serde's formats all read, and was bounded when it came.
            let handling = match serde_json::from_str(&data.to_text()) {
                Ok(data) => Ok(handler(call, data)),
                Err(error) => Err(RequestError::unsuitable(call.channel(), &error)),
            };
            async move {
                let answer = handling?.await.map_err(Into::into)?;
                to_value(&answer).map_err(RequestError::new)
            }
        });
    }

    pub(super) fn add_raw<H, O>(&mut self, name: &str, kind: Kind, handler: H)
    where
        H: Fn(Call) -> O + Send + Sync + 'static,
        O: Future<Output = Result<Value, RequestError>> + Send + 'static,
    {
        let handler = Handler {
            template: Template::parse(name),
            kind,
            handle: Arc::new(move |call| Box::pin(handler(call))),
        };
        // One that names a channel goes before one that leaves a part of it open.
        let closed = self.0.partition_point(|it| !it.template.is_open());
        let place = if handler.template.is_open() {
            self.0.len()
        } else {
            closed
        };
        self.0.insert(place, handler);
    }

    /// The first handler of a channel, with the message as it gets it.
    pub(super) fn find(
        &self,
        bayeux: &Bayeux,
        context: &Context,
        call: broker::Call,
    ) -> Option<(Kind, Call, Handle)> {
        let (handler, parameters) = self.0.iter().find_map(|handler| {
            let parameters = handler.template.read(call.channel.name())?;
            Some((handler, parameters))
        })?;
        let call = Call::new(bayeux, context, call, parameters);
        Some((handler.kind, call, Arc::clone(&handler.handle)))
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list()
            .entries(self.0.iter().map(|handler| &handler.template))
            .finish()
    }
}
