//! Juggler for pages: the class that the package's facade wraps.

use std::{cell::Cell, rc::Rc};

use js_sys::{Function, Object, Reflect};
use mirrorball_protocol::{
    juggler::{
        Client,
        client::{ClientEvent, Fault, Outcome, RequestError, State},
    },
    machine::Input,
};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::{
    clock::{self, to_milliseconds},
    js::Js,
    options,
    shell::Shell,
};

/// What the facade is told: the first argument of its callback.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum Told {
    /// The status changed.
    Status,
    /// The state changed: operations, length of the message.
    Change,
    /// A request was carried out: id, answer.
    Done,
    /// A request was refused: id, what the server says.
    Refused,
    /// A request was lost with its connection: id.
    Lost,
    /// A request had no response in time: id.
    TimedOut,
    /// A request was ended by closing the client: id.
    Closed,
    /// A notification came: name, data.
    Notify,
    /// Connected again; what was sent in between is lost.
    Gap,
    /// The server broke the protocol: close code, text.
    Violation,
}

/// Why a request was not sent, as [`JugglerCore::request`] returns it: no request has such an id.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum Unsent {
    /// There is no connection just now.
    Disconnected = -1,
    /// The client is closed or has given up.
    Closed = -2,
    /// Too many requests are without a response.
    Full = -3,
}

type Emit = Box<dyn Fn(ClientEvent<Js>)>;

/// One client. The facade in TypeScript gives it names, types and promises.
#[wasm_bindgen]
#[derive(Debug)]
pub struct JugglerCore {
    shell: Rc<Shell<Client<Js>, Emit>>,
    counts: Rc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    diffs: Cell<f64>,
    operations: Cell<f64>,
    gaps: Cell<f64>,
}

#[wasm_bindgen]
impl JugglerCore {
    /// A client of the first of `addresses` that answers. `told` is called with a [`Told`] and two more
    /// arguments, never before this returned, and may call back in. `seed` makes the waits of this client
    /// differ from those of others.
    ///
    /// # Errors
    ///
    /// The name of an option that is unknown or no number.
    #[wasm_bindgen(constructor)]
    pub fn new(
        addresses: Vec<String>,
        page_options: &JsValue,
        seed: f64,
        told: Function,
    ) -> Result<Self, JsValue> {
        let options = options::read(page_options, addresses.len(), seed.to_bits())?;
        let counts = Rc::new(Counts::default());
        let emit: Emit = Box::new({
            let counts = Rc::clone(&counts);
            move |event| emit(&counts, &told, event)
        });
        let shell = Shell::new(Client::new(options, clock::now()), addresses, emit);
        Ok(Self { shell, counts })
    }

    /// Begins: to be called once, when the facade is ready to be told.
    pub fn start(&self) {
        self.shell.drain();
    }

    /// The mirrored state: the same value until it changes, and never changing itself.
    #[wasm_bindgen(getter)]
    pub fn state(&self) -> JsValue {
        self.shell.ask(|client| client.state().into_value())
    }

    /// The status as a plain object; `nextRetry` on the clock of `performance.now()`.
    pub fn status(&self) -> Object {
        let status = self.shell.ask(|client| client.status());
        let object = Object::new();
        let state = match status.state {
            State::Connecting => "connecting",
            State::Connected => "connected",
            State::Stale => "stale",
            State::Closed => "closed",
            State::Failed => "failed",
        };
        set(&object, "state", &state.into());
        set(&object, "retries", &status.retries.into());
        set(
            &object,
            "nextRetry",
            &status.next_retry.map(to_milliseconds).into(),
        );
        set(&object, "everConnected", &status.ever_connected.into());
        set(&object, "inFlight", &(status.in_flight as f64).into());
        if let Some(fault) = status.last_fault {
            let (code, text) = describe(fault);
            set(&object, "faultCode", &code.into());
            set(&object, "faultText", &text.into());
        }
        object
    }

    /// Counters since this client was made.
    pub fn metrics(&self) -> Object {
        let traffic = self.shell.traffic();
        let object = Object::new();
        set(&object, "messages", &(traffic.messages as f64).into());
        set(&object, "bytes", &(traffic.length as f64).into());
        set(&object, "diffs", &self.counts.diffs.get().into());
        set(&object, "operations", &self.counts.operations.get().into());
        set(
            &object,
            "copies",
            &(self.shell.ask(|client| client.copies()) as f64).into(),
        );
        set(&object, "reconnects", &self.counts.gaps.get().into());
        object
    }

    /// Sends a request with `data`, a JSON text. Returns its id, or an [`Unsent`]. `timeout` is in
    /// milliseconds.
    pub fn request(&self, name: &str, data: &str, timeout: Option<f64>) -> f64 {
        let timeout = timeout.and_then(options::duration);
        match self
            .shell
            .command(|client, now| client.request(name, data, timeout, now))
        {
            Ok(id) => id as f64,
            Err(RequestError::Disconnected) => Unsent::Disconnected as i32 as f64,
            Err(RequestError::Closed) => Unsent::Closed as i32 as f64,
            Err(RequestError::Full) => Unsent::Full as i32 as f64,
        }
    }

    /// Forgets a request: nobody waits for it any more.
    #[expect(clippy::cast_possible_truncation, reason = "an id came from `request`")]
    pub fn abandon(&self, id: f64) {
        self.shell.command(|client, _| client.abandon(id as i64));
    }

    /// The network seems to be back.
    pub fn online(&self) {
        self.shell.handle(Input::Online);
    }

    /// Drops the connection as a fault of the network would.
    pub fn cut(&self) {
        self.shell.command(Client::cut);
    }

    /// Closes for good.
    pub fn close(&self) {
        self.shell.command(|client, _| client.close());
    }
}

fn emit(counts: &Counts, told: &Function, event: ClientEvent<Js>) {
    let none = JsValue::UNDEFINED;
    let (kind, one, two) = match event {
        ClientEvent::Status => (Told::Status, none.clone(), none),
        ClientEvent::Change { operations, length } => {
            counts.diffs.set(counts.diffs.get() + 1.0);
            counts
                .operations
                .set(counts.operations.get() + operations as f64);
            (Told::Change, operations.into(), length.into())
        }
        ClientEvent::Response { id, outcome } => {
            let (kind, data) = match outcome {
                Outcome::Done(data) => (Told::Done, data.into_value()),
                Outcome::Refused(data) => (Told::Refused, data.into_value()),
                Outcome::Lost => (Told::Lost, none),
                Outcome::TimedOut => (Told::TimedOut, none),
                Outcome::Closed => (Told::Closed, none),
            };
            (kind, (id as f64).into(), data)
        }
        ClientEvent::Notify { name, data } => (Told::Notify, name.into_value(), data.into_value()),
        ClientEvent::Gap => {
            counts.gaps.set(counts.gaps.get() + 1.0);
            (Told::Gap, none.clone(), none)
        }
        ClientEvent::Violation(fault) => {
            let (code, text) = describe(fault);
            (Told::Violation, code.into(), text.into())
        }
    };
    // The facade catches what its listeners throw and reports it.
    let _ = told.call3(&JsValue::UNDEFINED, &(kind as u32).into(), &one, &two);
}

/// A fault as a close code and words; none for what the network did.
fn describe(fault: Fault) -> (u16, &'static str) {
    match fault {
        Fault::Lost(code) => (code, ""),
        Fault::Closed(reason) => (reason.code, reason.text),
        Fault::Patch(error) => (4003, error.text()),
    }
}

fn set(object: &Object, name: &str, value: &JsValue) {
    // A plain object takes any member.
    let _ = Reflect::set(object, &name.into(), value);
}
