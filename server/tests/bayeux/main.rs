//! The Bayeux service over real sockets, as a client sees it that knows nothing of its rules.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test a panic is the report"
)]

mod life;
mod limits;
mod policy;
mod polling;
mod services;
mod site;
mod websocket;
