//! What waits between attempts are drawn from.

use ring::rand::{SecureRandom, SystemRandom};

/// A number that every client has another of.
pub(crate) fn seed() -> u64 {
    let mut seed = [0; 8];
    // A system without randomness draws the same waits for all: they come back together, and that is all.
    let _ = SystemRandom::new().fill(&mut seed);
    u64::from_ne_bytes(seed)
}
