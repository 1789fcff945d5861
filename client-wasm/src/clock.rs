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
        let left = deadline.since(now());
        // Rounded up: a tick that comes early does nothing, and has to be waited for again.
        let delay = left.as_secs().saturating_mul(1_000);
        let delay = delay.saturating_add(u64::from(left.subsec_millis()) + 1);
        let delay = u32::try_from(delay.min(MAX_DELAY)).unwrap_or(u32::MAX);
        self.armed = Some((deadline, Timeout::new(delay, fire)));
    }

    /// The timer has fired.
    pub fn fired(&mut self) {
        // Forgetting it instead would leak its callback.
        self.armed = None;
    }
}

#[cfg(test)]
mod tests {
    use js_sys::{Array, Function, Reflect};
    use wasm_bindgen::{JsCast, JsValue};
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    const GLOBALS: [&str; 2] = ["setTimeout", "clearTimeout"];

    /// Timers that fire when the test says so, for as long as this lives.
    struct Timers {
        real: [JsValue; 2],
        /// Callbacks and their delays.
        set: Array,
        cleared: Array,
    }

    impl Timers {
        fn replace() -> Self {
            let real = GLOBALS.map(|name| Reflect::get(&js_sys::global(), &name.into()).unwrap());
            let (set, cleared) = (Array::new(), Array::new());
            let record = |list: &Array, body: &str| {
                let make = Function::new_with_args("list", body);
                make.call1(&JsValue::NULL, list).unwrap()
            };
            let fakes = [
                record(
                    &set,
                    "return (call, delay) => list.push([call, delay]) - 1;",
                ),
                record(&cleared, "return (id) => { list.push(id); };"),
            ];
            put(&fakes);
            Self { real, set, cleared }
        }

        fn last(&self) -> (Function, f64) {
            let last: Array = self.set.get(self.set.length() - 1).unchecked_into();
            (last.get(0).unchecked_into(), last.get(1).as_f64().unwrap())
        }
    }

    impl Drop for Timers {
        fn drop(&mut self) {
            put(&self.real);
        }
    }

    fn put(functions: &[JsValue; 2]) {
        for (name, function) in GLOBALS.iter().zip(functions) {
            Reflect::set(&js_sys::global(), &(*name).into(), function).unwrap();
        }
    }

    fn after(milliseconds: u64) -> Option<Instant> {
        Some(now() + Duration::from_millis(milliseconds))
    }

    #[wasm_bindgen_test]
    fn the_clock_counts_milliseconds() {
        assert_eq!(to_milliseconds(Instant::from_millis(1_500)), 1_500.0);
        let before = milliseconds();
        let between = to_milliseconds(now());
        // Read to the microsecond.
        assert!(before - 0.001 <= between && between <= milliseconds());
    }

    #[wasm_bindgen_test]
    fn a_timer_is_set_again_only_to_be_earlier() {
        let timers = Timers::replace();
        let mut timer = Timer::default();
        timer.set(None, || {});
        assert_eq!(timers.set.length(), 0);
        timer.set(after(100_000), || {});
        let (_, delay) = timers.last();
        assert!(90_000.0 < delay && delay <= 100_001.0, "{delay}");
        timer.set(after(200_000), || {});
        timer.set(None, || {});
        assert_eq!((timers.set.length(), timers.cleared.length()), (1, 0));
        timer.set(after(50_000), || {});
        assert_eq!((timers.set.length(), timers.cleared.length()), (2, 1));
        // What is due already is due in a moment, and what is never due does not overflow.
        timer.set(Some(Instant::default()), || {});
        assert_eq!(timers.last().1, 1.0);
        timer.fired();
        timer.set(Some(Instant::from_origin(Duration::MAX)), || {});
        assert_eq!(timers.last().1, f64::from(i32::MAX));
        drop(timer);
        assert_eq!(timers.cleared.length(), timers.set.length());
    }

    #[wasm_bindgen_test]
    fn firing_leaves_nothing_behind() {
        const ROUNDS: usize = 100_000;
        let timers = Timers::replace();
        let mut timer = Timer::default();
        let mut fire = |rounds: usize| {
            for _ in 0..rounds {
                let large = [0_u8; 64];
                timer.set(after(1), move || {
                    std::hint::black_box(large);
                });
                let (call, _) = timers.last();
                call.call0(&JsValue::NULL).unwrap();
                timer.fired();
                timers.set.set_length(0);
                timers.cleared.set_length(0);
            }
        };
        let size = || core::arch::wasm32::memory_size(0);
        fire(1_000);
        let before = size();
        fire(ROUNDS);
        let pages = size() - before;
        assert!(pages < 4, "{pages} pages of memory for {ROUNDS} timers");
    }
}
