//! This host's metrics: what `mirrorball demo` mirrors.
//!
//! [`Sampler`] measures, [`sample::Sample`] is what it found, [`ProcessView`] says which processes to show,
//! [`Threshold`] says when a value has stayed high. Nothing here knows of a server: a sample is
//! plain data that serialises to the JSON which the dashboard shows.

mod accounts;
mod history;
mod pace;
mod processes;
mod sample;
mod sampler;
mod threshold;
mod traffic;
mod view;

pub(crate) use processes::{ProcessEvent, Processes};
pub(crate) use sampler::{SETTLE, Sampler};
pub(crate) use threshold::{Crossing, Threshold};
pub(crate) use view::{ProcessView, ViewChange};
