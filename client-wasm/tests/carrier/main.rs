//! JSON carried by JS values: the suites of the rules, and what only this carrier promises.
#![cfg(target_arch = "wasm32")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test a panic is the report"
)]

mod mirror;

#[path = "../../../protocol/tests/suite/mod.rs"]
mod suite;

use mirrorball_client_wasm::js::Js;
use wasm_bindgen_test::wasm_bindgen_test;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// Random histories of one document.
const HISTORIES: u64 = 2_000;
/// Schedules of a client, a server and a network.
const SCHEDULES: u64 = 1_000;

#[wasm_bindgen_test]
fn the_public_json_patch_suite() {
    suite::rfc6902::all::<Js>();
}

#[wasm_bindgen_test]
fn pointers_patches_and_limits() {
    suite::table::all::<Js>();
}

#[wasm_bindgen_test]
fn diffs() {
    suite::diff::all::<Js>(HISTORIES);
}

#[wasm_bindgen_test]
fn a_clients_life() {
    suite::client::all::<Js>();
}

#[wasm_bindgen_test]
fn schedules() {
    suite::pair::schedules::<Js>(0..SCHEDULES);
}
