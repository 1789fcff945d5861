//! What becomes of a client's requests, and which message is the reply to which.

use core::time::Duration;

use mirrorball_protocol::{
    bayeux::{
        ChannelError,
        client::{ClientOptions, CommandError, ConnectionType, Extras},
    },
    json::Json,
    machine::Input,
};

use super::{
    client::options,
    scene::{HANDSHAKE, Scene, connect, done, refused},
};

/// Plays every scene.
pub(crate) fn all<J: Json>() {
    publications_come_to_one_end::<J>();
    a_reply_without_successful_is_a_success::<J>();
    an_event_with_the_publishers_id_is_an_event::<J>();
    numbers_are_ids_and_a_message_may_be_alone::<J>();
    servers_may_omit_ids::<J>();
    subscriptions_change_by_replies::<J>();
    an_event_says_which_subscriptions_it_matches::<J>();
    a_call_is_answered_by_data_or_refused::<J>();
    requests_wait_for_a_session::<J>();
    a_lost_connection_leaves_what_was_sent_unknown::<J>();
    requests_have_their_time::<J>();
    a_missing_reply_is_not_a_dead_socket::<J>();
    a_missing_response_is_a_dead_request::<J>();
    batches_go_together::<J>();
    payloads_are_bounded::<J>();
    over_http_requests_wait_for_the_response::<J>();
    a_full_socket_is_sent_nothing::<J>();
    requests_are_bounded_and_checked::<J>();
    abandoned_requests_end_unheard::<J>();
}

fn publications_come_to_one_end<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.publish("/a", "1").unwrap();
    scene.publish("/service/b", "null").unwrap();
    scene.expect(&["send over 1: /a#4=1", "send over 1: /service/b#5=null"]);
    scene.text(1, &refused("/service/b", 5, "403:x:publish_denied"));
    scene.expect(&["2 refused 403:x:publish_denied"]);
    // The same id on another channel is no reply.
    scene.text(1, &done("/b", 4)).expect(&[]);
    scene.text(1, &done("/a", 4)).expect(&["1 done"]);
    scene.text(1, &done("/meta/subscribe", 4)).expect(&[]);
}

fn a_reply_without_successful_is_a_success<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.publish("/a", "1").unwrap();
    scene.drain();
    scene
        .text(1, r#"[{"channel":"/a","id":"4"}]"#)
        .expect(&["1 done"]);
}

fn an_event_with_the_publishers_id_is_an_event<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.subscribed(1, "/a");
    scene.publish("/a", "1").unwrap();
    scene.drain();
    for event in [
        r#"[{"channel":"/a","id":"5","data":1}]"#,
        r#"[{"channel":"/a","id":"5","data":1,"successful":true}]"#,
        r#"[{"channel":"/a","data":1,"successful":true}]"#,
    ] {
        scene.text(1, event).expect(&["/a=1 for [/a]"]);
    }
    scene.text(1, &done("/a", 5)).expect(&["2 done"]);
}

fn numbers_are_ids_and_a_message_may_be_alone<J: Json>() {
    let mut scene = Scene::<J>::new(options());
    scene.open(1).drain();
    scene.text(
        1,
        r#"{"channel":"/meta/handshake","id":1,"successful":true,"clientId":"c"}"#,
    );
    scene.expect(&["status", "send over 1: /meta/connect#2!"]);
    scene
        .text(1, r#"{"channel":"/meta/connect","id":2,"successful":true}"#)
        .drain();
    scene.publish("/a", "1").unwrap();
    scene.drain();
    for other in [
        "true", "[4]", "-4", "\"\"", "\"0\"", "\"x\"", "4.5", "1e300",
    ] {
        let text = format!(r#"{{"channel":"/a","id":{other},"successful":true}}"#);
        scene.text(1, &text).expect(&[]);
    }
    scene
        .text(1, r#"{"channel":"/a","id":4,"successful":true}"#)
        .expect(&["1 done"]);
}

fn servers_may_omit_ids<J: Json>() {
    let mut scene = Scene::<J>::new(options());
    scene.open(1).drain();
    scene.text(
        1,
        r#"[{"channel":"/meta/handshake","successful":true,"clientId":"c"}]"#,
    );
    scene.expect(&["status", "send over 1: /meta/connect#2!"]);
    scene
        .text(1, r#"[{"channel":"/meta/connect","successful":true}]"#)
        .drain();
    scene.subscribe("/a");
    scene.subscribe("/b");
    scene.publish("/c", "1").unwrap();
    scene.publish("/c", "2").unwrap();
    scene.drain();
    scene.text(
        1,
        r#"[{"channel":"/meta/subscribe","successful":true,"subscription":"/b"}]"#,
    );
    scene.expect(&["2 done"]);
    scene.text(
        1,
        r#"[{"channel":"/meta/subscribe","successful":false,"error":"403::x"}]"#,
    );
    scene.expect(&["1 refused 403::x"]);
    scene.text(
        1,
        r#"[{"channel":"/c","successful":true},{"channel":"/c","successful":false}]"#,
    );
    scene.expect(&["3 done", "4 refused"]);
    // What says nothing of success is what somebody published without data.
    scene
        .text(1, r#"[{"channel":"/b"}]"#)
        .expect(&["/b= for [/b]"]);
    scene.expect_subscriptions(&["/b"]);
}

fn subscriptions_change_by_replies<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.subscribe("/a");
    scene.expect(&["send over 1: /meta/subscribe#4(/a)"]);
    scene.expect_subscriptions(&[]);
    scene
        .text(1, &done("/meta/subscribe", 4))
        .expect(&["1 done"]);
    scene.expect_subscriptions(&["/a"]);
    // Salesforce's filters are part of what is subscribed to.
    scene.subscribed(1, "/topic/X?a=b");
    scene.expect_subscriptions(&["/a", "/topic/X?a=b"]);
    scene.text(1, r#"[{"channel":"/topic/X","data":1}]"#);
    scene.expect(&["/topic/X=1 for [/topic/X?a=b]"]);
    scene.unsubscribe("/a");
    scene.drain();
    scene.expect_subscriptions(&["/a", "/topic/X?a=b"]);
    scene
        .text(1, &refused("/meta/unsubscribe", 6, "403::x"))
        .expect(&["3 refused 403::x"]);
    scene.expect_subscriptions(&["/a", "/topic/X?a=b"]);
    scene.unsubscribe("/a");
    scene.drain();
    scene
        .text(1, &done("/meta/unsubscribe", 7))
        .expect(&["4 done"]);
    scene.expect_subscriptions(&["/topic/X?a=b"]);
    // Refused where it was there.
    scene.subscribe("/topic/X?a=b");
    scene.drain();
    scene
        .text(1, &refused("/meta/subscribe", 8, "403::x"))
        .expect(&["5 refused 403::x"]);
    scene.expect_subscriptions(&[]);
}

fn an_event_says_which_subscriptions_it_matches<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    for channel in ["/a/b", "/a/*", "/a/**", "/**", "/a", "/b/**", "/*"] {
        scene.subscribed(1, channel);
    }
    scene.text(1, r#"[{"channel":"/a/b","data":{}}]"#);
    scene.expect(&["/a/b={} for [/a/b /a/* /a/** /**]"]);
    scene.text(1, r#"[{"channel":"/a","data":null}]"#);
    scene.expect(&["/a=null for [/** /a /*]"]);
    // What the server sends unasked is told, too; services may.
    scene.text(1, r#"[{"channel":"/service/x","id":"9","data":1}]"#);
    scene.expect(&["/service/x=1 for [/**]"]);
}

fn a_call_is_answered_by_data_or_refused<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.call("/service/x", "1");
    scene.expect(&["send over 1: /service/x#4=1"]);
    scene.text(1, &done("/service/x", 4)).expect(&[]);
    assert_eq!(scene.client.status().in_flight, 1);
    scene.text(
        1,
        r#"[{"channel":"/service/x","id":"4","successful":true,"data":[2]}]"#,
    );
    scene.expect(&["1 done [2]"]);
    // Again it is no result of anything.
    scene.text(
        1,
        r#"[{"channel":"/service/x","id":"4","successful":true,"data":[2]}]"#,
    );
    scene.expect(&["/service/x=[2] for []"]);
    // The result before the acknowledgement, and a failure.
    scene.call("/service/x", "1");
    scene.drain();
    scene.text(
        1,
        r#"[{"channel":"/service/x","id":"5","successful":false,"data":"why"}]"#,
    );
    scene.expect(&["2 refused \"why\""]);
    scene.text(1, &done("/service/x", 5)).expect(&[]);
    scene.call("/service/x", "1");
    scene.drain();
    scene
        .text(1, &refused("/service/x", 6, "404::x"))
        .expect(&["3 refused 404::x"]);
    // Its time is its own.
    let now = scene.instant();
    let brief = Extras {
        timeout: Some(Duration::from_secs(15)),
        ..Extras::default()
    };
    scene.client.call("/service/x", "1", brief, now).unwrap();
    scene.drain();
    scene.text(1, &done("/service/x", 7)).expect(&[]);
    scene.tick().expect(&["4 timed out"]);
    assert_eq!(scene.now, 15_000);
    let wrong = scene.client.call("/x", "1", brief, now);
    assert_eq!(wrong, Err(CommandError::Service));
}

fn requests_wait_for_a_session<J: Json>() {
    let mut scene = Scene::<J>::new(options());
    scene.publish("/a", "1").unwrap();
    scene.subscribe("/b");
    scene.open(1).drain();
    scene.publish("/a", "2").unwrap();
    scene.expect(&[]);
    assert_eq!(scene.client.status().queued, 3);
    scene.text(1, HANDSHAKE);
    scene.expect(&[
        "status",
        "send over 1: /a#2=1 /meta/subscribe#3(/b) /a#4=2",
        "send over 1: /meta/connect#5!",
    ]);
    scene.text(1, &connect(5)).drain();
    scene.text(1, &done("/a", 2)).drain();
    scene
        .lose(1)
        .expect(&["close 1: 1001", "2 unknown", "3 unknown", "status"]);
    // While the connection is lost they wait for the next one.
    scene.publish("/a", "3").unwrap();
    scene.tick().drain();
    scene
        .open(2)
        .expect(&["send over 2: /a#7=3", "send over 2: /meta/connect#8!"]);
}

fn a_lost_connection_leaves_what_was_sent_unknown<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.publish("/a", "1").unwrap();
    scene.subscribe("/b");
    scene.call("/service/c", "2");
    scene.drain();
    scene.text(1, &done("/service/c", 6)).drain();
    scene.lose(1);
    scene.expect(&[
        "close 1: 1001",
        "1 unknown",
        "2 unknown",
        "3 unknown",
        "status",
    ]);
    scene.expect_subscriptions(&[]);
    scene.tick().drain();
    scene.open(2).expect(&["send over 2: /meta/connect#7!"]);
    // The reply was for a connection that is gone.
    scene.text(1, &done("/a", 4)).expect(&[]);
}

fn requests_have_their_time<J: Json>() {
    let mut scene = Scene::<J>::new(options());
    scene.publish("/a", "1").unwrap();
    let now = scene.instant();
    let brief = Extras {
        timeout: Some(Duration::from_secs(1)),
        ..Extras::default()
    };
    scene.client.publish("/a", "2", brief, now).unwrap();
    scene.tick().expect(&["2 unsent"]);
    assert_eq!(scene.now, 1_000);
    while scene.now < 30_000 {
        scene.tick();
    }
    let happened = scene.drain();
    assert!(happened.contains(&"1 unsent".to_owned()), "{happened:?}");
}

fn a_missing_reply_is_not_a_dead_socket<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.subscribed(1, "/a");
    scene.publish("/a", "1").unwrap();
    scene.call("/service/a", "1");
    scene.drain();
    scene
        .wait(1_000)
        .text(1, r#"[{"channel":"/a","data":1}]"#)
        .drain();
    scene.tick().expect(&["2 timed out"]);
    assert_eq!(scene.now, 10_000);
    scene.publish("/a", "1").unwrap();
    scene.drain();
    // Nothing comes any more.
    scene
        .tick()
        .expect(&["4 timed out", "close 1: 4000", "3 unknown", "status"]);
}

fn a_missing_response_is_a_dead_request<J: Json>() {
    let mut polling = options();
    polling.connection_types = vec![ConnectionType::LongPolling];
    let mut scene = Scene::<J>::connected(polling);
    scene.publish("/a", "1").unwrap();
    scene.drain();
    scene.wait(1_000).text(1, &connect(3)).drain();
    scene
        .tick()
        .expect(&["1 timed out", "close 1: 4000", "status"]);
    assert_eq!(scene.now, 10_000);
}

fn batches_go_together<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.client.begin_batch();
    scene.client.begin_batch();
    scene.publish("/a", "1").unwrap();
    scene.subscribe("/a");
    let now = scene.instant();
    scene.client.end_batch(now);
    scene.expect(&[]);
    // Connects do not wait for it.
    scene
        .text(1, &connect(3))
        .expect(&["send over 1: /meta/connect#4"]);
    scene.client.end_batch(now);
    scene.expect(&["send over 1: /a#5=1 /meta/subscribe#6(/a)"]);
    scene.client.end_batch(now);
    scene.publish("/a", "2").unwrap();
    scene.expect(&["send over 1: /a#7=2"]);
}

fn payloads_are_bounded<J: Json>() {
    let mut small = options();
    small.max_batch = 2;
    small.max_payload_size = 60;
    let mut scene = Scene::<J>::connected(small);
    scene.client.begin_batch();
    for data in ["1", "2", "3"] {
        scene.publish("/a", data).unwrap();
    }
    let long = format!("\"{}\"", "x".repeat(100));
    scene.publish("/a", &long).unwrap();
    let now = scene.instant();
    scene.client.end_batch(now);
    scene.expect(&[
        "send over 1: /a#4=1 /a#5=2",
        "send over 1: /a#6=3",
        &format!("send over 1: /a#7={long}"),
    ]);
}

fn over_http_requests_wait_for_the_response<J: Json>() {
    let mut polling = options();
    polling.connection_types = vec![ConnectionType::LongPolling];
    let mut scene = Scene::<J>::connected(polling.clone());
    scene.publish("/a", "1").unwrap();
    scene.publish("/a", "2").unwrap();
    scene.call("/service/a", "3");
    scene.expect(&["send over 1: /a#4=1"]);
    scene.text(1, &done("/a", 4));
    scene.expect(&["1 done", "send over 1: /a#5=2 /service/a#6=3"]);
    scene.publish("/a", "4").unwrap();
    scene.text(1, &done("/a", 5)).expect(&["2 done"]);
    // A call's result may take its time: it comes with a connect.
    scene
        .text(1, &done("/service/a", 6))
        .expect(&["send over 1: /a#7=4"]);
    polling.auto_batch = false;
    let mut scene = Scene::<J>::connected(polling);
    scene.publish("/a", "1").unwrap();
    scene.publish("/a", "2").unwrap();
    scene.expect(&["send over 1: /a#4=1", "send over 1: /a#5=2"]);
}

fn a_full_socket_is_sent_nothing<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.input(Input::Writable(false));
    scene.publish("/a", "1").unwrap();
    scene.publish("/a", "2").unwrap();
    scene.text(1, &connect(3)).expect(&[]);
    scene.input(Input::Writable(true));
    scene.expect(&["send over 1: /a#4=1 /a#5=2", "send over 1: /meta/connect#6"]);
}

fn requests_are_bounded_and_checked<J: Json>() {
    let mut small = ClientOptions::default();
    small.max_pending = 2;
    small.max_message_size = 40;
    small.max_subscriptions = 1;
    let mut scene = Scene::<J>::new(small.clone());
    for (channel, error) in [
        ("a", CommandError::Channel(ChannelError::Relative)),
        ("/a//b", CommandError::Channel(ChannelError::EmptySegment)),
        ("/meta/connect", CommandError::Meta),
        ("/meta", CommandError::Meta),
    ] {
        assert_eq!(scene.publish(channel, "1"), Err(error), "{channel}");
    }
    assert_eq!(
        scene.publish("/a", &"1".repeat(39)),
        Err(CommandError::Large)
    );
    scene.publish("/a", &"1".repeat(38)).unwrap();
    scene.subscribe("/a");
    let now = scene.instant();
    assert_eq!(
        scene.client.subscribe("/b", Extras::default(), now),
        Err(CommandError::Full)
    );
    assert_eq!(scene.publish("/a", "1"), Err(CommandError::Full));
    small.max_pending_size = 10;
    let mut scene = Scene::<J>::new(small);
    scene.publish("/a", "12345678").unwrap();
    assert_eq!(scene.publish("/a", "1"), Err(CommandError::Full));
    let mut scene = Scene::<J>::connected(options());
    scene.close().close();
    assert_eq!(scene.publish("/a", "1"), Err(CommandError::Closed));
}

fn abandoned_requests_end_unheard<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    let sent = scene.subscribe("/a");
    scene.client.begin_batch();
    let queued = scene.publish("/a", "1").unwrap();
    scene.drain();
    scene.client.abandon(sent);
    scene.client.abandon(queued);
    let now = scene.instant();
    scene.client.end_batch(now);
    scene.text(1, &done("/meta/subscribe", 4)).expect(&[]);
    // What it was for is known all the same.
    scene.expect_subscriptions(&["/a"]);
    let lost = scene.publish("/a", "1").unwrap();
    scene.drain();
    scene.client.abandon(lost);
    scene.lose(1).expect(&["close 1: 1001", "status"]);
    assert_eq!(scene.client.status().in_flight, 0);
}
