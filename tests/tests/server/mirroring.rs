//! How the state reaches clients.

use std::time::Duration;

use mirrorball_server::{Juggler, RequestError, State, Value};
use serde_json::json;

use crate::{peer::Peer, site::Site};

fn state(text: &str) -> State {
    State::new(serde_json::from_str::<Value>(text).unwrap())
}

/// Every connection makes the same steps, so that one frame serves all of them.
#[tokio::test]
async fn every_connection_gets_the_same_frame() {
    let state = state(r#"{"rows":{"a":1,"b":2}}"#);
    let site = Site::start(Juggler::builder(state.clone()).history(0)).await;
    let mut peers = Vec::new();
    let first =
        r#"0{"type":"state","diff":[{"op":"replace","path":"","value":{"rows":{"a":1,"b":2}}}]}"#;
    for _ in 0..40 {
        let mut peer = site.connect().await;
        assert_eq!(peer.frame().await, first);
        peers.push(peer);
    }
    assert_eq!(site.juggler.connections(), 40);
    state.set("/rows/b", 3).unwrap();
    for peer in &mut peers {
        let step = r#"0{"type":"state","diff":[{"op":"replace","path":"/rows/b","value":3}]}"#;
        assert_eq!(peer.frame().await, step);
    }
}

/// Whoever comes back and names the state that it holds is sent what changed since.
#[tokio::test]
async fn a_client_that_comes_back_is_sent_what_changed_since() {
    let state = state(&json!({ "rows": "x".repeat(10_000), "n": 0 }).to_string());
    let builder = Juggler::builder(state.clone()).autoflush_delay(Some(Duration::ZERO));
    let site = Site::start(builder.history(8)).await;
    let resume = async |mark: String| {
        Peer::connect_at(site.address, &format!("/ws?a=b&resume={mark}"), "").await
    };
    // A peer that comes back does not begin with `null`: it is shown what comes as it comes.
    let message = async |peer: &mut Peer| -> serde_json::Value {
        serde_json::from_str(&peer.frame().await[1..]).unwrap()
    };
    let mut peer = site.connect().await;
    let first = peer.message().await;
    let (epoch, version) = (first["epoch"].as_str().unwrap(), first["version"].clone());
    assert_eq!(first.get("since"), None);
    for n in 1..4 {
        state.set("/n", n).unwrap();
        let next = peer.message().await;
        assert_eq!(next.get("epoch"), None);
        assert_eq!(next["version"], json!(version.as_u64().unwrap() + n));
    }

    let diff = json!([{ "op": "replace", "path": "/n", "value": 3 }]);
    let latest = json!(version.as_u64().unwrap() + 3);
    let mut back = resume(format!("{epoch}.{version}")).await;
    let expected = json!({
        "type": "state", "diff": diff, "epoch": epoch, "since": version, "version": latest,
    });
    assert_eq!(message(&mut back).await, expected);
    let mut still_there = resume(format!("{epoch}.{latest}")).await;
    let expected = json!({
        "type": "state", "diff": [], "epoch": epoch, "since": latest, "version": latest,
    });
    assert_eq!(message(&mut still_there).await, expected);
    // It goes on as any other.
    state.set("/n", 4).unwrap();
    let next = message(&mut still_there).await;
    assert_eq!(next, message(&mut back).await);
    assert_eq!(next["diff"][0]["value"], json!(4));

    // What is unknown, forgotten or no mark gets the whole state.
    for n in 5..20 {
        state.set("/n", n).unwrap();
        peer.message().await;
    }
    for mark in [
        format!("{epoch}.{version}"),
        format!("{epoch}.9999"),
        format!("0.{latest}"),
        format!("{epoch}.-1"),
        epoch.to_owned(),
        String::new(),
    ] {
        let whole = message(&mut resume(mark.clone()).await).await;
        assert_eq!(whole["diff"][0]["path"], json!(""), "{mark}");
        assert_eq!(whole.get("since"), None, "{mark}");
    }
}

/// Where no state is remembered, messages are as the public peers write them.
#[tokio::test]
async fn without_a_history_states_are_not_counted() {
    for builder in [
        Juggler::builder(State::new(1)).history(0),
        Juggler::builder(None),
    ] {
        let greeted = builder.on_connection(async |connection| {
            connection.state().set("", 1).unwrap();
        });
        let site = Site::start(greeted).await;
        let first = site.connect().await.message().await;
        let diff = json!([{ "op": "replace", "path": "", "value": 1 }]);
        assert_eq!(first, json!({ "type": "state", "diff": diff }));
    }
}

/// While the state is `null` no message says so.
#[tokio::test]
async fn a_null_state_is_silence() {
    let state = State::default();
    let site = Site::start(Juggler::builder(state.clone())).await;
    let mut peer = site.connect().await;
    peer.request(1, "", json!("are you there?")).await;
    assert_eq!(peer.message().await["type"], "response");
    state.set("/a", 1).unwrap();
    assert_eq!(peer.state().await, &json!({ "a": 1 }));
    state.remove("").unwrap();
    assert_eq!(peer.state().await, &json!(null));
}

/// With no delay a change is sent at once, each as a diff of its own.
#[tokio::test]
async fn without_a_delay_each_change_is_a_diff() {
    let state = state(r#"{"n":-1}"#);
    let builder = Juggler::builder(state.clone()).autoflush_delay(Some(Duration::ZERO));
    let site = Site::start(builder).await;
    let mut peer = site.connect().await;
    peer.state().await;
    for n in 0..50 {
        state.set("/n", n).unwrap();
        let message = peer.message().await;
        let expected = json!([{ "op": "replace", "path": "/n", "value": n }]);
        assert_eq!(message["diff"], expected);
    }
}

/// Changes are gathered for a while: what is sent at once overtakes them, and they are one diff.
#[tokio::test]
async fn with_a_delay_changes_are_gathered() {
    let state = state("{}");
    let builder = Juggler::builder(state.clone()).autoflush_delay(Some(Duration::from_secs(1)));
    let site = Site::start(builder).await;
    let mut peer = site.connect().await;
    peer.state().await;
    // Nothing else runs between these: there is one thread, and no `await`.
    state.set("/a", 1).unwrap();
    state.set("/b", 2).unwrap();
    state.remove("/a").unwrap();
    site.juggler.notify("now", &Value::Null);
    assert_eq!(peer.message().await["type"], "notify");
    let message = peer.message().await;
    let expected = json!([{ "op": "add", "path": "/b", "value": 2 }]);
    assert_eq!(message["diff"], expected);
}

/// Without a delay to wait for, only a flush sends.
#[tokio::test]
async fn without_autoflush_only_a_flush_sends() {
    let state = state(r#"{"n":0}"#);
    let builder = Juggler::builder(state.clone()).autoflush_delay(None);
    let site = Site::start(builder).await;
    let mut peer = site.connect().await;
    peer.state().await;
    for n in 1..=3 {
        state.set("/n", n).unwrap();
        peer.request(n, "", json!(n)).await;
        assert_eq!(peer.message().await["id"], n);
        // Who connects now holds what everybody else holds.
        assert_eq!(site.connect().await.state().await, &json!({ "n": 0 }));
    }
    site.juggler.flush();
    assert_eq!(peer.state().await, &json!({ "n": 3 }));
    // A flush of nothing sends nothing.
    site.juggler.flush();
    peer.request(4, "", json!(null)).await;
    assert_eq!(peer.message().await["id"], 4);
}

/// What a handler changed is there before its answer, whatever the delay.
#[tokio::test]
async fn a_client_reads_its_own_writes() {
    for delay in [None, Some(Duration::from_secs(3_600))] {
        let state = state(r#"{"n":0}"#);
        let changed = state.clone();
        let builder =
            Juggler::builder(state)
                .autoflush_delay(delay)
                .on_request(move |_, _, data| {
                    let changed = changed.clone();
                    async move {
                        changed.set("/n", data.clone()).map_err(RequestError::new)?;
                        Ok(data)
                    }
                });
        let site = Site::start(builder).await;
        let mut peer = site.connect().await;
        peer.state().await;
        for n in 1..20 {
            peer.request(n, "set", json!(n)).await;
            assert_eq!(peer.state().await, &json!({ "n": n }), "{delay:?}");
            assert_eq!(peer.message().await["data"], n);
        }
    }
}

/// A change back to what was sent is none.
#[tokio::test]
async fn what_comes_to_nothing_is_not_sent() {
    let state = state(r#"{"n":0}"#);
    let builder = Juggler::builder(state.clone()).autoflush_delay(None);
    let site = Site::start(builder).await;
    let mut peer = site.connect().await;
    peer.state().await;
    state.set("/n", 1).unwrap();
    state.set("/n", 0).unwrap();
    site.juggler.flush();
    peer.request(1, "", json!(null)).await;
    assert_eq!(peer.message().await["id"], 1);
}

/// A message of several segments, and the answer to a ping while it is on its way.
#[tokio::test]
async fn a_large_state_comes_in_segments_and_pings_are_answered_amid_them() {
    // More than the sockets take: the server still sends when the ping comes.
    let rows: Vec<String> = (0..32)
        .map(|n| format!("{n}ü😀").repeat(128 << 10))
        .collect();
    let rows = json!({ "rows": rows });
    let site = Site::start(Juggler::builder(State::new(Value::from(rows.clone())))).await;
    let mut peer = Peer::connect_narrow(site.address).await;
    peer.send_text("2are you there?").await;
    let mut message = String::new();
    let mut answered = false;
    loop {
        let frame = peer.frame().await;
        let (header, payload) = frame.split_at(1);
        assert!(payload.len() <= 65_536);
        match header {
            "0" | "1" => message += payload,
            "3" => {
                assert_eq!(payload, "are you there?");
                answered = true;
            }
            _ => panic!("{frame:.100}"),
        }
        if header == "0" {
            break;
        }
    }
    assert!(
        answered,
        "the ping was not answered amid {} frames",
        peer.frames
    );
    let message: serde_json::Value = serde_json::from_str(&message).unwrap();
    assert_eq!(message["diff"][0]["value"], rows);
}

/// A client that reads slowly gets fewer and larger diffs, and no other client waits for it.
#[tokio::test]
async fn a_slow_reader_gets_fewer_diffs() {
    const CHANGES: usize = 60;
    let state = state(r#"{"n":0,"blob":""}"#);
    let builder = Juggler::builder(state.clone()).autoflush_delay(Some(Duration::ZERO));
    let site = Site::start(builder).await;
    let mut slow = Peer::connect_narrow(site.address).await;
    slow.state().await;
    let mut healthy = site.connect().await;
    healthy.state().await;
    for n in 1..=CHANGES {
        state
            .update(|draft| {
                draft.set("/n", n)?;
                draft.set(
                    "/blob",
                    format!("{n}").repeat((1 << 20) / n.to_string().len()),
                )
            })
            .unwrap();
        assert_eq!(healthy.state().await["n"], n);
    }
    let mut diffs = 0;
    while slow.mirrored()["n"] != CHANGES {
        slow.state().await;
        diffs += 1;
    }
    assert_eq!(slow.mirrored(), healthy.mirrored());
    // What the sockets hold, one that was being sent, and the rest as one.
    assert!(
        diffs < CHANGES / 3,
        "{diffs} of {CHANGES} diffs were queued"
    );
}
