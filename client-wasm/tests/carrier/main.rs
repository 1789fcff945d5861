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

use gloo_timers::callback::Timeout;
use js_sys::Promise;
use mirrorball_client_wasm::js::Js;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

/// Random histories of one document.
const HISTORIES: u64 = 2_000;
/// Schedules of a client, a server and a network.
const SCHEDULES: u64 = 1_000;
/// Schedules at a time.
const TURN: usize = 50;

#[wasm_bindgen_test]
async fn the_public_json_patch_suite() {
    let_the_browser_work().await;
    suite::rfc6902::all::<Js>();
}

#[wasm_bindgen_test]
async fn pointers_patches_and_limits() {
    let_the_browser_work().await;
    suite::table::all::<Js>();
}

#[wasm_bindgen_test]
async fn diffs() {
    let_the_browser_work().await;
    suite::diff::all::<Js>(HISTORIES);
}

#[wasm_bindgen_test]
async fn a_clients_life() {
    let_the_browser_work().await;
    suite::client::all::<Js>();
}

#[wasm_bindgen_test]
async fn a_bayeux_clients_life() {
    let_the_browser_work().await;
    suite::bayeux::client::all::<Js>();
    suite::bayeux::client_requests::all::<Js>();
    suite::bayeux::client_ext::all::<Js>();
}

#[wasm_bindgen_test]
async fn bayeux_schedules() {
    for first in (0..SCHEDULES).step_by(TURN) {
        let_the_browser_work().await;
        suite::bayeux::pair::schedules::<Js>(first..first + TURN as u64);
    }
}

#[wasm_bindgen_test]
async fn schedules() {
    for first in (0..SCHEDULES).step_by(TURN) {
        let_the_browser_work().await;
        suite::pair::schedules::<Js>(first..first + TURN as u64);
    }
}

/// The browser's driver asks the page how far it is, and gives up where the page does not answer for 20 s: between
/// long tests it gets its turn.
async fn let_the_browser_work() {
    let turn = Promise::new(&mut |resolve, _| {
        Timeout::new(0, move || drop(resolve.call0(&JsValue::UNDEFINED))).forget();
    });
    JsFuture::from(turn).await.unwrap();
}
