//! Names of channels, and patterns of them, against a second reading of the same rules: segment by segment.

use mirrorball_protocol::bayeux::{
    Channel, Meta, Pattern, Reach,
    channel::{MAX_LENGTH, check_loosely, is_meta, is_service, patterns},
};

/// The most lines that are held against each other.
const LINES: usize = 8;

/// Reads each line as a channel and as a pattern, and holds each against each.
pub fn bayeux_channel(data: &[u8]) {
    let text = crate::text(data);
    let lines: Vec<_> = text.split('\n').take(LINES).collect();
    for line in &lines {
        channel(line);
        pattern(line);
        for other in &lines {
            matching(line, other);
        }
    }
}

fn channel(text: &str) {
    let own = trimmed(text);
    let channel = Channel::parse(text);
    assert_eq!(
        channel.is_ok(),
        is_channel(own),
        "{text:?} is read as {channel:?}"
    );
    let Ok(channel) = channel else {
        return;
    };
    assert_eq!(channel.name(), own);
    assert_eq!(check_loosely(own), Ok(()), "a client may not say {own:?}");
    assert_eq!(Channel::parse(own).as_ref(), Ok(&channel));
    let segments: Vec<_> = own.split('/').skip(1).collect();
    assert_eq!(is_meta(own), segments[0] == "meta");
    assert_eq!(is_service(own), segments[0] == "service");
    assert!(Meta::of(own).is_none_or(|meta| is_meta(meta.name())));
    assert_eq!(Pattern::from(&channel).text(), own);

    // The closest first, the widest last.
    let place = |count: usize| {
        let above = segments[..count].iter();
        above.fold(String::new(), |place, segment| place + "/" + segment)
    };
    let parent = segments.len() - 1;
    let mut expected = vec![
        (own.to_owned(), Reach::Here),
        (place(parent), Reach::Children),
    ];
    expected.extend((0..=parent).rev().map(|it| (place(it), Reach::Descendants)));
    let found = patterns(own).map(|(place, reach)| (place.to_owned(), reach));
    assert_eq!(found.collect::<Vec<_>>(), expected);
}

fn pattern(text: &str) {
    let own = trimmed(text);
    let pattern = Pattern::parse(text);
    assert_eq!(
        pattern.is_ok(),
        is_pattern(own),
        "{text:?} is read as {pattern:?}"
    );
    if let Ok(pattern) = pattern {
        let wildcard = match pattern.reach() {
            Reach::Here => "",
            Reach::Children => "/*",
            Reach::Descendants => "/**",
        };
        assert_eq!(format!("{}{wildcard}", pattern.place()), own);
        assert_eq!(pattern.text(), own);
    }
}

/// Anything may be asked for; of what is a channel it is known what the answer is.
fn matching(pattern: &str, channel: &str) {
    let Ok(pattern) = Pattern::parse(pattern) else {
        return;
    };
    let matches = pattern.matches(channel);
    if is_channel(channel) {
        assert_eq!(
            matches,
            is_matched(pattern.text(), channel),
            "{pattern} and {channel}"
        );
    }
}

/// One slash at the end counts for nothing.
fn trimmed(text: &str) -> &str {
    match text.strip_suffix('/') {
        Some("") | None => text,
        Some(rest) => rest,
    }
}

fn is_channel(text: &str) -> bool {
    is_name(text) && text.split('/').skip(1).all(is_plain)
}

fn is_pattern(text: &str) -> bool {
    let mut segments: Vec<_> = text.split('/').skip(1).collect();
    if segments.last().is_some_and(|last| !is_plain(last)) {
        segments.pop();
    }
    is_name(text) && segments.into_iter().all(is_plain)
}

fn is_plain(segment: &str) -> bool {
    segment != "*" && segment != "**"
}

/// Whether it would be a channel or a pattern but for its wildcards.
fn is_name(text: &str) -> bool {
    let is_known = |it: char| it.is_ascii_alphanumeric() || " -_!~()$@#+.{}%:=,;'&*".contains(it);
    let mut segments = text.split('/');
    segments.next() == Some("")
        && text.len() <= MAX_LENGTH
        && text.len() > 1
        && segments.all(|segment| !segment.is_empty() && segment.chars().all(is_known))
}

pub(super) fn is_matched(pattern: &str, channel: &str) -> bool {
    let mut own = pattern.split('/');
    let mut other = channel.split('/');
    loop {
        match (own.next(), other.next()) {
            (Some("**"), Some(_)) => return true,
            (Some("*"), Some(_)) => return own.next().is_none() && other.next().is_none(),
            (Some(one), Some(another)) if one == another => {}
            (one, another) => return one.is_none() && another.is_none(),
        }
    }
}
