//! What the protocol leaves to extensions.
//!
//! | module | what it knows |
//! | --- | --- |
//! | [`activity`] | sessions that do nothing but connect |

pub mod activity;

pub use activity::{Activity, ActivityKind};
