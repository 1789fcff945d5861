//! What can be subscribed to, and how channels come and go.

use super::*;
use crate::bayeux::Meta;

fn request(client_id: &str, verb: &str, subscription: &str) -> String {
    format!(
        r#"[{{"channel":"/meta/{verb}","clientId":"{client_id}","id":"7","subscription":{subscription}}}]"#
    )
}

fn ask(bench: &mut Bench, peer: PeerId, client_id: &str, subscription: &str) -> String {
    bench
        .ask(peer, &request(client_id, "subscribe", subscription))
        .remove(0)
}

#[test]
fn a_reply_has_the_shape_of_its_request() {
    let mut bench = Bench::new(|_| ());
    let socket = bench.socket();
    let client_id = bench.session(socket);
    for verb in ["subscribe", "unsubscribe"] {
        for subscription in [
            r#""/a""#,
            r#"["/a"]"#,
            r#"["/a","/b/*","/a"]"#,
            "[]",
            r#""/a/""#,
        ] {
            let replies = bench.ask(socket, &request(&client_id, verb, subscription));
            let expected = format!(
                r#"{{"channel":"/meta/{verb}","id":"7","subscription":{subscription},"successful":true}}"#
            );
            assert_eq!(replies, [expected]);
        }
    }
    assert_eq!(bench.broker.subscriptions(bench.id(&client_id)).count(), 0);
}

#[test]
fn what_is_no_subscription_is_refused() {
    let mut bench = Bench::new(|_| ());
    let socket = bench.socket();
    let client_id = bench.session(socket);
    let invalid = "403::subscription_invalid";
    for (subscription, expected) in [
        ("7", invalid),
        ("null", invalid),
        (r#"["/a",7]"#, invalid),
        (r#""a""#, invalid),
        (r#""""#, invalid),
        (r#""/""#, invalid),
        (r#""/a//b""#, invalid),
        (r#""/a?b""#, invalid),
        (r#""/a/**/b""#, invalid),
        (r#""/*/a""#, invalid),
        (r#""/a\u0000""#, invalid),
        (r#"["/fine","/a/**/b"]"#, invalid),
    ] {
        let reply = ask(&mut bench, socket, &client_id, subscription);
        assert_eq!(error(&reply), expected, "{subscription}");
        assert_eq!(
            field(&reply, "subscription").map(|it| it.to_text()),
            Some(subscription.into())
        );
    }
    for verb in ["subscribe", "unsubscribe"] {
        let payload = format!(r#"[{{"channel":"/meta/{verb}","clientId":"{client_id}"}}]"#);
        assert_eq!(
            error(&bench.ask(socket, &payload)[0]),
            "403::subscription_missing"
        );
    }
    let long = format!(r#""/{}""#, "a".repeat(255));
    assert_eq!(error(&ask(&mut bench, socket, &client_id, &long)), invalid);
    let deep = format!(r#""{}""#, "/a".repeat(17));
    assert_eq!(error(&ask(&mut bench, socket, &client_id, &deep)), invalid);
    assert_eq!(bench.broker.channels().count(), 0);
}

#[test]
fn the_protocols_own_channels_and_what_looks_like_them_are_closed() {
    let names = [
        "/meta",
        "/meta/",
        "/meta/*",
        "/meta/**",
        "/meta/x",
        "/meta/x/y",
        "/meta/handshake",
        "/meta/connect",
        "/meta/disconnect",
        "/meta/subscribe",
        "/meta/unsubscribe",
        "/meta/subscribe/",
        "/meta/subscribe/x",
        "/meta/subscribe/*",
        "/meta/subscribe//",
        "/meta//subscribe",
        "//meta/subscribe",
        "/meta/Subscribe",
        "/META/subscribe",
        "/Meta/*",
        "/mEtA",
        "/meta/publish",
        "/meta/unsuccessful",
        "/meta/subscribe\\u0000",
        "/meta\\u0000/subscribe",
        "/meta/./subscribe",
        "/meta/../meta/subscribe",
        "meta/subscribe",
        " /meta/subscribe",
        "/meta/subscribe ",
        "/meta/subscribe\\n",
        "/meta/*/x",
        "/meta/connect/**",
        "/\\u006deta/subscribe",
        "/meta/\\u0073ubscribe",
        "/meta/subscribe?x",
        "/meta/\\u2217",
        "/m\\u0435ta/subscribe",
        "/meta\\u2215subscribe",
        "/meta/handshake/1",
        "/META/**",
        "/meta/connect/",
        "/meta/.",
    ];
    assert!(names.len() >= 40);
    let mut bench = Bench::new(|_| ());
    let socket = bench.socket();
    let client_id = bench.session(socket);
    for name in names {
        for subscription in [format!(r#""{name}""#), format!(r#"["/fine","{name}"]"#)] {
            let reply = ask(&mut bench, socket, &client_id, &subscription);
            assert!(error(&reply).starts_with("403:"), "{name}: {reply}");
        }
        if Meta::of(name).is_none() {
            let reply = bench.ask(socket, &publish(&client_id, name, 1)).remove(0);
            assert!(error(&reply).starts_with("40"), "{name}: {reply}");
        }
    }
    assert_eq!(bench.broker.subscriptions(bench.id(&client_id)).count(), 0);
    assert_eq!(bench.broker.channels().count(), 0);
}

#[test]
fn who_may_nothing_subscribes_to_nothing() {
    let mut bench = Bench::new(|_| ());
    let socket = bench.socket();
    let client_id = bench.session(socket);
    bench.policy = |question, _| match question {
        Question::Nothing => Verdict::Granted,
        _ => Verdict::Denied(Denial::Subscribe(Denial::POLICY.into())),
    };
    for name in [
        "/a",
        "/**",
        "/*",
        "/a/**",
        "/meta%2fsubscribe",
        "/Service/x",
        "/metal",
    ] {
        let reply = ask(&mut bench, socket, &client_id, &format!(r#"["{name}"]"#));
        assert_eq!(
            error(&reply),
            "403:denied_by_security_policy:subscribe_denied"
        );
    }
    assert_eq!(bench.broker.channels().count(), 0);
}

#[test]
fn a_policy_is_asked_about_each_channel_and_whether_it_is_new() {
    let mut bench = Bench::new(|_| ());
    let socket = bench.socket();
    let client_id = bench.session(socket);
    let _ = ask(&mut bench, socket, &client_id, r#""/a""#);
    bench.policy = |question, _| {
        let is = |name: &str, is_new| Place {
            name: pattern(name),
            is_new,
        };
        let expected = vec![is("/a", false), is("/b/*", true)];
        assert_eq!(question, &Question::Subscribe(expected));
        Verdict::Denied(Denial::Create(Denial::NOT_GRANTED.into()))
    };
    let reply = ask(
        &mut bench,
        socket,
        &client_id,
        r#"["/a","/service/x","/b/*"]"#,
    );
    assert_eq!(error(&reply), "403:denied_by_not_granting:create_denied");
    bench.policy = |_, _| Verdict::Deleted;
    let reply = ask(&mut bench, socket, &client_id, r#""/b""#);
    assert_eq!(error(&reply), "404::message_deleted");
    let names: Vec<_> = bench.broker.channels().map(Pattern::text).collect();
    assert_eq!(names, ["/a"]);
}

#[test]
fn service_channels_are_subscribed_to_in_name_only() {
    let mut bench = Bench::new(|_| ());
    let socket = bench.socket();
    let client_id = bench.session(socket);
    for name in ["/service/x", "/service/*", "/service/**"] {
        let reply = ask(&mut bench, socket, &client_id, &format!(r#""{name}""#));
        assert_eq!(error(&reply), "");
    }
    assert_eq!(bench.broker.channels().count(), 0);
}

#[test]
fn subscriptions_and_channels_are_bounded() {
    let mut bench = Bench::new(|options| {
        options.max_subscriptions = 3;
        options.max_channels = 4;
    });
    let (one, two) = (bench.socket(), bench.socket());
    let (first, second) = (bench.session(one), bench.session(two));
    let full = "403::subscribe_failed";
    assert_eq!(
        error(&ask(&mut bench, one, &first, r#"["/a","/b","/c"]"#)),
        ""
    );
    assert_eq!(error(&ask(&mut bench, one, &first, r#""/d""#)), full);
    assert_eq!(
        error(&ask(&mut bench, one, &first, r#"["/a","/a","/b"]"#)),
        ""
    );
    assert_eq!(
        error(&ask(&mut bench, one, &first, r#"["/a","/a","/a","/a"]"#)),
        full
    );
    assert_eq!(
        error(&ask(&mut bench, two, &second, r#"["/d","/e"]"#)),
        full
    );
    assert_eq!(error(&ask(&mut bench, two, &second, r#"["/d","/a"]"#)), "");
    assert_eq!(bench.broker.channels().count(), 4);
}

#[test]
fn a_channel_goes_in_the_third_sweep_that_finds_it_unused() {
    let mut bench = Bench::new(|_| ());
    let socket = bench.socket();
    let client_id = bench.session(socket);
    bench.send(socket, &connect(&client_id));
    let persistent = ChannelOptions {
        persistent: true,
        ..ChannelOptions::default()
    };
    assert!(bench.broker.configure(&pattern("/stays"), persistent));
    let _ = ask(&mut bench, socket, &client_id, r#"["/a","/b"]"#);
    let _ = bench.ask(socket, &request(&client_id, "unsubscribe", r#""/a""#));
    bench.pass(2 * 997);
    assert_eq!(bench.broker.channels().count(), 3);
    // Being used again makes it start anew.
    let _ = ask(&mut bench, socket, &client_id, r#""/a""#);
    bench.pass(5_000);
    let _ = bench.ask(socket, &request(&client_id, "unsubscribe", r#""/a""#));
    bench.pass(3 * 997);
    let names: Vec<_> = bench.broker.channels().map(Pattern::text).collect();
    assert_eq!(names, ["/b", "/stays"]);
    assert!(
        bench
            .events
            .contains(&BrokerEvent::ChannelRemoved(pattern("/a")))
    );
    // Whoever has nothing to look after does not wake up.
    bench.detach(socket);
    bench.pass(10_000 + 3 * 997);
    assert_eq!(bench.broker.deadline(), None);
    assert_eq!(bench.broker.channels().count(), 1);
}

#[test]
fn a_channel_that_is_removed_has_no_subscribers() {
    let mut bench = Bench::new(|_| ());
    let socket = bench.socket();
    let client_id = bench.session(socket);
    let _ = ask(&mut bench, socket, &client_id, r#"["/a","/b"]"#);
    let session = bench.id(&client_id);
    assert_eq!(
        bench.broker.subscribers(&pattern("/a")).collect::<Vec<_>>(),
        [session]
    );
    assert!(bench.broker.remove_channel(&pattern("/a")));
    assert!(!bench.broker.remove_channel(&pattern("/a")));
    bench.publish("/a", 1);
    assert!(!bench.is_woken(socket));
    let left: Vec<_> = bench
        .broker
        .subscriptions(session)
        .map(Pattern::text)
        .collect();
    assert_eq!(left, ["/b"]);
}
