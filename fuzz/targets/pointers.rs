//! `cargo +nightly fuzz run pointers`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mirrorball_fuzz::pointers(data));
