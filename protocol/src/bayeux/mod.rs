//! Bayeux: publish and subscribe, as CometD speaks it.
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`channel`] | names of channels, patterns, and which of them match |
//! | [`message`] | messages and batches of them as JSON |
//! | [`advice`] | what a server tells clients to do next |
//! | [`error`] | errors as texts |
//! | [`client`] | a client's life: sessions, connects, requests, subscriptions |
//! | [`broker`] | a server: sessions, subscriptions, queues |
//! | [`ext`] | what the protocol leaves to extensions |

pub mod advice;
pub mod broker;
pub mod channel;
pub mod client;
pub mod error;
pub mod ext;
pub mod message;

pub use advice::{Advice, Reconnect};
pub use broker::Broker;
pub use channel::{Channel, ChannelError, Meta, Pattern, Reach};
pub use client::Client;
pub use error::ErrorText;
pub use message::{Batch, BatchError, Field, Members, Message, messages};
