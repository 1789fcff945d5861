//! A Bayeux service at the tests' command: anybody publishes and subscribes, except below `/forbidden`.
//!
//! | remote call | what it answers |
//! | --- | --- |
//! | `echo` | its data |
//! | `fail` | its data, as a failure |
//!
//! `GET /sessions` is how many sessions there are.

use std::time::Duration;

use axum::{Router, routing::get};
use mirrorball_server::{
    Bayeux, RequestError, Value,
    bayeux::{BrokerOptions, Denial, Request},
};
use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// What nobody may publish or subscribe to.
const FORBIDDEN: &str = "/forbidden";

/// What the service is told; what is missing has its default. Times are in milliseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Options {
    /// How long a `/meta/connect` is held.
    pub timeout: Option<u64>,
    /// How long a session lives without one.
    pub max_interval: Option<u64>,
}

/// The service that `plan` describes.
///
/// # Errors
///
/// Where the plan's origin is none.
pub fn bayeux(plan: &Plan) -> Result<Bayeux, String> {
    let mut options = BrokerOptions::default();
    if let Some(timeout) = plan.bayeux.timeout {
        options.timeout = Duration::from_millis(timeout);
    }
    if let Some(interval) = plan.bayeux.max_interval {
        options.max_interval = Duration::from_millis(interval);
    }
    Ok(Bayeux::builder()
        .options(options)
        .origins(plan.origins()?)
        .on_publish(permit)
        .on_subscribe(permit)
        .remote_call("echo", |_, data: Value| async move {
            Ok::<_, RequestError>(data)
        })
        .remote_call("fail", |_, data: Value| async move {
            Err::<Value, _>(RequestError::with_data(&data))
        })
        .build())
}

/// What the tests ask beside Bayeux.
pub fn routes(bayeux: &Bayeux) -> Router {
    let bayeux = bayeux.clone();
    let sessions = move || async move { bayeux.sessions().len().to_string() };
    Router::new().route("/sessions", get(sessions))
}

async fn permit(request: Request) -> Result<(), Denial> {
    if request.channel().starts_with(FORBIDDEN) {
        return Err(Denial::new("nobody_may"));
    }
    Ok(())
}
