//! [`Subject`]s: the servers that are measured, each in a process of its own.

use std::{
    env, fmt, fs, io,
    net::SocketAddr,
    process::{self, Stdio},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::socket::bad;

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(30);
/// A page of memory, on every platform that has `/proc`.
const PAGE: u64 = 4_096;
/// What a program's time is counted in, in `/proc/PID/stat`.
const TICK: Duration = Duration::from_millis(10);

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Bare,
    Ours,
    Hat,
    Faye,
    Cometd,
}

impl Subject {
    pub(crate) const ALL: [Self; 5] = [Self::Bare, Self::Ours, Self::Hat, Self::Faye, Self::Cometd];

    /// Starts one.
    pub(crate) async fn start(self) -> io::Result<Server> {
        let mut command = match self {
            Self::Bare => Command::new(path("MIRRORBALL_BARE_BIN")?),
            Self::Ours => Command::new(path("MIRRORBALL_LOAD_TARGET_BIN")?),
            Self::Hat => {
                let mut command = Command::new(path("MIRRORBALL_PYTHON")?);
                command.arg("tests/bench/hat_target.py");
                command
            }
            Self::Faye | Self::Cometd => {
                let mut command = Command::new("node");
                command.args(["tests/bench/bayeux_target.mjs", &self.to_string()]);
                command
            }
        };
        let mut process = command
            .args(["--listen", "127.0.0.1:0", "--autoflush-ms", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = process.stdout.take().ok_or_else(|| bad("no pipe"))?;
        let mut line = String::new();
        timeout(START, BufReader::new(stdout).read_line(&mut line)).await??;
        let address = line
            .trim()
            .strip_prefix("ready at ws://")
            .and_then(|rest| rest.strip_suffix("/ws")?.parse().ok())
            .ok_or_else(|| bad(format!("{self} did not start: it said `{}`", line.trim())))?;
        let id = process.id().ok_or_else(|| bad(format!("{self} ended")))?;
        Ok(Server {
            process,
            id,
            address,
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Bare => "bare",
            Self::Ours => "mirrorball",
            Self::Hat => "hat-juggler",
            Self::Faye => "faye",
            Self::Cometd => "cometd-nodejs-server",
        })
    }
}

fn path(variable: &str) -> io::Result<String> {
    env::var(variable).map_err(|_| bad(format!("{variable} is not set: run `cargo xtask bench`")))
}

/// A server that runs. It ends when this does.
pub(crate) struct Server {
    process: Child,
    id: u32,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Bytes of memory that it has.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/statm", self.id))?;
        let pages = text
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse::<u64>().ok());
        Ok(PAGE * pages.ok_or_else(|| bad("an odd statm"))?)
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) -> io::Result<()> {
        self.process.kill().await
    }
}

/// A span of a server's time, and of this process's own.
pub(crate) struct Span {
    server: u32,
    cpu: Duration,
    own_cpu: Duration,
    began: Instant,
}

impl Span {
    pub(crate) fn begin(server: &Server) -> io::Result<Self> {
        Ok(Self {
            server: server.id,
            cpu: cpu(server.id)?,
            own_cpu: cpu(process::id())?,
            began: Instant::now(),
        })
    }

    /// Microseconds of the server's processor time for each of `count`.
    pub(crate) fn cpu_per(&self, count: u64) -> io::Result<f64> {
        Ok(each(cpu(self.server)?.saturating_sub(self.cpu), count))
    }

    /// Microseconds of this process's own processor time for each of `count`.
    pub(crate) fn own_cpu_per(&self, count: u64) -> io::Result<f64> {
        Ok(each(
            cpu(process::id())?.saturating_sub(self.own_cpu),
            count,
        ))
    }

    /// How many of `count` there were in a second.
    pub(crate) fn rate(&self, count: u64) -> f64 {
        count as f64 / self.began.elapsed().as_secs_f64()
    }
}

fn each(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count.max(1) as f64
}

/// The time that all threads of a process have had a processor for.
///
/// To the nanosecond, where the kernel counts that; a thread that ended is not counted then, but the servers
/// keep theirs.
fn cpu(process: u32) -> io::Result<Duration> {
    match scheduled(process) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => ticks(process),
    }
}

fn scheduled(process: u32) -> io::Result<Duration> {
    let mut time = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        let text = fs::read_to_string(task?.path().join("schedstat"))?;
        let nanoseconds = text.split(' ').next().and_then(|word| word.parse().ok());
        time += Duration::from_nanos(nanoseconds.ok_or_else(|| bad("an odd schedstat"))?);
    }
    Ok(time)
}

fn ticks(process: u32) -> io::Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, which may hold anything, is in brackets; the state follows it.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut words = rest.split_whitespace().skip(11);
    let mut ticks = || words.next()?.parse::<u32>().ok();
    match (ticks(), ticks()) {
        (Some(user), Some(system)) => Ok(TICK * (user + system)),
        _ => Err(bad("an odd stat")),
    }
}
