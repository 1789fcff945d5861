//! [`Advice`]: what a server tells clients to do next.

use core::time::Duration;

use super::message::{Field, Members, millis};
use crate::json::{Json, Key};

/// What a client is to do once a `/meta/connect` or `/meta/handshake` came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconnect {
    /// Connect again.
    Retry,
    /// Shake hands again: the session is gone.
    Handshake,
    /// Stay away.
    None,
}

impl Reconnect {
    /// What a word says; one that nobody knows says to stay away.
    fn of(word: &str) -> Self {
        match word {
            "retry" => Self::Retry,
            "handshake" => Self::Handshake,
            _ => Self::None,
        }
    }

    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Handshake => "handshake",
            Self::None => "none",
        }
    }
}

/// What a server tells clients to do next, as far as it says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// What to do.
    pub reconnect: Option<Reconnect>,
    /// How long to wait before that.
    pub interval: Option<Duration>,
    /// How long the server holds a `/meta/connect`.
    pub timeout: Option<Duration>,
    /// How long the session lives without a `/meta/connect`.
    pub max_interval: Option<Duration>,
    /// Another session of the same browser holds a `/meta/connect`.
    pub multiple_clients: bool,
}

impl Advice {
    /// Reads an `advice`. What is of the wrong type is as if it was not there; a word for `reconnect` that nobody knows means
    /// to stay away; negative times, which old servers send, are none.
    pub fn read<J: Json>(advice: &J) -> Self {
        let time = |field: Field| {
            let millis = field.of(advice)?.as_integer()?;
            u64::try_from(millis).ok().map(Duration::from_millis)
        };
        Self {
            reconnect: Field::Reconnect
                .of(advice)
                .and_then(J::into_key)
                .map(|word| Reconnect::of(&word.to_str())),
            interval: time(Field::Interval),
            timeout: time(Field::Timeout),
            max_interval: time(Field::MaxInterval),
            multiple_clients: Field::MultipleClients
                .of(advice)
                .is_some_and(|it| it.as_bool() == Some(true)),
        }
    }

    /// This, and what `defaults` say where it says nothing.
    #[must_use]
    pub fn over(&self, defaults: &Self) -> Self {
        Self {
            reconnect: self.reconnect.or(defaults.reconnect),
            interval: self.interval.or(defaults.interval),
            timeout: self.timeout.or(defaults.timeout),
            max_interval: self.max_interval.or(defaults.max_interval),
            multiple_clients: self.multiple_clients || defaults.multiple_clients,
        }
    }

    /// Writes it as a member of a message.
    pub fn write(&self, message: &mut Members<'_>) {
        message.object("advice", |advice| {
            if let Some(reconnect) = self.reconnect {
                advice.text("reconnect", reconnect.word());
            }
            for (name, time) in [
                ("interval", self.interval),
                ("timeout", self.timeout),
                ("maxInterval", self.max_interval),
            ] {
                if let Some(time) = time {
                    advice.integer(name, millis(time));
                }
            }
            if self.multiple_clients {
                advice.flag("multiple-clients", true);
            }
        });
    }
}
