//! The server's time, as clients ask for it.

use crate::{
    bayeux::Members,
    json::{Json, Value},
};

/// How far a client may be off before it is told again, in milliseconds.
const ACCURACY: i64 = 25;

/// What a client wants to know with a request: `ext.timesync`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sync {
    /// The client's time when it sent the request.
    sent: Value,
    /// The lag and the offset that it thinks there are.
    lag: Option<i64>,
    offset: i64,
    /// The server's time when the request came, in milliseconds since 1970.
    received: u64,
}

impl Sync {
    /// Reads the `ext` of a request that came at `received`, in milliseconds since 1970.
    #[must_use]
    pub fn read(ext: &Value, received: u64) -> Option<Self> {
        let sync = ext.get("timesync")?;
        let integer = |name| sync.get(name).and_then(Json::as_integer);
        Some(Self {
            sent: sync.get("tc").filter(|sent| !sent.is_container())?.clone(),
            lag: integer("l"),
            offset: integer("o").unwrap_or_default(),
            received,
        })
    }

    /// The lag that the client thinks there is, in milliseconds.
    #[must_use]
    pub const fn lag(&self) -> Option<i64> {
        self.lag
    }

    /// How far the client is off, where it says what it thinks.
    fn error(&self) -> Option<i64> {
        let sent = Json::as_integer(&self.sent)?;
        let received = i64::try_from(self.received).ok()?;
        let thinks = sent.checked_add(self.offset)?.checked_add(self.lag?)?;
        thinks.checked_sub(received)
    }

    /// Whether the client has to be told: not where it is close enough already.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        let is_close = self
            .error()
            .is_some_and(|error| error.unsigned_abs() < ACCURACY.unsigned_abs());
        !(is_close && self.lag != Some(0))
    }

    /// Writes the answer as a member of a reply's `ext`, at `now`, in milliseconds since 1970.
    pub fn write(&self, ext: &mut Members<'_>, now: u64) {
        let integer = |millis: u64| i64::try_from(millis).unwrap_or(i64::MAX);
        ext.object("timesync", |sync| {
            sync.value("tc", &self.sent);
            sync.integer("ts", integer(self.received));
            sync.integer("p", integer(now.saturating_sub(self.received)));
            if let Some(error) = self.error() {
                sync.integer("a", error);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;
    use crate::json::Limits;

    fn read(text: &str, received: u64) -> Option<Sync> {
        Sync::read(&Value::parse(text, &Limits::default()).unwrap(), received)
    }

    fn answer(sync: &Sync, now: u64) -> String {
        let mut text = String::new();
        Members::write(&mut text, |ext| sync.write(ext, now));
        text
    }

    #[test]
    fn a_first_request_is_answered_with_how_far_it_is_off() {
        let sync = read(r#"{"timesync":{"tc":1000,"l":0,"o":0}}"#, 1_030).unwrap();
        assert!(sync.is_wanted());
        let expected = r#"{"timesync":{"tc":1000,"ts":1030,"p":12,"a":-30}}"#;
        assert_eq!(answer(&sync, 1_042), expected);
    }

    #[test]
    fn who_is_close_enough_is_not_told_again() {
        let close = read(r#"{"timesync":{"tc":1000,"l":10,"o":15}}"#, 1_030).unwrap();
        assert!(!close.is_wanted());
        let far = read(r#"{"timesync":{"tc":1000,"l":10,"o":55}}"#, 1_030).unwrap();
        assert!(far.is_wanted());
        let no_lag = read(r#"{"timesync":{"tc":1000,"l":0,"o":30}}"#, 1_030).unwrap();
        assert!(no_lag.is_wanted());
    }

    #[test]
    fn who_says_no_lag_is_not_told_how_far_it_is_off() {
        let sync = read(r#"{"timesync":{"tc":1000}}"#, 1_030).unwrap();
        assert_eq!(
            answer(&sync, 1_030),
            r#"{"timesync":{"tc":1000,"ts":1030,"p":0}}"#
        );
    }

    #[test]
    fn nonsense_is_not_answered() {
        for text in [
            "7",
            "{}",
            r#"{"timesync":1}"#,
            r#"{"timesync":{"tc":[[]]}}"#,
        ] {
            assert_eq!(read(text, 1), None, "{text}");
        }
        let wide = read(
            r#"{"timesync":{"tc":9007199254740991,"l":9007199254740991}}"#,
            u64::MAX,
        );
        assert!(wide.unwrap().is_wanted());
    }
}
