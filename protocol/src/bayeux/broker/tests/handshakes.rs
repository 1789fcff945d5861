//! Who gets a session.

use super::*;
use crate::{
    bayeux::{Advice, Reconnect},
    json::Object,
};

const HANDSHAKE: &str = r#"[{"channel":"/meta/handshake","id":"1","version":"1.0","minimumVersion":"1.0","supportedConnectionTypes":["websocket"]}]"#;

#[test]
fn a_reply_says_everything() {
    let mut bench = Bench::new(|options| options.handshake_reconnect = true);
    let peer = bench.socket();
    assert_eq!(
        bench.ask(peer, HANDSHAKE),
        [
            r#"{"advice":{"interval":0,"maxInterval":10000,"reconnect":"retry","timeout":30000},"channel":"/meta/handshake","clientId":"s1","id":"1","minimumVersion":"1.0","successful":true,"supportedConnectionTypes":["websocket","long-polling"],"version":"1.0"}"#
        ]
    );
    let session = bench.id("s1");
    let client_id = "s1".into();
    assert_eq!(
        bench.events,
        [BrokerEvent::SessionAdded { session, client_id }]
    );
    assert_eq!(bench.effects, [Effect::Opened(session)]);
}

#[test]
fn only_what_is_said_can_mismatch() {
    let mut bench = Bench::new(|_| ());
    let peer = bench.socket();
    for (fields, expected) in [
        (r#""id":1"#, ""),
        (r#""version":"1.0beta""#, ""),
        (r#""version":"2.1","minimumVersion":"1.0""#, ""),
        (r#""version":"2.0","minimumVersion":"0.9""#, ""),
        (r#""version":7"#, ""),
        (r#""supportedConnectionTypes":[]"#, ""),
        (r#""supportedConnectionTypes":["x","long-polling"]"#, ""),
        (r#""version":"2.0""#, "300:2.0:Version mismatch"),
        (r#""version":"0.9""#, "300:0.9:Version mismatch"),
        (r#""version":"x""#, "300:x:Version mismatch"),
        (
            r#""version":"1.1","minimumVersion":"1.1""#,
            "300:1.1:Version mismatch",
        ),
        (
            r#""supportedConnectionTypes":["a","b"]"#,
            "301:a,b:Connection types not supported",
        ),
    ] {
        let payload = format!(r#"[{{"channel":"/meta/handshake",{fields}}}]"#);
        let reply = bench.ask(peer, &payload).remove(0);
        assert_eq!(error(&reply), expected, "{fields}");
        let advice = field(&reply, "advice").unwrap();
        let reconnect = if expected.is_empty() {
            "retry"
        } else {
            "handshake"
        };
        assert_eq!(advice.get("reconnect"), Some(&reconnect.into()));
        assert!(advice.get("interval").is_some() && advice.get("timeout").is_some());
        assert!(field(&reply, "supportedConnectionTypes").is_some());
    }
}

#[test]
fn a_policy_that_denies_may_say_what_to_do() {
    let mut bench = Bench::new(|_| ());
    let peer = bench.socket();
    bench.policy = |_, _| {
        Verdict::Denied(Denial::Handshake {
            ext: Object::default(),
            advice: Advice::default(),
        })
    };
    let reply = bench.ask(peer, HANDSHAKE).remove(0);
    assert_eq!(error(&reply), "403::handshake_denied");
    assert_eq!(
        field(&reply, "advice").unwrap().to_text(),
        r#"{"interval":0,"reconnect":"none","timeout":30000}"#
    );
    bench.policy = |_, _| {
        Verdict::Denied(Denial::Handshake {
            ext: [("why", Value::from("expired"))].into_iter().collect(),
            advice: Advice {
                reconnect: Some(Reconnect::Handshake),
                ..Advice::default()
            },
        })
    };
    let reply = bench.ask(peer, HANDSHAKE).remove(0);
    assert_eq!(
        field(&reply, "advice").unwrap().get("reconnect"),
        Some(&"handshake".into())
    );
    assert_eq!(
        field(&reply, "ext").unwrap().to_text(),
        r#"{"why":"expired"}"#
    );
    bench.policy = |_, _| Verdict::Granted;
    assert_eq!(
        error(&bench.ask(peer, HANDSHAKE)[0]),
        "403::handshake_failed"
    );
    bench.policy = |_, _| Verdict::Denied(Denial::Failed);
    assert_eq!(
        error(&bench.ask(peer, HANDSHAKE)[0]),
        "403::handshake_failed"
    );
    assert_eq!(bench.broker.sessions().count(), 0);
}

#[test]
fn the_rest_of_a_payload_does_not_get_the_session() {
    let mut bench = Bench::new(|_| ());
    let peer = bench.socket();
    let replies = bench.ask(
        peer,
        r#"[{"channel":"/a","data":1},{"channel":"/meta/handshake"},{"channel":"/meta/subscribe","subscription":"/a"},{"channel":"/meta/connect"}]"#,
    );
    assert_eq!(field(&replies[0], "clientId"), Some("s1".into()));
    let rest: Vec<String> = replies[1..].iter().map(|it| error(it)).collect();
    assert_eq!(rest, ["402::session_unknown"; 3]);
    let advised = replies[1..].iter().map(|it| field(it, "advice").is_some());
    assert_eq!(advised.collect::<Vec<_>>(), [false, false, true]);
}

#[test]
fn sessions_are_bounded_altogether_and_by_address() {
    let mut bench = Bench::new(|options| {
        options.max_sessions = 3;
        options.max_sessions_per_address = 2;
    });
    let from = |bench: &mut Bench, address: &str| {
        let address = Some(address.into());
        let caller = Caller {
            address,
            ..Caller::default()
        };
        let peer = bench.attach(Transport::LongPolling, caller);
        error(&bench.ask(peer, HANDSHAKE)[0])
    };
    let results = ["a", "a", "a", "b", "c"].map(|address| from(&mut bench, address));
    let denied = "403::handshake_denied";
    assert_eq!(results, ["", "", denied, "", denied]);
    bench.pass(10_001);
    assert_eq!(bench.broker.sessions().count(), 0);
    assert_eq!(
        ["a", "a"].map(|address| from(&mut bench, address)),
        ["", ""]
    );
}

#[test]
fn a_name_is_given_once() {
    let mut bench = Bench::new(|_| ());
    let peer = bench.socket();
    let _ = bench.ask(peer, HANDSHAKE);
    bench.opened = 0;
    assert_eq!(
        error(&bench.ask(peer, HANDSHAKE)[0]),
        "403::handshake_denied"
    );
}

#[test]
fn a_session_is_for_its_browser_and_its_user() {
    let caller = |browser: Option<&str>, principal: Option<&str>| Caller {
        browser: browser.map(Into::into),
        principal: principal.map(Into::into),
        address: None,
    };
    let polling = Transport::LongPolling;
    let socket = Transport::WebSocket;
    for (transport, owner, other, expected, trusted) in [
        (
            polling,
            caller(Some("x"), None),
            caller(Some("x"), None),
            true,
            true,
        ),
        (
            polling,
            caller(Some("x"), None),
            caller(Some("y"), None),
            false,
            true,
        ),
        (
            polling,
            caller(Some("x"), None),
            caller(None, None),
            false,
            true,
        ),
        (
            polling,
            caller(None, None),
            caller(Some("y"), None),
            true,
            true,
        ),
        (
            socket,
            caller(Some("x"), None),
            caller(None, None),
            true,
            true,
        ),
        (
            socket,
            caller(Some("x"), None),
            caller(Some("y"), None),
            false,
            true,
        ),
        (
            socket,
            caller(None, Some("me")),
            caller(None, Some("me")),
            true,
            true,
        ),
        (
            socket,
            caller(None, Some("me")),
            caller(None, Some("you")),
            false,
            false,
        ),
        (
            polling,
            caller(None, Some("me")),
            caller(None, None),
            false,
            false,
        ),
    ] {
        for trusts in [false, true] {
            let mut bench = Bench::new(|options| options.trust_client_session = trusts);
            let peer = bench.attach(polling, owner.clone());
            let client_id = bench.handshake(peer, "{}");
            let peer = bench.attach(transport, other.clone());
            // The second of a batch is looked at as the first is.
            let publish = publish(&client_id, "/a", 1);
            let payload = publish.replace('[', r#"[{"channel":"/b","data":0},"#);
            let replies = bench.ask(peer, &payload);
            assert_eq!(error(&replies[0]), "402::session_unknown");
            let is_taken = error(&replies[1]).is_empty();
            let expected = expected || (trusts && trusted);
            assert_eq!(is_taken, expected, "{transport:?} {owner:?} {other:?}");
            let peer = bench.attach(transport, other.clone());
            let disconnect =
                format!(r#"[{{"channel":"/meta/disconnect","clientId":"{client_id}"}}]"#);
            let reply = bench.ask(peer, &disconnect).remove(0);
            assert_eq!(error(&reply).is_empty(), expected);
            assert_eq!(bench.broker.find(&client_id).is_none(), expected);
        }
    }
}

#[test]
fn a_socket_may_have_to_have_shaken_hands_itself() {
    let mut bench = Bench::new(|options| options.require_handshake_per_connection = true);
    let one = bench.socket();
    let client_id = bench.session(one);
    let two = bench.socket();
    let replies = bench.ask(two, &publish(&client_id, "/a", 1));
    assert_eq!(error(&replies[0]), "402::session_unknown");
}

#[test]
fn messages_travel_with_a_handshake_where_they_may() {
    for transport in [Transport::WebSocket, Transport::LongPolling] {
        for delivers in [false, true] {
            let mut bench = Bench::new(|options| {
                options.allow_message_delivery_during_handshake = delivers;
            });
            let peer = bench.attach(transport, Caller::default());
            let turn = bench.broker.begin(peer, 1, bench.at());
            let message = r#"{"channel":"/meta/handshake"}"#;
            let message = Message(Value::parse(message, &Limits::default()).unwrap());
            bench.step(&turn, message);
            let channel = Channel::parse("/hello").unwrap();
            let session = bench.id("s1");
            let at = bench.at();
            assert!(bench.broker.deliver(session, &channel, &Value::from(1), at));
            bench.broker.finish(turn, at);
            bench.settle();
            let parcel = bench.collect(peer).unwrap();
            let texts = texts_of(&parcel);
            assert_eq!(field(&texts[0], "clientId"), Some("s1".into()));
            let count = field(&texts[0], "x-messages");
            assert_eq!(count, delivers.then(|| Value::from(1)));
            // A socket gets it anyway, but after the reply.
            let is_there = delivers || transport == Transport::WebSocket;
            assert_eq!(texts.get(1), is_there.then(|| event("/hello", 1)).as_ref());
        }
    }
}

#[test]
fn handshakes_without_end_leave_nothing() {
    let mut bench = Bench::new(|_| ());
    for _ in 0..50 {
        for _ in 0..500 {
            let _ = bench.post(HANDSHAKE);
        }
        assert!(bench.broker.sessions().count() <= bench.broker.options().max_sessions);
        bench.pass(10_000);
    }
    bench.pass(10_000);
    let broker = &bench.broker;
    assert_eq!((broker.sessions.len(), broker.ids.len()), (0, 0));
    assert_eq!((broker.alarms.len(), broker.peers.len()), (0, 0));
    assert_eq!(broker.deadline(), None);
}
