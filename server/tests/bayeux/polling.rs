//! Over long-polling.

use mirrorball_server::{Bayeux, Value as Json, bayeux::Event};
use serde_json::json;

use crate::site::{Http, Site, connect, handshake, patient, publish, soon, subscribe};

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_is_held_until_there_is_a_message() {
    let site = Site::start(Bayeux::builder().options(patient())).await;
    let (mut http, id) = site.http_client().await;
    let answer = http.post(json!([subscribe(&id, "/chat/**")])).await;
    assert_eq!(
        answer,
        [
            json!({"channel": "/meta/subscribe", "id": "s", "successful": true, "subscription": "/chat/**"})
        ]
    );
    http.begin(json!([connect(&id, "c1")])).await;
    let (mut other, other_id) = site.http_client().await;
    let answer = other
        .post(json!([publish(&other_id, "/chat/a/b", json!([1]))]))
        .await;
    assert_eq!(
        answer,
        [json!({"channel": "/chat/a/b", "id": "p", "successful": true})]
    );
    let answer = http.answer().await;
    assert_eq!(
        answer.header("content-type"),
        Some("application/json;charset=utf-8")
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let messages = answer.messages();
    assert_eq!(messages[0], json!({"channel": "/chat/a/b", "data": [1]}));
    assert_eq!(messages[1]["channel"], "/meta/connect");
    assert_eq!(messages[1]["id"], "c1");
    // Own messages come with the reply.
    let messages = http.post(json!([publish(&id, "/chat/x", json!(2))])).await;
    assert_eq!(messages[0], json!({"channel": "/chat/x", "data": 2}));
    assert_eq!(messages[1]["id"], "p");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_request_loses_nothing() {
    let mut options = patient();
    options.detailed_events = true;
    let site = Site::start(Bayeux::builder().options(options)).await;
    let (mut http, id) = site.http_client().await;
    http.post(json!([subscribe(&id, "/chat/a")])).await;
    let mut events = site.bayeux.events();
    for round in 0..10 {
        let mut held = http.twin().await;
        held.begin(json!([connect(&id, "held")])).await;
        while !matches!(soon(events.next()).await, Some(Event::Suspended(_))) {}
        drop(held);
        while !matches!(soon(events.next()).await, Some(Event::Detached(_))) {}
        site.bayeux.publish("/chat/a", &Json::from(round)).unwrap();
        let messages = http.post(json!([connect(&id, "again")])).await;
        assert_eq!(messages[0], json!({"channel": "/chat/a", "data": round}));
        assert_eq!(messages.len(), 2, "{messages:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_connects_stays() {
    let mut options = patient();
    options.detailed_events = true;
    let site = Site::start(Bayeux::builder().options(options)).await;
    let (mut http, id) = site.http_client().await;
    http.post(json!([subscribe(&id, "/chat/a")])).await;
    let mut events = site.bayeux.events();
    let mut first = http.twin().await;
    first.begin(json!([connect(&id, "c1")])).await;
    while !matches!(soon(events.next()).await, Some(Event::Suspended(_))) {}
    let mut second = http.twin().await;
    second.begin(json!([connect(&id, "c2")])).await;
    let answer = first.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (500, ""));
    site.bayeux.publish("/chat/a", &Json::from(1)).unwrap();
    let messages = second.answer().await.messages();
    assert_eq!(
        (&messages[0]["data"], &messages[1]["id"]),
        (&json!(1), &json!("c2"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_its_browsers() {
    let site = Site::start(Bayeux::builder().options(patient())).await;
    let mut http = site.http().await;
    let json = [("Content-Type", "application/json")];
    let body = json!([handshake()]).to_string();
    let answer = http
        .request("POST", "/cometd/handshake", &json, &body)
        .await;
    let cookie = answer.header("set-cookie").unwrap().to_owned();
    assert!(cookie.starts_with("BAYEUX_BROWSER="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly"), "{cookie}");
    let id = answer.messages()[0]["clientId"]
        .as_str()
        .unwrap()
        .to_owned();
    let unknown = |messages: &[serde_json::Value]| {
        messages
            .iter()
            .all(|it| it["error"] == "402::session_unknown")
    };
    // Without the cookie, and with another's; also the second message of a batch.
    let mut thief = site.http().await;
    assert!(unknown(&thief.post(json!([connect(&id, "c1")])).await));
    let both = thief
        .post(json!([publish(&id, "/a", json!(1)), subscribe(&id, "/a")]))
        .await;
    assert!(both.len() == 2 && unknown(&both));
    let (mut other, _) = site.http_client().await;
    assert!(unknown(&other.post(json!([connect(&id, "c1")])).await));
    let stolen = other
        .post(json!([{"channel": "/meta/disconnect", "clientId": id, "id": "d"}]))
        .await;
    assert!(unknown(&stolen));
    // Its own goes on; a second session of the browser keeps the cookie.
    assert_eq!(
        http.post(json!([connect(&id, "c2")])).await[0]["successful"],
        true
    );
    let answer = http.request("POST", "/cometd/", &json, &body).await;
    assert_eq!(answer.header("set-cookie"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_arrays_objects_and_forms_and_all_else_is_refused() {
    let site = Site::start(Bayeux::builder().max_message_bytes(10_000)).await;
    let mut http = site.http().await;
    let form = [(
        "Content-Type",
        "application/x-www-form-urlencoded; charset=utf-8",
    )];
    let text = [("Content-Type", "text/plain")];
    let message = handshake().to_string();
    let encoded = message
        .replace('"', "%22")
        .replace('{', "%7B")
        .replace(' ', "+");
    for (headers, body) in [
        (&text[..], format!("[{message}]")),
        (&text, message.clone()),
        (&[], message.clone()),
        (&form, format!("message={encoded}")),
        (&form, format!("x=1&message=[{encoded}]")),
    ] {
        let answer = http
            .request("POST", "/cometd/anything/below", headers, &body)
            .await;
        assert_eq!(answer.messages()[0]["successful"], true, "{body}");
    }
    let two = format!("message={encoded}&message=[{encoded},{encoded}]");
    assert_eq!(
        http.request("POST", "/cometd", &form, &two)
            .await
            .messages()
            .len(),
        3
    );
    for (headers, body, status) in [
        (&text[..], "[", 400),
        (&text, "", 400),
        (&text, "[]", 400),
        (&text, "7", 400),
        (&text, "[7]", 400),
        (&form, "", 400),
        (&form, "message=", 400),
        (&form, "message=%ff", 400),
    ] {
        let answer = http.request("POST", "/cometd", headers, body).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(!answer.body.is_empty());
    }
    let many = json!(vec![json!({"channel": "/a"}); 65]).to_string();
    assert_eq!(
        http.request("POST", "/cometd", &text, &many).await.status,
        413
    );
    let long = " ".repeat(10_001);
    assert_eq!(
        site.http()
            .await
            .request("POST", "/cometd", &text, &long)
            .await
            .status,
        413
    );
    assert_eq!(
        site.http()
            .await
            .request("PUT", "/cometd", &text, "[]")
            .await
            .status,
        405
    );
    assert_eq!(
        site.http()
            .await
            .request("GET", "/cometd?jsonp=f&message=[]", &[], "")
            .await
            .status,
        426
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_pages_of_other_sites_read_answers() {
    let mut origins = mirrorball_server::origin::Origins::default();
    origins.add("https://app.example".parse().unwrap());
    let site = Site::start(Bayeux::builder().origins(origins).cors_headers(["X-Token"])).await;
    let mut http = site.http().await;
    let listed = ("Origin", "https://app.example");
    let asks = ("Access-Control-Request-Method", "POST");
    let answer = http
        .request("OPTIONS", "/cometd", &[listed, asks], "")
        .await;
    assert_eq!(answer.status, 204);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://app.example")
    );
    assert_eq!(
        answer.header("access-control-allow-credentials"),
        Some("true")
    );
    assert!(
        answer
            .header("access-control-allow-headers")
            .unwrap()
            .contains("X-Token")
    );
    assert_eq!(answer.header("vary"), Some("Origin"));
    let body = json!([handshake()]).to_string();
    let answer = http.request("POST", "/cometd", &[listed], &body).await;
    assert_eq!(answer.messages()[0]["successful"], true);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("https://app.example")
    );
    assert_eq!(
        answer.header("access-control-allow-credentials"),
        Some("true")
    );
    // Without an origin there is nothing to allow, and caches are told so.
    let answer = http.request("POST", "/cometd", &[], &body).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(answer.header("vary"), Some("Origin"));
    for origin in [
        "https://evil.example",
        "null",
        "https://app.example.evil.example",
        "*",
    ] {
        for method in ["OPTIONS", "POST"] {
            let mut http = site.http().await;
            let answer = http
                .request(method, "/cometd", &[("Origin", origin)], &body)
                .await;
            assert_eq!(answer.status, 403, "{origin}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
    }
    assert!(site.bayeux.sessions().len() == 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn callback_polling_is_a_script_where_it_is_on() {
    use mirrorball_server::bayeux::broker::Transport;
    let all = [
        Transport::WebSocket,
        Transport::LongPolling,
        Transport::CallbackPolling,
    ];
    let site = Site::start(Bayeux::builder().transports(all).options(patient())).await;
    let mut http = site.http().await;
    let get = async |http: &mut Http, callback: &str, messages: &serde_json::Value| {
        let encoded: String = messages
            .to_string()
            .bytes()
            .map(|byte| format!("%{byte:02x}"))
            .collect();
        let path = format!("/cometd?jsonp={callback}&message={encoded}");
        http.request("GET", &path, &[], "").await
    };
    let answer = get(&mut http, "a.b", &json!([handshake()])).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/javascript;charset=utf-8")
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(
        answer
            .header("content-disposition")
            .unwrap()
            .starts_with("attachment")
    );
    let inner = answer
        .body
        .strip_prefix("/**/a.b(")
        .unwrap()
        .strip_suffix(");")
        .unwrap();
    let messages: serde_json::Value = serde_json::from_str(inner).unwrap();
    assert_eq!(messages[0]["successful"], true);
    for bad in ["alert(1)", "a%0ab", "", "1"] {
        assert_eq!(
            get(&mut http, bad, &json!([handshake()])).await.status,
            400,
            "{bad}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_holds_one_connect_and_its_other_sessions_poll() {
    let mut options = patient();
    options.max_sessions_per_browser = Some(1);
    options.detailed_events = true;
    let site = Site::start(Bayeux::builder().options(options)).await;
    let mut events = site.bayeux.events();
    let (mut one, id_one) = site.http_client().await;
    let mut two = one.twin().await;
    let id_two = two.handshake().await;
    one.begin(json!([connect(&id_one, "c1")])).await;
    while !matches!(soon(events.next()).await, Some(Event::Suspended(_))) {}
    let answer = two.post(json!([connect(&id_two, "c1")])).await;
    assert_eq!(answer[0]["successful"], true);
    assert_eq!(answer[0]["advice"]["multiple-clients"], true);
    assert_eq!(answer[0]["advice"]["interval"], 2_000);
    // Another browser holds its own.
    let (mut other, other_id) = site.http_client().await;
    other.begin(json!([connect(&other_id, "c1")])).await;
    while !matches!(soon(events.next()).await, Some(Event::Suspended(_))) {}
}
