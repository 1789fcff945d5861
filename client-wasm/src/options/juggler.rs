//! A Juggler client's options.

use std::time::Duration;

use mirrorball_protocol::juggler::{client::ClientOptions, keepalive::KeepaliveOptions};
use wasm_bindgen::prelude::wasm_bindgen;

use super::Values;

/// How long a page listens before it asks, and then waits, by default: a page wants to know sooner than a
/// service that its server is gone.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// The options of a client, as indices into the list of their values. The facade gives them names.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum Setting {
    /// Milliseconds for a socket to open.
    ConnectTimeout,
    /// Requests without a response.
    MaxPending,
    /// Milliseconds between two attempts, at most.
    MaxRetryDelay,
    /// Bytes of UTF-8 in a segment.
    MaxSegmentSize,
    /// Milliseconds between two attempts, at least.
    MinRetryDelay,
    /// Milliseconds of silence before a ping.
    PingDelay,
    /// Milliseconds of silence after a ping.
    PingTimeout,
    /// Whether a connection that is lost is made again: 0 or 1.
    Reconnect,
    /// Milliseconds for a request.
    RequestTimeout,
    /// Milliseconds for a first state.
    SyncTimeout,
}

/// Reads a client's options from values at the indices of [`Setting`]. What is missing or not a number has
/// the rules' default, except for the keep-alive.
#[must_use]
pub fn read(values: &[f64], addresses: usize, seed: u64) -> ClientOptions {
    let values = Values(values);
    let set = |option: &mut _, setting| values.time(option, setting as usize);
    let maybe = |option: &mut _, setting| values.maybe(option, setting as usize);
    let count = |option: &mut _, setting| values.count(option, setting as usize);
    let mut options = ClientOptions::default();
    options.addresses = addresses;
    options.seed = seed;
    options.keepalive = KeepaliveOptions {
        ping_delay: Some(KEEPALIVE),
        ping_timeout: KEEPALIVE,
    };
    set(&mut options.connect_timeout, Setting::ConnectTimeout);
    count(&mut options.max_pending, Setting::MaxPending);
    set(&mut options.max_retry_delay, Setting::MaxRetryDelay);
    count(&mut options.max_segment_size, Setting::MaxSegmentSize);
    set(&mut options.min_retry_delay, Setting::MinRetryDelay);
    maybe(&mut options.keepalive.ping_delay, Setting::PingDelay);
    set(&mut options.keepalive.ping_timeout, Setting::PingTimeout);
    values.flag(&mut options.reconnect, Setting::Reconnect as usize);
    maybe(&mut options.request_timeout, Setting::RequestTimeout);
    set(&mut options.sync_timeout, Setting::SyncTimeout);
    options
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    const NONE: [f64; 10] = [f64::NAN; 10];

    fn with(setting: Setting, value: f64) -> ClientOptions {
        let mut values = NONE;
        values[setting as usize] = value;
        read(&values, 1, 0)
    }

    /// What the rules say, but for the keep-alive.
    fn defaults() -> ClientOptions {
        let mut options = ClientOptions::default();
        options.keepalive.ping_delay = Some(Duration::from_secs(5));
        options.keepalive.ping_timeout = Duration::from_secs(5);
        options
    }

    #[wasm_bindgen_test]
    fn what_is_missing_or_no_number_is_the_default() {
        assert_eq!(read(&[], 1, 0), defaults());
        assert_eq!(read(&NONE, 1, 0), defaults());
        assert_eq!(Setting::SyncTimeout as usize + 1, NONE.len());
        let options = read(&NONE, 3, 7);
        assert_eq!((options.addresses, options.seed), (3, 7));
    }

    #[wasm_bindgen_test]
    fn each_setting_is_one_option() {
        let time = Duration::from_millis(1_234);
        let expect = |setting, change: fn(&mut ClientOptions, Duration)| {
            let mut expected = defaults();
            change(&mut expected, time);
            assert_eq!(with(setting, 1_234.0), expected, "{setting:?}");
        };
        expect(Setting::ConnectTimeout, |it, time| {
            it.connect_timeout = time;
        });
        expect(Setting::MaxPending, |it, _| it.max_pending = 1_234);
        expect(Setting::MaxRetryDelay, |it, time| it.max_retry_delay = time);
        expect(Setting::MaxSegmentSize, |it, _| {
            it.max_segment_size = 1_234;
        });
        expect(Setting::MinRetryDelay, |it, time| it.min_retry_delay = time);
        expect(Setting::PingDelay, |it, time| {
            it.keepalive.ping_delay = Some(time);
        });
        expect(Setting::PingTimeout, |it, time| {
            it.keepalive.ping_timeout = time;
        });
        let mut once = defaults();
        once.reconnect = false;
        assert_eq!(with(Setting::Reconnect, 0.0), once);
        assert_eq!(with(Setting::Reconnect, 1.0), defaults());
        expect(Setting::RequestTimeout, |it, time| {
            it.request_timeout = Some(time);
        });
        expect(Setting::SyncTimeout, |it, time| it.sync_timeout = time);
    }

    #[wasm_bindgen_test]
    fn infinity_is_for_ever() {
        let endless = f64::INFINITY;
        assert_eq!(with(Setting::PingDelay, endless).keepalive.ping_delay, None);
        assert_eq!(with(Setting::RequestTimeout, endless).request_timeout, None);
        let connect = with(Setting::ConnectTimeout, endless).connect_timeout;
        assert_eq!(connect, Duration::MAX);
        let pending = with(Setting::MaxPending, endless).max_pending;
        assert_eq!(pending, usize::MAX);
    }
}
