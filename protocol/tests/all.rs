//! Every suite over the native carrier, on the host and in wasm.

#[cfg(not(target_arch = "wasm32"))]
mod native;
mod suite;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use mirrorball_protocol::json::Value;

/// Random histories of one document.
const HISTORIES: u64 = if cfg!(target_arch = "wasm32") { 2_000 } else { 20_000 };

#[test]
fn the_public_json_patch_suite() {
    suite::rfc6902::all::<Value>();
}

#[test]
fn pointers_patches_and_limits() {
    suite::table::all::<Value>();
}

#[test]
fn diffs() {
    suite::diff::all::<Value>(HISTORIES);
}
