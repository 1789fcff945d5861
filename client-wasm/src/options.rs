//! Options as the facade passes them.

use std::time::Duration;

use mirrorball_protocol::juggler::{client::ClientOptions, keepalive::KeepaliveOptions};
use wasm_bindgen::prelude::wasm_bindgen;

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
    /// Milliseconds for a request.
    RequestTimeout,
    /// Milliseconds for a first state.
    SyncTimeout,
}

/// Reads a client's options from values at the indices of [`Setting`]. What is missing or not a number has
/// the rules' default, except for the keep-alive.
#[must_use]
pub fn read(values: &[f64], addresses: usize, seed: u64) -> ClientOptions {
    let given = |setting| {
        values
            .get(setting as usize)
            .copied()
            .filter(|value| !value.is_nan())
    };
    let set = |option: &mut Duration, setting| {
        if let Some(value) = given(setting) {
            *option = duration(value).unwrap_or(Duration::MAX);
        }
    };
    let maybe = |option: &mut Option<Duration>, setting| {
        if let Some(value) = given(setting) {
            *option = duration(value);
        }
    };
    let count = |option: &mut usize, setting| {
        if let Some(value) = given(setting) {
            *option = to_count(value);
        }
    };
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
    maybe(&mut options.request_timeout, Setting::RequestTimeout);
    set(&mut options.sync_timeout, Setting::SyncTimeout);
    options
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float beyond the range becomes its border"
)]
const fn to_count(number: f64) -> usize {
    number as usize
}

/// The time of so many milliseconds; `None` for ever: infinity, or what is longer than 285,000 years.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be less than 2^53; what is negative becomes zero"
)]
pub fn duration(milliseconds: f64) -> Option<Duration> {
    const FOR_EVER: f64 = 9_007_199_254_740_992.0;
    (milliseconds < FOR_EVER).then(|| Duration::from_millis(milliseconds as u64))
}
