//! Juggler for pages: the class that the package's facade wraps.

use std::{cell::Cell, rc::Rc, time::Duration};

use js_sys::Function;
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
    js::{Js, tell, tell_numbers},
    options,
    shell::Shell,
    socket::Socket,
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

/// Where a client is in its life: what [`Figure::State`] tells.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum Life {
    /// As [`State::Connecting`].
    Connecting,
    /// As [`State::Connected`].
    Connected,
    /// As [`State::Stale`].
    Stale,
    /// As [`State::Closed`].
    Closed,
    /// As [`State::Failed`].
    Failed,
}

impl From<State> for Life {
    fn from(state: State) -> Self {
        match state {
            State::Connecting => Self::Connecting,
            State::Connected => Self::Connected,
            State::Stale => Self::Stale,
            State::Closed => Self::Closed,
            State::Failed => Self::Failed,
        }
    }
}

/// What [`JugglerCore::figure`] tells.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum Figure {
    /// Where the client is in its life: a [`Life`].
    State,
    /// Attempts that failed since the last connection that lasted.
    Retries,
    /// When the next attempt begins, on the clock of `performance.now()`.
    NextRetry,
    /// Whether the mirror was in step with a server once: 0 or 1.
    EverConnected,
    /// Requests without a response.
    InFlight,
    /// The close code that goes with [`JugglerCore::fault_text`].
    FaultCode,
    /// WebSocket messages received.
    Messages,
    /// Their length, in UTF-16 units.
    Length,
    /// Diffs applied.
    Diffs,
    /// Operations in them.
    Operations,
    /// Containers copied.
    Copies,
    /// Connections made again.
    Reconnects,
}

type Emit = Box<dyn Fn(ClientEvent<Js>)>;

/// One client. The facade in TypeScript gives it names, types and promises.
#[wasm_bindgen]
#[derive(Debug)]
pub struct JugglerCore {
    shell: Rc<Shell<Client<Js>, Emit, Socket>>,
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
    /// A client of the first of `addresses` that answers; they are written one to a line. `settings` are at
    /// the indices of [`Setting`](options::juggler::Setting), `NaN` for the default. `seed` makes the waits of
    /// this client differ from those of others. `told` is called with a [`Told`] and two more arguments,
    /// from [`start`](Self::start) on, and may call back in.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(addresses: &str, settings: &[f64], seed: f64, told: Function) -> Self {
        let addresses = lines(addresses);
        let options = options::juggler::read(settings, addresses.len(), seed.to_bits());
        let counts = Rc::new(Counts::default());
        let emit: Emit = Box::new({
            let counts = Rc::clone(&counts);
            move |event| emit(&counts, &told, event)
        });
        let shell = Shell::new(Client::new(options, clock::now()), addresses, (), emit);
        Self { shell, counts }
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

    /// One figure of the status or of the counters; `NaN` where there is none.
    #[must_use]
    pub fn figure(&self, figure: Figure) -> f64 {
        let status = self.shell.ask(|client| client.status());
        match figure {
            Figure::State => Life::from(status.state) as u32 as f64,
            Figure::Retries => status.retries as f64,
            Figure::NextRetry => status.next_retry.map_or(f64::NAN, to_milliseconds),
            Figure::EverConnected => status.ever_connected as u32 as f64,
            Figure::InFlight => status.in_flight as f64,
            Figure::FaultCode => status
                .last_fault
                .map_or(f64::NAN, |fault| describe(fault).0.into()),
            Figure::Messages => self.shell.traffic().messages as f64,
            Figure::Length => self.shell.traffic().length as f64,
            Figure::Diffs => self.counts.diffs.get(),
            Figure::Operations => self.counts.operations.get(),
            Figure::Copies => self.shell.ask(|client| client.copies()) as f64,
            Figure::Reconnects => self.counts.gaps.get(),
        }
    }

    /// What ended the last connection or attempt, in words; empty where the network did.
    #[wasm_bindgen(getter, js_name = "faultText")]
    #[must_use]
    pub fn fault_text(&self) -> String {
        let fault = self.shell.ask(|client| client.status().last_fault);
        fault.map_or("", |fault| describe(fault).1).into()
    }

    /// Sends a request; `ask` is what it asks, as members of a JSON object: `name`, `data` and, where `is_keyed`, `key`.
    /// Returns its id, or an [`Unsent`]. `timeout` is in milliseconds, infinite for ever.
    pub fn request(&self, ask: &str, is_keyed: bool, timeout: Option<f64>) -> f64 {
        let timeout = timeout
            .filter(|timeout| !timeout.is_nan())
            .map(|timeout| options::duration(timeout).unwrap_or(Duration::MAX));
        match self
            .shell
            .command(|client, now| client.request(ask, is_keyed, timeout, now))
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

    /// The server is at these addresses from now on, one to a line. A connection that stands is kept.
    #[wasm_bindgen(js_name = "setAddresses")]
    pub fn set_addresses(&self, addresses: &str) {
        let addresses = lines(addresses);
        let count = addresses.len();
        self.shell.set_addresses(addresses);
        self.shell.command(|client, _| client.set_addresses(count));
    }

    /// Leaves the connection, where there is one, and makes another at once, to the next address.
    pub fn reconnect(&self) {
        self.shell.command(Client::reconnect);
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

fn lines(text: &str) -> Vec<String> {
    text.lines().map(String::from).collect()
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
            tell_numbers(told, Told::Change as i32, operations as f64, length as f64);
            return;
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
    tell(told, kind as i32, &one, &two);
}

/// A fault as a close code and words; none for what the network did.
fn describe(fault: Fault) -> (u16, &'static str) {
    match fault {
        Fault::Lost(code) => (code, ""),
        Fault::Closed(reason) => (reason.code, reason.text),
        Fault::Patch(error) => (4003, error.text()),
    }
}
