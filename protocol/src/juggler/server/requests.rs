//! The requests of one connection: those that are handled, and those that wait.

use alloc::{collections::VecDeque, vec::Vec};

use super::ServerOptions;
use crate::{
    json::{Json, Value},
    juggler::message::Request,
};

/// Requests in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Requests {
    waiting: VecDeque<(Request<Value>, Cost)>,
    /// The ids of those that are handled.
    running: Vec<(i64, Cost)>,
    total: Cost,
}

/// What requests hold.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    /// Bytes of their texts.
    bytes: usize,
    /// Values in their data: small texts may be large values.
    values: usize,
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
        let size = request.data.measure(&options.json);
        let values = size.map_or(options.json.nodes, |size| size.nodes);
        let total = Cost {
            bytes: self.total.bytes + bytes,
            values: self.total.values + values,
        };
        if count >= options.max_pending_requests
            || total.bytes > options.max_pending_bytes
            || total.values > options.max_pending_values
        {
            return Err(request);
        }
        self.total = total;
        self.waiting.push_back((request, Cost { bytes, values }));
        Ok(())
    }

    /// The next one to be handled. The empty name asks for an echo, which is answered at once and never runs.
    pub(super) fn next(&mut self, options: &ServerOptions) -> Option<Request<Value>> {
        if !options.parallel_requests && !self.running.is_empty() {
            return None;
        }
        let (request, cost) = self.waiting.pop_front()?;
        if request.name.is_empty() {
            self.total.release(cost);
        } else {
            self.running.push((request.id, cost));
        }
        Some(request)
    }

    /// One of those that are handled is answered.
    pub(super) fn end(&mut self, id: i64) {
        if let Some(at) = self.running.iter().position(|(running, _)| *running == id) {
            let (_, cost) = self.running.swap_remove(at);
            self.total.release(cost);
        }
    }

    /// Forgets those that wait.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

impl Cost {
    const fn release(&mut self, cost: Self) {
        self.bytes -= cost.bytes;
        self.values -= cost.values;
    }
}
