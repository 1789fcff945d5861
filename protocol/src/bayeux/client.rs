//! A client's whole life.

mod event;
mod frame;
mod machine;
mod options;
mod status;

use alloc::{collections::VecDeque, string::String, sync::Arc};
use core::time::Duration;

pub use event::{ClientEvent, CommandError, Outcome};
pub use frame::{Frame, Kind};
pub use options::{ClientOptions, ConnectionType, Replay};
pub use status::{Ending, Fault, State, Status};

use crate::{
    bayeux::{Advice, Message},
    json::Json,
    machine::Output,
    time::Instant,
};

/// What tells a request from all others of its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(u64);

/// What a request may say besides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extras<'a> {
    /// The message's `ext`: a JSON object. What a subscription was made with goes with it when it is made again.
    pub ext: Option<&'a str>,
    /// Takes the place of [`ClientOptions::request_timeout`].
    pub timeout: Option<Duration>,
    /// Subscriptions: the replay id after which to begin; takes the place of the one that is remembered.
    pub replay: Option<i64>,
}

/// A client of a Bayeux server: one session after another, over one connection after another.
#[derive(Debug)]
pub struct Client<J: Json> {
    options: ClientOptions,
    outputs: VecDeque<Output<Frame, ClientEvent<J>>>,
}

impl<J: Json> Client<J> {
    /// A client that is not open yet.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        Self {
            options,
            outputs: VecDeque::new(),
        }
    }

    /// Makes a session and connects. Nothing is subscribed to; what was asked for before is forgotten.
    ///
    /// # Errors
    ///
    /// Where it is open.
    pub fn open(&mut self, _now: Instant) -> Result<(), CommandError> {
        Ok(())
    }

    /// Ends the session: tells the server, and waits for its reply for at most [`ClientOptions::disconnect_timeout`]. Asked
    /// once more it waits no longer.
    pub fn close(&mut self, _now: Instant) {}

    /// Publishes `data`, a JSON text, on a broadcast or service channel. While there is no session it waits for one.
    ///
    /// # Errors
    ///
    /// Where it is not sent, and never will be.
    pub fn publish(
        &mut self,
        _channel: &str,
        _data: &str,
        _extras: Extras<'_>,
        _now: Instant,
    ) -> Result<RequestId, CommandError> {
        Err(CommandError::Closed)
    }

    /// As [`publish`](Self::publish), on a service channel, and waits for the server's application to answer.
    ///
    /// # Errors
    ///
    /// Where it is not sent, and never will be.
    pub fn call(
        &mut self,
        _channel: &str,
        _data: &str,
        _extras: Extras<'_>,
        _now: Instant,
    ) -> Result<RequestId, CommandError> {
        Err(CommandError::Closed)
    }

    /// Subscribes to a channel or pattern. Who listens is the shell's business: this is one request to the server.
    ///
    /// # Errors
    ///
    /// Where it is not sent, and never will be.
    pub fn subscribe(
        &mut self,
        _channel: &str,
        _extras: Extras<'_>,
        _now: Instant,
    ) -> Result<RequestId, CommandError> {
        Err(CommandError::Closed)
    }

    /// Ends a subscription.
    ///
    /// # Errors
    ///
    /// Where it is not sent, and never will be.
    pub fn unsubscribe(
        &mut self,
        _channel: &str,
        _extras: Extras<'_>,
        _now: Instant,
    ) -> Result<RequestId, CommandError> {
        Err(CommandError::Closed)
    }

    /// Forgets a request: nobody waits for its end any more. Where it was not sent yet it never will be.
    pub fn abandon(&mut self, _id: RequestId) {}

    /// From here on requests wait, to go together once as many batches have ended as begun.
    pub const fn begin_batch(&mut self) {}

    /// Ends what [`begin_batch`](Self::begin_batch) began.
    pub fn end_batch(&mut self, _now: Instant) {}

    /// While suspended no further connect is sent: over long-polling, and with acknowledgements, the server sends no further
    /// messages then. Replies come all the same. The session ends if it lasts.
    pub fn suspend(&mut self, _suspended: bool, _now: Instant) {}

    /// The end of what [`ClientEvent::Authenticate`] began: whether there are other credentials. What was refused is sent once
    /// more, or stays refused.
    pub fn authenticated(&mut self, _renewed: bool, _now: Instant) {}

    /// A payload was answered with this HTTP status, 401 or 403, and was not looked at: all its messages are refused. The shell
    /// says this in place of `Input::Closed` where it knows the payload.
    pub fn denied(&mut self, _payload: u32, _status: u16, _now: Instant) {}

    /// The members of the `ext` of handshakes from now on, as a JSON object.
    pub fn set_handshake_ext(&mut self, ext: Option<String>) {
        self.options.handshake_ext = ext;
    }

    /// What a clock on the wall shows now: the time since 1970 in UTC. Timestamps and the server's time need it.
    pub const fn set_wall_clock(&mut self, _since_1970: Duration, _now: Instant) {}

    /// Leaves the connection, where there is one, and makes another at once, within the same session.
    pub fn reconnect(&mut self, _now: Instant) {}

    /// Where the client is in its life.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            state: State::Disconnected,
            connection_type: 0,
            retries: 0,
            next_retry: None,
            ever_connected: false,
            in_flight: 0,
            queued: 0,
            last_fault: None,
            ending: None,
        }
    }

    /// The way to the server that is in use, once there is a session.
    #[must_use]
    pub fn connection_type(&self) -> Option<&ConnectionType> {
        None
    }

    /// The session's name, while there is one.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        None
    }

    /// What is subscribed to, as the server said.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Arc<str>> {
        core::iter::empty()
    }

    /// What the server advises, over the defaults.
    #[must_use]
    pub const fn advice(&self) -> &Advice {
        &self.options.advice
    }

    /// The reply to the last connect: why a client has ended, mostly.
    #[must_use]
    pub const fn last_connect(&self) -> Option<&Message<J>> {
        None
    }

    /// How far the server's clock is ahead of the one on the wall, in milliseconds. Zero until the server said its time.
    #[must_use]
    pub const fn time_offset(&self) -> i64 {
        0
    }

    /// How long a message takes to the server, in milliseconds. Zero until the server said its time.
    #[must_use]
    pub const fn network_lag(&self) -> i64 {
        0
    }

    /// What the server's clock shows: the time since 1970 in UTC. `None` without a clock on the wall.
    #[must_use]
    pub fn server_time(&self, _now: Instant) -> Option<Duration> {
        None
    }
}
