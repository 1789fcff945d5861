//! A client's life, scene by scene.

use core::time::Duration;

use mirrorball_protocol::{
    bayeux::client::{ClientOptions, CommandError, ConnectionType, Ending, Fault, State},
    json::Json,
    machine::Input,
    reason::Reason,
};

use super::scene::{HANDSHAKE, Scene, connect, done, refused};

/// Plays every scene.
pub(crate) fn all<J: Json>() {
    the_first_connection::<J>();
    what_goes_over_the_wire::<J>();
    a_handshake_goes_over_the_preferred_way_and_falls_back::<J>();
    a_way_that_worked_is_kept::<J>();
    a_way_is_negotiated_and_the_session_stays::<J>();
    no_way_in_common_is_the_end::<J>();
    intervals_are_milliseconds_and_advice_goes_over_the_defaults::<J>();
    advice_to_stay_away_is_the_end::<J>();
    a_loss_keeps_the_session_and_tells_of_a_gap::<J>();
    a_lost_session_is_made_again_with_its_subscriptions::<J>();
    a_session_lost_while_subscriptions_come_back::<J>();
    every_server_says_in_its_own_way_that_a_session_is_gone::<J>();
    a_session_that_never_lasts_is_no_reason_to_hurry::<J>();
    a_session_that_is_surely_gone_is_not_asked_for::<J>();
    replies_of_older_connects_and_sessions_are_ignored::<J>();
    silence_ends_a_connection::<J>();
    waits_grow_and_being_online_ends_them::<J>();
    being_online_asks_whether_the_connection_stands::<J>();
    closing_tells_the_server_and_waits_for_a_while::<J>();
    a_client_opens_again::<J>();
    the_server_may_end_the_session::<J>();
    it_gives_up_where_it_is_to::<J>();
    whoever_breaks_the_protocol_is_left::<J>();
    a_suspended_client_sends_no_connect_and_hears_replies::<J>();
}

pub(crate) fn options() -> ClientOptions {
    ClientOptions::default()
}

fn the_first_connection<J: Json>() {
    let mut scene = Scene::<J>::new(options());
    scene.expect_state(State::Connecting);
    scene.open(1).expect(&["send over 1: /meta/handshake#1"]);
    assert_eq!(scene.client.client_id(), None);
    scene.text(1, HANDSHAKE);
    scene.expect(&["status", "send over 1: /meta/connect#2!"]);
    assert_eq!(scene.client.client_id(), Some("c"));
    scene.expect_state(State::Connecting);
    scene.text(1, &connect(2));
    scene.expect(&["status", "send over 1: /meta/connect#3"]);
    scene.expect_state(State::Connected);
    assert_eq!(
        scene.client.connection_type(),
        Some(&ConnectionType::WebSocket)
    );
    // The server holds it for 30 s, as it said, and the network may take 10 s.
    assert_eq!(scene.deadline(), Some(40_000));
    scene.wait(30_000).text(1, &connect(3));
    scene.expect(&["send over 1: /meta/connect#4"]);
}

fn what_goes_over_the_wire<J: Json>() {
    let mut scene = Scene::<J>::new(options());
    scene.open(1).expect_text(r#"[{"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["websocket","long-polling"]}]"#);
    scene.text(1, HANDSHAKE).expect_text(r#"[{"channel":"/meta/connect","id":"2","clientId":"c","connectionType":"websocket","advice":{"timeout":0}}]"#);
    scene.text(1, &connect(2)).expect_text(
        r#"[{"channel":"/meta/connect","id":"3","clientId":"c","connectionType":"websocket"}]"#,
    );
    scene.subscribe("/a/*");
    scene.expect_text(
        r#"[{"channel":"/meta/subscribe","id":"4","clientId":"c","subscription":"/a/*"}]"#,
    );
    scene.publish("/a/b", r#"{"x":"\"1"}"#).unwrap();
    scene.expect_text(r#"[{"channel":"/a/b","id":"5","clientId":"c","data":{"x":"\"1"}}]"#);
    scene.unsubscribe("/a/*");
    scene.expect_text(
        r#"[{"channel":"/meta/unsubscribe","id":"6","clientId":"c","subscription":"/a/*"}]"#,
    );
    scene
        .close()
        .expect_text(r#"[{"channel":"/meta/disconnect","id":"7","clientId":"c"}]"#);
}

fn a_handshake_goes_over_the_preferred_way_and_falls_back<J: Json>() {
    let mut scene = Scene::<J>::new(options());
    scene
        .lose(1)
        .expect(&["close 1: 1001", "connect 2 by 1", "status"]);
    scene.open(2).expect_text(r#"[{"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["long-polling"]}]"#);
    // The server speaks WebSocket, too, but this client just saw that it cannot.
    scene.text(2, HANDSHAKE);
    scene.expect(&["status", "send over 2: /meta/connect#2!"]);
    scene.text(2, &connect(2)).drain();
    assert_eq!(
        scene.client.connection_type(),
        Some(&ConnectionType::LongPolling)
    );
    // A socket that says nothing counts as little as one that does not open.
    let mut scene = Scene::<J>::new(options());
    scene
        .tick()
        .expect(&["close 1: 4001", "connect 2 by 1", "status"]);
    // Neither way works: from the beginning, after a while.
    scene.open(2).drain();
    scene.lose(2).expect(&["close 2: 1001", "status"]);
    assert_eq!(scene.client.status().retries, 1);
    scene.tick().expect(&["connect 3 by 0", "status"]);
}

fn a_way_that_worked_is_kept<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.lose(1).expect(&["close 1: 1001", "status"]);
    for attempt in 2..9 {
        scene
            .tick()
            .expect(&[&format!("connect {attempt} by 0"), "status"]);
        scene.lose(attempt).drain();
    }
    let mut fickle = options();
    fickle.sticky = false;
    let mut scene = Scene::<J>::connected(fickle);
    scene.lose(1).drain();
    scene.tick().expect(&["connect 2 by 0", "status"]);
    scene
        .lose(2)
        .expect(&["close 2: 1001", "connect 3 by 1", "status"]);
    // The session is the same, over another way.
    scene.open(3).expect_text(r#"[{"channel":"/meta/connect","id":"4","clientId":"c","connectionType":"long-polling","advice":{"timeout":0}}]"#);
    scene.text(3, &connect(4));
    scene.expect(&[
        "changed from 0 to 1",
        "gap",
        "status",
        "send over 3: /meta/connect#5",
    ]);
    // When that breaks, the preferred one is tried again.
    scene.lose(3).drain();
    scene.tick().expect(&["connect 4 by 0", "status"]);
}

fn a_way_is_negotiated_and_the_session_stays<J: Json>() {
    let polling_first = ClientOptions::default();
    let mut scene = Scene::<J>::new(polling_first);
    scene.open(1).drain();
    scene.publish("/a", "1").unwrap();
    scene.text(1, &HANDSHAKE.replace(r#""websocket",""#, "\""));
    scene.expect(&["close 1: 1000", "connect 2 by 1", "status"]);
    assert_eq!(scene.client.client_id(), Some("c"));
    scene.open(2);
    scene.expect(&["send over 2: /a#2=1", "send over 2: /meta/connect#3!"]);
    scene.text(2, &connect(3));
    scene.expect(&[
        "changed from 0 to 1",
        "status",
        "send over 2: /meta/connect#4",
    ]);
    // A server that does not say what it offers offers what it answered over.
    let mut scene = Scene::<J>::new(options());
    scene.open(1).drain();
    scene.text(
        1,
        r#"[{"channel":"/meta/handshake","id":"1","successful":true,"clientId":"c"}]"#,
    );
    scene.expect(&["status", "send over 1: /meta/connect#2!"]);
    // The only one that it offers is the one that just failed.
    let mut scene = Scene::<J>::new(options());
    scene.lose(1).drain();
    scene.open(2).drain();
    scene.text(2, &HANDSHAKE.replace(r#","long-polling"]"#, "]"));
    scene.expect(&["close 2: 1000", "connect 3 by 0", "status"]);
}

fn no_way_in_common_is_the_end<J: Json>() {
    let mut scene = Scene::<J>::new(options());
    scene.open(1).drain();
    let request = scene.publish("/a", "1").unwrap();
    scene.text(
        1,
        &HANDSHAKE.replace(r#"["websocket","long-polling"]"#, r#"["carrier-pigeon"]"#),
    );
    let unsent = format!("{} unsent", super::scene::number(request));
    scene.expect(&["close 1: 1000", &unsent, "status", "ended: NoTransport"]);
    scene.expect_state(State::Ended);
    assert_eq!(scene.client.status().ending, Some(Ending::NoTransport));
    assert_eq!(scene.publish("/a", "1"), Err(CommandError::Closed));
    assert_eq!(scene.deadline(), None);
}

fn intervals_are_milliseconds_and_advice_goes_over_the_defaults<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.text(
        1,
        r#"[{"channel":"/meta/connect","id":"3","successful":true,"advice":{"interval":2000}}]"#,
    );
    scene.expect(&[]);
    assert_eq!(scene.deadline(), Some(2_000));
    // It said nothing of its timeout: the default is 60 s.
    assert_eq!(scene.client.advice().timeout, Some(Duration::from_secs(60)));
    scene.wait(1_999).input(Input::Tick).expect(&[]);
    scene
        .wait(1)
        .input(Input::Tick)
        .expect(&["send over 1: /meta/connect#4"]);
    assert_eq!(scene.deadline(), Some(72_000));
}

fn advice_to_stay_away_is_the_end<J: Json>() {
    for word in ["none", "surprise"] {
        let mut scene = Scene::<J>::connected(options());
        scene.subscribed(1, "/a");
        scene.publish("/a", "1").unwrap();
        scene.drain();
        scene.text(1, &format!(r#"[{{"channel":"/meta/connect","id":"3","successful":false,"error":"403::x","advice":{{"reconnect":"{word}"}}}}]"#));
        scene.expect(&[
            "refused /meta/connect: 403::x",
            "close 1: 1000",
            "2 unknown",
            "status",
            "ended: Advice",
        ]);
        scene.expect_state(State::Ended);
        let reply = scene.client.last_connect().unwrap();
        assert_eq!(reply.successful(), Some(false));
        assert_eq!(scene.deadline(), None);
    }
    let mut scene = Scene::<J>::new(options());
    scene.open(1).drain();
    scene.text(1, r#"[{"channel":"/meta/handshake","id":"1","successful":false,"error":"403::handshake_denied","advice":{"reconnect":"none"}}]"#);
    scene.expect(&[
        "refused /meta/handshake: 403::handshake_denied",
        "close 1: 1000",
        "status",
        "ended: Advice",
    ]);
}

fn a_loss_keeps_the_session_and_tells_of_a_gap<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.subscribed(1, "/a");
    scene.lose(1).expect(&["close 1: 1001", "status"]);
    scene.expect_state(State::Connecting);
    assert_eq!(scene.client.status().last_fault, Some(Fault::Lost(1006)));
    scene.tick().drain();
    scene.open(2).expect(&["send over 2: /meta/connect#5!"]);
    scene.text(
        2,
        r#"[{"channel":"/a","data":1},{"channel":"/meta/connect","id":"5","successful":true}]"#,
    );
    scene.expect(&[
        "gap",
        "/a=1 for [/a]",
        "status",
        "send over 2: /meta/connect#6",
    ]);
    scene.expect_subscriptions(&["/a"]);
    assert_eq!(scene.client.client_id(), Some("c"));
}

fn a_lost_session_is_made_again_with_its_subscriptions<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene
        .subscribed(1, "/a")
        .subscribed(1, "/b")
        .subscribed(1, "/c");
    scene.text(1, &connect(3)).drain();
    scene
        .client
        .set_handshake_ext(Some(r#" {"token":2} "#.to_owned()));
    scene.text(1, r#"[{"channel":"/meta/connect","id":"7","successful":false,"error":"402::session_unknown","advice":{"reconnect":"handshake","interval":0}}]"#);
    scene.expect(&["status", r#"send over 1: /meta/handshake#8{"token":2}"#]);
    scene.expect_state(State::Connecting);
    let handshake = HANDSHAKE
        .replace(r#""1","s"#, r#""8","s"#)
        .replace(r#""c""#, r#""d""#);
    scene.text(1, &handshake);
    scene.expect(&[
        "status",
        "send over 1: /meta/subscribe#9(/a) /meta/subscribe#10(/b) /meta/subscribe#11(/c)",
        "send over 1: /meta/connect#12!",
    ]);
    scene.text(1, &connect(12));
    scene.expect(&["status", "send over 1: /meta/connect#13"]);
    scene.text(1, r#"[{"channel":"/meta/subscribe","id":"9","successful":true,"subscription":"/a"},{"channel":"/meta/subscribe","id":"10","successful":false,"error":"403::no","subscription":"/b"},{"channel":"/meta/subscribe","id":"11","successful":true,"subscription":"/c"}]"#);
    scene.expect(&[
        "restored /a",
        "dropped /b: 403::no",
        "restored /c",
        "session lost",
    ]);
    scene.expect_subscriptions(&["/a", "/c"]);
}

fn a_session_lost_while_subscriptions_come_back<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.subscribed(1, "/a").subscribed(1, "/b");
    scene.text(1, &connect(3)).drain();
    scene
        .text(1, &refused("/meta/connect", 6, "402::x"))
        .drain();
    let handshake = |id| HANDSHAKE.replace(r#""1","s"#, &format!(r#""{id}","s"#));
    scene.text(1, &handshake(7)).drain();
    scene
        .text(1, &done("/meta/subscribe", 8))
        .expect(&["restored /a"]);
    // The connection breaks, and the session with it. What was restored is to be restored once more.
    scene.lose(1).drain();
    scene.tick().drain();
    scene.open(2).expect(&[
        "send over 2: /meta/subscribe#11(/b)",
        "send over 2: /meta/connect#12!",
    ]);
    scene
        .text(2, &refused("/meta/connect", 12, "402::x"))
        .drain();
    scene
        .text(2, &refused("/meta/subscribe", 11, "402::x"))
        .expect(&[]);
    scene.tick().expect(&["send over 2: /meta/handshake#13"]);
    scene.text(2, &handshake(13));
    scene.expect(&[
        "status",
        "send over 2: /meta/subscribe#14(/a) /meta/subscribe#15(/b)",
        "send over 2: /meta/connect#16!",
    ]);
    scene
        .text(2, &done("/meta/subscribe", 14))
        .expect(&["restored /a"]);
    scene
        .text(2, &done("/meta/subscribe", 15))
        .expect(&["restored /b", "session lost"]);
}

fn every_server_says_in_its_own_way_that_a_session_is_gone<J: Json>() {
    for error in [
        "402::session_unknown",
        "402::Unknown client",
        "401:c:Unknown client",
        "403::Unknown client",
    ] {
        let mut scene = Scene::<J>::connected(options());
        scene.text(1, &connect(3)).drain();
        // It says so to whatever it is asked.
        scene.publish("/a", "1").unwrap();
        scene.drain();
        scene.text(1, &refused("/a", 5, error));
        scene.expect(&[
            &format!("1 refused {error}"),
            "status",
            "send over 1: /meta/handshake#6",
        ]);
        scene
            .text(1, &refused("/meta/connect", 4, error))
            .expect(&[]);
    }
}

fn a_session_that_never_lasts_is_no_reason_to_hurry<J: Json>() {
    let mut scene = Scene::<J>::new(options());
    scene.open(1).drain();
    let mut waited = 0;
    for round in 0..20 {
        let id = 2 * round + 1;
        scene
            .text(1, &HANDSHAKE.replace(r#""1","s"#, &format!(r#""{id}","s"#)))
            .drain();
        scene.text(1, &refused("/meta/connect", id + 1, "402::x"));
        let before = scene.now;
        scene.expect(&["status"]);
        scene.tick().drain();
        assert!(scene.now > before);
        waited += scene.now - before;
    }
    assert!(waited > 60_000, "{waited} ms");
}

fn a_session_that_is_surely_gone_is_not_asked_for<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    let advice = r#"[{"channel":"/meta/connect","id":"3","successful":true,"advice":{"reconnect":"retry","interval":0,"timeout":1000,"maxInterval":2000}}]"#;
    scene.text(1, advice).drain();
    scene.lose(1).drain();
    let mut attempt = 1;
    while scene.client.client_id().is_some() {
        assert!(scene.now <= 3_000);
        scene.tick().drain();
        attempt += 1;
        scene.lose(attempt).drain();
    }
    let until = scene.client.status().next_retry.unwrap().since_origin();
    assert!(until > Duration::from_secs(3), "{until:?}");
    scene.tick().drain();
    scene
        .open(attempt + 1)
        .expect(&[&format!("send over {}: /meta/handshake#5", attempt + 1)]);
}

fn replies_of_older_connects_and_sessions_are_ignored<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.text(1, r#"[{"channel":"/meta/connect","id":"2","successful":false,"error":"402::x","advice":{"reconnect":"none"}}]"#);
    scene.expect(&[]);
    scene.publish("/a", "1").unwrap();
    scene.publish("/a", "2").unwrap();
    scene.drain();
    scene.text(1, &connect(3)).drain();
    scene.text(1, &refused("/a", 4, "402::x"));
    scene.expect(&[
        "1 refused 402::x",
        "status",
        "send over 1: /meta/handshake#7",
    ]);
    scene
        .text(1, &HANDSHAKE.replace(r#""1","s"#, r#""7","s"#))
        .drain();
    // A late reply to what was sent in the older session says nothing of this one; nor does the handshake's reply once more.
    scene.text(1, r#"[{"channel":"/a","id":"5","successful":false,"error":"402::x","advice":{"reconnect":"handshake","interval":9}}]"#);
    scene.expect(&["2 refused 402::x"]);
    scene.text(1, HANDSHAKE).expect(&[]);
    assert_eq!(scene.client.advice().interval, Some(Duration::ZERO));
    scene
        .text(1, &connect(8))
        .expect(&["status", "send over 1: /meta/connect#9"]);
}

fn silence_ends_a_connection<J: Json>() {
    // A handshake.
    let mut scene = Scene::<J>::new(options());
    scene.open(1).drain();
    scene.tick();
    assert_eq!(scene.now, 10_000);
    scene.expect(&["close 1: 4000", "connect 2 by 1", "status"]);
    // A connect that is held.
    let mut scene = Scene::<J>::connected(options());
    scene.tick().expect(&["close 1: 4000", "status"]);
    assert_eq!(scene.now, 40_000);
    assert_eq!(
        scene.client.status().last_fault,
        Some(Fault::Closed(Reason::SILENT))
    );
    // A connect that is to be answered at once.
    scene.tick().drain();
    let before = scene.now;
    scene.open(2).drain();
    scene.tick().expect(&["close 2: 4000", "status"]);
    assert_eq!(scene.now - before, 10_000);
}

fn waits_grow_and_being_online_ends_them<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.lose(1).drain();
    let mut longest = 0;
    for attempt in 2..40 {
        let before = scene.now;
        scene.tick().drain();
        let waited = scene.now - before;
        assert!((250..=30_000).contains(&waited), "{waited}");
        longest = longest.max(waited);
        scene.lose(attempt).drain();
    }
    assert!(longest > 10_000, "{longest}");
    assert_eq!(scene.client.status().retries, 39);
    scene
        .input(Input::Online)
        .expect(&["connect 40 by 0", "status"]);
    // What lasted is forgiven.
    scene.open(40).text(40, &connect(4)).drain();
    assert_eq!(scene.client.status().retries, 39);
    scene.wait(30_000).text(40, &connect(5)).drain();
    assert_eq!(scene.client.status().retries, 0);
}

fn being_online_asks_whether_the_connection_stands<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.wait(5_000).input(Input::Online);
    scene.expect(&["send over 1: /meta/connect#4!"]);
    // Once is enough.
    scene.input(Input::Online).expect(&[]);
    // The one that was held is answered, too, or never is.
    scene.text(1, &connect(3)).expect(&[]);
    assert_eq!(scene.deadline(), Some(15_000));
    scene
        .text(1, &connect(4))
        .expect(&["send over 1: /meta/connect#5"]);
    // What cannot be asked does not take the place of what was.
    scene.input(Input::Writable(false)).input(Input::Online);
    scene.input(Input::Writable(true)).expect(&[]);
    scene
        .text(1, &connect(5))
        .expect(&["send over 1: /meta/connect#6"]);
    let mut polling = options();
    polling.connection_types = vec![ConnectionType::LongPolling];
    let mut scene = Scene::<J>::connected(polling);
    scene.publish("/a", "1").unwrap();
    scene.drain();
    scene.input(Input::Online).expect(&[]);
    scene.text(1, &done("/a", 4)).drain();
    scene
        .input(Input::Online)
        .expect(&["close 1: 1001", "connect 2 by 0", "status"]);
    scene.open(2).expect(&["send over 2: /meta/connect#5!"]);
}

fn closing_tells_the_server_and_waits_for_a_while<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.subscribed(1, "/a");
    scene.publish("/a", "1").unwrap();
    scene.client.begin_batch();
    scene.publish("/a", "2").unwrap();
    scene.drain();
    scene
        .close()
        .expect(&["3 unsent", "status", "send over 1: /meta/disconnect#6"]);
    scene.expect_state(State::Disconnecting);
    assert_eq!(scene.publish("/a", "3"), Err(CommandError::Closed));
    // What is under way may still come to its end.
    scene.text(1, &done("/a", 5)).expect(&["2 done"]);
    scene.text(1, &connect(3)).expect(&[]);
    scene
        .text(1, &done("/meta/disconnect", 6))
        .expect(&["close 1: 1000", "status"]);
    scene.expect_state(State::Disconnected);
    scene.expect_subscriptions(&[]);
    assert_eq!(scene.deadline(), None);
    scene.lose(1).expect(&[]);
    // Without a reply.
    let mut scene = Scene::<J>::connected(options());
    scene.close().drain();
    scene.tick().expect(&["close 1: 1000", "status"]);
    assert_eq!(scene.now, 5_000);
    // Whoever asks twice waits no longer; and whom nobody hears waits not at all.
    let mut scene = Scene::<J>::connected(options());
    scene.close().drain();
    scene.close().expect(&["close 1: 1000", "status"]);
    let mut scene = Scene::<J>::connected(options());
    scene.lose(1).drain();
    scene.close().expect(&["status"]);
    let mut scene = Scene::<J>::connected(options());
    scene.close().drain();
    scene.lose(1).expect(&["close 1: 1001", "status"]);
    scene.expect_state(State::Disconnected);
    scene.close().expect(&[]);
}

fn a_client_opens_again<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    let now = scene.instant();
    assert_eq!(scene.client.open(now), Err(CommandError::Open));
    scene.subscribed(1, "/a");
    scene.close().text(1, &done("/meta/disconnect", 5)).drain();
    scene.client.open(now).unwrap();
    scene.expect(&["connect 2 by 0", "status"]);
    scene.open(2).expect(&["send over 2: /meta/handshake#6"]);
    scene.text(2, &HANDSHAKE.replace(r#""1","s"#, r#""6","s"#));
    scene.expect(&["status", "send over 2: /meta/connect#7!"]);
    scene.text(2, &connect(7));
    scene.expect(&["status", "send over 2: /meta/connect#8"]);
    scene.expect_subscriptions(&[]);
}

fn the_server_may_end_the_session<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.text(1, &done("/meta/disconnect", 77)).expect(&[]);
    scene.text(1, r#"[{"channel":"/meta/disconnect","successful":true}]"#);
    scene.expect(&["close 1: 1000", "status", "ended: Disconnected"]);
    let now = scene.instant();
    assert_eq!(scene.client.open(now), Ok(()));
}

fn it_gives_up_where_it_is_to<J: Json>() {
    let mut once = options();
    once.first_attempts = Some(1);
    let mut scene = Scene::<J>::new(once.clone());
    scene
        .lose(1)
        .expect(&["close 1: 1001", "connect 2 by 1", "status"]);
    scene
        .lose(2)
        .expect(&["close 2: 1001", "status", "ended: GivenUp"]);
    let mut scene = Scene::<J>::new(once.clone());
    scene.open(1).drain();
    scene.text(1, &refused("/meta/handshake", 1, "403::handshake_denied"));
    scene.expect(&[
        "refused /meta/handshake: 403::handshake_denied",
        "close 1: 1000",
        "status",
        "ended: GivenUp",
    ]);
    // Once it was connected it does not.
    let mut scene = Scene::<J>::connected(once);
    scene.lose(1).expect(&["close 1: 1001", "status"]);
}

fn whoever_breaks_the_protocol_is_left<J: Json>() {
    for (text, code) in [("<html>", 1007), ("7", 1002), ("[7]", 1002), ("[[]]", 1002)] {
        let mut scene = Scene::<J>::connected(options());
        scene.text(1, text);
        scene.expect(&[
            &format!("close 1: {code}"),
            &format!("violation {code}"),
            "status",
        ]);
    }
    let mut scene = Scene::<J>::connected(options());
    scene.input(Input::Binary { attempt: 1 });
    scene.expect(&["close 1: 1003", "violation 1003", "status"]);
    let mut scene = Scene::<J>::new(options());
    scene.open(1).drain();
    scene.text(1, &done("/meta/handshake", 1));
    scene.expect(&["close 1: 1002", "violation 1002", "status"]);
    // An empty batch says nothing, and neither do messages that nobody knows.
    let mut scene = Scene::<J>::connected(options());
    for nothing in [
        "[]",
        "[{}]",
        r#"[{"channel":7}]"#,
        r#"[{"channel":"/meta/x","successful":true}]"#,
    ] {
        scene.text(1, nothing).expect(&[]);
    }
}

fn a_suspended_client_sends_no_connect_and_hears_replies<J: Json>() {
    let mut polling = options();
    polling.connection_types = vec![ConnectionType::LongPolling];
    let mut scene = Scene::<J>::connected(polling);
    scene.subscribed(1, "/a");
    let now = scene.instant();
    scene.client.suspend(true, now);
    scene.text(
        1,
        &format!(r#"[{{"channel":"/a","data":1}},{}"#, &connect(3)[1..]),
    );
    scene.expect(&["/a=1 for [/a]"]);
    scene.publish("/a", "2").unwrap();
    scene.expect(&["send over 1: /a#5=2"]);
    scene.text(1, &done("/a", 5)).expect(&["2 done"]);
    assert_eq!(scene.deadline(), None);
    scene.client.suspend(false, now);
    scene.expect(&["send over 1: /meta/connect#6"]);
}
