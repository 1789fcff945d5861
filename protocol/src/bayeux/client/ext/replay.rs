//! Where each channel was left.

use alloc::{sync::Arc, vec::Vec};

use super::{
    super::subscriptions::{matches, without_query},
    Name,
};
use crate::{
    bayeux::{Members, Message},
    json::Json,
};

/// The replay ids that were seen last, the channel that was heard of last at the end.
#[derive(Debug, Default)]
pub(in super::super) struct Positions(Vec<(Arc<str>, i64)>);

impl Positions {
    /// Remembers the id of a message, where it has one, for at most `most` channels.
    pub(in super::super) fn remember<J: Json>(
        &mut self,
        channel: &str,
        message: &Message<J>,
        most: usize,
    ) {
        let in_ext = || Name::ReplayId.of(&message.ext()?);
        let in_data = || Name::ReplayId.of(&Name::Event.of(&message.data()?)?);
        let Some(id) = in_data().or_else(in_ext).and_then(|id| id.as_integer()) else {
            return;
        };
        let known = self.0.iter().position(|it| &*it.0 == channel);
        let name = match known {
            Some(at) => self.0.remove(at).0,
            None => channel.into(),
        };
        if self.0.len() >= most && !self.0.is_empty() {
            self.0.remove(0);
        }
        self.0.push((name, id));
    }

    /// Forgets what a subscription would go on after.
    pub(in super::super) fn forget(&mut self, subscription: &str) {
        self.0.retain(|it| !matches(subscription, &it.0));
    }

    /// Says after what a subscription is to go on: after `id` where there is one, or else after what was seen last.
    pub(in super::super) fn write(
        &self,
        ext: &mut Members<'_>,
        subscription: &str,
        id: Option<i64>,
    ) {
        let mut known = self
            .0
            .iter()
            .filter(|it| matches(subscription, &it.0))
            .peekable();
        if id.is_none() && known.peek().is_none() {
            return;
        }
        ext.object("replay", |ids| match id {
            Some(id) => ids.integer(without_query(subscription), id),
            None => known.for_each(|(channel, id)| ids.integer(channel, *id)),
        });
    }
}
