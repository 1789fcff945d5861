//! Segments: one WebSocket message each, a header character and a payload.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::time::Duration;

use super::budget::{Budget, Share};
use crate::{json::Text, reason::Reason};

/// Header of the last, or only, segment of a message.
const LAST: u8 = b'0';
/// Header of a segment that more follow.
const MORE: u8 = b'1';
/// Header of a ping.
const PING: u8 = b'2';
/// Header of a pong.
const PONG: u8 = b'3';

/// Bytes of UTF-8 that a segment's payload may have by default: 65,536.
pub const MAX_SEGMENT_SIZE: usize = 65_536;

/// The rest of a message did not come in time.
pub(super) const LATE: Reason = Reason::new(1009, "the message takes too long to come");
/// All connections together hold as much of unfinished messages as they may.
const CROWDED: Reason = Reason::new(1009, "too many messages are unfinished at once");

/// A message cut into segments, ready to be sent, by one connection or by many.
pub type Sealed<F> = Arc<[F]>;

/// A message's text while it is written, with room for the header of a segment before it, so that the
/// common message, of one segment, is never copied.
#[derive(Clone, Debug)]
pub struct Draft(String);

impl Default for Draft {
    fn default() -> Self {
        Self(String::from(LAST as char))
    }
}

impl Draft {
    /// The text so far, to be appended to.
    pub const fn text(&mut self) -> &mut String {
        &mut self.0
    }

    /// Cuts the message into segments with payloads of at most `max` bytes of UTF-8, between characters. A
    /// character that alone is longer than `max` is a segment of its own.
    #[must_use]
    pub fn seal<F: From<String>>(self, max: usize) -> Sealed<F> {
        let payload = self.0.get(1..).unwrap_or_default();
        if payload.len() <= max {
            return Arc::new([F::from(self.0)]);
        }
        let mut segments = Vec::with_capacity(payload.len() / max.max(1) + 1);
        let mut rest = payload;
        while !rest.is_empty() {
            let at = cut(rest, max);
            let (head, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
            let header = if tail.is_empty() { LAST } else { MORE };
            segments.push(F::from(segment(header, head)));
            rest = tail;
        }
        segments.into()
    }
}

/// The ping segment; its payload is empty.
pub(super) fn ping<F: From<String>>() -> F {
    F::from(segment(PING, ""))
}

/// The pong segment that answers a ping.
pub(super) fn pong<F: From<String>>(payload: &str) -> F {
    F::from(segment(PONG, payload))
}

fn segment(header: u8, payload: &str) -> String {
    let mut text = String::with_capacity(payload.len() + 1);
    text.push(header as char);
    text.push_str(payload);
    text
}

/// Where to cut `text`: at the last border of characters within `max` bytes, behind at least one character.
fn cut(text: &str, max: usize) -> usize {
    if text.len() <= max {
        return text.len();
    }
    (1..=max)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or_else(|| text.chars().next().map_or(0, char::len_utf8))
}

/// What a segment was, or completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received<T> {
    /// The last segment of a message; this is the message.
    Message(T),
    /// A part of a message.
    Part,
    /// A ping with this payload, to be answered with the same.
    Ping(T),
    /// A pong.
    Pong,
}

/// How large a message may be, and a ping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssemblyLimits {
    /// Bytes of one message (UTF-16 units in a browser); default 4 MiB, the bound of a server. A client takes
    /// 64 MiB.
    pub message_bytes: usize,
    /// Segments of one message; default 4,096. A client takes 65,536.
    pub segments: usize,
    /// Bytes of a ping's payload; default 4,096.
    pub ping_bytes: usize,
    /// How long the segments of one message may take to come, from the first to the last; `None` for as
    /// long as they like. Default 60 s. A client waits.
    pub timeout: Option<Duration>,
}

impl Default for AssemblyLimits {
    fn default() -> Self {
        Self {
            message_bytes: 4 << 20,
            segments: 4_096,
            ping_bytes: 4_096,
            timeout: Some(Duration::from_secs(60)),
        }
    }
}

/// Puts segments together to messages.
#[derive(Debug)]
pub struct Assembler<T> {
    limits: AssemblyLimits,
    message: Option<T>,
    segments: usize,
    share: Share,
}

impl<T: Text> Assembler<T> {
    /// Nothing received so far.
    #[must_use]
    pub fn new(limits: AssemblyLimits) -> Self {
        Self {
            limits,
            message: None,
            segments: 0,
            share: Share::default(),
        }
    }

    /// Takes what half a message holds off what all connections together may hold.
    pub fn share(&mut self, budget: Arc<Budget>) {
        self.share = Share::new(budget);
    }

    /// How long a message may take to come.
    #[must_use]
    pub const fn timeout(&self) -> Option<Duration> {
        self.limits.timeout
    }

    /// Whether a message has begun and its end is still to come.
    #[must_use]
    pub const fn is_amid(&self) -> bool {
        self.message.is_some()
    }

    /// Takes one WebSocket message.
    ///
    /// # Errors
    ///
    /// The reason to close the connection: the peer sent no segment, or one that passes a limit.
    pub fn receive(&mut self, segment: T) -> Result<Received<T>, Reason> {
        let Some(header) = segment.header() else {
            return Err(Reason::protocol("a segment begins with 0, 1, 2 or 3"));
        };
        match header {
            LAST | MORE => {
                self.append(segment.payload())?;
                if header == MORE {
                    let held = self.message.as_ref().map_or(0, T::len);
                    return if self.share.hold(held) {
                        Ok(Received::Part)
                    } else {
                        Err(CROWDED)
                    };
                }
                self.share.clear();
                self.segments = 0;
                Ok(self
                    .message
                    .take()
                    .map_or(Received::Part, Received::Message))
            }
            PING if segment.len() > self.limits.ping_bytes + 1 => Err(Reason::TOO_BIG),
            PING => Ok(Received::Ping(segment.payload())),
            PONG => Ok(Received::Pong),
            _ => Err(Reason::protocol("a segment begins with 0, 1, 2 or 3")),
        }
    }

    fn append(&mut self, payload: T) -> Result<(), Reason> {
        let before = self.message.as_ref().map_or(0, T::len);
        self.segments += 1;
        let too_big = before + payload.len() > self.limits.message_bytes;
        if too_big || self.segments > self.limits.segments {
            return Err(Reason::TOO_BIG);
        }
        match &mut self.message {
            Some(message) => message.append(payload),
            None => self.message = Some(payload),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::ToOwned;

    use super::*;

    fn seal(text: &str, max: usize) -> Vec<String> {
        let mut draft = Draft::default();
        draft.text().push_str(text);
        draft.seal::<String>(max).to_vec()
    }

    fn assemble(segments: &[String]) -> String {
        let mut assembler = Assembler::new(AssemblyLimits::default());
        for (index, segment) in segments.iter().enumerate() {
            match assembler.receive(segment.clone()).unwrap() {
                Received::Message(message) => {
                    assert_eq!(index, segments.len() - 1);
                    assert!(!assembler.is_amid());
                    return message;
                }
                other => assert_eq!(other, Received::Part),
            }
        }
        panic!("no message in {segments:?}");
    }

    #[test]
    fn messages_go_through_cuts_of_every_size() {
        let text = "[\"aé😀\u{fffd}ü\",\"\u{10ffff}\",1]";
        for max in 0..=text.len() + 1 {
            let segments = seal(text, max);
            assert_eq!(assemble(&segments), text, "cut at {max}");
            assert!(
                segments
                    .iter()
                    .all(|segment| segment.len() <= max.max(4) + 1)
            );
        }
        assert_eq!(seal("abc", 3), ["0abc"]);
        assert_eq!(seal("abcd", 3), ["1abc", "0d"]);
        assert_eq!(seal("😀", 1), ["0😀"]);
        assert_eq!(seal("", 3), ["0"]);
    }

    #[test]
    fn pings_and_pongs_may_stand_between_segments() {
        let mut assembler = Assembler::new(AssemblyLimits::default());
        let mut receive = |text: &str| assembler.receive(text.to_owned()).unwrap();
        assert_eq!(receive("1ab"), Received::Part);
        assert_eq!(receive("2who"), Received::Ping("who".to_owned()));
        assert_eq!(receive("3"), Received::Pong);
        assert_eq!(receive("1"), Received::Part);
        assert_eq!(receive("0c"), Received::Message("abc".to_owned()));
    }

    #[test]
    fn what_is_no_segment_or_too_much_closes() {
        let limits = AssemblyLimits {
            message_bytes: 10,
            segments: 3,
            ping_bytes: 2,
            timeout: None,
        };
        let close = |segments: &[&str]| {
            let mut assembler = Assembler::new(limits.clone());
            segments
                .iter()
                .find_map(|segment| assembler.receive((*segment).to_owned()).err())
                .map(|reason| reason.code)
        };
        assert_eq!(close(&[""]), Some(1002));
        assert_eq!(close(&["4"]), Some(1002));
        assert_eq!(close(&["é"]), Some(1002));
        assert_eq!(close(&["01234567890"]), None);
        assert_eq!(close(&["012345678901"]), Some(1009));
        assert_eq!(close(&["112345", "1123456"]), Some(1009));
        assert_eq!(close(&["1", "1", "1"]), None);
        assert_eq!(close(&["1", "1", "1", "1"]), Some(1009));
        assert_eq!(close(&["212"]), None);
        assert_eq!(close(&["2123"]), Some(1009));
        assert_eq!(close(&["3123456789012"]), None);
    }

    #[test]
    fn unfinished_messages_share_one_budget() {
        let budget = Arc::new(Budget::new(10));
        let mut assemblers = [(); 2].map(|()| {
            let mut assembler = Assembler::new(AssemblyLimits::default());
            assembler.share(Arc::clone(&budget));
            assembler
        });
        let [one, two] = &mut assemblers;
        assert_eq!(one.receive("1123456".to_owned()), Ok(Received::Part));
        assert_eq!(two.receive("11234".to_owned()), Ok(Received::Part));
        assert_eq!(two.receive("15".to_owned()), Err(CROWDED));
        // What is whole is held no longer.
        assert_eq!(
            one.receive("07890".to_owned()),
            Ok(Received::Message("1234567890".to_owned()))
        );
        assert_eq!(one.receive("1123456".to_owned()), Ok(Received::Part));
        drop(assemblers);
        assert_eq!(budget.left(), 10);
    }
}
