//! The requests of one connection: those that are handled, and those that wait.

use alloc::{collections::VecDeque, vec::Vec};

use super::ServerOptions;
use crate::{json::Value, juggler::message::Request};

/// Requests in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Requests {
    waiting: VecDeque<(Request<Value>, usize)>,
    /// The ids of those that are handled, with the bytes of their texts.
    running: Vec<(i64, usize)>,
    bytes: usize,
}

impl Requests {
    /// Queues a request whose text had this many bytes; gives it back where there are too many.
    pub(super) fn push(
        &mut self,
        request: Request<Value>,
        bytes: usize,
        options: &ServerOptions,
    ) -> Result<(), Request<Value>> {
        let count = self.waiting.len() + self.running.len();
        if count >= options.max_pending_requests || self.bytes + bytes > options.max_pending_bytes {
            return Err(request);
        }
        self.bytes += bytes;
        self.waiting.push_back((request, bytes));
        Ok(())
    }

    /// The next one to be handled. The empty name asks for an echo, which is answered at once and never runs.
    pub(super) fn next(&mut self, options: &ServerOptions) -> Option<Request<Value>> {
        if !options.parallel_requests && !self.running.is_empty() {
            return None;
        }
        let (request, bytes) = self.waiting.pop_front()?;
        if request.name.is_empty() {
            self.bytes -= bytes;
        } else {
            self.running.push((request.id, bytes));
        }
        Some(request)
    }

    /// One of those that are handled is answered.
    pub(super) fn end(&mut self, id: i64) {
        if let Some(at) = self.running.iter().position(|(running, _)| *running == id) {
            let (_, bytes) = self.running.swap_remove(at);
            self.bytes -= bytes;
        }
    }

    /// Forgets those that wait.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}
