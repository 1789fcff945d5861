//! The network between both, and how each end drives it.

use std::collections::VecDeque;

use mirrorball_protocol::{
    Machine,
    bayeux::{
        broker::Parcel,
        client::{ConnectionType, Frame, Kind},
    },
    json::{Json, Text},
    machine::{Input, Output},
};

use super::{Check, Event, World, note};

/// What an attempt of the client made.
#[derive(Debug)]
pub(super) struct Link {
    is_polling: bool,
    /// The server's end of a socket.
    conn: Option<u64>,
    /// Nothing goes over it any more, and maybe nobody knows.
    is_cut: bool,
    /// Nothing overtakes what was sent before.
    up: u64,
    down: u64,
    /// The requests that are under way: the connect, and another.
    posts: [Option<u64>; 2],
    waiting: [VecDeque<Frame>; 2],
}

impl<J: Json> World<J> {
    pub(super) fn step(&mut self, event: Event) -> Check {
        match event {
            Event::Act => return self.act(),
            Event::Client(input) => return self.feed(input),
            Event::Knock(attempt) => self.knock(attempt),
            Event::Up(conn, text) => self.receive(conn, &text),
            Event::Post(attempt, post, text) => {
                let conn = self.site.attach(&self.plan, attempt, Some(post));
                self.receive(conn, &text);
                if !self.links.contains_key(&attempt) {
                    // Who sent it is gone already.
                    let now = self.instant();
                    self.site.detach(conn, now);
                }
            }
            Event::Response(attempt, post, status, text) => {
                return self.respond(attempt, post, status, &text);
            }
            Event::Gone(conn) => {
                let now = self.instant();
                if self
                    .site
                    .conns
                    .get(&conn)
                    .is_some_and(|it| it.writing.is_some())
                {
                    self.tally.taken_back += 1;
                }
                self.site.detach(conn, now);
            }
            Event::Written(conn) => self.written(conn),
            Event::Answer(life, call, is_ok) => {
                let now = self.instant();
                if let Some(data) = call.message.data().filter(|_| life == self.life) {
                    self.site
                        .broker
                        .answer(&call, if is_ok { Ok(data) } else { Err(data) }, now);
                    self.site.pump();
                }
            }
        }
        self.serve()
    }

    /// When what is sent now arrives.
    fn arrival(&mut self) -> u64 {
        self.now + self.plan.delay + self.random.between(0, self.plan.jitter)
    }

    /// Hands the client something, and does what it says.
    pub(super) fn feed(&mut self, input: Input<String>) -> Check {
        note!(self, "to the client: {input:?}");
        let session = self.session();
        let input = match input {
            Input::Text { attempt, text } => Input::Text {
                attempt,
                text: J::Text::new(&text),
            },
            Input::Opened { attempt } => Input::Opened { attempt },
            Input::Closed { attempt, code } => Input::Closed { attempt, code },
            Input::Writable(is_writable) => Input::Writable(is_writable),
            Input::Online => Input::Online,
            _ => Input::Tick,
        };
        let now = self.instant();
        self.client.handle(input, now);
        self.drain(session.as_deref())
    }

    /// Does what the client says. `session` is the one that there was before.
    pub(super) fn drain(&mut self, session: Option<&str>) -> Check {
        while let Some(output) = self.client.poll() {
            match output {
                Output::Connect {
                    attempt, address, ..
                } => self.connect(attempt, address),
                Output::Send { attempt, frame } => self.send(attempt, frame)?,
                Output::Close { attempt, .. } => self.leave(attempt),
                Output::Event(event) => {
                    note!(self, "event: {event:?}");
                    // Who leaves is sent what waits, and not once more what may have come.
                    let acks = self.plan.client.ack && !self.is_leaving;
                    let session = session.map(String::from).or_else(|| self.session());
                    self.app
                        .take(event, session.as_deref(), acks, &self.site, &mut self.tally)?;
                }
            }
        }
        self.serve()
    }

    fn connect(&mut self, attempt: u32, address: usize) {
        note!(self, "attempt {attempt} by {address}");
        self.tally.attempts += 1;
        let way = &self.plan.client.connection_types[address];
        let is_polling = *way == ConnectionType::LongPolling;
        self.links.insert(
            attempt,
            Link {
                is_polling,
                conn: None,
                is_cut: false,
                up: 0,
                down: 0,
                posts: [None; 2],
                waiting: [VecDeque::new(), VecDeque::new()],
            },
        );
        if is_polling {
            self.at(self.now, Event::Client(Input::Opened { attempt }));
        } else {
            let at = self.arrival();
            self.at(at, Event::Knock(attempt));
        }
    }

    fn knock(&mut self, attempt: u32) {
        if self.links.get(&attempt).is_none_or(|link| link.is_cut) {
            return;
        }
        if self.now < self.refusing_until {
            self.tally.refused_sockets += 1;
            self.down(
                attempt,
                Input::Closed {
                    attempt,
                    code: 1006,
                },
            );
            return;
        }
        let conn = self.site.attach(&self.plan, attempt, None);
        if let Some(link) = self.links.get_mut(&attempt) {
            link.conn = Some(conn);
        }
        self.down(attempt, Input::Opened { attempt });
    }

    /// Sends something to the client.
    fn down(&mut self, attempt: u32, input: Input<String>) {
        let at = self.arrival().max(self.asleep_until);
        if let Some(link) = self.links.get_mut(&attempt).filter(|link| !link.is_cut) {
            link.down = link.down.max(at);
            let at = link.down;
            self.at(at, Event::Client(input));
        }
    }

    fn send(&mut self, attempt: u32, frame: Frame) -> Check {
        note!(self, "over {attempt}: {}", frame.text);
        let arrival = self.arrival();
        let Some(link) = self.links.get_mut(&attempt) else {
            return Err(format!("sent over {attempt}, which is closed"));
        };
        if link.is_polling {
            let slot = usize::from(frame.kind != Kind::Connect);
            link.waiting[slot].push_back(frame);
            self.post(attempt, slot);
        } else {
            link.up = link.up.max(arrival);
            let at = link.up;
            let conn = link.conn.ok_or("sent over a socket that is not open")?;
            self.at(at, Event::Up(conn, frame.text));
        }
        Ok(())
    }

    /// Sends the next request, where there is room.
    fn post(&mut self, attempt: u32, slot: usize) {
        let at = self.arrival();
        let Some(link) = self.links.get_mut(&attempt) else {
            return;
        };
        if link.posts[slot].is_none()
            && let Some(frame) = link.waiting[slot].pop_front()
        {
            self.next_post += 1;
            link.posts[slot] = Some(self.next_post);
            let post = self.next_post;
            self.at(at, Event::Post(attempt, post, frame.text));
        }
    }

    fn respond(&mut self, attempt: u32, post: u64, status: u16, text: &str) -> Check {
        let Some(link) = self.links.get_mut(&attempt).filter(|link| !link.is_cut) else {
            return Ok(());
        };
        let Some(slot) = link.posts.iter().position(|it| *it == Some(post)) else {
            return Ok(());
        };
        link.posts[slot] = None;
        if status != 200 {
            return self.feed(Input::Closed {
                attempt,
                code: status,
            });
        }
        self.post(attempt, slot);
        self.feed(Input::Text {
            attempt,
            text: text.into(),
        })
    }

    /// The client leaves a link; the server hears of it, sooner or later.
    fn leave(&mut self, attempt: u32) {
        note!(self, "the client leaves {attempt}");
        let Some(link) = self.links.remove(&attempt) else {
            return;
        };
        let most = if link.is_cut { 30_000 } else { 0 };
        let at = self.arrival().max(link.up) + self.random.between(0, most);
        let conns = self
            .site
            .conns
            .iter()
            .filter(|(_, conn)| conn.attempt == attempt);
        let conns: Vec<_> = conns.map(|(number, _)| *number).collect();
        for conn in conns {
            self.at(at, Event::Gone(conn));
        }
    }

    /// What stands breaks. Where both ends are told, they hear of it at some time of their own.
    pub(super) fn break_links(&mut self, is_told: bool) -> Check {
        note!(
            self,
            "all links break, {}",
            if is_told { "with a bang" } else { "unheard" }
        );
        let attempts: Vec<_> = self
            .links
            .iter()
            .filter(|(_, link)| !link.is_cut)
            .map(|(it, _)| *it)
            .collect();
        for attempt in attempts {
            if is_told {
                self.tally.cuts += 1;
                self.down(
                    attempt,
                    Input::Closed {
                        attempt,
                        code: 1006,
                    },
                );
            } else {
                self.tally.silences += 1;
            }
            let at = self.now + self.random.between(0, 5_000);
            let conns = self
                .site
                .conns
                .iter()
                .filter(|(_, conn)| conn.attempt == attempt);
            let conns: Vec<_> = conns.map(|(number, _)| *number).collect();
            for conn in conns.into_iter().filter(|_| is_told) {
                self.at(at, Event::Gone(conn));
            }
            // What is under way is lost: whatever was not read by now never will be.
            let socket = self.links.get(&attempt).and_then(|link| link.conn);
            self.events.retain(|_, event| match event {
                Event::Client(Input::Text { attempt: of, .. } | Input::Opened { attempt: of })
                | Event::Post(of, ..)
                | Event::Response(of, ..) => *of != attempt,
                Event::Up(conn, _) => Some(*conn) != socket,
                _ => true,
            });
            if let Some(link) = self.links.get_mut(&attempt) {
                link.is_cut = true;
            }
        }
        Ok(())
    }

    pub(super) fn restart(&mut self) -> Check {
        note!(self, "the server restarts");
        self.tally.restarts += 1;
        self.break_links(true)?;
        self.life += 1;
        self.site.restart(&self.plan);
        Ok(())
    }

    fn receive(&mut self, conn: u64, text: &str) {
        note!(self, "the server takes: {text}");
        let now = self.instant();
        let is_aborted = self.random.chance(self.plan.aborted);
        let calls = self
            .site
            .receive(conn, text, is_aborted, &mut self.random, now);
        if let Some(calls) = calls {
            for call in calls {
                let at = self.now + self.random.between(0, 3_000);
                let is_ok = self.random.chance(70);
                if self.random.chance(80) {
                    self.at(at, Event::Answer(self.life, call, is_ok));
                }
            }
        } else if let Some(attempt) = self.site.conns.get(&conn).map(|conn| conn.attempt) {
            note!(self, "and gives it up");
            self.tally.aborted += 1;
            self.down(
                attempt,
                Input::Closed {
                    attempt,
                    code: 1006,
                },
            );
            self.site.detach(conn, now);
        }
    }

    /// Collects what there is for connections, and writes it.
    pub(super) fn serve(&mut self) -> Check {
        self.site.pump();
        while let Some(conn) = self.site.woken.pop() {
            self.collect(conn);
        }
        Ok(())
    }

    fn collect(&mut self, number: u64) {
        let now = self.instant();
        let Some(conn) = self.site.conns.get_mut(&number) else {
            return;
        };
        if conn.writing.is_some() {
            return;
        }
        let Some(parcel) = self.site.broker.collect(conn.peer, now) else {
            return;
        };
        conn.writing = Some(parcel);
        if self.random.chance(self.plan.slow_writes) {
            let at = self.now + self.random.between(0, 1_000);
            self.at(at, Event::Written(number));
        } else {
            self.written(number);
        }
    }

    /// What was being written is written, and on its way.
    fn written(&mut self, number: u64) {
        let now = self.instant();
        let Some(conn) = self.site.conns.get_mut(&number) else {
            return;
        };
        let Some(parcel) = conn.writing.take() else {
            return;
        };
        let (peer, attempt) = (conn.peer, conn.attempt);
        if let Some(post) = conn.post {
            let is_duplicate = parcel.close == Some(Parcel::<()>::DUPLICATE);
            self.tally.duplicates += u64::from(is_duplicate);
            let status = if is_duplicate { 500 } else { 200 };
            let text = parcel.joined();
            note!(self, "the server answers {post}: {status} {text}");
            let at = self.arrival().max(self.asleep_until);
            self.at(at, Event::Response(attempt, post, status, text));
            self.site.broker.delivered(peer, now);
            self.site.detach(number, now);
            return;
        }
        let close = parcel.close;
        for text in frames(&parcel) {
            note!(self, "the server sends over {attempt}: {text}");
            self.down(attempt, Input::Text { attempt, text });
        }
        self.site.broker.delivered(peer, now);
        self.site.pump();
        if let Some(reason) = close {
            let code = reason.code;
            self.down(attempt, Input::Closed { attempt, code });
            self.site.detach(number, now);
        } else {
            self.collect(number);
        }
    }
}

/// What goes over a socket.
fn frames(parcel: &Parcel<()>) -> Vec<String> {
    if parcel.is_joined {
        return vec![parcel.joined()];
    }
    let deliveries = parcel.deliveries.iter().map(|it| String::from(it.batch()));
    let first = parcel.first.iter().cloned();
    first
        .chain(deliveries)
        .chain(parcel.replies.iter().cloned())
        .collect()
}
