//! What Bayeux reads, and both of its ends.

mod broker;
mod channels;
mod client;
mod messages;

pub use broker::bayeux_broker;
pub use channels::bayeux_channel;
pub use client::bayeux_client;
pub use messages::bayeux_batch;

/// The lines of a script; each is one step.
fn lines(data: &[u8]) -> impl Iterator<Item = String> {
    let lines = data.split(|byte| *byte == b'\n');
    lines.take(STEPS).map(super::text)
}

/// The most steps that one input may be: enough for what takes many to go wrong.
const STEPS: usize = 256;
