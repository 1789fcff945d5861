//! What Autobahn's fuzzing client says of the layer. `tests/autobahn/run.sh` installs it and runs this, which
//! is why it is behind a feature.

use std::{
    collections::BTreeMap,
    env, fs,
    future::poll_fn,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{Router, extract::Request, routing::get};
use mirrorball_protocol::{juggler::budget::Budget, reason::Reason};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, net::TcpListener, process::Command};

use super::{Frame, Limits, Socket, accept, driver::leave, frame::Opcode, reader::Received};

/// Sends back whatever comes.
async fn echo(mut socket: Socket) {
    let mut chunk = vec![0; 64 << 10];
    loop {
        let Ok(length @ 1..) = socket.stream.read(&mut chunk).await else {
            return;
        };
        let mut input = &chunk[..length];
        let goodbye = loop {
            match socket.reader.read(&mut input) {
                Ok(None) => break None,
                Ok(Some(Received::Text(text))) => socket.writer.push(text.into()),
                Ok(Some(Received::Binary(bytes))) => {
                    socket.writer.push(Frame::new(Opcode::Binary, bytes));
                }
                Ok(Some(Received::Ping(payload))) => {
                    socket.writer.push(Frame::new(Opcode::Pong, payload));
                }
                Ok(Some(Received::Pong)) => {}
                Ok(Some(Received::Close(Some(code)))) => {
                    break Some(Frame::close(Reason::new(code, "")));
                }
                Ok(Some(Received::Close(None))) => break Some(Frame::close_without_code()),
                Err(reason) => break Some(Frame::close(reason)),
            }
        };
        let Socket { stream, writer, .. } = &mut socket;
        if poll_fn(|context| writer.poll_drain(stream, context))
            .await
            .is_err()
        {
            return;
        }
        if let Some(goodbye) = goodbye {
            let _ = leave(&mut socket, goodbye).await;
            return;
        }
    }
}

/// The behaviour that was seen in each case, and that of the goodbye.
fn verdict(index: &Path) -> Value {
    let index: BTreeMap<String, BTreeMap<String, Value>> =
        serde_json::from_slice(&fs::read(index).unwrap()).unwrap();
    let cases = index.into_values().next().unwrap();
    let mut groups: BTreeMap<String, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    for (case, result) in cases {
        let behaviour = format!(
            "{}, closed: {}",
            result["behavior"].as_str().unwrap(),
            result["behaviorClose"].as_str().unwrap()
        );
        let group = case.split('.').next().unwrap().to_owned();
        let group = groups.entry(format!("{group:0>2}")).or_default();
        group.entry(behaviour).or_default().push(case);
    }
    for cases in groups.values_mut().flat_map(BTreeMap::values_mut) {
        cases.sort_by_key(|case| {
            let numbers = case.split('.').map(|number| number.parse::<u32>().unwrap());
            numbers.collect::<Vec<_>>()
        });
    }
    json!(groups)
}

#[tokio::test(flavor = "multi_thread")]
async fn autobahn_has_nothing_to_object() {
    let program = env::var("WSTEST").expect("WSTEST names the program `wstest`");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits {
        max_message_bytes: 32 << 20,
        budget: Arc::new(Budget::new(usize::MAX)),
        compress_from: Some(0),
    };
    let app = Router::new().route(
        "/",
        get(move |request: Request| {
            let (mut parts, _) = request.into_parts();
            let limits = limits.clone();
            async move { accept(&mut parts, &limits, echo) }
        }),
    );
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let folder = tempfile::tempdir().unwrap();
    let spec = folder.path().join("spec.json");
    let reports = folder.path().join("reports");
    let plan = json!({
        "outdir": reports,
        "servers": [{ "agent": "mirrorball", "url": format!("ws://{address}/") }],
        "cases": env::var("CASES").map_or_else(|_| json!(["*"]), |cases| json!([cases])),
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    fs::write(&spec, plan.to_string()).unwrap();
    let status = Command::new(program)
        .args(["--mode", "fuzzingclient", "--spec"])
        .arg(&spec)
        .status()
        .await
        .unwrap();
    assert!(status.success());
    server.abort();

    let seen = verdict(&reports.join("index.json"));
    let text = format!("{}\n", serde_json::to_string_pretty(&seen).unwrap());
    let golden: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../tests/autobahn/verdict.json"]
        .iter()
        .collect();
    if env::var_os("BLESS").is_some() {
        fs::write(&golden, &text).unwrap();
    }
    assert!(
        !text.contains("FAILED") && !text.contains("UNCLEAN"),
        "{text}"
    );
    assert_eq!(fs::read_to_string(&golden).unwrap(), text);
}
