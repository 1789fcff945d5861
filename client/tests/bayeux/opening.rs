//! How a client opens and closes.

use std::time::Duration;

use mirrorball_client::{
    ConnectionError,
    bayeux::{ConnectionType, Error, ErrorKind, State},
};
use serde_json::json;

use crate::{
    EACH, client, open, open_with,
    scripted::{Scripted, Takes, reply},
    soon,
};

#[tokio::test]
async fn a_client_opens_and_closes_as_often_as_one_likes() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let client = client(server.url())
            .connection_types([way.clone()])
            .build()
            .unwrap();
        assert!(client.is_closed());
        assert_eq!(client.connection_type(), None);
        for _ in 0..3 {
            let (opened, held) = tokio::join!(soon("open", client.open()), server.open());
            assert_eq!(opened, Ok(()));
            assert!(!client.is_closed());
            assert_eq!(client.connection_type(), Some(way.clone()));
            assert_eq!(client.client_id().as_deref(), Some("one"));
            assert_eq!(client.open().await, Err(Error::Open));
            tokio::join!(soon("close", client.close()), server.close(held));
            assert!(client.is_closed());
            assert_eq!(client.status().state, State::Disconnected);
            soon("nothing", client.close()).await;
        }
    }
}

#[tokio::test]
async fn a_handshake_names_the_types_in_order_and_the_first_connect_does_not_wait() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let other = EACH.into_iter().find(|it| *it != way).unwrap();
        let builder = client(server.url()).connection_types([way.clone(), other.clone()]);
        let opening = tokio::spawn(builder.open());
        let call = server.expect("/meta/handshake").await;
        assert_eq!(call.is_request(), way == ConnectionType::LongPolling);
        let message = &call.messages[0];
        assert_eq!(message["version"], "1.0");
        assert_eq!(message["minimumVersion"], "1.0");
        assert_eq!(
            message["supportedConnectionTypes"],
            json!([way.name(), other.name()])
        );
        assert!(message["id"].is_string());
        assert!(message.get("clientId").is_none());
        call.accept();
        let call = server.expect("/meta/connect").await;
        assert_eq!(call.messages[0]["connectionType"], way.name());
        assert_eq!(call.messages[0]["clientId"], "one");
        assert_eq!(call.messages[0]["advice"], json!({ "timeout": 0 }));
        call.accept();
        let _client = soon("open", opening).await.unwrap().unwrap();
        let held = server.expect("/meta/connect").await;
        assert!(held.messages[0].get("advice").is_none());
    }
}

#[tokio::test]
async fn where_the_server_offers_another_type_the_session_goes_on_there() {
    let mut server = Scripted::start().await;
    let opening = tokio::spawn(client(server.url()).open());
    let call = server.expect("/meta/handshake").await;
    assert!(!call.is_request());
    call.accept_with(&json!({ "supportedConnectionTypes": ["unheard-of", "long-polling"] }));
    let call = server.expect("/meta/connect").await;
    assert!(call.is_request());
    assert_eq!(call.messages[0]["clientId"], "one");
    call.accept();
    let client = soon("open", opening).await.unwrap().unwrap();
    assert_eq!(client.connection_type(), Some(ConnectionType::LongPolling));
}

#[tokio::test]
async fn where_a_web_socket_is_refused_long_polling_takes_its_place() {
    let mut server = Scripted::start_with(Takes::Requests, 0).await;
    let builder = client(server.url());
    let (client, _held) = open_with(&mut server, builder).await;
    assert_eq!(client.connection_type(), Some(ConnectionType::LongPolling));
}

#[tokio::test]
async fn a_server_may_speak_over_web_sockets_alone() {
    let mut server = Scripted::start_with(Takes::Sockets(404), 0).await;
    let (client, _held) = open(&mut server, ConnectionType::WebSocket).await;
    assert_eq!(client.connection_type(), Some(ConnectionType::WebSocket));
}

#[tokio::test]
async fn a_handshake_that_is_refused_says_why() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let client = client(server.url())
            .connection_types([way])
            .build()
            .unwrap();
        for advice in ["none", "handshake", "retry"] {
            let refuse = async {
                let call = server.expect("/meta/handshake").await;
                call.accept_with(&json!({
                    "successful": false,
                    "error": "403:denied,twice:Handshake denied",
                    "advice": { "reconnect": advice },
                }));
            };
            let (opened, ()) = tokio::join!(soon("refused", client.open()), refuse);
            let Err(Error::Server(error)) = opened else {
                panic!("{opened:?}")
            };
            assert_eq!(error.message(), "Handshake request failed.");
            assert_eq!(error.error(), Some("403:denied,twice:Handshake denied"));
            assert_eq!(error.error_code(), Some(403));
            assert_eq!(error.error_args(), Some(vec!["denied", "twice"]));
            assert_eq!(error.error_message(), Some("Handshake denied"));
            assert_eq!(error.response().unwrap().channel(), "/meta/handshake");
            assert!(client.is_closed());
        }
        let (opened, _held) = tokio::join!(soon("open", client.open()), server.open());
        assert_eq!(opened, Ok(()));
    }
}

#[tokio::test]
async fn a_first_connect_that_is_refused_closes_the_client() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let client = client(server.url())
            .connection_types([way])
            .build()
            .unwrap();
        let refuse = async {
            server.expect("/meta/handshake").await.accept();
            server.expect("/meta/connect").await.refuse("500::broken");
        };
        let (opened, ()) = tokio::join!(soon("refused", client.open()), refuse);
        let Err(Error::Server(error)) = opened else {
            panic!("{opened:?}")
        };
        assert_eq!(error.message(), "Connect request failed.");
        assert!(client.is_closed());
    }
}

#[tokio::test]
async fn without_a_type_in_common_there_is_no_session() {
    let mut server = Scripted::start().await;
    let client = client(server.url()).build().unwrap();
    let offer = async {
        let call = server.expect("/meta/handshake").await;
        call.accept_with(&json!({ "supportedConnectionTypes": ["callback-polling"] }));
    };
    let (opened, ()) = tokio::join!(soon("no type", client.open()), offer);
    assert_eq!(opened, Err(Error::NoConnectionType));
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Client);
    assert!(client.is_closed());
}

#[tokio::test]
async fn where_nobody_is_there_opening_fails() {
    for way in EACH {
        let server = Scripted::start().await;
        let url = server.url();
        drop(server);
        let error = soon("nobody", client(url).connection_types([way]).open()).await;
        let error = error.map(|_| ()).unwrap_err();
        assert!(
            matches!(error, Error::Connection(ConnectionError::Network(_))),
            "{error:?}"
        );
        assert!(error.is(ErrorKind::Transport));
    }
    let error = client("no address at all").open().await.unwrap_err();
    assert!(
        matches!(error, Error::Connection(ConnectionError::Address(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_status_of_http_is_told() {
    let mut server = Scripted::start().await;
    let builder = client(server.url()).connection_types([ConnectionType::LongPolling]);
    let answer = async {
        server
            .expect("/meta/handshake")
            .await
            .answer_text(503, "later");
    };
    let (opened, ()) = tokio::join!(soon("refused", builder.open()), answer);
    assert_eq!(
        opened.unwrap_err(),
        Error::Connection(ConnectionError::Status(503))
    );
}

#[tokio::test]
async fn closing_while_opening_ends_both() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let client = client(server.url())
            .connection_types([way])
            .build()
            .unwrap();
        let opening = tokio::spawn({
            let client = client.clone();
            async move { client.open().await }
        });
        let _unanswered = server.expect("/meta/handshake").await;
        soon("close", client.close()).await;
        assert_eq!(soon("opening", opening).await.unwrap(), Err(Error::Closed));
    }
}

#[tokio::test]
async fn a_client_whose_last_handle_is_dropped_says_goodbye() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, held) = open(&mut server, way).await;
        let mut events = client.events();
        let again = client.clone();
        drop(client);
        assert!(!again.is_closed());
        drop(again);
        server.close(held).await;
        assert_eq!(soon("the end", events.next()).await, None);
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_a_goodbye_is_left() {
    let mut server = Scripted::start().await;
    let builder = client(server.url()).disconnect_timeout(Duration::from_millis(10));
    let (client, held) = open_with(&mut server, builder).await;
    let closing = tokio::spawn({
        let client = client.clone();
        async move { client.close().await }
    });
    let unanswered = server.expect("/meta/disconnect").await;
    soon("left all the same", closing).await.unwrap();
    drop((held, unanswered));
}

#[tokio::test]
async fn each_type_may_have_an_address_and_a_socket_a_protocol() {
    let mut server = Scripted::start().await;
    let builder = client(format!("http://{}/other", server.address))
        .connection_types([ConnectionType::WebSocket])
        .address_of(ConnectionType::WebSocket, server.url())
        .protocol("bayeux");
    let opening = tokio::spawn(builder.open());
    let call = server.expect("/meta/handshake").await;
    assert_eq!(call.headers["sec-websocket-protocol"], "bayeux");
    call.accept();
    server.expect("/meta/connect").await.accept();
    let _client = soon("open", opening).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_server_may_answer_with_numbers_without_ids_and_with_one_message_alone() {
    for way in EACH {
        let mut server = Scripted::start().await;
        let (client, held) = open(&mut server, way).await;
        let publish = client.publish("/a", &1);
        let answer = async {
            let call = server.expect("/a").await;
            let id: u64 = call.messages[0]["id"].as_str().unwrap().parse().unwrap();
            let one = reply(&call.messages[0], &json!({ "id": id }));
            call.answer(one);
        };
        let (published, ()) = tokio::join!(soon("a reply", publish), answer);
        assert!(published.is_ok(), "{published:?}");
        drop(held);
    }
    let mut server = Scripted::start().await;
    let builder = client(server.url()).connection_types([ConnectionType::LongPolling]);
    let (client, _held) = open_with(&mut server, builder).await;
    let answer = async {
        let call = server.expect("/meta/subscribe").await;
        call.answer(
            json!([{ "channel": "/meta/subscribe", "subscription": "/a", "successful": true }]),
        );
    };
    let (subscribed, ()) = tokio::join!(soon("a reply", client.subscribe("/a")), answer);
    assert!(subscribed.is_ok(), "{subscribed:?}");
}
