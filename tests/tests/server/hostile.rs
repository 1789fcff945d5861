//! What a client may do to a server that wants to hurt it: each limit, and what happens at it.

use std::{path::Path, sync::Arc, time::Duration};

use mirrorball_server::{Juggler, ServerOptions, State, Value};
use mirrorball_tests::{child::Child, plan::Plan};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    peer::Peer,
    raw::{Raw, frame},
    site::Site,
};

/// A server in a process of its own, whose memory is watched.
struct Watched {
    server: Child,
    before: usize,
}

impl Watched {
    async fn start(plan: Plan) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_fixture"));
        let server = Child::start(program, &plan).await.unwrap();
        let watched = Self { server, before: 0 };
        // What is made once is made before.
        for _ in 0..3 {
            watched.peer().await.request(1, "", json!(null)).await;
        }
        let before = watched.peak();
        Self { before, ..watched }
    }

    fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.server.port()).into()
    }

    async fn peer(&self) -> Peer {
        Peer::connect(self.address()).await
    }

    /// The most that it ever had in memory, in KiB.
    fn peak(&self) -> usize {
        let pid = self.server.pid().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.unwrap().trim().strip_suffix(" kB").unwrap();
        number.parse().unwrap()
    }

    /// How far that rose, in KiB.
    fn growth(&self) -> usize {
        self.peak() - self.before
    }
}

/// Waits until something holds.
async fn until(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting)
        .await
        .expect("it never holds");
}

/// S1: segments without end, whether they hold anything or not.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn endless_segments_end_at_the_limit() {
    let watched = Watched::start(Plan::default()).await;
    for segment in ["1".to_owned() + &"x".repeat(64 << 10), "1".to_owned()] {
        let mut peer = watched.peer().await;
        let mut sent = 0;
        while sent < 10_000 && peer.try_send(Message::text(segment.clone())).await {
            sent += 1;
        }
        assert_eq!(peer.goodbye().await.0, 1009);
    }
    let growth = watched.growth();
    assert!(growth <= 5 << 10, "{growth} KiB for messages of 4 MiB");
}

/// S1: a message whose rest does not come.
#[tokio::test]
async fn a_message_has_its_time() {
    let mut options = ServerOptions::default();
    options.assembly.timeout = Some(Duration::from_millis(300));
    let site = Site::start(Juggler::builder(State::new(0)).options(options)).await;
    let mut peer = site.connect().await;
    peer.send_text("1{").await;
    let (code, reason) = peer.goodbye().await;
    assert_eq!(
        (code, &*reason),
        (1009, "the message takes too long to come")
    );
}

/// S1: what is not whole is bounded for all clients together, in segments and in frames.
#[tokio::test]
async fn unfinished_messages_are_bounded_together() {
    let builder = Juggler::builder(State::new(0)).reassembly_total_bytes(1 << 20);
    let site = Site::start(builder).await;
    let mut holders = Vec::new();
    let half = "x".repeat(400_000);
    for _ in 0..2 {
        let mut peer = site.connect().await;
        peer.send_text(format!("1{half}")).await;
        peer.send_text("2x").await;
        while peer.frame().await != "3x" {}
        holders.push(peer);
    }
    let mut one_too_many = site.connect().await;
    one_too_many.send_text(format!("1{half}")).await;
    assert_eq!(one_too_many.goodbye().await.0, 1009);
    let mut raw = Raw::connect(site.address, "").await;
    let long = frame(0x81, &vec![b'x'; 900_000]);
    raw.send_bytes(&long[..600_000]).await;
    assert_eq!(raw.goodbye().await, 1009);
    // Whoever goes gives back what it held.
    let gone = holders.pop().unwrap();
    drop(gone);
    until(|| site.juggler.connections() == 1).await;
    let mut peer = site.connect().await;
    peer.send_text(format!("1{half}")).await;
    peer.send_text("2x").await;
    while peer.frame().await != "3x" {}
}

/// S2: the largest WebSocket message passes, whole or in frames, and one byte more does not.
#[tokio::test]
async fn a_websocket_message_has_its_size() {
    const MOST: usize = 1 << 20;
    let site = Site::start(Juggler::builder(State::new(0))).await;
    let echo = |size: usize| {
        let request = r#"0{"type":"request","id":1,"name":"","data":""}"#;
        let data = "x".repeat(size - request.len());
        request.replace("\"\"}", &format!("\"{data}\"}}"))
    };
    let largest = echo(MOST);
    assert_eq!(largest.len(), MOST);
    let mut peer = site.connect().await;
    peer.state().await;
    peer.send_text(largest.clone()).await;
    assert_eq!(peer.message().await["id"], 1);
    let mut raw = Raw::connect(site.address, "").await;
    let (begin, end) = largest.as_bytes().split_at(MOST / 3);
    raw.send(0x01, begin).await;
    raw.send(0x80, end).await;
    raw.text().await;
    assert!(raw.text().await.0.contains("response") || raw.text().await.0.contains("response"));
    let mut peer = site.connect().await;
    peer.send_text(echo(MOST + 1)).await;
    assert_eq!(peer.goodbye().await.0, 1009);
    let mut raw = Raw::connect(site.address, "").await;
    raw.send(0x01, begin).await;
    raw.send(0x80, &[end, b" "].concat()).await;
    assert_eq!(raw.goodbye().await, 1009);
}

/// S3: texts that are small, and values that are not.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn amplifying_values_are_refused() {
    let watched = Watched::start(Plan::default()).await;
    for shape in [
        "0",
        "[]",
        "[0]",
        "{}",
        r#"{"":0}"#,
        r#"{"a":{"":0}}"#,
        "\"\"",
    ] {
        let request = r#"{"type":"request","id":1,"name":"n","data":["#;
        let room = (4 << 20) - request.len() - 2;
        let count = (room + 1) / (shape.len() + 1);
        let items = vec![shape; count].join(",");
        let request = format!("{request}{items}]}}");
        let mut peer = watched.peer().await;
        let mut pieces = request.as_bytes().chunks(512 << 10).peekable();
        while let Some(piece) = pieces.next() {
            let header = if pieces.peek().is_some() { "1" } else { "0" };
            let piece = std::str::from_utf8(piece).unwrap();
            peer.send_text(format!("{header}{piece}")).await;
        }
        assert_eq!(peer.goodbye().await.0, 1007, "{shape}");
    }
    let growth = watched.growth();
    assert!(growth <= 80 << 10, "{growth} KiB");
}

/// S3: as much as may wait, of what is largest for its text: requests that are handled, and ones behind those.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn waiting_requests_do_not_amplify() {
    for parallel in [false, true] {
        for shape in [r#"{"":0}"#, r#"{"a":{"":0}}"#, "[0]"] {
            let watched = Watched::start(Plan {
                parallel,
                rate: None,
                ..Plan::default()
            })
            .await;
            let items = vec![shape; 30_000].join(",");
            let mut peer = watched.peer().await;
            for id in 0..64 {
                let request =
                    format!(r#"0{{"type":"request","id":{id},"name":"never","data":[{items}]}}"#);
                peer.send_text(request).await;
            }
            peer.send_text("2all").await;
            while peer.frame().await != "3all" {}
            let growth = watched.growth();
            assert!(
                growth <= 80 << 10,
                "{growth} KiB of {shape}, parallel: {parallel}"
            );
        }
    }
}

/// S19: names that would fall into one bucket of a table whose hash is known, as many as a request may have. Were each
/// compared with all before it, this would take minutes.
#[tokio::test]
async fn names_that_collide_cost_no_more() {
    // For h = h * 33 + c, each of these pairs comes to the same.
    let pairs = ["Ez", "FY", "G8"];
    let mut names = vec![String::new()];
    for _ in 0..10 {
        let longer = |name: &String| pairs.map(|pair| format!("{name}{pair}"));
        names = names.iter().flat_map(longer).collect();
    }
    let hash = |name: &String| {
        name.bytes().fold(5_381_u32, |hash, byte| {
            hash.wrapping_mul(33).wrapping_add(byte.into())
        })
    };
    assert!(names.iter().all(|name| hash(name) == hash(&names[0])));
    let data: serde_json::Map<String, serde_json::Value> =
        names.into_iter().map(|name| (name, json!(1))).collect();
    let state = State::new(Value::from(serde_json::Value::from(data.clone())));
    let site = Site::start(Juggler::builder(state)).await;
    let mut peer = site.connect().await;
    assert_eq!(peer.state().await, &json!(data));
    let request = json!({ "type": "request", "id": 1, "name": "", "data": data }).to_string();
    let (begin, end) = request.split_at(request.len() / 2);
    peer.send_text(format!("1{begin}")).await;
    peer.send_text(format!("0{end}")).await;
    assert_eq!(peer.response().await["data"], json!(data));
}

/// S4: one level too many, in what a client sends and in what is set.
#[tokio::test]
async fn nesting_is_bounded_everywhere() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let site = Site::start(Juggler::builder(State::default()).request(
        "set",
        |connection, data: Value| async move {
            connection
                .state()
                .set("", data)
                .map_err(|error| error.to_string())
        },
    ))
    .await;
    let mut peer = site.connect().await;
    peer.request(1, "set", serde_json::from_str(&nested(100)).unwrap())
        .await;
    assert_eq!(peer.response().await["success"], true);
    assert_eq!(peer.mirrored().to_string(), nested(100));
    let mut deep = site.connect().await;
    deep.send_text(format!(
        r#"0{{"type":"request","id":1,"name":"set","data":{}}}"#,
        nested(101)
    ))
    .await;
    assert_eq!(deep.goodbye().await.0, 1007);
    let mut abyss = site.connect().await;
    abyss.send_text("0".to_owned() + &"[".repeat(100_000)).await;
    assert_eq!(abyss.goodbye().await.0, 1007);
    let state = site.juggler.state().unwrap();
    let inner: Value = serde_json::from_str(&nested(100)).unwrap();
    let error = state.set("/0", inner).unwrap_err().to_string();
    assert!(error.contains("deeper than 100 levels"), "{error}");
}

/// S5: more requests than may be in progress.
#[tokio::test]
async fn a_flood_of_requests_is_refused_at_once() {
    const REQUESTS: i64 = 10_000;
    for parallel in [false, true] {
        let running = Arc::new(Semaphore::new(0));
        let mut options = ServerOptions::default();
        options.parallel_requests = parallel;
        options.max_inbound_rate = None;
        let builder = Juggler::builder(State::new(0))
            .options(options)
            .on_request({
                let running = Arc::clone(&running);
                move |_, _, _| {
                    running.add_permits(1);
                    std::future::pending()
                }
            });
        let site = Site::start(builder).await;
        let mut peer = site.connect().await;
        peer.state().await;
        let mut refused = 0;
        for id in 0..REQUESTS {
            peer.request(id, "never", json!(null)).await;
            if id < 64 {
                continue;
            }
            let response = peer.message().await;
            assert_eq!(
                (&response["id"], &response["success"]),
                (&json!(id), &json!(false))
            );
            refused += 1;
            if id % 100 == 0 {
                peer.send_text("2x").await;
                assert_eq!(peer.frame().await, "3x");
            }
        }
        assert_eq!(refused, REQUESTS - 64);
        let expected = if parallel { 64 } else { 1 };
        assert_eq!(running.available_permits(), expected);
    }
}

/// S5: whoever sends too fast is read more slowly, and loses nothing.
#[tokio::test]
async fn a_client_that_is_too_fast_is_slowed_down() {
    let mut options = ServerOptions::default();
    options.max_inbound_rate = Some(1_000);
    options.max_inbound_burst = 5;
    let site = Site::start(Juggler::builder(State::new(0)).options(options)).await;
    let mut peer = site.connect().await;
    peer.state().await;
    for id in 0..60 {
        peer.request(id, "", json!(id)).await;
    }
    for id in 0..60 {
        assert_eq!(peer.message().await["data"], id);
    }
}

/// S6: pings that nobody reads the answers to: one answer waits, that to the newest.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_flood_of_pings_leaves_one_answer_waiting() {
    const PINGS: usize = 1_000_000;
    const AT_ONCE: usize = 1_000;
    let watched = Watched::start(Plan {
        rate: None,
        write_timeout: 600_000,
        // WebSocket pings are no messages: a server that hears nothing else would ask, and leave.
        ping_delay: 600_000,
        ..Plan::default()
    })
    .await;
    for websocket in [false, true] {
        let mut raw = Raw::connect_narrow(watched.address()).await;
        let payload = |n: usize| format!("2{n:0>100}");
        let first = if websocket { 0x89 } else { 0x81 };
        for begin in (0..PINGS).step_by(AT_ONCE) {
            let pings = begin..begin + AT_ONCE;
            let bytes: Vec<u8> = pings
                .flat_map(|n| frame(first, payload(n).as_bytes()))
                .collect();
            raw.send_bytes(&bytes).await;
        }
        let last = format!("{:0>100}", PINGS - 1);
        let mut answers = 0;
        loop {
            let (_, answer) = raw.frame().await;
            answers += 1;
            if answer.ends_with(last.as_bytes()) {
                break;
            }
        }
        assert!(
            answers < PINGS,
            "each was answered: the sockets never filled up"
        );
    }
    let growth = watched.growth();
    assert!(growth <= 2 << 10, "{growth} KiB");
    let mut peer = watched.peer().await;
    peer.send_text("2".to_owned() + &"x".repeat(4_097)).await;
    assert_eq!(peer.goodbye().await.0, 1009);
}

/// S7: a client that takes nothing is closed, and what waits for it is bounded.
#[tokio::test]
async fn whoever_takes_nothing_is_closed() {
    let mut options = ServerOptions::default();
    options.write_timeout = Some(Duration::from_millis(500));
    let taken = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let builder = Juggler::builder(State::new(0))
        .options(options)
        .on_connection({
            let taken = Arc::clone(&taken);
            move |connection| {
                let taken = Arc::clone(&taken);
                let note = Value::from("x".repeat(64 << 10));
                async move {
                    while connection.notify("n", &note).await.is_ok() {
                        taken.fetch_add(64 << 10, std::sync::atomic::Ordering::Relaxed);
                    }
                }
            }
        });
    let site = Site::start(builder).await;
    let stalled = Peer::connect_narrow(site.address).await;
    until(|| site.juggler.connections() == 1).await;
    until(|| site.juggler.connections() == 0).await;
    // The queue, the notifications before it, what is being written; the rest is the kernel's.
    let taken = taken.load(std::sync::atomic::Ordering::Relaxed);
    assert!(taken < 12 << 20, "{taken} bytes were taken for nobody");
    drop(stalled);
}

/// S7: a stalled client costs one diff, however often the state changes.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_stalled_client_does_not_raise_memory() {
    const CHANGES: i64 = 150;
    let blob = "x".repeat(512 << 10);
    let watched = Watched::start(Plan {
        state: json!({ "n": 0, "blob": blob }).into(),
        write_timeout: 600_000,
        ..Plan::default()
    })
    .await;
    let mut stalled = Vec::new();
    for _ in 0..4 {
        stalled.push(Raw::connect_narrow(watched.address()).await);
    }
    let mut writer = watched.peer().await;
    writer.state().await;
    let mut middle = 0;
    for n in 1..=CHANGES {
        let value = json!({ "n": n, "blob": format!("{n}{blob}") });
        writer
            .request(n, "set", json!({ "path": "", "value": value }))
            .await;
        assert_eq!(writer.response().await["success"], true);
        if n == CHANGES / 2 {
            middle = watched.peak();
        }
    }
    let growth = watched.peak() - middle;
    assert!(growth <= 8 << 10, "{growth} KiB more for the second half");
    // Each of them finds its way to the state as it is now, in a few steps.
    for raw in &mut stalled {
        let mut diffs = 0;
        let last = format!(r#""path":"/n","value":{CHANGES}}}"#);
        let mut message = String::new();
        loop {
            let (segment, _) = raw.text().await;
            message.push_str(&segment[1..]);
            if segment.starts_with('0') {
                diffs += 1;
                if message.contains(&last) {
                    break;
                }
                message.clear();
            }
        }
        assert!(diffs < 50, "{diffs} diffs were queued");
    }
}

/// S22 and S24: sloppy types, and numbers that are none. Each input has its answer, or its close code.
#[tokio::test]
#[rustfmt::skip]
async fn each_input_has_its_answer() {
    enum Then { Answer(&'static str), Close(u16) }
    use Then::{Answer, Close};
    let halves = r#"{"type":"response","id":1,"success":false,"data":"the request has half of a surrogate pair, which is no character, or a number that is too large"}"#;
    let site = Site::start(Juggler::builder(State::new(0))).await;
    for (input, then) in [
        (r#"0{"type":"request","id":1,"name":"","data":null}"#, Answer(r#"{"type":"response","id":1,"success":true,"data":null}"#)),
        (r#"0{"type":"request","id":1,"name":"n","data":null}"#, Answer(r#"{"type":"response","id":1,"success":false,"data":"this server handles no requests"}"#)),
        (r#"0{"type":"request","id":-9007199254740992,"name":"","data":1}"#, Answer(r#"{"type":"response","id":-9007199254740992,"success":true,"data":1}"#)),
        (r#"0{"type":"request","id":1.0,"name":"","data":1e2}"#, Answer(r#"{"type":"response","id":1,"success":true,"data":100.0}"#)),
        (r#"0{"type":"request","id":1,"name":"","data":{"__proto__":1}}"#, Answer(r#"{"type":"response","id":1,"success":true,"data":{"__proto__":1}}"#)),
        (r#"0{"type":"request","id":1,"name":"","data":"\ud800"}"#, Answer(halves)),
        (r#"0{"type":"request","id":1,"name":"\udc00","data":{"\ud83d\ude00":1}}"#, Answer(halves)),
        (r#"0{"type":"request","id":9007199254740993,"name":"","data":1}"#, Close(1002)),
        (r#"0{"type":"request","id":1.5,"name":"","data":1}"#, Close(1002)),
        (r#"0{"type":"request","id":null,"name":"","data":1}"#, Close(1002)),
        (r#"0{"type":"request","id":"1","name":"","data":1}"#, Close(1002)),
        (r#"0{"type":"request","id":{},"name":"","data":1}"#, Close(1002)),
        (r#"0{"type":"request","id":true,"name":"","data":1}"#, Close(1002)),
        (r#"0{"type":"request","name":"","data":1}"#, Close(1002)),
        (r#"0{"type":"request","id":1,"name":7,"data":1}"#, Close(1002)),
        (r#"0{"type":"request","id":1,"name":null,"data":1}"#, Close(1002)),
        (r#"0{"type":"request","id":1,"name":""}"#, Close(1002)),
        (r#"0{"type":"response","id":1,"success":true,"data":1}"#, Close(1002)),
        (r#"0{"type":["request"],"id":1,"name":"","data":1}"#, Close(1002)),
        (r#"0[]"#, Close(1002)),
        (r#"0{"type":"request","id":1,"name":"","data":NaN}"#, Close(1007)),
        (r#"0{"type":"request","id":1,"name":"","data":-Infinity}"#, Close(1007)),
        (r#"0{"type":"request","id":1,"name":"","data":1e400}"#, Answer(halves)),
        (r#"0{"type":"request","id":1,"name":"","data":1}}"#, Close(1007)),
    ] {
        let mut peer = site.connect().await;
        peer.state().await;
        peer.send_text(input).await;
        match then {
            Answer(answer) => assert_eq!(peer.text().await, answer, "{input}"),
            Close(code) => assert_eq!(peer.goodbye().await.0, code, "{input}"),
        }
    }
}
