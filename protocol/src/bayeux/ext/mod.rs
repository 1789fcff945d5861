//! What the protocol leaves to extensions.
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`activity`] | sessions that do nothing but connect |
//! | [`binary`], [`z85`] | bytes inside messages |
//! | [`replay`] | messages that are kept for those who come later |
//! | [`timestamp`] | when a message was sent, as text |
//! | [`timesync`] | the server's time |

pub mod activity;
pub mod binary;
pub mod replay;
pub mod timestamp;
pub mod timesync;
pub mod z85;

pub use activity::{Activity, ActivityKind};
