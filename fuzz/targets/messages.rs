//! `cargo +nightly fuzz run messages`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mirrorball_fuzz::messages(data));
