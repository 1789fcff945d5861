//! What a connection costs that does nothing.
#![cfg(target_os = "linux")]

use std::{fs, path::Path};

use mirrorball_tests::{child::Child, plan::Plan};
use serde_json::json;

use crate::peer::Peer;

/// Connections that are measured.
const CONNECTIONS: usize = 500;
/// Connections before those, which pay for what is made once.
const FIRST: usize = 100;

/// A process's sizes, in KiB: what it has in memory, and what it has asked for.
pub(crate) fn sizes(pid: u32) -> [usize; 2] {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    ["VmRSS:", "VmData:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.unwrap().trim().strip_suffix(" kB").unwrap();
        number.parse().unwrap()
    })
}

/// Buffers are small, and grow where there is something to put into them.
#[tokio::test]
async fn an_idle_connection_is_small() {
    let plan = Plan {
        state: json!({ "text": "x".repeat(10 << 10) }).into(),
        ..Plan::default()
    };
    let program = Path::new(env!("CARGO_BIN_EXE_fixture"));
    let server = Child::start(program, &plan).await.unwrap();
    let pid = server.pid().unwrap();
    let address = ([127, 0, 0, 1], server.port()).into();
    let mut peers = Vec::new();
    let mut before = [0, 0];
    for index in 0..FIRST + CONNECTIONS {
        if index == FIRST {
            before = sizes(pid);
        }
        let mut peer = Peer::connect(address).await;
        peer.state().await;
        peers.push(peer);
    }
    let after = sizes(pid);
    let [resident, asked] = [0, 1]
        .map(|index| (after[index].saturating_sub(before[index])) as f64 / CONNECTIONS as f64);
    eprintln!("MEMORY {resident} {asked}");
    assert!(
        resident < 32.0,
        "{resident} KiB for each connection are in memory"
    );
    assert!(
        asked < 48.0,
        "{asked} KiB for each connection are asked for"
    );
    server.kill().await.unwrap();
}
