//! What goes wrong with requests and types.

use mirrorball_protocol::{
    json::Value,
    juggler::client::{Outcome, RequestError as Unsent},
};

use crate::Mismatch;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The server refused it, or failed at it; this is what it says, any JSON.
    #[error("the server refused the request: {0}")]
    Remote(Value),
    /// There is no connection just now. The request was not sent, and is not going to be.
    #[error("there is no connection: the request was not sent")]
    NotConnected,
    /// The connection was lost. Whether the server carried the request out is unknown.
    #[error(
        "the connection was lost before the answer came: the server may have carried the request out"
    )]
    ConnectionLost,
    /// There was no answer in time. Whether the server carried the request out is unknown.
    #[error("there was no answer in time: the server may have carried the request out")]
    Timeout,
    /// The client is closed, or has given up.
    #[error("the client is closed or has given up")]
    Closed,
    /// [`Builder::max_pending`](super::Builder::max_pending) requests are without an answer.
    #[error("too many requests are without an answer: wait for one of them")]
    Limit,
    /// The data has no JSON form, and was not sent; or the answer is of another type than was asked for.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
}

impl From<Unsent> for RequestError {
    fn from(unsent: Unsent) -> Self {
        match unsent {
            Unsent::Disconnected => Self::NotConnected,
            Unsent::Closed => Self::Closed,
            Unsent::Full => Self::Limit,
        }
    }
}

/// What a request came to.
pub(super) fn result(outcome: Outcome<Value>) -> Result<Value, RequestError> {
    match outcome {
        Outcome::Done(data) => Ok(data),
        Outcome::Refused(data) => Err(RequestError::Remote(data)),
        Outcome::Lost => Err(RequestError::ConnectionLost),
        Outcome::TimedOut => Err(RequestError::Timeout),
        Outcome::Closed => Err(RequestError::Closed),
    }
}
