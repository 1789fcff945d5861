//! What an application adds to a client: extensions, credentials, headers, JSON, transports.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use http::{HeaderMap, HeaderValue};
use mirrorball_client::{
    ConnectionError, Value,
    bayeux::{
        AuthExtension, BoxError, Codec, ConnectionType, Error, ErrorKind, Event, Extension,
        Payload, Transport, Wire,
    },
};
use serde_json::json;

use crate::{
    EACH, client, open_with,
    scripted::{Scripted, reply},
    soon,
};

type Log = Arc<Mutex<Vec<String>>>;

/// Notes what it sees.
struct Noting {
    name: &'static str,
    log: Log,
}

impl Noting {
    fn note(&self, what: &str, payload: &Payload) {
        let channel = payload
            .first()
            .map_or("nothing", |it| it.get("channel").unwrap().as_str().unwrap());
        self.log
            .lock()
            .unwrap()
            .push(format!("{} {what} {channel}", self.name));
    }
}

impl Extension for Noting {
    async fn outgoing(&self, payload: &mut Payload, headers: &mut HeaderMap) {
        tokio::task::yield_now().await;
        self.note("out", payload);
        headers.append("x-seen", HeaderValue::from_static(self.name));
        for message in payload {
            if let Value::Object(message) = message {
                message.insert(self.name, true.into());
            }
        }
    }

    async fn incoming(&self, payload: &mut Payload, headers: Option<&HeaderMap>) {
        tokio::task::yield_now().await;
        let from = if headers.is_some() {
            "in by request"
        } else {
            "in"
        };
        self.note(from, payload);
    }
}

impl AuthExtension for Noting {}

#[tokio::test]
async fn extensions_see_everything_in_their_order() {
    for way in EACH {
        let log = Log::default();
        let noting = |name| Noting {
            name,
            log: Arc::clone(&log),
        };
        let mut server = Scripted::start().await;
        let builder = client(server.url())
            .connection_types([way.clone()])
            .extension(noting("one"))
            .extension(Arc::new(noting("two")))
            .auth(noting("auth"));
        let opening = tokio::spawn(builder.open());
        let call = server.expect("/meta/handshake").await;
        let seen: Vec<_> = call.headers.get_all("x-seen").iter().collect();
        assert_eq!(seen, ["one", "two", "auth"]);
        for name in ["one", "two", "auth"] {
            assert_eq!(call.messages[0][name], true);
        }
        call.accept();
        server.expect("/meta/connect").await.accept();
        let _client = soon("open", opening).await.unwrap().unwrap();
        let log = log.lock().unwrap();
        let mut expected = Vec::new();
        if way == ConnectionType::WebSocket {
            expected.extend(["one out nothing", "two out nothing", "auth out nothing"]);
        }
        expected.extend([
            "one out /meta/handshake",
            "two out /meta/handshake",
            "auth out /meta/handshake",
        ]);
        assert!(
            log.iter()
                .map(String::as_str)
                .take(expected.len())
                .eq(expected.iter().copied()),
            "{log:?}"
        );
        let from = if way == ConnectionType::WebSocket {
            "in"
        } else {
            "in by request"
        };
        let back: Vec<String> = ["auth", "one", "two"]
            .iter()
            .map(|it| format!("{it} {from} /meta/handshake"))
            .collect();
        assert_eq!(log[expected.len()..][..3], back, "{log:?}");
    }
}

/// Takes out what it does not like.
struct Deaf;

impl Extension for Deaf {
    async fn outgoing(&self, payload: &mut Payload, _: &mut HeaderMap) {
        payload.retain(|it| it.get("channel") != Some(&"/never".into()));
    }

    async fn incoming(&self, payload: &mut Payload, _: Option<&HeaderMap>) {
        payload.retain(|it| it.get("data") != Some(&"unheard".into()));
    }
}

#[tokio::test]
async fn an_extension_may_take_messages_out() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let builder = client(server.url())
            .connection_types([way])
            .request_timeout(Some(std::time::Duration::from_millis(50)))
            .extension(Deaf);
        let (client, held) = open_with(&mut server, builder).await;
        let error = soon("the end", client.publish("/never", &1))
            .await
            .unwrap_err();
        assert_eq!(error, Error::TimedOut);
        let messages =
            json!([{ "channel": "/a", "data": "unheard" }, { "channel": "/a", "data": 1 }]);
        if held.is_request() {
            let mut messages = messages.as_array().unwrap().clone();
            messages.push(reply(&held.messages[0], &json!({})));
            held.answer(messages);
        } else {
            held.line()
                .push(json!([{ "channel": "/a", "data": "unheard" }]));
            held.line().push(messages);
        }
        let message = soon("a message", client.receive()).await.unwrap();
        assert_eq!(message.data(), &1.into());
    }
}

/// Has another token each time it is asked.
#[derive(Default)]
struct Tokens {
    renewed: AtomicU32,
    fails: bool,
}

impl Extension for Tokens {
    async fn outgoing(&self, payload: &mut Payload, headers: &mut HeaderMap) {
        let token = self.renewed.load(Ordering::SeqCst);
        headers.insert("x-token", token.into());
        for message in payload {
            if let Value::Object(message) = message {
                message.insert("token", token.into());
            }
        }
    }
}

impl AuthExtension for Tokens {
    async fn authenticate(&self) -> Result<(), BoxError> {
        tokio::task::yield_now().await;
        self.renewed.fetch_add(1, Ordering::SeqCst);
        if self.fails {
            Err("no token".into())
        } else {
            Ok(())
        }
    }
}

#[tokio::test]
async fn what_is_refused_for_its_credentials_is_sent_once_more_with_others() {
    for way in EACH {
        let tokens = Arc::new(Tokens::default());
        let mut server = Scripted::start().await;
        let builder = client(server.url())
            .connection_types([way])
            .auth(Arc::clone(&tokens));
        let opening = tokio::spawn(builder.open());
        for (channel, error) in [("/meta/handshake", "401::x"), ("/meta/connect", "403::y")] {
            let before = tokens.renewed.load(Ordering::SeqCst);
            let call = server.expect(channel).await;
            assert_eq!(call.messages[0]["token"], before);
            let id = call.messages[0]["id"].clone();
            call.refuse(error);
            let call = server.expect(channel).await;
            assert_eq!(call.messages[0]["token"], before + 1);
            assert_ne!(call.messages[0]["id"], id);
            call.accept();
        }
        let client = soon("open", opening).await.unwrap().unwrap();
        let _held = server.expect("/meta/connect").await;

        let answer = async {
            server.expect("/a").await.refuse("401::x");
            server.expect("/a").await.accept();
        };
        let (published, ()) = tokio::join!(soon("a reply", client.publish("/a", &1)), answer);
        assert!(published.is_ok(), "{published:?}");

        // The second refusal is the last word.
        let answer = async {
            for _ in 0..2 {
                server.expect("/meta/subscribe").await.refuse("403::x");
            }
            server.expect("/b").await.refuse("404::x");
        };
        let asked = async {
            let error = client.subscribe("/a").await.unwrap_err();
            assert!(error.to_string().contains("403::x"), "{error}");
            client.publish("/b", &1).await.unwrap_err()
        };
        let (error, ()) = tokio::join!(soon("refusals", asked), answer);
        assert!(error.to_string().contains("404::x"), "{error}");
        assert_eq!(tokens.renewed.load(Ordering::SeqCst), 4);
    }
}

#[tokio::test]
async fn http_may_refuse_credentials_too() {
    let mut server = Scripted::start().await;
    let builder = client(server.url())
        .connection_types([ConnectionType::LongPolling])
        .auth(Tokens::default());
    let opening = tokio::spawn(builder.open());
    for channel in ["/meta/handshake", "/meta/connect"] {
        let call = server.expect(channel).await;
        let token: u32 = call.headers["x-token"].to_str().unwrap().parse().unwrap();
        call.answer_text(401, "who are you?");
        let call = server.expect(channel).await;
        assert_eq!(call.headers["x-token"], (token + 1).to_string());
        call.accept();
    }
    let client = soon("open", opening).await.unwrap().unwrap();
    let _held = server.expect("/meta/connect").await;
    let answer = async {
        server.expect("/a").await.answer_text(403, "not you");
        server.expect("/a").await.answer_text(403, "not you either");
    };
    let (published, ()) = tokio::join!(soon("a reply", client.publish("/a", &1)), answer);
    assert_eq!(published.unwrap_err().kind(), ErrorKind::Server);
}

#[tokio::test]
async fn without_other_credentials_a_refusal_stays_one() {
    let mut server = Scripted::start().await;
    let tokens = Tokens {
        fails: true,
        ..Tokens::default()
    };
    let builder = client(server.url())
        .connection_types([ConnectionType::WebSocket])
        .auth(tokens);
    let (client, _held) = open_with(&mut server, builder).await;
    let mut events = client.events();
    let answer = async { server.expect("/a").await.refuse("401::x") };
    let (published, ()) = tokio::join!(soon("a reply", client.publish("/a", &1)), answer);
    assert!(matches!(published, Err(Error::Server(_))), "{published:?}");
    let event = soon("an event", events.next()).await;
    assert_eq!(event, Some(Event::NotAuthenticated("no token".to_owned())));
}

#[tokio::test]
async fn headers_are_asked_for_with_each_request() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let count = Arc::new(AtomicU32::new(0));
        let builder = client(server.url())
            .connection_types([way.clone()])
            .headers(move || {
                let count = Arc::clone(&count);
                async move {
                    let mut headers = HeaderMap::new();
                    headers.insert("x-count", count.fetch_add(1, Ordering::SeqCst).into());
                    Ok::<_, BoxError>(headers)
                }
            });
        let opening = tokio::spawn(builder.open());
        let call = server.expect("/meta/handshake").await;
        assert_eq!(call.headers["x-count"], "0");
        call.accept();
        let call = server.expect("/meta/connect").await;
        let expected = if way == ConnectionType::LongPolling {
            "1"
        } else {
            "0"
        };
        assert_eq!(call.headers["x-count"], expected);
        call.accept();
        let _client = soon("open", opening).await.unwrap().unwrap();
    }
    let server = Scripted::start().await;
    let builder =
        client(server.url()).headers(async || Err::<HeaderMap, BoxError>("no token".into()));
    let error = soon("no headers", builder.open()).await.unwrap_err();
    assert_eq!(
        error,
        Error::Connection(ConnectionError::Application("no token".to_owned()))
    );
}

#[tokio::test]
async fn handshakes_say_what_the_application_wants() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let builder = client(server.url())
            .connection_types([way])
            .handshake_ext(crate::json(r#"{"token":1}"#));
        let opening = tokio::spawn(builder.open());
        let call = server.expect("/meta/handshake").await;
        assert_eq!(call.messages[0]["ext"]["token"], 1);
        call.accept();
        server.expect("/meta/connect").await.accept();
        let client = soon("open", opening).await.unwrap().unwrap();
        let held = server.expect("/meta/connect").await;
        client
            .set_handshake_ext(Some(crate::json(r#"{"token":2}"#)))
            .await;
        held.accept_with(&json!({ "successful": false, "error": "402::x", "advice": { "reconnect": "handshake" } }));
        let call = server.expect("/meta/handshake").await;
        assert_eq!(call.messages[0]["ext"]["token"], 2);
    }
}

/// JSON with something before it.
struct Odd;

impl Codec for Odd {
    fn encode(&self, payload: &Value) -> Result<String, BoxError> {
        Ok(format!("\n{}", payload.to_text()))
    }

    fn decode(&self, text: &str) -> Result<Value, BoxError> {
        let text = text.replace("1e999", "0");
        Ok(serde_json::from_str(&text)?)
    }
}

#[tokio::test]
async fn json_is_read_and_written_as_the_application_wants() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let builder = client(server.url()).connection_types([way]).codec(Odd);
        let (client, held) = open_with(&mut server, builder).await;
        if held.is_request() {
            let text = serde_json::to_string(&reply(&held.messages[0], &json!({}))).unwrap();
            held.answer_text(200, &format!(r#"[{{"channel":"/a","data":1e999}},{text}]"#));
        } else {
            held.line().send(r#"[{"channel":"/a","data":1e999}]"#);
        }
        let message = soon("a message", client.receive()).await.unwrap();
        assert_eq!(message.data(), &0.into());
    }
}

/// A server within the process.
struct Echo;

impl Transport for Echo {
    fn connection_type(&self) -> &str {
        "echo"
    }

    async fn run(self: Arc<Self>, mut wire: Wire) -> ConnectionError {
        let mut held = None;
        while let Some(payload) = wire.next().await {
            assert_eq!(payload.headers["x-token"], "0");
            let messages: Vec<serde_json::Value> = serde_json::from_str(&payload.text).unwrap();
            if payload.is_connect && messages[0].get("advice").is_none() {
                held = Some(messages);
                continue;
            }
            let more = json!({ "supportedConnectionTypes": ["echo"] });
            let answer: Vec<_> = messages
                .iter()
                .map(|it| {
                    if it["channel"] == "/meta/handshake" {
                        reply(it, &more)
                    } else {
                        reply(it, &json!({}))
                    }
                })
                .collect();
            wire.deliver(json!(answer).to_string(), None).await;
            if messages[0]["channel"] == "/end" {
                break;
            }
        }
        drop(held);
        ConnectionError::Closed {
            code: 4999,
            reason: "enough".to_owned(),
        }
    }
}

#[tokio::test]
async fn an_application_may_bring_its_own_transport() {
    let builder = client("http://nowhere.invalid/")
        .transport(Echo)
        .auth(Tokens::default());
    let client = soon("open", builder.open()).await.unwrap();
    assert_eq!(
        client.connection_type(),
        Some(ConnectionType::Other("echo".into()))
    );
    for number in 0..100 {
        soon("a reply", client.publish("/a", &number))
            .await
            .unwrap();
    }
    let mut statuses = client.statuses();
    soon("a reply", client.publish("/end", &1)).await.unwrap();
    soon("its end", async {
        let expected = Some(ConnectionError::Closed {
            code: 4999,
            reason: "enough".to_owned(),
        });
        while statuses.next().await.unwrap().last_error != expected {}
    })
    .await;
    soon("a reply over the next one", client.publish("/a", &1))
        .await
        .unwrap();
    soon("close", client.close()).await;

    let unknown = [ConnectionType::Other("pigeon".into())];
    let error = crate::client("a")
        .connection_types(unknown)
        .build()
        .unwrap_err();
    assert_eq!(error, Error::NoTransport("pigeon".to_owned()));
    assert_eq!(error.kind(), ErrorKind::TransportInvalidOperation);
}
