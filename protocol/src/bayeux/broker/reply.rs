//! [`Reply`]: what a request came to, as JSON.

use alloc::{string::String, sync::Arc};

use super::SessionId;
use crate::{
    bayeux::{
        Advice, Batch, Members,
        ext::{timestamp, timesync::Sync},
    },
    json::{Object, Value},
};

/// What a request came to. Whatever is not there is not said.
#[derive(Debug, Default)]
pub(super) struct Reply<'a> {
    pub(super) channel: Option<&'a str>,
    pub(super) id: Option<&'a Value>,
    /// What went wrong; where nothing is said, nothing did.
    pub(super) error: Option<&'a str>,
    pub(super) subscription: Option<&'a Value>,
    pub(super) advice: Option<Advice>,
    pub(super) greeting: Option<Greeting<'a>>,
    pub(super) ext: Option<&'a Object>,
    pub(super) ack: Option<Ack>,
    pub(super) sync: Option<&'a Sync>,
    pub(super) replays: bool,
    /// Milliseconds since 1970.
    pub(super) now: u64,
    /// Whether to say when it is.
    pub(super) is_stamped: bool,
}

/// What only replies to handshakes say.
#[derive(Debug)]
pub(super) struct Greeting<'a> {
    pub(super) client_id: Option<&'a str>,
    pub(super) connection_types: &'a [String],
    /// How many messages travel with it, where some may.
    pub(super) messages: Option<usize>,
}

/// What a reply says of batches.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ack {
    /// They are numbered.
    Enabled,
    /// They are numbered, and the one that goes with the handshake has this number.
    EnabledFrom(u64),
    /// The one that goes with this reply has this number.
    Batch(u64),
}

/// A handshake whose reply is written when its payload is finished.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) session: SessionId,
    pub(super) client_id: Arc<str>,
    pub(super) channel: Option<Arc<str>>,
    pub(super) id: Option<Value>,
    pub(super) ext: Object,
    pub(super) sync: Option<Sync>,
    pub(super) replays: bool,
}

impl Reply<'_> {
    pub(super) fn write(&self, replies: &mut Batch) {
        replies.message(|message| {
            if let Some(channel) = self.channel {
                message.text("channel", channel);
            }
            if let Some(id) = self.id {
                message.value("id", id);
            }
            message.flag("successful", self.error.is_none());
            if let Some(error) = self.error {
                message.text("error", error);
            }
            if let Some(greeting) = &self.greeting {
                greeting.write(message);
            }
            if let Some(subscription) = self.subscription {
                message.value("subscription", subscription);
            }
            if let Some(advice) = &self.advice {
                advice.write(message);
            }
            self.write_ext(message);
            if self.is_stamped {
                message.text("timestamp", &timestamp::text(self.now));
            }
        });
    }

    fn write_ext(&self, message: &mut Members<'_>) {
        let sync = self.sync.filter(|sync| sync.is_wanted());
        let own = self.ext.filter(|ext| !ext.is_empty());
        if self.ack.is_none() && sync.is_none() && own.is_none() && !self.replays {
            return;
        }
        let is_taken = |name: &str| match name {
            "ack" => self.ack.is_some(),
            "timesync" => sync.is_some(),
            "replay" => self.replays,
            _ => false,
        };
        message.object("ext", |ext| {
            match self.ack {
                Some(Ack::Enabled) => ext.flag("ack", true),
                Some(Ack::EnabledFrom(batch)) => ext.object("ack", |ack| {
                    ack.flag("enabled", true);
                    ack.integer("batch", i64::try_from(batch).unwrap_or(i64::MAX));
                }),
                Some(Ack::Batch(batch)) => {
                    ext.integer("ack", i64::try_from(batch).unwrap_or(i64::MAX));
                }
                None => {}
            }
            if let Some(sync) = sync {
                sync.write(ext, self.now);
            }
            if self.replays {
                ext.flag("replay", true);
            }
            for (name, value) in own.into_iter().flat_map(Object::iter) {
                if !is_taken(name) {
                    ext.value(name, value);
                }
            }
        });
    }
}

impl Greeting<'_> {
    fn write(&self, message: &mut Members<'_>) {
        if let Some(client_id) = self.client_id {
            message.text("clientId", client_id);
        }
        message.text("version", "1.0");
        message.text("minimumVersion", "1.0");
        let types = self.connection_types.iter().map(String::as_str);
        message.texts("supportedConnectionTypes", types);
        if let Some(messages) = self.messages {
            message.integer("x-messages", i64::try_from(messages).unwrap_or(i64::MAX));
        }
    }
}
