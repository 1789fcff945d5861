//! What clients agree on with the broker beyond the protocol.

use super::*;

fn acked(client_id: &str, batch: &str) -> String {
    connect(client_id).replace(
        r#""connectionType""#,
        &format!(r#""ext":{{"ack":{batch}}},"connectionType""#),
    )
}

fn acknowledged(batch: u64) -> String {
    format!(r#"{{"channel":"/meta/connect","ext":{{"ack":{batch}}},"successful":true}}"#)
}

/// A session that acknowledges, over polling, connected once.
fn acknowledging(bench: &mut Bench) -> String {
    let peer = bench.polling();
    let client_id = bench.handshake(peer, r#"{"ack":true}"#);
    assert_eq!(bench.post(&acked(&client_id, "0")), [acknowledged(1)]);
    let _ = bench.post(&subscribe(&client_id, "/a"));
    client_id
}

#[test]
fn batches_are_acknowledged_and_sent_again_until_they_are() {
    let mut bench = Bench::new(|options| options.detailed_events = true);
    let client_id = acknowledging(&mut bench);
    bench.publish("/a", 1);
    // Nothing goes with other replies.
    assert_eq!(bench.post(&publish(&client_id, "/b", 0)), [ok("/b")]);
    assert_eq!(
        bench.post(&acked(&client_id, "1")),
        [event("/a", 1), acknowledged(2)]
    );
    bench.publish("/a", 2);
    // The reply was lost: everything comes again, and it does not wait.
    assert_eq!(
        bench.post(&acked(&client_id, "1")),
        [event("/a", 1), event("/a", 2), acknowledged(3)]
    );
    assert_eq!(
        bench.post(&acked(&client_id, "2")),
        [event("/a", 2), acknowledged(4)]
    );
    let session = bench.id(&client_id);
    assert!(
        bench
            .events
            .contains(&BrokerEvent::BatchSent { session, batch: 4 })
    );
    assert!(
        bench
            .events
            .contains(&BrokerEvent::BatchReceived { session, batch: 2 })
    );
    // The last one arrived: there is nothing to send.
    let held = bench.polling();
    bench.send(held, &acked(&client_id, "4"));
    assert!(!bench.is_woken(held));
    assert_eq!(bench.broker.queued(session), 0);
    bench.publish("/a", 3);
    assert_eq!(bench.receive(held), [event("/a", 3), acknowledged(5)]);
    for nonsense in ["99", "-1", r#""x""#, "null"] {
        let _ = bench.post(&acked(&client_id, nonsense));
    }
}

#[test]
fn on_a_socket_messages_and_their_acknowledgement_are_one() {
    let mut bench = Bench::new(|_| ());
    let socket = bench.socket();
    let client_id = bench.handshake(socket, r#"{"ack":true}"#);
    let _ = bench.ask(socket, &acked(&client_id, "0"));
    let _ = bench.ask(socket, &subscribe(&client_id, "/a"));
    bench.publish("/a", 1);
    assert!(!bench.is_woken(socket));
    bench.send(socket, &acked(&client_id, "1"));
    let parcel = bench.collect(socket).unwrap();
    assert!(parcel.is_joined);
    assert_eq!(texts_of(&parcel), [event("/a", 1), acknowledged(2)]);
    bench.detach(socket);
    assert_eq!(
        bench.post(&acked(&client_id, "1")).first(),
        Some(&event("/a", 1))
    );
}

#[test]
fn who_does_not_want_acknowledgements_gets_none() {
    for (offered, ext, expected) in [
        (true, r#"{"ack":true}"#, Some(r#"{"ack":true}"#)),
        (true, r#"{"ack":false}"#, None),
        (true, "7", None),
        (false, r#"{"ack":true}"#, None),
    ] {
        let mut bench = Bench::new(|options| options.ack = offered);
        let payload = format!(r#"[{{"channel":"/meta/handshake","ext":{ext}}}]"#);
        let reply = bench.post(&payload).remove(0);
        let ext = field(&reply, "ext").map(|ext| ext.to_text());
        assert_eq!(ext.as_deref(), expected);
        let reply = bench.post(&acked("s1", "0")).remove(0);
        assert_eq!(field(&reply, "ext").is_some(), expected.is_some());
    }
}

#[test]
fn a_batch_may_go_with_the_handshake() {
    let mut bench = Bench::new(|options| options.allow_message_delivery_during_handshake = true);
    let peer = bench.polling();
    let reply = bench
        .ask(
            peer,
            r#"[{"channel":"/meta/handshake","ext":{"ack":true}}]"#,
        )
        .remove(0);
    let ext = field(&reply, "ext").unwrap();
    assert_eq!(ext.to_text(), r#"{"ack":{"batch":1,"enabled":true}}"#);
    assert_eq!(bench.post(&acked("s1", "1")), [acknowledged(2)]);
}

#[test]
fn clients_hear_what_time_it_is() {
    let mut bench = Bench::new(|_| ());
    let client_id = bench.poller();
    bench.broker.set_clock(1_000_000, bench.at());
    let timed = connect(&client_id).replace(
        r#""connectionType""#,
        r#""ext":{"timesync":{"tc":999900,"l":7,"o":3}},"connectionType""#,
    );
    let held = bench.polling();
    bench.send(held, &timed);
    bench.pass(30_000);
    assert_eq!(
        bench.receive(held),
        [
            r#"{"channel":"/meta/connect","ext":{"timesync":{"a":-90,"p":30000,"tc":999900,"ts":1000000}},"successful":true}"#
        ]
    );
    let attributes = bench.broker.attributes(bench.id(&client_id)).unwrap();
    assert_eq!(attributes.get("lag"), Some(&Value::from(7)));
    let timed = timed
        .replace("999900", "1029980")
        .replace("]", r#",{"channel":"/a"}]"#);
    let reply = bench.post(&timed).remove(0);
    assert_eq!(field(&reply, "ext"), None);
    let mut bench = Bench::new(|options| options.timesync = false);
    let _ = bench.poller();
    let reply = bench.post(&timed).remove(0);
    assert_eq!(field(&reply, "ext"), None);
}

#[test]
fn everything_may_say_when_it_was_sent() {
    let mut bench = Bench::new(|options| options.timestamp = true);
    bench.broker.set_clock(1_763_460_000_000, bench.at());
    let peer = bench.polling();
    let _ = bench.handshake(peer, "{}");
    let _ = bench.post(&subscribe("s1", "/a"));
    bench.pass(1_000);
    let texts = bench.post(&publish("s1", "/a", 1));
    assert_eq!(texts.len(), 2);
    for text in texts {
        let timestamp = field(&text, "timestamp");
        assert_eq!(timestamp, Some("Tue, 18 Nov 2025 10:00:01 GMT".into()));
    }
}

/// A subscription that wants messages from before.
fn replaying(client_id: &str, subscription: &str, replay: &str) -> String {
    format!(
        r#"[{{"channel":"/meta/subscribe","clientId":"{client_id}","subscription":{subscription},"ext":{{"replay":{replay}}}}}]"#
    )
}

fn kept(channel: &str, data: i64, number: u64) -> String {
    format!(r#"{{"channel":"{channel}","data":{data},"ext":{{"replayId":{number}}}}}"#)
}

fn keeping(most: usize) -> Bench {
    let mut bench = Bench::new(|_| ());
    let options = ChannelOptions {
        replay: most,
        ..ChannelOptions::default()
    };
    assert!(bench.broker.configure(&pattern("/kept/**"), options));
    bench.broker.set_clock(100, bench.at());
    for number in 0..3 {
        bench.publish("/kept/a", number);
    }
    bench.publish("/kept/b", 9);
    bench
}

#[test]
fn who_comes_late_gets_what_was_kept() {
    for (subscription, replay, expected) in [
        (
            r#""/kept/a""#,
            r#"{"/kept/a":-2}"#,
            vec![("a", 1, 101), ("a", 2, 102)],
        ),
        (r#""/kept/a""#, r#"{"/kept/a":101}"#, vec![("a", 2, 102)]),
        (r#""/kept/a""#, r#"{"/kept/a":102}"#, vec![]),
        (r#""/kept/a""#, r#"{"/kept/a":-1}"#, vec![]),
        (r#""/kept/a""#, r#"{"/kept/b":-2}"#, vec![]),
        (r#""/kept/a""#, r#"{"/kept/a":"x"}"#, vec![]),
        (r#""/kept/a""#, "7", vec![]),
        (r#""/other""#, r#"{"/other":5}"#, vec![]),
        (
            r#"["/kept/a","/kept/b"]"#,
            r#"{"/kept/a":101,"/kept/b":99}"#,
            vec![("a", 2, 102), ("b", 9, 100)],
        ),
        (
            r#""/kept/*""#,
            r#"{"/kept/a":101,"/kept/b":-2}"#,
            vec![("a", 2, 102), ("b", 9, 100)],
        ),
        (
            r#""/kept/*""#,
            r#"{"/kept/*":-2}"#,
            vec![("a", 1, 101), ("a", 2, 102), ("b", 9, 100)],
        ),
    ] {
        let mut bench = keeping(2);
        let socket = bench.socket();
        let client_id = bench.session(socket);
        let mut texts = bench.ask(socket, &replaying(&client_id, subscription, replay));
        let reply = texts.pop().unwrap();
        assert_eq!(error(&reply), "", "{replay}");
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(name, data, number)| kept(&format!("/kept/{name}"), data, number))
            .collect();
        assert_eq!(texts, expected, "{subscription} {replay}");
    }
}

#[test]
fn who_missed_what_is_gone_hears_so() {
    for replay in [
        r#"{"/kept/a":100000}"#,
        r#"{"/kept/a":99}"#,
        r#"{"/kept/a":-3}"#,
        r#"{"/kept/**":5}"#,
        r#"{"/kept/never":5}"#,
    ] {
        let mut bench = keeping(2);
        let socket = bench.socket();
        let client_id = bench.session(socket);
        let payload = replaying(&client_id, r#"["/kept/a","/kept/**"]"#, replay);
        let replies = bench.ask(socket, &payload);
        assert_eq!(replies.len(), 1);
        assert!(
            error(&replies[0]).starts_with("400::The replayId {"),
            "{replay}"
        );
        assert_eq!(bench.broker.subscriptions(bench.id(&client_id)).count(), 0);
    }
}

#[test]
fn a_handshake_says_whether_messages_are_kept() {
    let payload = r#"[{"channel":"/meta/handshake","ext":{"replay":true}}]"#;
    let reply = keeping(1).post(payload).remove(0);
    assert_eq!(
        field(&reply, "ext").unwrap().to_text(),
        r#"{"replay":true}"#
    );
    let reply = Bench::new(|_| ()).post(payload).remove(0);
    assert_eq!(field(&reply, "ext"), None);
}

#[test]
fn what_is_kept_is_bounded_altogether() {
    let mut bench = Bench::new(|options| {
        options.max_replay_bytes = 200;
        options.max_channels = 3;
    });
    let options = ChannelOptions {
        replay: 1_000,
        ..ChannelOptions::default()
    };
    assert!(bench.broker.configure(&pattern("/**"), options));
    let socket = bench.socket();
    let client_id = bench.session(socket);
    let _ = bench.ask(socket, &subscribe(&client_id, "/**"));
    for number in 0..50 {
        bench.publish(&format!("/c{}", number % 5), number);
        assert_eq!(bench.receive(socket).len(), 1);
        assert!(bench.broker.replay_bytes <= 200);
        assert!(bench.broker.channels().count() <= 3);
    }
    assert!(bench.broker.remove_channel(&pattern("/c0")));
    assert!(bench.broker.remove_channel(&pattern("/c1")));
    assert_eq!(bench.broker.replay_bytes, 0);
}
