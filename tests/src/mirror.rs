//! A Juggler server at the tests' command: its requests change its state, answer, fail, or never answer.

use std::{
    future::pending,
    sync::{Arc, OnceLock},
    time::Duration,
};

use mirrorball_protocol::{json::diff, juggler::keepalive::KeepaliveOptions};
use mirrorball_server::{Connection, Juggler, RequestError, ServerOptions, State, Value};

use crate::{plan::Plan, random::Random};

/// The longest that the request `sleep` sleeps.
const MAX_SLEEP: Duration = Duration::from_secs(10);
/// The most changes that one request `random-changes` makes.
const MAX_CHANGES: u64 = 10_000;
/// What `random-changes` changes; everything else stays what it is.
const RANDOM: &str = "/random";

/// The service that `plan` describes.
///
/// # Errors
///
/// Where the plan's origin is none.
pub fn juggler(plan: &Plan) -> Result<Juggler, String> {
    let origins = plan.origins()?;
    let mut options = ServerOptions::default();
    options.max_segment_size = plan.segment;
    options.parallel_requests = plan.parallel;
    options.max_inbound_rate = plan.rate;
    options.write_timeout = Some(Duration::from_millis(plan.write_timeout));
    options.keepalive = KeepaliveOptions {
        ping_delay: Some(Duration::from_millis(plan.ping_delay)),
        ping_timeout: Duration::from_millis(plan.ping_timeout),
    };
    let own = Arc::new(OnceLock::<Juggler>::new());
    // Tests of the client have it mirror such keys.
    let state = State::new(plan.state.clone()).allow_proto_key();
    let (first, own_state) = (plan.state.clone(), plan.own);
    let juggler = Juggler::builder((!plan.own).then_some(state))
        .on_connection(move |connection| {
            let first = first.clone();
            async move {
                if own_state {
                    // What the plan says is no place in a state that is `null` but its root.
                    let state = connection.state().clone().allow_proto_key();
                    let _ = state.set("", first);
                }
            }
        })
        .compression(plan.compression)
        .origins(origins)
        .options(options)
        .autoflush_delay(plan.autoflush_delay())
        .on_request({
            let own = Arc::clone(&own);
            move |connection, name, data| {
                let juggler = own.get().cloned();
                async move {
                    let juggler = juggler.ok_or_else(|| RequestError::new("not started yet"))?;
                    handle(&juggler, &connection, &name, data).await
                }
            }
        })
        .build();
    // Handlers run once somebody is connected, which is later than this.
    Ok(own.get_or_init(|| juggler).clone())
}

#[expect(
    clippy::panic,
    reason = "a handler that panics is one of the things to be tested"
)]
async fn handle(
    juggler: &Juggler,
    connection: &Connection,
    name: &str,
    data: Value,
) -> Result<Value, RequestError> {
    let state = connection.state();
    match name {
        "set" => {
            let value = data.get("value").cloned().unwrap_or_default();
            state
                .set(text(&data, "path")?, value)
                .map_err(RequestError::new)?;
        }
        "remove" => {
            let removed = state
                .remove(text(&data, "path")?)
                .map_err(RequestError::new)?;
            return Ok(removed.unwrap_or_default());
        }
        "changes" => change_all(state, &data)?,
        "random-changes" => return random_changes(state, &data),
        "snapshot" => return Ok(Value::from(state.snapshot().to_text())),
        "flush" => juggler.flush(),
        "notify" => {
            let items = data.get("items").and_then(Value::as_array);
            for item in items.ok_or_else(|| wrong("items"))?.iter() {
                // A client that is gone needs no more of them.
                let _ = connection.notify(text(&data, "name")?, item).await;
            }
        }
        "close" => connection.close(),
        "fail" => return Err(data.into()),
        "panic" => panic!("as the test asked for"),
        "never" => return pending().await,
        "sleep" => {
            let time = Duration::from_millis(count(&data, "milliseconds")?);
            tokio::time::sleep(time.min(MAX_SLEEP)).await;
        }
        other => return Err(RequestError::unknown(other)),
    }
    Ok(Value::Null)
}

/// Makes changes as one: of what is at each `path`, to `value`; without one it is removed.
fn change_all(state: &State, data: &Value) -> Result<(), RequestError> {
    let changes = data.as_array().ok_or_else(|| wrong("changes"))?;
    state.update(|draft| {
        for change in changes.iter() {
            let path = text(change, "path")?;
            match change.get("value") {
                Some(value) => draft.set(path, value.clone())?,
                None => drop(draft.remove(path)?),
            }
        }
        Ok(())
    })
}

/// Makes changes that follow from a seed, and returns the diff that they come to.
fn random_changes(state: &State, data: &Value) -> Result<Value, RequestError> {
    let mut random = Random::new(count(data, "seed")?);
    let before = state.snapshot();
    for _ in 0..count(data, "count")?.min(MAX_CHANGES) {
        state
            .update(|draft| {
                let mut value = draft.at(RANDOM)?.unwrap_or_default();
                random.mutate(&mut value);
                draft.set(RANDOM, value)
            })
            .map_err(RequestError::new)?;
    }
    let mut changes = String::new();
    diff(&before, &state.snapshot()).write(&mut changes);
    serde_json::from_str(&changes).map_err(RequestError::new)
}

fn text<'a>(data: &'a Value, member: &str) -> Result<&'a str, RequestError> {
    data.get(member)
        .and_then(Value::as_str)
        .ok_or_else(|| wrong(member))
}

fn count(data: &Value, member: &str) -> Result<u64, RequestError> {
    data.get(member)
        .and_then(Value::as_u64)
        .ok_or_else(|| wrong(member))
}

fn wrong(member: &str) -> RequestError {
    RequestError::new(format!(
        "the data's `{member}` is missing or of another type"
    ))
}
