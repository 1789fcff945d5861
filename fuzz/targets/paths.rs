//! `cargo +nightly fuzz run paths`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mirrorball_fuzz::paths(data));
