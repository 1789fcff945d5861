//! A Bayeux client's options.

use mirrorball_protocol::bayeux::client::{ClientOptions, ConnectionType, Replay};
use wasm_bindgen::prelude::wasm_bindgen;

use super::Values;

/// The options of a client, as indices into the list of their values. The facade gives them names.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum BayeuxSetting {
    /// Whether to ask for messages until they are acknowledged: 0 or 1.
    Ack,
    /// Whether the page can renew its credentials: 0 or 1.
    Authenticates,
    /// Milliseconds that it may take for that.
    AuthenticationTimeout,
    /// Milliseconds for a socket to open.
    ConnectTimeout,
    /// Milliseconds for the server's reply to a disconnect.
    DisconnectTimeout,
    /// Attempts before the first connection; infinite for any number.
    FirstAttempts,
    /// Milliseconds for a reply, and for that to a connect beyond the time for which it is held.
    MaxNetworkDelay,
    /// Requests without an end.
    MaxPending,
    /// Milliseconds between two attempts, at most.
    MaxRetryDelay,
    /// Subscriptions.
    MaxSubscriptions,
    /// Milliseconds between two attempts, at least.
    MinRetryDelay,
    /// Whether subscriptions go on after the last message that was seen: 0 or 1.
    Replay,
    /// The id to subscribe with where the server does not know that one.
    ReplayFallback,
    /// Milliseconds for a request.
    RequestTimeout,
    /// Whether a way that worked is kept when it breaks: 0 or 1.
    Sticky,
    /// Whether messages say when they were sent: 0 or 1.
    Timestamp,
    /// Whether to find out the server's time: 0 or 1.
    Timesync,
}

/// Reads a client's options from values at the indices of [`BayeuxSetting`]; what is not given has the rules' default.
/// `addresses` say what the ways to the server are.
#[must_use]
pub fn read(values: &[f64], addresses: &[String], seed: u64) -> ClientOptions {
    let values = Values(values);
    let time = |option: &mut _, setting| values.time(option, setting as usize);
    let count = |option: &mut _, setting| values.count(option, setting as usize);
    let flag = |option: &mut _, setting| values.flag(option, setting as usize);
    let mut options = ClientOptions::default();
    options.connection_types = addresses
        .iter()
        .map(|address| match address.starts_with("ws") {
            true => ConnectionType::WebSocket,
            false => ConnectionType::LongPolling,
        })
        .collect();
    options.seed = seed;
    flag(&mut options.ack, BayeuxSetting::Ack);
    flag(&mut options.authenticates, BayeuxSetting::Authenticates);
    time(
        &mut options.authentication_timeout,
        BayeuxSetting::AuthenticationTimeout,
    );
    time(&mut options.connect_timeout, BayeuxSetting::ConnectTimeout);
    time(
        &mut options.disconnect_timeout,
        BayeuxSetting::DisconnectTimeout,
    );
    let attempts = values.given(BayeuxSetting::FirstAttempts as usize);
    options.first_attempts = attempts
        .filter(|attempts| attempts.is_finite())
        .map(|attempts| attempts as u32);
    time(
        &mut options.max_network_delay,
        BayeuxSetting::MaxNetworkDelay,
    );
    count(&mut options.max_pending, BayeuxSetting::MaxPending);
    time(&mut options.max_retry_delay, BayeuxSetting::MaxRetryDelay);
    count(
        &mut options.max_subscriptions,
        BayeuxSetting::MaxSubscriptions,
    );
    time(&mut options.min_retry_delay, BayeuxSetting::MinRetryDelay);
    let mut replays = false;
    flag(&mut replays, BayeuxSetting::Replay);
    options.replay = replays.then(|| Replay {
        fallback: values
            .given(BayeuxSetting::ReplayFallback as usize)
            .map(|id| id as i64),
        ..Replay::default()
    });
    values.maybe(
        &mut options.request_timeout,
        BayeuxSetting::RequestTimeout as usize,
    );
    flag(&mut options.sticky, BayeuxSetting::Sticky);
    flag(&mut options.timestamp, BayeuxSetting::Timestamp);
    flag(&mut options.timesync, BayeuxSetting::Timesync);
    options
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    const NONE: [f64; 17] = [f64::NAN; 17];

    fn with(setting: BayeuxSetting, value: f64) -> ClientOptions {
        let mut values = NONE;
        values[setting as usize] = value;
        read(&values, &[], 0)
    }

    /// What the rules say, without a way to a server.
    fn defaults() -> ClientOptions {
        let mut options = ClientOptions::default();
        options.connection_types = Vec::new();
        options
    }

    #[wasm_bindgen_test]
    fn what_is_missing_or_no_number_is_the_default() {
        assert_eq!(read(&[], &[], 0), defaults());
        assert_eq!(read(&NONE, &[], 0), defaults());
        assert_eq!(BayeuxSetting::Timesync as usize + 1, NONE.len());
    }

    #[wasm_bindgen_test]
    fn the_scheme_of_an_address_says_which_way_it_is() {
        let addresses = ["wss://a/b", "http://a/b", "ws://a"].map(String::from);
        let options = read(&NONE, &addresses, 7);
        let ways = options.connection_types.iter().map(ConnectionType::name);
        assert!(ways.eq(["websocket", "long-polling", "websocket"]));
        assert_eq!(options.seed, 7);
    }

    #[wasm_bindgen_test]
    fn each_setting_is_one_option() {
        let time = Duration::from_millis(1_234);
        let expect = |setting, value, change: fn(&mut ClientOptions, Duration)| {
            let mut expected = defaults();
            change(&mut expected, time);
            assert_eq!(with(setting, value), expected, "{setting:?}");
        };
        expect(BayeuxSetting::Ack, 1.0, |it, _| it.ack = true);
        expect(BayeuxSetting::Authenticates, 1.0, |it, _| {
            it.authenticates = true;
        });
        expect(BayeuxSetting::AuthenticationTimeout, 1_234.0, |it, time| {
            it.authentication_timeout = time;
        });
        expect(BayeuxSetting::ConnectTimeout, 1_234.0, |it, time| {
            it.connect_timeout = time;
        });
        expect(BayeuxSetting::DisconnectTimeout, 1_234.0, |it, time| {
            it.disconnect_timeout = time;
        });
        expect(BayeuxSetting::FirstAttempts, 3.0, |it, _| {
            it.first_attempts = Some(3);
        });
        expect(BayeuxSetting::FirstAttempts, f64::INFINITY, |it, _| {
            it.first_attempts = None;
        });
        expect(BayeuxSetting::MaxNetworkDelay, 1_234.0, |it, time| {
            it.max_network_delay = time;
        });
        expect(BayeuxSetting::MaxPending, 9.0, |it, _| it.max_pending = 9);
        expect(BayeuxSetting::MaxRetryDelay, 1_234.0, |it, time| {
            it.max_retry_delay = time;
        });
        expect(BayeuxSetting::MaxSubscriptions, 9.0, |it, _| {
            it.max_subscriptions = 9;
        });
        expect(BayeuxSetting::MinRetryDelay, 1_234.0, |it, time| {
            it.min_retry_delay = time;
        });
        expect(BayeuxSetting::Replay, 1.0, |it, _| {
            it.replay = Some(Replay::default());
        });
        // Which says nothing where nothing is replayed.
        expect(BayeuxSetting::ReplayFallback, -2.0, |_, _| {});
        expect(BayeuxSetting::RequestTimeout, 1_234.0, |it, time| {
            it.request_timeout = Some(time);
        });
        expect(BayeuxSetting::RequestTimeout, f64::INFINITY, |it, _| {
            it.request_timeout = None;
        });
        expect(BayeuxSetting::Sticky, 0.0, |it, _| it.sticky = false);
        expect(BayeuxSetting::Timestamp, 1.0, |it, _| it.timestamp = true);
        expect(BayeuxSetting::Timesync, 1.0, |it, _| it.timesync = true);
    }
}
