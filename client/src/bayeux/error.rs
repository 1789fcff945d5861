//! What goes wrong, and whose fault it is.

use std::fmt;

use mirrorball_protocol::{
    bayeux::{
        ErrorText,
        channel::is_service,
        client::{CommandError, Outcome},
    },
    json::Value,
};

use super::Message;
use crate::{AddressError, ConnectionError, Mismatch};

/// What goes wrong with a client of Bayeux.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server offers none of the connection types that the client has.
    #[error("none of the connection types offered by the server are supported")]
    NoConnectionType,
    /// The client is open already.
    #[error("the client is open: close it before it is opened again")]
    Open,
    /// The client is closed; where something was to be received, nothing is left.
    #[error("the client is closed: open it first")]
    Closed,
    /// The request was not sent, for what it says itself.
    #[error("{0}")]
    Invalid(CommandError),
    /// The data has no JSON form, and was not sent; or what came is of another type than was asked for.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// There is no connection: why the last attempt failed.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// A connection type that nobody registered a transport for.
    #[error("there is no transport for the connection type `{0}`: register one")]
    NoTransport(String),
    /// The request was sent, and the connection lost before its reply came. Whether the server carried it out is unknown.
    #[error(
        "the connection was lost before the reply came: the server may have carried the request out"
    )]
    Unknown,
    /// There was no reply in time. Whether the server carried it out is unknown.
    #[error("there was no reply in time: the server may have carried the request out")]
    TimedOut,
    /// The request was not sent: there was no connection in time, or the client was closed.
    #[error("there was no connection: the request was not sent")]
    Unsent,
    /// The connection is lost for longer than [`Builder::connection_timeout`](super::Builder::connection_timeout). The client
    /// is open and goes on connecting.
    #[error("the connection with the server is lost")]
    Lost,
    /// The server refused, or ended the session.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// Nobody took the messages in time, and so many were dropped here.
    #[error("{0} messages were dropped, for nobody took them")]
    Missed(u64),
}

/// What kind of error it is, each below a wider one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Any.
    Any,
    /// The client's side.
    Client,
    /// The client's state does not allow it. Below [`Client`](Self::Client).
    ClientInvalidOperation,
    /// What carries the messages.
    Transport,
    /// The transport does not allow it. Below [`Transport`](Self::Transport).
    TransportInvalidOperation,
    /// The connection was not made again in time. Below [`Transport`](Self::Transport).
    TransportTimeout,
    /// The connection closed unexpectedly. Below [`Transport`](Self::Transport).
    TransportConnectionClosed,
    /// The server's side.
    Server,
}

impl ErrorKind {
    /// The wider kind that it belongs to.
    #[must_use]
    pub const fn parent(self) -> Option<Self> {
        match self {
            Self::Any => None,
            Self::Client | Self::Transport | Self::Server => Some(Self::Any),
            Self::ClientInvalidOperation => Some(Self::Client),
            Self::TransportInvalidOperation
            | Self::TransportTimeout
            | Self::TransportConnectionClosed => Some(Self::Transport),
        }
    }
}

impl Error {
    /// What kind of error it is, as narrow as can be said.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::NoConnectionType | Self::Mismatch(_) | Self::Missed(_) => ErrorKind::Client,
            Self::Open | Self::Closed | Self::Invalid(_) => ErrorKind::ClientInvalidOperation,
            Self::Connection(ConnectionError::Closed { .. }) | Self::Unknown => {
                ErrorKind::TransportConnectionClosed
            }
            Self::Connection(_) | Self::TimedOut => ErrorKind::Transport,
            Self::NoTransport(_) | Self::Unsent => ErrorKind::TransportInvalidOperation,
            Self::Lost => ErrorKind::TransportTimeout,
            Self::Server(_) => ErrorKind::Server,
        }
    }

    /// Whether it is of this kind, or of one below.
    #[must_use]
    pub fn is(&self, kind: ErrorKind) -> bool {
        let mut own = Some(self.kind());
        while let Some(narrow) = own {
            if narrow == kind {
                return true;
            }
            own = narrow.parent();
        }
        false
    }
}

impl From<AddressError> for Error {
    fn from(error: AddressError) -> Self {
        Self::Connection(error.into())
    }
}

impl From<CommandError> for Error {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Open => Self::Open,
            CommandError::Closed => Self::Closed,
            error => Self::Invalid(error),
        }
    }
}

/// What a server says where it refuses.
#[derive(Clone, PartialEq)]
pub struct ServerError {
    message: &'static str,
    response: Option<Message>,
}

impl ServerError {
    pub(super) const fn new(message: &'static str, response: Option<Message>) -> Self {
        Self { message, response }
    }

    /// What was refused.
    #[must_use]
    pub const fn message(&self) -> &'static str {
        self.message
    }

    /// The server's reply; `None` where it sent none, such as where HTTP refused the request.
    #[must_use]
    pub const fn response(&self) -> Option<&Message> {
        self.response.as_ref()
    }

    /// What the server says is wrong: `code:arguments:text`, or anything else.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.response.as_ref()?.text("error")
    }

    /// The three digits that [`error`](Self::error) begins with.
    #[must_use]
    pub fn error_code(&self) -> Option<u16> {
        self.parts()?.code()
    }

    /// What is between the first colon of [`error`](Self::error) and the last, cut at commas.
    #[must_use]
    pub fn error_args(&self) -> Option<Vec<&str>> {
        self.parts()?.arguments()
    }

    /// What is behind the last colon of [`error`](Self::error).
    #[must_use]
    pub fn error_message(&self) -> Option<&str> {
        self.parts()?.message()
    }

    fn parts(&self) -> Option<ErrorText<'_>> {
        self.error().map(ErrorText::new)
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.message)?;
        self.error()
            .map_or(Ok(()), |error| write!(out, " ({error})"))
    }
}

impl fmt::Debug for ServerError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ServerError")
            .field("message", &self.message)
            .field("response", &self.response)
            .finish()
    }
}

impl std::error::Error for ServerError {}

/// What is said of a message that says itself that it failed.
pub(super) fn failed(message: Message) -> ServerError {
    let what = if is_service(message.channel()) {
        "Service request failed."
    } else {
        "Publish request failed."
    };
    ServerError::new(what, Some(message))
}

/// What a request came to; where it was refused, it says `what`.
pub(super) fn result(outcome: Outcome<Value>, what: &'static str) -> Result<Message, Error> {
    match outcome {
        Outcome::Done(reply) => Ok(Message(reply.0)),
        Outcome::Refused(reply) => Err(ServerError::new(what, Some(Message(reply.0))).into()),
        Outcome::Unknown => Err(Error::Unknown),
        Outcome::TimedOut => Err(Error::TimedOut),
        Outcome::Unsent => Err(Error::Unsent),
    }
}
