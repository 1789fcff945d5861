//! One attempt's long-polling: a socket made of POSTs.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
};

use mirrorball_protocol::{
    bayeux::client::{Frame, Kind},
    machine::Input,
};
use wasm_bindgen::{JsValue, closure::Closure, prelude::wasm_bindgen};

use crate::{
    js::JsText,
    way::{Hooks, Setup},
};

#[wasm_bindgen(module = "/src/js/post.js")]
extern "C" {
    fn stopper() -> JsValue;
    fn stop(stopper: &JsValue);
    fn post(url: &str, body: &str, is_last: bool, stopper: &JsValue, hooks: &Hooks, done: &Done);
}

/// Takes a text with its length and first unit, or none with a status.
type Done = Closure<dyn FnMut(JsValue, f64)>;

/// The code with which an attempt is reported as closed whose server was not reached.
const UNREACHED: u16 = 1006;

/// HTTP requests: one for what the server holds, one for everything else. What comes meanwhile waits, in a queue that the
/// rules bound. They end with this.
#[derive(Debug)]
pub struct Polling(Rc<Requests>);

struct Requests {
    this: Weak<Self>,
    setup: Setup,
    url: String,
    attempt: u32,
    report: Box<dyn Fn(Input<JsText>)>,
    stopper: JsValue,
    /// Whether something else than a connect is under way.
    is_busy: Cell<bool>,
    waiting: RefCell<VecDeque<Frame>>,
    /// The callbacks of the requests under way: of connects, and of others.
    done: [RefCell<Option<Done>>; 2],
}

impl Polling {
    /// Requests to `url`. `report` is told what comes of them until this is dropped.
    pub(crate) fn open(
        setup: &Setup,
        url: &str,
        attempt: u32,
        report: impl Fn(Input<JsText>) + 'static,
    ) -> Self {
        Self(Rc::new_cyclic(|this| Requests {
            this: Weak::clone(this),
            setup: setup.clone(),
            url: url.into(),
            attempt,
            report: Box::new(report),
            stopper: stopper(),
            is_busy: Cell::default(),
            waiting: RefCell::default(),
            done: Default::default(),
        }))
    }

    /// Sends a batch, now or after the one that is under way.
    pub(crate) fn send(&self, frame: Frame) {
        let requests = &self.0;
        if frame.kind != Kind::Connect && requests.is_busy.replace(true) {
            requests.waiting.borrow_mut().push_back(frame);
        } else {
            requests.send(&frame);
        }
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        stop(&self.0.stopper);
    }
}

impl Requests {
    fn send(&self, frame: &Frame) {
        let this = Weak::clone(&self.this);
        let (kind, payload) = (frame.kind, frame.payload);
        let done = Closure::new(move |text, head| {
            if let Some(requests) = this.upgrade() {
                requests.take(kind, payload, text, head);
            }
        });
        let url = self.setup.url(&self.url, kind);
        let is_last = kind == Kind::Disconnect;
        let hooks = &self.setup.hooks;
        post(&url, &frame.text, is_last, &self.stopper, hooks, &done);
        self.done[usize::from(kind == Kind::Connect)].replace(Some(done));
    }

    fn take(&self, kind: Kind, payload: u32, text: JsValue, head: f64) {
        if kind != Kind::Connect {
            self.is_busy.set(false);
            let next = self.waiting.borrow_mut().pop_front();
            if let Some(next) = next {
                self.is_busy.set(true);
                self.send(&next);
            }
        }
        let attempt = self.attempt;
        let text = (!text.is_undefined()).then(|| JsText::received(text, head));
        (self.report)(match (text.flatten(), head as u16) {
            (Some(text), _) => Input::Text { attempt, text },
            (None, status @ (401 | 403)) => return (self.setup.denied)(payload, status),
            (None, 0) => Input::Closed {
                attempt,
                code: UNREACHED,
            },
            (None, code) => Input::Closed { attempt, code },
        });
    }
}

impl std::fmt::Debug for Requests {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Requests").finish_non_exhaustive()
    }
}
