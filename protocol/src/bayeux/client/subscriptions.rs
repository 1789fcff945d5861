//! What a client is subscribed to.

use alloc::{string::String, sync::Arc, vec::Vec};

use crate::bayeux::channel::{Reach, patterns};

/// One subscription.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) channel: Arc<str>,
    /// What it was made with.
    pub(super) ext: Option<String>,
    /// Whether it is of a session that is gone.
    pub(super) is_lost: bool,
}

/// What a client is subscribed to, as the server said.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(Vec<Subscription>);

impl Subscriptions {
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> core::slice::Iter<'_, Subscription> {
        self.0.iter()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn add(&mut self, channel: Arc<str>, ext: Option<String>, is_lost: bool) {
        let subscription = Subscription {
            channel,
            ext,
            is_lost,
        };
        let known = self
            .0
            .iter_mut()
            .find(|it| it.channel == subscription.channel);
        match known {
            Some(known) => *known = subscription,
            None => self.0.push(subscription),
        }
    }

    pub(super) fn remove(&mut self, channel: &str) {
        self.0.retain(|it| &*it.channel != channel);
    }

    /// The session is gone, and they with it.
    pub(super) fn lose(&mut self) {
        for subscription in &mut self.0 {
            subscription.is_lost = true;
        }
    }

    /// Whether all are of the session that there is.
    pub(super) fn are_whole(&self) -> bool {
        !self.0.iter().any(|it| it.is_lost)
    }

    /// Those that a message on `channel` is for.
    pub(super) fn matching(&self, channel: &str) -> Vec<Arc<str>> {
        let matching = self.0.iter().filter(|it| matches(&it.channel, channel));
        matching.map(|it| Arc::clone(&it.channel)).collect()
    }
}

/// What a subscription is to: some servers take a query behind that.
pub(super) fn without_query(subscription: &str) -> &str {
    subscription
        .split_once('?')
        .map_or(subscription, |(channel, _)| channel)
}

/// Whether a message on `channel` is for who subscribed to `subscription`.
pub(super) fn matches(subscription: &str, channel: &str) -> bool {
    let subscription = without_query(subscription);
    patterns(channel).any(|(place, reach)| {
        let wildcard = match reach {
            Reach::Here => "",
            Reach::Children => "/*",
            Reach::Descendants => "/**",
        };
        subscription.strip_prefix(place) == Some(wildcard)
    })
}
