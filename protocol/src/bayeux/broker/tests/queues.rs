//! What waits for a session: in order, within bounds, and not lost.

use std::time::Duration;

use super::*;

fn data(texts: &[String]) -> Vec<i64> {
    let data = texts.iter().filter_map(|text| field(text, "data"));
    data.filter_map(|data| data.as_i64()).collect()
}

fn subscriber(bench: &mut Bench) -> (PeerId, String) {
    let socket = bench.socket();
    let client_id = bench.session(socket);
    let _ = bench.ask(socket, &subscribe(&client_id, "/**"));
    (socket, client_id)
}

#[test]
fn with_polling_messages_go_with_any_reply_and_before_it() {
    let mut bench = Bench::new(|_| ());
    let client_id = bench.poller();
    let _ = bench.post(&subscribe(&client_id, "/a"));
    bench.publish("/a", 1);
    assert_eq!(
        bench.post(&publish(&client_id, "/b", 0)),
        [event("/a", 1), ok("/b")]
    );
    // Its own message goes with the reply, and not with the connect that is held.
    let held = bench.hold(&client_id);
    assert_eq!(
        bench.post(&publish(&client_id, "/a", 2)),
        [event("/a", 2), ok("/a")]
    );
    assert!(!bench.is_woken(held));
    bench.publish("/a", 3);
    bench.publish("/a", 4);
    assert_eq!(
        bench.receive(held),
        [event("/a", 3), event("/a", 4), connected()]
    );
}

#[test]
fn messages_go_with_connects_only_where_it_is_said() {
    for by_session in [false, true] {
        let mut bench = Bench::new(|options| {
            options.long_polling.meta_connect_deliver_only = !by_session;
            options.web_socket.meta_connect_deliver_only = !by_session;
        });
        let client_id = bench.poller();
        let options = SessionOptions {
            transport: TransportOptions {
                meta_connect_deliver_only: by_session,
                ..TransportOptions::default()
            },
            ..SessionOptions::default()
        };
        bench
            .broker
            .configure_session(bench.id(&client_id), options);
        let _ = bench.post(&subscribe(&client_id, "/a"));
        bench.publish("/a", 1);
        assert_eq!(bench.post(&publish(&client_id, "/b", 0)), [ok("/b")]);
        let texts = bench.post(&connect(&client_id));
        assert_eq!(texts[0], event("/a", 1));
        let socket = bench.socket();
        bench.send(socket, &connect(&client_id));
        bench.publish("/a", 2);
        let parcel = bench.collect(socket).unwrap();
        assert_eq!(data(&texts_of(&parcel)), [2]);
        assert!(parcel.replies.is_some());
        // Cut as it is written, it is sent again.
        bench.detach(socket);
        let texts = bench.post(&connect(&client_id));
        assert_eq!(data(&texts), [2]);
    }
}

#[test]
fn callback_polling_delivers_with_connects_only() {
    let mut bench = Bench::new(|_| ());
    let callback = |bench: &mut Bench, payload: &str| {
        let peer = bench.attach(Transport::CallbackPolling, Caller::default());
        bench.ask(peer, payload)
    };
    let _ = callback(&mut bench, r#"[{"channel":"/meta/handshake"}]"#);
    let _ = callback(&mut bench, &connect("s1"));
    let _ = callback(&mut bench, &subscribe("s1", "/a"));
    assert_eq!(callback(&mut bench, &publish("s1", "/a", 1)), [ok("/a")]);
    assert_eq!(
        callback(&mut bench, &connect("s1")),
        [event("/a", 1), connected()]
    );
}

#[test]
fn too_much_ends_a_session_drops_the_new_or_the_old() {
    for overflow in [Overflow::Disconnect, Overflow::Reject, Overflow::DropOldest] {
        let mut bench = Bench::new(|options| {
            options.max_queue = 3;
            options.overflow = overflow;
        });
        let (socket, client_id) = subscriber(&mut bench);
        let session = bench.id(&client_id);
        bench.publish("/a", 1);
        let parcel = bench.collect(socket).unwrap();
        assert_eq!(data(&texts_of(&parcel)), [1]);
        for number in 2..=4 {
            bench.publish("/a", number);
        }
        let is_lost = |event: &&BrokerEvent| matches!(event, BrokerEvent::Overflowed { .. });
        let lost: Vec<_> = bench.events.iter().filter(is_lost).cloned().collect();
        let count = if overflow == Overflow::Disconnect {
            4
        } else {
            1
        };
        assert_eq!(
            lost,
            [BrokerEvent::Overflowed {
                session,
                lost: count
            }]
        );
        assert_eq!(
            bench.broker.find(&client_id).is_none(),
            overflow == Overflow::Disconnect
        );
        bench.delivered(socket);
        let rest = bench.receive(socket);
        let expected: &[i64] = match overflow {
            Overflow::Disconnect => &[],
            Overflow::Reject => &[2, 3],
            Overflow::DropOldest => &[3, 4],
        };
        assert_eq!(data(&rest), expected);
    }
}

#[test]
fn a_client_whose_session_overflowed_shakes_hands_again() {
    let mut bench = Bench::new(|options| options.max_queue = 1);
    let (socket, client_id) = subscriber(&mut bench);
    bench.send(socket, &connect(&client_id));
    bench.broker.begin_batch(bench.id(&client_id));
    bench.publish("/a", 1);
    bench.publish("/a", 2);
    let reply = bench.receive(socket).remove(0);
    assert_eq!(error(&reply), "402::session_unknown");
    let advice = field(&reply, "advice").unwrap();
    assert_eq!(advice.get("reconnect"), Some(&"handshake".into()));
}

#[test]
fn bytes_are_bounded_as_well() {
    let mut bench = Bench::new(|options| {
        options.max_queue_bytes = 60;
        options.overflow = Overflow::Reject;
    });
    let (_, client_id) = subscriber(&mut bench);
    for number in 0..10 {
        bench.publish("/a", number);
    }
    // Each is 27 bytes.
    assert_eq!(bench.broker.queued(bench.id(&client_id)), 2);
}

#[test]
fn lazy_messages_wait_for_a_flush_that_happens_anyway() {
    let mut bench = Bench::new(|_| ());
    let lazy = ChannelOptions {
        lazy: true,
        ..ChannelOptions::default()
    };
    let lazier = ChannelOptions {
        lazy_timeout: Some(Duration::from_secs(2)),
        ..lazy
    };
    assert!(bench.broker.configure(&pattern("/lazy/**"), lazy));
    assert!(bench.broker.configure(&pattern("/lazy/b"), lazier));
    let client_id = bench.poller();
    let _ = bench.post(&subscribe(&client_id, "/**"));
    bench.publish("/lazy/a", 1);
    // They do not keep a connect from being held.
    let held = bench.hold(&client_id);
    bench.pass(4_999);
    assert!(!bench.is_woken(held));
    bench.pass(1);
    assert_eq!(data(&bench.receive(held)), [1]);
    let held = bench.hold(&client_id);
    bench.publish("/lazy/a", 2);
    bench.publish("/lazy/b", 3);
    bench.pass(1_999);
    assert!(!bench.is_woken(held));
    bench.pass(1);
    assert_eq!(data(&bench.receive(held)), [2, 3]);
    let held = bench.hold(&client_id);
    bench.publish("/lazy/a", 4);
    bench.publish("/eager", 5);
    assert_eq!(data(&bench.receive(held)), [4, 5]);
    let (socket, _) = subscriber(&mut bench);
    bench.publish("/lazy/a", 6);
    assert!(!bench.is_woken(socket));
    bench.pass(5_000);
    assert_eq!(data(&bench.receive(socket)), [6]);
}

#[test]
fn what_is_written_is_not_sent_again_when_the_rest_is() {
    let mut bench = Bench::new(|_| ());
    let (socket, client_id) = subscriber(&mut bench);
    for number in 1..=4 {
        bench.publish("/a", number);
    }
    assert_eq!(bench.collect(socket).unwrap().deliveries.len(), 4);
    let at = bench.at();
    bench.broker.progressed(socket, 1, at);
    bench.broker.progressed(socket, 2, at);
    bench.detach(socket);
    let socket = bench.socket();
    bench.send(socket, &connect(&client_id));
    assert_eq!(data(&bench.receive(socket)), [4]);
    bench.broker.progressed(socket, 9, at);
}

#[test]
fn what_an_older_socket_says_of_a_session_that_left_does_not_count() {
    let mut bench = Bench::new(|_| ());
    let (one, client_id) = subscriber(&mut bench);
    bench.publish("/a", 1);
    let _ = bench.collect(one).unwrap();
    let two = bench.socket();
    bench.send(two, &connect(&client_id));
    bench.delivered(one);
    assert_eq!(data(&bench.receive(two)), [1]);
}

/// A session over a socket that delivers with connects only.
fn connect_only() -> (Bench, PeerId, String) {
    let mut bench = Bench::new(|options| options.web_socket.meta_connect_deliver_only = true);
    let (socket, client_id) = subscriber(&mut bench);
    bench.send(socket, &connect(&client_id));
    (bench, socket, client_id)
}

#[test]
fn an_older_socket_is_not_sent_what_it_was_going_to_be() {
    let (mut bench, one, client_id) = connect_only();
    bench.publish("/a", 1);
    let two = bench.socket();
    bench.send(two, &connect(&client_id));
    assert_eq!(data(&bench.receive(two)), [1]);
    assert_eq!(data(&bench.receive(one)), [0; 0]);
}

#[test]
fn what_comes_while_a_parcel_is_written_is_not_taken_for_written() {
    let (mut bench, socket, client_id) = connect_only();
    bench.publish("/a", 1);
    let parcel = bench.collect(socket).unwrap();
    assert_eq!(data(&texts_of(&parcel)), [1]);
    bench.send(socket, &connect(&client_id));
    bench.publish("/a", 2);
    bench.pass(30_000);
    bench.delivered(socket);
    bench.detach(socket);
    assert_eq!(data(&bench.post(&connect(&client_id))), [2]);
}

#[test]
fn a_connect_gets_what_waited_for_another_request() {
    let mut bench = Bench::new(|_| ());
    let client_id = bench.poller();
    let _ = bench.post(&subscribe(&client_id, "/a"));
    let post = bench.polling();
    bench.send(post, &publish(&client_id, "/a", 1));
    let parcel = bench.collect(post).unwrap();
    assert_eq!(data(&texts_of(&parcel)), [1]);
    bench.publish("/a", 2);
    let held = bench.hold(&client_id);
    bench.publish("/a", 3);
    assert!(!bench.is_woken(held));
    bench.delivered(post);
    assert_eq!(data(&bench.receive(held)), [2, 3]);
}

#[test]
fn who_comes_too_early_is_woken_again() {
    let mut bench = Bench::new(|_| ());
    let (socket, _) = subscriber(&mut bench);
    let other = bench.session(socket);
    // One session's payload is being carried out as a message comes for the other.
    let at = bench.at();
    let turn = bench.broker.begin(socket, 1, at);
    let payload = Value::parse(&connect(&other), &Limits::default()).unwrap();
    bench.step(&turn, messages(payload, 1).unwrap().remove(0));
    bench.publish("/a", 1);
    assert!(bench.collect(socket).is_none());
    bench.broker.finish(turn, at);
    bench.settle();
    let parcel = bench.collect(socket).unwrap();
    assert_eq!(data(&texts_of(&parcel)), [1]);
    // The same while it is written.
    bench.publish("/a", 2);
    assert!(bench.collect(socket).is_none());
    bench.delivered(socket);
    assert_eq!(data(&bench.receive(socket)), [2]);
}

#[test]
fn two_sessions_share_a_socket() {
    let mut bench = Bench::new(|_| ());
    let (socket, _) = subscriber(&mut bench);
    let other = bench.session(socket);
    let _ = bench.ask(socket, &subscribe(&other, "/a"));
    bench.publish("/a", 1);
    bench.publish("/b", 2);
    assert_eq!(data(&bench.receive(socket)), [1, 2, 1]);
    assert_eq!(bench.broker.queued(bench.id(&other)), 0);
}

#[test]
fn the_effects_of_a_payload_are_sent_once_it_is_carried_out() {
    let mut bench = Bench::new(|_| ());
    let (socket, client_id) = subscriber(&mut bench);
    let at = bench.at();
    let turn = bench.broker.begin(socket, 2, at);
    for payload in [publish(&client_id, "/a", 1), publish(&client_id, "/a", 2)] {
        let payload = Value::parse(&payload, &Limits::default()).unwrap();
        let message = messages(payload, 1).unwrap().remove(0);
        bench.step(&turn, message);
        assert!(!bench.is_woken(socket));
    }
    bench.broker.finish(turn, at);
    bench.settle();
    let parcel = bench.collect(socket).unwrap();
    assert_eq!(data(&texts_of(&parcel)), [1, 2]);
    assert_eq!(texts_of(&parcel).len(), 4);
}

#[test]
fn a_servers_batch_is_sent_once_it_is_over() {
    let mut bench = Bench::new(|_| ());
    let (socket, client_id) = subscriber(&mut bench);
    let session = bench.id(&client_id);
    bench.broker.begin_batch(session);
    bench.broker.begin_batch(session);
    bench.publish("/a", 1);
    let at = bench.at();
    bench.broker.end_batch(session, at);
    bench.publish("/a", 2);
    assert!(!bench.is_woken(socket));
    bench.broker.end_batch(session, at);
    bench.broker.end_batch(session, at);
    bench.settle();
    assert_eq!(data(&bench.receive(socket)), [1, 2]);
}

#[test]
fn no_payload_can_wedge_a_session() {
    let mut bench = Bench::new(|_| ());
    let client_id = bench.poller();
    let _ = bench.post(&subscribe(&client_id, "/a"));
    let wild =
        subscribe(&client_id, "/a/**/b").replace(']', ",") + &publish(&client_id, "/b", 1)[1..];
    let replies = bench.post(&wild);
    assert_eq!(error(&replies[0]), "403::subscription_invalid");
    // Given up half-way: by a handler that failed, a connection that was cut, and one that began something else.
    for way in ["finish", "detach", "begin"] {
        let peer = bench.polling();
        let at = bench.at();
        let turn = bench.broker.begin(peer, 3, at);
        let payload = Value::parse(&publish(&client_id, "/b", 1), &Limits::default()).unwrap();
        let message = messages(payload, 1).unwrap().remove(0);
        let request = bench.broker.examine(&turn, message, at);
        match way {
            "finish" => bench.broker.finish(turn, at),
            "detach" => {
                bench.detach(peer);
                let effect = bench.broker.carry_out(&turn, request, Verdict::Granted, at);
                assert_eq!(effect, Effect::Done);
                bench.broker.finish(turn, at);
            }
            _ => {
                let second = bench.broker.begin(peer, 1, at);
                bench.broker.finish(turn, at);
                bench.broker.finish(second, at);
            }
        }
        bench.settle();
        let held = bench.hold(&client_id);
        bench.publish("/a", 7);
        assert_eq!(data(&bench.receive(held)), [7], "{way}");
    }
}

#[test]
fn an_idle_session_is_small() {
    assert!(
        size_of::<Session<()>>() <= 344,
        "{}",
        size_of::<Session<()>>()
    );
    assert!(
        size_of::<Peer<u64, ()>>() <= 272,
        "{}",
        size_of::<Peer<u64, ()>>()
    );
}
