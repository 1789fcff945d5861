//! Requests without a response.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};

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

/// The requests in progress.
#[derive(Debug, Default)]
pub(super) struct Requests {
    last_id: i64,
    pending: BTreeMap<i64, Pending>,
    deadlines: BTreeSet<(Instant, i64)>,
}

#[derive(Debug)]
struct Pending {
    deadline: Option<Instant>,
    /// The message, while there was no connection yet to send it over.
    unsent: Option<Sealed<String>>,
}

impl Requests {
    pub(super) fn len(&self) -> usize {
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
        self.deadlines
            .extend(deadline.map(|deadline| (deadline, id)));
        self.pending.insert(id, Pending { deadline, unsent });
    }

    /// Whether there was such a request.
    pub(super) fn remove(&mut self, id: i64) -> bool {
        let Some(pending) = self.pending.remove(&id) else {
            return false;
        };
        if let Some(deadline) = pending.deadline {
            self.deadlines.remove(&(deadline, id));
        }
        true
    }

    /// The messages that wait for a connection, oldest first.
    pub(super) fn take_unsent(&mut self) -> impl Iterator<Item = Sealed<String>> {
        self.pending
            .values_mut()
            .filter_map(|pending| pending.unsent.take())
    }

    /// Removes the requests for which `end` has an outcome; it is told whether a request was never sent.
    pub(super) fn end<O>(&mut self, end: impl Fn(bool) -> Option<O>) -> Vec<(i64, O)> {
        let ended: Vec<(i64, O)> = self
            .pending
            .iter()
            .filter_map(|(id, pending)| Some((*id, end(pending.unsent.is_some())?)))
            .collect();
        for (id, _) in &ended {
            self.remove(*id);
        }
        ended
    }

    /// Removes and returns the requests whose time is up.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<i64> {
        let expired: Vec<i64> = self
            .deadlines
            .iter()
            .take_while(|(at, _)| *at <= now)
            .map(|(_, id)| *id)
            .collect();
        for id in &expired {
            self.remove(*id);
        }
        expired
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }
}
