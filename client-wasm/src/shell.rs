//! The driver: one machine in a browser.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
};

use mirrorball_protocol::{
    Machine,
    json::Text,
    machine::{Input, Output, with_query},
    reason::Reason,
    time::Instant,
};

use crate::{
    clock::{self, Timer},
    js::JsText,
};

/// The code with which a socket is reported as closed that could not be opened.
const NEVER_OPENED: u16 = 1006;

/// The browser does not open a line: its address is no URL, or one that this page may not connect to.
#[derive(Clone, Copy, Debug)]
pub struct Refused;

/// One attempt's way to a server.
pub trait Line: Sized + 'static {
    /// What goes over it.
    type Frame;
    /// What the lines of a client have in common.
    type Setup;

    /// Opens it. `report` is told what happens to it, with the number of this `attempt`, until it is dropped; that closes it.
    ///
    /// # Errors
    ///
    /// Where the browser refuses.
    fn open(
        setup: &Self::Setup,
        address: &str,
        attempt: u32,
        report: impl Fn(Input<JsText>) + Clone + 'static,
    ) -> Result<Self, Refused>;

    /// Whether it is open as soon as there is one, and does not say so.
    fn opens_at_once(&self) -> bool {
        false
    }

    /// Sends a frame.
    fn send(&self, frame: Self::Frame);

    /// Closes it.
    fn close(self, reason: Reason);
}

/// Runs a machine over lines, and tells `emit` what the application is to be told.
///
/// `emit` may call back in: it is called while nothing is borrowed, from the one loop in
/// [`drain`](Self::drain).
pub struct Shell<M, E, L: Line> {
    this: Weak<Self>,
    addresses: RefCell<Vec<String>>,
    machine: RefCell<M>,
    setup: L::Setup,
    line: RefCell<Option<L>>,
    timer: RefCell<Timer>,
    emit: E,
    draining: Cell<bool>,
    traffic: Cell<Traffic>,
}

/// What came in so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// WebSocket messages.
    pub messages: u64,
    /// Their length, in UTF-16 units.
    pub length: u64,
}

impl<M, E, L> Shell<M, E, L>
where
    M: Machine<Text = JsText, Frame = L::Frame> + 'static,
    E: Fn(M::Event) + 'static,
    L: Line,
{
    /// Runs `machine`, which chooses among `addresses`.
    pub fn new(machine: M, addresses: Vec<String>, setup: L::Setup, emit: E) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            addresses: RefCell::new(addresses),
            machine: RefCell::new(machine),
            setup,
            line: RefCell::default(),
            timer: RefCell::default(),
            emit,
            draining: Cell::default(),
            traffic: Cell::default(),
        })
    }

    /// Passes a command to the machine, and carries out what comes of it.
    pub fn command<R>(&self, command: impl FnOnce(&mut M, Instant) -> R) -> R {
        let result = command(&mut self.machine.borrow_mut(), clock::now());
        self.drain();
        result
    }

    /// Has the machine choose among these addresses from now on; it has to be told how many there are.
    pub fn set_addresses(&self, addresses: Vec<String>) {
        self.addresses.replace(addresses);
    }

    /// Asks the machine.
    pub fn ask<R>(&self, question: impl FnOnce(&mut M) -> R) -> R {
        question(&mut self.machine.borrow_mut())
    }

    /// Passes an input to the machine, and carries out what comes of it.
    pub fn handle(&self, input: Input<JsText>) {
        if let Input::Text { text, .. } = &input {
            let mut traffic = self.traffic.get();
            traffic.messages += 1;
            traffic.length += text.len() as u64;
            self.traffic.set(traffic);
        }
        self.machine.borrow_mut().handle(input, clock::now());
        self.drain();
    }

    /// What came in so far.
    pub fn traffic(&self) -> Traffic {
        self.traffic.get()
    }

    /// Carries out what the machine wants. What a callback causes is carried out after it, by the same loop.
    pub fn drain(&self) {
        if self.draining.replace(true) {
            return;
        }
        loop {
            let output = self.machine.borrow_mut().poll();
            match output {
                Some(output) => self.carry_out(output),
                None => break,
            }
        }
        self.draining.set(false);
        let deadline = self.machine.borrow().deadline();
        let this = Weak::clone(&self.this);
        self.timer.borrow_mut().set(deadline, move || {
            if let Some(shell) = this.upgrade() {
                shell.timer.borrow_mut().fired();
                shell.handle(Input::Tick);
            }
        });
    }

    fn carry_out(&self, output: Output<L::Frame, M::Event>) {
        match output {
            Output::Connect {
                attempt,
                address,
                query,
            } => self.connect(attempt, address, query.as_deref()),
            Output::Send { frame, .. } => {
                if let Some(line) = &*self.line.borrow() {
                    line.send(frame);
                }
            }
            Output::Close { reason, .. } => {
                if let Some(line) = self.line.take() {
                    line.close(reason);
                }
            }
            Output::Event(event) => (self.emit)(event),
        }
    }

    fn connect(&self, attempt: u32, address: usize, query: Option<&str>) {
        let this = Weak::clone(&self.this);
        let report = move |input| {
            if let Some(shell) = this.upgrade() {
                shell.handle(input);
            }
        };
        let opened = {
            let addresses = self.addresses.borrow();
            let address = addresses.get(address).map_or("", String::as_str);
            let whole = query.map(|query| with_query(address, query));
            L::open(
                &self.setup,
                whole.as_deref().unwrap_or(address),
                attempt,
                report,
            )
        };
        match opened {
            Ok(line) => {
                let opens_at_once = line.opens_at_once();
                drop(self.line.replace(Some(line)));
                if opens_at_once {
                    let opened = Input::Opened { attempt };
                    self.machine.borrow_mut().handle(opened, clock::now());
                }
            }
            Err(_) => {
                let never = Input::Closed {
                    attempt,
                    code: NEVER_OPENED,
                };
                self.machine.borrow_mut().handle(never, clock::now());
            }
        }
    }
}

impl<M, E, L: Line> std::fmt::Debug for Shell<M, E, L> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Shell").finish_non_exhaustive()
    }
}
