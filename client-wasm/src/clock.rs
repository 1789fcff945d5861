//! The browser's clock and timer.

use std::time::Duration;

use gloo_timers::callback::Timeout;
use mirrorball_protocol::time::Instant;
use wasm_bindgen::prelude::wasm_bindgen;

/// The longest delay that a browser's timer takes, in milliseconds; it fires at once for a longer one.
const MAX_DELAY: u64 = i32::MAX as u64;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = "now")]
    fn milliseconds() -> f64;
}

/// Now, on the clock of `performance.now()`: monotonic, in pages and in workers.
#[must_use]
pub fn now() -> Instant {
    // A clock that runs for 285,000 years stays within 64 bits.
    Instant::from_origin(Duration::from_micros((milliseconds() * 1_000.0) as u64))
}

/// A moment as `performance.now()` gives it, in milliseconds.
#[must_use]
pub fn to_milliseconds(moment: Instant) -> f64 {
    moment.since_origin().as_secs_f64() * 1_000.0
}

/// One timer that is set again lazily: where the next moment is later than the one it is set to, it is left
/// alone, for a tick that comes early does nothing.
#[derive(Debug, Default)]
pub struct Timer {
    armed: Option<(Instant, Timeout)>,
}

impl Timer {
    /// Has `fire` called at `deadline`, or before.
    pub fn set(&mut self, deadline: Option<Instant>, fire: impl FnOnce() + 'static) {
        let Some(deadline) = deadline else { return };
        if self
            .armed
            .as_ref()
            .is_some_and(|(armed, _)| *armed <= deadline)
        {
            return;
        }
        let delay = deadline.since(now());
        // Rounded up: a tick that comes early does nothing, and has to be waited for again.
        let delay = delay.as_secs().saturating_mul(1_000) + u64::from(delay.subsec_millis()) + 1;
        let delay = u32::try_from(delay.min(MAX_DELAY)).unwrap_or(u32::MAX);
        self.armed = Some((deadline, Timeout::new(delay, fire)));
    }

    /// The timer has fired.
    pub fn fired(&mut self) {
        if let Some((_, timeout)) = self.armed.take() {
            // There is nothing left to cancel.
            timeout.forget();
        }
    }
}
