//! The client with our server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::HeaderMap;
use mirrorball_client::{
    ConnectionError, Fingerprint, Tls, Value,
    bayeux::{
        AuthExtension, Binary, BoxError, Client, ConnectionType, Error, Event, Extension, Payload,
        Subscription,
    },
};
use mirrorball_server::bayeux::{
    self, BrokerOptions, Pattern,
    broker::{ChannelOptions, Transport},
};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::{
    EACH, client, json,
    site::{Proxy, Site, service},
    soon,
};

async fn connect(site: &Site, way: &ConnectionType) -> Client {
    let builder = client(site.url()).connection_types([way.clone()]);
    soon("open", builder.open()).await.unwrap()
}

async fn next(subscription: &mut Subscription) -> Value {
    let message = soon("a message", subscription.next()).await.unwrap();
    message.unwrap().data().clone()
}

async fn publish(client: &Client, channel: &str, data: &str) {
    soon("a reply", client.publish(channel, data))
        .await
        .unwrap();
}

#[tokio::test]
async fn what_one_publishes_others_hear() {
    for (own, other) in [(0, 1), (1, 0), (0, 0), (1, 1)] {
        let site = Site::start().await;
        let one = connect(&site, &EACH[own]).await;
        let two = connect(&site, &EACH[other]).await;
        let mut exact = one.subscribe("/chat/a").await.unwrap();
        let mut children = one.subscribe("/chat/*").await.unwrap();
        let mut all = one.subscribe("/chat/**").await.unwrap();
        publish(&two, "/chat/a", "one \u{1f600}").await;
        publish(&two, "/chat/a/b", "two").await;
        publish(&one, "/chat/c", "three").await;
        assert_eq!(next(&mut exact).await, "one \u{1f600}".into());
        for expected in ["one \u{1f600}", "three"] {
            assert_eq!(next(&mut children).await, expected.into());
        }
        for expected in ["one \u{1f600}", "two", "three"] {
            assert_eq!(next(&mut all).await, expected.into());
        }
        one.unsubscribe("/chat/a").await.unwrap();
        assert_eq!(soon("the end", exact.next()).await, None);
        soon("close", one.close()).await;
        soon("close", two.close()).await;
        assert!(site.bayeux.sessions().is_empty());
    }
}

#[tokio::test]
async fn the_server_refuses_what_it_has_to() {
    for way in &EACH {
        let site = Site::start().await;
        let client = connect(&site, way).await;
        let error = client.publish("/a/*", &1).await.unwrap_err();
        assert!(
            error.to_string().contains("405::channel_invalid"),
            "{error}"
        );
        let error = client.subscribe("/*/x").await.unwrap_err();
        assert!(
            error.to_string().contains("403::subscription_invalid"),
            "{error}"
        );
        let error = client.subscribe("/**").await.unwrap_err();
        assert!(matches!(error, Error::Server(_)), "{error}");
        assert!(client.subscriptions().is_empty());
        client.unsubscribe("/never").await.unwrap();
        client.subscribe("/service/x").await.unwrap();
        assert_eq!(client.subscriptions().len(), 1);
    }
}

#[tokio::test]
async fn a_batch_is_carried_out_in_order() {
    for way in &EACH {
        let site = Site::start().await;
        let client = connect(&site, way).await;
        let mut batch = client.batch();
        let subscribed = batch.subscribe("/a");
        let published = batch.publish("/a", "own");
        let unsubscribed = batch.unsubscribe("/a");
        batch.send().await.unwrap();
        let (subscription, published, unsubscribed) = soon("replies", async {
            tokio::join!(subscribed, published, unsubscribed)
        })
        .await;
        published.unwrap();
        unsubscribed.unwrap();
        let mut subscription = subscription.unwrap();
        assert_eq!(next(&mut subscription).await, "own".into());
        assert_eq!(soon("the end", subscription.next()).await, None);
    }
}

#[tokio::test]
async fn calls_are_answered_and_fail() {
    for way in &EACH {
        let site = Site::start().await;
        let client = connect(&site, way).await;
        let answer = soon("an answer", client.call("rpc/echo", &[1, 2]))
            .await
            .unwrap();
        assert_eq!(answer, json("[1,2]"));
        let typed: Vec<u8> = soon("an answer", client.call_as("rpc/echo", &[3]))
            .await
            .unwrap();
        assert_eq!(typed, [3]);
        let error = soon("an answer", client.call("rpc/fail", "why"))
            .await
            .unwrap_err();
        let Error::Server(error) = error else {
            panic!("{error:?}")
        };
        assert_eq!(error.response().unwrap().data(), &"why".into());
    }
}

#[tokio::test]
async fn bytes_go_through() {
    for way in &EACH {
        let site = Site::start().await;
        let client = connect(&site, way).await;
        let mut bytes = client.subscribe("/bytes").await.unwrap();
        let binary = Binary {
            bytes: (0..=255).collect(),
            is_last: true,
            meta: Value::Null,
        };
        soon("a reply", client.publish_binary("/bytes", &binary))
            .await
            .unwrap();
        let message = soon("a message", bytes.next()).await.unwrap().unwrap();
        assert_eq!(message.binary(), Some(Ok(binary)));
    }
}

#[tokio::test]
async fn a_connection_that_is_cut_is_made_again_and_acknowledged_messages_all_come() {
    for way in &EACH {
        let site = Site::start().await;
        let proxy = Proxy::start(site.address).await;
        let builder = client(format!("http://{}", proxy.address))
            .connection_types([way.clone()])
            .ack(true);
        let one = soon("open", builder.open()).await.unwrap();
        let two = connect(&site, &EACH[0]).await;
        let mut all = one.subscribe("/a").await.unwrap();
        for round in 0..20 {
            publish(&two, "/a", &format!("before {round}")).await;
            proxy.cut();
            publish(&two, "/a", &format!("after {round}")).await;
        }
        for round in 0..20 {
            assert_eq!(next(&mut all).await, format!("before {round}").into());
            assert_eq!(next(&mut all).await, format!("after {round}").into());
        }
        assert!(!one.is_closed());
    }
}

#[tokio::test]
async fn without_acknowledgements_a_connection_that_is_cut_is_told_as_a_gap() {
    for way in &EACH {
        let site = Site::start().await;
        let proxy = Proxy::start(site.address).await;
        let builder = client(format!("http://{}", proxy.address)).connection_types([way.clone()]);
        let one = soon("open", builder.open()).await.unwrap();
        let mut all = one.subscribe("/a").await.unwrap();
        let mut events = one.events();
        publish(&one, "/a", "before").await;
        assert_eq!(next(&mut all).await, "before".into());
        proxy.cut();
        assert_eq!(soon("a gap", events.next()).await, Some(Event::Gap));
        publish(&one, "/a", "after").await;
        assert_eq!(next(&mut all).await, "after".into());
    }
}

#[tokio::test]
async fn a_server_that_is_killed_and_started_again_is_found_with_all_subscriptions() {
    for way in &EACH {
        let site = Site::start().await;
        let port = site.address.port();
        let one = connect(&site, way).await;
        let mut taken = one.subscribe("/a").await.unwrap();
        drop(one.subscribe("/b/*").await.unwrap());
        let mut events = one.events();
        drop(site);
        let site = Site::serve(service(), port).await;
        soon("a new session", async {
            while events.next().await.unwrap() != Event::SessionLost {}
        })
        .await;
        let two = connect(&site, &EACH[0]).await;
        publish(&two, "/a", "again").await;
        publish(&two, "/b/c", "too").await;
        assert_eq!(next(&mut taken).await, "again".into());
        let message = soon("a message", one.receive()).await.unwrap();
        assert_eq!(message.data(), &"too".into());
        assert_eq!(one.subscriptions().len(), 2);
    }
}

#[tokio::test]
async fn a_session_that_the_server_ends_is_over() {
    for way in &EACH {
        let mut options = BrokerOptions::default();
        options.detailed_events = true;
        let site = Site::with(options).await;
        let mut held = site.bayeux.events();
        let client = connect(&site, way).await;
        soon("a connect that is held", async {
            while !matches!(held.next().await.unwrap(), bayeux::Event::Suspended(_)) {}
        })
        .await;
        let before = client.client_id().unwrap();
        site.bayeux.find(&before).unwrap().disconnect();
        let end = soon("the end", client.closed()).await;
        assert!(matches!(end, Some(Error::Server(_))), "{end:?}");
        soon("open", client.open()).await.unwrap();
        assert_ne!(client.client_id().unwrap(), before);
    }
}

#[tokio::test]
async fn without_sockets_at_the_server_long_polling_takes_their_place() {
    let builder = service().transports([Transport::LongPolling]);
    let site = Site::serve(builder, 0).await;
    let client = soon("open", client(site.url()).open()).await.unwrap();
    assert_eq!(client.connection_type(), Some(ConnectionType::LongPolling));
    let mut all = client.subscribe("/a").await.unwrap();
    publish(&client, "/a", "own").await;
    assert_eq!(next(&mut all).await, "own".into());
}

/// Has the right password at the second try.
#[derive(Default)]
struct Password(AtomicBool);

impl Extension for Password {
    async fn outgoing(&self, payload: &mut Payload, _: &mut HeaderMap) {
        let word = if self.0.load(Ordering::SeqCst) {
            "open sesame"
        } else {
            "let me in"
        };
        for message in payload {
            if let Value::Object(message) = message {
                message.insert("ext", json(&format!(r#"{{"door":"{word}"}}"#)));
            }
        }
    }
}

impl AuthExtension for Password {
    async fn authenticate(&self) -> Result<(), BoxError> {
        self.0.store(true, Ordering::SeqCst);
        Ok(())
    }
}

#[tokio::test]
async fn who_is_refused_for_its_credentials_finds_others() {
    for way in &EACH {
        let builder = service().on_handshake(|request| async move {
            match request.ext("door") {
                Some(word) if word == "open sesame".into() => Ok(()),
                _ => Err("unknown_word".into()),
            }
        });
        let site = Site::serve(builder, 0).await;
        let refused = client(site.url()).connection_types([way.clone()]);
        let error = soon("no", refused.open()).await.unwrap_err();
        let Error::Server(error) = error else {
            panic!("{error:?}")
        };
        assert_eq!(error.error_code(), Some(403));
        let builder = client(site.url())
            .connection_types([way.clone()])
            .auth(Arc::new(Password::default()));
        soon("open", builder.open()).await.unwrap();
    }
}

#[tokio::test]
async fn connections_are_encrypted_and_servers_known() {
    for way in &EACH {
        let site = Site::start().await;
        let (proxy, pem) = Proxy::tls(site.address).await;
        let url = format!("https://localhost:{}/cometd", proxy.address.port());
        let builder = |tls| client(&url).connection_types([way.clone()]).tls(tls);
        let error = soon("no trust", builder(Tls::default()).open())
            .await
            .unwrap_err();
        assert!(
            matches!(error, Error::Connection(ConnectionError::Tls(_))),
            "{error:?}"
        );
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        for tls in [
            Tls::default().roots(pem.as_bytes()).unwrap(),
            Tls::default().fingerprint(Fingerprint::of(&der)),
            Tls::default().danger_accept_any_certificate(),
        ] {
            let client = soon("open", builder(tls).open()).await.unwrap();
            let mut all = client.subscribe("/a").await.unwrap();
            publish(&client, "/a", "secret").await;
            assert_eq!(next(&mut all).await, "secret".into());
        }
    }
}

#[tokio::test]
async fn long_polling_makes_do_with_two_connections() {
    let site = Site::start().await;
    let proxy = Proxy::start(site.address).await;
    let builder =
        client(format!("http://{}", proxy.address)).connection_types([ConnectionType::LongPolling]);
    let client = soon("open", builder.open()).await.unwrap();
    let mut all = client.subscribe("/a").await.unwrap();
    for number in 0..20 {
        publish(&client, "/a", &number.to_string()).await;
        assert_eq!(next(&mut all).await, number.to_string().into());
    }
    assert_eq!(proxy.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_sent_no_more_and_loses_nothing() {
    let site = Site::start().await;
    let builder = client(site.url())
        .connection_types([ConnectionType::LongPolling])
        .max_pending_count(5);
    let one = soon("open", builder.open()).await.unwrap();
    let two = connect(&site, &EACH[0]).await;
    let mut all = one.subscribe("/a").await.unwrap();
    for number in 0..100 {
        publish(&two, "/a", &number.to_string()).await;
    }
    // Its own requests are answered.
    publish(&one, "/b", "own").await;
    for number in 0..100 {
        assert_eq!(next(&mut all).await, number.to_string().into());
    }
}

#[tokio::test]
async fn subscriptions_go_on_after_the_last_message_that_was_seen() {
    let replayed = || {
        let mut channels = ChannelOptions::default();
        channels.replay = 100;
        service().channel(Pattern::parse("/log/*").unwrap(), channels)
    };
    for way in &EACH {
        let site = Site::serve(replayed(), 0).await;
        let writer = connect(&site, &EACH[0]).await;
        for word in ["one", "two"] {
            publish(&writer, "/log/a", word).await;
        }
        let builder = client(site.url())
            .connection_types([way.clone()])
            .replay(mirrorball_client::bayeux::Replay::default());
        let reader = soon("open", builder.open()).await.unwrap();
        let options = mirrorball_client::bayeux::Options::default().replay(-2);
        let mut all = soon("a reply", reader.subscribe_with("/log/a", &options))
            .await
            .unwrap();
        for word in ["one", "two"] {
            assert_eq!(next(&mut all).await, word.into());
        }
    }
}

#[tokio::test]
async fn the_servers_time_is_known() {
    for way in &EACH {
        let site = Site::with(BrokerOptions::default()).await;
        let builder = client(site.url())
            .connection_types([way.clone()])
            .timesync(true);
        let client = soon("open", builder.open()).await.unwrap();
        let time = client.server_time();
        assert!(time.offset.abs() < 60_000 && time.lag < 60_000, "{time:?}");
        let idle = Duration::ZERO;
        assert!(tokio::time::timeout(idle, client.receive()).await.is_err());
    }
}
