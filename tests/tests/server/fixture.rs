//! The program that starts and kills servers for tests elsewhere.

use std::{path::Path, process::Stdio, time::Duration};

use mirrorball_tests::{child::Child, plan::Plan};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    process::{ChildStdout, Command},
    time::{sleep, timeout},
};

use crate::peer::Peer;

const PROGRAM: &str = env!("CARGO_BIN_EXE_fixture");

/// How long a process may take to end.
const END: Duration = Duration::from_secs(10);

async fn call(address: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_owned())
}

/// Waits until nobody listens there any more.
async fn until_gone(address: &str) {
    let gone = async {
        while TcpStream::connect(address).await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(END, gone)
        .await
        .expect("the server outlives its controller");
}

fn address_of(server: &str) -> (i64, String) {
    let server: Value = serde_json::from_str(server).unwrap();
    let url = server["url"].as_str().unwrap();
    let address = url
        .strip_prefix("ws://")
        .and_then(|rest| rest.strip_suffix("/ws"))
        .unwrap();
    (server["id"].as_i64().unwrap(), address.to_owned())
}

async fn greeting(stdout: ChildStdout) -> (String, Lines<BufReader<ChildStdout>>) {
    let mut lines = BufReader::new(stdout).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let address = line.strip_prefix("fixture listening on http://").unwrap();
    (address.to_owned(), lines)
}

#[tokio::test]
async fn servers_are_started_killed_and_started_again() {
    let mut controller = Command::new(PROGRAM)
        .arg("0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (controller_address, _stdout) = greeting(controller.stdout.take().unwrap()).await;
    let call = |method, path: String, body: Value| {
        let address = controller_address.clone();
        async move { call(&address, method, &path, &body.to_string()).await }
    };
    let (status, server) = call("POST", "/servers".into(), json!({ "state": { "life": 1 } })).await;
    assert_eq!(status, 200, "{server}");
    let (id, address) = address_of(&server);
    let mut peer = Peer::connect(address.parse().unwrap()).await;
    assert_eq!(peer.state().await, &json!({ "life": 1 }));

    // Killed: no goodbye.
    assert_eq!(
        call("DELETE", format!("/servers/{id}"), json!(null))
            .await
            .0,
        204
    );
    assert_eq!(peer.goodbye().await.0, 1006);
    until_gone(&address).await;
    let (status, again) = call(
        "POST",
        format!("/servers/{id}/restart"),
        json!({ "state": 2 }),
    )
    .await;
    assert_eq!((status, address_of(&again)), (200, (id, address.clone())));
    let mut peer = Peer::connect(address.parse().unwrap()).await;
    assert_eq!(peer.state().await, &json!(2));

    assert_eq!(
        call("POST", "/servers".into(), json!({ "stat": 1 }))
            .await
            .0,
        400
    );
    assert_eq!(
        call("DELETE", "/servers/77".into(), json!(null)).await.0,
        404
    );

    // However the controller ends, its servers do.
    controller.kill().await.unwrap();
    assert_eq!(peer.goodbye().await.0, 1006);
    until_gone(&address).await;
}

#[tokio::test]
async fn the_controller_ends_with_its_input() {
    let mut controller = Command::new(PROGRAM)
        .arg("0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (address, _stdout) = greeting(controller.stdout.take().unwrap()).await;
    let (_, server) = call(&address, "POST", "/servers", "{}").await;
    drop(controller.stdin.take());
    let status = timeout(END, controller.wait()).await.unwrap().unwrap();
    assert!(status.success());
    until_gone(&address_of(&server).1).await;
}

#[tokio::test]
async fn a_server_that_cannot_start_says_so() {
    let plan = Plan {
        origin: Some("nowhere".to_owned()),
        ..Plan::default()
    };
    assert!(Child::start(Path::new(PROGRAM), &plan).await.is_err());
}
