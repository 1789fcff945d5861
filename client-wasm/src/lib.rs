//! The browser client of mirrorball.
//!
//! Juggler over the browser's own WebSocket, mirrored into plain JS objects, and Bayeux over that or long-polling: a module of
//! WebAssembly for each, by the feature that is on. The rules are those of `mirrorball-protocol`; here is what a browser adds:
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`js`] | JSON carried by JS values, copied on write once per read |
//! | [`shell`] | the driver: one machine, its line to the server, its timer |
//! | [`socket`], [`clock`] | the browser's WebSocket, clock and timer |
//! | [`options`] | options as the page writes them |
//! | `juggler`, `bayeux` | the classes that the package `mirrorball` wraps, each with the feature of its name |
//! | `way`, `polling` | a line that is a WebSocket or long-polling, and the latter, with the feature `bayeux` |
//! | `typed` | state and answers as Rust types, with the feature `typed` |

#![expect(
    clippy::cast_precision_loss,
    reason = "JS counts in floats, which are exact up to 2^53"
)]

/// Smaller and faster than the default allocator of this target.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

#[cfg(feature = "bayeux")]
pub mod bayeux;
pub mod clock;
pub mod js;
#[cfg(feature = "juggler")]
pub mod juggler;
pub mod options;
#[cfg(feature = "bayeux")]
mod polling;
pub mod shell;
pub mod socket;
#[cfg(feature = "typed")]
pub mod typed;
#[cfg(feature = "bayeux")]
pub mod way;

#[cfg(test)]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
