//! Publish and subscribe.
//!
//! | module | what it checks |
//! | --- | --- |
//! | [`client`] | a client's life, scene by scene |
//! | [`client_requests`] | what becomes of its requests, and which message is the reply to which |
//! | [`client_ext`] | its extensions and credentials |
//! | [`pair`] | a client and a broker over a network that does what it likes |

pub(crate) mod client;
pub(crate) mod client_ext;
pub(crate) mod client_requests;
pub(crate) mod pair;
pub(crate) mod scene;
