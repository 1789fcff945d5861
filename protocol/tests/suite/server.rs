//! What a server's connection answers, segment by segment.

use std::sync::Arc;

use mirrorball_protocol::{
    Machine,
    json::{Value, diff},
    juggler::{
        Server,
        budget::RequestBudget,
        message,
        segment::{Draft, Sealed},
        server::{Full, ServerEvent, ServerOptions},
    },
    machine::{Input, Output},
    reason::Reason,
    time::Instant,
};

use super::parse;

/// Runs every case.
pub(crate) fn all() {
    golden();
    golden_limits();
    after_the_end_nothing_is_heard();
    requests_run_one_after_another();
    requests_run_at_once();
    requests_are_bounded();
    pending_bytes_are_bounded();
    requests_of_all_connections_are_bounded();
    what_was_asked_is_answered_before_the_end();
    an_echo_keeps_its_place();
    half_a_pair_is_refused();
    input_is_paused();
    waits_are_bounded();
    the_queue_is_bounded();
    queued_bytes_are_bounded();
    a_pong_overtakes_a_large_message();
    the_state_goes_before_what_was_queued();
    nothing_overtakes_a_diff();
    a_blocked_socket_gets_one_larger_diff();
    what_comes_back_is_not_sent();
    it_knows_when_all_is_handed_out();
    each_state_is_known_to_be_handed_out();
    silence_is_asked_about_then_fatal();
}

/// A connection whose shell encodes diffs at once, as a shell does.
struct Bench {
    server: Server<String>,
    now: u64,
    max_segment_size: usize,
}

impl Bench {
    fn new(options: ServerOptions) -> Self {
        let max_segment_size = options.max_segment_size;
        Self {
            server: Server::new(options, Instant::default()),
            now: 0,
            max_segment_size,
        }
    }

    fn input(&mut self, input: Input<String>) -> &mut Self {
        self.server.handle(input, Instant::from_millis(self.now));
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.input(Input::Text {
            attempt: 0,
            text: text.to_owned(),
        })
    }

    fn ask(&mut self, id: i64, name: &str) -> &mut Self {
        self.text(&format!(
            r#"0{{"type":"request","id":{id},"name":"{name}","data":null}}"#
        ))
    }

    fn set(&mut self, state: &str) -> &mut Self {
        self.server.set_state(parse::<Value>(state));
        self
    }

    fn writable(&mut self, writable: bool) -> &mut Self {
        self.input(Input::Writable(writable))
    }

    fn notify(&mut self, name: &str) -> Result<(), Full> {
        self.server
            .notify(self.seal(message::notification(name, &Value::Null)))
    }

    fn seal(&self, draft: Draft) -> Sealed<String> {
        draft.seal(self.max_segment_size)
    }

    fn step(&mut self) -> Option<String> {
        loop {
            return Some(match self.server.poll()? {
                Output::Send { frame, .. } => frame,
                Output::Close { reason, .. } => format!("close {}", reason.code),
                Output::Connect { .. } => panic!("a server connects"),
                Output::Event(ServerEvent::Closed(reason)) => format!("closed {}", reason.code),
                Output::Event(ServerEvent::Request(request)) => {
                    format!("request {} {}: {}", request.id, request.name, request.data)
                }
                Output::Event(ServerEvent::Diff { from, to, .. }) => {
                    let diff = diff(&from.value, &to.value);
                    let message = (!diff.is_empty())
                        .then(|| self.seal(message::state(&diff, &message::Stamp::default())));
                    self.server.mirror(message);
                    continue;
                }
            });
        }
    }

    fn outputs(&mut self) -> Vec<String> {
        core::iter::from_fn(|| self.step()).collect()
    }

    #[track_caller]
    fn expect(&mut self, outputs: &[&str]) {
        assert_eq!(self.outputs(), outputs);
    }
}

fn response(id: i64, data: &str) -> String {
    format!(r#"0{{"type":"response","id":{id},"success":true,"data":{data}}}"#)
}

fn patch(operations: &str) -> String {
    format!(r#"0{{"type":"state","diff":[{operations}]}}"#)
}

/// Segments of a client, and what it gets for them.
#[rustfmt::skip]
const GOLDEN: &[(&str, &[&str], &[&str])] = &[
    ("an echo", &[r#"0{"type":"request","id":1,"name":"","data":{"a":[1,"é😀"]}}"#], &[r#"0{"type":"response","id":1,"success":true,"data":{"a":[1,"é😀"]}}"#]),
    ("a request", &[r#"0{"type":"request","id":1,"name":"set","data":[true]}"#], &["request 1 set: [true]"]),
    ("a request in segments", &[r#"1{"type":"request","id":1,"#, "1", r#"1"name":"s\"#, r#"0u00e9","data":1}"#], &["request 1 sé: 1"]),
    ("an empty last segment", &[r#"1{"type":"request","id":1,"name":"n","data":1}"#, "0"], &["request 1 n: 1"]),
    ("spaces around it", &["0 \t\r\n{ \"type\" : \"request\" , \"id\":1,\"name\":\"n\",\"data\":1 } "], &["request 1 n: 1"]),
    ("members in any order, and more of them", &[r#"0{"data":1,"version":{"x":[]},"name":"n","id":1,"type":"request","key":null}"#], &["request 1 n: 1"]),
    ("the last of equal members", &[r#"0{"type":"spam","id":1,"id":2,"type":"request","name":"n","data":1}"#], &["request 2 n: 1"]),
    ("two requests", &[r#"0{"type":"request","id":1,"name":"","data":1}"#, r#"0{"type":"request","id":2,"name":"","data":2}"#], &[r#"0{"type":"response","id":1,"success":true,"data":1}"#, r#"0{"type":"response","id":2,"success":true,"data":2}"#]),
    ("a ping", &["2"], &["3"]),
    ("a ping with a payload", &["2a\"é😀\n"], &["3a\"é😀\n"]),
    ("a ping between segments", &["1{", "2x", r#"0"type":"request","id":1,"name":"n","data":1}"#], &["request 1 n: 1", "3x"]),
    ("a pong", &["3", "3whatever"], &[]),
    ("half a message", &["1{"], &[]),

    ("nothing", &[""], &["close 1002", "closed 1002"]),
    ("no header", &["4"], &["close 1002", "closed 1002"]),
    ("a message without a header", &[r#"{"type":"request","id":1,"name":"n","data":1}"#], &["close 1002", "closed 1002"]),
    ("a letter for a header", &["é0"], &["close 1002", "closed 1002"]),
    ("a space for a header", &[" 0{}"], &["close 1002", "closed 1002"]),
    ("a control character for a header", &["\u{0}"], &["close 1002", "closed 1002"]),

    ("an empty message", &["0"], &["close 1007", "closed 1007"]),
    ("half a text", &["0{"], &["close 1007", "closed 1007"]),
    ("two values", &["0{}{}"], &["close 1007", "closed 1007"]),
    ("a comma too many", &[r#"0{"type":"request","id":1,"name":"n","data":[1,]}"#], &["close 1007", "closed 1007"]),
    ("a leading zero", &[r#"0{"type":"request","id":01,"name":"n","data":1}"#], &["close 1007", "closed 1007"]),
    ("NaN", &[r#"0{"type":"request","id":1,"name":"n","data":NaN}"#], &["close 1007", "closed 1007"]),
    ("infinity", &[r#"0{"type":"request","id":1,"name":"n","data":-Infinity}"#], &["close 1007", "closed 1007"]),
    ("past every number", &[r#"0{"type":"request","id":1,"name":"n","data":1e400}"#], &[r#"0{"type":"response","id":1,"success":false,"data":"the request has half of a surrogate pair, which is no character, or a number that is too large"}"#]),
    ("a byte order mark", &["0\u{feff}{}"], &["close 1007", "closed 1007"]),
    ("a raw control character", &["0{\"type\":\"request\",\"id\":1,\"name\":\"\n\",\"data\":1}"], &["close 1007", "closed 1007"]),
    ("a comment", &[r#"0{"type":"request","id":1,"name":"n","data":/**/1}"#], &["close 1007", "closed 1007"]),

    ("null", &["0null"], &["close 1002", "closed 1002"]),
    ("an array", &[r#"0["request",1,"n",null]"#], &["close 1002", "closed 1002"]),
    ("no type", &[r#"0{"id":1,"name":"n","data":1}"#], &["close 1002", "closed 1002"]),
    ("an unknown type", &[r#"0{"type":"spam","id":1,"name":"n","data":1}"#], &["close 1002", "closed 1002"]),
    ("a type that every object has", &[r#"0{"type":"constructor","id":1,"name":"n","data":1}"#], &["close 1002", "closed 1002"]),
    ("a type of the other end", &[r#"0{"type":"notify","name":"n","data":1}"#], &["close 1002", "closed 1002"]),
    ("a type that is no text", &[r#"0{"type":["request"],"id":1,"name":"n","data":1}"#], &["close 1002", "closed 1002"]),
    ("no id", &[r#"0{"type":"request","name":"n","data":1}"#], &["close 1002", "closed 1002"]),
    ("an id that is null", &[r#"0{"type":"request","id":null,"name":"n","data":1}"#], &["close 1002", "closed 1002"]),
    ("an id that is a text", &[r#"0{"type":"request","id":"1","name":"n","data":1}"#], &["close 1002", "closed 1002"]),
    ("an id that is true", &[r#"0{"type":"request","id":true,"name":"n","data":1}"#], &["close 1002", "closed 1002"]),
    ("an id that is an object", &[r#"0{"type":"request","id":{},"name":"n","data":1}"#], &["close 1002", "closed 1002"]),
    ("an id with a fraction", &[r#"0{"type":"request","id":1.5,"name":"n","data":1}"#], &["close 1002", "closed 1002"]),
    ("an id with a fraction of zero", &[r#"0{"type":"request","id":1.0,"name":"n","data":1}"#], &["request 1 n: 1"]),
    ("a negative id", &[r#"0{"type":"request","id":-7,"name":"","data":1}"#], &[r#"0{"type":"response","id":-7,"success":true,"data":1}"#]),
    ("the largest id", &[r#"0{"type":"request","id":9007199254740992,"name":"","data":1}"#], &[r#"0{"type":"response","id":9007199254740992,"success":true,"data":1}"#]),
    ("the smallest id", &[r#"0{"type":"request","id":-9007199254740992,"name":"","data":1}"#], &[r#"0{"type":"response","id":-9007199254740992,"success":true,"data":1}"#]),
    ("an id past 53 bits", &[r#"0{"type":"request","id":9007199254740993,"name":"n","data":1}"#], &["close 1002", "closed 1002"]),
    ("an id past 64 bits", &[r#"0{"type":"request","id":18446744073709551617,"name":"n","data":1}"#], &["close 1002", "closed 1002"]),
    ("no name", &[r#"0{"type":"request","id":1,"data":1}"#], &["close 1002", "closed 1002"]),
    ("a name that is no text", &[r#"0{"type":"request","id":1,"name":7,"data":1}"#], &["close 1002", "closed 1002"]),
    ("a name that is null", &[r#"0{"type":"request","id":1,"name":null,"data":1}"#], &["close 1002", "closed 1002"]),
    ("no data", &[r#"0{"type":"request","id":1,"name":"n"}"#], &["close 1002", "closed 1002"]),
    ("data that is null", &[r#"0{"type":"request","id":1,"name":"n","data":null}"#], &["request 1 n: null"]),
    ("an inherited name", &[r#"0{"type":"request","id":1,"name":"__proto__","data":{"__proto__":{"x":1}}}"#], &[r#"request 1 __proto__: {"__proto__":{"x":1}}"#]),
    ("a request, then garbage", &[r#"0{"type":"request","id":1,"name":"n","data":1}"#, "spam"], &["request 1 n: 1", "close 1002", "closed 1002"]),
];

fn golden() {
    for (case, segments, expected) in GOLDEN {
        let mut bench = Bench::new(ServerOptions::default());
        for segment in *segments {
            bench.text(segment);
        }
        assert_eq!(bench.outputs(), *expected, "{case}");
    }
    let mut bench = Bench::new(ServerOptions::default());
    bench
        .input(Input::Binary { attempt: 0 })
        .expect(&["close 1003", "closed 1003"]);
}

/// Each bound is kept, and what is just within it passes.
fn golden_limits() {
    let ends = |segments: &[String]| {
        let mut bench = Bench::new(ServerOptions::default());
        for segment in segments {
            bench.text(segment);
        }
        bench.outputs().last().cloned().unwrap_or_default()
    };
    let echo = |data: &str| format!(r#"{{"type":"request","id":1,"name":"","data":{data}}}"#);
    let last = |data: &str| [format!("0{}", echo(data))];
    let (passes, too_big, not_json) = ("0", "closed 1009", "closed 1007");
    let check = |segments: &[String], expected: &str| {
        let last = ends(segments);
        assert!(
            last.starts_with(expected),
            "{last:.50} instead of {expected}"
        );
    };

    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    check(&last(&nested(100)), passes);
    check(&last(&nested(101)), not_json);
    check(
        &last(&format!("{}{{}}{}", "[".repeat(99), "]".repeat(99))),
        passes,
    );
    check(
        &last(&format!("{}{{}}{}", "[".repeat(100), "]".repeat(100))),
        not_json,
    );
    check(&[format!("0{}", "[".repeat(100_000))], not_json);
    check(&[format!("0{}", r#"{"a":"#.repeat(100_000))], not_json);

    // The message, its type, id and name are values, too.
    let values = |count: usize| format!("[{}0]", "0,".repeat(count - 6));
    check(&last(&values(100_000)), passes);
    check(&last(&values(100_001)), not_json);

    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - echo("\"\"").len()));
    check(&last(&text(4 << 20)), passes);
    check(&last(&text((4 << 20) + 1)), too_big);
    let many = |count: usize| {
        let mut segments = vec!["1".to_owned(); count - 1];
        segments.push(format!("0{}", echo("1")));
        segments
    };
    check(&many(4_096), passes);
    check(&many(4_097), too_big);
    let endless = vec![format!("1{}", "x".repeat(65_536)); 65];
    check(&endless, too_big);

    check(&[format!("2{}", "p".repeat(4_096))], "3p");
    check(&[format!("2{}", "p".repeat(4_097))], too_big);

    // A segment of the longest that a public peer sends.
    check(&last(&format!("\"{}\"", "\u{ffff}".repeat(65_536))), passes);
}

fn after_the_end_nothing_is_heard() {
    let mut bench = Bench::new(ServerOptions::default());
    bench
        .ask(1, "n")
        .text("spam")
        .expect(&["request 1 n: null", "close 1002", "closed 1002"]);
    bench.server.respond(1, Ok(&Value::Null));
    bench.set("1").text("2").ask(2, "n").text("").writable(true);
    bench
        .input(Input::Closed {
            attempt: 0,
            code: 1000,
        })
        .input(Input::Tick)
        .expect(&[]);
    bench.server.close(Reason::NORMAL);
    bench.expect(&[]);
    assert_eq!(bench.server.deadline(), None);

    // The client's end closes: nothing is left to close.
    let mut bench = Bench::new(ServerOptions::default());
    bench
        .input(Input::Closed {
            attempt: 0,
            code: 1006,
        })
        .expect(&["closed 1001"]);
    // The application closes, once.
    let mut bench = Bench::new(ServerOptions::default());
    bench.set("1");
    bench.server.close(Reason::GOING_AWAY);
    bench.server.close(Reason::NORMAL);
    bench.expect(&["close 1001", "closed 1001"]);
}

fn requests_run_one_after_another() {
    let mut bench = Bench::new(ServerOptions::default());
    bench
        .ask(3, "a")
        .ask(1, "b")
        .ask(2, "c")
        .expect(&["request 3 a: null"]);
    bench.server.respond(3, Ok(&Value::from("done")));
    bench.expect(&["request 1 b: null", &response(3, "\"done\"")]);
    bench.server.respond(1, Err(&Value::from("no")));
    bench.expect(&[
        "request 2 c: null",
        r#"0{"type":"response","id":1,"success":false,"data":"no"}"#,
    ]);
    bench.server.respond(2, Ok(&Value::Null));
    bench.expect(&[&response(2, "null")]);
    bench.ask(4, "d").expect(&["request 4 d: null"]);
}

fn requests_run_at_once() {
    let mut options = ServerOptions::default();
    options.parallel_requests = true;
    let mut bench = Bench::new(options);
    bench.ask(3, "a").ask(1, "b").ask(2, "c");
    bench.expect(&[
        "request 3 a: null",
        "request 1 b: null",
        "request 2 c: null",
    ]);
    for id in [2, 3, 1] {
        bench.server.respond(id, Ok(&Value::from(id)));
    }
    bench.expect(&[&response(2, "2"), &response(3, "3"), &response(1, "1")]);
}

fn requests_are_bounded() {
    for parallel in [false, true] {
        let mut options = ServerOptions::default();
        options.parallel_requests = parallel;
        let mut bench = Bench::new(options);
        for id in 1..=64 {
            bench.ask(id, "n");
        }
        let running = bench.outputs();
        assert_eq!(running.len(), if parallel { 64 } else { 1 });
        for id in 65..=70 {
            bench.ask(id, "n");
            let refused = bench.outputs();
            let start = format!(r#"0{{"type":"response","id":{id},"success":false,"data":""#);
            assert!(
                refused.len() == 1 && refused[0].starts_with(&start),
                "{refused:?}"
            );
        }
        // An answer makes room for one more.
        bench.server.respond(1, Ok(&Value::Null));
        bench.outputs();
        bench.ask(71, "n");
        assert_eq!(bench.outputs().len(), usize::from(parallel));
        bench.ask(72, "n");
        assert!(bench.outputs()[0].contains(r#""id":72,"success":false"#));
        // Every one is answered in the end.
        let mut answered = 1;
        for id in (2..=64).chain([71]) {
            bench.server.respond(id, Ok(&Value::Null));
            answered += bench
                .outputs()
                .iter()
                .filter(|it| it.contains("\"success\":true"))
                .count();
        }
        assert_eq!(answered, 65);
    }
}

fn an_echo_keeps_its_place() {
    let mut bench = Bench::new(ServerOptions::default());
    bench.ask(1, "").expect(&[&response(1, "null")]);
    bench
        .ask(2, "n")
        .ask(3, "")
        .ask(4, "")
        .ask(5, "m")
        .ask(6, "");
    bench.expect(&["request 2 n: null"]);
    bench.server.respond(2, Ok(&Value::Null));
    let echoes = [2, 3, 4].map(|id| response(id, "null"));
    bench.expect(&["request 5 m: null", &echoes[0], &echoes[1], &echoes[2]]);
    bench.server.respond(5, Ok(&Value::Null));
    bench.expect(&[&response(5, "null"), &response(6, "null")]);

    let mut options = ServerOptions::default();
    options.parallel_requests = true;
    let mut bench = Bench::new(options);
    bench.ask(1, "n").ask(2, "");
    bench.expect(&["request 1 n: null", &response(2, "null")]);
}

/// Half of a surrogate pair is no character, and no reason to go.
fn half_a_pair_is_refused() {
    let mut bench = Bench::new(ServerOptions::default());
    let refused = r#"0{"type":"response","id":1,"success":false,"data":"the request has half of a surrogate pair, which is no character, or a number that is too large"}"#;
    for request in [
        r#"0{"type":"request","id":1,"name":"n","data":{"a":["\ud800"]}}"#,
        r#"0{"type":"request","id":1,"name":"","data":"x\uDFFFx"}"#,
        r#"0{"type":"request","id":1,"name":"\ud83d","data":1}"#,
        r#"0{"type":"request","id":1,"name":"n","data":{"\ude00\ud83d":1}}"#,
    ] {
        bench.text(request).expect(&[refused]);
    }
    bench
        .text(r#"0{"type":"request","id":2,"name":"","data":"\ud83d\ude00"}"#)
        .expect(&[&response(2, "\"😀\"")]);
    bench
        .text(r#"0{"type":"request","id":2,"name":"","data":"\ud83d",}"#)
        .expect(&["close 1007", "closed 1007"]);
}

/// The texts of the requests in progress are bounded, too.
fn pending_bytes_are_bounded() {
    let mut options = ServerOptions::default();
    options.max_pending_bytes = 200;
    let mut bench = Bench::new(options);
    let ask = |bench: &mut Bench, id: i64| {
        let data = "x".repeat(50);
        let request = format!(r#"0{{"type":"request","id":{id},"name":"n","data":"{data}"}}"#);
        bench.text(&request).outputs().concat()
    };
    assert!(ask(&mut bench, 1).starts_with("request 1"));
    assert_eq!(ask(&mut bench, 2), "");
    assert!(ask(&mut bench, 3).contains(r#""id":3,"success":false"#));
    bench.server.respond(1, Ok(&Value::Null));
    bench.outputs();
    assert_eq!(ask(&mut bench, 4), "");

    let mut options = ServerOptions::default();
    options.max_pending_values = 10;
    let mut bench = Bench::new(options);
    let ask = |bench: &mut Bench, id: i64, data: &str| {
        let request = format!(r#"0{{"type":"request","id":{id},"name":"n","data":{data}}}"#);
        bench.text(&request).outputs().concat()
    };
    assert!(ask(&mut bench, 1, "[1,2,3,4]").starts_with("request 1"));
    assert!(ask(&mut bench, 2, "[1,2,3,4,5]").contains(r#""id":2,"success":false"#));
    assert_eq!(ask(&mut bench, 3, "[1,2,3,4]"), "");
    bench.server.respond(1, Ok(&Value::Null));
    bench.outputs();
    assert_eq!(ask(&mut bench, 4, "[1,2,3,4]"), "");
}

/// What one connection has pending another cannot have, until it is answered or the connection is gone.
fn requests_of_all_connections_are_bounded() {
    let bench = |budget: &Arc<RequestBudget>| {
        let mut options = ServerOptions::default();
        options.parallel_requests = true;
        let mut bench = Bench::new(options);
        bench.server.share_requests(Arc::clone(budget));
        bench
    };
    let is_refused = |bench: &mut Bench, id: i64| {
        let answer = bench.ask(id, "n").outputs().concat();
        answer.contains(&format!(r#""id":{id},"success":false,"data":"too many"#))
    };
    let budget = Arc::new(RequestBudget::new(3, 1_000, 1_000));
    let (mut one, mut two) = (bench(&budget), bench(&budget));
    assert!(!is_refused(&mut one, 1) && !is_refused(&mut one, 2) && !is_refused(&mut two, 3));
    assert!(is_refused(&mut one, 4) && is_refused(&mut two, 5));
    // An echo is a request like any other, and over at once.
    one.server.respond(1, Ok(&Value::Null));
    one.outputs();
    assert_eq!(budget.left(), 1);
    for id in 6..9 {
        two.ask(id, "").expect(&[&response(id, "null")]);
    }
    assert!(!is_refused(&mut two, 9) && is_refused(&mut two, 10));
    drop(two);
    assert_eq!(budget.left(), 2);
    one.server.close(Reason::NORMAL);
    drop(one);
    assert_eq!(budget.left(), 3);

    // Those that wait are forgotten when the connection ends, and those that are handled with what handles them.
    let mut waiting = Bench::new(ServerOptions::default());
    waiting.server.share_requests(Arc::clone(&budget));
    waiting.ask(1, "n").ask(2, "n").ask(3, "n");
    assert_eq!(budget.left(), 0);
    waiting.server.close(Reason::NORMAL);
    assert_eq!(budget.left(), 2);
    waiting.server.respond(1, Ok(&Value::Null));
    assert_eq!(budget.left(), 3);

    // Bytes and values count, too: a refused request takes nothing.
    for (bytes, values) in [(60, 1_000), (1_000, 1)] {
        let budget = Arc::new(RequestBudget::new(9, bytes, values));
        let (mut one, mut two) = (bench(&budget), bench(&budget));
        assert!(!is_refused(&mut one, 1));
        assert!(is_refused(&mut two, 2) && is_refused(&mut one, 3));
        assert_eq!(budget.left(), 8);
        drop(one);
        assert!(!is_refused(&mut two, 4));
    }
}

/// A connection that retires answers what it was asked, with the state before, and hears nothing more.
fn what_was_asked_is_answered_before_the_end() {
    let mut bench = Bench::new(ServerOptions::default());
    bench.ask(1, "a").ask(2, "b").expect(&["request 1 a: null"]);
    bench.server.retire(Reason::RESTART);
    bench.server.retire(Reason::NORMAL);
    assert!(!bench.server.wants_input());
    bench.expect(&[]);
    bench.set("7");
    bench.server.respond(1, Ok(&Value::Null));
    bench.expect(&[
        "request 2 b: null",
        &patch(r#"{"op":"replace","path":"","value":7}"#),
        &response(1, "null"),
    ]);
    // What the socket does not take yet is waited for.
    bench.writable(false);
    bench.server.respond(2, Ok(&Value::Null));
    bench.expect(&[]);
    bench.writable(true).expect(&[&response(2, "null")]);
    bench.writable(false).input(Input::Tick).expect(&[]);
    assert_ne!(bench.server.deadline(), Some(Instant::default()));
    bench.writable(true).expect(&["close 1012", "closed 1012"]);

    // Nothing to wait for: at the next tick, which is due.
    let mut bench = Bench::new(ServerOptions::default());
    bench.server.retire(Reason::RESTART);
    bench.expect(&[]);
    assert_eq!(bench.server.deadline(), Some(Instant::default()));
    bench
        .input(Input::Tick)
        .expect(&["close 1012", "closed 1012"]);

    // Somebody is in a hurry.
    let mut bench = Bench::new(ServerOptions::default());
    bench.ask(1, "a").expect(&["request 1 a: null"]);
    bench.server.retire(Reason::RESTART);
    bench.server.close(Reason::GOING_AWAY);
    bench.expect(&["close 1001", "closed 1001"]);
}

/// After a burst nothing more is read for a while.
fn input_is_paused() {
    let mut bench = Bench::new(ServerOptions::default());
    for _ in 0..400 {
        assert!(bench.server.wants_input());
        bench.text("2");
    }
    // Parts of a message are bounded by its size, not by their number.
    for _ in 0..1_000 {
        bench.text("1");
    }
    assert!(bench.server.wants_input());
    bench.text("2x").expect(&["3x"]);
    assert!(!bench.server.wants_input() && bench.server.has_room());
    let until = bench.server.deadline().unwrap();
    assert!(until <= Instant::from_millis(1_010), "{until:?}");
    bench.input(Input::Tick);
    assert!(!bench.server.wants_input());
    bench.now = 1_010;
    bench.input(Input::Tick).expect(&[]);
    assert!(bench.server.wants_input());
}

/// A socket that takes nothing for long, and a message that never ends.
fn waits_are_bounded() {
    let mut bench = Bench::new(ServerOptions::default());
    bench.writable(false);
    bench.now = 9_999;
    bench.writable(false).input(Input::Tick).expect(&[]);
    assert_eq!(bench.server.deadline(), Some(Instant::from_millis(10_000)));
    bench.writable(true).writable(false);
    bench.now = 19_998;
    bench.input(Input::Tick).expect(&[]);
    bench.now = 19_999;
    bench
        .input(Input::Tick)
        .expect(&["close 4008", "closed 4008"]);

    let mut bench = Bench::new(ServerOptions::default());
    bench.text("1");
    for now in [20_000, 40_000, 59_999] {
        bench.now = now;
        bench.text("1").text("2").input(Input::Tick).expect(&["3"]);
    }
    assert_eq!(bench.server.deadline(), Some(Instant::from_millis(60_000)));
    bench.now = 60_000;
    bench
        .input(Input::Tick)
        .expect(&["close 1009", "closed 1009"]);
}

fn the_queue_is_bounded() {
    let mut options = ServerOptions::default();
    options.send_queue_size = 3;
    let mut bench = Bench::new(options);
    bench.writable(false);
    for name in ["a", "b", "c"] {
        assert!(bench.server.has_room());
        assert_eq!(bench.notify(name), Ok(()));
    }
    assert!(!bench.server.has_room());
    assert_eq!(bench.notify("d"), Err(Full));
    bench.expect(&[]);
    bench.writable(true);
    assert_eq!(
        bench.step().as_deref(),
        Some(r#"0{"type":"notify","name":"a","data":null}"#)
    );
    assert!(bench.server.has_room());
    assert_eq!(bench.notify("e"), Ok(()));
    assert_eq!(bench.notify("f"), Err(Full));
    let rest = bench.outputs().concat();
    let order = ["\"b\"", "\"c\"", "\"e\""].map(|name| rest.find(name));
    assert!(order.is_sorted() && order[0].is_some(), "{rest}");
}

fn queued_bytes_are_bounded() {
    let mut options = ServerOptions::default();
    options.send_queue_bytes = 100;
    let mut bench = Bench::new(options);
    bench.writable(false);
    for name in ["x".repeat(50), "y".repeat(500)] {
        assert_eq!(bench.notify(&name), Ok(()));
    }
    assert_eq!(bench.notify("z"), Err(Full));
    assert!(!bench.server.wants_input());
    bench.writable(true).outputs();
    assert!(bench.server.has_room());
}

fn a_pong_overtakes_a_large_message() {
    let mut options = ServerOptions::default();
    options.max_segment_size = 10;
    let mut bench = Bench::new(options);
    bench.set(&format!("\"{}\"", "x".repeat(100)));
    assert_eq!(bench.step().as_deref(), Some("1{\"type\":\"s"));
    bench.text("2now").text("2again");
    assert_eq!(bench.step().as_deref(), Some("3again"));
    // Nothing else comes between the segments of a message: neither a newer state nor an answer.
    bench.ask(1, "").set("1");
    let mut segments = bench.outputs();
    let end = segments
        .iter()
        .position(|segment| segment.starts_with('0'))
        .unwrap();
    assert!(
        end > 10
            && segments[..end]
                .iter()
                .all(|segment| segment.starts_with('1'))
    );
    let rest: Vec<String> = segments.drain(end + 1..).collect();
    let whole: String = rest.iter().map(|segment| &segment[1..]).collect();
    assert!(
        whole.starts_with(r#"{"type":"state""#) && whole.ends_with(r#""data":null}"#),
        "{whole}"
    );
    // Without room nothing is sent, not even a pong.
    bench.writable(false).text("2x").expect(&[]);
    bench.writable(true).expect(&["3x"]);
}

fn the_state_goes_before_what_was_queued() {
    let mut bench = Bench::new(ServerOptions::default());
    bench
        .writable(false)
        .ask(1, "write")
        .expect(&["request 1 write: null"]);
    assert_eq!(bench.notify("n"), Ok(()));
    bench.set("[1]");
    bench.server.respond(1, Ok(&Value::Null));
    bench.writable(true).expect(&[
        &patch(r#"{"op":"replace","path":"","value":[1]}"#),
        r#"0{"type":"notify","name":"n","data":null}"#,
        &response(1, "null"),
    ]);
}

/// A shell may take its time to encode a diff: meanwhile only pongs go out.
fn nothing_overtakes_a_diff() {
    let mut bench = Bench::new(ServerOptions::default());
    bench.ask(1, "write").expect(&["request 1 write: null"]);
    bench.set("[1]");
    bench.server.respond(1, Ok(&Value::Null));
    let Some(Output::Event(ServerEvent::Diff { from, to, .. })) = bench.server.poll() else {
        panic!("no diff");
    };
    bench.text("2x").expect(&["3x"]);
    // A newer state is for the next diff.
    bench.set("[1,2]").expect(&[]);
    let message =
        message::state(&diff(&from.value, &to.value), &message::Stamp::default()).seal(100);
    bench.server.mirror(Some(message));
    bench.expect(&[
        &patch(r#"{"op":"replace","path":"","value":[1]}"#),
        &patch(r#"{"op":"add","path":"/1","value":2}"#),
        &response(1, "null"),
    ]);
}

fn a_blocked_socket_gets_one_larger_diff() {
    let mut bench = Bench::new(ServerOptions::default());
    bench.set(r#"{"n":0}"#);
    bench.expect(&[&patch(r#"{"op":"replace","path":"","value":{"n":0}}"#)]);
    bench.writable(false);
    for n in 1..=1_000 {
        bench
            .set(&format!(r#"{{"n":{n},"k{}":true}}"#, n % 2))
            .expect(&[]);
    }
    assert!(bench.server.has_room());
    bench.writable(true).expect(&[&patch(
        r#"{"op":"add","path":"/k0","value":true},{"op":"replace","path":"/n","value":1000}"#,
    )]);
}

fn what_comes_back_is_not_sent() {
    let mut bench = Bench::new(ServerOptions::default());
    // No message for a state that is null.
    bench.set("null").expect(&[]);
    bench
        .set("{}")
        .expect(&[&patch(r#"{"op":"replace","path":"","value":{}}"#)]);
    bench.set("{}").expect(&[]);
    bench
        .writable(false)
        .set("[1]")
        .set("{}")
        .writable(true)
        .expect(&[]);
    bench
        .set("null")
        .expect(&[&patch(r#"{"op":"replace","path":"","value":null}"#)]);
    bench.set("null").expect(&[]);
}

fn it_knows_when_all_is_handed_out() {
    let mut options = ServerOptions::default();
    options.max_segment_size = 20;
    let mut bench = Bench::new(options);
    assert!(bench.server.is_flushed());
    bench.set(r#"{"long":"enough for several segments"}"#);
    while !bench.server.is_flushed() {
        assert!(
            bench.step().is_some(),
            "it is not flushed, and says nothing"
        );
    }
    bench.expect(&[]);
    assert_eq!(bench.notify("n"), Ok(()));
    assert!(!bench.server.is_flushed());
    bench.outputs();
    assert!(bench.server.is_flushed());
    // A diff that was asked for is not handed out yet.
    bench.set("7");
    let Some(Output::Event(ServerEvent::Diff { from, to, .. })) = bench.server.poll() else {
        panic!("no diff");
    };
    assert!(!bench.server.is_flushed());
    bench.server.mirror(Some(
        message::state(&diff(&from.value, &to.value), &message::Stamp::default()).seal(100),
    ));
    assert!(!bench.server.is_flushed());
    assert!(bench.step().is_some());
    assert!(bench.server.is_flushed());
    // One message serves many connections.
    let shared = message::notification("n", &Value::Null).seal::<Arc<str>>(8);
    assert!(shared.len() > 3);
}

/// Whoever waits for a state to be handed out does not wait for a newer one.
fn each_state_is_known_to_be_handed_out() {
    let mut options = ServerOptions::default();
    options.max_segment_size = 20;
    let mut bench = Bench::new(options);
    assert!(bench.server.is_handed_out(0));
    bench.set("\"0123456789012345678901234567890123456789\"");
    let first = bench.server.revision();
    assert!(!bench.server.is_handed_out(first));
    bench.step().unwrap();
    bench.set("2");
    let second = bench.server.revision();
    while !bench.server.is_handed_out(first) {
        assert!(bench.step().unwrap().starts_with('1') || bench.server.is_handed_out(first));
    }
    assert!(!bench.server.is_handed_out(second));
    bench.outputs();
    assert!(bench.server.is_handed_out(second));
    // What is the same is handed out already.
    bench.set("2");
    assert!(bench.server.is_handed_out(bench.server.revision()));
}

fn silence_is_asked_about_then_fatal() {
    let mut bench = Bench::new(ServerOptions::default());
    assert_eq!(bench.server.deadline(), Some(Instant::from_millis(30_000)));
    bench.now = 30_000;
    bench.input(Input::Tick).expect(&["2"]);
    bench.now = 45_000;
    bench.text("3").input(Input::Tick).expect(&[]);
    bench.now = 75_000;
    bench.input(Input::Tick).expect(&["2"]);
    bench.now = 105_000;
    bench
        .input(Input::Tick)
        .expect(&["close 4000", "closed 4000"]);
}
