//! What somebody does.

use core::time::Duration;

use mirrorball_protocol::{
    bayeux::client::{CommandError, Extras, State},
    json::Json,
    machine::Input,
};

use super::{Check, Event, World, app::Ask, note};

const CHANNELS: [&str; 5] = ["/a", "/b", "/b/c", "/b/d", "/no"];
const PATTERNS: [&str; 5] = ["/a", "/b/*", "/b/**", "/**", "/no/*"];

impl<J: Json> World<J> {
    /// Somebody does something.
    pub(super) fn act(&mut self) -> Check {
        if self.is_healed {
            return Ok(());
        }
        self.actions = self.actions.saturating_sub(1);
        let pause = self.random.between(0, self.plan.pause);
        self.at(self.now + pause, Event::Act);
        let now = self.instant();
        let channel = *self.random.pick(&CHANNELS);
        match self.random.below(100) {
            0..25 => {
                let number = self.number();
                self.ask(channel, Ask::Publish(number))
            }
            25..45 => {
                let number = self.number();
                note!(self, "the server publishes {number} on {channel}");
                self.site.publish(channel, number, now);
                self.serve()
            }
            45..57 => {
                let pattern = *self.random.pick(&PATTERNS);
                self.ask(pattern, Ask::Subscribe)
            }
            57..60 => {
                let pattern = *self.random.pick(&PATTERNS);
                self.ask(pattern, Ask::Unsubscribe)
            }
            60..65 => {
                let number = self.number();
                self.ask("/service/x", Ask::Call(number))
            }
            65..68 => {
                self.batches += 1;
                self.client.begin_batch();
                Ok(())
            }
            68..72 => {
                self.batches = self.batches.saturating_sub(1);
                let session = self.session();
                self.client.end_batch(now);
                self.drain(session.as_deref())
            }
            72..74 => {
                let is_suspended = self.random.chance(50);
                let session = self.session();
                self.client.suspend(is_suspended, now);
                self.drain(session.as_deref())
            }
            74..82 => {
                let is_told = self.random.chance(60);
                self.break_links(is_told)
            }
            82..84 => {
                self.refusing_until = self.now + self.random.between(0, 20_000);
                Ok(())
            }
            84..86 => self.restart(),
            86..88 => {
                let session = self.site.broker.sessions().next();
                if let Some(session) = session {
                    note!(self, "the server ends a session");
                    self.tally.ended += 1;
                    self.site.broker.disconnect(session, now);
                    self.site.pump();
                }
                self.serve()
            }
            88..90 => {
                self.sleep();
                Ok(())
            }
            90..92 => self.feed(Input::Online),
            92..94 => {
                let session = self.session();
                self.client.reconnect(now);
                self.drain(session.as_deref())
            }
            94..95 => {
                note!(self, "the client closes");
                self.is_leaving = true;
                let session = self.session();
                self.client.close(now);
                self.drain(session.as_deref())
            }
            95..97 => {
                self.tally.unwritable += 1;
                let until = self.now + self.random.between(0, 3_000);
                self.at(until, Event::Client(Input::Writable(true)));
                self.feed(Input::Writable(false))
            }
            _ => self.reopen(),
        }
    }

    fn reopen(&mut self) -> Check {
        if matches!(
            self.client.status().state,
            State::Disconnected | State::Ended
        ) {
            note!(self, "the client opens again");
            self.tally.reopened += 1;
            self.is_leaving = false;
            let now = self.instant();
            self.client.open(now).map_err(|error| error.to_string())?;
            self.drain(None)?;
        }
        Ok(())
    }

    /// The client asks for something.
    pub(super) fn ask(&mut self, channel: &str, ask: Ask) -> Check {
        note!(self, "the client asks: {ask:?} {channel}");
        let now = self.instant();
        let session = self.session();
        // A call may never be answered.
        let timeout = match ask {
            _ if self.is_healed => Some(Duration::from_secs(60)),
            Ask::Call(_) => Some(Duration::from_secs(20)),
            _ => None,
        };
        let extras = Extras {
            timeout,
            ..Extras::default()
        };
        let asked = match ask {
            Ask::Publish(number) => self
                .client
                .publish(channel, &number.to_string(), extras, now),
            Ask::Call(number) => self.client.call(channel, &number.to_string(), extras, now),
            Ask::Subscribe => self.client.subscribe(channel, extras, now),
            Ask::Unsubscribe => self.client.unsubscribe(channel, extras, now),
        };
        match asked {
            Ok(id) => {
                self.app.asked.insert(id, ask);
            }
            Err(CommandError::Closed | CommandError::Full) if !self.is_healed => {
                if let Ask::Publish(number) = ask {
                    self.app.refused.insert(number);
                }
            }
            Err(error) => return Err(error.to_string()),
        }
        self.drain(session.as_deref())
    }

    /// For a while nothing reaches the client.
    fn sleep(&mut self) {
        self.tally.slept += 1;
        let until = self.now + self.random.between(0, 60_000);
        self.asleep_until = self.asleep_until.max(until);
        note!(self, "the client sleeps until {}", self.asleep_until);
        let until = self.asleep_until;
        let early = |event: &Event| matches!(event, Event::Client(_) | Event::Response(..));
        let keys: Vec<_> = self
            .events
            .iter()
            .filter(|(key, event)| key.0 < until && early(event))
            .map(|(key, _)| *key)
            .collect();
        for key in keys {
            if let Some(event) = self.events.remove(&key) {
                self.events.insert((until, key.1), event);
            }
        }
    }
}
