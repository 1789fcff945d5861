//! Replies to handshakes, connects and disconnects.

use alloc::{boxed::Box, string::String};

use super::{
    Client, ClientEvent, Ending, Exchange, Fault, Phase, Session,
    ext::Name,
    life::bit,
    receive::{is_session_unknown, wire},
};
use crate::{
    bayeux::{Field, Message, Meta, Reconnect},
    json::{Json, Key},
    reason::Reason,
    time::Instant,
};

const NAMELESS: Reason = Reason::protocol("the session that the server made has no clientId");

impl<J: Json> Client<J> {
    pub(super) fn take_handshake(
        &mut self,
        message: Message<J>,
        now: Instant,
    ) -> Result<(), Fault> {
        if self.has_session() || !self.awaits(&message) || self.closing.is_some() {
            return Ok(());
        }
        self.sync(&message, now);
        self.take_advice(&message);
        if message.successful() == Some(false) {
            self.take_refusal(message, now);
            return Ok(());
        }
        let client_id = message.client_id().ok_or(Fault::Closed(NAMELESS))?;
        let offered = self.offered(&message);
        let ext = message.ext();
        let member = |name: Name| name.of(ext.as_ref()?);
        let ack = member(Name::Ack).filter(|_| self.options.ack);
        let replay = member(Name::Replay);
        let batch = ack
            .as_ref()
            .and_then(|ack| Name::Batch.of(ack)?.as_integer());
        let is_enabled = |ack: &J| ack.as_bool() == Some(true);
        let acks = ack.is_some_and(|ack| {
            is_enabled(&ack) || Name::Enabled.of(&ack).is_some_and(|it| is_enabled(&it))
        });
        self.is_renewed = false;
        self.session = Some(Session {
            client_id: String::from(client_id.to_str()),
            offered,
            is_proven: false,
            is_connected: false,
            lost: None,
            is_used: false,
            has_gap: false,
            acks,
            batch: batch.unwrap_or_default(),
            replays: replay.is_some_and(|it| it.as_bool() == Some(true)),
        });
        if offered == 0 {
            self.end(Ending::NoTransport);
            return Ok(());
        }
        if self.first_way().is_none() {
            // What could not be opened is all that there is.
            self.failed = 0;
        }
        let way = self.first_way().unwrap_or(self.way);
        if self.advice.reconnect == Some(Reconnect::None) {
            self.end(Ending::Advice);
        } else if way == self.way {
            self.schedule(now + self.interval());
            self.restore();
            self.tell(ClientEvent::Status);
        } else {
            self.leave(Reason::NORMAL);
            self.end_under_way();
            self.way = way;
            self.connect(now);
        }
        Ok(())
    }

    /// The connection types in common with the server. One that does not say what it offers offers what it answered over.
    fn offered(&self, message: &Message<J>) -> u32 {
        let Some(names) = message.texts(Field::SupportedConnectionTypes) else {
            return bit(self.way);
        };
        let ways = self.options.connection_types.iter().enumerate();
        let common = ways.filter(|(_, way)| names.iter().any(|name| name.to_str() == way.name()));
        common.fold(0, |offered, (way, _)| offered | bit(way))
    }

    pub(super) fn take_connect(&mut self, message: Message<J>, now: Instant) {
        if !self.has_session() || !self.awaits(&message) || self.closing.is_some() {
            return;
        }
        self.sync(&message, now);
        self.take_advice(&message);
        self.last_connect = Some(message.clone());
        if message.successful() == Some(false) {
            return self.take_refusal(message, now);
        }
        self.tell_gap();
        self.is_renewed = false;
        let interval = self.interval();
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        open.connects = open.connects.saturating_add(1);
        open.exchange = Exchange::Due(now + interval);
        // The first one is answered at once, by whatever is about to break.
        let has_lasted = open.connects > 1;
        let mut has_changed = has_lasted && core::mem::take(&mut self.failures) > 0;
        if let Some(session) = &mut self.session {
            has_changed |= !core::mem::replace(&mut session.is_connected, true);
            session.lost = None;
            session.is_proven |= has_lasted;
            let batch = message
                .ext()
                .and_then(|ext| Name::Ack.of(&ext)?.as_integer());
            session.batch = session.batch.max(batch.unwrap_or_default());
        }
        if has_lasted {
            self.backoff.reset();
        }
        self.ever_connected = true;
        if has_changed {
            self.tell(ClientEvent::Status);
        }
        match message.advice().and_then(|advice| advice.reconnect) {
            Some(Reconnect::None) => self.end(Ending::Advice),
            Some(Reconnect::Handshake) => self.lose_session(now),
            Some(Reconnect::Retry) | None => {}
        }
    }

    /// The server refused the handshake or connect.
    fn take_refusal(&mut self, message: Message<J>, now: Instant) {
        if !self.is_renewed && self.wants_credentials(&message) {
            if let Phase::Open(open) = &mut self.phase {
                open.exchange = Exchange::Denied(Box::new(message));
            }
            self.ask_for_credentials(now);
        } else {
            self.follow_refusal(message, now);
        }
    }

    /// Does what the server advises after it refused the handshake or connect.
    pub(super) fn follow_refusal(&mut self, message: Message<J>, now: Instant) {
        let has_session = self.has_session();
        let is_lost = is_session_unknown(&message);
        let reconnect = message.advice().and_then(|advice| advice.reconnect);
        let meta = if has_session {
            Meta::Connect
        } else {
            Meta::Handshake
        };
        if let Some(session) = &mut self.session {
            session.is_connected = false;
            session.lost.get_or_insert(now);
        }
        if !(has_session && is_lost) {
            self.tell(ClientEvent::Refused {
                meta,
                reply: message,
            });
        }
        match reconnect {
            Some(Reconnect::None) => self.end(Ending::Advice),
            Some(Reconnect::Handshake) if has_session => self.lose_session(now),
            _ if has_session && is_lost => self.lose_session(now),
            _ => {
                let wait = self.fail();
                if self.is_enough() {
                    return self.end(Ending::GivenUp);
                }
                self.schedule(now + wait);
                self.tell(ClientEvent::Status);
            }
        }
    }

    pub(super) fn take_disconnect(&mut self, message: &Message<J>) {
        let id = wire(message);
        if let Some(closing) = &self.closing {
            if id.is_none_or(|id| id == closing.wire) {
                self.finish(Phase::Disconnected);
            }
        } else if id.is_none() && self.has_session() && message.successful() != Some(false) {
            // Nobody asked for it.
            self.end(Ending::Disconnected);
        }
    }

    /// Learns the server's time.
    fn sync(&mut self, message: &Message<J>, now: Instant) {
        if self.options.timesync
            && let Some(ext) = message.ext()
        {
            self.timesync.read(&ext, now);
        }
    }
}
