//! [`Kind`]: how a setting is read and written, and where it is kept.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::ValueEnum;
use ipnet::IpNet;
use mirrorball_server::{
    bayeux::{Pattern, broker::Transport},
    origin::Origin,
};

use super::{LogFormat, PERIODS, Settings};

/// The longest time that can be set: a year.
const MAX_SECONDS: f64 = 366.0 * 86_400.0;
/// What stands for a time that never comes.
const NONE: &str = "none";

type Field<T> = fn(&mut Settings) -> &mut T;

/// How a setting is read and written, and where it is kept.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Addresses(Field<Vec<SocketAddr>>),
    Origins(Field<Vec<Origin>>),
    Networks(Field<Vec<IpNet>>),
    Log(Field<Option<LogFormat>>),
    /// A path; what stands in a file is relative to that file.
    Path(Field<Option<PathBuf>>),
    Text(Field<String>),
    OptionalText(Field<Option<String>>),
    Switch(Field<bool>),
    /// At least one.
    Count(Field<usize>),
    /// Bytes, at least one.
    Size(Field<usize>),
    /// A time, which may be no time at all.
    Seconds(Field<Duration>),
    /// A time that is more than none.
    Timeout(Field<Duration>),
    /// A time, or never.
    OptionalSeconds(Field<Option<Duration>>),
    /// A time that is more than none, or never.
    OptionalTimeout(Field<Option<Duration>>),
    Period(Field<Duration>),
    /// At least one a second, or as many as one likes.
    OptionalRate(Field<Option<u32>>),
    /// At least one.
    Burst(Field<u32>),
    /// None, or more.
    Number(Field<usize>),
    /// At least one, or as many as one likes.
    OptionalCount(Field<Option<usize>>),
    /// The status of an HTTP answer that is a failure.
    Status(Field<u16>),
    /// One of a few words.
    Choice(&'static Choice),
    Texts(Field<Vec<String>>),
    Patterns(Field<Vec<Pattern>>),
    Transports(Field<Vec<Transport>>),
}

/// A setting that is one of a few words.
pub(crate) struct Choice {
    pub(crate) words: &'static [&'static str],
    /// The place among the words of what is set.
    pub(crate) read: fn(&Settings) -> usize,
    pub(crate) write: fn(&mut Settings, usize),
}

/// What transports are called.
const TRANSPORTS: [(&str, Transport); 3] = [
    ("websocket", Transport::WebSocket),
    ("long-polling", Transport::LongPolling),
    ("callback-polling", Transport::CallbackPolling),
];

/// A value as it was written, and the folder that paths in it are relative to.
pub(crate) struct Written<'a> {
    pub(crate) texts: &'a [String],
    pub(crate) folder: Option<&'a Path>,
}

impl Kind {
    /// Whether there may be several.
    pub(crate) const fn is_list(self) -> bool {
        matches!(
            self,
            Self::Addresses(_)
                | Self::Origins(_)
                | Self::Networks(_)
                | Self::Texts(_)
                | Self::Patterns(_)
                | Self::Transports(_)
        )
    }

    pub(crate) const fn is_switch(self) -> bool {
        matches!(self, Self::Switch(_))
    }

    /// What to write, in the help.
    pub(crate) const fn value_name(self) -> &'static str {
        match self {
            Self::Addresses(_) => "ADDR",
            Self::Origins(_) => "URL",
            Self::Networks(_) => "CIDR",
            Self::Log(_) => "FORMAT",
            Self::Path(_) | Self::OptionalText(_) => "PATH",
            Self::Text(_) | Self::Texts(_) => "TEXT",
            Self::Choice(_) => "WORD",
            Self::Status(_) => "STATUS",
            Self::Patterns(_) => "PATTERN",
            Self::Transports(_) => "TYPE",
            Self::Switch(_) => "BOOL",
            Self::Count(_)
            | Self::OptionalRate(_)
            | Self::Burst(_)
            | Self::Number(_)
            | Self::OptionalCount(_) => "N",
            Self::Size(_) => "BYTES",
            Self::Seconds(_)
            | Self::Timeout(_)
            | Self::OptionalSeconds(_)
            | Self::OptionalTimeout(_) => "SECONDS",
            Self::Period(_) => "MS",
        }
    }

    /// Reads a value into its place.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn set(self, settings: &mut Settings, written: &Written<'_>) -> Result<(), String> {
        if self.is_list() {
            return match self {
                Self::Addresses(field) => each(written, address).map(|all| *field(settings) = all),
                Self::Origins(field) => each(written, origin).map(|all| *field(settings) = all),
                Self::Networks(field) => each(written, network).map(|all| *field(settings) = all),
                Self::Texts(field) => {
                    *field(settings) = written.texts.to_vec();
                    Ok(())
                }
                Self::Patterns(field) => each(written, pattern).map(|all| *field(settings) = all),
                Self::Transports(field) => {
                    each(written, transport).map(|all| *field(settings) = all)
                }
                _ => Ok(()),
            };
        }
        let [text] = written.texts else {
            return Err("one value was expected".into());
        };
        let fail = |expected: &str| format!("invalid value '{text}': {expected}");
        match self {
            Self::Log(field) => LogFormat::from_str(text, false)
                .map(|format| *field(settings) = Some(format))
                .map_err(|_| fail("a format was expected [possible values: text, json]")),
            Self::Path(field) => {
                let path = written
                    .folder
                    .map_or_else(|| text.into(), |folder| folder.join(text));
                *field(settings) = Some(path);
                Ok(())
            }
            Self::Text(field) => {
                field(settings).clone_from(text);
                Ok(())
            }
            Self::OptionalText(field) => {
                *field(settings) = Some(text.clone());
                Ok(())
            }
            Self::Switch(field) => boolean(text)
                .map(|value| *field(settings) = value)
                .ok_or_else(|| fail("true or false was expected")),
            Self::Count(field) => count(text)
                .map(|value| *field(settings) = value)
                .ok_or_else(|| fail("a whole number from 1 on was expected")),
            Self::Size(field) => {
                size(text)
                    .map(|value| *field(settings) = value)
                    .ok_or_else(|| {
                        fail("a number of bytes was expected, such as 65536, 64KiB or 1MiB")
                    })
            }
            Self::Seconds(field) => seconds(text)
                .map(|value| *field(settings) = value)
                .ok_or_else(|| fail("a number of seconds was expected, such as 0.2")),
            Self::Timeout(field) => timeout(text)
                .map(|value| *field(settings) = value)
                .ok_or_else(|| fail("a number of seconds above 0 was expected, such as 30")),
            Self::OptionalSeconds(field) => or_none(text, seconds)
                .map(|value| *field(settings) = value)
                .ok_or_else(|| fail("a number of seconds was expected, such as 0.2, or \"none\"")),
            Self::OptionalTimeout(field) => or_none(text, timeout)
                .map(|value| *field(settings) = value)
                .ok_or_else(|| fail("a number of seconds above 0 was expected, or \"none\"")),
            Self::Period(field) => period(text)
                .map(|value| *field(settings) = value)
                .ok_or_else(|| fail("milliseconds from 100 to 10000 were expected")),
            Self::OptionalRate(field) => or_none(text, small_count)
                .map(|value| *field(settings) = value)
                .ok_or_else(|| fail("a whole number from 1 on was expected, or \"none\"")),
            Self::Burst(field) => small_count(text)
                .map(|value| *field(settings) = value)
                .ok_or_else(|| fail("a whole number from 1 on was expected")),
            Self::Number(field) => number(text)
                .map(|value| *field(settings) = value)
                .ok_or_else(|| fail("a whole number was expected")),
            Self::OptionalCount(field) => or_none(text, count)
                .map(|value| *field(settings) = value)
                .ok_or_else(|| fail("a whole number from 1 on was expected, or \"none\"")),
            Self::Status(field) => small_count(text)
                .and_then(|value| u16::try_from(value).ok())
                .filter(|value| (400..600).contains(value))
                .map(|value| *field(settings) = value)
                .ok_or_else(|| fail("a status from 400 to 599 was expected")),
            Self::Choice(choice) => choice
                .words
                .iter()
                .position(|word| word == text)
                .map(|at| (choice.write)(settings, at))
                .ok_or_else(|| fail(&format!("one of {} was expected", choice.words.join(", ")))),
            Self::Addresses(_)
            | Self::Origins(_)
            | Self::Networks(_)
            | Self::Texts(_)
            | Self::Patterns(_)
            | Self::Transports(_) => Ok(()),
        }
    }

    /// A value as it stands in a file; nothing where there is none.
    pub(crate) fn show(self, settings: &Settings) -> Option<String> {
        // Fields are found for writing only, so that each is named once.
        let settings = &mut settings.clone();
        match self {
            Self::Addresses(field) => Some(list(field(settings))),
            Self::Origins(field) => Some(list(field(settings))),
            Self::Networks(field) => Some(list(field(settings))),
            Self::Log(field) => field(settings)
                .and_then(|format| format.to_possible_value())
                .map(|value| quote(value.get_name())),
            Self::Path(field) => field(settings)
                .as_ref()
                .map(|path| quote(&path.to_string_lossy())),
            Self::Text(field) => Some(quote(field(settings))),
            Self::OptionalText(field) => field(settings).as_deref().map(quote),
            Self::Switch(field) => Some(field(settings).to_string()),
            Self::Count(field) | Self::Size(field) => Some(field(settings).to_string()),
            Self::Seconds(field) | Self::Timeout(field) => {
                Some(field(settings).as_secs_f64().to_string())
            }
            Self::OptionalSeconds(field) | Self::OptionalTimeout(field) => Some(
                field(settings).map_or_else(|| quote(NONE), |time| time.as_secs_f64().to_string()),
            ),
            Self::Period(field) => Some(field(settings).as_millis().to_string()),
            Self::OptionalRate(field) => {
                Some(field(settings).map_or_else(|| quote(NONE), |rate| rate.to_string()))
            }
            Self::Burst(field) => Some(field(settings).to_string()),
            Self::Number(field) => Some(field(settings).to_string()),
            Self::OptionalCount(field) => {
                Some(field(settings).map_or_else(|| quote(NONE), |count| count.to_string()))
            }
            Self::Status(field) => Some(field(settings).to_string()),
            Self::Choice(choice) => choice
                .words
                .get((choice.read)(settings))
                .map(|it| quote(it)),
            Self::Texts(field) => Some(list(field(settings))),
            Self::Patterns(field) => Some(list(field(settings))),
            Self::Transports(field) => {
                let names: Vec<_> = field(settings)
                    .iter()
                    .filter_map(|it| TRANSPORTS.iter().find(|(_, transport)| transport == it))
                    .map(|(name, _)| *name)
                    .collect();
                Some(list(&names))
            }
        }
    }
}

fn each<T>(
    written: &Written<'_>,
    read: fn(&str) -> Result<T, &'static str>,
) -> Result<Vec<T>, String> {
    let read = |text: &String| {
        read(text).map_err(|expected| format!("invalid value '{text}': {expected}"))
    };
    written.texts.iter().map(read).collect()
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "an IP address and a port were expected, such as 127.0.0.1:8080 or [::1]:8080")
}

fn origin(text: &str) -> Result<Origin, &'static str> {
    text.parse().map_err(|_| {
        "the address of one site was expected, scheme://host[:port] without a path, such as \
         https://example.com"
    })
}

fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = || Some(IpNet::from(text.parse::<std::net::IpAddr>().ok()?));
    let network = text.parse().ok().or_else(address);
    network.ok_or("a network or an address was expected, such as 10.0.0.0/8 or 127.0.0.1")
}

fn pattern(text: &str) -> Result<Pattern, &'static str> {
    Pattern::parse(text).map_err(|_| "a channel or a pattern was expected, such as /chat/**")
}

fn transport(text: &str) -> Result<Transport, &'static str> {
    let known = TRANSPORTS.iter().find(|(name, _)| *name == text);
    let transport = known.map(|(_, transport)| *transport);
    transport.ok_or("websocket, long-polling or callback-polling was expected")
}

fn number(text: &str) -> Option<usize> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

fn count(text: &str) -> Option<usize> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|count| digits && *count > 0)
}

fn small_count(text: &str) -> Option<u32> {
    u32::try_from(count(text)?).ok()
}

fn size(text: &str) -> Option<usize> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let unit = units
        .into_iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)));
    let (number, shift) = unit.unwrap_or((text, 0));
    count(number.trim_end())?.checked_mul(1 << shift)
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.parse().ok()?;
    let legal = (0.0..=MAX_SECONDS).contains(&seconds);
    legal.then(|| Duration::from_secs_f64(seconds))
}

fn timeout(text: &str) -> Option<Duration> {
    seconds(text).filter(|time| !time.is_zero())
}

fn or_none<T>(text: &str, read: fn(&str) -> Option<T>) -> Option<Option<T>> {
    if text == NONE {
        Some(None)
    } else {
        read(text).map(Some)
    }
}

fn period(text: &str) -> Option<Duration> {
    let period = text.parse().ok().filter(|period| PERIODS.contains(period));
    period.map(Duration::from_millis)
}

fn list<T: ToString>(values: &[T]) -> String {
    let values: Vec<String> = values
        .iter()
        .map(|value| quote(&value.to_string()))
        .collect();
    format!("[{}]", values.join(", "))
}

/// A text as TOML has it.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_with_units() {
        assert_eq!(size("65536"), Some(65_536));
        assert_eq!(size("64KiB"), Some(65_536));
        assert_eq!(size("1 MiB"), Some(1 << 20));
        for wrong in [
            "",
            "0",
            "-1",
            "+1",
            "1.5",
            "KiB",
            "1KB",
            "99999999999999GiB",
        ] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
        assert_eq!(seconds("0.2"), Some(Duration::from_millis(200)));
        assert_eq!(seconds("0"), Some(Duration::ZERO));
        for wrong in ["", "-1", "nan", "inf", "1e300", "1s"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
        assert_eq!(or_none("none", seconds), Some(None));
        assert_eq!(or_none("None", seconds), None);
        assert_eq!(or_none("0", timeout), None);
    }
}
