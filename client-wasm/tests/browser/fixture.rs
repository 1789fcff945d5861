//! The servers under test.

use js_sys::{Object, Promise, Reflect};
use mirrorball_protocol::json::{Array, Value};
use serde_json::json;
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};

use crate::page::{Patience, from_text, resolved};

/// Where the controller listens.
const CONTROLLER: &str = match option_env!("MIRRORBALL_FIXTURE") {
    Some(url) => url,
    None => "http://127.0.0.1:18080",
};

#[wasm_bindgen]
extern "C" {
    fn fetch(url: &str, init: &Object) -> Promise;
    type Answer;
    #[wasm_bindgen(method, getter)]
    fn ok(this: &Answer) -> bool;
    #[wasm_bindgen(method)]
    fn text(this: &Answer) -> Promise;
    #[wasm_bindgen(thread_local_v2, js_namespace = location, js_name = "origin")]
    static ORIGIN: String;
}

/// Calls the fixture; its answer.
async fn call(method: &str, url: &str, body: Option<&serde_json::Value>) -> String {
    let init = Object::new();
    Reflect::set(&init, &"method".into(), &method.into()).unwrap();
    if let Some(body) = body {
        Reflect::set(&init, &"body".into(), &body.to_string().into()).unwrap();
    }
    let Some(answer) = resolved(fetch(url, &init)).await else {
        panic!(
            "no fixture at {CONTROLLER}: start it by `cargo run -p mirrorball-tests --bin fixture`, \
             and name its address by MIRRORBALL_FIXTURE where it is another"
        );
    };
    let answer: Answer = answer.unchecked_into();
    let text = resolved(answer.text())
        .await
        .and_then(|text| text.as_string());
    let text = text.unwrap_or_default();
    assert!(answer.ok(), "{method} {url}: {text}");
    text
}

/// A server in a process of its own.
#[derive(Debug)]
pub(crate) struct Server {
    id: i64,
    /// Where clients connect.
    pub(crate) url: String,
}

impl Server {
    /// A Juggler server; `plan` as the fixture reads it.
    pub(crate) async fn mirror(mut plan: serde_json::Value) -> Self {
        plan["origin"] = ORIGIN.with(String::clone).into();
        let server = call("POST", &format!("{CONTROLLER}/servers"), Some(&plan)).await;
        let server = from_text(&server);
        Self {
            id: server.get("id").and_then(Value::as_i64).unwrap(),
            url: server
                .get("url")
                .and_then(Value::as_str)
                .unwrap()
                .to_owned(),
        }
    }

    /// A server that does what is written down, on one connection after another.
    pub(crate) async fn script(scripts: serde_json::Value) -> Self {
        Self::mirror(json!({ "scripts": scripts })).await
    }

    /// Ends the server's process at once.
    pub(crate) async fn kill(&self) {
        call("DELETE", &format!("{CONTROLLER}/servers/{}", self.id), None).await;
    }

    /// Starts it again at the same address, with parts of its plan changed.
    pub(crate) async fn restart(&self, changes: serde_json::Value) {
        let url = format!("{CONTROLLER}/servers/{}/restart", self.id);
        call("POST", &url, Some(&changes)).await;
    }

    /// Waits for what a server with scripts reports to be as it should.
    pub(crate) async fn until(&self, what: &str, done: impl Fn(&Report) -> bool) -> Report {
        let patience = Patience::new();
        let url = self
            .url
            .replace("ws://", "http://")
            .replace("/ws", "/report");
        let mut version = 0;
        loop {
            let asked = wasm_bindgen_futures::future_to_promise({
                let url = format!("{url}?after={version}");
                async move { Ok(JsValue::from(call("GET", &url, None).await)) }
            });
            assert!(
                patience.wait(&asked).await,
                "the server never reported {what}"
            );
            let report = from_text(&resolved(asked).await.unwrap().as_string().unwrap());
            version = report.get("version").and_then(Value::as_u64).unwrap();
            let report = Report(report);
            if done(&report) {
                return report;
            }
        }
    }
}

/// What happened at a server with scripts.
#[derive(Debug)]
pub(crate) struct Report(Value);

impl Report {
    /// Connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.0
            .get("connections")
            .and_then(Value::as_array)
            .unwrap()
            .len()
    }

    fn connection(&self, index: usize) -> Option<&Value> {
        self.0.get("connections")?.as_array()?.get(index)
    }

    /// The texts that came over a connection.
    pub(crate) fn frames(&self, index: usize) -> Vec<String> {
        let frames = self
            .connection(index)
            .and_then(|it| it.get("frames")?.as_array());
        let frames = frames.into_iter().flat_map(Array::iter);
        frames
            .map(|frame| frame.as_str().unwrap().to_owned())
            .collect()
    }

    /// The code with which the client closed a connection.
    pub(crate) fn closed(&self, index: usize) -> Option<i64> {
        self.connection(index)?
            .get("closed")?
            .as_array()?
            .get(0)?
            .as_i64()
    }

    /// Whether a connection is over.
    pub(crate) fn is_over(&self, index: usize) -> bool {
        self.connection(index)
            .and_then(|it| it.get("over")?.as_bool())
            == Some(true)
    }
}
