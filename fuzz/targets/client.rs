//! `cargo +nightly fuzz run client`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mirrorball_fuzz::client(data));
