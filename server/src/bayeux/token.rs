//! Random names that nobody guesses.

use std::{fmt::Write, sync::Arc};

use ring::rand::{SecureRandom, SystemRandom};

/// Random bytes of a token: 160 bits.
const BYTES: usize = 20;

/// A random token of 40 hexadecimal digits; `None` where this system gives no random numbers.
pub(super) fn token() -> Option<Arc<str>> {
    let mut bytes = [0; BYTES];
    SystemRandom::new().fill(&mut bytes).ok()?;
    let mut text = String::with_capacity(2 * BYTES);
    for byte in bytes {
        // Writing into a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_token_comes_twice_and_each_bit_is_set_in_half_of_them() {
        const COUNT: usize = 20_000;
        let mut ones = [0_usize; BYTES * 8];
        let tokens: HashSet<_> = (0..COUNT).map(|_| token().unwrap()).collect();
        assert_eq!(tokens.len(), COUNT);
        for token in &tokens {
            for (place, digit) in token.chars().enumerate() {
                let digit = digit.to_digit(16).unwrap();
                for bit in 0..4 {
                    ones[place * 4 + bit] += (digit >> bit & 1) as usize;
                }
            }
        }
        // Seven standard deviations: one run in 10^9 fails by chance.
        let spread = (COUNT as f64).sqrt() / 2.0 * 7.0;
        for (bit, ones) in ones.into_iter().enumerate() {
            let off = (ones as f64 - COUNT as f64 / 2.0).abs();
            assert!(off < spread, "bit {bit} is set in {ones} of {COUNT}");
        }
    }
}
