//! The server that `cargo xtask bench` measures: one shared state, and requests that change it.
//!
//! | request | data | what it does |
//! | --- | --- | --- |
//! | `init` | `{"leaves": n}` | makes the state `{"items":{"k0":{"v":0,"t":0,"q":"good","u":"kW"},…}}` with `n / 4` items |
//! | `set` | `{"path": ["items","k0","v"], "value": …}` | sets one place of it |
//! | `echo` | anything | answers with the same |
//!
//! On `/cometd` clients publish and subscribe where they like.

use std::{error::Error, fmt::Write, net::SocketAddr, time::Duration};

use clap::Parser;
use mirrorball_server::{
    Bayeux, Juggler, Limits, RequestError, Server, ServerOptions, State, Value,
    bayeux::BrokerOptions,
};

/// Leaves of one item of the state.
const LEAVES: u64 = 4;
/// The most leaves that `init` makes.
const MAX_LEAVES: u64 = 10_000_000;

/// The server that the benchmarks measure.
#[derive(Debug, Parser)]
struct Options {
    /// Where to listen; port 0 is any free port. The first line of the output names it.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Milliseconds for which changes are gathered before they are sent as one diff.
    #[arg(long, default_value_t = 200, value_name = "MILLISECONDS")]
    autoflush_ms: u64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let state = State::default();
    // One client asks as fast as it can, which no client may by default, and it is many clients at one address.
    let mut connections = ServerOptions::default();
    connections.max_inbound_rate = None;
    let mut limits = Limits::default();
    limits.max_per_ip = limits.max_total;
    let juggler = Juggler::builder(state.clone())
        .autoflush_delay(Some(Duration::from_millis(options.autoflush_ms)))
        .options(connections)
        .on_request(move |_connection, name, data| {
            let state = state.clone();
            async move { handle(&state, &name, data) }
        })
        .build();
    let mut sessions = BrokerOptions::default();
    sessions.max_sessions_per_address = sessions.max_sessions;
    let bayeux = Bayeux::builder()
        .max_inbound_rate(None, 0)
        .options(sessions)
        .build();
    let bound = Server::builder()
        .juggler(juggler)
        .bayeux(bayeux)
        .limits(limits)
        .bind(options.listen)
        .await?;
    for address in bound.addresses() {
        println!("ready at ws://{address}/ws");
    }
    bound.serve().closed().await;
    Ok(())
}

fn handle(state: &State, name: &str, data: Value) -> Result<Value, RequestError> {
    match name {
        "echo" => Ok(data),
        "set" => {
            let path = pointer(&data)?;
            let value = data.get("value").cloned().unwrap_or_default();
            state.set(&path, value).map_err(RequestError::new)?;
            Ok(Value::Null)
        }
        "init" => {
            let leaves = data.get("leaves").and_then(Value::as_u64);
            let leaves = leaves
                .filter(|leaves| *leaves <= MAX_LEAVES)
                .ok_or_else(|| {
                    RequestError::new(format!(
                        "`leaves` has to be a whole number of at most {MAX_LEAVES}"
                    ))
                })?;
            state.set("", items(leaves)).map_err(RequestError::new)?;
            Ok(Value::Null)
        }
        other => Err(RequestError::unknown(other)),
    }
}

/// The request's path, a list of names and indices, as a JSON pointer.
fn pointer(data: &Value) -> Result<String, RequestError> {
    let wrong = || RequestError::new("`path` has to be a list of names and indices");
    let path = data.get("path").and_then(Value::as_array);
    let mut pointer = String::new();
    for token in path.ok_or_else(wrong)?.iter() {
        match (token.as_str(), token.as_u64()) {
            (Some(name), _) => {
                pointer.push('/');
                for character in name.chars() {
                    match character {
                        '~' => pointer.push_str("~0"),
                        '/' => pointer.push_str("~1"),
                        other => pointer.push(other),
                    }
                }
            }
            // Writing into a `String` cannot fail.
            (None, Some(index)) => drop(write!(pointer, "/{index}")),
            (None, None) => return Err(wrong()),
        }
    }
    Ok(pointer)
}

fn items(leaves: u64) -> Value {
    let item = || {
        let members = [
            ("v", Value::from(0)),
            ("t", Value::from(0)),
            ("q", Value::from("good")),
            ("u", Value::from("kW")),
        ];
        Value::Object(members.into_iter().collect())
    };
    let items = (0..leaves / LEAVES).map(|index| (format!("k{index}"), item()));
    let items = Value::Object(items.collect());
    Value::Object([("items", items)].into_iter().collect())
}
