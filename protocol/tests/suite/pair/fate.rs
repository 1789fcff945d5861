//! What happens by itself: both applications act, the network fails.

use mirrorball_protocol::{
    Machine, json::Json, juggler::segment::Draft, machine::Input, reason::Reason,
};

use super::{Check, World, ensure, note, wire::Item};

impl<J: Json> World<J> {
    pub(super) fn act(&mut self) -> Check {
        self.actions -= 1;
        self.next_act = self.now
            + match self.random.below(100) {
                0..=39 => self.random.between(0, 50),
                40..=79 => self.random.between(50, 1_000),
                80..=95 => self.random.between(1_000, 5_000),
                _ => self.random.between(10_000, 70_000),
            };
        let now = self.instant();
        match self.random.below(100) {
            0..=24 => {
                note!(self, "the state changes");
                self.site.change(&mut self.random, now);
                if self.random.chance(20) {
                    self.site.flush.flush(now);
                }
                self.publish();
            }
            25..=34 => self.notify(),
            35..=56 => {
                let limit = self.plan.client.max_pending;
                for _ in 0..=self.random.below(4) {
                    note!(self, "client asks");
                    let (app, client, mut around) = self.around();
                    app.ask(client, &mut around, limit)?;
                }
                self.drive()?;
            }
            57..=58 => {
                let (app, client, around) = self.around();
                app.abandon(client, around.random);
                self.drive()?;
            }
            59..=64 => {
                let (app, client, mut around) = self.around();
                app.look(client, &mut around)?;
                app.check_held()?;
            }
            65..=68 => {
                note!(self, "the client is told again what it knows");
                let before = self.client.deadline();
                if before.is_none_or(|due| due > now) {
                    self.client.handle(Input::Tick, now);
                    ensure!(self.client.poll().is_none(), "an early tick did something");
                    ensure!(
                        self.client.deadline() == before,
                        "an early tick moved the deadline"
                    );
                }
                self.input(Input::Online)?;
            }
            69..=70 => {
                note!(self, "the client is cut");
                self.client.cut(now);
                self.drive()?;
            }
            71..=72 => {
                self.asleep_until = self.now + self.random.between(1, 40_000);
                self.tally.slept += 1;
                note!(self, "the client sleeps until {}", self.asleep_until);
            }
            73 => {
                self.refusing_until = self.now + self.random.between(1, 20_000);
                note!(self, "the server refuses until {}", self.refusing_until);
            }
            74..=75 => self.restart(),
            76 if self.plan.closes && self.random.chance(50) => {
                note!(self, "the application closes the client");
                self.close()?;
            }
            77..=79 if self.plan.hostile => self.misbehave(),
            _ => self.disturb(),
        }
        Ok(())
    }

    /// Something happens to one of the sockets.
    pub(super) fn disturb(&mut self) {
        if self.sockets.is_empty() {
            return;
        }
        let index = self.random.below(self.sockets.len());
        let until = self.now + self.random.between(1, 15_000);
        let socket = &mut self.sockets[index];
        let (now, random) = (self.now, &mut self.random);
        let what = random.below(if self.plan.keepalive { 7 } else { 5 });
        note!(self, "socket {}: fault {what}", socket.attempt);
        match what {
            0 => {
                socket.up.cut(now, random);
                socket.down.cut(now, random);
            }
            1 => socket.up.stall(until),
            2 => socket.down.stall(until),
            3 => {
                if let Some(conn) = &mut socket.conn {
                    conn.blocked_until = until;
                }
            }
            4 => {
                if let Some(conn) = &mut socket.conn {
                    if random.chance(50) {
                        conn.server.close(Reason::GOING_AWAY);
                    } else {
                        conn.server.retire(Reason::RESTART);
                    }
                }
            }
            // From here on somebody is not told.
            5 => {
                socket.up.silence(random);
                if random.chance(50) {
                    socket.down.silence(random);
                } else {
                    socket.down.cut(now, random);
                }
            }
            _ => socket.down.silence(random),
        }
    }

    pub(super) fn notify(&mut self) {
        for _ in 0..=self.random.below(5) {
            let message = self
                .site
                .notification(&mut self.random, self.plan.server.max_segment_size);
            note!(
                self,
                "notification {} of {}",
                self.site.notified,
                self.site.epoch
            );
            for conn in self
                .sockets
                .iter_mut()
                .filter_map(|socket| socket.conn.as_mut())
            {
                conn.outbox.push_back(message.clone());
            }
        }
    }

    pub(super) fn restart(&mut self) {
        note!(self, "the server restarts");
        self.tally.restarts += 1;
        for socket in &mut self.sockets {
            socket.conn = None;
            // A machine that is switched off tells nobody.
            if self.plan.keepalive && self.random.chance(40) {
                socket.down.silence(&mut self.random);
            } else {
                socket.down.cut(self.now, &mut self.random);
            }
        }
        self.site.restart(&self.plan, &mut self.random);
    }

    /// The server sends what no server should.
    pub(super) fn misbehave(&mut self) {
        const MESSAGES: [&str; 9] = [
            r#"{"type":"state","diff":[{"op":"add","path":"/torn","value":1},{"op":"remove","path":"/nowhere/x"}]}"#,
            r#"{"type":"state","diff":[{"op":"replace","path":"","value":{"torn":1}},{"op":"spam"}]}"#,
            r#"{"type":"state","diff":[{"op":"move","from":"","path":"/torn"}]}"#,
            r#"{"type":"state","diff":{}}"#,
            r#"{"type":"state"}"#,
            r#"{"type":"response","id":1,"success":"yes","data":1}"#,
            r#"{"type":"spam"}"#,
            "[",
            "",
        ];
        let what = self.random.below(MESSAGES.len() + 4);
        let (now, random) = (self.now, &mut self.random);
        note!(self, "the server misbehaves: {what}");
        for socket in &mut self.sockets {
            let Some(conn) = &mut socket.conn else {
                continue;
            };
            match MESSAGES.get(what) {
                Some(message) => {
                    let mut draft = Draft::default();
                    draft.text().push_str(message);
                    conn.outbox.push_back(self.plan.seal(draft));
                }
                None => {
                    let item = match what - MESSAGES.len() {
                        0 => Item::Binary,
                        1 => Item::Text(String::new()),
                        2 => Item::Text("4".to_owned()),
                        _ => Item::Text("2".repeat(5_000)),
                    };
                    socket.down.send(item, now, random);
                }
            }
        }
    }
}
