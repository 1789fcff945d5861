//! Numbers as JSON means them.

use core::{cmp::Ordering, fmt, hash};

/// A JSON number: finite, exact for every 64-bit integer.
///
/// Equality is numeric: `1` equals `1.0`, and `-0` equals `0`.
#[derive(Clone, Copy)]
pub struct Number(Repr);

/// The form that a number has.
#[derive(Clone, Copy)]
pub(crate) enum Repr {
    Int(i64),
    /// Only above `i64::MAX`.
    Big(u64),
    /// Finite.
    Float(f64),
}

impl Number {
    /// The number `value`; `None` for what JSON has no word for: infinities and NaN.
    #[must_use]
    pub fn from_f64(value: f64) -> Option<Self> {
        value.is_finite().then_some(Self(Repr::Float(value)))
    }

    /// The nearest float.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the documented meaning")]
    pub const fn as_f64(self) -> f64 {
        match self.0 {
            Repr::Int(value) => value as f64,
            Repr::Big(value) => value as f64,
            Repr::Float(value) => value,
        }
    }

    /// The integer this number is, also where it is written with a fraction of zero; `None` for fractions
    /// and for what is past 64 bits.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked by the comparison behind it"
    )]
    #[expect(clippy::cast_precision_loss, reason = "both bounds are powers of two")]
    pub fn as_i64(self) -> Option<i64> {
        match self.0 {
            Repr::Int(value) => Some(value),
            Repr::Big(_) => None,
            Repr::Float(value) => {
                let whole = value as i64;
                let inside = value >= i64::MIN as f64 && value < -(i64::MIN as f64);
                (inside && whole as f64 == value).then_some(whole)
            }
        }
    }

    /// As [`as_i64`](Self::as_i64), for numbers that are not negative, up to 2^64 − 1.
    #[must_use]
    pub fn as_u64(self) -> Option<u64> {
        match self.0 {
            Repr::Big(value) => Some(value),
            Repr::Int(_) | Repr::Float(_) => u64::try_from(self.as_i64()?).ok(),
        }
    }

    pub(crate) const fn repr(self) -> Repr {
        self.0
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (self.as_i64(), other.as_i64()) {
            (Some(one), Some(two)) => one == two,
            (None, None) => match (self.0, other.0) {
                (Repr::Big(one), Repr::Big(two)) => one == two,
                _ => self.as_f64().partial_cmp(&other.as_f64()) == Some(Ordering::Equal),
            },
            _ => false,
        }
    }
}

impl Eq for Number {}

impl hash::Hash for Number {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        match self.as_i64() {
            Some(value) => value.hash(state),
            None => self.as_f64().to_bits().hash(state),
        }
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(Repr::Int(value))
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self(i64::try_from(value).map_or(Repr::Big(value), Repr::Int))
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Repr::Int(value) => value.fmt(out),
            Repr::Big(value) => value.fmt(out),
            Repr::Float(value) => value.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(value: f64) -> Number {
        Number::from_f64(value).unwrap()
    }

    #[test]
    fn equality_is_numeric() {
        assert_eq!(Number::from(1_i64), float(1.0));
        assert_eq!(float(0.0), float(-0.0));
        assert_eq!(Number::from(0_i64), float(-0.0));
        assert_ne!(Number::from(1_i64), float(1.5));
        assert_ne!(Number::from(u64::MAX), Number::from(u64::MAX - 1));
        assert_ne!(Number::from(i64::MAX), Number::from(i64::MAX - 1));
        assert_eq!(Number::from(u64::MAX), float(18_446_744_073_709_551_615.0));
        assert_eq!(float(-9_223_372_036_854_775_808.0), Number::from(i64::MIN));
        assert_eq!(float(9_223_372_036_854_775_808.0).as_i64(), None);
    }

    #[test]
    fn json_has_no_word_for_these() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(Number::from_f64(value).is_none());
        }
    }
}
