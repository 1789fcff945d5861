//! `cargo +nightly fuzz run headers`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mirrorball_fuzz::headers(data));
