//! Live server state in native programs: clients of Juggler and Bayeux servers on tokio.
//!
//! A [`juggler::Client`] holds the same JSON as the server, kept in step by small diffs; it sends requests, hears
//! notifications, and connects again whenever it has to.
//!
//! ```no_run
//! use mirrorball_client::juggler::{Client, Notification};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut builder = Client::builder("wss://ann:secret@plant.example").address("wss://standby.example");
//! let mut notifications = builder.notifications();
//! let plant = builder.connect().await?;
//!
//! tokio::spawn(async move {
//!     while let Some(notification) = notifications.next().await {
//!         match notification {
//!             Notification::Message { name, data } => println!("{name}: {data}"),
//!             gap => println!("something is missing: {gap:?}"),
//!         }
//!     }
//! });
//! plant.request("set-limit", &serde_json::json!({ "id": "a7", "max": 80 })).await?;
//! let mut states = plant.changes();
//! while let Some(state) = states.next().await {
//!     println!("{state}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A [`bayeux::Client`] publishes and subscribes, over WebSockets or long-polling:
//!
//! ```no_run
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let bus = mirrorball_client::bayeux::Client::builder("https://plant.example").open().await?;
//! let mut ticks = bus.subscribe("/ticks/*").await?;
//! bus.publish("/ticks/eur", &serde_json::json!({ "rate": 1.08 })).await?;
//! while let Some(tick) = ticks.next().await {
//!     println!("{}", tick?.data());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`juggler`] | the client of a Juggler server |
//! | [`bayeux`] | the client of a Bayeux server: publish and subscribe |
//!
//! The protocol's rules are in [`mirrorball_protocol`]; this crate moves bytes.

mod address;
pub mod bayeux;
mod changes;
mod cookies;
mod credentials;
mod driver;
mod error;
mod hub;
pub mod juggler;
mod lines;
mod polling;
mod post;
mod seed;
mod socket;
mod tls;

pub use address::{Address, AddressError};
pub use changes::Changes;
pub use credentials::{Credentials, CredentialsError};
pub use error::{ConnectionError, Mismatch};
pub use mirrorball_protocol::json::{Limits, Value, to_value};
pub use tls::{Fingerprint, Tls, TlsError};
