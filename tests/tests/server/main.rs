//! The server library over real sockets, as a client sees it that knows nothing of its rules.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test a panic is the report"
)]

mod auth;
mod closing;
mod compression;
mod connections;
mod draining;
mod fixture;
mod hostile;
mod http;
mod independence;
mod limits;
mod memory;
mod mirroring;
mod notifications;
mod peer;
mod raw;
mod requests;
mod server;
mod site;
mod tls;
mod twins;
