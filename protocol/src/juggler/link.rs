//! What both ends of a socket do alike: segments in and out, pings, silence.

use alloc::{collections::VecDeque, string::String, sync::Arc};

use super::{
    budget::Budget,
    keepalive::{Keepalive, KeepaliveOptions},
    segment::{Assembler, AssemblyLimits, LATE, Received, Sealed, ping, pong},
};
use crate::{json::Text, reason::Reason, time::Instant};

/// One socket's traffic.
#[derive(Debug)]
pub(super) struct Link<T, F> {
    assembler: Assembler<T>,
    keepalive: Keepalive,
    /// The newest ping is answered; one that it overtook needs no answer of its own.
    pong: Option<F>,
    ping: bool,
    current: Option<(Sealed<F>, usize)>,
    queue: VecDeque<Sealed<F>>,
    /// Bytes in the queue.
    queued_bytes: usize,
    /// When the message that is half received is to be whole.
    whole_by: Option<Instant>,
}

impl<T: Text, F: From<String> + AsRef<[u8]> + Clone> Link<T, F> {
    pub(super) fn new(limits: AssemblyLimits, keepalive: KeepaliveOptions, now: Instant) -> Self {
        Self {
            assembler: Assembler::new(limits),
            keepalive: Keepalive::new(keepalive, now),
            pong: None,
            ping: false,
            current: None,
            queue: VecDeque::new(),
            queued_bytes: 0,
            whole_by: None,
        }
    }

    /// Takes what half a message holds off what all connections together may hold.
    pub(super) fn share(&mut self, budget: Arc<Budget>) {
        self.assembler.share(budget);
    }

    /// Takes one WebSocket message; returns the message that it completes.
    pub(super) fn receive(&mut self, segment: T, now: Instant) -> Result<Option<T>, Reason> {
        self.keepalive.hear(now);
        match self.assembler.receive(segment)? {
            Received::Message(message) => {
                self.whole_by = None;
                return Ok(Some(message));
            }
            Received::Ping(payload) => self.pong = Some(pong(&payload.to_str())),
            Received::Part if self.whole_by.is_none() => {
                self.whole_by = self.assembler.timeout().map(|timeout| now + timeout);
            }
            Received::Part | Received::Pong => {}
        }
        Ok(None)
    }

    pub(super) fn tick(&mut self, now: Instant) -> Result<(), Reason> {
        if self.whole_by.is_some_and(|whole_by| whole_by <= now) {
            return Err(LATE);
        }
        self.ping |= self.keepalive.tick(now)?;
        Ok(())
    }

    pub(super) fn probe(&mut self, now: Instant) {
        self.ping |= self.keepalive.probe(now);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let keepalive = self.keepalive.deadline();
        match (keepalive, self.whole_by) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        }
    }

    /// Queues a message behind all others.
    pub(super) fn send(&mut self, message: Sealed<F>) {
        self.queued_bytes += bytes(&message);
        self.queue.push_back(message);
    }

    /// Sends a message before all that are queued.
    pub(super) fn send_first(&mut self, message: Sealed<F>) {
        self.queued_bytes += bytes(&message);
        self.queue.push_front(message);
    }

    /// Messages that wait for their first segment to be sent.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Bytes of those messages.
    pub(super) const fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// Whether no message is half sent.
    pub(super) const fn is_between(&self) -> bool {
        self.current.is_none()
    }

    /// Whether a message is half received.
    pub(super) const fn is_amid(&self) -> bool {
        self.assembler.is_amid()
    }

    /// Takes the answer to a ping, or a ping: they go between any two segments.
    pub(super) fn poll_keepalive(&mut self) -> Option<F> {
        if let Some(pong) = self.pong.take() {
            return Some(pong);
        }
        core::mem::take(&mut self.ping).then(ping)
    }

    /// Takes the next segment of the message that is being sent, or of the next one.
    pub(super) fn poll_segment(&mut self) -> Option<F> {
        let (message, index) = match self.current.take() {
            Some(current) => current,
            None => {
                let message = self.queue.pop_front()?;
                self.queued_bytes -= bytes(&message);
                (message, 0)
            }
        };
        let segment = message.get(index).cloned();
        if index + 1 < message.len() {
            self.current = Some((message, index + 1));
        }
        segment
    }
}

fn bytes<F: AsRef<[u8]>>(message: &Sealed<F>) -> usize {
    message.iter().map(|segment| segment.as_ref().len()).sum()
}
