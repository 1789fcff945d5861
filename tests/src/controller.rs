//! Starts and kills servers on behalf of tests, by HTTP.
//!
//! | request | what it does |
//! | --- | --- |
//! | `POST /servers`, a [`Plan`] | starts a server: `{"id": …, "url": "ws://…"}` |
//! | `DELETE /servers/ID` | kills it |
//! | `POST /servers/ID/restart`, members of a [`Plan`] | kills it where it still runs, and starts it again at the same address, with these members changed |

use std::{collections::VecDeque, env, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::{delete, post},
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{child::Child, cors, plan::Plan};

/// Servers that are known at a time. Tests run one after another: beyond that, the oldest is one that a test
/// left behind.
const MAX_SERVERS: usize = 32;

#[derive(Debug, Default)]
struct Servers {
    last_id: u64,
    /// The oldest first.
    known: VecDeque<Server>,
}

#[derive(Debug)]
struct Server {
    id: u64,
    plan: Plan,
    /// `None` while it is killed.
    child: Option<Child>,
}

type Shared = Arc<Mutex<Servers>>;
type Answer = Result<Response, (StatusCode, String)>;

/// The controller.
pub fn app() -> Router {
    Router::new()
        .route("/servers", post(start))
        .route("/servers/{id}", delete(kill))
        .route("/servers/{id}/restart", post(restart))
        .layer(middleware::from_fn(cors::allow_all))
        .with_state(Shared::default())
}

async fn start(State(servers): State<Shared>, body: String) -> Answer {
    let plan: Plan = serde_json::from_str(&body).map_err(bad_plan)?;
    let mut servers = servers.lock().await;
    servers.last_id += 1;
    let mut server = Server {
        id: servers.last_id,
        plan,
        child: None,
    };
    let answer = server.run().await?;
    if servers.known.len() == MAX_SERVERS {
        // Its process is killed when it is dropped.
        servers.known.pop_front();
    }
    servers.known.push_back(server);
    Ok(answer)
}

async fn kill(State(servers): State<Shared>, Path(id): Path<u64>) -> Answer {
    let mut servers = servers.lock().await;
    if let Some(child) = servers.find(id)?.child.take() {
        child.kill().await.map_err(failed)?;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn restart(State(servers): State<Shared>, Path(id): Path<u64>, body: String) -> Answer {
    let mut servers = servers.lock().await;
    let server = servers.find(id)?;
    let mut plan = serde_json::to_value(&server.plan).map_err(failed)?;
    let changes: Value = serde_json::from_str(&body).map_err(bad_plan)?;
    if let (Value::Object(plan), Value::Object(changes)) = (&mut plan, changes) {
        plan.extend(changes);
    }
    server.plan = serde_json::from_value(plan).map_err(bad_plan)?;
    if let Some(child) = server.child.take() {
        child.kill().await.map_err(failed)?;
    }
    server.run().await
}

impl Servers {
    fn find(&mut self, id: u64) -> Result<&mut Server, (StatusCode, String)> {
        let found = self.known.iter_mut().find(|server| server.id == id);
        found.ok_or_else(|| (StatusCode::NOT_FOUND, format!("there is no server {id}")))
    }
}

impl Server {
    async fn run(&mut self) -> Answer {
        let program = env::current_exe().map_err(failed)?;
        let child = Child::start(&program, &self.plan).await.map_err(failed)?;
        self.plan.port = child.port();
        self.child = Some(child);
        let url = format!("ws://127.0.0.1:{}/ws", self.plan.port);
        Ok(json!({ "id": self.id, "url": url })
            .to_string()
            .into_response())
    }
}

fn bad_plan(error: impl std::fmt::Display) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, format!("no plan: {error}"))
}

fn failed(error: impl std::fmt::Display) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
