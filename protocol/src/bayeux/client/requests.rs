//! Requests without an end.

use alloc::{string::String, sync::Arc, vec::Vec};

use crate::{bayeux::Meta, time::Instant};

/// What tells a request from all others of its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(u64);

impl RequestId {
    /// The one that has this number.
    #[must_use]
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// Its number: they count from zero.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Publish,
    Call,
    Subscribe,
    Unsubscribe,
    /// To subscribe again, in a new session: the client's own wish.
    Restore,
}

impl Purpose {
    /// The meta channel that it goes to, where it goes to one.
    pub(super) const fn meta(self) -> Option<Meta> {
        match self {
            Self::Subscribe | Self::Restore => Some(Meta::Subscribe),
            Self::Unsubscribe => Some(Meta::Unsubscribe),
            Self::Publish | Self::Call => None,
        }
    }
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// To be sent.
    Turn,
    /// The reply.
    Reply,
    /// The result of a call whose publication the server acknowledged, or that nobody expects to be acknowledged any more.
    Result,
    /// Other credentials: the server refused it.
    Credentials,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) id: RequestId,
    pub(super) purpose: Purpose,
    pub(super) wait: Wait,
    /// Where it is published, or what is subscribed to.
    pub(super) channel: Arc<str>,
    /// What is published; nothing once it is sent and never will be again.
    pub(super) data: String,
    pub(super) ext: Option<String>,
    /// The replay id that was asked for.
    pub(super) replay: Option<i64>,
    /// It is sent for the second time, with other credentials or another replay id.
    pub(super) is_retried: bool,
    /// What it subscribes to is not wanted any more.
    pub(super) is_void: bool,
    /// Nobody waits for its end.
    pub(super) is_abandoned: bool,
    pub(super) deadline: Option<Instant>,
    /// What it is called on the wire; zero before it is sent.
    pub(super) wire: u64,
    pub(super) payload: u32,
    /// The session in which it was sent.
    pub(super) session: u32,
    pub(super) sent: Instant,
}

impl Pending {
    pub(super) const fn is_under_way(&self) -> bool {
        matches!(self.wait, Wait::Reply | Wait::Result)
    }

    /// Whether a message on this channel may be its reply.
    fn answers(&self, channel: &str) -> bool {
        match self.purpose.meta() {
            Some(meta) => channel == meta.name(),
            None => channel == &*self.channel,
        }
    }

    /// Bytes that it holds.
    pub(super) fn size(&self) -> usize {
        self.channel.len() + self.data.len() + self.ext.as_ref().map_or(0, String::len)
    }
}

/// Requests without an end, in the order in which they are sent.
#[derive(Debug, Default)]
pub(super) struct Requests {
    last_id: u64,
    all: Vec<Pending>,
}

impl Requests {
    pub(super) const fn len(&self) -> usize {
        self.all.len()
    }

    /// Bytes that they hold.
    pub(super) fn size(&self) -> usize {
        self.all.iter().map(Pending::size).sum()
    }

    pub(super) fn iter(&self) -> core::slice::Iter<'_, Pending> {
        self.all.iter()
    }

    pub(super) fn iter_mut(&mut self) -> core::slice::IterMut<'_, Pending> {
        self.all.iter_mut()
    }

    /// How many of them wait to be sent.
    pub(super) fn queued(&self) -> usize {
        self.iter().filter(|it| it.wait == Wait::Turn).count()
    }

    /// Adds a request for something: the last one, or where it is to `restore` something the first one.
    pub(super) fn add(
        &mut self,
        purpose: Purpose,
        channel: Arc<str>,
        data: String,
        ext: Option<String>,
    ) -> &mut Pending {
        self.last_id += 1;
        let at = if purpose == Purpose::Restore {
            let is_later = |it: &Pending| it.purpose != Purpose::Restore;
            self.all.iter().position(is_later).unwrap_or(self.all.len())
        } else {
            self.all.len()
        };
        self.all.insert(
            at,
            Pending {
                id: RequestId(self.last_id),
                purpose,
                wait: Wait::Turn,
                channel,
                data,
                ext,
                replay: None,
                is_retried: false,
                is_void: false,
                is_abandoned: false,
                deadline: None,
                wire: 0,
                payload: 0,
                session: 0,
                sent: Instant::default(),
            },
        );
        &mut self.all[at]
    }

    pub(super) fn find_mut(&mut self, id: RequestId) -> Option<&mut Pending> {
        self.all.iter_mut().find(|it| it.id == id)
    }

    /// The one that is called so on the wire, where a message on `channel` may be its reply.
    pub(super) fn by_wire(&mut self, wire: u64, channel: &str) -> Option<&mut Pending> {
        let mut all = self.all.iter_mut();
        all.find(|it| it.is_under_way() && it.wire == wire && it.answers(channel))
    }

    /// The oldest one to which a message on `channel` may be the reply, from a server that does not say to which. `subscription`
    /// is what the message says it is about.
    pub(super) fn by_channel(
        &mut self,
        channel: &str,
        subscription: Option<&str>,
    ) -> Option<&mut Pending> {
        let about =
            |it: &Pending| subscription.is_none_or(|subscription| *it.channel == *subscription);
        self.all
            .iter_mut()
            .filter(|it| it.wait == Wait::Reply && it.answers(channel))
            .filter(|it| it.purpose.meta().is_none() || about(it))
            .min_by_key(|it| it.wire)
    }

    pub(super) fn remove(&mut self, id: RequestId) -> Option<Pending> {
        let at = self.all.iter().position(|it| it.id == id)?;
        Some(self.all.remove(at))
    }

    /// Removes those for which this holds.
    pub(super) fn take(&mut self, is_taken: &dyn Fn(&Pending) -> bool) -> Vec<Pending> {
        self.all.extract_if(.., |it| is_taken(it)).collect()
    }
}
