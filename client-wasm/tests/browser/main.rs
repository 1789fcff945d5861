//! The browser client in a browser, against real servers.
//!
//! `cargo run -p mirrorball-tests --bin fixture` starts and kills the servers; where it listens is said by
//! `MIRRORBALL_FIXTURE` when these tests are built.
#![cfg(target_arch = "wasm32")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test a panic is the report"
)]

mod callbacks;
mod client;
mod faults;
mod fixture;
mod life;
mod mirroring;
mod page;
mod requests;
mod typed;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
