//! What the servers are put through.

use std::{
    cell::RefCell,
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time::sleep};

use crate::{
    audience::Audience,
    caller::Caller,
    crowd::Crowd,
    report::Report,
    session::Transport,
    subject::{Server, Span, Subject},
    tally::percentile,
};

/// Leaves of the state, where their number is not what is measured.
const LEAVES: usize = 1_000;
/// Between two changes: 20 in a second.
const PACE: Duration = Duration::from_millis(50);
/// What comes later than so long after the last change was not delivered in time.
const GRACE: Duration = Duration::from_secs(1);
/// Between two events that go to clients which poll, or to all rooms: 5 in a second.
const SLOW_PACE: Duration = Duration::from_millis(200);
/// How long it may take after the last event until everyone has heard it: as long as the slowest needs.
const ARRIVAL: Duration = Duration::from_secs(60);
/// Connections that ask at once.
const CALLERS: usize = 64;
/// How long a server may warm up.
const WARM_UP: Duration = Duration::from_millis(300);
/// How long memory is looked at: what was freed is given back a little later.
const SETTLE: Duration = Duration::from_secs(1);

/// Something that servers are put through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// One shared state to so many connections.
    FanOut(usize),
    /// One changed leaf in a state of so many.
    Change(usize),
    /// Requests.
    Request,
    /// So many connections that come at once, and then do nothing.
    Connect(usize),
    /// One channel of Bayeux to so many sessions.
    Publish(Transport, usize),
    /// So many channels of Bayeux to so many sessions, each of which subscribed to one.
    Rooms { size: usize, rooms: usize },
    /// So many sessions of Bayeux that do nothing.
    Idle(Transport, usize),
}

impl Scenario {
    /// Those of one part of the benchmark.
    pub(crate) fn part(name: &str, quick: bool) -> Option<Vec<Self>> {
        Some(match (name, quick) {
            ("fan-out", false) => [100, 1_000, 5_000].map(Self::FanOut).into(),
            ("fan-out", true) => vec![Self::FanOut(100)],
            ("change", false) => [1_000, 10_000, 100_000, 1_000_000].map(Self::Change).into(),
            ("change", true) => vec![Self::Change(1_000), Self::Change(10_000)],
            ("request", _) => vec![Self::Request],
            ("connect", false) => vec![Self::Connect(4_000)],
            ("connect", true) => vec![Self::Connect(200)],
            ("bayeux", _) => Self::bayeux(quick),
            _ => return None,
        })
    }

    fn bayeux(quick: bool) -> Vec<Self> {
        use Transport::{LongPolling, WebSocket};

        let publish = |transport, sizes: &[usize]| {
            let sizes = sizes.iter();
            let publish = sizes.map(|size| Self::Publish(transport, *size));
            publish.collect::<Vec<_>>()
        };
        let (sockets, rooms, polling, idle): (&[_], _, &[_], _) = if quick {
            (&[100], (100, 10), &[50], 200)
        } else {
            (&[100, 1_000, 5_000], (1_000, 100), &[500, 1_000], 2_000)
        };
        let (size, rooms) = rooms;
        let mut all = publish(WebSocket, sockets);
        all.push(Self::Rooms { size, rooms });
        all.extend(publish(LongPolling, polling));
        all.extend([WebSocket, LongPolling].map(|transport| Self::Idle(transport, idle)));
        all
    }

    /// Who can do it.
    pub(crate) const fn subjects(self) -> &'static [Subject] {
        match self {
            Self::FanOut(_) | Self::Change(_) | Self::Request | Self::Connect(_) => {
                &[Subject::Bare, Subject::Ours, Subject::Hat]
            }
            Self::Publish(Transport::WebSocket, _)
            | Self::Rooms { .. }
            | Self::Idle(Transport::WebSocket, _) => &[Subject::Bare, Subject::Ours, Subject::Faye],
            Self::Publish(Transport::LongPolling, _) | Self::Idle(Transport::LongPolling, _) => {
                &[Subject::Ours, Subject::Faye, Subject::Cometd]
            }
        }
    }

    /// Puts a new server through it.
    pub(crate) async fn run(
        self,
        subject: Subject,
        quick: bool,
        report: &mut Report,
    ) -> io::Result<()> {
        let server = subject.start().await?;
        let time = Duration::from_secs(if quick { 1 } else { 3 });
        match self {
            Self::FanOut(size) => fan_out(subject, &server, size, time, report).await?,
            Self::Change(leaves) => change(&server, leaves, time, report).await?,
            Self::Request => request(&server, time, report).await?,
            Self::Connect(count) => connect(&server, count, report).await?,
            Self::Publish(transport, size) => {
                let audience = Audience::open(server.address, transport, size, 1).await?;
                let pace = match transport {
                    Transport::WebSocket => PACE,
                    Transport::LongPolling => SLOW_PACE,
                };
                let case = format!(", {size} sessions, {transport}");
                let suite = "Bayeux, one channel";
                publish(&server, &audience, (pace, time), (suite, &case), report).await?;
            }
            Self::Rooms { size, rooms } => {
                let transport = Transport::WebSocket;
                let audience = Audience::open(server.address, transport, size, rooms).await?;
                let suite = format!("Bayeux, {size} sessions in {rooms} rooms");
                publish(&server, &audience, (SLOW_PACE, time), (&suite, ""), report).await?;
            }
            Self::Idle(transport, size) => idle(&server, transport, size, report).await?,
        }
        server.stop().await
    }
}

async fn init(server: &Server, leaves: usize) -> io::Result<Caller> {
    let mut caller = Caller::open(server.address).await?;
    caller.init(leaves).await?;
    Ok(caller)
}

#[expect(clippy::cast_possible_truncation, reason = "some seconds at this pace")]
async fn fan_out(
    subject: Subject,
    server: &Server,
    size: usize,
    time: Duration,
    report: &mut Report,
) -> io::Result<()> {
    drop(init(server, LEAVES).await?);
    let crowd = Crowd::open(server.address, size).await?;
    let changes = (time.as_millis() / PACE.as_millis()) as u64;
    let span = Span::begin(server)?;
    let tally = crowd.change(changes, PACE, GRACE).await?;
    let cpu = span.cpu_per(tally.delivered())?;
    let own = span.own_cpu_per(tally.delivered())?;
    let share = tally.delivered() as f64 / (changes * size as u64) as f64;
    let mut add = |what: &str, value, unit| {
        let case = format!("{what}, {size} connections");
        report.add("fan-out at 20 changes/s", &case, value, unit);
    };
    add("server CPU for each state delivered", cpu, "µs");
    add("states delivered in time", 100.0 * share, "%");
    add("latency p50", tally.latency(0.5) / 1e3, "ms");
    add("latency p99", tally.latency(0.99) / 1e3, "ms");
    add("the load generator's own CPU", own, "µs");
    match subject {
        Subject::Bare | Subject::Ours => crowd.in_step().await,
        // It keeps a queue of all that it did not send in time, and would take minutes.
        Subject::Hat | Subject::Faye | Subject::Cometd => Ok(()),
    }
}

async fn change(
    server: &Server,
    leaves: usize,
    time: Duration,
    report: &mut Report,
) -> io::Result<()> {
    let mut caller = init(server, leaves).await?;
    // All over the state, with no pattern that a cache would like.
    let mut items = (1_usize..).map(|index| index.wrapping_mul(7_919) % (leaves / 4));
    let mut item = || items.next().unwrap_or_default();
    let began = Instant::now();
    while began.elapsed() < WARM_UP {
        caller.set(item()).await?;
    }
    let mut latencies = Vec::new();
    let span = Span::begin(server)?;
    let began = Instant::now();
    while began.elapsed() < time {
        let asked = Instant::now();
        caller.set(item()).await?;
        latencies.push(asked.elapsed().as_secs_f64() * 1e6);
    }
    let cpu = span.cpu_per(latencies.len() as u64)?;
    let mut add = |what: &str, value, unit| {
        let case = format!("{what}, 1 of {leaves} leaves");
        report.add("one leaf changed", &case, value, unit);
    };
    add("server CPU for each change", cpu, "µs");
    add("latency p50", percentile(&mut latencies, 0.5), "µs");
    Ok(())
}

async fn request(server: &Server, time: Duration, report: &mut Report) -> io::Result<()> {
    let latencies = Rc::new(RefCell::new(Vec::new()));
    let mut callers = Vec::new();
    for _ in 0..CALLERS {
        let mut caller = Caller::open(server.address).await?;
        caller.echo().await?;
        callers.push(caller);
    }
    let span = Span::begin(server)?;
    let end = Instant::now() + time;
    let mut calling = JoinSet::new();
    for mut caller in callers {
        let latencies = latencies.clone();
        calling.spawn_local(async move {
            while Instant::now() < end {
                let asked = Instant::now();
                caller.echo().await?;
                let latency = asked.elapsed().as_secs_f64() * 1e6;
                latencies.borrow_mut().push(latency);
            }
            io::Result::Ok(())
        });
    }
    while let Some(ended) = calling.join_next().await {
        ended??;
    }
    let mut latencies = latencies.take();
    let count = latencies.len() as u64;
    let (cpu, rate) = (span.cpu_per(count)?, span.rate(count));
    let mut add = |case: &str, value, unit| {
        report.add("requests, 64 connections", case, value, unit);
    };
    add("server CPU for each request", cpu, "µs");
    add("requests", rate, "/s");
    add("latency p50", percentile(&mut latencies, 0.5), "µs");
    add("latency p99", percentile(&mut latencies, 0.99), "µs");
    Ok(())
}

async fn connect(server: &Server, count: usize, report: &mut Report) -> io::Result<()> {
    drop(init(server, LEAVES).await?);
    let before = server.memory()?;
    let span = Span::begin(server)?;
    let crowd = Crowd::open(server.address, count).await?;
    let rate = span.rate(count as u64);
    let cpu = span.cpu_per(count as u64)?;
    // An idle connection is one that was told something.
    crowd.change(3, PACE, GRACE).await?;
    crowd.in_step().await?;
    sleep(SETTLE).await;
    let held = server.memory()?.saturating_sub(before);
    let mut add = |what: &str, value, unit| {
        let suite = format!("{count} connections come");
        report.add(&suite, what, value, unit);
    };
    add("handshakes with first state", rate, "/s");
    add("server CPU for each", cpu, "µs");
    add(
        "memory of each when idle",
        held as f64 / count as f64 / 1024.0,
        "KiB",
    );
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "some seconds at this pace")]
async fn publish(
    server: &Server,
    audience: &Audience,
    (pace, time): (Duration, Duration),
    (suite, case): (&str, &str),
    report: &mut Report,
) -> io::Result<()> {
    let count = (time.as_millis() / pace.as_millis()) as u64;
    let span = Span::begin(server)?;
    let tally = audience.publish(count, pace, ARRIVAL).await?;
    let delivered = tally.delivered();
    let cpu = span.cpu_per(delivered)?;
    let own = span.own_cpu_per(delivered)?;
    let share = delivered as f64 / (count * tally.begun()) as f64;
    let mut add = |what: &str, value, unit| {
        report.add(suite, &format!("{what}{case}"), value, unit);
    };
    add("server CPU for each event delivered", cpu, "µs");
    add("events that arrived", 100.0 * share, "%");
    add("latency p50", tally.latency(0.5) / 1e3, "ms");
    add("latency p99", tally.latency(0.99) / 1e3, "ms");
    add("the load generator's own CPU", own, "µs");
    Ok(())
}

async fn idle(
    server: &Server,
    transport: Transport,
    size: usize,
    report: &mut Report,
) -> io::Result<()> {
    let before = server.memory()?;
    let audience = Audience::open(server.address, transport, size, 1).await?;
    // An idle session is one that was told something.
    audience.publish(3, SLOW_PACE, ARRIVAL).await?;
    sleep(SETTLE).await;
    let held = server.memory()?.saturating_sub(before);
    let case = format!("memory of each of {size}, {transport}");
    let each = held as f64 / size as f64 / 1024.0;
    report.add("Bayeux, idle sessions", &case, each, "KiB");
    Ok(())
}
