//! Every suite over the native carrier, on the host and in wasm.

#[cfg(not(target_arch = "wasm32"))]
mod native;
mod suite;

use core::ops::Range;

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use mirrorball_protocol::json::Value;

/// Random histories of one document.
const HISTORIES: u64 = if cfg!(target_arch = "wasm32") {
    2_000
} else {
    20_000
};

/// Schedules of a client, a server and a network.
const SCHEDULES: u64 = if cfg!(target_arch = "wasm32") {
    2_000
} else {
    20_000
};

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

#[test]
fn a_clients_life() {
    suite::client::all::<Value>();
}

#[test]
fn a_servers_answers() {
    suite::server::all();
}

#[test]
fn a_bayeux_clients_life() {
    suite::bayeux::client::all::<Value>();
}

#[test]
fn a_bayeux_clients_requests() {
    suite::bayeux::client_requests::all::<Value>();
}

#[test]
fn a_bayeux_clients_extensions() {
    suite::bayeux::client_ext::all::<Value>();
}

// In parts, so that they are played side by side.

/// One part of the schedules' seeds.
const fn part(index: u64) -> Range<u64> {
    SCHEDULES / 4 * index..SCHEDULES / 4 * (index + 1)
}

#[test]
fn schedules_of_the_first_part() {
    suite::pair::schedules::<Value>(part(0));
}

#[test]
fn schedules_of_the_second_part() {
    suite::pair::schedules::<Value>(part(1));
}

#[test]
fn schedules_of_the_third_part() {
    suite::pair::schedules::<Value>(part(2));
}

#[test]
fn schedules_of_the_fourth_part() {
    suite::pair::schedules::<Value>(part(3));
}

#[test]
fn bayeux_schedules_of_the_first_part() {
    suite::bayeux::pair::schedules::<Value>(part(0));
}

#[test]
fn bayeux_schedules_of_the_second_part() {
    suite::bayeux::pair::schedules::<Value>(part(1));
}

#[test]
fn bayeux_schedules_of_the_third_part() {
    suite::bayeux::pair::schedules::<Value>(part(2));
}

#[test]
fn bayeux_schedules_of_the_fourth_part() {
    suite::bayeux::pair::schedules::<Value>(part(3));
}
