//! The server library over real sockets, as a client sees it that knows nothing of its rules.

mod closing;
mod fixture;
mod memory;
mod mirroring;
mod notifications;
mod peer;
mod requests;
mod site;
