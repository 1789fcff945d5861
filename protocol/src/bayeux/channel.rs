//! [`Channel`]s and [`Pattern`]s of them.

use alloc::sync::Arc;
use core::{fmt, iter};

/// What a request about the session itself is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meta {
    /// `/meta/handshake`
    Handshake,
    /// `/meta/connect`
    Connect,
    /// `/meta/disconnect`
    Disconnect,
    /// `/meta/subscribe`
    Subscribe,
    /// `/meta/unsubscribe`
    Unsubscribe,
}

impl Meta {
    const ALL: [Self; 5] = [
        Self::Handshake,
        Self::Connect,
        Self::Disconnect,
        Self::Subscribe,
        Self::Unsubscribe,
    ];

    /// The channel's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handshake => "/meta/handshake",
            Self::Connect => "/meta/connect",
            Self::Disconnect => "/meta/disconnect",
            Self::Subscribe => "/meta/subscribe",
            Self::Unsubscribe => "/meta/unsubscribe",
        }
    }

    /// The one whose name this is, to the letter: `/meta/subscribe/x` is none.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|meta| meta.name() == name)
    }
}

/// Whether a channel is one of the protocol's own, or looks like one: `/meta` itself and whatever is below.
#[must_use]
pub fn is_meta(name: &str) -> bool {
    is_below(name, "/meta")
}

/// Whether a channel is for requests to the server's application: they are never broadcast.
#[must_use]
pub fn is_service(name: &str) -> bool {
    is_below(name, "/service")
}

fn is_below(name: &str, root: &str) -> bool {
    let rest = name.strip_prefix(root);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Why a text names no channel. Its author is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelError {
    /// It does not begin with a slash.
    Relative,
    /// There is nothing between two slashes, or nothing but a slash.
    EmptySegment,
    /// It has a character that no channel has.
    Character(char),
    /// It is longer than [`MAX_LENGTH`].
    Long,
    /// It has a `*` or a `**` where none may be: in a channel to publish to, or before a pattern's last segment.
    Wildcard,
}

impl fmt::Display for ChannelError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relative => out.write_str("a channel begins with a slash"),
            Self::EmptySegment => {
                out.write_str("there is something between the slashes of a channel")
            }
            Self::Character(character) => write!(out, "a channel has no {character:?}"),
            Self::Long => write!(out, "a channel has at most {MAX_LENGTH} bytes"),
            Self::Wildcard => out.write_str(
                "wildcards are the last segment of what is subscribed to, and of nothing else",
            ),
        }
    }
}

impl core::error::Error for ChannelError {}

/// Bytes of a channel's name.
pub const MAX_LENGTH: usize = 1_024;

/// Characters of a channel's segments, besides letters and digits.
const MARKS: &str = " -_!~()$@#+.{}%:=,;'&*";

/// The name of a channel that can be published to: valid, and without a wildcard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Channel(Arc<str>);

impl Channel {
    /// Reads a name as a server does. One slash at the end counts for nothing.
    ///
    /// # Errors
    ///
    /// Where it names no channel, or has a wildcard.
    pub fn parse(name: &str) -> Result<Self, ChannelError> {
        let name = trim(name);
        check(name)?;
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// How far a [`Pattern`] reaches from where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// To this channel.
    Here,
    /// To the channels with one segment more: `/*`.
    Children,
    /// To the channels with more segments: `/**`.
    Descendants,
}

impl Reach {
    /// Where a name or pattern stands, and how far it reaches.
    fn of(text: &str) -> (&str, Self) {
        if let Some(place) = text.strip_suffix("/**") {
            (place, Self::Descendants)
        } else if let Some(place) = text.strip_suffix("/*") {
            (place, Self::Children)
        } else {
            (text, Self::Here)
        }
    }
}

/// What can be subscribed to: a channel, those below it, or all below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(Arc<str>);

impl Pattern {
    /// Reads a pattern as a server does. One slash at the end counts for nothing.
    ///
    /// # Errors
    ///
    /// Where it names no channel, or has a wildcard before its last segment.
    pub fn parse(text: &str) -> Result<Self, ChannelError> {
        let text = trim(text);
        let (place, reach) = Reach::of(text);
        if reach == Reach::Here || !place.is_empty() {
            check(place)?;
        }
        if text.len() > MAX_LENGTH {
            return Err(ChannelError::Long);
        }
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Where it stands, without its wildcard: `/a` of `/a/*`, nothing of `/**`.
    #[must_use]
    pub fn place(&self) -> &str {
        Reach::of(&self.0).0
    }

    /// How far it reaches from there.
    #[must_use]
    pub fn reach(&self) -> Reach {
        Reach::of(&self.0).1
    }

    /// Whether a message on `channel` is for who subscribed to this.
    #[must_use]
    pub fn matches(&self, channel: &str) -> bool {
        let (own, reach) = Reach::of(&self.0);
        patterns(channel).any(|pattern| pattern == (own, reach))
    }
}

impl From<&Channel> for Pattern {
    /// The pattern that matches this channel alone.
    fn from(channel: &Channel) -> Self {
        Self(Arc::clone(&channel.0))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// The places and reaches of all patterns that match a channel, in the order in which their subscribers hear of a message:
/// of `/a/b` it is `/a/b`, `/a/*`, `/a/**`, `/**`. Nothing is allocated.
pub fn patterns(channel: &str) -> impl Iterator<Item = (&str, Reach)> {
    let parent = parent(channel);
    let above = iter::successors(parent, |place| self::parent(place));
    iter::once((channel, Reach::Here))
        .chain(parent.map(|place| (place, Reach::Children)))
        .chain(above.map(|place| (place, Reach::Descendants)))
}

/// Everything before the last slash.
fn parent(place: &str) -> Option<&str> {
    place.rfind('/').and_then(|at| place.get(..at))
}

/// Without one slash at the end.
fn trim(name: &str) -> &str {
    match name.strip_suffix('/') {
        Some(trimmed) if !trimmed.is_empty() => trimmed,
        _ => name,
    }
}

/// Whether this is a channel, without a wildcard.
fn check(name: &str) -> Result<(), ChannelError> {
    if name.len() > MAX_LENGTH {
        return Err(ChannelError::Long);
    }
    check_loosely(name)?;
    let foreign = |it: &char| *it != '/' && !it.is_ascii_alphanumeric() && !MARKS.contains(*it);
    if let Some(character) = name.chars().find(foreign) {
        return Err(ChannelError::Character(character));
    }
    if name.split('/').any(|segment| matches!(segment, "*" | "**")) {
        return Err(ChannelError::Wildcard);
    }
    Ok(())
}

/// What a client asks of a name before it sends it: servers differ in what they take, so it asks for little.
///
/// # Errors
///
/// Where it does not begin with a slash, or has an empty segment.
pub fn check_loosely(name: &str) -> Result<(), ChannelError> {
    let segments = name.strip_prefix('/').ok_or(ChannelError::Relative)?;
    if segments.split('/').any(str::is_empty) {
        return Err(ChannelError::EmptySegment);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{string::String, vec::Vec};

    use super::*;

    #[test]
    fn channels_are_read() {
        let ok = |name| Channel::parse(name).map(|it| String::from(it.name()));
        assert_eq!(ok("/a/b").as_deref(), Ok("/a/b"));
        assert_eq!(ok("/a/b/").as_deref(), Ok("/a/b"));
        assert_eq!(
            ok("/u/notifications/x.y__z").as_deref(),
            Ok("/u/notifications/x.y__z")
        );
        assert_eq!(ok("/a*b").as_deref(), Ok("/a*b"));
        assert_eq!(ok("a/b"), Err(ChannelError::Relative));
        assert_eq!(ok(""), Err(ChannelError::Relative));
        assert_eq!(ok("/"), Err(ChannelError::EmptySegment));
        assert_eq!(ok("/a//b"), Err(ChannelError::EmptySegment));
        assert_eq!(ok("/a/b//"), Err(ChannelError::EmptySegment));
        assert_eq!(ok("/a?b"), Err(ChannelError::Character('?')));
        assert_eq!(ok("/a\u{7}"), Err(ChannelError::Character('\u{7}')));
        assert_eq!(ok("/é"), Err(ChannelError::Character('é')));
        assert_eq!(ok("/a/*"), Err(ChannelError::Wildcard));
        assert_eq!(ok("/**"), Err(ChannelError::Wildcard));
        assert_eq!(ok("/*/b"), Err(ChannelError::Wildcard));
        let long = "/a".repeat(MAX_LENGTH / 2);
        assert!(ok(&long).is_ok());
        assert_eq!(ok(&format!("{long}b")), Err(ChannelError::Long));
    }

    #[test]
    fn patterns_are_read() {
        let ok = |text| {
            Pattern::parse(text).map(|it| {
                (
                    String::from(it.text()),
                    String::from(it.place()),
                    it.reach(),
                )
            })
        };
        let read = |text: &str, place: &str, reach| Ok((text.into(), place.into(), reach));
        assert_eq!(ok("/a/b"), read("/a/b", "/a/b", Reach::Here));
        assert_eq!(ok("/a/*"), read("/a/*", "/a", Reach::Children));
        assert_eq!(ok("/a/*/"), read("/a/*", "/a", Reach::Children));
        assert_eq!(ok("/a/**"), read("/a/**", "/a", Reach::Descendants));
        assert_eq!(ok("/**"), read("/**", "", Reach::Descendants));
        assert_eq!(ok("/*"), read("/*", "", Reach::Children));
        for wrong in ["/*/a", "/a/**/b", "/a/*/*", "/**/**", "/a/*/**"] {
            assert_eq!(ok(wrong), Err(ChannelError::Wildcard), "{wrong}");
        }
        assert_eq!(ok("//*"), Err(ChannelError::EmptySegment));
        assert_eq!(ok("*"), Err(ChannelError::Relative));
        assert_eq!(
            ok(&("/a".repeat(MAX_LENGTH / 2) + "/**")),
            Err(ChannelError::Long)
        );
    }

    #[test]
    fn a_channels_patterns_come_from_the_closest_to_the_widest() {
        let all: Vec<_> = patterns("/a/b/c").collect();
        assert_eq!(
            all,
            [
                ("/a/b/c", Reach::Here),
                ("/a/b", Reach::Children),
                ("/a/b", Reach::Descendants),
                ("/a", Reach::Descendants),
                ("", Reach::Descendants),
            ]
        );
        let all: Vec<_> = patterns("/a").collect();
        assert_eq!(
            all,
            [
                ("/a", Reach::Here),
                ("", Reach::Children),
                ("", Reach::Descendants)
            ]
        );
    }

    #[test]
    fn wildcards_match_whole_segments_below() {
        let matches = |pattern, channel| Pattern::parse(pattern).unwrap().matches(channel);
        assert!(matches("/foo/*", "/foo/a"));
        assert!(!matches("/foo/*", "/foo"));
        assert!(!matches("/foo/*", "/foo/a/b"));
        assert!(!matches("/foo/*", "/food/a"));
        assert!(matches("/foo/**", "/foo/a"));
        assert!(matches("/foo/**", "/foo/a/b"));
        assert!(!matches("/foo/**", "/foo"));
        assert!(!matches("/foo/**", "/food/a"));
        assert!(matches("/**", "/a/b/c"));
        assert!(matches("/foo", "/foo"));
        assert!(!matches("/foo", "/foo/a"));
    }

    #[test]
    fn what_looks_like_a_meta_channel_is_none() {
        assert_eq!(Meta::of("/meta/subscribe"), Some(Meta::Subscribe));
        for name in [
            "/meta/subscribe/x",
            "/meta/subscribe/",
            "/meta",
            "/META/subscribe",
            "/meta/x",
        ] {
            assert_eq!(Meta::of(name), None, "{name}");
        }
        assert!(is_meta("/meta") && is_meta("/meta/x/y") && !is_meta("/metal/x"));
        assert!(is_service("/service/x") && !is_service("/services/x"));
    }
}
