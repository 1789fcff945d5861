//! `cargo +nightly fuzz run htpasswd`
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| mirrorball_fuzz::htpasswd(data));
