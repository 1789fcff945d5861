//! What our server costs, beside a bare one and beside hat-juggler: `load [PART…] [--quick]`, with the parts
//! `fan-out`, `change`, `request` and `connect`. Prints one JSON object per measurement.
//!
//! `cargo xtask bench` builds the servers and says where they are. Every run starts a server of its own; the
//! servers take turns, and the median of three rounds is what counts. All that the servers send is read and
//! checked: an answer, a state or an order that is wrong ends the benchmark.

mod caller;
mod crowd;
mod message;
mod report;
mod scenario;
mod socket;
mod subject;

use std::{error::Error, process::ExitCode, time::Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{runtime::Builder, task::LocalSet};

use report::Report;
use scenario::Scenario;
use subject::Subject;

/// All parts.
const PARTS: [&str; 4] = ["fan-out", "change", "request", "connect"];
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

fn measure() -> Result<(), Box<dyn Error>> {
    let (flags, mut parts): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|word| word.starts_with('-'));
    let quick = match flags
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        [] => false,
        ["--quick"] => true,
        _ => return Err(format!("the only option is --quick, not {}", flags.join(" ")).into()),
    };
    if parts.is_empty() {
        parts = PARTS.map(str::to_owned).into();
    }
    let mut scenarios = Vec::new();
    for part in parts {
        let of_part = Scenario::part(&part, quick);
        scenarios.extend(
            of_part.ok_or_else(|| {
                format!("there is no part `{part}`: there are {}", PARTS.join(", "))
            })?,
        );
    }
    raise_limit()?;
    // One thread: on a small machine the servers need the others.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, run(&scenarios, quick))
}

async fn run(scenarios: &[Scenario], quick: bool) -> Result<(), Box<dyn Error>> {
    let rounds = if quick { 1 } else { ROUNDS };
    for scenario in scenarios {
        let mut report = Report::default();
        for round in 0..rounds {
            let mut order = Subject::ALL;
            order.rotate_left(round);
            for subject in order {
                report.subject = Some(subject);
                let began = Instant::now();
                scenario
                    .run(subject, quick, &mut report)
                    .await
                    .map_err(|error| format!("{scenario:?} with {subject}: {error}"))?;
                let (round, time) = (round + 1, began.elapsed().as_secs_f64());
                eprintln!("{scenario:?}, round {round} of {rounds}, {subject}: {time:.1} s");
            }
        }
        report.print(*scenario);
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
