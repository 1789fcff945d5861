//! Live server state in every browser: a Juggler and Bayeux server on tokio and axum.
//!
//! A [`State`] is JSON that any task may change. A [`Juggler`] service mirrors it to every client over a
//! WebSocket as small diffs, answers their requests and sends them notifications. A [`Server`] serves it, with
//! static files, TLS and passwords where they are wanted, within bounds. It is an axum `Router`, too: nest it in
//! an app of your own. A [`Bayeux`] service beside it is where clients publish and subscribe.
//!
//! ```no_run
//! use mirrorball_server::{Juggler, Server, State};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let state = State::default();
//! let server = Server::builder()
//!     .juggler(Juggler::builder(state.clone()).build())
//!     .static_dir("www")
//!     .bind("127.0.0.1:8080")
//!     .await?
//!     .serve();
//! tokio::spawn(async move {
//!     for count in 0_u64.. {
//!         state.set("/count", count).expect("`/count` is a place in an object");
//!         tokio::time::sleep(std::time::Duration::from_secs(1)).await;
//!     }
//! });
//! server.closed().await;
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`state`] | the state and its changes |
//! | [`juggler`] | the service and its connections |
//! | [`bayeux`] | publish and subscribe: the service and its sessions |
//! | [`server`] | listening, and serving all of it within bounds |
//! | [`tls`] | certificates |
//! | [`auth`] | users and passwords |
//! | [`files`] | a folder of static files |
//! | [`origin`] | which pages may connect |
//! | [`proxies`] | who is at the other end |
//!
//! The protocol's rules are in [`mirrorball_protocol`]; this crate moves bytes.

pub mod auth;
pub mod bayeux;
mod closing;
pub mod files;
pub mod juggler;
mod limits;
pub mod origin;
pub mod proxies;
mod request_error;
pub mod server;
mod socket;
pub mod state;
pub mod tls;
mod watched;
mod written;

pub use bayeux::Bayeux;
pub use files::Files;
pub use juggler::{Connection, Juggler};
pub use limits::Limits;
pub use mirrorball_protocol::{
    json::{Value, to_value},
    juggler::server::ServerOptions,
    reason::Reason,
};
pub use proxies::Remote;
pub use request_error::RequestError;
pub use server::Server;
pub use state::{State, StateError};
pub use tls::Tls;
