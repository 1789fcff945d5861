//! A client's extensions and credentials.

use core::time::Duration;

use mirrorball_protocol::{
    bayeux::client::{ClientOptions, ConnectionType, Ending, Extras, Replay, State},
    json::Json,
};

use super::{
    client::options,
    scene::{HANDSHAKE, Scene, connect, done, refused},
};

/// Plays every scene.
pub(crate) fn all<J: Json>() {
    batches_are_acknowledged::<J>();
    what_came_before_does_not_come_again::<J>();
    a_server_that_does_not_acknowledge_is_told_nothing::<J>();
    the_servers_time_is_found_out::<J>();
    messages_say_when_they_were_sent::<J>();
    subscriptions_go_on_after_what_was_seen::<J>();
    a_replay_id_that_is_refused_has_a_fallback::<J>();
    what_requests_bring_along_goes_with_them::<J>();
    a_refused_handshake_asks_for_credentials_once::<J>();
    a_refused_request_is_sent_once_more::<J>();
    a_refused_connect_is_sent_once_more::<J>();
    a_refused_connection_waits_for_credentials::<J>();
    a_denied_payload_is_refused_and_no_other::<J>();
    credentials_that_do_not_come_are_not_waited_for::<J>();
}

/// The first handshake's reply with an `ext`.
fn handshake(ext: &str) -> String {
    HANDSHAKE.replace(r#""version""#, &format!(r#""ext":{ext},"version""#))
}

/// The reply to a connect, with an `ext` and after a message.
fn batch(id: u32, ack: i64, data: u32) -> String {
    format!(
        r#"[{{"channel":"/a","data":{data}}},{{"channel":"/meta/connect","id":"{id}","successful":true,"ext":{{"ack":{ack}}}}}]"#
    )
}

/// A client with acknowledgements, whose first connect was answered.
fn acknowledging<J: Json>() -> Scene<J> {
    let mut acks = options();
    acks.ack = true;
    let mut scene = Scene::<J>::new(acks);
    scene
        .open(1)
        .expect(&[r#"send over 1: /meta/handshake#1{"ack":true}"#]);
    scene.text(1, &handshake(r#"{"ack":true}"#));
    scene.expect(&["status", r#"send over 1: /meta/connect#2!{"ack":0}"#]);
    scene.text(1, &batch(2, 1, 0));
    scene.expect(&[
        "/a=0 for []",
        "status",
        r#"send over 1: /meta/connect#3{"ack":1}"#,
    ]);
    scene
}

fn batches_are_acknowledged<J: Json>() {
    let mut scene = acknowledging::<J>();
    scene.text(1, &batch(3, 2, 1));
    scene.expect(&["/a=1 for []", r#"send over 1: /meta/connect#4{"ack":2}"#]);
    // What fails acknowledges nothing.
    scene.text(1, r#"[{"channel":"/meta/connect","id":"4","successful":false,"error":"500::x","ext":{"ack":7}}]"#);
    scene.drain();
    scene
        .tick()
        .expect(&[r#"send over 1: /meta/connect#5!{"ack":2}"#]);
    // Nothing is lost with a connection, so there is no gap.
    scene.lose(1).drain();
    scene.tick().drain();
    scene.open(2).drain();
    scene.text(2, &batch(6, 4, 2));
    scene.expect(&[
        "/a=2 for []",
        "status",
        r#"send over 2: /meta/connect#7{"ack":4}"#,
    ]);
    // A new session begins with nothing, or with what the server says.
    scene.text(2, &connect(7)).drain();
    scene
        .text(2, &refused("/meta/connect", 8, "402::x"))
        .drain();
    let again = handshake(r#"{"ack":{"enabled":true,"batch":9}}"#);
    scene.text(2, &again.replace(r#""1","s"#, r#""9","s"#));
    scene.expect(&[
        "session lost",
        "status",
        r#"send over 2: /meta/connect#10!{"ack":9}"#,
    ]);
}

fn what_came_before_does_not_come_again<J: Json>() {
    let mut scene = acknowledging::<J>();
    // The same batch, and the reply to a connect that is not waited for: both come again, later.
    scene.text(1, &batch(9, 2, 1)).expect(&[]);
    scene
        .text(1, &batch(3, 1, 0))
        .expect(&[r#"send over 1: /meta/connect#4{"ack":1}"#]);
    // Other peers push messages without a reply.
    scene
        .text(1, r#"[{"channel":"/a","data":5}]"#)
        .expect(&["/a=5 for []"]);
}

fn a_server_that_does_not_acknowledge_is_told_nothing<J: Json>() {
    for ext in [
        "{}",
        r#"{"ack":false}"#,
        r#"{"ack":{"enabled":false}}"#,
        "7",
    ] {
        let mut acks = options();
        acks.ack = true;
        let mut scene = Scene::<J>::new(acks);
        scene.open(1).drain();
        scene.text(1, &handshake(ext));
        scene.expect(&["status", "send over 1: /meta/connect#2!"]);
    }
    // And one that does unasked is not heard.
    let mut scene = Scene::<J>::new(options());
    scene.open(1).drain();
    scene.text(1, &handshake(r#"{"ack":true}"#));
    scene.expect(&["status", "send over 1: /meta/connect#2!"]);
}

fn the_servers_time_is_found_out<J: Json>() {
    let mut sync = options();
    sync.timesync = true;
    let mut scene = Scene::<J>::new(sync.clone());
    // Without a clock on the wall there is nothing to ask.
    scene.open(1).expect(&["send over 1: /meta/handshake#1"]);
    let mut scene = Scene::<J>::new(sync);
    scene.wait(500);
    let now = scene.instant();
    scene
        .client
        .set_wall_clock(Duration::from_millis(1_000_000), now);
    scene.open(1);
    scene.expect(&[r#"send over 1: /meta/handshake#1{"timesync":{"l":0,"o":0,"tc":1000000}}"#]);
    // 100 ms there, 30 ms at the server, 100 ms back; the server's clock is 5 s ahead.
    scene.wait(230).text(
        1,
        &handshake(r#"{"timesync":{"tc":1000000,"ts":1005100,"p":30,"a":0}}"#),
    );
    scene.expect(&[
        "status",
        r#"send over 1: /meta/connect#2!{"timesync":{"l":100,"o":5000,"tc":1000230}}"#,
    ]);
    assert_eq!(
        (scene.client.network_lag(), scene.client.time_offset()),
        (100, 5_000)
    );
    let now = scene.instant();
    assert_eq!(
        scene.client.server_time(now),
        Some(Duration::from_millis(1_005_230))
    );
    // The mean of the last ten counts.
    for id in 2..12 {
        let sent = 1_000_230 + u64::from(id - 2) * 20;
        let ext = format!(
            r#"{{"timesync":{{"tc":{sent},"ts":{},"p":0}}}}"#,
            sent + 1_010
        );
        let reply = connect(id).replace(r#""successful""#, &format!(r#""ext":{ext},"successful""#));
        scene.wait(20).text(1, &reply).drain();
        assert!(scene.client.time_offset() >= 1_000);
    }
    assert_eq!(
        (scene.client.network_lag(), scene.client.time_offset()),
        (10, 1_000)
    );
    // Nonsense changes nothing.
    for nonsense in [
        r#"{"timesync":7}"#,
        r#"{"timesync":{"tc":"x"}}"#,
        r#"{"timesync":{"tc":1}}"#,
    ] {
        let reply = connect(12).replace(
            r#""successful""#,
            &format!(r#""ext":{nonsense},"successful""#),
        );
        scene.text(1, &reply).drain();
        assert_eq!(
            (scene.client.network_lag(), scene.client.time_offset()),
            (10, 1_000)
        );
    }
}

fn messages_say_when_they_were_sent<J: Json>() {
    let mut stamps = options();
    stamps.timestamp = true;
    let mut scene = Scene::<J>::connected(stamps);
    let now = scene.instant();
    scene
        .client
        .set_wall_clock(Duration::from_secs(1_763_460_000), now);
    scene.publish("/a", "1").unwrap();
    scene.expect_text(r#"[{"channel":"/a","id":"4","clientId":"c","timestamp":"Tue, 18 Nov 2025 10:00:00 GMT","data":1}]"#);
}

fn replaying(fallback: Option<i64>, always: bool) -> ClientOptions {
    let mut options = options();
    options.replay = Some(Replay { fallback, always });
    options
}

fn subscriptions_go_on_after_what_was_seen<J: Json>() {
    let mut scene = Scene::<J>::new(replaying(None, false));
    scene
        .open(1)
        .expect(&[r#"send over 1: /meta/handshake#1{"replay":true}"#]);
    scene.text(1, &handshake(r#"{"replay":true}"#)).drain();
    scene.text(1, &connect(2)).drain();
    let now = scene.instant();
    let all = Extras {
        replay: Some(-2),
        ..Extras::default()
    };
    scene.client.subscribe("/topic/X?a=b", all, now).unwrap();
    scene.expect(&[r#"send over 1: /meta/subscribe#4(/topic/X?a=b){"replay":{"/topic/X":-2}}"#]);
    scene.text(1, &done("/meta/subscribe", 4)).drain();
    scene.subscribed(1, "/a/*");
    for event in [
        r#"[{"channel":"/topic/X","data":{"event":{"replayId":7}}}]"#,
        r#"[{"channel":"/topic/X","data":{"event":{"replayId":9}}}]"#,
        r#"[{"channel":"/a/1","data":1,"ext":{"replayId":3}}]"#,
        r#"[{"channel":"/a/2","data":1,"ext":{"replayId":4}}]"#,
        r#"[{"channel":"/a/2","data":1}]"#,
    ] {
        scene.text(1, event).drain();
    }
    scene.text(1, &connect(3)).drain();
    scene
        .text(1, &refused("/meta/connect", 6, "403::Unknown client"))
        .drain();
    scene.text(
        1,
        &handshake(r#"{"replay":true}"#).replace(r#""1","s"#, r#""7","s"#),
    );
    scene.expect(&[
        "status",
        r#"send over 1: /meta/subscribe#8(/topic/X?a=b){"replay":{"/topic/X":9}} /meta/subscribe#9(/a/*){"replay":{"/a/1":3,"/a/2":4}}"#,
        "send over 1: /meta/connect#10!",
    ]);
    // A server that does not say that it understands them is told none, unless it is to be.
    for (always, ext) in [(false, ""), (true, r#"{"replay":{"/a":-2}}"#)] {
        let mut scene = Scene::<J>::connected(replaying(None, always));
        let now = scene.instant();
        scene.client.subscribe("/a", all, now).unwrap();
        scene.expect(&[&format!("send over 1: /meta/subscribe#4(/a){ext}")]);
    }
    // Ids are remembered for so many channels.
    let mut few = replaying(None, true);
    few.max_replays = 2;
    let mut scene = Scene::<J>::connected(few);
    for channel in [1, 2, 1, 3] {
        scene.text(
            1,
            &format!(r#"[{{"channel":"/{channel}","ext":{{"replayId":5}},"data":0}}]"#),
        );
    }
    scene.drain();
    scene.subscribe("/*");
    scene.expect(&[r#"send over 1: /meta/subscribe#4(/*){"replay":{"/1":5,"/3":5}}"#]);
}

fn a_replay_id_that_is_refused_has_a_fallback<J: Json>() {
    let error = "400::The replayId {7} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to replay only new events.";
    let mut scene = Scene::<J>::connected(replaying(Some(-2), true));
    scene
        .text(1, r#"[{"channel":"/a","data":{"event":{"replayId":7}}}]"#)
        .drain();
    scene.subscribe("/a");
    scene.expect(&[r#"send over 1: /meta/subscribe#4(/a){"replay":{"/a":7}}"#]);
    scene.text(1, &refused("/meta/subscribe", 4, error));
    scene.expect(&[r#"send over 1: /meta/subscribe#5(/a){"replay":{"/a":-2}}"#]);
    // Once.
    scene
        .text(1, &refused("/meta/subscribe", 5, error))
        .expect(&[&format!("1 refused {error}")]);
    let mut scene = Scene::<J>::connected(replaying(None, true));
    scene.subscribe("/a");
    scene.drain();
    scene
        .text(1, &refused("/meta/subscribe", 4, error))
        .expect(&[&format!("1 refused {error}")]);
}

fn what_requests_bring_along_goes_with_them<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    let now = scene.instant();
    let token = Extras {
        ext: Some(r#"{"token":"t"}"#),
        ..Extras::default()
    };
    scene.client.subscribe("/a", token, now).unwrap();
    scene.expect(&[r#"send over 1: /meta/subscribe#4(/a){"token":"t"}"#]);
    scene.text(1, &done("/meta/subscribe", 4)).drain();
    scene.client.publish("/a", "1", token, now).unwrap();
    scene.expect(&[r#"send over 1: /a#5=1{"token":"t"}"#]);
    scene.text(1, &connect(3)).drain();
    scene
        .text(1, &refused("/meta/connect", 6, "402::x"))
        .drain();
    scene.text(1, &HANDSHAKE.replace(r#""1","s"#, r#""7","s"#));
    scene.expect(&[
        "status",
        r#"send over 1: /meta/subscribe#8(/a){"token":"t"}"#,
        "send over 1: /meta/connect#9!",
    ]);
}

fn authenticating() -> ClientOptions {
    let mut options = options();
    options.authenticates = true;
    options
}

fn a_refused_handshake_asks_for_credentials_once<J: Json>() {
    let mut scene = Scene::<J>::new(authenticating());
    scene.open(1).drain();
    let denied = |id| {
        format!(
            r#"[{{"channel":"/meta/handshake","id":"{id}","successful":false,"error":"403::handshake_denied","advice":{{"reconnect":"none"}}}}]"#
        )
    };
    scene.text(1, &denied(1)).expect(&["authenticate"]);
    scene
        .client
        .set_handshake_ext(Some(r#"{"token":"new"}"#.to_owned()));
    let now = scene.instant();
    scene.client.authenticated(true, now);
    scene.expect(&[r#"send over 1: /meta/handshake#2{"token":"new"}"#]);
    scene.text(1, &denied(2));
    scene.expect(&[
        "refused /meta/handshake: 403::handshake_denied",
        "close 1: 1000",
        "status",
        "ended: Advice",
    ]);
    assert_eq!(scene.client.status().ending, Some(Ending::Advice));
}

fn a_refused_request_is_sent_once_more<J: Json>() {
    let mut scene = Scene::<J>::connected(authenticating());
    scene.client.begin_batch();
    scene.publish("/a", "1").unwrap();
    scene.publish("/a", "2").unwrap();
    scene.subscribe("/a");
    let now = scene.instant();
    scene.client.end_batch(now);
    scene.drain();
    scene
        .text(1, &refused("/a", 4, "401::expired"))
        .expect(&["authenticate"]);
    // What was carried out is not sent again.
    scene.text(1, &done("/a", 5)).expect(&["2 done"]);
    scene
        .text(1, &refused("/meta/subscribe", 6, "403::expired"))
        .expect(&[]);
    scene.client.authenticated(true, now);
    scene.expect(&["send over 1: /a#7=1 /meta/subscribe#8(/a)"]);
    scene
        .text(1, &refused("/a", 7, "403::no"))
        .expect(&["1 refused 403::no"]);
    scene
        .text(1, &done("/meta/subscribe", 8))
        .expect(&["3 done"]);
    // Without other credentials it stays refused.
    scene.publish("/a", "3").unwrap();
    scene.drain();
    scene
        .text(1, &refused("/a", 9, "403::no"))
        .expect(&["authenticate"]);
    scene.client.authenticated(false, now);
    scene.expect(&["4 refused 403::no"]);
    scene.client.authenticated(true, now);
    scene.expect(&[]);
    // A connection that is lost meanwhile takes nothing away: the refusal is certain.
    scene.publish("/a", "4").unwrap();
    scene.drain();
    scene.text(1, &refused("/a", 10, "403::no")).drain();
    scene.lose(1).expect(&["close 1: 1001", "status"]);
    scene.client.authenticated(true, now);
    scene.expect(&["connect 2 by 0", "status"]);
    scene
        .open(2)
        .expect(&["send over 2: /a#11=4", "send over 2: /meta/connect#12!"]);
}

fn a_refused_connect_is_sent_once_more<J: Json>() {
    let mut scene = Scene::<J>::connected(authenticating());
    scene
        .text(1, &refused("/meta/connect", 3, "401::expired"))
        .expect(&["authenticate"]);
    let now = scene.instant();
    scene.client.authenticated(true, now);
    scene.expect(&["send over 1: /meta/connect#4!"]);
    scene.text(1, &refused("/meta/connect", 4, "401::expired"));
    scene.expect(&["status"]);
    scene.tick().expect(&["send over 1: /meta/handshake#5"]);
}

fn a_refused_connection_waits_for_credentials<J: Json>() {
    let mut scene = Scene::<J>::connected(authenticating());
    scene.publish("/a", "1").unwrap();
    scene.drain();
    scene.close_with(1, 401);
    scene.expect(&["close 1: 1001", "1 unknown", "authenticate", "status"]);
    scene.wait(20_000);
    let now = scene.instant();
    scene.client.authenticated(true, now);
    scene.expect(&["connect 2 by 0", "status"]);
    // The second time in a row it is a loss like any other.
    scene
        .close_with(2, 401)
        .expect(&["close 2: 1001", "status"]);
    scene.tick().expect(&["connect 3 by 0", "status"]);
    // Who cannot renew credentials is not asked.
    let mut scene = Scene::<J>::connected(options());
    scene
        .close_with(1, 401)
        .expect(&["close 1: 1001", "status"]);
}

fn a_denied_payload_is_refused_and_no_other<J: Json>() {
    let mut polling = authenticating();
    polling.connection_types = vec![ConnectionType::LongPolling];
    let mut scene = Scene::<J>::connected(polling);
    scene.publish("/a", "1").unwrap();
    scene.expect(&["send over 1: /a#4=1"]);
    let now = scene.instant();
    scene.client.denied(4, 401, now);
    scene.expect(&["authenticate"]);
    scene.expect_state(State::Connected);
    scene.client.authenticated(true, now);
    scene.expect(&["send over 1: /a#5=1"]);
    scene.client.denied(5, 401, now);
    scene.expect(&["1 refused 403:401:denied"]);
    // The connect is a payload, too.
    scene.client.denied(3, 403, now);
    scene.expect(&["authenticate"]);
    scene.client.authenticated(true, now);
    scene.expect(&["send over 1: /meta/connect#6!"]);
    scene.client.denied(77, 403, now);
    scene.expect(&[]);
}

fn credentials_that_do_not_come_are_not_waited_for<J: Json>() {
    let mut scene = Scene::<J>::connected(authenticating());
    scene.publish("/a", "1").unwrap();
    scene.drain();
    scene
        .text(1, &refused("/a", 4, "403::no"))
        .expect(&["authenticate"]);
    while scene.client.status().in_flight > 0 {
        scene.tick();
    }
    assert_eq!(scene.now, 30_000);
    scene.expect(&["1 refused 403::no"]);
}
