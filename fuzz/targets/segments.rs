//! `cargo +nightly fuzz run segments`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mirrorball_fuzz::segments(data));
