//! The server's clock.

use alloc::vec::Vec;
use core::time::Duration;

use super::Name;
use crate::{
    bayeux::{Members, message::millis},
    json::Json,
    time::Instant,
};

/// How many exchanges count.
const MAX_SAMPLES: usize = 10;

/// A clock on the wall, and how far the server's is ahead of it. Milliseconds all.
#[derive(Debug, Default)]
pub(in super::super) struct Timesync {
    /// What the clock on the wall showed when the shell's clock began.
    origin: Option<i64>,
    /// Lags and offsets, the newest last.
    samples: Vec<(i64, i64)>,
    pub(in super::super) lag: i64,
    pub(in super::super) offset: i64,
}

impl Timesync {
    /// The clock on the wall shows this now.
    pub(in super::super) fn set(&mut self, since_1970: Duration, now: Instant) {
        self.origin = Some(millis(since_1970).saturating_sub(millis(now.since_origin())));
    }

    /// What the clock on the wall shows.
    pub(in super::super) fn now(&self, now: Instant) -> Option<i64> {
        Some(self.origin?.saturating_add(millis(now.since_origin())))
    }

    /// What the server's clock shows.
    pub(in super::super) fn server_time(&self, now: Instant) -> Option<Duration> {
        let time = self.now(now)?.saturating_add(self.offset);
        u64::try_from(time).ok().map(Duration::from_millis)
    }

    /// Asks for the server's time.
    pub(in super::super) fn write(&self, ext: &mut Members<'_>, now: Instant) {
        if let Some(now) = self.now(now) {
            ext.object("timesync", |sync| {
                sync.integer("tc", now);
                sync.integer("l", self.lag);
                sync.integer("o", self.offset);
            });
        }
    }

    /// Learns from the `ext` of a reply.
    pub(in super::super) fn read<J: Json>(&mut self, ext: &J, now: Instant) {
        let sample = || {
            let sync = Name::Timesync.of(ext)?;
            let integer = |name: Name| name.of(&sync)?.as_integer();
            let sent = integer(Name::Sent)?;
            let received = integer(Name::Received)?;
            let spent = integer(Name::Spent).unwrap_or(0);
            // Integers of JSON have 53 bits: nothing overflows.
            let lag = (self.now(now)?.checked_sub(sent)? - spent) / 2;
            Some((lag, received - sent - lag))
        };
        let Some(sample) = sample() else {
            return;
        };
        if self.samples.len() == MAX_SAMPLES {
            self.samples.remove(0);
        }
        self.samples.push(sample);
        let count = self.samples.len() as i64;
        let sum = self
            .samples
            .iter()
            .fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        self.lag = sum.0 / count;
        self.offset = sum.1 / count;
    }
}
