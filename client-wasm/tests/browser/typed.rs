//! State, requests and answers as Rust types.

use mirrorball_client_wasm::{juggler::Told, typed};
use serde::{Deserialize, Serialize};
use serde_json::json;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::{
    client::{Client, QUICK},
    fixture::Server,
};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Plant {
    name: String,
    power: f64,
    tags: Vec<String>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct Set<'a, T> {
    path: &'a str,
    value: T,
}

fn plant() -> Plant {
    Plant {
        name: "ü😀".to_owned(),
        power: 1.5,
        tags: vec!["a".to_owned()],
        limit: None,
    }
}

#[wasm_bindgen_test]
async fn state_and_answers_are_rust_types() {
    let server = Server::mirror(json!({ "state": plant() })).await;
    let client = Client::start(&server, QUICK);
    assert_eq!(client.core.typed_state::<Plant>(), Ok(None));
    client.until_status("connected").await;
    assert_eq!(client.core.typed_state::<Plant>(), Ok(Some(plant())));

    let limited = Plant {
        limit: Some(7),
        ..plant()
    };
    let set = Set {
        path: "",
        value: &limited,
    };
    let id = client.core.typed_request("set", &set, None).unwrap();
    assert!(client.response(id, 0).await.is(Told::Done));
    assert_eq!(client.core.typed_state::<Plant>(), Ok(Some(limited)));

    let id = client.core.typed_request("", &plant(), None).unwrap();
    let echo = client.response(id, 0).await.two;
    assert_eq!(typed::read::<Plant>(echo), Ok(plant()));
}

#[wasm_bindgen_test]
async fn what_does_not_fit_says_why() {
    let server = Server::mirror(json!({ "state": { "name": 1 } })).await;
    let client = Client::connect(&server, QUICK).await;
    let error = client.core.typed_state::<Plant>().unwrap_err();
    assert!(error.to_string().contains("invalid type"), "{error}");
    // No number that JSON has room for in a browser.
    let error = client.core.typed_request("", &u64::MAX, None).unwrap_err();
    assert!(
        error.to_string().contains("18446744073709551615"),
        "{error}"
    );
    assert!(client.entries().iter().all(|entry| !entry.is(Told::Done)));
}
