//! Service channels and remote calls.

use std::time::Duration;

use mirrorball_server::{Bayeux, RequestError, Value as Json, bayeux::Call};
use serde_json::{Value, json};

use crate::site::{Site, connect, patient, publish, subscribe};

fn call(id: &str, channel: &str, message: &str, data: Value) -> Value {
    let mut call = json!({"channel": channel, "clientId": id, "id": message});
    call["data"] = data;
    call
}

#[tokio::test(flavor = "multi_thread")]
async fn services_answer_on_their_own_channel() {
    let site = Site::start(
        Bayeux::builder()
            .on_service("echo", async |_, data: Json| Ok::<_, RequestError>(data))
            .on_service("/service/quiet", async |_, _: Json| {
                Ok::<_, RequestError>(())
            })
            .on_service("contacts/{user}", async |call: Call, n: u64| {
                Ok::<_, RequestError>(format!("{} {n}", call.parameter("user").unwrap()))
            })
            .on_service("contacts/all", async |_, _: Json| {
                Ok::<_, RequestError>("all")
            })
            .on_raw_service("raw/{x}", async |call: Call| {
                let session = call.session().unwrap();
                assert_eq!(call.message().data(), Some(Json::from(7)));
                let told = session.deliver("/told", &call.channel().into());
                assert_eq!(told, Ok(true));
            }),
    )
    .await;
    let (mut ws, id) = site.ws_client().await;
    let ack = |channel: &str| json!({"channel": channel, "id": "p", "successful": true});
    for (channel, data, answer) in [
        ("/service/echo", json!({"a": [1]}), Some(json!({"a": [1]}))),
        ("/service/quiet", json!(1), None),
        ("/service/contacts/eve", json!(7), Some(json!("eve 7"))),
        ("/service/contacts/all", json!(7), Some(json!("all"))),
        ("/service/nobody", json!(1), None),
    ] {
        ws.send(json!([publish(&id, channel, data)])).await;
        if let Some(answer) = answer {
            assert_eq!(ws.next().await, json!({"channel": channel, "data": answer}));
        }
        assert_eq!(ws.next().await, ack(channel));
    }
    ws.send(json!([publish(&id, "/service/raw/1", json!(7))]))
        .await;
    assert_eq!(
        ws.next().await,
        json!({"channel": "/told", "data": "/service/raw/1"})
    );
    assert_eq!(ws.next().await, ack("/service/raw/1"));
    // Nothing is ever broadcast there, whoever subscribes.
    ws.subscribe(&id, "/service/echo").await;
    let (mut other, other_id) = site.ws_client().await;
    other
        .send(json!([publish(&other_id, "/service/quiet", json!(1))]))
        .await;
    assert_eq!(other.next().await, ack("/service/quiet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn remote_calls_come_to_one_end_each() {
    let site = Site::start(
        Bayeux::builder()
            .options(patient())
            .handler_timeout(Duration::from_millis(50))
            .remote_call("rpc/double", async |_, n: i64| Ok::<_, RequestError>(2 * n))
            .remote_call("rpc/fail", async |_, _: Json| {
                Err::<(), _>(RequestError::with_data(&json!({"code": 7})))
            })
            .remote_call(
                "rpc/panic",
                async |_, _: Json| -> Result<(), RequestError> { panic!("a secret") },
            )
            .remote_call(
                "rpc/never",
                async |_, _: Json| -> Result<(), RequestError> { std::future::pending().await },
            ),
    )
    .await;
    let (mut ws, id) = site.ws_client().await;
    let mut ask = async |name: &str, data: Value| {
        let channel = format!("/service/rpc/{name}");
        ws.send(json!([call(&id, &channel, "c", data)])).await;
        let mut answers = [ws.next().await, ws.next().await];
        answers.sort_by_key(|it| it.get("data").is_some());
        let [ack, answer] = answers;
        assert_eq!(
            ack,
            json!({"channel": channel, "id": "c", "successful": true})
        );
        assert_eq!(
            (&answer["channel"], &answer["id"]),
            (&json!(channel), &json!("c"))
        );
        (
            answer["successful"].as_bool().unwrap(),
            answer["data"].clone(),
        )
    };
    assert_eq!(ask("double", json!(21)).await, (true, json!(42)));
    assert_eq!(ask("fail", json!(1)).await, (false, json!({"code": 7})));
    let (successful, data) = ask("double", json!("no number")).await;
    assert_eq!(
        (successful, &data["code"]),
        (false, &json!("unsuitable-data"))
    );
    for name in ["panic", "never"] {
        let (successful, data) = ask(name, json!(1)).await;
        assert_eq!(
            (successful, &data),
            (false, &json!("the request failed inside the server"))
        );
    }
    // And everything goes on as before.
    assert_eq!(ask("double", json!(1)).await, (true, json!(2)));
    let (mut http, http_id) = site.http_client().await;
    let channel = "/service/rpc/double";
    let mut messages = http
        .post(json!([call(&http_id, channel, "c", json!(4))]))
        .await;
    if messages.len() == 1 {
        messages.extend(http.post(json!([connect(&http_id, "c1")])).await);
    }
    let answer = messages.iter().find(|it| it.get("data").is_some()).unwrap();
    assert_eq!(
        *answer,
        json!({"channel": channel, "id": "c", "successful": true, "data": 8})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_wedges_nothing() {
    let site = Site::start(
        Bayeux::builder()
            .options(patient())
            .on_service("panic", async |_, _: Json| -> Result<(), RequestError> {
                panic!("a secret")
            }),
    )
    .await;
    let (mut http, id) = site.http_client().await;
    let messages = http
        .post(json!([
            subscribe(&id, "/chat/a"),
            publish(&id, "/service/panic", json!(1)),
            publish(&id, "/chat/a", json!(2)),
        ]))
        .await;
    assert!(!json!(messages).to_string().contains("secret"));
    assert_eq!(
        messages
            .iter()
            .filter(|it| it["successful"] == true)
            .count(),
        3,
        "{messages:?}"
    );
    assert!(messages.iter().any(|it| it["data"] == 2));
    // Messages still wake a connect.
    http.begin(json!([connect(&id, "c1")])).await;
    site.bayeux.publish("/chat/a", &3.into()).unwrap();
    assert_eq!(http.answer().await.messages()[0]["data"], 3);
}
