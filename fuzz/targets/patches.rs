//! `cargo +nightly fuzz run patches`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mirrorball_fuzz::patches(data));
