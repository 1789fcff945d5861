//! A chat server: clients publish on `/chat/<room>`, and who is in a room is told on `/members/<room>`.
//!
//! | channel | data | what it does |
//! | --- | --- | --- |
//! | `/service/members` | `{"room": "/chat/x", "user": …}` | enters a room; all names are published on `/members/x`, and again when a member's session is over |
//! | `/service/echo` | anything | is sent back |
//! | `/service/rpc/echo` | anything | a remote call that answers with the same |
//! | `/service/rpc/fail` | anything | a remote call that fails with the same |

use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{Router, routing::get};
use clap::Parser;
use mirrorball_server::{
    Bayeux, RequestError, Server, Value,
    bayeux::{Call, Denial, Event, Request, broker::SessionId},
};
use serde::Deserialize;

/// Rooms that one session may be in.
const MAX_ROOMS: usize = 16;
/// Bytes of a member's name.
const MAX_NAME: usize = 100;

/// A chat server that speaks Bayeux.
#[derive(Debug, Parser)]
struct Options {
    /// Where to listen; port 0 is any free port. The first line of the output names it.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
}

/// What a client says who enters a room.
#[derive(Debug, Deserialize)]
struct Entry {
    room: String,
    user: String,
}

/// Who is in which room, by the room's name.
#[derive(Clone, Debug, Default)]
struct Rooms(Arc<Mutex<HashMap<String, BTreeMap<SessionId, String>>>>);

impl Rooms {
    /// Has a member enter, and returns all names.
    fn enter(
        &self,
        room: &str,
        member: SessionId,
        name: String,
    ) -> Result<Vec<String>, &'static str> {
        let mut rooms = self.lock();
        let is_in = |members: &&BTreeMap<_, _>| members.contains_key(&member);
        if rooms.values().filter(is_in).count() >= MAX_ROOMS {
            return Err("nobody is in as many rooms");
        }
        let members = rooms.entry(room.to_owned()).or_default();
        members.insert(member, name);
        Ok(members.values().cloned().collect())
    }

    /// Has a member leave, and returns the rooms where that one was, with the names that are left.
    fn leave(&self, member: SessionId) -> Vec<(String, Vec<String>)> {
        let mut left = Vec::new();
        self.lock().retain(|room, members| {
            if members.remove(&member).is_some() {
                left.push((room.clone(), members.values().cloned().collect()));
            }
            !members.is_empty()
        });
        left
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, BTreeMap<SessionId, String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells a room who is there.
fn tell(bayeux: &Bayeux, room: &str, names: Vec<String>) {
    let names = Value::from(names);
    if let Err(error) = bayeux.publish(&format!("/members/{room}"), &names) {
        eprintln!("the members of {room} cannot be told: {error}");
    }
}

fn enter(rooms: &Rooms, call: &Call, entry: Entry) -> Result<(), RequestError> {
    let room = entry.room.strip_prefix("/chat/");
    let room = room.filter(|room| !room.contains(['/', '*']) && !room.is_empty());
    let room = room.ok_or("a room is /chat/ and a name")?;
    if entry.user.len() > MAX_NAME {
        return Err("a shorter name was expected".into());
    }
    let session = call.session().ok_or("a session was expected")?;
    let names = rooms.enter(room, session.id(), entry.user)?;
    tell(call.bayeux(), room, names);
    // It may have ended meanwhile, and that have been heard before it entered.
    if !session.is_alive() {
        leave(rooms, call.bayeux(), session.id());
    }
    Ok(())
}

fn leave(rooms: &Rooms, bayeux: &Bayeux, member: SessionId) {
    for (room, names) in rooms.leave(member) {
        tell(bayeux, &room, names);
    }
}

/// Where clients publish themselves.
fn may_publish(request: &Request) -> Result<(), Denial> {
    let channel = request.channel();
    if channel.starts_with("/members/") {
        return Err("the_server_says_who_is_there".into());
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let rooms = Rooms::default();
    let entered = rooms.clone();
    let bayeux = Bayeux::builder()
        .on_publish(async |request| may_publish(&request))
        // It is all in the open here.
        .on_subscribe(async |_| Ok(()))
        .on_service("members", move |call, entry| {
            let rooms = entered.clone();
            async move { enter(&rooms, &call, entry) }
        })
        .on_service("echo", async |_, data: Value| Ok::<_, RequestError>(data))
        .remote_call("rpc/echo", async |_, data: Value| {
            Ok::<_, RequestError>(data)
        })
        .remote_call("rpc/fail", async |_, data: Value| {
            Err::<(), _>(RequestError::from(data))
        })
        .build();
    let mut events = bayeux.events();
    let bound = Server::builder()
        .bayeux(bayeux.clone())
        .additional_routes(Router::new().route("/", get(async || "a chat server\n")))
        .bind(options.listen)
        .await?;
    for address in bound.addresses() {
        println!("ready at http://{address}/cometd");
    }
    let _server = bound.serve();
    while let Some(event) = events.next().await {
        match event {
            Event::SessionRemoved(session, _) => leave(&rooms, &bayeux, session.id()),
            // Whose sessions are over is seen by looking.
            Event::Missed(_) => {
                let members: Vec<_> = rooms
                    .lock()
                    .values()
                    .flat_map(|members| members.keys().copied())
                    .collect();
                for member in members {
                    if !bayeux.session(member).is_alive() {
                        leave(&rooms, &bayeux, member);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}
