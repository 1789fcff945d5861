//! Options as the page writes them.

use std::time::Duration;

use js_sys::{Object, Reflect};
use mirrorball_protocol::juggler::{client::ClientOptions, keepalive::KeepaliveOptions};
use wasm_bindgen::{JsCast, JsValue};

/// How long a page listens before it asks, and then waits, by default: a page wants to know sooner than a
/// service that its server is gone.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// Reads a client's options: an object of numbers, times in milliseconds. What is missing has the rules'
/// default, except for the keep-alive.
///
/// # Errors
///
/// The name of the first option that is unknown or no number; the page is at fault.
pub fn read(page: &JsValue, addresses: usize, seed: u64) -> Result<ClientOptions, JsValue> {
    let mut options = ClientOptions::default();
    options.addresses = addresses;
    options.seed = seed;
    options.keepalive = KeepaliveOptions { ping_delay: Some(KEEPALIVE), ping_timeout: KEEPALIVE };
    let names = page.dyn_ref::<Object>().map(Object::keys).unwrap_or_default();
    for name in names.iter() {
        let given = Reflect::get(page, &name)?;
        if given.is_undefined() {
            continue;
        }
        let (Some(text), Some(number)) = (name.as_string(), given.as_f64()) else {
            return Err(name);
        };
        let time = duration(number);
        match text.as_str() {
            "connectTimeout" => set(&mut options.connect_timeout, time),
            "maxPending" => options.max_pending = count(number),
            "maxRetryDelay" => set(&mut options.max_retry_delay, time),
            "maxSegmentSize" => options.max_segment_size = count(number),
            "minRetryDelay" => set(&mut options.min_retry_delay, time),
            "pingDelay" => options.keepalive.ping_delay = time,
            "pingTimeout" => set(&mut options.keepalive.ping_timeout, time),
            "requestTimeout" => options.request_timeout = time,
            "syncTimeout" => set(&mut options.sync_timeout, time),
            _ => return Err(name),
        }
    }
    Ok(options)
}

fn set(option: &mut Duration, time: Option<Duration>) {
    *option = time.unwrap_or(Duration::MAX);
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float beyond the range becomes its border, and what is no number zero"
)]
const fn count(number: f64) -> usize {
    number as usize
}

/// The time of so many milliseconds; `None` for ever: infinity, or what is longer than 285,000 years.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be less than 2^53; what is negative or no number becomes zero"
)]
pub fn duration(milliseconds: f64) -> Option<Duration> {
    const FOR_EVER: f64 = 9_007_199_254_740_992.0;
    (milliseconds < FOR_EVER || milliseconds.is_nan())
        .then(|| Duration::from_millis(milliseconds as u64))
}
