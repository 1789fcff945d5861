//! Servers for tests that run elsewhere: in a browser, in another process.
//!
//! The program `fixture` is a controller that starts and kills them by HTTP. Each is a process of its own, so
//! that killing it is what it is in production: no goodbye, and the same address when it comes back.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`plan`] | what a server is started with |
//! | [`mirror`] | a Juggler server whose requests change its state, answer, fail, never answer |
//! | [`board`] | the Bayeux service beside it |
//! | [`script`] | a server that sends what a test wrote down, and reports what it received |
//! | [`commands`] | what a client's process is told |
//! | [`child`], [`controller`] | a server's process, and who starts and kills them |

pub mod board;
pub mod child;
pub mod commands;
pub mod controller;
mod cors;
pub mod mirror;
pub mod plan;
pub mod script;

#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "it belongs to the suites of the rules, and panics on their behalf"
)]
#[path = "../../protocol/tests/suite/random.rs"]
mod random;
