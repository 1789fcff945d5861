//! What the page itself offers: JSON, promises, time.

use gloo_timers::callback::Timeout;
use js_sys::{Array, Promise};
use mirrorball_client_wasm::js::JsText;
use mirrorball_protocol::json::{Limits, Text, Value};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;

/// How long anything may take, in milliseconds. Nothing here is ever waited for in vain.
const PATIENCE: u32 = 20_000;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = JSON, js_name = "parse")]
    pub(crate) fn parse(text: &str) -> JsValue;
    #[wasm_bindgen(js_namespace = JSON, js_name = "stringify")]
    pub(crate) fn stringify(value: &JsValue) -> String;
    /// Whether two values are the same one.
    #[wasm_bindgen(js_namespace = Object, js_name = "is")]
    pub(crate) fn same(one: &JsValue, two: &JsValue) -> bool;
}

/// A JS value as the rules' own, so that equal means equal as JSON.
pub(crate) fn value(value: &JsValue) -> Value {
    from_text(&stringify(value))
}

/// A text as a value.
pub(crate) fn from_text(text: &str) -> Value {
    Value::parse(text, &Limits::default()).unwrap()
}

/// The length of a text in the browser's unit.
pub(crate) fn utf16_length(text: &str) -> usize {
    JsText::new(text).len()
}

/// Waits for a promise; `None` where it is rejected.
pub(crate) async fn resolved(promise: Promise) -> Option<JsValue> {
    JsFuture::from(promise).await.ok()
}

/// A wait that is cut short where it takes too long.
pub(crate) struct Patience {
    over: Promise,
    _timeout: Timeout,
}

impl Patience {
    pub(crate) fn new() -> Self {
        let mut timeout = None;
        let over = Promise::new(&mut |resolve, _| {
            timeout = Some(Timeout::new(PATIENCE, move || {
                let _ = resolve.call1(&JsValue::NULL, &JsValue::FALSE);
            }));
        });
        Self {
            over,
            _timeout: timeout.unwrap(),
        }
    }

    /// Waits for a promise that resolves to anything but `false`; `false` where the time is up.
    pub(crate) async fn wait(&self, promise: &Promise) -> bool {
        let both = Array::of2(promise.unchecked_ref(), self.over.unchecked_ref());
        resolved(Promise::race(&both)).await != Some(JsValue::FALSE)
    }
}
