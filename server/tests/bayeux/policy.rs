//! Who may do what, and who hears of it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use mirrorball_server::{
    Bayeux, Value as Json,
    bayeux::{Authorization, Denial, Operation, Pattern, Request, Welcome},
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::site::{Site, Ws, handshake, patient, publish, soon, subscribe};

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

/// The member `token` of a handshake's `ext`.
fn token(request: &Request) -> Option<String> {
    Some(request.ext("acme.token")?.as_str()?.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_is_judged_by_its_credentials() {
    let site = Site::start(Bayeux::builder().on_handshake(async |request: Request| {
        assert!(request.session().is_none());
        match token(&request).as_deref() {
            Some("right") => Ok(Welcome::default()
                .ext(json!({"acme": "hello"}).into())
                .attribute("user", "eve".into())),
            Some("old") => Err(Denial::default()
                .ext(json!({"acme": "expired"}).into())
                .retry()),
            Some("panic") => panic!("a secret"),
            _ => Err("denied".into()),
        }
    }))
    .await;
    let mut ws = site.ws().await;
    let mut shake = async |token: &str| {
        let mut message = handshake();
        message["ext"] = json!({"acme.token": token});
        ws.send(json!([message])).await;
        ws.next().await
    };
    let answer = shake("right").await;
    assert_eq!(answer["successful"], true);
    assert_eq!(answer["ext"]["acme"], "hello");
    let session = site
        .bayeux
        .find(answer["clientId"].as_str().unwrap())
        .unwrap();
    assert_eq!(session.attribute("user"), Some(Json::from("eve")));
    let answer = shake("wrong").await;
    assert_eq!(answer["error"], "403::handshake_denied");
    assert_eq!(answer["advice"]["reconnect"], "none");
    let answer = shake("old").await;
    assert_eq!(answer["error"], "403::handshake_denied");
    assert_eq!(answer["advice"]["reconnect"], "handshake");
    assert_eq!(answer["ext"]["acme"], "expired");
    let answer = shake("panic").await;
    assert_eq!(answer["error"], "403::handshake_failed");
    assert!(!answer.to_string().contains("secret"));
    assert_eq!(site.bayeux.sessions().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_see_headers_address_and_session() {
    let seen = Arc::new(std::sync::Mutex::new(None));
    let sees = Arc::clone(&seen);
    let site = Site::start(Bayeux::builder().on_publish(move |request: Request| {
        let context = request.context().clone();
        *sees.lock().unwrap() = Some((
            context.headers().get("x-who").cloned(),
            context
                .remote()
                .map(|remote| remote.address().is_loopback()),
            context.uri().path().to_owned(),
            request.session().cloned(),
            request.channel().to_owned(),
        ));
        async { Ok(()) }
    }))
    .await;
    let mut ws = Ws::connect(site.address, &[("x-who", "eve")])
        .await
        .unwrap();
    let id = ws.handshake().await;
    ws.send(json!([publish(&id, "/chat/a/", json!(1))])).await;
    assert_eq!(ws.next().await["successful"], true);
    let (who, local, path, session, channel) = seen.lock().unwrap().take().unwrap();
    assert_eq!(who.unwrap(), "eve");
    assert_eq!(
        (local, path.as_str(), channel.as_str()),
        (Some(true), "/cometd", "/chat/a")
    );
    assert_eq!(session, site.bayeux.find(&id));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_was_refused() {
    let say = |what: &'static str| {
        move |request: Request| async move {
            match request.channel().split('/').nth(1) {
                Some(first) if first == what => Err(Denial::new("because")),
                Some("plain") => Err(Denial::default()),
                Some("panics") => panic!("a secret"),
                _ => Ok(()),
            }
        }
    };
    let site = Site::start(
        Bayeux::builder()
            .on_create(say("create"))
            .on_subscribe(say("subscribe"))
            .on_publish(say("publish")),
    )
    .await;
    let (mut ws, id) = site.ws_client().await;
    let mut error = async |message: Value| {
        ws.send(json!([message])).await;
        ws.next().await["error"].as_str().map(str::to_owned)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        error(subscribe(&id, "/create/a")).await,
        some("403:because:create_denied")
    );
    assert_eq!(
        error(subscribe(&id, "/subscribe/a")).await,
        some("403:because:subscribe_denied")
    );
    assert_eq!(
        error(publish(&id, "/publish/a", json!(1))).await,
        some("403:because:publish_denied")
    );
    assert_eq!(
        error(publish(&id, "/create/a", json!(1))).await,
        some("403:because:channel_create_denied")
    );
    let policy = "403:denied_by_security_policy:create_denied";
    assert_eq!(error(subscribe(&id, "/plain/a")).await, some(policy));
    assert_eq!(
        error(subscribe(&id, "/panics/a")).await,
        some("403:policy_failed:create_denied")
    );
    // Nothing of it wedged anything.
    assert_eq!(error(subscribe(&id, "/fine")).await, None);
    let all = json!({"channel": "/meta/subscribe", "clientId": id, "subscription": ["/other", "/subscribe/b"]});
    assert_eq!(error(all).await, some("403:because:subscribe_denied"));
    let subscriptions = site.bayeux.find(&id).unwrap().subscriptions();
    assert_eq!(subscriptions, [pattern("/fine")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_ignores_everything_closes_all_that_no_other_opens() {
    let site = Site::start(
        Bayeux::builder()
            .authorizer(pattern("/**"), |_, _| Authorization::Ignore)
            .authorizer(pattern("/chat/*"), |operation, _| match operation {
                Operation::Publish => Authorization::Deny("read_only".into()),
                _ => Authorization::Grant,
            }),
    )
    .await;
    let (mut ws, id) = site.ws_client().await;
    let mut error = async |message: Value| {
        ws.send(json!([message])).await;
        ws.next().await["error"].as_str().map(str::to_owned)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(error(subscribe(&id, "/chat/a")).await, None);
    assert_eq!(
        error(subscribe(&id, "/other")).await,
        some("403:denied_by_not_granting:create_denied")
    );
    assert_eq!(
        error(publish(&id, "/chat/a", json!(1))).await,
        some("403:read_only:publish_denied")
    );
    // A wider pattern does not lead around it.
    for wide in ["/chat/**", "/**", "/*"] {
        assert!(error(subscribe(&id, wide)).await.is_some(), "{wide}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_at_once_is_for_those_whom_somebody_let() {
    let closed = Site::start(Bayeux::builder()).await;
    let (mut ws, id) = closed.ws_client().await;
    ws.send(json!([subscribe(&id, "/**")])).await;
    assert_eq!(
        ws.next().await["error"],
        "403:denied_by_security_policy:subscribe_denied"
    );
    let open = Site::start(Bayeux::builder().on_subscribe(async |_| Ok(()))).await;
    let (mut ws, id) = open.ws_client().await;
    ws.subscribe(&id, "/**").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_like_a_meta_channel_is_refused() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let deny = move |_: Request| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Err(Denial::default()) }
    };
    let site = Site::start(
        Bayeux::builder()
            .on_subscribe(deny.clone())
            .on_create(deny.clone())
            .on_publish(deny),
    )
    .await;
    let (mut ws, id) = site.ws_client().await;
    let channels = [
        "/meta/subscribe/x",
        "/meta/subscribe/",
        "/meta//subscribe",
        "//meta/subscribe",
        "/meta/subscribe//",
        "/meta/subscribe\u{0}",
        "/meta/subscribe ",
        " /meta/subscribe",
        "/META/SUBSCRIBE",
        "/Meta/Subscribe",
        "/meta/Subscribe",
        "/meta/subscribe%2f",
        "/meta%2fsubscribe",
        "%2fmeta/subscribe",
        "/meta/subscribe?x",
        "/meta/subscribe#x",
        "/meta/subscribe;x",
        "/meta/subscribe\\",
        "\\meta\\subscribe",
        "/meta/./subscribe",
        "/meta/../meta/subscribe",
        "/meta/subscribe/*",
        "/meta/subscribe/**",
        "/meta/*",
        "/meta/**",
        "/meta",
        "/meta/",
        "/meta/subscrib",
        "/meta/subscribee",
        "/meta/ѕubscribe",
        "/meta/subscribe\u{200b}",
        "/meta/\u{ff53}ubscribe",
        "meta/subscribe",
        "/meta/publish",
        "/meta/handshake/",
        "/meta/handshake/x",
        "/meta/connect/x",
        "/meta/disconnect/x",
        "/meta/unsubscribe/x",
        "/service/../meta/subscribe",
        "/a/../meta/subscribe",
        "/",
        "",
        "*",
        "/meta/subscribe\n",
        "/meta/subscribe\t",
    ];
    assert!(channels.len() >= 40);
    for channel in channels {
        // As where to send to, as what to subscribe to, and as one of several.
        for message in [
            json!({"channel": channel, "clientId": id, "id": "1", "subscription": "/secret"}),
            json!({"channel": channel, "clientId": id, "id": "1", "data": 1}),
            subscribe(&id, channel),
            json!({"channel": "/meta/subscribe", "clientId": id, "id": "1",
                "subscription": ["/secret", channel]}),
        ] {
            ws.send(json!([message])).await;
            let answer = ws.next().await;
            // To subscribe to what is not broadcast is nothing.
            let is_nothing = message == subscribe(&id, "/service/../meta/subscribe");
            assert_eq!(answer["successful"], is_nothing, "{message}: {answer}");
        }
    }
    assert_eq!(site.bayeux.find(&id).unwrap().subscriptions(), []);
    assert_eq!(site.bayeux.channels(), []);
    assert!(asked.load(Ordering::Relaxed) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_change_messages_and_take_them_away() {
    let site = Site::start(
        Bayeux::builder()
            .listener(pattern("/chat/a"), async |_, data: Json| {
                (data != "drop".into()).then(|| format!("{}!", data.as_str().unwrap()).into())
            })
            .listener(pattern("/chat/**"), async |_, data: Json| {
                assert!(data != "panic".into(), "a secret");
                Some(format!("<{}>", data.as_str().unwrap()).into()).filter(|_| data != "no".into())
            }),
    )
    .await;
    let (mut ws, id) = site.ws_client().await;
    ws.subscribe(&id, "/chat/*").await;
    ws.send(json!([publish(&id, "/chat/a", json!("x"))])).await;
    // The widest came first.
    assert_eq!(ws.next().await["data"], "<x>!");
    assert_eq!(ws.next().await["successful"], true);
    for (channel, data) in [("/chat/a", "no"), ("/chat/b", "no"), ("/chat/a", "panic")] {
        ws.send(json!([publish(&id, channel, json!(data))])).await;
        assert_eq!(ws.next().await["error"], "404::message_deleted", "{data}");
    }
    ws.send(json!([publish(&id, "/chat/b", json!("y"))])).await;
    assert_eq!(ws.next().await["data"], "<y>");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_waits_holds_up_its_own_batch_alone() {
    let gate = Arc::new(Semaphore::new(0));
    let closed = Arc::clone(&gate);
    let site = Site::start(Bayeux::builder().options(patient()).on_publish(
        move |request: Request| {
            let gate = Arc::clone(&closed);
            async move {
                if request.channel() == "/slow" {
                    gate.acquire().await.unwrap().forget();
                }
                Ok(())
            }
        },
    ))
    .await;
    let (mut slow, slow_id) = site.ws_client().await;
    let (mut other, other_id) = site.ws_client().await;
    slow.subscribe(&slow_id, "/*").await;
    other.subscribe(&other_id, "/*").await;
    slow.send(json!([
        publish(&slow_id, "/slow", json!(1)),
        publish(&slow_id, "/fast", json!(2)),
    ]))
    .await;
    slow.send(json!([publish(&slow_id, "/fast", json!(3))]))
        .await;
    // Others go on meanwhile.
    other
        .send(json!([publish(&other_id, "/fast", json!(0))]))
        .await;
    assert_eq!(other.next().await["data"], 0);
    assert_eq!(other.next().await["successful"], true);
    gate.add_permits(1);
    // And its own messages keep their order.
    for n in 1..=3 {
        assert_eq!(other.next().await["data"], n);
    }
    let mut data = Vec::new();
    while data.len() < 4 {
        let message = soon(slow.next()).await;
        data.extend(message.get("data").cloned());
    }
    assert_eq!(json!(data), json!([0, 1, 2, 3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_its_users() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("htpasswd");
    let mut users = String::new();
    for user in ["eve", "bob"] {
        users = mirrorball_server::auth::with_password(&users, user, b"secret").unwrap();
    }
    std::fs::write(&file, users).unwrap();
    let builder = Bayeux::builder().on_publish(async |request: Request| {
        let principal = request.context().principal();
        match principal.map(mirrorball_server::auth::Principal::name) {
            Some("eve") => Ok(()),
            _ => Err("not_eve".into()),
        }
    });
    let site = Site::start_with(builder, |server| server.htpasswd_file(&file)).await;
    assert!(Ws::connect(site.address, &[]).await.is_err());
    let open = async |user: &str| {
        let pair = BASE64_STANDARD.encode(format!("{user}:secret"));
        let basic = format!("Basic {pair}");
        Ws::connect(site.address, &[("authorization", &basic)])
            .await
            .unwrap()
    };
    let (mut eve, mut bob) = (open("eve").await, open("bob").await);
    let (eves, bobs) = (eve.handshake().await, bob.handshake().await);
    eve.send(json!([publish(&eves, "/a", json!(1))])).await;
    assert_eq!(eve.next().await["successful"], true);
    bob.send(json!([publish(&bobs, "/a", json!(1))])).await;
    assert_eq!(bob.next().await["error"], "403:not_eve:publish_denied");
    // Who knows an id has it for nothing.
    let disconnect = json!({"channel": "/meta/disconnect", "clientId": eves, "id": "d"});
    for message in [
        publish(&eves, "/a", json!(1)),
        subscribe(&eves, "/a"),
        disconnect,
    ] {
        bob.send(json!([message])).await;
        assert_eq!(bob.next().await["error"], "402::session_unknown");
    }
    assert!(site.bayeux.find(&eves).is_some());
}
