//! The network heals, and all has to be well.

use mirrorball_protocol::{
    Machine,
    json::{Json, Text},
    juggler::client::State,
    machine::Input,
};

use super::{Check, HEALING, World, ensure, note, site::Conn};
use crate::suite::canonical;

impl<J: Json> World<J> {
    /// Whether the schedule is played to its end.
    pub(super) fn is_over(&mut self) -> Result<bool, String> {
        if self.app.closed {
            return Ok(true);
        }
        if self.actions > 0 {
            return Ok(false);
        }
        let Some(until) = self.healing_until else {
            self.heal();
            self.pump_all()?;
            return self.is_over();
        };
        if let Some((until, attempt)) = self.lingering_until {
            ensure!(
                self.current == Some(attempt),
                "a connection that was fine is lost"
            );
            return Ok(self.now >= until);
        }
        if !self.is_settled() {
            ensure!(
                self.now < until,
                "not settled in time: {:?}",
                self.client.status()
            );
            return Ok(false);
        }
        let (shown, state) = (canonical(&self.client.state()), canonical(&self.site.state));
        ensure!(
            shown == state,
            "the mirror is {shown:.300}, the state {state:.300}"
        );
        let (app, client, mut around) = self.around();
        app.look(client, &mut around)?;
        self.tally.healed += 1;
        note!(self, "settled");
        let options = &self.plan.client.keepalive;
        let long = options.ping_delay.unwrap_or_default() + options.ping_timeout;
        let attempt = self.current.unwrap_or_default();
        self.lingering_until = Some((self.now + 2 * long.as_millis() as u64 + 5_000, attempt));
        Ok(!self.plan.lingers)
    }

    /// From now on nothing breaks any more. What broke silently is still to be found out.
    pub(super) fn heal(&mut self) {
        note!(self, "the network heals");
        self.healing_until = Some(self.now + HEALING);
        self.asleep_until = 0;
        for socket in &mut self.sockets {
            socket.up.heal(self.now);
            socket.down.heal(self.now);
            if let Some(conn) = &mut socket.conn {
                conn.blocked_until = 0;
            }
        }
        self.site.flush.flush(self.instant());
        self.publish();
    }

    /// Whether nothing is on its way any more.
    pub(super) fn is_settled(&self) -> bool {
        let (status, now) = (self.client.status(), self.instant());
        let current = self
            .sockets
            .iter()
            .find(|socket| Some(socket.attempt) == self.current);
        let quiet = current.is_some_and(|socket| {
            let still = |conn: &Conn| {
                let empty = conn.outbox.is_empty() && conn.later.is_empty();
                // One that retires is about to go.
                let due = conn.server.deadline().is_some_and(|due| due <= now);
                empty && !due && conn.server.is_flushed() && conn.version == self.site.version()
            };
            socket.up.is_quiet()
                && socket.down.is_quiet()
                && socket.conn.as_ref().is_some_and(still)
        });
        quiet && status.state == State::Connected && status.in_flight == 0
    }

    /// The application closes the client: every request ends, and nothing happens any more.
    pub(super) fn close(&mut self) -> Check {
        let before = canonical(&self.client.state());
        self.client.close();
        self.app.closed = true;
        self.drive()?;
        ensure!(self.client.deadline().is_none(), "a closed client waits");
        let (now, attempt) = (self.instant(), self.attempts);
        for input in [
            Input::Tick,
            Input::Online,
            Input::Opened { attempt },
            Input::Text {
                attempt,
                text: J::Text::new(r#"0{"type":"state","diff":[]}"#),
            },
            Input::Binary { attempt },
            Input::Closed {
                attempt,
                code: 1006,
            },
        ] {
            self.client.handle(input, now);
            ensure!(self.client.poll().is_none(), "a closed client goes on");
        }
        self.client.cut(now);
        self.client.close();
        ensure!(self.client.poll().is_none(), "a closed client goes on");
        let after = canonical(&self.client.state());
        ensure!(
            before == after,
            "closing changed {before:.300} to {after:.300}"
        );
        let (app, client, mut around) = self.around();
        app.ask(client, &mut around, usize::MAX)
    }
}
