//! What our server costs, beside a bare one and beside its peers: `load [PART…] [--quick] [--only SERVER]…`, with the
//! parts `fan-out`, `change`, `request` and `connect` for Juggler, where the peer is `hat-juggler`, and `bayeux`, where
//! they are `faye` and, with long-polling, `cometd-nodejs-server`. The others are `bare` and `mirrorball`. Prints one
//! JSON object per measurement.
//!
//! `cargo xtask bench` builds the servers and says where they are. Every run starts a server of its own; the
//! servers take turns, and the median of three rounds is what counts. All that the servers send is read and
//! checked: an answer, a state or an order that is wrong ends the benchmark.

mod audience;
mod batch;
mod caller;
mod crowd;
mod message;
mod polling;
mod report;
mod scenario;
mod session;
mod socket;
mod subject;
mod tally;

use std::{error::Error, process::ExitCode, time::Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{runtime::Builder, task::LocalSet};

use report::Report;
use scenario::Scenario;
use subject::Subject;

/// All parts.
const PARTS: [&str; 5] = ["fan-out", "change", "request", "connect", "bayeux"];
/// The servers take turns so many times.
const ROUNDS: usize = 3;

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is to be measured.
struct Plan {
    scenarios: Vec<Scenario>,
    subjects: Vec<Subject>,
    quick: bool,
}

impl Plan {
    fn read(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut parts, mut subjects, mut quick) = (Vec::new(), Vec::new(), false);
        let mut words = words;
        while let Some(word) = words.next() {
            match word.as_str() {
                "--quick" => quick = true,
                "--only" => {
                    let name = words.next().unwrap_or_default();
                    let named = Subject::ALL.into_iter().find(|it| it.to_string() == name);
                    subjects.push(named.ok_or_else(|| {
                        format!(
                            "--only takes {}",
                            Subject::ALL.map(|it| it.to_string()).join(" or ")
                        )
                    })?);
                }
                other if other.starts_with('-') => {
                    return Err(format!("the options are --quick and --only, not {other}"));
                }
                _ => parts.push(word),
            }
        }
        if parts.is_empty() {
            parts = PARTS.map(str::to_owned).into();
        }
        if subjects.is_empty() {
            subjects = Subject::ALL.into();
        }
        let mut scenarios = Vec::new();
        for part in parts {
            let known = PARTS.join(", ");
            let of_part = Scenario::part(&part, quick);
            scenarios.extend(
                of_part.ok_or_else(|| format!("there is no part `{part}`: there are {known}"))?,
            );
        }
        Ok(Self {
            scenarios,
            subjects,
            quick,
        })
    }
}

fn measure() -> Result<(), Box<dyn Error>> {
    let plan = Plan::read(std::env::args().skip(1))?;
    raise_limit()?;
    // One thread: on a small machine the servers need the others.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, run(plan))
}

async fn run(plan: Plan) -> Result<(), Box<dyn Error>> {
    let Plan {
        scenarios,
        subjects: wanted,
        quick,
    } = plan;
    let rounds = if quick { 1 } else { ROUNDS };
    for scenario in scenarios {
        let mut report = Report::default();
        let mut subjects: Vec<_> = scenario.subjects().to_vec();
        subjects.retain(|subject| wanted.contains(subject));
        if subjects.is_empty() {
            continue;
        }
        for round in 1..=rounds {
            for &subject in &subjects {
                report.subject = Some(subject);
                let began = Instant::now();
                scenario
                    .run(subject, quick, &mut report)
                    .await
                    .map_err(|error| format!("{scenario:?} with {subject}: {error}"))?;
                let time = began.elapsed().as_secs_f64();
                eprintln!("{scenario:?}, round {round} of {rounds}, {subject}: {time:.1} s");
            }
            // Who comes first has whatever the machine did before against it.
            subjects.rotate_left(1);
        }
        report.print(scenario);
    }
    Ok(())
}

/// A connection is a file, here and in the servers, which inherit the limit.
fn raise_limit() -> Result<(), Box<dyn Error>> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised)?;
    Ok(())
}
