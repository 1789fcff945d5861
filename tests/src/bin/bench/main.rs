//! What the rules cost in native code, beside `serde_json` with `json-patch`; with `matching`, what it costs to find who
//! subscribed to a channel. Prints one JSON object per measurement. With `--quick` only the smallest states are measured.

mod matching;

use std::{
    error::Error,
    hint::black_box,
    time::{Duration, Instant},
};

use mirrorball_protocol::{
    Machine,
    json::{Diff, Limits, Object, Value, diff},
    juggler::{Client, client::ClientOptions, message, segment::MAX_SEGMENT_SIZE},
    machine::Input,
    time,
};
use serde::Deserialize;
use serde_json::json;

/// Leaves of the states.
const SIZES: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// Members of each object that is nested.
const FAN_OUT: usize = 10;
/// Versions of a state, each of which differs from the one before in one leaf.
const VERSIONS: usize = 64;
/// Subjects take turns so many times; the median of their times is what counts.
const ROUNDS: usize = 15;
/// A turn takes about this long.
const TURN: Duration = Duration::from_millis(10);

/// Time stands still for a client that is measured.
const NOW: time::Instant = time::Instant::from_origin(Duration::ZERO);

/// The names under which the two are compared.
const OURS: &str = "mirrorball";
const THEIRS: &str = "json-patch";

/// Where a state's leaves are.
#[derive(Clone, Copy)]
enum Shape {
    /// In objects of ten members each, as deep as it takes.
    Nested,
    /// In one object.
    Wide,
    /// In one array.
    Long,
}

const SHAPES: [Shape; 3] = [Shape::Nested, Shape::Wide, Shape::Long];

impl Shape {
    const fn name(self) -> &'static str {
        match self {
            Self::Nested => "nested objects",
            Self::Wide => "one object",
            Self::Long => "one array",
        }
    }

    fn state(self, leaves: usize) -> Value {
        let leaf = |index: usize| Value::from(index as f64 / 8.0);
        match self {
            Self::Nested if leaves == 1 => leaf(0),
            Self::Nested => {
                let inner = self.state(leaves / FAN_OUT);
                let members = (0..FAN_OUT).map(|index| (format!("k{index}"), inner.clone()));
                // Written and read, so that nothing in it is shared that a server's state would not share.
                let shared = Value::Object(members.collect::<Object>());
                parse(&shared.to_text()).unwrap_or_default()
            }
            Self::Wide => {
                let members = (0..leaves).map(|index| (format!("k{index}"), leaf(index)));
                Value::Object(members.collect())
            }
            Self::Long => (0..leaves).map(leaf).collect(),
        }
    }

    /// The way to one of `leaves`.
    fn path(self, leaves: usize, index: usize) -> Vec<usize> {
        match self {
            Self::Nested => {
                let levels = std::iter::successors(Some(leaves), |left| Some(left / FAN_OUT));
                let levels = levels.take_while(|left| *left > 1);
                levels
                    .map(|left| index / (left / FAN_OUT) % FAN_OUT)
                    .collect()
            }
            Self::Wide | Self::Long => vec![index],
        }
    }
}

/// States of which each differs from the one before in one leaf, made as a server makes them.
fn versions(shape: Shape, leaves: usize) -> Vec<Value> {
    let mut versions = vec![shape.state(leaves)];
    for version in 1..VERSIONS {
        let mut next = versions[version - 1].clone();
        // Far apart, so that no two are on the same way for long.
        let path = shape.path(leaves, version * (leaves / VERSIONS) + version % FAN_OUT);
        set(&mut next, &path, Value::from(version as f64 + 0.5));
        versions.push(next);
    }
    versions
}

fn set(state: &mut Value, path: &[usize], value: Value) {
    let mut place = state;
    for index in path {
        let inner = match place {
            Value::Object(object) => object.get_mut(&format!("k{index}")),
            Value::Array(array) => array.get_mut(*index),
            _ => None,
        };
        match inner {
            Some(inner) => place = inner,
            None => return,
        }
    }
    *place = value;
}

fn parse(text: &str) -> Result<Value, Box<dyn Error>> {
    Ok(Value::parse(text, &limits())?)
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.nodes = usize::MAX;
    limits.bytes = usize::MAX;
    limits
}

/// What is measured: called with a number that rises by one each time.
type Work<'a> = Box<dyn FnMut(usize) + 'a>;

/// A subject's turns: so many calls each.
struct Turns<'a> {
    subject: &'a str,
    work: Work<'a>,
    calls: usize,
    made: usize,
    times: Vec<f64>,
}

impl<'a> Turns<'a> {
    /// Warms up, and finds out how many calls a turn takes.
    fn new((subject, work): (&'a str, Work<'a>)) -> Self {
        let mut turns = Self {
            subject,
            work,
            calls: 1,
            made: 0,
            times: Vec::new(),
        };
        while turns.take() * (turns.calls as f64) < TURN.as_secs_f64() {
            turns.calls *= 2;
        }
        turns
    }

    /// Takes a turn; returns the seconds that one call took.
    fn take(&mut self) -> f64 {
        let began = Instant::now();
        for _ in 0..self.calls {
            (self.work)(self.made);
            self.made += 1;
        }
        began.elapsed().as_secs_f64() / self.calls as f64
    }
}

/// Has the subjects take turns, and prints and returns the median time of each, in microseconds.
fn compare<'a>(suite: &str, case: &str, subjects: Vec<(&'a str, Work<'a>)>) -> Vec<f64> {
    let mut turns: Vec<Turns> = subjects.into_iter().map(Turns::new).collect();
    for round in 0..ROUNDS {
        let first = round % turns.len();
        turns.rotate_left(first);
        for subject in &mut turns {
            let time = subject.take();
            subject.times.push(time);
        }
        turns.rotate_right(first);
    }
    let print = |turns| {
        let Turns {
            subject, mut times, ..
        } = turns;
        times.sort_by(f64::total_cmp);
        let value = times[ROUNDS / 2] * 1e6;
        let measure = json!({ "suite": suite, "case": case, "subject": subject, "value": value, "unit": "µs" });
        println!("{measure}");
        value
    };
    turns.into_iter().map(print).collect()
}

/// A server's message that carries a diff, as the other side reads it.
#[derive(Deserialize)]
struct Message {
    diff: json_patch::Patch,
}

/// A diff as a server sends it.
fn frames(diff: &Diff) -> Vec<String> {
    message::state(diff, &message::Stamp::default())
        .seal(MAX_SEGMENT_SIZE)
        .to_vec()
}

/// A client that holds `state`.
fn connected(state: &Value) -> Result<Client<Value>, Box<dyn Error>> {
    let mut options = ClientOptions::default();
    options.state = limits();
    let mut client = Client::new(options, NOW);
    client.handle(Input::Opened { attempt: 1 }, NOW);
    for frame in frames(&diff(&Value::Null, state)) {
        receive(&mut client, frame);
    }
    if client.state() == *state {
        Ok(client)
    } else {
        Err("the client does not hold the state that it was sent".into())
    }
}

/// What a socket's driver does with a message.
fn receive(client: &mut Client<Value>, text: String) {
    client.handle(Input::Text { attempt: 1, text }, NOW);
    while let Some(output) = client.poll() {
        black_box(output);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let has = |word| std::env::args().any(|other| other == word);
    let quick = has("--quick");
    if has("matching") {
        return matching::measure();
    }
    for shape in SHAPES {
        for leaves in SIZES.into_iter().take(if quick { 1 } else { SIZES.len() }) {
            let case = Case::new(shape, leaves)?;
            case.diff();
            case.set();
            case.encode();
            case.receive()?;
            case.encode_whole();
        }
    }
    Ok(())
}

/// One state, and steps of one leaf each from one version of it to the next.
struct Case {
    shape: Shape,
    leaves: usize,
    name: String,
    versions: Vec<Value>,
    steps: Vec<Diff>,
    theirs: [serde_json::Value; 2],
}

impl Case {
    fn new(shape: Shape, leaves: usize) -> Result<Self, Box<dyn Error>> {
        let versions = versions(shape, leaves);
        let steps: Vec<Diff> = versions
            .windows(2)
            .map(|pair| diff(&pair[0], &pair[1]))
            .collect();
        if steps.iter().any(|step| step.len() != 1) {
            return Err("a step of one leaf is not one operation".into());
        }
        Ok(Self {
            shape,
            leaves,
            name: format!("1 of {leaves} leaves, {}", shape.name()),
            theirs: [
                serde_json::to_value(&versions[0])?,
                serde_json::to_value(&versions[1])?,
            ],
            versions,
            steps,
        })
    }

    /// What a change costs that connections are told of.
    fn diff(&self) {
        let ours: Work = Box::new(|index| {
            let from = index % self.steps.len();
            let (old, new) = (&self.versions[from], &self.versions[from + 1]);
            black_box(diff(black_box(old), black_box(new)));
        });
        let theirs: Work = Box::new(|_| {
            let [old, new] = black_box(&self.theirs);
            black_box(json_patch::diff(old, new));
        });
        compare(
            "diff, native",
            &self.name,
            vec![(OURS, ours), (THEIRS, theirs)],
        );
    }

    /// What a change costs while somebody holds the state from before.
    fn set(&self) {
        let paths: Vec<_> = (0..VERSIONS)
            .map(|version| {
                self.shape
                    .path(self.leaves, version * (self.leaves / VERSIONS))
            })
            .collect();
        let mut state = self.versions[0].clone();
        let ours: Work = Box::new(move |index| {
            let before = state.clone();
            set(
                &mut state,
                &paths[index % VERSIONS],
                Value::from(index as f64),
            );
            black_box(before);
        });
        compare("set, native", &self.name, vec![(OURS, ours)]);
    }

    /// What making a diff's message costs, once for all connections.
    fn encode(&self) {
        let ours: Work = Box::new(|index| {
            black_box(frames(&self.steps[index % self.steps.len()]));
        });
        compare("encode, native", &self.name, vec![(OURS, ours)]);
    }

    /// What taking that message in costs a client.
    fn receive(&self) -> Result<(), Box<dyn Error>> {
        let texts: Vec<String> = self.steps.iter().flat_map(frames).collect();
        let mut client = connected(&self.versions[0])?;
        let ours: Work = Box::new(|index| receive(&mut client, texts[index % texts.len()].clone()));
        let mut state = self.theirs[0].clone();
        let theirs: Work = Box::new(|index| {
            let text = &texts[index % texts.len()];
            if let Ok(message) = serde_json::from_str::<Message>(&text[1..]) {
                let applied = json_patch::patch(&mut state, &message.diff);
                black_box(applied.is_ok());
            }
        });
        compare(
            "receive, native",
            &self.name,
            vec![(OURS, ours), (THEIRS, theirs)],
        );
        Ok(())
    }

    /// What the first message of a connection costs.
    fn encode_whole(&self) {
        let name = format!("{} leaves, {}", self.leaves, self.shape.name());
        let ours: Work = Box::new(|_| drop(black_box(self.versions[0].to_text())));
        let theirs: Work = Box::new(|_| drop(black_box(serde_json::to_string(&self.theirs[0]))));
        compare(
            "encode the whole, native",
            &name,
            vec![(OURS, ours), ("serde_json", theirs)],
        );
    }
}
