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
    /// The message: of a request that waits for a connection, or may be sent again.
    message: Option<Sealed<String>>,
    /// Until when it may be sent again; `None` for never.
    until: Option<Instant>,
    wait: Wait,
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// The first connection.
    Connection,
    /// To be sent again.
    Repetition,
    /// The response.
    Response,
    /// The response, after it was sent again.
    LateResponse,
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

    /// A request that waits for the first connection.
    pub(super) fn queue(&mut self, id: i64, deadline: Option<Instant>, message: Sealed<String>) {
        self.pending.push(Pending {
            id,
            deadline,
            message: Some(message),
            until: None,
            wait: Wait::Connection,
        });
    }

    /// A request that was sent. Where there is an `until`, `message` may be sent again.
    pub(super) fn insert(
        &mut self,
        id: i64,
        deadline: Option<Instant>,
        message: Sealed<String>,
        until: Option<Instant>,
    ) {
        self.pending.push(Pending {
            id,
            deadline,
            message: until.map(|_| message),
            until,
            wait: Wait::Response,
        });
    }

    /// The connection is lost: what can be sent again waits for the next one.
    pub(super) fn hold(&mut self, now: Instant) {
        for pending in &mut self.pending {
            if pending.until.is_some_and(|until| until > now) {
                pending.wait = Wait::Repetition;
            }
        }
    }

    /// The messages of requests that wait for this, oldest first; from now on they wait for `next`.
    pub(super) fn take(&mut self, wait: Wait, next: Wait) -> impl Iterator<Item = Sealed<String>> {
        let taken = self.pending.iter_mut().filter(move |it| it.wait == wait);
        taken.filter_map(move |pending| {
            pending.wait = next;
            pending.message.clone()
        })
    }

    /// Whether the request was sent more than once; `None` where there is none.
    pub(super) fn remove(&mut self, id: i64) -> Option<bool> {
        let found = self.pending.iter().position(|pending| pending.id == id);
        found.map(|index| self.pending.remove(index).wait == Wait::LateResponse)
    }

    /// Removes the requests for which `end` has an outcome; it is told what each waits for.
    pub(super) fn end<O>(&mut self, end: impl Fn(Wait) -> Option<O>) -> Vec<(i64, O)> {
        let mut ended = Vec::new();
        self.pending.retain(|pending| {
            let outcome = end(pending.wait);
            let stays = outcome.is_none();
            ended.extend(outcome.map(|outcome| (pending.id, outcome)));
            stays
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
