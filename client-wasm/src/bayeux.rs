//! Bayeux for pages: the class that the package's facade wraps.

use std::{cell::OnceCell, rc::Rc, time::Duration};

use js_sys::{Array, Function};
use mirrorball_protocol::{
    bayeux::client::{
        Client, ClientEvent, CommandError, Ending, Extras, Fault, Outcome, RequestId,
    },
    machine::Input,
    time::Instant,
};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use crate::{
    clock::to_milliseconds,
    js::{Js, tell},
    options,
    shell::Shell,
    way::{Hooks, Setup, Way},
};

/// What the facade is told: the first argument of its callback.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum BayeuxTold {
    /// The status changed.
    Status,
    /// A message came: the message, an array of the subscriptions that it matches.
    Message,
    /// A request was carried out: id, reply.
    Done,
    /// A request was refused: id, reply.
    Refused,
    /// A request was lost with its connection: id.
    Unknown,
    /// A request had no reply in time: id.
    TimedOut,
    /// A request was never sent: id.
    Unsent,
    /// A handshake or a connect was refused: channel, reply.
    MetaRefused,
    /// A subscription was made again in a new session: channel.
    Restored,
    /// A subscription was refused in a new session: channel, reply.
    Dropped,
    /// The session was lost, and there is a new one.
    SessionLost,
    /// Connected again within the session; messages may be lost.
    Gap,
    /// The way to the server is another: the places of the one so far, and of the one from now on.
    TransportChanged,
    /// The server wants other credentials.
    Authenticate,
    /// The server broke the protocol: close code, text.
    Violation,
    /// There is no further attempt: why, as [`End`].
    Ended,
}

/// Why there is no further attempt.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// The server advises to stay away.
    Advice,
    /// The server ended the session.
    Disconnected,
    /// The server speaks over none of the ways that the client has.
    NoTransport,
    /// No connection could be made.
    GivenUp,
}

/// Why a command was not followed, as those that return an id say it: no request has such an id.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum Unfollowed {
    /// The client is open.
    Open = -1,
    /// The client is closed, closing, or has ended.
    Closed = -2,
    /// Too many requests or subscriptions.
    Full = -3,
    /// The message is too large.
    Large = -4,
    /// The channel is none, or none for this.
    Channel = -5,
}

/// What [`BayeuxCore::figure`] tells.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum BayeuxFigure {
    /// Where the client is in its life: disconnected, connecting, connected, disconnecting, ended, from 0 on.
    State,
    /// The place of the way to the server among the addresses; `NaN` before there is a session.
    ConnectionType,
    /// Attempts that failed since the last connection that lasted.
    Retries,
    /// When the next attempt begins, on the clock of `performance.now()`.
    NextRetry,
    /// Whether there was a connection since the client was opened: 0 or 1.
    EverConnected,
    /// Requests without an end, sent or not.
    InFlight,
    /// The close code or HTTP status that goes with [`BayeuxCore::fault_text`].
    FaultCode,
    /// How far the server's clock is ahead, in milliseconds.
    TimeOffset,
    /// How long a message takes to the server, in milliseconds.
    NetworkLag,
}

type Emit = Box<dyn Fn(ClientEvent<Js>)>;
type Driver = Shell<Client<Js>, Emit, Way>;

/// One client. The facade in TypeScript gives it names, types and promises.
#[wasm_bindgen]
#[derive(Debug)]
pub struct BayeuxCore {
    shell: Rc<Driver>,
}

#[wasm_bindgen]
impl BayeuxCore {
    /// A client of the server at `addresses`, one to a line, the preferred one first; their schemes say whether they are for a
    /// WebSocket or for long-polling. `settings` are at the indices of [`BayeuxSetting`](options::bayeux::BayeuxSetting), `NaN` for
    /// the default. `seed` makes the waits of this client differ from those of others. With `says_kind` the address of a request
    /// says what it is about. `told` is called with a [`BayeuxTold`] and two more arguments, and may call back in.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(
        addresses: &str,
        settings: &[f64],
        seed: f64,
        says_kind: bool,
        hooks: Hooks,
        told: Function,
    ) -> Self {
        let addresses: Vec<String> = addresses.lines().map(String::from).collect();
        let options = options::bayeux::read(settings, &addresses, seed.to_bits());
        let place: Rc<OnceCell<std::rc::Weak<Driver>>> = Rc::default();
        let setup = Setup {
            hooks,
            says_kind,
            denied: Rc::new({
                let place = Rc::clone(&place);
                move |payload, status| {
                    if let Some(shell) = place.get().and_then(std::rc::Weak::upgrade) {
                        shell.command(|client, now| client.denied(payload, status, now));
                    }
                }
            }),
        };
        let emit: Emit = Box::new(move |event| emit(&told, event));
        let shell = Shell::new(Client::new(options), addresses, setup, emit);
        // Nobody else sets it.
        let _ = place.set(Rc::downgrade(&shell));
        Self { shell }
    }

    /// Makes a session and connects. Returns zero, or an [`Unfollowed`].
    pub fn open(&self) -> f64 {
        let opened = self.shell.command(Client::open);
        opened.map_or_else(unfollowed, |()| 0.0)
    }

    /// Ends the session; asked once more, at once.
    pub fn close(&self) {
        self.shell.command(Client::close);
    }

    /// Publishes `data`, a JSON text, with `ext`, a JSON object, or nothing. `timeout` is in milliseconds, infinite
    /// for ever. Returns the request's id, or an [`Unfollowed`].
    pub fn publish(&self, channel: &str, data: &str, ext: &str, timeout: Option<f64>) -> f64 {
        self.request(ext, timeout, None, |client, extras, now| {
            client.publish(channel, data, extras, now)
        })
    }

    /// As [`publish`](Self::publish), on a service channel, and waits for its answer.
    pub fn call(&self, channel: &str, data: &str, ext: &str, timeout: Option<f64>) -> f64 {
        self.request(ext, timeout, None, |client, extras, now| {
            client.call(channel, data, extras, now)
        })
    }

    /// Subscribes to a channel or pattern, after the message with the id `replay` where there is one. Returns as
    /// [`publish`](Self::publish).
    pub fn subscribe(&self, channel: &str, ext: &str, replay: Option<f64>) -> f64 {
        self.request(ext, None, replay, |client, extras, now| {
            client.subscribe(channel, extras, now)
        })
    }

    /// Ends a subscription. Returns as [`publish`](Self::publish).
    pub fn unsubscribe(&self, channel: &str) -> f64 {
        self.request("", None, None, |client, extras, now| {
            client.unsubscribe(channel, extras, now)
        })
    }

    fn request(
        &self,
        ext: &str,
        timeout: Option<f64>,
        replay: Option<f64>,
        ask: impl FnOnce(&mut Client<Js>, Extras<'_>, Instant) -> Result<RequestId, CommandError>,
    ) -> f64 {
        let timeout = timeout
            .filter(|timeout| !timeout.is_nan())
            .map(|timeout| options::duration(timeout).unwrap_or(Duration::MAX));
        let extras = Extras {
            ext: (!ext.is_empty()).then_some(ext),
            timeout,
            replay: replay.map(|id| id as i64),
        };
        let asked = self.shell.command(|client, now| ask(client, extras, now));
        asked.map_or_else(unfollowed, number)
    }

    /// Forgets a request: nobody waits for it any more.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an id came from a request"
    )]
    pub fn abandon(&self, id: f64) {
        let id = RequestId::from_number(id as u64);
        self.shell.command(|client, _| client.abandon(id));
    }

    /// From here on requests wait, to go together.
    #[wasm_bindgen(js_name = "beginBatch")]
    pub fn begin_batch(&self) {
        self.shell.command(|client, _| client.begin_batch());
    }

    /// Ends what [`begin_batch`](Self::begin_batch) began.
    #[wasm_bindgen(js_name = "endBatch")]
    pub fn end_batch(&self) {
        self.shell.command(Client::end_batch);
    }

    /// While suspended no further connect is sent.
    pub fn suspend(&self, suspended: bool) {
        self.shell
            .command(|client, now| client.suspend(suspended, now));
    }

    /// Whether there are other credentials.
    pub fn authenticated(&self, renewed: bool) {
        self.shell
            .command(|client, now| client.authenticated(renewed, now));
    }

    /// The members of the `ext` of handshakes from now on, as a JSON object; none where it is missing.
    #[wasm_bindgen(js_name = "setHandshakeExt")]
    pub fn set_handshake_ext(&self, ext: Option<String>) {
        self.shell
            .command(|client, _| client.set_handshake_ext(ext));
    }

    /// What a clock on the wall shows now, in milliseconds since 1970.
    #[wasm_bindgen(js_name = "setWallClock")]
    pub fn set_wall_clock(&self, since_1970: f64) {
        if let Some(since_1970) = options::duration(since_1970) {
            self.shell
                .command(|client, now| client.set_wall_clock(since_1970, now));
        }
    }

    /// The network seems to be back.
    pub fn online(&self) {
        self.shell.handle(Input::Online);
    }

    /// Leaves the connection, where there is one, and makes another at once, within the same session.
    pub fn reconnect(&self) {
        self.shell.command(Client::reconnect);
    }

    /// One figure of the status; `NaN` where there is none.
    #[must_use]
    pub fn figure(&self, figure: BayeuxFigure) -> f64 {
        self.shell.ask(|client| {
            let status = client.status();
            match figure {
                BayeuxFigure::State => status.state as u32 as f64,
                BayeuxFigure::ConnectionType => match client.connection_type() {
                    Some(_) => status.connection_type as f64,
                    None => f64::NAN,
                },
                BayeuxFigure::Retries => status.retries as f64,
                BayeuxFigure::NextRetry => status.next_retry.map_or(f64::NAN, to_milliseconds),
                BayeuxFigure::EverConnected => status.ever_connected as u32 as f64,
                BayeuxFigure::InFlight => (status.in_flight + status.queued) as f64,
                BayeuxFigure::FaultCode => status
                    .last_fault
                    .map_or(f64::NAN, |fault| describe(fault).0.into()),
                BayeuxFigure::TimeOffset => client.time_offset() as f64,
                BayeuxFigure::NetworkLag => client.network_lag() as f64,
            }
        })
    }

    /// What ended the last connection or attempt, in words; empty where the network did.
    #[wasm_bindgen(getter, js_name = "faultText")]
    #[must_use]
    pub fn fault_text(&self) -> String {
        let fault = self.shell.ask(|client| client.status().last_fault);
        fault.map_or("", |fault| describe(fault).1).into()
    }

    /// The session's name; empty while there is none.
    #[wasm_bindgen(getter, js_name = "clientId")]
    #[must_use]
    pub fn client_id(&self) -> String {
        self.shell
            .ask(|client| client.client_id().unwrap_or_default().into())
    }

    /// What is subscribed to, as the server said; one to a line.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn subscriptions(&self) -> String {
        self.shell.ask(|client| {
            let mut all = String::new();
            for channel in client.subscriptions() {
                all.push_str(channel);
                all.push('\n');
            }
            all
        })
    }
}

fn number(id: RequestId) -> f64 {
    id.number() as f64
}

fn unfollowed(error: CommandError) -> f64 {
    let why = match error {
        CommandError::Open => Unfollowed::Open,
        CommandError::Closed => Unfollowed::Closed,
        CommandError::Full => Unfollowed::Full,
        CommandError::Large => Unfollowed::Large,
        CommandError::Channel(_) | CommandError::Meta | CommandError::Service => {
            Unfollowed::Channel
        }
    };
    why as i32 as f64
}

fn emit(told: &Function, event: ClientEvent<Js>) {
    let none = JsValue::UNDEFINED;
    let (kind, one, two) = match event {
        ClientEvent::Status => (BayeuxTold::Status, none.clone(), none),
        ClientEvent::Message {
            message,
            subscriptions,
        } => {
            let subscriptions: Array = subscriptions
                .iter()
                .map(|channel| JsValue::from(&**channel))
                .collect();
            (
                BayeuxTold::Message,
                message.0.into_value(),
                subscriptions.into(),
            )
        }
        ClientEvent::Reply { id, outcome } => {
            let (kind, reply) = match outcome {
                Outcome::Done(reply) => (BayeuxTold::Done, reply.0.into_value()),
                Outcome::Refused(reply) => (BayeuxTold::Refused, reply.0.into_value()),
                Outcome::Unknown => (BayeuxTold::Unknown, none),
                Outcome::TimedOut => (BayeuxTold::TimedOut, none),
                Outcome::Unsent => (BayeuxTold::Unsent, none),
            };
            (kind, number(id).into(), reply)
        }
        ClientEvent::Refused { meta, reply } => (
            BayeuxTold::MetaRefused,
            meta.name().into(),
            reply.0.into_value(),
        ),
        ClientEvent::Restored(channel) => (BayeuxTold::Restored, (&*channel).into(), none),
        ClientEvent::Dropped { channel, reply } => (
            BayeuxTold::Dropped,
            (&*channel).into(),
            reply.0.into_value(),
        ),
        ClientEvent::SessionLost => (BayeuxTold::SessionLost, none.clone(), none),
        ClientEvent::Gap => (BayeuxTold::Gap, none.clone(), none),
        ClientEvent::TransportChanged { from, to } => (
            BayeuxTold::TransportChanged,
            (from as f64).into(),
            (to as f64).into(),
        ),
        ClientEvent::Authenticate => (BayeuxTold::Authenticate, none.clone(), none),
        ClientEvent::Violation(fault) => {
            let (code, text) = describe(fault);
            (BayeuxTold::Violation, code.into(), text.into())
        }
        ClientEvent::Ended(ending) => {
            let end = match ending {
                Ending::Advice => End::Advice,
                Ending::Disconnected => End::Disconnected,
                Ending::NoTransport => End::NoTransport,
                Ending::GivenUp => End::GivenUp,
            };
            (BayeuxTold::Ended, (end as u32 as f64).into(), none)
        }
    };
    tell(told, kind as i32, &one, &two);
}

/// A fault as a code and words; none for what the network did.
fn describe(fault: Fault) -> (u16, &'static str) {
    match fault {
        Fault::Lost(code) => (code, ""),
        Fault::Closed(reason) => (reason.code, reason.text),
    }
}
