//! What the engine offers, bound so that nothing goes through this module's memory that need not.

use js_sys::{Array, JsString};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    /// An object from a message. Getters are property reads that the engine caches.
    pub(super) type Fields;
    #[wasm_bindgen(method, getter, structural)]
    pub(super) fn data(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    pub(super) fn diff(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    pub(super) fn from(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    pub(super) fn id(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    pub(super) fn name(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    pub(super) fn op(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    pub(super) fn path(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    pub(super) fn success(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural, js_name = "type")]
    pub(super) fn kind(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter, structural)]
    pub(super) fn value(this: &Fields) -> JsValue;

    /// An object or an array, by key or index.
    pub(super) type Container;
    #[wasm_bindgen(method, structural, indexing_getter)]
    pub(super) fn at(this: &Container, key: &JsValue) -> JsValue;
    #[wasm_bindgen(method, structural, indexing_setter)]
    pub(super) fn put(this: &Container, key: &JsValue, value: &JsValue);
    #[wasm_bindgen(method, structural, indexing_getter)]
    pub(super) fn at_index(this: &Container, index: u32) -> JsValue;
    #[wasm_bindgen(method, structural, indexing_setter)]
    pub(super) fn put_index(this: &Container, index: u32, value: &JsValue);
    // The binding in `js_sys` always passes an item, so it cannot remove without inserting.
    #[wasm_bindgen(method, js_name = "splice")]
    pub(super) fn remove_at(this: &Container, index: u32, count: u32) -> Array;
    #[wasm_bindgen(method, js_name = "splice")]
    pub(super) fn insert_at(this: &Container, index: u32, count: u32, item: &JsValue) -> Array;

    #[wasm_bindgen(js_namespace = Object, js_name = "hasOwn")]
    pub(super) fn has_own(object: &JsValue, key: &JsValue) -> bool;
    #[wasm_bindgen(catch, js_namespace = JSON, js_name = "parse")]
    pub(super) fn parse(text: &JsString) -> Result<JsValue, JsValue>;

    /// A string, without a way through this module's memory.
    pub(super) type Chars;
    #[wasm_bindgen(method, js_name = "split")]
    pub(super) fn split_at_each(this: &Chars, separator: &JsValue) -> Array;
    /// The UTF-16 unit at `index`; zero where the string ends before.
    #[wasm_bindgen(method, js_name = "charCodeAt")]
    pub(super) fn code_at(this: &Chars, index: u32) -> u32;
    #[wasm_bindgen(method, js_name = "includes")]
    pub(super) fn has(this: &Chars, part: &JsValue) -> bool;
    #[wasm_bindgen(method, js_name = "substring")]
    pub(super) fn behind(this: &Chars, start: u32) -> JsString;
}

/// Strings that the rules name over and over, made once.
pub(super) struct Names {
    pub(super) proto: JsValue,
    pub(super) slash: JsValue,
    pub(super) tilde: JsValue,
    pub(super) literals: Vec<(&'static str, JsValue)>,
}

thread_local! {
    pub(super) static NAMES: Names = Names {
        proto: "__proto__".into(),
        slash: "/".into(),
        tilde: "~".into(),
        literals: [
            "state", "replace", "add", "remove", "response", "notify", "move", "copy", "test",
        ]
        .map(|literal| (literal, literal.into()))
        .into(),
    };
}
