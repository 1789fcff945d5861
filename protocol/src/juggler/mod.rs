//! Juggler: a server's JSON state mirrored by diffs, requests, notifications.
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`client`] | a client's whole life: connecting, mirroring, requests, reconnecting |
//! | [`server`] | one connection of a server |
//! | [`flush`] | when changed state is sent |
//! | [`message`] | the four messages as JSON |
//! | [`segment`] | messages cut into segments and put together again |
//! | [`keepalive`] | pings and silence |
//! | [`budget`] | what the unfinished messages of all connections may hold |

pub mod budget;
pub mod client;
pub mod flush;
pub mod keepalive;
mod link;
pub mod message;
pub mod segment;
pub mod server;

pub use client::Client;
pub use flush::Flush;
pub use server::Server;
