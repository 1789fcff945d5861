//! `cargo +nightly fuzz run bayeux_client`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mirrorball_fuzz::bayeux_client(data));
