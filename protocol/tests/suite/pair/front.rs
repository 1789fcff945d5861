//! The client and its shell.

use mirrorball_protocol::{
    Machine,
    json::{Json, Text},
    juggler::Client,
    machine::{Input, Output},
    reason::Reason,
    time::Instant,
};

use super::{
    Check, End, Socket, World,
    app::{App, Around},
    brief, ensure, note,
    wire::{Item, Wire},
};

impl<J: Json> World<J> {
    pub(super) fn around(&mut self) -> (&mut App<J>, &mut Client<J>, Around<'_>) {
        let open = self.is_open();
        let around = Around {
            site: &self.site,
            tally: &mut self.tally,
            random: &mut self.random,
            now: Instant::from_millis(self.now),
            open,
            hostile: self.plan.hostile,
            reads: self.plan.reads,
            request_timeout: self.plan.client.request_timeout.unwrap_or_default(),
        };
        (&mut self.app, &mut self.client, around)
    }

    pub(super) fn is_open(&self) -> bool {
        let open =
            |socket: &Socket| Some(socket.attempt) == self.current && socket.client == End::Open;
        self.sockets.iter().any(open)
    }

    pub(super) fn input(&mut self, input: Input<J::Text>) -> Check {
        self.client.handle(input, self.instant());
        self.drive()
    }

    /// Carries out what the client says, then checks what it says of itself.
    pub(super) fn drive(&mut self) -> Check {
        loop {
            self.tell_room();
            let Some(output) = self.client.poll() else {
                break;
            };
            match output {
                Output::Connect {
                    attempt,
                    address,
                    query,
                } => self.connect(attempt, address, query)?,
                Output::Send { attempt, frame } => self.send(attempt, frame)?,
                Output::Close { attempt, reason } => self.leave(attempt, reason)?,
                Output::Event(event) => {
                    note!(self, "client tells {}", brief(&event));
                    let (app, client, mut around) = self.around();
                    app.take(event, client, &mut around)?;
                }
            }
        }
        let open = self.is_open();
        let waiting = self.current.is_none() && !self.app.closed;
        self.app.check_status(&self.client, open, waiting)
    }

    /// Tells the client whether its socket takes more, where that changed; returns whether it did.
    pub(super) fn tell_room(&mut self) -> bool {
        let (now, window, current) = (self.instant(), self.plan.window, self.current);
        let open =
            |socket: &&mut Socket| Some(socket.attempt) == current && socket.client == End::Open;
        let Some(socket) = self.sockets.iter_mut().find(open) else {
            return false;
        };
        let writable = socket.up.len() < window;
        let changed = std::mem::replace(&mut socket.writable, writable) != writable;
        if changed {
            self.tally.full += u64::from(!writable);
            self.client.handle(Input::Writable(writable), now);
        }
        changed
    }

    pub(super) fn connect(&mut self, attempt: u32, address: usize, query: Option<String>) -> Check {
        self.tally.attempts += 1;
        self.attempts += 1;
        ensure!(
            attempt == self.attempts,
            "attempt {attempt} instead of {}",
            self.attempts
        );
        let turn = (attempt as usize - 1) % self.plan.client.addresses;
        ensure!(address == turn, "address {address} instead of {turn}");
        ensure!(self.current.is_none(), "two sockets at once");
        note!(self, "client connects: attempt {attempt}");
        self.current = Some(attempt);
        let mut socket = Socket {
            attempt,
            client: End::Opening,
            writable: true,
            up: Wire::new(self.plan.pace),
            down: Wire::new(self.plan.pace),
            conn: None,
            query,
            before: (0, 0),
        };
        socket.up.send(Item::Open, self.now, &mut self.random);
        if self.healing_until.is_none() && self.random.chance(self.plan.unanswered) {
            socket.up.drop_all();
            socket.down.drop_all();
        }
        self.sockets.push(socket);
        Ok(())
    }

    pub(super) fn send(&mut self, attempt: u32, frame: String) -> Check {
        let most = self.plan.client.max_segment_size.max(4) + 1;
        ensure!(frame.len() <= most, "a segment of {} bytes", frame.len());
        note!(self, "client sends {frame:.120}");
        let socket = self
            .sockets
            .iter_mut()
            .find(|socket| socket.attempt == attempt);
        let open =
            socket.filter(|socket| socket.client == End::Open && self.current == Some(attempt));
        let Some(socket) = open else {
            return Err(format!(
                "sent over socket {attempt}, which is not open: {frame:.120}"
            ));
        };
        ensure!(
            socket.writable,
            "the client writes to a full socket: {frame:.120}"
        );
        socket
            .up
            .send(Item::Text(frame), self.now, &mut self.random);
        Ok(())
    }

    pub(super) fn leave(&mut self, attempt: u32, reason: Reason) -> Check {
        note!(self, "client closes {attempt}: {reason}");
        self.current = None;
        // It may have closed by itself.
        if let Some(socket) = self
            .sockets
            .iter_mut()
            .find(|socket| socket.attempt == attempt)
        {
            socket.client = End::Closed;
            socket.up.finish(reason.code, self.now, &mut self.random);
            if !self.plan.late {
                socket.down.drop_all();
            }
        }
        Ok(())
    }

    pub(super) fn tick_client(&mut self) -> Check {
        note!(self, "client ticks");
        self.input(Input::Tick)?;
        let (now, due) = (self.instant(), self.client.deadline());
        ensure!(
            due.is_none_or(|due| due > now),
            "due at {due:?}, which is past"
        );
        Ok(())
    }

    pub(super) fn arrive_at_client(&mut self, index: usize) -> Check {
        let socket = &mut self.sockets[index];
        let Some(item) = socket.down.take() else {
            return Ok(());
        };
        let attempt = socket.attempt;
        self.tally.late += u64::from(socket.client == End::Closed);
        note!(self, "client gets {attempt} {}", brief(&item));
        match item {
            Item::Open => {
                let again = self.tally.opened > 0;
                if socket.client == End::Opening {
                    socket.client = End::Open;
                    self.tally.opened += 1;
                    self.app.opened(socket.before);
                }
                self.input(Input::Opened { attempt })?;
                let open = self.current == Some(attempt);
                ensure!(
                    !open || self.app.told_gap == again,
                    "a gap is told where there is one"
                );
                Ok(())
            }
            Item::Text(text) => self.input(Input::Text {
                attempt,
                text: J::Text::new(&text),
            }),
            Item::Binary => self.input(Input::Binary { attempt }),
            Item::Closed(code) => {
                socket.client = End::Closed;
                self.input(Input::Closed { attempt, code })
            }
        }
    }
}
