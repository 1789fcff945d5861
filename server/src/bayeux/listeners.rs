//! [`Listeners`]: who hears of what clients publish before it is sent, and may change it or take it away.

use std::{fmt, future::Future, pin::Pin};

use mirrorball_protocol::{bayeux::Pattern, json::Value};

use super::Request;

type Heard = Pin<Box<dyn Future<Output = Option<Value>> + Send>>;
type Listener = Box<dyn Fn(Request, Value) -> Heard + Send + Sync>;

/// Who hears of what clients publish.
#[derive(Default)]
pub(super) struct Listeners(Vec<(Pattern, Listener)>);

impl Listeners {
    pub(super) fn add<H, O>(&mut self, pattern: Pattern, listener: H)
    where
        H: Fn(Request, Value) -> O + Send + Sync + 'static,
        O: Future<Output = Option<Value>> + Send + 'static,
    {
        let listener: Listener = Box::new(move |request, data| Box::pin(listener(request, data)));
        self.0.push((pattern, listener));
        // The widest first, and among equals the first that was added.
        self.0.sort_by_key(|(pattern, _)| {
            let segments = pattern.place().matches('/').count();
            (segments, std::cmp::Reverse(pattern.reach()))
        });
    }

    /// Those that hear of messages on a channel, the widest first.
    pub(super) fn of<'a>(&'a self, channel: &'a str) -> impl Iterator<Item = &'a Listener> {
        self.0
            .iter()
            .filter(move |(pattern, _)| pattern.matches(channel))
            .map(|(_, listener)| listener)
    }

    pub(super) fn hear(&self, channel: &str) -> bool {
        self.of(channel).next().is_some()
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list()
            .entries(self.0.iter().map(|(pattern, _)| pattern))
            .finish()
    }
}
