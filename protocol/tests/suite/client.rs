//! A client's life, scene by scene.

use core::time::Duration;

use mirrorball_protocol::{
    Machine,
    json::{Json, Key, Text},
    juggler::{
        Client,
        client::{ClientEvent, ClientOptions, Outcome, RequestError, State},
        message,
    },
    machine::{Input, Output},
    reason::Reason,
    time::Instant,
};

use super::text;

/// Plays every scene.
pub(crate) fn all<J: Json>() {
    the_first_connection::<J>();
    requests_wait_for_the_first_connection::<J>();
    a_loss_keeps_the_state_until_the_next_one::<J>();
    a_new_connection_goes_on_where_the_last_one_ended::<J>();
    what_cannot_be_gone_on_from_is_not::<J>();
    a_request_with_a_key_is_sent_again::<J>();
    older_sockets_are_not_heard::<J>();
    silence_is_asked_about_then_fatal::<J>();
    pings_are_answered_with_their_payload::<J>();
    silence_about_the_state_means_null::<J>();
    a_socket_has_to_open_in_time::<J>();
    being_online_ends_the_waiting::<J>();
    cutting_and_closing::<J>();
    other_addresses_and_another_connection::<J>();
    it_gives_up_where_it_is_to::<J>();
    a_full_socket_is_sent_nothing::<J>();
    requests_end_once::<J>();
    requests_are_bounded::<J>();
    long_requests_are_cut_between_characters::<J>();
    messages_come_in_segments::<J>();
    whoever_breaks_the_protocol_is_left::<J>();
    what_parsers_disagree_about_is_read::<J>();
    what_is_no_json_to_anyone_is_left::<J>();
    after_three_violations_it_gives_up::<J>();
    a_connection_that_lasts_is_forgiven::<J>();
    waits_grow_within_their_bounds::<J>();
}

/// A client, a clock, and what happened since it was asked last.
struct Scene<J: Json> {
    client: Client<J>,
    now: u64,
}

/// What a request asks.
const ASK: &str = r#""name":"ask","data":null"#;
const STATE: &str = r#"0{"type":"state","diff":[{"op":"replace","path":"","value":{"a":1}}]}"#;

impl<J: Json> Scene<J> {
    fn new(options: ClientOptions) -> Self {
        let client = Client::new(options, Instant::default());
        let mut scene = Self { client, now: 0 };
        scene.expect(&["connect 1 to 0", "status"]);
        scene
    }

    /// A client that mirrors `{"a":1}`.
    fn connected(options: ClientOptions) -> Self {
        let mut scene = Self::new(options);
        scene.open(1).expect(&[]);
        scene.text(1, STATE).expect(&["status", "change of 1"]);
        scene
    }

    fn instant(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    fn input(&mut self, input: Input<J::Text>) -> &mut Self {
        self.client.handle(input, self.instant());
        self
    }

    fn open(&mut self, attempt: u32) -> &mut Self {
        self.input(Input::Opened { attempt })
    }

    fn text(&mut self, attempt: u32, text: &str) -> &mut Self {
        self.input(Input::Text {
            attempt,
            text: J::Text::new(text),
        })
    }

    fn lose(&mut self, attempt: u32) -> &mut Self {
        self.input(Input::Closed {
            attempt,
            code: 1006,
        })
    }

    /// Lets time pass without a tick.
    const fn wait(&mut self, milliseconds: u64) -> &mut Self {
        self.now += milliseconds;
        self
    }

    /// Jumps to the deadline and ticks.
    fn tick(&mut self) -> &mut Self {
        let deadline = self
            .client
            .deadline()
            .expect("something is due")
            .since_origin();
        self.now = u64::try_from(deadline.as_micros().div_ceil(1_000)).unwrap();
        self.input(Input::Tick)
    }

    fn request(&mut self, name: &str, data: &str) -> Result<i64, RequestError> {
        let ask = message::ask(name, data, None);
        self.client.request(&ask, false, None, self.instant())
    }

    #[track_caller]
    fn expect(&mut self, outputs: &[&str]) {
        let mut happened = Vec::new();
        while let Some(output) = self.client.poll() {
            happened.push(show(output));
        }
        assert_eq!(happened, outputs, "at {} ms", self.now);
    }

    #[track_caller]
    fn expect_status(&self, state: State, retries: u32) {
        let status = self.client.status();
        assert_eq!(
            (status.state, status.retries),
            (state, retries),
            "at {} ms",
            self.now
        );
    }

    #[track_caller]
    fn expect_state(&mut self, expected: &str) {
        assert_eq!(text(&self.client.state()), expected);
    }
}

fn show<J: Json>(output: Output<String, ClientEvent<J>>) -> String {
    match output {
        Output::Connect {
            attempt,
            address,
            query,
        } => {
            let query = query.map_or_else(String::new, |query| format!("?{query}"));
            format!("connect {attempt} to {address}{query}")
        }
        Output::Send { attempt, frame } => format!("send over {attempt}: {frame}"),
        Output::Close { attempt, reason } => format!("close {attempt}: {}", reason.code),
        Output::Event(event) => match event {
            ClientEvent::Status => "status".to_owned(),
            ClientEvent::Change { operations, .. } => format!("change of {operations}"),
            ClientEvent::Gap => "gap".to_owned(),
            ClientEvent::Violation(_) => "violation".to_owned(),
            ClientEvent::Notify { name, data } => {
                format!("notify {}: {}", name.to_str(), text(&data))
            }
            ClientEvent::Response { id, outcome } => match outcome {
                Outcome::Done(data) => format!("{id} done: {}", text(&data)),
                Outcome::Refused(data) => format!("{id} refused: {}", text(&data)),
                Outcome::Lost => format!("{id} lost"),
                Outcome::TimedOut => format!("{id} timed out"),
                Outcome::Closed => format!("{id} closed"),
            },
        },
    }
}

fn options() -> ClientOptions {
    ClientOptions::default()
}

fn the_first_connection<J: Json>() {
    let mut scene = Scene::<J>::new(options());
    scene.expect_status(State::Connecting, 0);
    scene.expect_state("null");
    scene.open(1).expect(&[]);
    scene.expect_status(State::Connecting, 0);
    scene.text(1, STATE).expect(&["status", "change of 1"]);
    scene.expect_status(State::Connected, 0);
    scene.expect_state(r#"{"a":1}"#);
    scene.text(1, r#"0{"type":"state","diff":[{"op":"add","path":"/b","value":[]},{"op":"remove","path":"/a"}],"more":1}"#);
    scene.expect(&["change of 2"]);
    scene.expect_state(r#"{"b":[]}"#);
    scene
        .text(1, r#"0{"type":"notify","name":"n","data":[1]}"#)
        .expect(&["notify n: [1]"]);
}

fn requests_wait_for_the_first_connection<J: Json>() {
    let mut scene = Scene::<J>::new(options());
    for id in 1..=4 {
        assert_eq!(scene.request("ask", "null"), Ok(id));
    }
    let soon = Some(Duration::from_secs(1));
    let now = scene.instant();
    assert_eq!(scene.client.request(ASK, false, soon, now), Ok(5));
    scene.client.abandon(2);
    scene.expect(&[]);
    assert_eq!(scene.client.status().in_flight, 4);
    // An attempt that fails is no loss for what was not sent.
    scene.tick().expect(&["5 timed out"]);
    scene.lose(1).expect(&["close 1: 1001", "status"]);
    assert_eq!(scene.request("ask", "null"), Ok(6));
    scene.tick().expect(&["connect 2 to 0", "status"]);
    scene.open(2).expect(&[
        r#"send over 2: 0{"type":"request","id":1,"name":"ask","data":null}"#,
        r#"send over 2: 0{"type":"request","id":3,"name":"ask","data":null}"#,
        r#"send over 2: 0{"type":"request","id":4,"name":"ask","data":null}"#,
        r#"send over 2: 0{"type":"request","id":6,"name":"ask","data":null}"#,
    ]);
    // From here on they are lost with the connection.
    scene.lose(2).expect(&[
        "close 2: 1001",
        "1 lost",
        "3 lost",
        "4 lost",
        "6 lost",
        "status",
    ]);
}

fn a_loss_keeps_the_state_until_the_next_one<J: Json>() {
    let mut two = options();
    two.addresses = 2;
    let mut scene = Scene::<J>::connected(two);
    assert_eq!(scene.request("ask", "1"), Ok(1));
    scene.expect(&[r#"send over 1: 0{"type":"request","id":1,"name":"ask","data":1}"#]);
    scene.lose(1).expect(&["close 1: 1001", "1 lost", "status"]);
    scene.expect_status(State::Stale, 1);
    scene.expect_state(r#"{"a":1}"#);
    assert_eq!(scene.request("ask", "1"), Err(RequestError::Disconnected));
    let retry = scene.client.status().next_retry.expect("it waits");
    assert!(retry > scene.instant() && retry <= scene.instant() + Duration::from_secs(1));
    scene.tick().expect(&["connect 2 to 1", "status"]);
    assert_eq!(scene.client.status().next_retry, None);
    assert_eq!(scene.request("ask", "1"), Err(RequestError::Disconnected));
    scene.open(2).expect(&["gap"]);
    scene.expect_state(r#"{"a":1}"#);
    scene.expect_status(State::Stale, 1);
    scene.text(
        2,
        r#"0{"type":"state","diff":[{"op":"add","path":"","value":[2]}]}"#,
    );
    scene.expect(&["status", "change of 1"]);
    scene.expect_status(State::Connected, 1);
    scene.expect_state("[2]");
    scene.lose(2).expect(&["close 2: 1001", "status"]);
    scene.tick().expect(&["connect 3 to 0", "status"]);
    // A diff against the older state does not apply to the new mirror.
    scene.open(3).expect(&["gap"]);
    scene.text(
        3,
        r#"0{"type":"state","diff":[{"op":"add","path":"/0","value":1}]}"#,
    );
    scene.expect(&["close 3: 4003", "violation", "status"]);
    scene.expect_state("[2]");
}

/// A client that mirrors `{"a":1}`, the seventh state of a server that counts them.
fn counting<J: Json>() -> Scene<J> {
    let mut scene = Scene::new(options());
    scene.open(1).expect(&[]);
    let first = r#"0{"type":"state","diff":[{"op":"replace","path":"","value":{"a":0}}],"epoch":"e1","version":6}"#;
    scene.text(1, first).expect(&["status", "change of 1"]);
    let second = r#"0{"type":"state","diff":[{"op":"replace","path":"/a","value":1}],"version":7}"#;
    scene.text(1, second).expect(&["change of 1"]);
    scene
}

fn a_new_connection_goes_on_where_the_last_one_ended<J: Json>() {
    let mut scene = counting::<J>();
    scene.lose(1).expect(&["close 1: 1001", "status"]);
    scene
        .tick()
        .expect(&["connect 2 to 0?resume=e1.7", "status"]);
    // An attempt that fails does not forget.
    scene.lose(2).expect(&["close 2: 1001", "status"]);
    scene
        .tick()
        .expect(&["connect 3 to 0?resume=e1.7", "status"]);
    let held = scene.client.state();
    scene.open(3).expect(&["gap"]);
    scene.expect_status(State::Stale, 2);
    let resumed = r#"0{"type":"state","diff":[{"op":"add","path":"/b","value":2}],"epoch":"e1","since":7,"version":9}"#;
    scene.text(3, resumed).expect(&["status", "change of 1"]);
    scene.expect_status(State::Connected, 2);
    scene.expect_state(r#"{"a":1,"b":2}"#);
    assert_eq!(
        text(&held),
        r#"{"a":1}"#,
        "what was handed out never changes"
    );
    scene.lose(3).expect(&["close 3: 1001", "status"]);
    scene
        .tick()
        .expect(&["connect 4 to 0?resume=e1.9", "status"]);
    // Nothing changed meanwhile; that is said, too.
    scene.open(4).expect(&["gap"]);
    let same = r#"0{"type":"state","diff":[],"epoch":"e1","since":9,"version":9}"#;
    scene.text(4, same).expect(&["status", "change of 0"]);
    scene.expect_state(r#"{"a":1,"b":2}"#);
}

fn what_cannot_be_gone_on_from_is_not<J: Json>() {
    // A server that lives again starts from `null`, and so does one that forgot.
    let mut scene = counting::<J>();
    scene.lose(1).expect(&["close 1: 1001", "status"]);
    scene
        .tick()
        .expect(&["connect 2 to 0?resume=e1.7", "status"]);
    scene.open(2).expect(&["gap"]);
    let anew = r#"0{"type":"state","diff":[{"op":"replace","path":"","value":[]}],"epoch":"e2","version":1}"#;
    scene.text(2, anew).expect(&["status", "change of 1"]);
    scene.expect_state("[]");
    scene.lose(2).expect(&["close 2: 1001", "status"]);
    scene
        .tick()
        .expect(&["connect 3 to 0?resume=e2.1", "status"]);
    // One that does not count is not asked again.
    scene.open(3).expect(&["gap"]);
    scene.text(3, STATE).expect(&["status", "change of 1"]);
    scene.expect_state(r#"{"a":1}"#);
    scene.lose(3).expect(&["close 3: 1001", "status"]);
    scene.tick().expect(&["connect 4 to 0", "status"]);

    // What another epoch, another state or nobody's state goes on from is a violation, and so is a diff that fails.
    for (epoch, since, code) in [("e2", 7, 1002), ("e1", 6, 1002), ("e1", 7, 4003)] {
        let mut scene = counting::<J>();
        scene.lose(1).expect(&["close 1: 1001", "status"]);
        scene
            .tick()
            .expect(&["connect 2 to 0?resume=e1.7", "status"]);
        scene.open(2).expect(&["gap"]);
        let state = format!(
            r#"0{{"type":"state","diff":[{{"op":"remove","path":"/z"}}],"epoch":"{epoch}","since":{since},"version":9}}"#
        );
        let close = format!("close 2: {code}");
        scene
            .text(2, &state)
            .expect(&[&close, "violation", "status"]);
        scene.expect_state(r#"{"a":1}"#);
        scene.tick().expect(&["connect 3 to 0", "status"]);
    }
    let mut scene = Scene::<J>::new(options());
    scene.open(1).expect(&[]);
    let state = r#"0{"type":"state","diff":[],"epoch":"e1","since":7,"version":9}"#;
    scene
        .text(1, state)
        .expect(&["close 1: 1002", "violation", "status"]);

    // An epoch that an address cannot say is none.
    for epoch in ["", "a&b", "é", &"e".repeat(33)] {
        let mut scene = Scene::<J>::new(options());
        scene.open(1).expect(&[]);
        let state = format!(
            r#"0{{"type":"state","diff":[{{"op":"replace","path":"","value":1}}],"epoch":"{epoch}","version":6}}"#
        );
        scene.text(1, &state).expect(&["status", "change of 1"]);
        scene.lose(1).expect(&["close 1: 1001", "status"]);
        scene.tick().expect(&["connect 2 to 0", "status"]);
    }
}

/// Over the next connection to the same life of the server, once it is known that it is; any other way ends it.
fn a_request_with_a_key_is_sent_again<J: Json>() {
    const KEYED: &str = r#""name":"ask","data":null,"key":"k""#;
    let sent = |attempt, id| {
        format!(
            r#"send over {attempt}: 0{{"type":"request","id":{id},"name":"ask","data":null,"key":"k"}}"#
        )
    };
    let ask = |scene: &mut Scene<J>| {
        let now = scene.instant();
        scene.client.request(KEYED, true, None, now)
    };
    let again = |epoch: &str| {
        format!(
            r#"0{{"type":"state","diff":[{{"op":"replace","path":"","value":1}}],"epoch":"{epoch}","version":9}}"#
        )
    };
    let mut scene = counting::<J>();
    assert_eq!(ask(&mut scene), Ok(1));
    scene.expect(&[&sent(1, 1)]);
    assert_eq!(scene.request("ask", "1"), Ok(2));
    scene.expect(&[r#"send over 1: 0{"type":"request","id":2,"name":"ask","data":1}"#]);
    scene.lose(1).expect(&["close 1: 1001", "2 lost", "status"]);
    assert_eq!(ask(&mut scene), Err(RequestError::Disconnected));
    scene
        .tick()
        .expect(&["connect 2 to 0?resume=e1.7", "status"]);
    scene.open(2).expect(&["gap"]);
    scene
        .text(2, &again("e1"))
        .expect(&["status", "change of 1", &sent(2, 1)]);
    // And once more.
    scene.lose(2).expect(&["close 2: 1001", "status"]);
    scene
        .tick()
        .expect(&["connect 3 to 0?resume=e1.9", "status"]);
    scene.open(3).expect(&["gap"]);
    scene
        .text(3, &again("e1"))
        .expect(&["status", "change of 1", &sent(3, 1)]);
    scene
        .text(3, r#"0{"type":"response","id":1,"success":true,"data":7}"#)
        .expect(&["1 done: 7"]);

    // Another life of the server, one that does not count, one that says nothing, and a server that had no room
    // for what it may have carried out before.
    for (state, tells_more) in [
        (Some(again("e2")), false),
        (Some(STATE.to_owned()), false),
        (None, false),
        (Some(again("e1")), true),
    ] {
        let mut scene = counting::<J>();
        assert_eq!(ask(&mut scene), Ok(1));
        scene.expect(&[&sent(1, 1)]);
        scene.lose(1).expect(&["close 1: 1001", "status"]);
        scene
            .tick()
            .expect(&["connect 2 to 0?resume=e1.7", "status"]);
        scene.open(2).expect(&["gap"]);
        match state {
            Some(state) if tells_more => {
                scene
                    .text(2, &state)
                    .expect(&["status", "change of 1", &sent(2, 1)]);
                let refusal =
                    r#"0{"type":"response","id":1,"success":false,"data":"busy","unhandled":true}"#;
                scene.text(2, refusal).expect(&["1 lost"]);
            }
            Some(state) => {
                scene
                    .text(2, &state)
                    .expect(&["1 lost", "status", "change of 1"]);
            }
            None => {
                scene.tick().expect(&["1 lost", "status", "change of 0"]);
            }
        }
        assert_eq!(scene.client.status().in_flight, 0);
    }
    // Where the server may have forgotten it.
    let mut options = options();
    options.repeat_within = Duration::from_secs(1);
    let mut scene = Scene::<J>::new(options);
    scene.open(1).expect(&[]);
    scene
        .text(1, &again("e1"))
        .expect(&["status", "change of 1"]);
    assert_eq!(ask(&mut scene), Ok(1));
    scene.expect(&[&sent(1, 1)]);
    scene.now += 1_000;
    scene.lose(1).expect(&["close 1: 1001", "1 lost", "status"]);
    // The first connection is yet to come: it is sent over that, and lost with it, for its life is not known.
    let mut scene = Scene::<J>::new(self::options());
    assert_eq!(ask(&mut scene), Ok(1));
    scene.open(1).expect(&[&sent(1, 1)]);
    scene.lose(1).expect(&["close 1: 1001", "1 lost", "status"]);
}

fn older_sockets_are_not_heard<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.lose(1).expect(&["close 1: 1001", "status"]);
    let everything = |scene: &mut Scene<J>, attempt: u32| {
        scene.open(attempt);
        scene.text(attempt, r#"0{"type":"notify","name":"late","data":0}"#);
        scene.text(
            attempt,
            r#"0{"type":"state","diff":[{"op":"remove","path":""}]}"#,
        );
        scene
            .text(attempt, "2ping")
            .text(attempt, "1{")
            .text(attempt, "spam");
        scene
            .input(Input::Binary { attempt })
            .lose(attempt)
            .expect(&[]);
    };
    everything(&mut scene, 1);
    scene.tick().expect(&["connect 2 to 0", "status"]);
    everything(&mut scene, 1);
    scene.open(2).expect(&["gap"]);
    everything(&mut scene, 1);
    scene.text(2, STATE).expect(&["status", "change of 1"]);
    everything(&mut scene, 1);
    everything(&mut scene, 3);
    // A socket opens once.
    scene.open(2).expect(&[]);
    scene.expect_state(r#"{"a":1}"#);
}

fn silence_is_asked_about_then_fatal<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.wait(29_999).input(Input::Tick).expect(&[]);
    scene.tick().expect(&["send over 1: 2"]);
    assert_eq!(scene.now, 30_000);
    scene.input(Input::Tick).expect(&[]);
    scene.wait(29_999).text(1, "3").expect(&[]);
    scene.tick().expect(&["send over 1: 2"]);
    assert_eq!(scene.now, 89_999);
    // Anything counts as an answer.
    scene.wait(1).text(1, "1").expect(&[]);
    scene.tick().expect(&["send over 1: 2"]);
    scene.tick().expect(&["close 1: 4000", "status"]);
    assert_eq!(scene.now, 150_000);
    scene.expect_status(State::Stale, 1);
}

fn pings_are_answered_with_their_payload<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.text(1, "2").expect(&["send over 1: 3"]);
    scene.text(1, "2a\"é😀").expect(&["send over 1: 3a\"é😀"]);
    // Between the segments of a message, too.
    scene
        .text(1, r#"1{"type":"notify","na"#)
        .text(1, "2x")
        .expect(&["send over 1: 3x"]);
    scene
        .text(1, r#"0me":"n","data":2}"#)
        .expect(&["notify n: 2"]);
    // Of pings that came together the newest is answered.
    scene
        .text(1, "2one")
        .text(1, "2two")
        .expect(&["send over 1: 3two"]);
    scene.text(1, "3anything").expect(&[]);
}

fn silence_about_the_state_means_null<J: Json>() {
    let mut scene = Scene::<J>::new(options());
    scene.wait(500).open(1).expect(&[]);
    scene.tick().expect(&["status", "change of 0"]);
    assert_eq!(scene.now, 2_500);
    scene.expect_status(State::Connected, 0);
    scene.expect_state("null");
    scene.text(1, STATE).expect(&["change of 1"]);
    // The next server's state is null: so is the mirror, but not before that is known.
    scene.lose(1).expect(&["close 1: 1001", "status"]);
    scene.tick().expect(&["connect 2 to 0", "status"]);
    scene.open(2).expect(&["gap"]);
    scene.expect_state(r#"{"a":1}"#);
    scene.tick().expect(&["status", "change of 0"]);
    scene.expect_state("null");
    // While a message is on its way nothing is concluded.
    scene.lose(2).expect(&["close 2: 1001", "status"]);
    scene.tick().expect(&["connect 3 to 0", "status"]);
    scene.open(3).expect(&["gap"]);
    scene
        .text(3, &format!("1{}", &STATE[1..20]))
        .wait(10_000)
        .input(Input::Tick)
        .expect(&[]);
    scene
        .text(3, &format!("0{}", &STATE[20..]))
        .expect(&["status", "change of 1"]);
    scene.expect_state(r#"{"a":1}"#);
}

fn a_socket_has_to_open_in_time<J: Json>() {
    let mut scene = Scene::<J>::new(options());
    scene.tick().expect(&["close 1: 4001", "status"]);
    assert_eq!(scene.now, 10_000);
    scene.expect_status(State::Connecting, 1);
    scene.open(1).expect(&[]);
    scene.tick().expect(&["connect 2 to 0", "status"]);
    // Refused at once.
    scene.lose(2).expect(&["close 2: 1001", "status"]);
    scene.expect_status(State::Connecting, 2);
}

fn being_online_ends_the_waiting<J: Json>() {
    let mut scene = Scene::<J>::new(options());
    scene.input(Input::Online).expect(&[]);
    scene.lose(1).expect(&["close 1: 1001", "status"]);
    scene
        .wait(1)
        .input(Input::Online)
        .expect(&["connect 2 to 0", "status"]);
    scene.open(2).expect(&[]);
    // An open connection may have died silently: ask.
    scene.input(Input::Online).expect(&["send over 2: 2"]);
    scene.input(Input::Online).expect(&[]);
    scene
        .text(2, "3")
        .input(Input::Online)
        .expect(&["send over 2: 2"]);
}

fn cutting_and_closing<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    assert_eq!(scene.request("ask", "1"), Ok(1));
    scene.expect(&[r#"send over 1: 0{"type":"request","id":1,"name":"ask","data":1}"#]);
    let now = scene.instant();
    scene.client.cut(now);
    scene.expect(&["close 1: 4002", "1 lost", "status"]);
    scene.client.cut(now);
    scene.expect(&[]);
    scene.tick().expect(&["connect 2 to 0", "status"]);
    scene.client.close();
    scene.expect(&["close 2: 1000", "status"]);
    scene.expect_status(State::Closed, 1);
    scene.expect_state(r#"{"a":1}"#);
    assert_eq!(scene.client.deadline(), None);

    let mut scene = Scene::<J>::connected(options());
    assert_eq!(scene.request("ask", "1"), Ok(1));
    scene.expect(&[r#"send over 1: 0{"type":"request","id":1,"name":"ask","data":1}"#]);
    scene.client.close();
    scene.expect(&["close 1: 1000", "1 closed", "status"]);
    scene.client.close();
    scene.client.cut(Instant::default());
    scene
        .open(1)
        .text(1, STATE)
        .lose(1)
        .input(Input::Online)
        .input(Input::Tick)
        .expect(&[]);
    assert_eq!(scene.request("ask", "1"), Err(RequestError::Closed));
    scene.expect_state(r#"{"a":1}"#);
}

fn other_addresses_and_another_connection<J: Json>() {
    let mut two = options();
    two.addresses = 2;
    let mut scene = Scene::<J>::connected(two);
    scene.client.reconnect(scene.instant());
    scene.expect(&["close 1: 4002", "status", "connect 2 to 1", "status"]);
    scene.open(2).expect(&["gap"]);
    scene.client.set_addresses(3);
    scene.expect(&[]);
    for (attempt, address) in [(3, 0), (4, 1), (5, 2), (6, 0)] {
        scene.client.reconnect(scene.instant());
        let left = format!("close {}: 4002", attempt - 1);
        let next = format!("connect {attempt} to {address}");
        scene.expect(&[&left, "status", &next, "status"]);
    }
    scene.lose(6).expect(&["close 6: 1001", "status"]);
    scene.client.reconnect(scene.instant());
    scene.expect(&["connect 7 to 1", "status"]);
    scene.client.close();
    scene.client.reconnect(scene.instant());
    scene.expect(&["close 7: 1000", "status"]);
}

fn it_gives_up_where_it_is_to<J: Json>() {
    // Before the first connection, after so many attempts.
    let mut twice = options();
    twice.first_attempts = Some(2);
    let mut scene = Scene::<J>::new(twice.clone());
    assert_eq!(scene.request("ask", "1"), Ok(1));
    scene.lose(1).expect(&["close 1: 1001", "status"]);
    scene.tick().expect(&["connect 2 to 0", "status"]);
    scene.lose(2).expect(&["close 2: 1001", "1 lost", "status"]);
    scene.expect_status(State::Failed, 2);
    assert_eq!(scene.client.deadline(), None);

    // After it, never.
    let mut scene = Scene::<J>::connected(twice);
    scene.lose(1).expect(&["close 1: 1001", "status"]);
    for attempt in 2..9 {
        let next = format!("connect {attempt} to 0");
        scene.tick().expect(&[&next, "status"]);
        let lost = format!("close {attempt}: 1001");
        scene.lose(attempt).expect(&[&lost, "status"]);
    }
    scene.expect_status(State::Stale, 8);

    // With the first loss, but not where the application wants another connection.
    let mut once = options();
    once.reconnect = false;
    let mut scene = Scene::<J>::connected(once);
    scene.client.reconnect(scene.instant());
    scene.expect(&["close 1: 4002", "status", "connect 2 to 0", "status"]);
    scene.open(2).expect(&["gap"]);
    scene.text(2, STATE).expect(&["status", "change of 1"]);
    scene.lose(2).expect(&["close 2: 1001", "status"]);
    scene.expect_status(State::Failed, 2);
    scene.expect_state(r#"{"a":1}"#);
}

fn a_full_socket_is_sent_nothing<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    scene.input(Input::Writable(false));
    assert_eq!(scene.request("ask", "1"), Ok(1));
    assert_eq!(scene.request("ask", "2"), Ok(2));
    assert_eq!(scene.client.queued(), 2);
    // It hears all the same, and the newest ping is answered later.
    scene.text(1, "2x").text(1, "2y").expect(&[]);
    scene
        .text(1, r#"0{"type":"notify","name":"n","data":1}"#)
        .expect(&["notify n: 1"]);
    scene.input(Input::Writable(true)).expect(&[
        "send over 1: 3y",
        r#"send over 1: 0{"type":"request","id":1,"name":"ask","data":1}"#,
        r#"send over 1: 0{"type":"request","id":2,"name":"ask","data":2}"#,
    ]);
    assert_eq!(scene.client.queued(), 0);
    // The next socket is another.
    scene.input(Input::Writable(false)).lose(1);
    scene.expect(&["close 1: 1001", "1 lost", "2 lost", "status"]);
    scene.tick().expect(&["connect 2 to 0", "status"]);
    scene.input(Input::Writable(false)).open(2);
    scene.text(2, "2z").expect(&["gap", "send over 2: 3z"]);
}

fn requests_end_once<J: Json>() {
    let response = |id: i64, success: bool, data: &str| {
        format!(r#"0{{"type":"response","id":{id},"success":{success},"data":{data}}}"#)
    };
    let mut scene = Scene::<J>::connected(options());
    for id in 1..=5 {
        assert_eq!(scene.request("ask", "1"), Ok(id));
    }
    while scene.client.poll().is_some() {}
    // In any order, with an answer or an error; what was not asked is not told.
    scene
        .text(1, &response(3, true, r#"{"x":[]}"#))
        .expect(&[r#"3 done: {"x":[]}"#]);
    scene
        .text(1, &response(1, false, r#""no""#))
        .expect(&[r#"1 refused: "no""#]);
    scene
        .text(1, &response(3, true, "0"))
        .text(1, &response(77, true, "0"))
        .expect(&[]);
    scene.client.abandon(2);
    scene.text(1, &response(2, true, "0")).expect(&[]);
    assert_eq!(scene.client.status().in_flight, 2);
    scene.wait(10_000).text(1, "3");
    let now = scene.instant();
    let soon = Some(Duration::from_millis(5));
    assert_eq!(scene.client.request(ASK, false, soon, now), Ok(6));
    while scene.client.poll().is_some() {}
    scene.tick().expect(&["6 timed out"]);
    assert_eq!(scene.now, 10_005);
    scene.text(1, &response(6, true, "0")).expect(&[]);
    scene.tick().expect(&["4 timed out", "5 timed out"]);
    assert_eq!(scene.now, 30_000);
    // Without a bound a request waits as long as the connection lives.
    let mut patient = options();
    patient.request_timeout = None;
    patient.keepalive.ping_delay = None;
    let mut scene = Scene::<J>::connected(patient);
    assert_eq!(scene.request("ask", "1"), Ok(1));
    assert_eq!(scene.client.deadline(), None);
}

fn requests_are_bounded<J: Json>() {
    let mut few = options();
    few.max_pending = 2;
    let mut scene = Scene::<J>::new(few);
    assert_eq!(scene.request("ask", "1"), Ok(1));
    assert_eq!(scene.request("ask", "1"), Ok(2));
    assert_eq!(scene.request("ask", "1"), Err(RequestError::Full));
    scene.open(1);
    assert_eq!(scene.request("ask", "1"), Err(RequestError::Full));
    scene.text(1, r#"0{"type":"response","id":1,"success":true,"data":0}"#);
    assert_eq!(scene.request("ask", "1"), Ok(3));
    assert_eq!(scene.request("ask", "1"), Err(RequestError::Full));
}

fn long_requests_are_cut_between_characters<J: Json>() {
    let message = r#"{"type":"request","id":1,"name":"é\"😀","data":"😀😀é"}"#;
    for max in 1..=message.len() + 1 {
        let mut short = options();
        short.max_segment_size = max;
        let mut scene = Scene::<J>::connected(short);
        assert_eq!(scene.request("é\"😀", r#""😀😀é""#), Ok(1));
        let mut whole = String::new();
        let mut last = false;
        while let Some(Output::Send { frame, .. }) = scene.client.poll() {
            assert!(!last && frame.len() <= max.max(4) + 1, "{frame}");
            last = frame.starts_with('0');
            assert!(last || frame.starts_with('1'), "{frame}");
            whole.push_str(&frame[1..]);
        }
        assert!(last && whole == message, "{whole}");
    }
}

fn messages_come_in_segments<J: Json>() {
    let message = r#"{"type":"state","diff":[{"op":"replace","path":"","value":"é😀"}]}"#;
    let mut scene = Scene::<J>::connected(options());
    let chars: Vec<String> = message.chars().map(String::from).collect();
    let (last, first) = chars.split_last().unwrap();
    for char in first {
        scene.text(1, &format!("1{char}")).text(1, "1").expect(&[]);
        scene.expect_state(r#"{"a":1}"#);
    }
    scene.text(1, &format!("0{last}")).expect(&["change of 1"]);
    scene.expect_state("\"é😀\"");
    // An empty segment may be the last one.
    scene
        .text(1, &format!("1{message}"))
        .text(1, "0")
        .expect(&["change of 1"]);
}

fn whoever_breaks_the_protocol_is_left<J: Json>() {
    let mut small = options();
    small.assembly.message_bytes = 1_000;
    small.assembly.segments = 5;
    small.assembly.ping_bytes = 10;
    small.state.operations = 3;
    let mut scene = Scene::<J>::connected(options());
    scene.input(Input::Malformed {
        attempt: 1,
        reason: Reason::TOO_BIG,
    });
    scene.expect(&["close 1: 1009", "violation", "status"]);
    let many = |count: usize| vec![r#"{"op":"add","path":"","value":1}"#; count].join(",");
    let patch = |operations: &str| format!(r#"0{{"type":"state","diff":[{operations}]}}"#);
    for (segments, code) in [
        (vec![String::new()], 1002),
        (vec!["4".to_owned()], 1002),
        (vec!["é".to_owned()], 1002),
        (vec![r#"{"type":"state","diff":[]}"#.to_owned()], 1002),
        (vec!["0".to_owned()], 1007),
        (vec!["0{".to_owned()], 1007),
        (vec!["0[1] 2".to_owned()], 1007),
        (vec!["01".to_owned()], 1002),
        (vec!["0null".to_owned()], 1002),
        (vec![r#"0{"type":"spam"}"#.to_owned()], 1002),
        (
            vec![r#"0{"type":"request","id":1,"name":"n","data":1}"#.to_owned()],
            1002,
        ),
        (vec![r#"0{"type":"state"}"#.to_owned()], 1002),
        (
            vec![r#"0{"type":"notify","name":1,"data":1}"#.to_owned()],
            1002,
        ),
        (vec![r#"0{"type":"notify","name":"n"}"#.to_owned()], 1002),
        (
            vec![r#"0{"type":"response","id":1.5,"success":true,"data":1}"#.to_owned()],
            1002,
        ),
        (
            vec![r#"0{"type":"response","id":1,"success":"true","data":1}"#.to_owned()],
            1002,
        ),
        (vec![format!("0{}", "x".repeat(1_001))], 1009),
        (
            vec![
                format!("1{}", "x".repeat(600)),
                format!("1{}", "x".repeat(600)),
            ],
            1009,
        ),
        (vec!["1".to_owned(); 6], 1009),
        (vec![format!("2{}", "x".repeat(11))], 1009),
        (vec![r#"0{"type":"state","diff":{}}"#.to_owned()], 4003),
        (vec![patch("null")], 4003),
        (vec![patch(r#"{"op":"remove","path":"/nowhere"}"#)], 4003),
        (
            vec![patch(
                r#"{"op":"replace","path":"/a","value":2},{"op":"test","path":"/a","value":1}"#,
            )],
            4003,
        ),
        (vec![patch(&many(4))], 4003),
    ] {
        let mut scene = Scene::<J>::connected(small.clone());
        for segment in &segments {
            scene.text(1, segment);
        }
        let close = format!("close 1: {code}");
        scene.expect(&[&close, "violation", "status"]);
        scene.expect_state(r#"{"a":1}"#);
        scene.expect_status(State::Stale, 1);
    }
    let mut scene = Scene::<J>::connected(small.clone());
    scene
        .input(Input::Binary { attempt: 1 })
        .expect(&["close 1: 1003", "violation", "status"]);
    // What is only unusual is taken.
    let mut scene = Scene::<J>::connected(small);
    scene.text(1, &patch(&many(3))).expect(&["change of 3"]);
    scene.text(1, &patch("")).expect(&["change of 0"]);
    scene
        .text(1, r#"0 {"diff":[],"version":7,"type":"state"} "#)
        .expect(&["change of 0"]);
    for _ in 0..4 {
        scene.text(1, "1");
    }
    scene
        .text(1, r#"0{"type":"notify","name":"","data":null}"#)
        .expect(&["notify : null"]);
}

/// The files of JSONTestSuite that JavaScript and Python read and strict parsers refuse: as states they are held, as near as
/// a value gets, and the connection stays.
fn what_parsers_disagree_about_is_read<J: Json>() {
    const LARGEST: &str = "1.7976931348623157e+308";
    let huge = "9".repeat(400);
    let zeros = format!("[0.4e00669{huge}969999999006]");
    for (file, state, expected) in [
        ("i_number_huge_exp", &*zeros, "[MAX]"),
        ("i_number_neg_int_huge_exp", "[-1e+9999]", "[-MAX]"),
        ("i_number_pos_double_huge_exp", "[1.5e+9999]", "[MAX]"),
        ("i_number_real_neg_overflow", "[-123123e100000]", "[-MAX]"),
        ("i_number_real_pos_overflow", "[123123e100000]", "[MAX]"),
        (
            "i_object_key_lone_2nd_surrogate",
            r#"{"\uDFAA":0}"#,
            r#"{"HALF":0}"#,
        ),
        (
            "i_string_1st_surrogate_but_2nd_missing",
            r#"["\uDADA"]"#,
            r#"["HALF"]"#,
        ),
        (
            "i_string_1st_valid_surrogate_2nd_invalid",
            r#"["\uD888\u1234"]"#,
            "[\"HALF\u{1234}\"]",
        ),
        (
            "i_string_incomplete_surrogate_and_escape_valid",
            r#"["\uD800\n"]"#,
            r#"["HALF\n"]"#,
        ),
        (
            "i_string_incomplete_surrogate_pair",
            r#"["\uDd1ea"]"#,
            r#"["HALFa"]"#,
        ),
        (
            "i_string_incomplete_surrogates_escape_valid",
            r#"["\uD800\uD800\n"]"#,
            r#"["HALFHALF\n"]"#,
        ),
        (
            "i_string_invalid_lonely_surrogate",
            r#"["\ud800"]"#,
            r#"["HALF"]"#,
        ),
        (
            "i_string_invalid_surrogate",
            r#"["\ud800abc"]"#,
            r#"["HALFabc"]"#,
        ),
        (
            "i_string_inverted_surrogates_U+1D11E",
            r#"["\uDd1e\uD834"]"#,
            r#"["HALFHALF"]"#,
        ),
        (
            "i_string_lone_second_surrogate",
            r#"["\uDFAA"]"#,
            r#"["HALF"]"#,
        ),
    ] {
        let mut scene = Scene::<J>::connected(options());
        let diff =
            format!(r#"0{{"type":"state","diff":[{{"op":"replace","path":"","value":{state}}}]}}"#);
        scene.text(1, &diff).expect(&["change of 1"]);
        let found = text(&scene.client.state());
        // In a browser, text holds halves of pairs and numbers are infinite: JSON.stringify escapes the ones and has `null` for
        // the others.
        let native = expected.replace("HALF", "\u{fffd}").replace("MAX", LARGEST);
        let halves = state.to_lowercase();
        let browser = halves
            .contains("\\u")
            .then(|| halves.replace("\\u1234", "\u{1234}"));
        let browser = browser.unwrap_or_else(|| "[null]".to_owned());
        assert!(
            found == native || found == browser,
            "{file}: {found} instead of {native} or {browser}"
        );
        // It goes on from there.
        scene.text(
            1,
            r#"0{"type":"state","diff":[{"op":"replace","path":"","value":{"a":1}}]}"#,
        );
        scene.expect(&["change of 1"]);
        scene.expect_state(r#"{"a":1}"#);
        scene.expect_status(State::Connected, 0);
    }
}

/// Those that one of the three reads, or none, and the one that is deeper than a state may be: the client leaves with a code and
/// keeps what it had, and a server that goes on like that is given up on.
fn what_is_no_json_to_anyone_is_left<J: Json>() {
    let deep = |levels: usize| "[".repeat(levels);
    let nested = format!("{}{}", deep(500), "]".repeat(500));
    let endless = deep(100_000);
    let objects = r#"[{"":"#.repeat(50_000);
    for (file, state) in [
        ("i_structure_500_nested_arrays", &*nested),
        ("n_number_NaN", "[NaN]"),
        ("n_number_infinity", "[Infinity]"),
        ("n_number_minus_infinity", "[-Infinity]"),
        ("n_structure_100000_opening_arrays", &*endless),
        ("n_structure_open_array_object", &*objects),
    ] {
        let diff =
            format!(r#"0{{"type":"state","diff":[{{"op":"replace","path":"","value":{state}}}]}}"#);
        let mut scene = Scene::<J>::connected(options());
        for attempt in 1..=3 {
            if attempt > 1 {
                scene.tick();
                scene.open(attempt);
            }
            while scene.client.poll().is_some() {}
            scene.text(attempt, &diff);
            let left = scene.client.poll().map(show::<J>);
            let (unread, unfit) = (
                format!("close {attempt}: 1007"),
                format!("close {attempt}: 4003"),
            );
            assert!(
                left == Some(unread) || left == Some(unfit),
                "{file}: {left:?}"
            );
            while scene.client.poll().is_some() {}
            scene.expect_state(r#"{"a":1}"#);
        }
        scene.expect_status(State::Failed, 3);
    }
}

fn after_three_violations_it_gives_up<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    for attempt in 1..=3 {
        if attempt > 1 {
            scene
                .tick()
                .expect(&[&format!("connect {attempt} to 0"), "status"]);
            scene.open(attempt).expect(&["gap"]);
        }
        assert_eq!(scene.request("ask", "1"), Ok(i64::from(attempt)));
        while scene.client.poll().is_some() {}
        let lost = format!("{attempt} lost");
        scene.text(attempt, "spam");
        scene.expect(&[
            &format!("close {attempt}: 1002"),
            "violation",
            &lost,
            "status",
        ]);
    }
    scene.expect_status(State::Failed, 3);
    scene.expect_state(r#"{"a":1}"#);
    assert_eq!(scene.client.deadline(), None);
    assert_eq!(scene.request("ask", "1"), Err(RequestError::Closed));
    scene
        .input(Input::Online)
        .input(Input::Tick)
        .open(3)
        .text(3, STATE)
        .lose(3)
        .expect(&[]);
    scene.client.close();
    scene.expect(&[]);
}

fn a_connection_that_lasts_is_forgiven<J: Json>() {
    let mut scene = Scene::<J>::connected(options());
    for attempt in 1..=10 {
        if attempt > 1 {
            scene
                .tick()
                .expect(&[&format!("connect {attempt} to 0"), "status"]);
            scene.open(attempt).expect(&["gap"]);
            scene
                .text(attempt, STATE)
                .expect(&["status", "change of 1"]);
        }
        scene.wait(5_000).text(attempt, "spam");
        scene.expect(&[&format!("close {attempt}: 1002"), "violation", "status"]);
        scene.expect_status(State::Stale, 1);
    }
}

fn waits_grow_within_their_bounds<J: Json>() {
    let (mut longest, mut waited) = (Duration::ZERO, Vec::new());
    for seed in 0..50 {
        let mut seeded = options();
        seeded.seed = seed;
        let mut scene = Scene::<J>::new(seeded);
        for attempt in 1..=12_u32 {
            let before = scene.instant();
            scene
                .lose(attempt)
                .expect(&[&format!("close {attempt}: 1001"), "status"]);
            let wait = scene
                .client
                .status()
                .next_retry
                .expect("it waits")
                .since(before);
            let most =
                Duration::from_millis(1_000 << (attempt - 1).min(5)).min(Duration::from_secs(20));
            assert!(
                wait >= Duration::from_millis(250) && wait <= most,
                "{attempt}: {wait:?}"
            );
            longest = longest.max(wait);
            if attempt == 1 {
                waited.push(wait);
            }
            scene.tick();
            while scene.client.poll().is_some() {}
        }
    }
    assert!(longest > Duration::from_secs(18), "{longest:?}");
    waited.sort_unstable();
    waited.dedup();
    assert!(waited.len() > 40, "clients come back together");
}
