//! A client, a clock, and what happened since it was asked last.

use core::time::Duration;

use mirrorball_protocol::{
    Machine,
    bayeux::{
        Client, Field, Message,
        client::{
            ClientEvent, ClientOptions, CommandError, Extras, Fault, Frame, Outcome, RequestId,
            State,
        },
        messages,
    },
    json::{Json, Key, Text, Value},
    machine::{Input, Output},
    time::Instant,
};

use crate::suite::{parse, text};

/// A client, a clock, and what happened since it was asked last.
pub(crate) struct Scene<J: Json> {
    pub(crate) client: Client<J>,
    pub(crate) now: u64,
}

/// What a server answers to the first handshake.
pub(crate) const HANDSHAKE: &str = r#"[{"channel":"/meta/handshake","id":"1","successful":true,"clientId":"c","version":"1.0","supportedConnectionTypes":["websocket","long-polling"],"advice":{"reconnect":"retry","interval":0,"timeout":30000}}]"#;

/// What a server answers to the connect that is called so.
pub(crate) fn connect(id: u32) -> String {
    format!(r#"[{{"channel":"/meta/connect","id":"{id}","successful":true}}]"#)
}

/// How a server carries out a request.
pub(crate) fn done(channel: &str, id: u32) -> String {
    format!(r#"[{{"channel":"{channel}","id":"{id}","successful":true}}]"#)
}

/// How a server refuses a request.
pub(crate) fn refused(channel: &str, id: u32, error: &str) -> String {
    format!(r#"[{{"channel":"{channel}","id":"{id}","successful":false,"error":"{error}"}}]"#)
}

impl<J: Json> Scene<J> {
    /// A client that was opened.
    pub(crate) fn new(options: ClientOptions) -> Self {
        let client = Client::new(options);
        let mut scene = Self { client, now: 0 };
        scene.client.open(scene.instant()).unwrap();
        scene.expect(&["connect 1 by 0", "status"]);
        scene
    }

    /// A client whose handshake and first connect went well, and whose second connect the server holds: it is called 3.
    pub(crate) fn connected(options: ClientOptions) -> Self {
        let mut scene = Self::new(options);
        scene.open(1).drain();
        scene.text(1, HANDSHAKE).drain();
        scene.text(1, &connect(2)).drain();
        scene.expect_state(State::Connected);
        scene
    }

    pub(crate) fn instant(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    pub(crate) fn input(&mut self, input: Input<J::Text>) -> &mut Self {
        self.client.handle(input, self.instant());
        self
    }

    pub(crate) fn open(&mut self, attempt: u32) -> &mut Self {
        self.input(Input::Opened { attempt })
    }

    pub(crate) fn text(&mut self, attempt: u32, text: &str) -> &mut Self {
        self.input(Input::Text {
            attempt,
            text: J::Text::new(text),
        })
    }

    pub(crate) fn lose(&mut self, attempt: u32) -> &mut Self {
        self.close_with(attempt, 1006)
    }

    pub(crate) fn close_with(&mut self, attempt: u32, code: u16) -> &mut Self {
        self.input(Input::Closed { attempt, code })
    }

    /// Lets time pass without a tick.
    pub(crate) const fn wait(&mut self, milliseconds: u64) -> &mut Self {
        self.now += milliseconds;
        self
    }

    /// Jumps to the deadline and ticks.
    pub(crate) fn tick(&mut self) -> &mut Self {
        let deadline = self.client.deadline().expect("something is due");
        let due = u64::try_from(deadline.since_origin().as_micros().div_ceil(1_000)).unwrap();
        self.now = self.now.max(due);
        self.input(Input::Tick)
    }

    /// When something is due, in milliseconds.
    pub(crate) fn deadline(&self) -> Option<u128> {
        Some(self.client.deadline()?.since_origin().as_millis())
    }

    pub(crate) fn publish(&mut self, channel: &str, data: &str) -> Result<RequestId, CommandError> {
        let now = self.instant();
        self.client.publish(channel, data, Extras::default(), now)
    }

    pub(crate) fn call(&mut self, channel: &str, data: &str) -> RequestId {
        let now = self.instant();
        let id = self.client.call(channel, data, Extras::default(), now);
        id.unwrap()
    }

    pub(crate) fn subscribe(&mut self, channel: &str) -> RequestId {
        let now = self.instant();
        let id = self.client.subscribe(channel, Extras::default(), now);
        id.unwrap()
    }

    pub(crate) fn unsubscribe(&mut self, channel: &str) -> RequestId {
        let now = self.instant();
        let id = self.client.unsubscribe(channel, Extras::default(), now);
        id.unwrap()
    }

    /// Subscribes, and has the server do it.
    pub(crate) fn subscribed(&mut self, attempt: u32, channel: &str) -> &mut Self {
        self.subscribe(channel);
        let sent = self.drain();
        let id = sent[0].rsplit_once('#').unwrap().1;
        let id = id.split_once('(').unwrap().0.parse().unwrap();
        self.text(attempt, &done("/meta/subscribe", id));
        self.drain();
        self
    }

    pub(crate) fn close(&mut self) -> &mut Self {
        self.client.close(self.instant());
        self
    }

    pub(crate) fn drain(&mut self) -> Vec<String> {
        core::iter::from_fn(|| self.client.poll())
            .map(show)
            .collect()
    }

    #[track_caller]
    pub(crate) fn expect(&mut self, outputs: &[&str]) {
        assert_eq!(self.drain(), outputs, "at {} ms", self.now);
    }

    /// The only payload that is sent, as JSON.
    #[track_caller]
    pub(crate) fn expect_text(&mut self, expected: &str) {
        let mut sent = Vec::new();
        while let Some(output) = self.client.poll() {
            if let Output::Send { frame, .. } = output {
                sent.push(frame.text);
            }
        }
        assert_eq!(sent, [expected], "at {} ms", self.now);
    }

    #[track_caller]
    pub(crate) fn expect_state(&self, state: State) {
        assert_eq!(self.client.status().state, state, "at {} ms", self.now);
    }

    #[track_caller]
    pub(crate) fn expect_subscriptions(&self, channels: &[&str]) {
        let subscriptions: Vec<_> = self.client.subscriptions().map(|it| &**it).collect();
        assert_eq!(subscriptions, channels);
    }
}

pub(crate) fn show<J: Json>(output: Output<Frame, ClientEvent<J>>) -> String {
    match output {
        Output::Connect {
            attempt, address, ..
        } => format!("connect {attempt} by {address}"),
        Output::Send { attempt, frame } => {
            let batch = messages(parse::<J>(&frame.text), 1_000).unwrap();
            let all: Vec<_> = batch.iter().map(show_request).collect();
            format!("send over {attempt}: {}", all.join(" "))
        }
        Output::Close { attempt, reason } => format!("close {attempt}: {}", reason.code),
        Output::Event(event) => show_event(event),
    }
}

fn member<J: Json>(message: &Message<J>, field: Field) -> Option<String> {
    Some(message.text(field)?.to_str().into_owned())
}

/// `/meta/connect#2!`: the channel, the id, what it is about, and whether the server is to answer at once.
fn show_request<J: Json>(message: &Message<J>) -> String {
    let mut shown = member(message, Field::Channel).unwrap();
    shown += "#";
    shown += &member(message, Field::Id).unwrap();
    if let Some(subscription) = member(message, Field::Subscription) {
        shown += &format!("({subscription})");
    }
    if let Some(data) = message.data() {
        shown += &format!("={}", text(&data));
    }
    if message
        .advice()
        .is_some_and(|it| it.timeout == Some(Duration::ZERO))
    {
        shown += "!";
    }
    if let Some(ext) = message.ext() {
        // Sorted, whatever the carrier.
        shown += &parse::<Value>(&text(&ext)).to_text();
    }
    shown
}

fn show_event<J: Json>(event: ClientEvent<J>) -> String {
    match event {
        ClientEvent::Status => "status".to_owned(),
        ClientEvent::Message {
            message,
            subscriptions,
        } => {
            let channel = member(&message, Field::Channel).unwrap();
            let data = message.data().map_or_else(String::new, |data| text(&data));
            format!("{channel}={data} for [{}]", subscriptions.join(" "))
        }
        ClientEvent::Reply { id, outcome } => {
            let error = |reply: &Message<J>| {
                let data = reply.data().map(|data| text(&data));
                member(reply, Field::Error).or(data).unwrap_or_default()
            };
            let end = match &outcome {
                Outcome::Done(reply) => format!("done {}", error(reply)),
                Outcome::Refused(reply) => format!("refused {}", error(reply)),
                Outcome::Unknown => "unknown".to_owned(),
                Outcome::TimedOut => "timed out".to_owned(),
                Outcome::Unsent => "unsent".to_owned(),
            };
            format!("{} {}", number(id), end.trim_end())
        }
        ClientEvent::Refused { meta, reply } => {
            format!(
                "refused {}: {}",
                meta.name(),
                member(&reply, Field::Error).unwrap_or_default()
            )
        }
        ClientEvent::Restored(channel) => format!("restored {channel}"),
        ClientEvent::Dropped { channel, reply } => {
            format!(
                "dropped {channel}: {}",
                member(&reply, Field::Error).unwrap_or_default()
            )
        }
        ClientEvent::SessionLost => "session lost".to_owned(),
        ClientEvent::Gap => "gap".to_owned(),
        ClientEvent::TransportChanged { from, to } => format!("changed from {from} to {to}"),
        ClientEvent::Authenticate => "authenticate".to_owned(),
        ClientEvent::Violation(fault) => match fault {
            Fault::Closed(reason) => format!("violation {}", reason.code),
            Fault::Lost(code) => format!("lost {code}"),
        },
        ClientEvent::Ended(ending) => format!("ended: {ending:?}"),
    }
}

/// The number in a request's id.
pub(crate) fn number(id: RequestId) -> String {
    format!("{id:?}")
        .chars()
        .filter(char::is_ascii_digit)
        .collect()
}
