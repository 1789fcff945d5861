//! Pings, and when silence means that the other end is gone.

use core::time::Duration;

use crate::{reason::Reason, time::Instant};

/// How late a tick may come before it says more about this end, which slept, than about the other.
const SLEPT: Duration = Duration::from_secs(1);

/// How long to listen before asking, and how long after that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepaliveOptions {
    /// Nothing received for this long: send a ping. `None` switches the keep-alive off. Default 30 s.
    pub ping_delay: Option<Duration>,
    /// Still nothing received for this long after the ping: the other end is gone. Default 30 s.
    pub ping_timeout: Duration,
}

impl Default for KeepaliveOptions {
    fn default() -> Self {
        Self {
            ping_delay: Some(Duration::from_secs(30)),
            ping_timeout: Duration::from_secs(30),
        }
    }
}

/// The keep-alive of one end of one socket; both ends have one.
#[derive(Clone, Debug)]
pub struct Keepalive {
    options: KeepaliveOptions,
    heard: Instant,
    pinged: Option<Instant>,
}

impl Keepalive {
    /// The socket opened just now.
    #[must_use]
    pub const fn new(options: KeepaliveOptions, now: Instant) -> Self {
        Self {
            options,
            heard: now,
            pinged: None,
        }
    }

    /// Something was received; what does not matter.
    pub const fn hear(&mut self, now: Instant) {
        self.heard = now;
        self.pinged = None;
    }

    /// When [`tick`](Self::tick) has something to say.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let delay = self.options.ping_delay?;
        Some(match self.pinged {
            None => self.heard + delay,
            Some(pinged) => pinged + self.options.ping_timeout,
        })
    }

    /// Whether a ping is due.
    ///
    /// A tick that comes long after the deadline says that this end slept: what the other end sent may be
    /// waiting unread, so it is asked once more.
    ///
    /// # Errors
    ///
    /// Where the other end has been silent for too long.
    pub fn tick(&mut self, now: Instant) -> Result<bool, Reason> {
        let Some(deadline) = self.deadline() else {
            return Ok(false);
        };
        if now < deadline {
            return Ok(false);
        }
        if self.pinged.is_some() && now.since(deadline) < SLEPT {
            return Err(Reason::SILENT);
        }
        self.pinged = Some(now);
        Ok(true)
    }

    /// Asks at once instead of when it is due; returns whether to send a ping.
    pub const fn probe(&mut self, now: Instant) -> bool {
        let asked = self.options.ping_delay.is_some() && self.pinged.is_none();
        if asked {
            self.pinged = Some(now);
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1_000)
    }

    #[test]
    fn silence_is_asked_about_and_then_fatal() {
        let mut keepalive = Keepalive::new(KeepaliveOptions::default(), at(0));
        assert_eq!(keepalive.deadline(), Some(at(30)));
        assert_eq!(keepalive.tick(at(29)), Ok(false));
        assert_eq!(keepalive.tick(at(30)), Ok(true));
        assert_eq!(keepalive.tick(at(30)), Ok(false));
        assert_eq!(keepalive.deadline(), Some(at(60)));
        assert_eq!(keepalive.tick(at(60)), Err(Reason::SILENT));
    }

    #[test]
    fn anything_heard_starts_again() {
        let mut keepalive = Keepalive::new(KeepaliveOptions::default(), at(0));
        assert_eq!(keepalive.tick(at(30)), Ok(true));
        keepalive.hear(at(59));
        assert_eq!(keepalive.deadline(), Some(at(89)));
        assert_eq!(keepalive.tick(at(60)), Ok(false));
    }

    #[test]
    fn whoever_slept_asks_again() {
        let mut keepalive = Keepalive::new(KeepaliveOptions::default(), at(0));
        assert_eq!(keepalive.tick(at(30)), Ok(true));
        assert_eq!(keepalive.tick(at(3_600)), Ok(true));
        assert_eq!(keepalive.deadline(), Some(at(3_630)));
        assert_eq!(keepalive.tick(at(3_630)), Err(Reason::SILENT));
    }

    #[test]
    fn without_a_delay_there_is_no_keepalive() {
        let off = KeepaliveOptions {
            ping_delay: None,
            ..KeepaliveOptions::default()
        };
        let mut keepalive = Keepalive::new(off, at(0));
        assert_eq!(keepalive.deadline(), None);
        assert_eq!(keepalive.tick(at(1_000_000)), Ok(false));
        assert!(!keepalive.probe(at(1_000_000)));
    }
}
