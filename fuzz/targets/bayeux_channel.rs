//! `cargo +nightly fuzz run bayeux_channel`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mirrorball_fuzz::bayeux_channel(data));
