//! Live server state in every browser: a Juggler server on tokio and axum.
//!
//! A [`State`] is JSON that any task may change. A [`Juggler`] service mirrors it to every client over a
//! WebSocket as small diffs, answers their requests and sends them notifications. It is an axum `Router`:
//! nest it in an app of your own.
//!
//! ```no_run
//! use std::net::SocketAddr;
//!
//! use axum::serve::ListenerExt;
//! use mirrorball_server::{Files, Juggler, State};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let state = State::default();
//! let juggler = Juggler::builder(state.clone()).build();
//! let app = juggler.into_router().merge(Files::open("www")?.into_router());
//!
//! // Diffs are small, and each is wanted at once.
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?.tap_io(|stream| {
//!     let _ = stream.set_nodelay(true);
//! });
//! tokio::spawn(async move {
//!     for count in 0_u64.. {
//!         state.set("/count", count).expect("`/count` is a place in an object");
//!         tokio::time::sleep(std::time::Duration::from_secs(1)).await;
//!     }
//! });
//! axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`state`] | the state and its changes |
//! | [`juggler`] | the service and its connections |
//! | [`files`] | a folder of static files |
//! | [`origin`] | which pages may connect |
//!
//! The protocol's rules are in [`mirrorball_protocol`]; this crate moves bytes.

pub mod files;
pub mod juggler;
pub mod origin;
mod socket;
pub mod state;

pub use files::Files;
pub use juggler::{Connection, Juggler, RequestError};
pub use mirrorball_protocol::{
    json::{Value, to_value},
    juggler::server::ServerOptions,
    reason::Reason,
};
pub use state::{State, StateError};
