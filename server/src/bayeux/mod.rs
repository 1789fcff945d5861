//! Bayeux over axum: a service that clients of CometD and faye subscribe and publish at.

mod answer;
mod authorizers;
mod builder;
mod context;
mod cookie;
mod cors;
mod event;
mod form;
mod hub;
mod judge;
mod listeners;
mod local;
mod options;
mod peer;
mod policy;
mod polling;
mod routes;
mod services;
mod session;
mod template;
mod token;
mod websocket;

use std::{fmt, sync::Arc, time::Duration};

use axum::Router;
use mirrorball_protocol::{
    bayeux::broker::{ChannelOptions, SessionId},
    json::Value,
};
use tokio::sync::Semaphore;

pub use authorizers::{Authorization, Operation};
pub use builder::Builder;
pub use context::Context;
pub use cookie::{BrowserCookie, SameSite};
pub use event::{Event, Events};
pub use local::LocalSession;
pub use mirrorball_protocol::bayeux::{
    Channel, ChannelError, Message, Pattern,
    broker::{self, BrokerOptions},
};
pub use policy::{Denial, Request, Welcome};
pub use services::Call;
pub use session::{Session, SessionBatch};

use self::{
    authorizers::Authorizers, cors::Cors, hub::Hub, listeners::Listeners, options::Options,
    policy::Policy, services::Services,
};
use crate::{closing::Closing, socket};

/// A Bayeux service: channels, and the clients that subscribe and publish there, over WebSockets and long-polling.
///
/// A handle is one pointer. A [`Server`](crate::Server) serves it; or make an axum `Router` of it with
/// [`into_router`](Self::into_router):
///
/// ```
/// use mirrorball_server::{Bayeux, RequestError, Value};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let bayeux = Bayeux::builder()
///     .on_publish(|request| async move {
///         if request.channel().starts_with("/chat/") { Ok(()) } else { Err("only_chat".into()) }
///     })
///     .remote_call("double", |_call, n: i64| async move { Ok::<_, RequestError>(2 * n) })
///     .build();
/// let app: axum::Router = axum::Router::new().merge(bayeux.clone().into_router());
/// bayeux.publish("/chat/lobby", &Value::from("hello"))?;
/// # let _ = app;
/// # bayeux.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Bayeux {
    pub(self) service: Arc<Service>,
}

pub(crate) struct Service {
    hub: Hub,
    options: Options,
    cors: Cors,
    policy: Policy,
    authorizers: Authorizers,
    listeners: Listeners,
    services: Services,
    /// Remote calls that may be carried out at once.
    calls: Arc<Semaphore>,
    sockets: socket::Limits,
    closing: Closing,
}

impl Bayeux {
    /// A service that anybody may subscribe and publish at, with the options' defaults.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where clients connect.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.service.options.path
    }

    /// Publishes a message, without asking anybody.
    ///
    /// # Errors
    ///
    /// Where `channel` is none that can be published to.
    pub fn publish(&self, channel: &str, data: &Value) -> Result<(), ChannelError> {
        let channel = Channel::parse(channel)?;
        self.service
            .hub
            .with(|broker, now| broker.publish(None, &channel, data, now));
        Ok(())
    }

    /// The sessions that there are.
    #[must_use]
    pub fn sessions(&self) -> Vec<Session> {
        let ids: Vec<_> = self
            .service
            .hub
            .with(|broker, _| broker.sessions().collect());
        ids.into_iter().map(|id| self.session(id)).collect()
    }

    /// The session whose secret this is.
    #[must_use]
    pub fn find(&self, client_id: &str) -> Option<Session> {
        let id = self.service.hub.with(|broker, _| broker.find(client_id))?;
        Some(self.session(id))
    }

    /// A session's handle.
    #[must_use]
    pub fn session(&self, id: SessionId) -> Session {
        Session::new(Arc::clone(&self.service), id)
    }

    /// Who subscribed to exactly this.
    #[must_use]
    pub fn subscribers(&self, pattern: &Pattern) -> Vec<Session> {
        let ids: Vec<_> = self
            .service
            .hub
            .with(|broker, _| broker.subscribers(pattern).collect());
        ids.into_iter().map(|id| self.session(id)).collect()
    }

    /// The channels and patterns that exist.
    #[must_use]
    pub fn channels(&self) -> Vec<Pattern> {
        self.service
            .hub
            .with(|broker, _| broker.channels().cloned().collect())
    }

    /// Says what holds for the channels that a pattern matches. Returns whether it does: not where there are as many
    /// channels as there may be.
    pub fn configure(&self, pattern: &Pattern, options: ChannelOptions) -> bool {
        self.service
            .hub
            .with(|broker, _| broker.configure(pattern, options))
    }

    /// Removes a channel: who subscribed to it does not any more. Returns whether it was there.
    pub fn remove_channel(&self, pattern: &Pattern) -> bool {
        self.service
            .hub
            .with(|broker, _| broker.remove_channel(pattern))
    }

    /// What happens from now on to sessions, channels and queues.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(&self.service)
    }

    /// A client in this process; `None` where there are as many sessions as there may be, or this system gives no
    /// random numbers.
    #[must_use]
    pub fn local_session(&self) -> Option<LocalSession> {
        LocalSession::open(&self.service)
    }

    /// A client in this process that hears what matches `pattern`; as [`local_session`](Self::local_session).
    #[must_use]
    pub fn subscribe(&self, pattern: &Pattern) -> Option<LocalSession> {
        let session = self.local_session()?;
        session.session().subscribe(pattern).then_some(session)
    }

    /// The routes that clients connect to.
    ///
    /// A [`Server`](crate::Server) serves them. Within an app of your own, serve that with
    /// [`into_make_service_with_connect_info::<SocketAddr>()`][info] for [`Context::remote`] to be known. There, an
    /// answer counts as delivered once the app's server has taken it, and not only when it is written.
    ///
    /// [info]: axum::Router::into_make_service_with_connect_info
    pub fn into_router<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        routes::routes(&self.service)
    }

    /// Closes the service, and waits for its clients to be gone.
    ///
    /// From here on nothing is taken any more (503). Clients go one after another, over the
    /// [drain](Builder::drain), so that they do not all come back at once: in its turn, a connect that is held is
    /// answered, and a WebSocket is told that the service restarts (1012). Clients that are still there the
    /// [shutdown timeout](Builder::shutdown_timeout) after the last turn are told at once, and not waited for.
    pub async fn close(&self) {
        let drain = self.begin_closing();
        let patience = drain.saturating_add(self.service.options.shutdown_timeout);
        let gone = self.service.closing.finished();
        if tokio::time::timeout(patience, gone).await.is_err() {
            tracing::debug!("connections did not close in time");
            self.hasten_closing();
        }
    }

    /// Has clients go in turn, and returns how long it is to the last turn.
    pub(crate) fn begin_closing(&self) -> Duration {
        self.service.closing.begin()
    }

    /// Has clients go at once.
    pub(crate) fn hasten_closing(&self) {
        self.service.closing.hasten();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.hub.end();
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Service").finish_non_exhaustive()
    }
}

impl fmt::Debug for Bayeux {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Bayeux")
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}
