//! `cargo +nightly fuzz run server`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mirrorball_fuzz::server(data));
