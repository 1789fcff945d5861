//! How sessions live: connects that are held, connections that come and go, ends.

use std::time::Duration;

use super::*;
use crate::bayeux::ext::{Activity, ActivityKind};

fn with_advice(client_id: &str, advice: &str) -> String {
    format!(r#"[{{"channel":"/meta/connect","clientId":"{client_id}","advice":{advice}}}]"#)
}

fn disconnect(client_id: &str) -> String {
    format!(r#"[{{"channel":"/meta/disconnect","clientId":"{client_id}","id":"d"}}]"#)
}

const ADVISED: &str = r#"{"advice":{"interval":0,"reconnect":"retry","timeout":30000},"channel":"/meta/connect","successful":true}"#;
const LOST: &str = r#"{"advice":{"interval":0,"reconnect":"handshake","timeout":30000},"channel":"/meta/connect","error":"402::session_unknown","successful":false}"#;
const STAY_AWAY: &str = r#"{"advice":{"interval":0,"reconnect":"none","timeout":30000},"channel":"/meta/connect","successful":true}"#;

#[test]
fn the_first_connect_is_answered_at_once_and_the_next_is_held() {
    let mut bench = Bench::new(|_| ());
    let socket = bench.socket();
    let client_id = bench.session(socket);
    bench.send(socket, &connect(&client_id));
    assert!(!bench.is_woken(socket));
    bench.pass(29_999);
    assert!(!bench.is_woken(socket));
    bench.pass(1);
    assert_eq!(bench.receive(socket), [connected()]);
    let poller = bench.poller();
    let held = bench.hold(&poller);
    bench.pass(30_000);
    assert_eq!(bench.receive(held), [connected()]);
}

#[test]
fn a_connect_among_other_messages_is_not_held() {
    let mut bench = Bench::new(|_| ());
    let client_id = bench.poller();
    let payload = connect(&client_id).replace(']', r#",{"channel":"/a"}]"#);
    assert_eq!(bench.post(&payload).len(), 2);
}

#[test]
fn a_connect_says_how_long_it_is_held_within_limits() {
    let mut bench = Bench::new(|_| ());
    let client_id = bench.poller();
    assert_eq!(
        bench.post(&with_advice(&client_id, r#"{"timeout":0}"#)),
        [ADVISED]
    );
    for (asked, held) in [("5000", 5_000), ("99999999", 30_000)] {
        let peer = bench.polling();
        bench.send(
            peer,
            &with_advice(&client_id, &format!(r#"{{"timeout":{asked}}}"#)),
        );
        bench.pass(held - 1);
        assert!(!bench.is_woken(peer));
        bench.pass(1);
        assert_eq!(bench.receive(peer), [ADVISED]);
    }
    // It is for that connect alone.
    let held = bench.hold(&client_id);
    bench.pass(29_999);
    assert!(!bench.is_woken(held));
}

#[test]
fn a_client_may_stay_silent_for_as_long_as_it_says_within_limits() {
    for (interval, lives) in [("0", 10_000), ("5000", 15_000), ("99999999", 40_000)] {
        let mut bench = Bench::new(|_| ());
        let client_id = bench.poller();
        let advice = format!(r#"{{"timeout":0,"interval":{interval}}}"#);
        let _ = bench.post(&with_advice(&client_id, &advice));
        bench.pass(lives - 1);
        assert!(bench.broker.find(&client_id).is_some());
        bench.pass(1);
        assert_eq!(bench.broker.find(&client_id), None);
    }
}

#[test]
fn a_session_and_a_transport_may_differ() {
    let mut bench = Bench::new(|options| {
        options.long_polling.timeout = Some(Duration::from_secs(3));
        options.web_socket.interval = Some(Duration::from_secs(1));
    });
    let poller = bench.poller();
    let held = bench.hold(&poller);
    bench.pass(3_000);
    assert_eq!(bench.receive(held), [connected()]);
    let session = bench.id(&poller);
    let options = SessionOptions {
        transport: TransportOptions {
            timeout: Some(Duration::from_secs(7)),
            ..TransportOptions::default()
        },
        ..SessionOptions::default()
    };
    bench.broker.configure_session(session, options);
    let held = bench.hold(&poller);
    bench.pass(7_000);
    let advice = field(&bench.receive(held)[0], "advice").unwrap();
    assert_eq!(
        advice.to_text(),
        r#"{"interval":0,"reconnect":"retry","timeout":7000}"#
    );
    let socket = bench.socket();
    let _ = bench.handshake(socket, "{}");
    let reply = bench
        .ask(socket, &with_advice("s2", r#"{"timeout":0}"#))
        .remove(0);
    let advice = field(&reply, "advice").unwrap();
    assert_eq!(
        advice.to_text(),
        r#"{"interval":1000,"reconnect":"retry","timeout":30000}"#
    );
}

#[test]
fn a_session_that_never_connects_is_over() {
    let mut bench = Bench::new(|_| ());
    let socket = bench.socket();
    let client_id = bench.handshake(socket, "{}");
    bench.pass(9_000);
    // Anything that it says gives it some more time.
    let _ = bench.ask(socket, &publish(&client_id, "/a", 1));
    bench.pass(9_999);
    assert!(bench.broker.find(&client_id).is_some());
    bench.pass(1);
    assert!(matches!(
        bench.events.last(),
        Some(BrokerEvent::SessionRemoved {
            cause: Cause::Expired,
            ..
        })
    ));
    assert_eq!(bench.ask(socket, &connect(&client_id)), [LOST]);
}

#[test]
fn the_countdown_starts_when_the_connection_is_gone() {
    for polls in [false, true] {
        let mut bench = Bench::new(|_| ());
        let (client_id, peer) = if polls {
            let client_id = bench.poller();
            let peer = bench.hold(&client_id);
            (client_id, peer)
        } else {
            let peer = bench.socket();
            let client_id = bench.session(peer);
            bench.send(peer, &connect(&client_id));
            (client_id, peer)
        };
        bench.pass(20_000);
        bench.detach(peer);
        let session = bench.id(&client_id);
        assert_eq!(bench.events.last(), Some(&BrokerEvent::Detached(session)));
        bench.pass(9_999);
        assert!(bench.broker.find(&client_id).is_some());
        bench.pass(1);
        assert_eq!(bench.broker.find(&client_id), None);
    }
}

#[test]
fn the_countdown_waits_until_a_reply_is_written() {
    let mut bench = Bench::new(|_| ());
    let client_id = bench.poller();
    let held = bench.hold(&client_id);
    bench.pass(30_000);
    let _ = bench.collect(held).unwrap();
    bench.pass(60_000);
    bench.delivered(held);
    bench.detach(held);
    bench.pass(9_999);
    assert!(bench.broker.find(&client_id).is_some());
    bench.pass(1);
    assert_eq!(bench.broker.find(&client_id), None);
}

#[test]
fn a_connect_that_is_given_up_before_it_is_carried_out_is_none() {
    let mut bench = Bench::new(|_| ());
    let client_id = bench.poller();
    let peer = bench.polling();
    let turn = bench.broker.begin(peer, 1, bench.at());
    let message = Value::parse(&connect(&client_id), &Limits::default()).unwrap();
    let message = messages(message, 1).unwrap().remove(0);
    let _ = bench.broker.examine(&turn, message, bench.at());
    bench.broker.finish(turn, bench.at());
    bench.pass(10_000);
    assert_eq!(bench.broker.find(&client_id), None);
}

#[test]
fn a_session_follows_the_socket_that_speaks_last() {
    let mut bench = Bench::new(|_| ());
    let one = bench.socket();
    let client_id = bench.session(one);
    let _ = bench.ask(one, &subscribe(&client_id, "/a"));
    let two = bench.socket();
    assert_eq!(bench.ask(two, &connect(&client_id)), Vec::<String>::new());
    bench.publish("/a", 1);
    assert!(!bench.is_woken(one));
    assert_eq!(bench.receive(two), [event("/a", 1)]);
    // The older one can take it back, and the newer one's end is nothing to it.
    let _ = bench.ask(one, &publish(&client_id, "/b", 0));
    bench.detach(two);
    bench.publish("/a", 2);
    assert_eq!(bench.receive(one), [event("/a", 2)]);
}

#[test]
fn a_session_that_moves_has_to_connect_where_it_is() {
    let mut bench = Bench::new(|_| ());
    let one = bench.socket();
    let client_id = bench.session(one);
    bench.send(one, &connect(&client_id));
    let two = bench.socket();
    let _ = bench.ask(two, &publish(&client_id, "/a", 1));
    bench.pass(10_000);
    assert_eq!(bench.broker.find(&client_id), None);
}

#[test]
fn a_session_is_not_over_while_its_connect_is_looked_at() {
    let mut bench = Bench::new(|_| ());
    let client_id = bench.poller();
    let peer = bench.polling();
    let turn = bench.broker.begin(peer, 1, bench.at());
    let payload = Value::parse(&connect(&client_id), &Limits::default()).unwrap();
    let message = messages(payload, 1).unwrap().remove(0);
    let request = bench.broker.examine(&turn, message, bench.at());
    bench.pass(20_000);
    let at = bench.at();
    let effect = bench.broker.carry_out(&turn, request, Verdict::Granted, at);
    assert_eq!(effect, Effect::Done);
    bench.broker.finish(turn, at);
    bench.settle();
    assert!(!bench.is_woken(peer));
    assert!(bench.broker.find(&client_id).is_some());
}

#[test]
fn a_new_socket_goes_on_where_the_last_one_broke() {
    let mut bench = Bench::new(|_| ());
    let one = bench.socket();
    let client_id = bench.session(one);
    let _ = bench.ask(one, &subscribe(&client_id, "/a"));
    bench.publish("/a", 1);
    let parcel = bench.collect(one).unwrap();
    assert_eq!(texts_of(&parcel), [event("/a", 1)]);
    bench.publish("/a", 2);
    bench.detach(one);
    bench.publish("/a", 3);
    let two = bench.socket();
    bench.send(two, &connect(&client_id));
    assert_eq!(
        bench.receive(two),
        [event("/a", 1), event("/a", 2), event("/a", 3)]
    );
}

#[test]
fn a_socket_goes_on_with_a_session_of_polling() {
    let mut bench = Bench::new(|_| ());
    let client_id = bench.poller();
    let held = bench.hold(&client_id);
    let _ = bench.post(&subscribe(&client_id, "/a"));
    let socket = bench.socket();
    bench.send(socket, &connect(&client_id));
    // The request that was held is answered, with advice, and is entrusted nothing.
    assert_eq!(bench.receive(held), [ADVISED]);
    bench.publish("/a", 1);
    assert_eq!(bench.receive(socket), [event("/a", 1)]);
    bench.pass(30_000);
    assert_eq!(bench.receive(socket), [ADVISED]);
}

#[test]
fn a_second_connect_on_one_socket_answers_the_first() {
    let mut bench = Bench::new(|_| ());
    let socket = bench.socket();
    let client_id = bench.session(socket);
    bench.send(socket, &connect(&client_id));
    assert_eq!(bench.ask(socket, &connect(&client_id)), [connected()]);
    bench.pass(30_000);
    assert_eq!(bench.receive(socket), [connected()]);
}

#[test]
fn nothing_is_entrusted_to_a_request_whose_place_is_taken() {
    let mut bench = Bench::new(|_| ());
    let client_id = bench.poller();
    let _ = bench.post(&subscribe(&client_id, "/a"));
    let one = bench.hold(&client_id);
    let two = bench.hold(&client_id);
    let parcel = bench.collect(one).unwrap();
    assert_eq!(parcel.close, Some(Parcel::<()>::DUPLICATE));
    assert_eq!(texts_of(&parcel), Vec::<String>::new());
    bench.delivered(one);
    bench.detach(one);
    bench.publish("/a", 1);
    // One that is answered and not written yet is no better.
    assert!(bench.is_woken(two));
    let three = bench.polling();
    bench.send(three, &connect(&client_id));
    let parcel = bench.collect(two).unwrap();
    assert_eq!(parcel.close, Some(Parcel::<()>::DUPLICATE));
    assert_eq!(parcel.deliveries.len(), 0);
    bench.detach(two);
    assert_eq!(bench.receive(three), [event("/a", 1), connected()]);
}

#[test]
fn an_answer_that_is_being_written_is_waited_for() {
    for is_written in [true, false] {
        let mut bench = Bench::new(|_| ());
        let client_id = bench.poller();
        let _ = bench.post(&subscribe(&client_id, "/a"));
        let held = bench.hold(&client_id);
        bench.publish("/a", 1);
        assert_eq!(bench.collect(held).unwrap().deliveries.len(), 1);
        // The client may have it, and be faster over another connection than the word that it was written.
        let next = bench.hold(&client_id);
        bench.publish("/a", 2);
        assert!(!bench.is_woken(next));
        if is_written {
            bench.delivered(held);
        }
        bench.detach(held);
        let missing: &[_] = if is_written { &[] } else { &[event("/a", 1)] };
        let expected = [missing, &[event("/a", 2), connected()]].concat();
        assert_eq!(bench.receive(next), expected);
    }
}

#[test]
fn a_request_that_is_cut_loses_nothing() {
    let mut bench = Bench::new(|_| ());
    let client_id = bench.poller();
    let _ = bench.post(&subscribe(&client_id, "/a"));
    let held = bench.hold(&client_id);
    bench.detach(held);
    bench.publish("/a", 1);
    // As it waits to be written, and as it is written.
    for is_collected in [false, true] {
        let cut = bench.polling();
        bench.send(cut, &connect(&client_id));
        if is_collected {
            assert_eq!(bench.collect(cut).unwrap().deliveries.len(), 1);
        }
        bench.detach(cut);
    }
    bench.publish("/a", 2);
    assert_eq!(
        bench.post(&connect(&client_id)),
        [event("/a", 1), event("/a", 2), connected()]
    );
}

#[test]
fn a_browser_holds_so_many_connects() {
    for (interval, expected) in [
        (
            2_000,
            r#"{"advice":{"interval":2000,"multiple-clients":true,"reconnect":"retry","timeout":30000},"channel":"/meta/connect","successful":true}"#,
        ),
        (
            0,
            r#"{"advice":{"interval":0,"multiple-clients":true,"reconnect":"none","timeout":30000},"channel":"/meta/connect","error":"403::too_many_sessions","successful":false}"#,
        ),
    ] {
        let mut bench = Bench::new(|options| {
            options.multi_session_interval = Duration::from_millis(interval);
        });
        let caller = Caller {
            browser: Some("b".into()),
            ..Caller::default()
        };
        let request = |bench: &mut Bench, payload: &str| {
            let peer = bench.attach(Transport::LongPolling, caller.clone());
            bench.send(peer, payload);
            peer
        };
        let mut ids = Vec::new();
        for id in ["s1", "s2"] {
            let peer = request(&mut bench, r#"[{"channel":"/meta/handshake"}]"#);
            let _ = bench.receive(peer);
            let peer = request(&mut bench, &connect(id));
            assert_eq!(bench.receive(peer), [connected()]);
            ids.push(id);
        }
        let held = request(&mut bench, &connect("s1"));
        assert!(!bench.is_woken(held));
        let other = request(&mut bench, &connect("s2"));
        assert_eq!(bench.receive(other), [expected]);
        // The place is free again when the first is gone.
        bench.detach(held);
        let other = request(&mut bench, &connect("s2"));
        assert!(!bench.is_woken(other));
        let held = request(&mut bench, &connect("s1"));
        assert!(bench.is_woken(held));
        bench.pass(30_000);
        let _ = bench.receive(other);
        let held = request(&mut bench, &connect("s1"));
        assert!(!bench.is_woken(held));
    }
}

#[test]
fn a_client_ends_its_session() {
    let mut bench = Bench::new(|_| ());
    let socket = bench.socket();
    let client_id = bench.session(socket);
    let _ = bench.ask(socket, &subscribe(&client_id, "/a"));
    bench.send(socket, &connect(&client_id));
    let reply = r#"{"channel":"/meta/disconnect","id":"d","successful":true}"#;
    assert_eq!(
        bench.ask(socket, &disconnect(&client_id)),
        [reply, STAY_AWAY]
    );
    assert_eq!(bench.broker.find(&client_id), None);
    bench.publish("/a", 1);
    assert!(!bench.is_woken(socket));
    let again = bench.ask(socket, &disconnect(&client_id)).remove(0);
    assert_eq!(error(&again), "402::session_unknown");
    assert_eq!(field(&again, "advice"), None);
    // With polling the request that is held is answered, too.
    let client_id = bench.poller();
    let held = bench.hold(&client_id);
    assert_eq!(bench.post(&disconnect(&client_id)), [reply]);
    assert_eq!(bench.receive(held), [STAY_AWAY]);
}

#[test]
fn the_last_messages_go_with_the_end() {
    let mut bench = Bench::new(|_| ());
    let client_id = bench.poller();
    let _ = bench.post(&subscribe(&client_id, "/a"));
    let payload = publish(&client_id, "/a", 1).replace(']', ",") + &disconnect(&client_id)[1..];
    let replies = bench.post(&payload);
    assert_eq!(replies[0], event("/a", 1));
    assert_eq!(replies.len(), 3);
}

#[test]
fn a_server_ends_a_session() {
    let dismissed = r#"{"channel":"/meta/disconnect","successful":true}"#;
    let mut bench = Bench::new(|_| ());
    let socket = bench.socket();
    let client_id = bench.session(socket);
    let _ = bench.ask(socket, &subscribe(&client_id, "/a"));
    bench.send(socket, &connect(&client_id));
    bench.publish("/a", 1);
    let session = bench.id(&client_id);
    assert!(bench.broker.disconnect(session, bench.at()));
    assert!(!bench.broker.disconnect(session, bench.at()));
    bench.settle();
    assert_eq!(
        bench.receive(socket),
        [event("/a", 1).as_str(), dismissed, STAY_AWAY]
    );
    let client_id = bench.poller();
    let held = bench.hold(&client_id);
    let session = bench.id(&client_id);
    assert!(bench.broker.disconnect(session, bench.at()));
    bench.settle();
    assert_eq!(bench.receive(held), [dismissed, STAY_AWAY]);
}

#[test]
fn who_does_nothing_but_connect_is_sent_away() {
    for (kind, stays) in [
        (ActivityKind::Client, false),
        (ActivityKind::ClientServer, true),
    ] {
        let mut bench = Bench::new(|options| {
            options.activity = Some(Activity {
                kind,
                max_inactivity: Duration::from_secs(40),
            });
        });
        let client_id = bench.poller();
        let _ = bench.post(&subscribe(&client_id, "/a"));
        let held = bench.hold(&client_id);
        bench.pass(25_000);
        bench.publish("/a", 1);
        let _ = bench.receive(held);
        let held = bench.hold(&client_id);
        bench.pass(20_000);
        assert!(!bench.is_woken(held));
        bench.pass(10_000);
        let _ = bench.receive(held);
        let peer = bench.polling();
        bench.send(peer, &connect(&client_id));
        assert_eq!(bench.broker.find(&client_id).is_some(), stays);
        if !stays {
            let replies = bench.receive(peer);
            assert_eq!(
                field(&replies[0], "channel"),
                Some("/meta/disconnect".into())
            );
            assert_eq!(replies[1], STAY_AWAY);
        }
    }
}

#[test]
fn a_message_that_takes_too_long_ends_its_session() {
    let mut bench = Bench::new(|options| {
        options.max_processing = Some(Duration::from_secs(60));
    });
    let client_id = bench.poller();
    let held = bench.hold(&client_id);
    let peer = bench.polling();
    let turn = bench.broker.begin(peer, 1, bench.at());
    let payload = Value::parse(&publish(&client_id, "/a", 1), &Limits::default()).unwrap();
    let message = messages(payload, 1).unwrap().remove(0);
    let request = bench.broker.examine(&turn, message, bench.at());
    bench.pass(59_999);
    assert!(bench.broker.find(&client_id).is_none() || bench.is_woken(held));
    bench.pass(1);
    assert_eq!(bench.broker.find(&client_id), None);
    let at = bench.at();
    let _ = bench.broker.carry_out(&turn, request, Verdict::Granted, at);
    bench.broker.finish(turn, at);
    bench.settle();
    assert_eq!(error(&bench.receive(peer)[0]), "402::session_unknown");
}

#[test]
fn every_connect_that_is_held_can_be_released() {
    let mut bench = Bench::new(|_| ());
    let one = bench.poller();
    let two = bench.poller();
    let held = [bench.hold(&one), bench.hold(&two)];
    let mut seconds = 0;
    let interval = || {
        seconds += 1;
        Duration::from_secs(seconds)
    };
    let at = bench.at();
    bench.broker.release(interval, at);
    bench.settle();
    for (peer, millis) in held.into_iter().zip([1_000, 2_000]) {
        let expected = format!(
            r#"{{"advice":{{"interval":{millis},"reconnect":"retry","timeout":30000}},"channel":"/meta/connect","successful":true}}"#
        );
        assert_eq!(bench.receive(peer), [expected]);
    }
}

#[test]
fn a_local_session_lives_as_long_as_its_peer() {
    let mut bench = Bench::new(|_| ());
    let peer = bench.attach(Transport::Local, Caller::default());
    let at = bench.at();
    let session = bench
        .broker
        .open_local(peer, &Welcome::new("local"), at)
        .unwrap();
    assert_eq!(
        bench.broker.open_local(peer, &Welcome::new("local"), at),
        None
    );
    let socket = bench.socket();
    assert_eq!(
        bench.broker.open_local(socket, &Welcome::new("other"), at),
        None
    );
    assert!(bench.broker.subscribe(session, &pattern("/**"), at));
    bench.pass(86_400_000);
    bench.publish("/a/b", 1);
    assert_eq!(bench.receive(peer), [event("/a/b", 1)]);
    bench.detach(peer);
    assert_eq!(bench.broker.sessions().count(), 0);
}

#[test]
fn detailed_events_tell_of_connects_and_queues() {
    let mut bench = Bench::new(|options| options.detailed_events = true);
    let client_id = bench.poller();
    let session = bench.id(&client_id);
    let _ = bench.post(&subscribe(&client_id, "/a"));
    let held = bench.hold(&client_id);
    bench.events.clear();
    bench.publish("/a", 1);
    let _ = bench.receive(held);
    let _ = bench.hold(&client_id);
    assert_eq!(
        bench.events,
        [
            BrokerEvent::Queued(session),
            BrokerEvent::Resumed(session),
            BrokerEvent::Drained(session),
            BrokerEvent::Suspended(session),
        ]
    );
}
