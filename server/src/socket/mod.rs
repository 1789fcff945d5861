//! The WebSocket layer: RFC 6455 and RFC 7692, a server's end, and the driver of a machine over it.
//!
//! | module | what it knows |
//! | --- | --- |
//! | `upgrade` | the handshake |
//! | `frame` | what is sent: encoded once, shared by all who send it |
//! | `reader` | bytes to messages |
//! | `writer` | frames to bytes, many in one call |
//! | `deflate` | compression without context |
//! | `driver` | one machine, one socket |

mod deflate;
mod driver;
mod frame;
mod reader;
#[cfg(all(test, feature = "autobahn"))]
#[expect(clippy::unwrap_used, reason = "in a test a panic is the report")]
mod tests;
mod upgrade;
mod writer;

use std::sync::Arc;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use mirrorball_protocol::juggler::budget::{Budget, Share};

pub(crate) use driver::{Clock, Shell, drive};
pub(crate) use frame::Frame;
pub(crate) use upgrade::accept;

use self::{reader::Reader, writer::Writer};

/// What bounds a socket, and whether it compresses.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Bytes of one message from a peer. A segment of 65,536 UTF-16 units, as `@hat-open/juggler` cuts them,
    /// is up to 196,609 bytes long.
    pub(crate) max_message_bytes: usize,
    /// What messages that are not whole yet may hold, all sockets together.
    pub(crate) budget: Arc<Budget>,
    /// Payloads of as many bytes are compressed, where the peer can; `None` for none.
    pub(crate) compress_from: Option<usize>,
}

impl Limits {
    /// `reassembly_total_bytes` are those of messages that are not whole yet, all sockets together.
    pub(crate) fn new(
        max_message_bytes: usize,
        reassembly_total_bytes: usize,
        compress_from: Option<usize>,
    ) -> Self {
        Self {
            max_message_bytes,
            budget: Arc::new(Budget::new(reassembly_total_bytes)),
            compress_from,
        }
    }
}

/// An open WebSocket, to be driven.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TokioIo<Upgraded>,
    reader: Reader,
    writer: Writer,
}

impl Socket {
    /// `compresses` where both ends agreed to.
    fn new(stream: Upgraded, limits: &Limits, compresses: bool) -> Self {
        let share = Share::new(Arc::clone(&limits.budget));
        Self {
            stream: TokioIo::new(stream),
            reader: Reader::new(limits.max_message_bytes, compresses, share),
            writer: Writer::new(limits.compress_from.filter(|_| compresses)),
        }
    }
}
