//! [`Session`]: what a client that shook hands has.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::time::Duration;

use super::{BrokerOptions, Caller, PeerId, Transport, TransportOptions, queue::Queue};
use crate::{
    bayeux::{Advice, Pattern, Reconnect, ext::timesync::Sync},
    json::{Object, Value},
    time::Instant,
};

/// What a client that shook hands has.
#[derive(Debug)]
pub(super) struct Session<F> {
    pub(super) client_id: Arc<str>,
    /// Who shook hands.
    pub(super) caller: Arc<Caller>,
    /// What it spoke through last.
    pub(super) transport: Transport,
    /// Where messages are pushed.
    pub(super) socket: Option<PeerId>,
    /// Where it shook hands.
    pub(super) origin: PeerId,
    /// The connect that is held.
    pub(super) connect: Option<Connect>,
    pub(super) queue: Queue<F>,
    /// Who has what is out of the queue.
    pub(super) lent_to: Option<PeerId>,
    pub(super) subscriptions: Vec<Pattern>,
    pub(super) attributes: Object,
    /// What differs for it, where something does: an idle session is small.
    pub(super) options: Option<Box<SessionOptions>>,
    /// Whether a connect was answered.
    pub(super) is_connected: bool,
    /// Whether the next reply to a connect carries advice.
    pub(super) needs_advice: bool,
    /// Whether the client acknowledges batches.
    pub(super) acknowledges: bool,
    /// Payloads of its own that are being carried out.
    pub(super) turns: u32,
    /// The server's batches that are open.
    pub(super) batches: u32,
    /// Since when a payload is being carried out.
    pub(super) busy_since: Option<Instant>,
    /// How long the client said that it waits before its next connect.
    pub(super) interval: Option<Duration>,
    /// When it is over; never, while a connect is held or looked at.
    pub(super) expires: Option<Instant>,
    /// When lazy messages have waited long enough.
    pub(super) lazy_due: Option<Instant>,
    /// When it last did something.
    pub(super) active: Instant,
    /// When it is looked at again, at the latest.
    pub(super) alarm: Option<Instant>,
    /// The last publish that met it.
    pub(super) mark: u64,
}

/// A connect that is held.
#[derive(Debug)]
pub(super) struct Connect {
    pub(super) peer: PeerId,
    pub(super) id: Option<Value>,
    pub(super) until: Instant,
    pub(super) sync: Option<Box<Sync>>,
    /// Whether it is held, and counts among those of its browser.
    pub(super) is_counted: bool,
}

/// What differs from the broker's options for one session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionOptions {
    /// What differs from the transport's.
    pub transport: TransportOptions,
    /// Whether the session does not hear of its own messages; default no.
    pub hides_own: bool,
}

impl<F> Session<F> {
    /// What differs for it from the broker's options.
    pub(super) fn own(&self) -> SessionOptions {
        self.options.as_deref().copied().unwrap_or_default()
    }

    /// Whether messages go with the replies to connects only.
    pub(super) fn is_connect_only(&self, options: &BrokerOptions) -> bool {
        self.acknowledges
            || self.own().transport.meta_connect_deliver_only
            || options.of(self.transport).meta_connect_deliver_only
    }

    /// Where messages are pushed, where they are.
    pub(super) fn pushes_to(&self, options: &BrokerOptions) -> Option<PeerId> {
        self.socket.filter(|_| !self.is_connect_only(options))
    }

    /// Whether nothing is sent for now.
    pub(super) const fn is_held_back(&self) -> bool {
        self.turns > 0 || self.batches > 0
    }

    pub(super) fn timeout(&self, options: &BrokerOptions) -> Duration {
        let own = self.own().transport.timeout;
        own.or(options.of(self.transport).timeout)
            .unwrap_or(options.timeout)
    }

    pub(super) fn interval(&self, options: &BrokerOptions) -> Duration {
        let own = self.own().transport.interval;
        own.or(options.of(self.transport).interval)
            .unwrap_or(options.interval)
    }

    fn max_interval(&self, options: &BrokerOptions) -> Duration {
        let own = self.own().transport.max_interval;
        own.or(options.of(self.transport).max_interval)
            .unwrap_or(options.max_interval)
    }

    /// Full advice: clients take the last one instead of all before it.
    pub(super) fn advice(&self, reconnect: Reconnect, options: &BrokerOptions) -> Advice {
        let max_interval = self.max_interval(options);
        Advice {
            reconnect: Some(reconnect),
            interval: Some(self.interval(options)),
            timeout: Some(self.timeout(options)),
            max_interval: options.handshake_reconnect.then_some(max_interval),
            multiple_clients: false,
        }
    }

    /// The client has to connect by then. Local sessions never have to, and neither has who is connecting.
    pub(super) fn start_expiry(&mut self, now: Instant, options: &BrokerOptions) {
        if self.transport == Transport::Local || self.connect.is_some() {
            return;
        }
        let interval = self.interval.unwrap_or_else(|| self.interval(options));
        let expires = now + interval + self.max_interval(options);
        self.expires = self.expires.max(Some(expires));
    }

    /// The client did something other than to connect: it lives a while longer.
    pub(super) fn extend(&mut self, now: Instant, options: &BrokerOptions) {
        let later = now + self.max_interval(options);
        if let Some(expires) = &mut self.expires {
            *expires = later.max(*expires);
        }
    }

    /// When something has to be looked at.
    pub(super) fn due(&self, options: &BrokerOptions) -> Option<Instant> {
        let held = self.connect.as_ref().map(|connect| connect.until);
        let busy = self
            .busy_since
            .and_then(|since| Some(since + options.max_processing?));
        [held, self.expires, self.lazy_due, busy]
            .into_iter()
            .flatten()
            .min()
    }
}
