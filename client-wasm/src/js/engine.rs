//! What the engine offers, bound so that nothing goes through this module's memory that need not.

use std::{cell::RefCell, rc::Rc};

use js_sys::Array;
use wasm_bindgen::{JsValue, closure::Closure, prelude::wasm_bindgen};

#[wasm_bindgen(module = "/src/js/engine.js")]
extern "C" {
    #[wasm_bindgen(js_name = codeOf)]
    pub(super) fn code_of(value: &JsValue) -> i32;
    pub(super) fn parse(text: &JsValue, skip: i32) -> JsValue;
    pub(crate) fn tell(told: &JsValue, kind: i32, one: &JsValue, two: &JsValue);
    #[wasm_bindgen(js_name = tell)]
    pub(crate) fn tell_numbers(told: &JsValue, kind: i32, one: f64, two: f64);
    #[wasm_bindgen(js_name = memberAt)]
    pub(super) fn member_at(object: &JsValue, names: &JsValue, at: i32) -> JsValue;
    #[wasm_bindgen(js_name = memberDiff)]
    pub(super) fn member_diff(object: &JsValue) -> JsValue;
    #[wasm_bindgen(js_name = numberId)]
    pub(super) fn number_id(object: &JsValue) -> f64;
    #[wasm_bindgen(js_name = numberVersion)]
    pub(super) fn number_version(object: &JsValue) -> f64;
    pub(crate) fn receive(socket: &JsValue, take: &Closure<dyn Fn(JsValue, f64)>);
    #[wasm_bindgen(js_name = readOperation)]
    pub(super) fn read_operation(list: &JsValue, index: i32, words: &JsValue) -> f64;
    #[wasm_bindgen(js_name = readOperand)]
    pub(super) fn read_operand() -> JsValue;
    #[wasm_bindgen(js_name = typeAmong)]
    pub(super) fn type_among(object: &JsValue, words: &JsValue) -> i32;
    pub(super) fn split(text: &JsValue) -> i32;
    #[wasm_bindgen(js_name = splitTokens)]
    pub(super) fn split_tokens() -> JsValue;
    #[wasm_bindgen(js_name = indexOf)]
    pub(super) fn index_of(list: &JsValue, at: i32) -> f64;
    #[wasm_bindgen(js_name = ownMember)]
    pub(super) fn own_member(object: &JsValue, list: &JsValue, at: i32) -> JsValue;
    pub(super) fn equal(one: &JsValue, two: &JsValue) -> bool;
    pub(super) fn measure(value: &JsValue, depth: f64, nodes: f64, bytes: f64) -> f64;
    #[wasm_bindgen(js_name = nodesLeft)]
    pub(super) fn nodes_left() -> f64;
    #[wasm_bindgen(js_name = bytesLeft)]
    pub(super) fn bytes_left() -> f64;

    #[derive(Debug)]
    pub(super) type Editor;
    #[wasm_bindgen(constructor)]
    pub(super) fn new() -> Editor;
    #[wasm_bindgen(method)]
    pub(super) fn open(this: &Editor, root: &JsValue) -> i32;
    #[wasm_bindgen(method)]
    pub(super) fn reopen(this: &Editor);
    #[wasm_bindgen(method)]
    pub(super) fn walk(this: &Editor, is_top: bool, list: &JsValue, at: i32, end: i32) -> i32;
    #[wasm_bindgen(method)]
    pub(super) fn member(this: &Editor, list: &JsValue, at: i32) -> i32;
    #[wasm_bindgen(method)]
    pub(super) fn element(this: &Editor, index: i32) -> i32;
    #[wasm_bindgen(method)]
    pub(super) fn copy(this: &Editor);
    #[wasm_bindgen(method)]
    pub(super) fn node(this: &Editor) -> JsValue;
    #[wasm_bindgen(method)]
    pub(super) fn release(this: &Editor);
    #[wasm_bindgen(method)]
    pub(super) fn log(this: &Editor, on: bool);
    #[wasm_bindgen(method)]
    pub(super) fn undo(this: &Editor);
    #[wasm_bindgen(method)]
    pub(super) fn length(this: &Editor) -> i32;
    #[wasm_bindgen(method)]
    pub(super) fn set(this: &Editor, list: &JsValue, at: i32, value: &JsValue);
    #[wasm_bindgen(method)]
    pub(super) fn replace(this: &Editor, list: &JsValue, at: i32, value: &JsValue) -> bool;
    #[wasm_bindgen(method, js_name = replaceElement)]
    pub(super) fn replace_element(this: &Editor, index: i32, value: &JsValue) -> bool;
    #[wasm_bindgen(method)]
    pub(super) fn insert(this: &Editor, index: i32, value: &JsValue);
    #[wasm_bindgen(method)]
    pub(super) fn remove(this: &Editor, list: &JsValue, at: i32) -> JsValue;
    #[wasm_bindgen(method, js_name = removeElement)]
    pub(super) fn remove_element(this: &Editor, index: i32) -> JsValue;
}

/// What `codeOf` returns.
pub(super) mod code {
    pub(in super::super) const NOTHING: i32 = -1;
    pub(in super::super) const SCALAR: i32 = 0;
    pub(in super::super) const OBJECT: i32 = 1;
    pub(in super::super) const TEXT: i32 = 2;
}

/// What an editor finds; there is more to it for a container that only the mirror holds.
pub(super) mod found {
    pub(in super::super) const NOTHING: i32 = -1;
    pub(in super::super) const OBJECT: i32 = 1;
    pub(in super::super) const ARRAY: i32 = 2;
}

#[wasm_bindgen]
extern "C" {
    /// An array, by index.
    pub(super) type Items;
    #[wasm_bindgen(method, structural, indexing_getter)]
    pub(super) fn at(this: &Items, index: i32) -> JsValue;
}

thread_local! {
    /// Lists of words that the rules name over and over, each made once.
    static WORDS: RefCell<Vec<(&'static [&'static str], Rc<JsValue>)>> = const { RefCell::new(Vec::new()) };
}

/// These words as a JS array.
pub(super) fn array_of(words: &'static [&'static str]) -> Rc<JsValue> {
    WORDS.with_borrow_mut(|known| {
        if let Some((_, array)) = known.iter().find(|(list, _)| std::ptr::eq(*list, words)) {
            return Rc::clone(array);
        }
        let array = words
            .iter()
            .map(|word| JsValue::from(*word))
            .collect::<Array>();
        let array = Rc::new(array.into());
        known.push((words, Rc::clone(&array)));
        array
    })
}
