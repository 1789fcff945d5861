//! Requests without a response.

use alloc::{string::String, vec::Vec};

use crate::{juggler::segment::Sealed, time::Instant};

/// How a request ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<J> {
    /// The server carried it out; this is its answer.
    Done(J),
    /// The server refused it, or failed at it; this is what it says.
    Refused(J),
    /// The connection was lost. Whether the server carried it out is unknown.
    Lost,
    /// There was no response in time. Whether the server carried it out is unknown.
    TimedOut,
    /// The application closed the client. Whether the server carried it out is unknown.
    Closed,
}

/// The requests in progress, oldest first: their ids rise, and there are few.
#[derive(Debug, Default)]
pub(super) struct Requests {
    last_id: i64,
    pending: Vec<Pending>,
}

#[derive(Debug)]
struct Pending {
    id: i64,
    deadline: Option<Instant>,
    /// The message, while there was no connection yet to send it over.
    unsent: Option<Sealed<String>>,
}

impl Requests {
    pub(super) const fn len(&self) -> usize {
        self.pending.len()
    }

    pub(super) const fn next_id(&mut self) -> i64 {
        // 53 bits last for 285 years at a million requests a second.
        self.last_id += 1;
        self.last_id
    }

    pub(super) fn insert(
        &mut self,
        id: i64,
        deadline: Option<Instant>,
        unsent: Option<Sealed<String>>,
    ) {
        self.pending.push(Pending {
            id,
            deadline,
            unsent,
        });
    }

    /// Whether there was such a request.
    pub(super) fn remove(&mut self, id: i64) -> bool {
        let found = self.pending.iter().position(|pending| pending.id == id);
        found.map(|index| self.pending.remove(index)).is_some()
    }

    /// The messages that wait for a connection, oldest first.
    pub(super) fn take_unsent(&mut self) -> impl Iterator<Item = Sealed<String>> {
        self.pending
            .iter_mut()
            .filter_map(|pending| pending.unsent.take())
    }

    /// Removes the requests for which `end` has an outcome; it is told whether a request was never sent.
    pub(super) fn end<O>(&mut self, end: impl Fn(bool) -> Option<O>) -> Vec<(i64, O)> {
        let mut ended = Vec::new();
        self.pending
            .retain(|pending| match end(pending.unsent.is_some()) {
                Some(outcome) => {
                    ended.push((pending.id, outcome));
                    false
                }
                None => true,
            });
        ended
    }

    /// Removes and returns the requests whose time is up.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<i64> {
        let mut expired = Vec::new();
        self.pending.retain(|pending| {
            let alive = pending.deadline.is_none_or(|deadline| deadline > now);
            if !alive {
                expired.push(pending.id);
            }
            alive
        });
        expired
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.pending
            .iter()
            .filter_map(|pending| pending.deadline)
            .min()
    }
}
