//! An open socket, as a client sees it.

use alloc::string::String;
use core::time::Duration;

use super::{ClientOptions, Fault};
use crate::{
    json::{Document, Json, Limits},
    juggler::{link::Link, message::ServerMessage},
    reason::Reason,
    time::Instant,
};

/// Levels of JSON around the values in a server's message.
const ENVELOPE_DEPTH: usize = 3;

/// One open socket, and what its messages made of the state so far.
#[derive(Debug)]
pub(super) struct Open<J: Json> {
    pub(super) since: Instant,
    /// When the mirror came in step.
    pub(super) synced: Option<Instant>,
    /// Whether the socket can take another message.
    pub(super) writable: bool,
    pub(super) link: Link<J::Text, String>,
    pub(super) document: Document<J>,
}

/// A message, and the text that it came in.
type Message<J> = (ServerMessage<J>, <J as Json>::Text);

impl<J: Json> Open<J> {
    pub(super) fn new(options: &ClientOptions, now: Instant) -> Self {
        Self {
            since: now,
            synced: None,
            writable: true,
            link: Link::new(options.assembly.clone(), options.keepalive.clone(), now),
            document: Document::new(options.state.clone()),
        }
    }

    /// Takes one WebSocket message; returns the message that it completes, and its text.
    pub(super) fn receive(
        &mut self,
        text: J::Text,
        limits: &Limits,
        now: Instant,
    ) -> Result<Option<Message<J>>, Fault> {
        let Some(text) = self.link.receive(text, now).map_err(Fault::Closed)? else {
            return Ok(None);
        };
        let mut limits = limits.clone();
        limits.depth += ENVELOPE_DEPTH;
        let message = J::parse(&text, &limits).map_err(|_| Fault::Closed(Reason::NOT_JSON))?;
        let message = ServerMessage::read(&message).map_err(Fault::Closed)?;
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
