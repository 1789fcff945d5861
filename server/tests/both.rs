//! Juggler and Bayeux on one server.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "in a test a panic is the report"
)]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mirrorball_client::juggler::Client;
use mirrorball_server::{
    Bayeux, Juggler, RequestError, Server, State,
    bayeux::{Call, Pattern},
};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{client_async, tungstenite::Message};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn handlers_of_each_speak_through_the_other() {
    let state = State::new(json!({"count": 0}));
    let counted = state.clone();
    let bayeux = Bayeux::builder()
        .on_service("count", move |call: Call, n: u64| {
            let state = counted.clone();
            async move {
                state.set("/count", n)?;
                call.bayeux()
                    .publish("/counted", &n.into())
                    .map_err(RequestError::new)
            }
        })
        .build();
    let publisher = bayeux.clone();
    let juggler = Juggler::builder(state.clone())
        .request("tell", move |_, text: String| {
            let told = publisher.publish("/told", &text.into());
            async move { told.map_err(RequestError::new) }
        })
        .build();
    let server = Server::builder()
        .juggler(juggler)
        .bayeux(bayeux.clone())
        .bind("127.0.0.1:0")
        .await
        .unwrap()
        .serve();
    let address = server.addresses()[0];
    let mut all = bayeux.subscribe(&Pattern::parse("/**").unwrap()).unwrap();

    let client = Client::builder(format!("ws://{address}/ws").as_str())
        .start()
        .unwrap();
    let told = timeout(PATIENCE, client.request("tell", "hello")).await;
    assert!(told.unwrap().is_ok());
    let heard = timeout(PATIENCE, all.next()).await.unwrap().unwrap();
    assert_eq!(heard.data(), Some("hello".into()));

    let socket = TcpStream::connect(address).await.unwrap();
    let (mut ws, _) = client_async(format!("ws://{address}/cometd"), socket)
        .await
        .unwrap();
    let handshake = json!([{"channel": "/meta/handshake", "version": "1.0"}]);
    ws.send(Message::text(handshake.to_string())).await.unwrap();
    let answer = timeout(PATIENCE, ws.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let answer: Value = serde_json::from_str(answer.to_text().unwrap()).unwrap();
    let call = json!([{"channel": "/service/count", "clientId": answer[0]["clientId"], "data": 5}]);
    ws.send(Message::text(call.to_string())).await.unwrap();
    let heard = timeout(PATIENCE, all.next()).await.unwrap().unwrap();
    assert_eq!(heard.data(), Some(5.into()));
    assert_eq!(state.snapshot().get("count"), Some(&5.into()));
    server.close_now().await;
}
