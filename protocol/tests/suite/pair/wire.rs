//! One direction of one socket, as a network would treat it.

use std::collections::VecDeque;

use crate::suite::random::Random;

/// What goes over a socket.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// The client knocks, or, the other way, the server lets it in.
    Open,
    Text(String),
    Binary,
    /// The last thing that is heard.
    Closed(u16),
}

/// How slow a network is, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) delay: u64,
    pub(super) jitter: u64,
}

/// Items in the order in which they were sent, each with the moment when it arrives.
#[derive(Debug)]
pub(super) struct Wire {
    pace: Pace,
    /// Nothing overtakes what was sent before, and nothing arrives during a stall.
    earliest: u64,
    /// Nothing that is sent arrives any more.
    dead: bool,
    items: VecDeque<(u64, Item)>,
}

impl Wire {
    pub(super) const fn new(pace: Pace) -> Self {
        Self {
            pace,
            earliest: 0,
            dead: false,
            items: VecDeque::new(),
        }
    }

    pub(super) fn send(&mut self, item: Item, now: u64, random: &mut Random) {
        if self.dead {
            return;
        }
        let at = now + self.pace.delay + random.between(0, self.pace.jitter);
        self.earliest = self.earliest.max(at);
        self.items.push_back((self.earliest, item));
    }

    /// Sends the last item: an orderly end.
    pub(super) fn finish(&mut self, code: u16, now: u64, random: &mut Random) {
        self.send(Item::Closed(code), now, random);
        self.dead = true;
    }

    /// Holds back what is on its way and what is going to be sent.
    pub(super) fn stall(&mut self, until: u64) {
        self.earliest = self.earliest.max(until);
        for (at, _) in &mut self.items {
            *at = (*at).max(until);
        }
    }

    /// Ends all stalls.
    pub(super) fn heal(&mut self, now: u64) {
        self.earliest = now + self.pace.delay + self.pace.jitter;
        for (at, _) in &mut self.items {
            *at = (*at).min(self.earliest);
        }
    }

    /// Of what is on its way only the first few items arrive. Nobody is told.
    pub(super) fn silence(&mut self, random: &mut Random) {
        self.items.truncate(random.below(self.items.len() + 1));
        self.dead = true;
    }

    /// As [`silence`](Self::silence), and the end is told.
    pub(super) fn cut(&mut self, now: u64, random: &mut Random) {
        if !self.dead {
            self.items.truncate(random.below(self.items.len() + 1));
            self.finish(1006, now, random);
        }
    }

    pub(super) fn drop_all(&mut self) {
        self.items.clear();
        self.dead = true;
    }

    /// When the next item arrives.
    pub(super) fn due(&self) -> Option<u64> {
        self.items.front().map(|(at, _)| *at)
    }

    pub(super) fn take(&mut self) -> Option<Item> {
        self.items.pop_front().map(|(_, item)| item)
    }

    /// Whether nothing is on its way, and what is sent arrives.
    pub(super) fn is_quiet(&self) -> bool {
        self.items.is_empty() && !self.dead
    }

    /// Items on their way.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }
}
