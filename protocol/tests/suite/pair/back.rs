//! The server and its shell.

use mirrorball_protocol::{
    Machine,
    json::{Json, Value},
    juggler::{message::Request, server::ServerEvent},
    machine::{Input, Output},
};

use super::{
    Check, World, brief, ensure, note,
    site::{Conn, Execution, Kind},
    wire::Item,
};

impl<J: Json> World<J> {
    pub(super) fn tick_conn(&mut self, index: usize) -> Check {
        let now = self.instant();
        if let Some(conn) = &mut self.sockets[index].conn {
            conn.server.handle(Input::Tick, now);
            let due = conn.server.deadline();
            ensure!(
                due.is_none_or(|due| due > now),
                "the server is due at {due:?}, which is past"
            );
        }
        Ok(())
    }

    pub(super) fn arrive_at_server(&mut self, index: usize) -> Check {
        let now = self.instant();
        let socket = &mut self.sockets[index];
        let Some(item) = socket.up.take() else {
            return Ok(());
        };
        note!(self, "server gets {} {}", socket.attempt, brief(&item));
        match (item, &mut socket.conn) {
            (Item::Open, _) => {
                let healed = self.healing_until.is_some();
                let refused =
                    self.refusing_until > self.now || self.random.chance(self.plan.refused);
                if refused && !healed {
                    socket.down.finish(1006, self.now, &mut self.random);
                } else {
                    socket.before = (self.site.epoch, self.site.notified);
                    socket.down.send(Item::Open, self.now, &mut self.random);
                    let resumed = socket.query.as_deref().map(|query| self.site.recall(query));
                    self.tally.resumed += u64::from(matches!(resumed, Some(Some(_))));
                    self.tally.forgotten += u64::from(resumed == Some(None));
                    let resumed = resumed.flatten();
                    socket.conn = Some(Conn::new(&self.plan, &self.site, resumed, now));
                }
            }
            (Item::Text(text), Some(conn)) => {
                conn.server.handle(Input::Text { attempt: 0, text }, now);
            }
            (Item::Binary, Some(conn)) => conn.server.handle(Input::Binary { attempt: 0 }, now),
            (Item::Closed(code), Some(conn)) => {
                conn.server.handle(Input::Closed { attempt: 0, code }, now);
            }
            (_, None) => {}
        }
        Ok(())
    }

    pub(super) fn pump_all(&mut self) -> Check {
        (0..self.sockets.len()).try_for_each(|index| self.pump(index))
    }

    /// Carries out what the server's end of a socket says.
    pub(super) fn pump(&mut self, index: usize) -> Check {
        loop {
            let now = self.instant();
            let socket = &mut self.sockets[index];
            let Some(conn) = &mut socket.conn else {
                return Ok(());
            };
            let writable = conn.blocked_until <= self.now && socket.down.len() < self.plan.window;
            if conn.writable != writable {
                conn.writable = writable;
                self.tally.unwritable += u64::from(!writable);
                conn.server.handle(Input::Writable(writable), now);
            }
            while let Some(message) = conn.outbox.front() {
                if conn.server.notify(message.clone()).is_err() {
                    break;
                }
                conn.outbox.pop_front();
            }
            let Some(output) = conn.server.poll() else {
                return Ok(());
            };
            match output {
                Output::Send { frame, .. } => {
                    ensure!(
                        conn.writable,
                        "the server writes to a full socket: {frame:.120}"
                    );
                    let most = self.plan.server.max_segment_size.max(4) + 1;
                    ensure!(frame.len() <= most, "a segment of {} bytes", frame.len());
                    socket
                        .down
                        .send(Item::Text(frame), self.now, &mut self.random);
                }
                Output::Event(ServerEvent::Diff {
                    from,
                    to,
                    is_resumed,
                }) => {
                    let message = self.site.step(&self.plan, &from, &to, is_resumed);
                    conn.server.mirror(message);
                    if self.random.chance(10) {
                        // Before it is sent the socket is full, and the state changes once more.
                        conn.blocked_until = self.now + self.random.between(0, 1_000);
                        self.site.change(&mut self.random, now);
                        self.site.flush.flush(now);
                        self.publish();
                    }
                }
                Output::Event(ServerEvent::Request(request)) => self.execute(index, &request)?,
                Output::Event(ServerEvent::Closed(reason)) => {
                    note!(
                        self,
                        "server is done with {}: {reason}",
                        self.sockets[index].attempt
                    );
                    self.sockets[index].conn = None;
                }
                Output::Close { reason, .. } => {
                    socket.down.finish(reason.code, self.now, &mut self.random);
                }
                Output::Connect { .. } => return Err("a server connects".to_owned()),
            }
        }
    }

    pub(super) fn execute(&mut self, index: usize, request: &Request<Value>) -> Check {
        let now = self.instant();
        let name = &*request.name;
        note!(self, "server handles {} {name:?}", request.id);
        let Some(conn) = &mut self.sockets[index].conn else {
            return Err("a request without a connection".to_owned());
        };
        let (id, plan) = (request.id, &self.plan.server);
        if request.key.is_none() {
            ensure!(id > conn.last_id, "request {id} after {}", conn.last_id);
            conn.last_id = id;
        }
        ensure!(
            conn.running == 0 || plan.parallel_requests,
            "two requests at once"
        );
        ensure!(
            conn.running < plan.max_pending_requests,
            "too many requests at once"
        );
        conn.running += 1;
        let Some(token) = request.data.get("token").and_then(Value::as_u64) else {
            return Err(format!("garbled request: {}", request.data));
        };
        let execution = self.site.executions.entry(token).or_default();
        if execution.times > 0 && request.key.is_some() {
            self.tally.repeated += 1;
            return self.again(index, id, token, Kind::named(name));
        }
        execution.times += 1;
        ensure!(execution.times == 1, "request {token} is carried out again");
        match Kind::named(name) {
            Some(Kind::Answer) => self.answer(index, id, token),
            Some(Kind::Write) => {
                self.site.change(&mut self.random, now);
                let version = self.site.version();
                self.site
                    .executions
                    .insert(token, Execution { times: 1, version });
                self.site.flush.flush(now);
                self.publish();
                self.answer(index, id, token);
            }
            Some(Kind::Refuse) => self.refuse(index, id, token),
            Some(Kind::Slow) => {
                let at = self.now + self.random.between(0, 5_000);
                conn.later.push((at, id, token));
            }
            Some(Kind::Never) => {}
            Some(Kind::Echo) | None => {
                return Err(format!("request {id} is not for a handler: {name:?}"));
            }
        }
        Ok(())
    }

    /// A request with a key that came before: it has the same answer, and is not carried out again.
    fn again(&mut self, index: usize, id: i64, token: u64, kind: Option<Kind>) -> Check {
        match kind {
            Some(Kind::Refuse) => self.refuse(index, id, token),
            Some(Kind::Never) => {}
            _ => self.answer(index, id, token),
        }
        Ok(())
    }

    fn refuse(&mut self, index: usize, id: i64, token: u64) {
        let error = [("token", Value::from(token)), ("code", "no".into())];
        if let Some(conn) = &mut self.sockets[index].conn {
            conn.running -= 1;
            let error = Value::Object(error.into_iter().collect());
            conn.server.respond(id, Err(&error));
        }
    }

    pub(super) fn answer(&mut self, index: usize, id: i64, token: u64) {
        if let Some(conn) = &mut self.sockets[index].conn {
            conn.running -= 1;
            conn.server.respond(id, Ok(&Value::from(token)));
        }
    }

    pub(super) fn answer_later(&mut self, index: usize) -> Check {
        let now = self.now;
        let Some(conn) = &mut self.sockets[index].conn else {
            return Ok(());
        };
        if let Some(due) = conn.later.iter().position(|(at, ..)| *at <= now) {
            let (_, id, token) = conn.later.remove(due);
            self.answer(index, id, token);
        }
        Ok(())
    }

    /// Hands the state to all connections, where it is due.
    pub(super) fn publish(&mut self) {
        let now = self.instant();
        if self.site.flush.take(now) {
            for conn in self
                .sockets
                .iter_mut()
                .filter_map(|socket| socket.conn.as_mut())
            {
                conn.server.set_state(self.site.level(&self.plan));
                conn.version = self.site.version();
            }
        }
    }
}
