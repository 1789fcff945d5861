//! The rules of live server state, without I/O.
//!
//! Everything that the protocols *decide* is here: how values differ and how patches apply, how
//! messages are cut into segments, when a ping is due, when to connect again. Nothing here can open a
//! socket, read a clock, start a thread or draw a random number: the crate has no `std`. Shells, one for
//! each platform, feed [`Machine`]s with what happened and carry out what they say; [`machine::Machine`]
//! states the contract and the loop.
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`json`] | values, pointers, patches, diffs, over two carriers |
//! | [`juggler`] | mirrored state: segments, messages, a client, a server's connection |
//! | [`bayeux`] | publish and subscribe: channels, messages, a client, a broker |
//! | [`machine`] | the contract between rules and shells |
//! | [`backoff`], [`rate`], [`reason`], [`time`] | waiting, going slow, closing, moments |
//!
//! Bad input is an error that says whose fault it is. A panic is a bug of this crate.
#![no_std]

extern crate alloc;
#[cfg(test)]
#[macro_use]
extern crate std;

pub mod backoff;
pub mod bayeux;
pub mod json;
pub mod juggler;
pub mod machine;
pub mod rate;
pub mod reason;
pub mod time;

pub use machine::Machine;
