//! Options as the facade passes them: numbers at the indices of an enumeration, to which the facade gives names.

#[cfg(feature = "bayeux")]
pub mod bayeux;
#[cfg(feature = "juggler")]
pub mod juggler;

use std::time::Duration;

/// Options as numbers. What is missing or not a number is not given.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a>(pub &'a [f64]);

impl Values<'_> {
    /// The number at an index.
    fn given(self, index: usize) -> Option<f64> {
        self.0.get(index).copied().filter(|value| !value.is_nan())
    }

    /// Sets a time, in milliseconds.
    fn time(self, option: &mut Duration, index: usize) {
        if let Some(value) = self.given(index) {
            *option = duration(value).unwrap_or(Duration::MAX);
        }
    }

    /// Sets a time that may be endless.
    fn maybe(self, option: &mut Option<Duration>, index: usize) {
        if let Some(value) = self.given(index) {
            *option = duration(value);
        }
    }

    /// Sets a count.
    fn count(self, option: &mut usize, index: usize) {
        if let Some(value) = self.given(index) {
            *option = to_count(value);
        }
    }

    /// Sets what is 0 or 1.
    fn flag(self, option: &mut bool, index: usize) {
        if let Some(value) = self.given(index) {
            *option = value != 0.0;
        }
    }
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

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test]
    fn times_are_whole_milliseconds_and_never_negative() {
        assert_eq!(duration(0.0), Some(Duration::ZERO));
        assert_eq!(duration(-1.0), Some(Duration::ZERO));
        assert_eq!(duration(1.9), Some(Duration::from_millis(1)));
        assert_eq!(duration(9_007_199_254_740_992.0), None);
        assert_eq!(duration(f64::INFINITY), None);
        assert_eq!(duration(f64::NEG_INFINITY), Some(Duration::ZERO));
    }
}
