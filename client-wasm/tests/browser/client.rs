//! A client that writes down what it is told.

use std::{
    cell::{Cell, OnceCell, RefCell},
    fmt,
    rc::{Rc, Weak},
};

use js_sys::{Function, Promise};
use mirrorball_client_wasm::{
    juggler::{Figure, JugglerCore, Told},
    options::juggler::Setting,
};
use mirrorball_protocol::{json::Value, juggler::message};
use wasm_bindgen::{JsCast, JsValue, closure::Closure};

use crate::{
    fixture::Server,
    page::{self, Patience},
};

/// Settings with which clients come back at once.
pub(crate) const QUICK: &[(Setting, f64)] = &[
    (Setting::MinRetryDelay, 1.0),
    (Setting::MaxRetryDelay, 20.0),
];

/// Where a client is in its life, by the number that the core gives it.
const STATES: [&str; 5] = ["connecting", "connected", "stale", "closed", "failed"];

/// One thing that a client was told.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) told: u32,
    pub(crate) one: JsValue,
    pub(crate) two: JsValue,
    /// The status at that moment.
    pub(crate) status: &'static str,
}

impl Entry {
    pub(crate) fn is(&self, told: Told) -> bool {
        self.told == told as u32
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{}({:?}, {:?}) {}",
            self.told, self.one, self.two, self.status
        )
    }
}

type Listener = Box<dyn Fn(&JugglerCore, &Entry)>;

#[derive(Default)]
struct Log {
    entries: RefCell<Vec<Entry>>,
    /// Resolve promises when the next entry is written.
    waiting: RefCell<Vec<Function>>,
    core: OnceCell<Weak<JugglerCore>>,
    listener: OnceCell<Listener>,
    /// Whether it is being told something.
    busy: Cell<bool>,
    /// Whether it was told something meanwhile.
    nested: Cell<bool>,
}

impl Log {
    fn write(&self, told: u32, one: JsValue, two: JsValue) {
        let Some(core) = self.core.get().and_then(Weak::upgrade) else {
            return;
        };
        let entry = Entry {
            told,
            one,
            two,
            status: status(&core),
        };
        self.entries.borrow_mut().push(entry.clone());
        if self.busy.replace(true) {
            self.nested.set(true);
        }
        if let Some(listener) = self.listener.get() {
            listener(&core, &entry);
        }
        self.busy.set(false);
        for resolve in self.waiting.take() {
            let _ = resolve.call0(&JsValue::NULL);
        }
    }
}

fn status(core: &JugglerCore) -> &'static str {
    STATES[core.figure(Figure::State) as usize]
}

/// Requests by their parts, as the facade writes them.
pub(crate) trait Ask {
    fn ask(&self, name: &str, data: &str, timeout: Option<f64>) -> f64;
}

impl Ask for JugglerCore {
    fn ask(&self, name: &str, data: &str, timeout: Option<f64>) -> f64 {
        self.request(&message::ask(name, data, None), false, timeout)
    }
}

/// A client, closed when it is dropped.
pub(crate) struct Client {
    pub(crate) core: Rc<JugglerCore>,
    log: Rc<Log>,
    _told: Closure<dyn Fn(u32, JsValue, JsValue)>,
}

impl Client {
    /// A client of one server.
    pub(crate) fn start(server: &Server, settings: &[(Setting, f64)]) -> Self {
        Self::at(&server.url, settings)
    }

    /// A client of addresses, one to a line.
    pub(crate) fn at(addresses: &str, settings: &[(Setting, f64)]) -> Self {
        Self::listening(addresses, settings, |_, _| {})
    }

    /// A client whose callback does more than to write down.
    pub(crate) fn listening(
        addresses: &str,
        settings: &[(Setting, f64)],
        listener: impl Fn(&JugglerCore, &Entry) + 'static,
    ) -> Self {
        Self::wrapped(addresses, settings, listener, Clone::clone)
    }

    /// A client whose callback is what `wrap` makes of the one that writes down.
    pub(crate) fn wrapped(
        addresses: &str,
        settings: &[(Setting, f64)],
        listener: impl Fn(&JugglerCore, &Entry) + 'static,
        wrap: impl Fn(&Function) -> Function,
    ) -> Self {
        let log = Rc::new(Log::default());
        let _ = log.listener.set(Box::new(listener));
        let told: Closure<dyn Fn(u32, JsValue, JsValue)> = Closure::new({
            let log = Rc::clone(&log);
            move |told, one, two| log.write(told, one, two)
        });
        let mut values = [f64::NAN; Setting::SyncTimeout as usize + 1];
        for (setting, value) in settings {
            values[*setting as usize] = *value;
        }
        let callback = wrap(told.as_ref().unchecked_ref());
        let core = Rc::new(JugglerCore::new(addresses, &values, 7.0, callback));
        let _ = log.core.set(Rc::downgrade(&core));
        let client = Self {
            core,
            log,
            _told: told,
        };
        assert!(client.entries().is_empty(), "told before it was started");
        client.core.start();
        client
    }

    /// A client that is in step with its server.
    pub(crate) async fn connect(server: &Server, settings: &[(Setting, f64)]) -> Self {
        let client = Self::start(server, settings);
        client.until_status("connected").await;
        client
    }

    /// Everything that it was told so far.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        assert!(!self.log.nested.get(), "told while it was being told");
        self.log.entries.borrow().clone()
    }

    /// What it was told of one kind.
    pub(crate) fn told(&self, told: Told) -> Vec<Entry> {
        self.entries()
            .into_iter()
            .filter(|entry| entry.is(told))
            .collect()
    }

    /// The statuses that it told one after another, without repetitions.
    pub(crate) fn statuses(&self) -> Vec<&'static str> {
        let told = self.told(Told::Status);
        let mut statuses: Vec<_> = told.iter().map(|entry| entry.status).collect();
        statuses.dedup();
        statuses
    }

    /// Waits for something to be so, looking whenever the client is told something.
    pub(crate) async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let patience = Patience::new();
        while !done(self) {
            let next = Promise::new(&mut |resolve, _| self.log.waiting.borrow_mut().push(resolve));
            if patience.wait(&next).await {
                continue;
            }
            let entries = self.entries();
            let last = &entries[entries.len().saturating_sub(8)..];
            let status = self.status();
            panic!(
                "{what}: never. {status}; {} entries, the last: {last:?}",
                entries.len()
            );
        }
    }

    pub(crate) async fn until_status(&self, status: &str) {
        self.until(status, |client| client.status() == status).await;
    }

    /// Waits for so many entries of a kind.
    pub(crate) async fn until_told(&self, told: Told, count: usize) -> Vec<Entry> {
        self.until(&format!("{count} × {told:?}"), |client| {
            client
                .log
                .entries
                .borrow()
                .iter()
                .filter(|entry| entry.is(told))
                .count()
                >= count
        })
        .await;
        self.told(told)
    }

    pub(crate) fn status(&self) -> &'static str {
        status(&self.core)
    }

    pub(crate) fn figure(&self, figure: Figure) -> f64 {
        self.core.figure(figure)
    }

    /// The mirrored state, as JSON that can be compared.
    pub(crate) fn state(&self) -> Value {
        page::value(&self.core.state())
    }

    /// Sends a request and waits for its end.
    pub(crate) async fn request(&self, name: &str, data: serde_json::Value) -> Entry {
        let first = self.log.entries.borrow().len();
        let id = self.core.ask(name, &data.to_string(), None);
        assert!(id > 0.0, "{name} was not sent: {id}");
        self.response(id, first).await
    }

    /// The end of a request, among what was told from the entry `first` on.
    pub(crate) async fn response(&self, id: f64, first: usize) -> Entry {
        let find = |client: &Self| {
            let entries = client.log.entries.borrow();
            entries[first..]
                .iter()
                .find(|entry| is_response(entry, id))
                .cloned()
        };
        self.until("the response", |client| find(client).is_some())
            .await;
        find(self).unwrap()
    }
}

fn is_response(entry: &Entry, id: f64) -> bool {
    let ends = [
        Told::Done,
        Told::Refused,
        Told::Lost,
        Told::TimedOut,
        Told::Closed,
    ];
    ends.iter().any(|end| entry.is(*end)) && entry.one.as_f64() == Some(id)
}

impl Drop for Client {
    fn drop(&mut self) {
        self.core.close();
    }
}
