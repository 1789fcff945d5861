//! The requests of one connection: those that are handled, and those that wait.

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};

use super::ServerOptions;
use crate::{
    json::{Json, Value},
    juggler::{
        budget::{Cost, RequestBudget},
        message::Request,
    },
};

/// Requests in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Requests {
    waiting: VecDeque<(Request<Value>, Cost)>,
    /// The ids of those that are handled.
    running: Vec<(i64, Cost)>,
    /// What all of these hold.
    total: Cost,
    /// What those of all connections may hold; without it there is no such bound.
    budget: Option<Arc<RequestBudget>>,
}

impl Requests {
    /// Takes what requests hold off what those of all connections together may hold. To be called before there
    /// are any.
    pub(super) fn share(&mut self, budget: Arc<RequestBudget>) {
        self.budget = Some(budget);
    }

    /// Queues a request whose text had this many bytes; gives it back where there are too many.
    pub(super) fn push(
        &mut self,
        request: Request<Value>,
        bytes: usize,
        options: &ServerOptions,
    ) -> Result<(), Request<Value>> {
        let size = request.data.measure(&options.json);
        let cost = Cost {
            requests: 1,
            bytes,
            values: size.map_or(options.json.nodes, |size| size.nodes),
        };
        let most = Cost {
            requests: options.max_pending_requests,
            bytes: options.max_pending_bytes,
            values: options.max_pending_values,
        };
        let total = self.total.plus(cost);
        let budget = self.budget.as_ref();
        if !total.fits(most) || budget.is_some_and(|budget| !budget.take(cost)) {
            return Err(request);
        }
        self.total = total;
        self.waiting.push_back((request, cost));
        Ok(())
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.running.is_empty()
    }

    /// The next one to be handled. The empty name asks for an echo, which is answered at once and never runs.
    pub(super) fn next(&mut self, options: &ServerOptions) -> Option<Request<Value>> {
        if !options.parallel_requests && !self.running.is_empty() {
            return None;
        }
        let (request, cost) = self.waiting.pop_front()?;
        if request.name.is_empty() {
            self.release(cost);
        } else {
            self.running.push((request.id, cost));
        }
        Some(request)
    }

    /// One of those that are handled is answered.
    pub(super) fn end(&mut self, id: i64) {
        if let Some(at) = self.running.iter().position(|(running, _)| *running == id) {
            let (_, cost) = self.running.swap_remove(at);
            self.release(cost);
        }
    }

    /// Forgets those that wait.
    pub(super) fn clear(&mut self) {
        let waiting = self.waiting.drain(..);
        let forgotten = waiting.fold(Cost::default(), |sum, (_, cost)| sum.plus(cost));
        self.release(forgotten);
    }

    fn release(&mut self, cost: Cost) {
        self.total = self.total.minus(cost);
        if let Some(budget) = &self.budget {
            budget.give(cost);
        }
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.release(self.total);
    }
}
