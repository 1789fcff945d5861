//! What a client's application is told.

use super::{Fault, Outcome};
use crate::json::Json;

/// What a client's application is told.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientEvent<J: Json> {
    /// [`Client::status`](super::Client::status) changed.
    Status,
    /// [`Client::state`](super::Client::state) changed.
    Change {
        /// Operations of the patch; zero where the state was found to be `null`.
        operations: usize,
        /// The length of the message.
        length: usize,
    },
    /// A request came to an end.
    Response {
        /// What [`Client::request`](super::Client::request) returned.
        id: i64,
        /// The end.
        outcome: Outcome<J>,
    },
    /// A notification.
    Notify {
        /// What it is about.
        name: J::Key,
        /// The message.
        data: J,
    },
    /// Connected again: notifications that were sent in between are lost.
    Gap,
    /// The server broke the protocol.
    Violation(Fault),
}

/// Why a request was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// There is no connection just now. It was not sent, and is not going to be.
    Disconnected,
    /// The client is closed or has given up.
    Closed,
    /// As many requests as [`ClientOptions::max_pending`](super::ClientOptions::max_pending) allows are without a response.
    Full,
}
