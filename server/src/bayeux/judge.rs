//! What a service's application says to messages: policy, authorizers, listeners, handlers. All of it happens while
//! nothing is locked, for a bounded time, and a panic is a failure that the client is told nothing of.

use std::{future::Future, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use mirrorball_protocol::{
    bayeux::{
        Advice, Meta, Reach,
        broker::{self, Call, Place, Question, Verdict, Welcome},
    },
    json::{Object, Value},
};
use tokio::time::timeout;

use super::{
    Bayeux, Context, Denial, Operation, Request, Service, Session, policy::Ask, services::Kind,
    token::token,
};
use crate::RequestError;

/// What a client is told of a policy that panicked, or took too long.
const FAILED: Denial = Denial::of("policy_failed");
/// Why nobody subscribes to everything.
const EVERYTHING: Denial = Denial::of(broker::Denial::POLICY);

impl Service {
    /// Whether a message has to be [judged](Self::judge), or may whatever it asks for.
    pub(super) fn has_to_ask(&self, request: &broker::Request) -> bool {
        let (policy, authorizers) = (&self.policy, &self.authorizers);
        match request.question() {
            Question::Nothing => false,
            Question::Handshake => true,
            Question::Subscribe(places) => {
                policy.subscribe.is_some()
                    || policy.create.is_some()
                    || !authorizers.is_empty()
                    || places.iter().any(|place| is_everything(&place.name))
            }
            Question::Publish(place) => {
                policy.publish.is_some()
                    || policy.create.is_some()
                    || !authorizers.is_empty()
                    || self.listeners.hear(place.name.name())
            }
        }
    }

    /// Asks policy, authorizers and listeners about a message.
    pub(super) async fn judge(
        self: &Arc<Self>,
        context: &Context,
        request: &mut broker::Request,
    ) -> Verdict {
        let session = request.session();
        let asked = |channel: &str| {
            let session = session.map(|id| Session::new(Arc::clone(self), id));
            let message = request.message().clone();
            Request::new(context.clone(), session, channel.into(), message)
        };
        match request.question().clone() {
            Question::Nothing => Verdict::Granted,
            Question::Handshake => self.judge_handshake(asked(Meta::Handshake.name())).await,
            Question::Subscribe(places) => {
                for Place { name, is_new } in places {
                    let asked = asked(name.text());
                    if is_new && let Err(denial) = self.may_create(&asked).await {
                        return denied(broker::Denial::Create, &denial);
                    }
                    if let Err(denial) = self.may_subscribe(&asked, is_everything(&name)).await {
                        return denied(broker::Denial::Subscribe, &denial);
                    }
                }
                Verdict::Granted
            }
            Question::Publish(Place { name, is_new }) => {
                let asked = asked(name.name());
                if is_new && let Err(denial) = self.may_create(&asked).await {
                    return denied(broker::Denial::CreateToPublish, &denial);
                }
                if let Err(denial) = self.may_publish(&asked).await {
                    return denied(broker::Denial::Publish, &denial);
                }
                self.hear(&asked, request).await
            }
        }
    }

    async fn judge_handshake(&self, request: Request) -> Verdict {
        let welcome = match &self.policy.handshake {
            Some(policy) => match self.guard(|| policy(request)).await {
                Some(welcome) => welcome,
                None => return Verdict::Denied(broker::Denial::Failed),
            },
            None => Ok(super::Welcome::default()),
        };
        let welcome = match welcome {
            Ok(welcome) => welcome,
            Err(denial) => {
                return Verdict::Denied(broker::Denial::Handshake {
                    ext: object(denial.answer().cloned()),
                    advice: Advice {
                        reconnect: Some(denial.reconnect()),
                        ..Advice::default()
                    },
                });
            }
        };
        let Some(client_id) = token() else {
            tracing::error!("this system gives no random numbers: no session can begin");
            return Verdict::Denied(broker::Denial::Failed);
        };
        let mut opened = Welcome::new(client_id);
        opened.attributes = welcome.attributes;
        opened.ext = object(welcome.ext);
        Verdict::Welcome(opened)
    }

    async fn may_create(&self, request: &Request) -> Result<(), Denial> {
        self.ask(self.policy.create.as_ref(), request).await?;
        self.authorize(Operation::Create, request).map(drop)
    }

    async fn may_subscribe(&self, request: &Request, is_everything: bool) -> Result<(), Denial> {
        self.ask(self.policy.subscribe.as_ref(), request).await?;
        let is_granted = self.authorize(Operation::Subscribe, request)?;
        // Whoever hears everything hears what is said in private: somebody has to have said so.
        if is_everything && !is_granted && self.policy.subscribe.is_none() {
            return Err(EVERYTHING);
        }
        Ok(())
    }

    async fn may_publish(&self, request: &Request) -> Result<(), Denial> {
        self.ask(self.policy.publish.as_ref(), request).await?;
        self.authorize(Operation::Publish, request).map(drop)
    }

    async fn ask(&self, policy: Option<&Ask<()>>, request: &Request) -> Result<(), Denial> {
        match policy {
            Some(policy) => {
                let answer = self.guard(|| policy(request.clone())).await;
                answer.unwrap_or(Err(FAILED))
            }
            None => Ok(()),
        }
    }

    fn authorize(&self, operation: Operation, request: &Request) -> Result<bool, Denial> {
        let judge = AssertUnwindSafe(|| self.authorizers.judge(operation, request));
        std::panic::catch_unwind(judge).unwrap_or(Err(FAILED))
    }

    /// Has the listeners of a channel hear what was published there.
    async fn hear(&self, asked: &Request, request: &mut broker::Request) -> Verdict {
        for listener in self.listeners.of(asked.channel()) {
            let data = request.message().data().unwrap_or_default();
            match self.guard(|| listener(asked.clone(), data.clone())).await {
                Some(Some(heard)) if heard.is_same(&data) => {}
                Some(Some(heard)) => request.set_data(heard),
                Some(None) | None => return Verdict::Deleted,
            }
        }
        Verdict::Granted
    }

    /// Has the handler of a service channel run. A remote call is answered when it is done; everything else is done
    /// before the next message of the payload is looked at.
    pub(super) async fn serve(self: &Arc<Self>, context: &Context, call: Call) {
        let bayeux = Bayeux {
            service: Arc::clone(self),
        };
        let Some((kind, call, handle)) = self.services.find(&bayeux, context, call) else {
            return;
        };
        if kind == Kind::Service {
            let result = self.guard(|| handle(call.clone())).await;
            match result.unwrap_or_else(|| Err(RequestError::panicked())) {
                Ok(answer) if answer.is_null() => {}
                Ok(answer) => _ = call.reply(&answer),
                Err(error) => _ = call.answer(Err(error.data().clone())),
            }
            return;
        }
        let Ok(permit) = Arc::clone(&self.calls).try_acquire_owned() else {
            let busy = RequestError::with_code("busy", &"too many calls are not answered yet");
            call.answer(Err(busy.data().clone()));
            return;
        };
        let service = Arc::clone(self);
        tokio::spawn(async move {
            let result = service.guard(|| handle(call.clone())).await;
            let result = result.unwrap_or_else(|| Err(RequestError::panicked()));
            call.answer(result.map_err(|error| error.data().clone()));
            drop(permit);
        });
    }

    /// What the application answers; `None` where it panics or takes too long. What a panic says is for the log,
    /// where its hook writes it.
    async fn guard<O: Future>(&self, start: impl FnOnce() -> O) -> Option<O::Output> {
        let guarded = AssertUnwindSafe(async { start().await }).catch_unwind();
        match timeout(self.options.handler_timeout, guarded).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(_)) => {
                tracing::error!("a handler panicked");
                None
            }
            Err(_) => {
                tracing::warn!("a handler took too long and is dropped");
                None
            }
        }
    }
}

/// Whether somebody who subscribed to this hears everything.
fn is_everything(pattern: &mirrorball_protocol::bayeux::Pattern) -> bool {
    pattern.place().is_empty() && pattern.reach() == Reach::Descendants
}

fn denied(kind: fn(String) -> broker::Denial, denial: &Denial) -> Verdict {
    Verdict::Denied(kind(denial.reason().to_owned()))
}

fn object(value: Option<Value>) -> Object {
    match value {
        Some(Value::Object(object)) => object,
        _ => Object::default(),
    }
}
