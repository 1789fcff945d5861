//! Who hears of what, and what they hear.

use super::*;

/// A socket whose session subscribed to these.
fn subscriber(bench: &mut Bench, patterns: &[&str]) -> (PeerId, String) {
    let socket = bench.socket();
    let client_id = bench.session(socket);
    for name in patterns {
        let _ = bench.ask(socket, &subscribe(&client_id, name));
    }
    (socket, client_id)
}

#[test]
fn a_message_comes_once_however_many_patterns_match() {
    let mut bench = Bench::new(|_| ());
    let (socket, _) = subscriber(&mut bench, &["/a/b", "/a/*", "/a/**", "/**", "/a"]);
    let (other, _) = subscriber(&mut bench, &["/a/*/", "/c"]);
    bench.publish("/a/b", 1);
    assert_eq!(bench.receive(socket), [event("/a/b", 1)]);
    assert_eq!(bench.receive(other), [event("/a/b", 1)]);
    bench.publish("/a/b/c", 2);
    assert_eq!(bench.receive(socket), [event("/a/b/c", 2)]);
    assert!(!bench.is_woken(other));
}

#[test]
fn a_publish_is_answered_without_data() {
    let mut bench = Bench::new(|_| ());
    let (socket, client_id) = subscriber(&mut bench, &[]);
    for id in [r#""x1""#, "7", "null", "1.5", "true"] {
        let payload =
            publish(&client_id, "/a/", 1).replace(r#""data""#, &format!(r#""id":{id},"data""#));
        let expected = format!(r#"{{"channel":"/a/","id":{id},"successful":true}}"#);
        assert_eq!(bench.ask(socket, &payload), [expected]);
    }
}

#[test]
fn malformed_messages_are_refused() {
    let mut bench = Bench::new(|_| ());
    let (socket, client_id) = subscriber(&mut bench, &["/**"]);
    for (members, expected) in [
        (r#""data":1"#, "400::channel_missing"),
        (r#""channel":7"#, "405::channel_invalid"),
        (r#""channel":"a""#, "405::channel_invalid"),
        (r#""channel":"""#, "405::channel_invalid"),
        (r#""channel":"/a/*""#, "405::channel_invalid"),
        (r#""channel":"/**""#, "405::channel_invalid"),
        (r#""channel":"/a?b""#, "405::channel_invalid"),
        (r#""channel":"/a//b""#, "405::channel_invalid"),
        (r#""channel":"/a","id":[]"#, "405::message_id_invalid"),
        (
            r#""channel":"/meta/connect","id":{}"#,
            "405::message_id_invalid",
        ),
        (
            r#""channel":"/meta/x""#,
            "403:denied_by_security_policy:channel_create_denied",
        ),
    ] {
        let payload = format!(r#"[{{"clientId":"{client_id}",{members}}}]"#);
        let replies = bench.ask(socket, &payload);
        assert_eq!(replies.len(), 1, "{members}");
        assert_eq!(error(&replies[0]), expected, "{members}");
        assert_eq!(field(&replies[0], "successful"), Some(false.into()));
        assert!(field(&replies[0], "advice").is_none());
    }
    let long = format!("/{}", "a".repeat(255));
    let reply = bench.ask(socket, &publish(&client_id, &long, 1)).remove(0);
    assert_eq!(error(&reply), "405::channel_invalid");
}

#[test]
fn an_id_may_be_anything_where_fields_are_not_validated() {
    let mut bench = Bench::new(|options| options.validate_message_fields = false);
    let (socket, client_id) = subscriber(&mut bench, &[]);
    let payload = publish(&client_id, "/a", 1).replace(r#""data""#, r#""id":[1],"data""#);
    let expected = r#"{"channel":"/a","id":[1],"successful":true}"#;
    assert_eq!(bench.ask(socket, &payload), [expected]);
}

#[test]
fn subscribers_see_neither_who_sent_a_message_nor_what_only_a_server_says() {
    let mut bench = Bench::new(|_| ());
    let (socket, _) = subscriber(&mut bench, &["/a"]);
    let (publisher, client_id) = subscriber(&mut bench, &[]);
    let payload = format!(
        r#"[{{"channel":"/a","clientId":"{client_id}","id":"5","data":null,"more":[1],"advice":{{"reconnect":"none"}},"successful":false,"error":"402::session_unknown","subscription":"/x","timestamp":"now","ext":{{"x":1,"ack":3,"replayId":9,"timesync":{{}},"com.acme.auth":{{"token":"s3cret"}},"Token":"s3cret"}}}}]"#
    );
    assert_eq!(bench.ask(publisher, &payload).len(), 1);
    let expected = r#"{"channel":"/a","data":null,"ext":{"x":1},"more":[1]}"#;
    assert_eq!(bench.receive(socket), [expected]);
    for (ext, expected) in [
        (r#"{"ack":1}"#, ""),
        ("{}", r#","ext":{}"#),
        ("7", r#","ext":7"#),
        (r#"{"binary":{}}"#, r#","ext":{"binary":{}}"#),
    ] {
        let payload =
            publish(&client_id, "/a", 1).replace(r#""data""#, &format!(r#""ext":{ext},"data""#));
        let _ = bench.ask(publisher, &payload);
        let expected = format!(r#"{{"channel":"/a","data":1{expected}}}"#);
        assert_eq!(bench.receive(socket), [expected]);
    }
    // One without data goes on without.
    let payload = format!(r#"[{{"channel":"/a","clientId":"{client_id}"}}]"#);
    let _ = bench.ask(publisher, &payload);
    assert_eq!(bench.receive(socket), [r#"{"channel":"/a"}"#]);
}

#[test]
fn what_is_secret_is_an_option() {
    let mut bench = Bench::new(|options| options.scrubbed_ext = vec!["pin".into()]);
    let (socket, client_id) = subscriber(&mut bench, &["/a"]);
    let payload =
        publish(&client_id, "/a", 1).replace(r#""data""#, r#""ext":{"a.PIN":1,"token":2},"data""#);
    let expected = r#"{"channel":"/a","data":1,"ext":{"token":2}}"#;
    assert_eq!(bench.ask(socket, &payload)[0], expected);
}

#[test]
fn publishers_hear_of_their_own_messages_unless_something_says_otherwise() {
    for hidden_by in ["nothing", "server", "channel", "session"] {
        let mut bench = Bench::new(|options| {
            options.broadcast_to_publisher = hidden_by != "server";
        });
        let (socket, client_id) = subscriber(&mut bench, &["/a"]);
        let (other, _) = subscriber(&mut bench, &["/a"]);
        let hides_own = true;
        if hidden_by == "channel" {
            let options = ChannelOptions {
                hides_own,
                ..ChannelOptions::default()
            };
            assert!(bench.broker.configure(&pattern("/**"), options));
        }
        if hidden_by == "session" {
            let options = SessionOptions {
                hides_own,
                ..SessionOptions::default()
            };
            bench
                .broker
                .configure_session(bench.id(&client_id), options);
        }
        let own = bench.ask(socket, &publish(&client_id, "/a", 1)).len() - 1;
        assert_eq!(own, usize::from(hidden_by == "nothing"), "{hidden_by}");
        assert_eq!(bench.receive(other), [event("/a", 1)]);
    }
}

#[test]
fn no_channel_comes_into_being_by_a_publish() {
    let mut bench = Bench::new(|_| ());
    let (socket, client_id) = subscriber(&mut bench, &["/a/**"]);
    let _ = bench.ask(socket, &publish(&client_id, "/a/b", 1));
    let _ = bench.ask(socket, &publish(&client_id, "/c", 1));
    bench.publish("/d", 1);
    assert_eq!(bench.broker.channels().count(), 1);
}

#[test]
fn who_has_no_session_publishes_only_where_that_is_allowed() {
    let mut bench = Bench::new(|_| ());
    let (socket, _) = subscriber(&mut bench, &["/**"]);
    let options = ChannelOptions {
        anonymous: true,
        ..ChannelOptions::default()
    };
    assert!(bench.broker.configure(&pattern("/open/*"), options));
    let unknown = "402::session_unknown";
    let one = r#"[{"channel":"/open/x","data":1}]"#;
    assert_eq!(bench.post(one), [ok("/open/x")]);
    assert_eq!(bench.receive(socket), [event("/open/x", 1)]);
    for payload in [
        one.replace("/open/x", "/closed"),
        one.replace("/open/x", "/open/x/y"),
        one.replace(r#""data""#, r#""clientId":"s9","data""#),
        one.replace(r#""data""#, r#""clientId":7,"data""#),
        r#"[{"channel":"/meta/subscribe","subscription":"/open/x"}]"#.into(),
    ] {
        assert_eq!(error(&bench.post(&payload)[0]), unknown, "{payload}");
    }
    assert!(!bench.is_woken(socket));
}

#[test]
fn a_policy_is_asked_about_what_is_published() {
    let mut bench = Bench::new(|_| ());
    let (socket, client_id) = subscriber(&mut bench, &["/a"]);
    bench.policy = |question, message| match question {
        Question::Publish(place) if place.is_new => {
            Verdict::Denied(Denial::CreateToPublish(Denial::POLICY.into()))
        }
        Question::Publish(_) if message.data() == Some(Value::from(1)) => {
            Verdict::Denied(Denial::Publish("not one".into()))
        }
        _ => Verdict::Deleted,
    };
    for (channel, data, expected) in [
        (
            "/b",
            1,
            "403:denied_by_security_policy:channel_create_denied",
        ),
        ("/a", 1, "403:not one:publish_denied"),
        ("/a", 2, "404::message_deleted"),
    ] {
        let replies = bench.ask(socket, &publish(&client_id, channel, data));
        assert_eq!(replies.len(), 1);
        assert_eq!(error(&replies[0]), expected);
    }
}

#[test]
fn a_filter_changes_what_is_delivered() {
    let mut bench = Bench::new(|_| ());
    let (socket, client_id) = subscriber(&mut bench, &["/a"]);
    let payload = Value::parse(&publish(&client_id, "/a", 1), &Limits::default()).unwrap();
    let message = messages(payload, 1).unwrap().remove(0);
    let at = bench.at();
    let turn = bench.broker.begin(socket, 1, at);
    let mut request = bench.broker.examine(&turn, message, at);
    assert_eq!(request.session(), Some(bench.id(&client_id)));
    request.set_data(Value::from(2));
    let effect = bench.broker.carry_out(&turn, request, Verdict::Granted, at);
    assert_eq!(effect, Effect::Done);
    bench.broker.finish(turn, at);
    bench.settle();
    assert_eq!(bench.receive(socket)[0], event("/a", 2));
}

#[test]
fn service_channels_are_for_the_application() {
    let mut bench = Bench::new(|_| ());
    let (socket, client_id) = subscriber(&mut bench, &["/**", "/service/*"]);
    let payload = publish(&client_id, "/service/x", 1).replace(r#""data""#, r#""id":"3","data""#);
    bench.effects.clear();
    assert_eq!(
        bench.ask(socket, &payload),
        [r#"{"channel":"/service/x","id":"3","successful":true}"#]
    );
    let Some(Effect::Service(call)) = bench.effects.pop() else {
        panic!("a call");
    };
    assert_eq!(call.message.data(), Some(Value::from(1)));
    let at = bench.at();
    let channel = Channel::parse("/service/x").unwrap();
    let meta = Channel::parse("/meta/connect").unwrap();
    for channel in [channel, meta] {
        assert_eq!(bench.broker.publish(None, &channel, &Value::Null, at), 0);
    }
    assert!(bench.broker.answer(&call, Ok(Value::from(2)), at));
    assert!(bench.broker.answer(&call, Err(Value::from("no")), at));
    bench.settle();
    assert_eq!(
        bench.receive(socket),
        [
            r#"{"channel":"/service/x","data":2,"id":"3","successful":true}"#,
            r#"{"channel":"/service/x","data":"no","id":"3","successful":false}"#
        ]
    );
    bench.broker.disconnect(bench.id(&client_id), at);
    assert!(!bench.broker.answer(&call, Ok(Value::Null), at));
}

#[test]
fn a_message_goes_to_one_session_whatever_it_subscribed_to() {
    let mut bench = Bench::new(|_| ());
    let (socket, client_id) = subscriber(&mut bench, &[]);
    let channel = Channel::parse("/private").unwrap();
    let (session, at) = (bench.id(&client_id), bench.at());
    assert!(bench.broker.deliver(session, &channel, &Value::from(1), at));
    bench.settle();
    assert_eq!(bench.receive(socket), [event("/private", 1)]);
    bench.broker.disconnect(session, at);
    assert!(!bench.broker.deliver(session, &channel, &Value::from(1), at));
}

#[test]
fn between_subscribe_and_unsubscribe_a_publisher_hears_itself() {
    let mut bench = Bench::new(|_| ());
    let client_id = bench.poller();
    let part = |text: String| String::from(&text[1..text.len() - 1]);
    let unsubscribe = subscribe(&client_id, "/a").replace("subscribe", "unsubscribe");
    let payload = format!(
        "[{},{},{},{}]",
        part(subscribe(&client_id, "/a")),
        part(publish(&client_id, "/a", 1)),
        part(unsubscribe),
        part(publish(&client_id, "/a", 2)),
    );
    let replies = bench.post(&payload);
    assert_eq!(replies[0], event("/a", 1));
    assert_eq!(replies.len(), 5);
}

#[test]
fn everyone_shares_one_text() {
    let mut bench = Bench::new(|_| ());
    let sockets: Vec<_> = (0..3).map(|_| subscriber(&mut bench, &["/a"]).0).collect();
    bench.publish("/a", 1);
    let parcels: Vec<_> = sockets
        .into_iter()
        .map(|socket| bench.collect(socket).unwrap().deliveries.remove(0))
        .collect();
    assert!(Arc::ptr_eq(&parcels[0], &parcels[2]));
    assert_eq!(parcels[0].batch(), r#"[{"channel":"/a","data":1}]"#);
    assert_eq!(parcels[0].message(), r#"{"channel":"/a","data":1}"#);
}
