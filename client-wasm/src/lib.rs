//! The browser client of mirrorball.
//!
//! Juggler over the browser's own WebSocket, mirrored into plain JS objects. The rules are those of
//! `mirrorball-protocol`; here is what a browser adds:
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`js`] | JSON carried by JS values, copied on write once per read |
//! | [`shell`] | the driver: one machine, its socket, its timer |
//! | [`socket`], [`clock`] | the browser's WebSocket, clock and timer |
//! | [`options`] | options as the page writes them |
//! | [`juggler`] | the class that the package `mirrorball` wraps |

#![expect(
    clippy::cast_precision_loss,
    reason = "JS counts in floats, which are exact up to 2^53"
)]
#![expect(
    clippy::needless_pass_by_value,
    reason = "values from JS are passed by value"
)]

/// Smaller and faster than the default allocator of this target.
#[cfg(target_family = "wasm")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

pub mod clock;
pub mod js;
pub mod juggler;
pub mod options;
pub mod shell;
pub mod socket;
