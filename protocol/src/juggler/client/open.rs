//! An open socket, as a client sees it.

use alloc::string::String;
use core::time::Duration;

use super::{ClientOptions, Fault};
use crate::{
    json::{Json, Limits, Text},
    juggler::link::Link,
    reason::Reason,
    time::Instant,
};

/// Levels of JSON around the values in a server's message.
const ENVELOPE_DEPTH: usize = 3;

/// One open socket.
#[derive(Debug)]
pub(super) struct Open<T> {
    pub(super) since: Instant,
    /// Whether a state came.
    pub(super) has_begun: bool,
    /// When the mirror came in step.
    pub(super) synced: Option<Instant>,
    /// Whether the socket can take another message.
    pub(super) writable: bool,
    pub(super) link: Link<T, String>,
}

impl<T: Text> Open<T> {
    pub(super) fn new(options: &ClientOptions, now: Instant) -> Self {
        Self {
            since: now,
            has_begun: false,
            synced: None,
            writable: true,
            link: Link::new(options.assembly.clone(), options.keepalive.clone(), now),
        }
    }

    /// Takes one WebSocket message; returns the message that it completes, and its text.
    pub(super) fn receive<J: Json<Text = T>>(
        &mut self,
        text: T,
        limits: &Limits,
        now: Instant,
    ) -> Result<Option<(J, T)>, Fault> {
        let Some(text) = self.link.receive(text, now).map_err(Fault::Closed)? else {
            return Ok(None);
        };
        let mut limits = limits.clone();
        limits.depth += ENVELOPE_DEPTH;
        let message = J::parse(&text, &limits).map_err(|_| Fault::Closed(Reason::NOT_JSON))?;
        Ok(Some((message, text)))
    }

    /// What is to be sent next, as far as the socket takes it.
    pub(super) fn poll_frame(&mut self) -> Option<String> {
        if !self.writable {
            return None;
        }
        let keepalive = self.link.poll_keepalive();
        keepalive.or_else(|| self.link.poll_segment())
    }

    /// When silence about the state says that it is `null`: not while a message is on its way.
    pub(super) fn sync_deadline(&self, timeout: Duration) -> Option<Instant> {
        let waits = self.synced.is_none() && !self.link.is_amid();
        waits.then(|| self.since + timeout)
    }

    pub(super) fn deadline(&self, sync_timeout: Duration) -> Option<Instant> {
        let sync = self.sync_deadline(sync_timeout);
        [self.link.deadline(), sync].into_iter().flatten().min()
    }
}
