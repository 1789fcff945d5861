//! What is sent, and when.

use alloc::string::String;

use super::{
    Client, ConnectionType, Exchange, Frame, Kind, Phase, Purpose, Wait, requests::Pending,
};
use crate::{
    bayeux::{Advice, Batch, Members, Meta, ext::timestamp},
    json::Json,
    machine::Output,
    time::Instant,
};
use core::time::Duration;

/// The protocol's version.
const VERSION: &str = "1.0";

impl<J: Json> Client<J> {
    /// Sends whatever can be sent now.
    pub(super) fn advance(&mut self, now: Instant) {
        self.now = now;
        let Phase::Open(open) = &self.phase else {
            return;
        };
        if !open.is_writable {
            return;
        }
        let is_due = matches!(open.exchange, Exchange::Due(at) if at <= now);
        if let Some(closing) = &self.closing {
            if closing.wire == 0 {
                self.send_disconnect(now);
            }
            return;
        }
        match &self.session {
            None if is_due => self.send_handshake(now),
            None => {}
            Some(session) => {
                let waits = self.is_suspended && session.is_connected;
                self.send_requests(now);
                if is_due && !waits {
                    self.send_connect(now);
                }
            }
        }
    }

    fn send_handshake(&mut self, now: Instant) {
        let wire = self.next_wire();
        let mut batch = Batch::default();
        batch.message(|message| {
            self.write_head(message, Meta::Handshake.name(), wire, now);
            message.text("version", VERSION);
            message.text("minimumVersion", VERSION);
            let ways = self.options.connection_types.iter().enumerate();
            let ways = ways.filter(|(way, _)| self.failed & super::life::bit(*way) == 0);
            message.texts("supportedConnectionTypes", ways.map(|(_, way)| way.name()));
            let options = &self.options;
            self.write_ext(message, options.handshake_ext.as_deref(), now, &mut |ext| {
                if options.ack {
                    ext.flag("ack", true);
                }
                if options.replay.is_some() {
                    ext.flag("replay", true);
                }
            });
        });
        self.exchange(Kind::Handshake, batch, wire, Duration::ZERO, now);
    }

    fn send_connect(&mut self, now: Instant) {
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        let is_connected = self.session.as_ref().is_some_and(|it| it.is_connected);
        let is_hasty = core::mem::take(&mut open.is_hasty) || !is_connected;
        let wire = self.next_wire();
        let mut batch = Batch::default();
        batch.message(|message| {
            self.write_head(message, Meta::Connect.name(), wire, now);
            if let Some(way) = self.options.connection_types.get(self.way) {
                message.text("connectionType", way.name());
            }
            if is_hasty {
                let advice = Advice {
                    timeout: Some(Duration::ZERO),
                    ..Advice::default()
                };
                advice.write(message);
            }
            let batch = self
                .session
                .as_ref()
                .filter(|it| it.acks)
                .map(|it| it.batch);
            self.write_ext(message, None, now, &mut |ext| {
                if let Some(batch) = batch {
                    ext.integer("ack", batch);
                }
            });
        });
        let held = self.advice.timeout.filter(|_| !is_hasty);
        self.exchange(Kind::Connect, batch, wire, held.unwrap_or_default(), now);
    }

    /// Sends the handshake or connect, which the server may hold for so long.
    fn exchange(&mut self, kind: Kind, batch: Batch, wire: u64, held: Duration, now: Instant) {
        let payload = self.send(kind, batch);
        let until = now + held.saturating_add(self.options.max_network_delay);
        if let Phase::Open(open) = &mut self.phase {
            open.exchange = Exchange::Sent {
                wire,
                payload,
                until,
            };
        }
    }

    fn send_disconnect(&mut self, now: Instant) {
        let wire = self.next_wire();
        let mut batch = Batch::default();
        batch.message(|message| {
            self.write_head(message, Meta::Disconnect.name(), wire, now);
            self.write_ext(message, None, now, &mut |_| {});
        });
        let payload = self.send(Kind::Disconnect, batch);
        if let Some(closing) = &mut self.closing {
            closing.wire = wire;
            closing.payload = payload;
        }
    }

    /// Sends the requests whose turn it is, in as few payloads as they fit in.
    fn send_requests(&mut self, now: Instant) {
        while let Some(batch) = self.write_requests(now) {
            self.send(Kind::Other, batch);
        }
    }

    /// One payload of requests.
    fn write_requests(&mut self, now: Instant) -> Option<Batch> {
        let way = self.options.connection_types.get(self.way);
        let is_serial = self.options.auto_batch && way != Some(&ConnectionType::WebSocket);
        if is_serial && self.requests.iter().any(|it| it.wait == Wait::Reply) {
            return None;
        }
        // What they are written with is not theirs to change.
        let mut requests = core::mem::take(&mut self.requests);
        let mut batch = Batch::default();
        let mut count = 0;
        for pending in requests.iter_mut() {
            let is_held = self.batches > 0 && pending.purpose != Purpose::Restore;
            if pending.wait != Wait::Turn || is_held {
                continue;
            }
            let is_full = batch.len() + pending.size() > self.options.max_payload_size;
            if count >= self.options.max_batch.max(1) || count > 0 && is_full {
                break;
            }
            count += 1;
            pending.wait = Wait::Reply;
            pending.wire = self.next_wire();
            pending.payload = self.last_payload.wrapping_add(1);
            pending.session = self.session_number;
            pending.sent = now;
            batch.message(|message| self.write_request(message, pending, now));
            if pending.is_retried || !self.options.authenticates {
                pending.data = String::new();
            }
        }
        self.requests = requests;
        (count > 0).then_some(batch)
    }

    fn write_request(&self, message: &mut Members<'_>, pending: &Pending, now: Instant) {
        let ext = pending.ext.as_deref();
        let Some(meta) = pending.purpose.meta() else {
            self.write_head(message, &pending.channel, pending.wire, now);
            message.raw("data", &pending.data);
            if let Some(ext) = ext {
                message.object("ext", |own| own.members_of(ext));
            }
            return;
        };
        self.write_head(message, meta.name(), pending.wire, now);
        message.text("subscription", &pending.channel);
        let says_ids = match (&self.options.replay, &self.session) {
            (Some(replay), Some(session)) => replay.always || session.replays,
            _ => false,
        };
        self.write_ext(message, ext, now, &mut |ext| {
            if says_ids && meta == Meta::Subscribe {
                self.positions.write(ext, &pending.channel, pending.replay);
            }
        });
    }

    /// What all messages begin with.
    fn write_head(&self, message: &mut Members<'_>, channel: &str, wire: u64, now: Instant) {
        message.text("channel", channel);
        let mut id = String::new();
        crate::json::write_integer(wire.cast_signed(), &mut id);
        message.text("id", &id);
        if let Some(session) = &self.session {
            message.text("clientId", &session.client_id);
        }
        if self.options.timestamp
            && let Some(millis) = self.timesync.now(now)
        {
            message.text("timestamp", &timestamp::text(millis.unsigned_abs()));
        }
    }

    /// Writes what `own` writes into the `ext` of a message to a meta channel, and what else belongs there.
    fn write_ext(
        &self,
        message: &mut Members<'_>,
        given: Option<&str>,
        now: Instant,
        own: &mut dyn FnMut(&mut Members<'_>),
    ) {
        let mut text = String::new();
        Members::write(&mut text, |ext| {
            if let Some(given) = given {
                ext.members_of(given);
            }
            own(ext);
            if self.options.timesync {
                self.timesync.write(ext, now);
            }
        });
        if text != "{}" {
            message.raw("ext", &text);
        }
    }

    const fn next_wire(&mut self) -> u64 {
        self.last_wire += 1;
        self.last_wire
    }

    /// Hands a payload to the network; returns its number.
    fn send(&mut self, kind: Kind, batch: Batch) -> u32 {
        if let Some(session) = &mut self.session {
            session.is_used = true;
        }
        self.last_payload = self.last_payload.wrapping_add(1);
        self.outputs.push_back(Output::Send {
            attempt: self.attempt,
            frame: Frame {
                kind,
                payload: self.last_payload,
                text: batch.into_text(),
            },
        });
        self.last_payload
    }
}
