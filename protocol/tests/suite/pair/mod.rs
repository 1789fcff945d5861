//! A client and a server over a network that does what it likes, under a virtual clock.
//!
//! A seed decides everything: how both ends are configured, how slow the network is, what both applications
//! do, what breaks and when. Messages are late, held back, lost with their socket; sockets are refused,
//! unanswered, cut between any two messages, silently dead in one direction or both; the server restarts,
//! shuts, or breaks the protocol; the client sleeps. Time jumps from one event to the next, so that a day
//! takes milliseconds.
//!
//! After every step: what the client shows was a state of the server, never older than what it showed
//! before; what the application keeps never changes; every request ends once and was carried out at most
//! once; notifications come in order, once, and never go missing untold; the status tells the truth; nothing
//! is due in the past. When the network has healed, the mirror equals the state and nothing is left hanging.

mod app;
mod back;
mod end;
mod fate;
mod front;
mod plan;
mod site;
mod wire;

use core::ops::Range;

use mirrorball_protocol::{
    Machine,
    json::Json,
    juggler::{
        Client,
        segment::{Draft, Sealed},
    },
    time::Instant,
};

use self::{
    app::App,
    plan::Plan,
    site::{Conn, Site},
    wire::Wire,
};
use super::random::Random;

/// Says what is wrong.
type Check = Result<(), String>;

macro_rules! ensure {
    ($fine:expr, $($otherwise:tt)*) => {
        if !$fine {
            return Err(format!($($otherwise)*));
        }
    };
}
use ensure;

macro_rules! note {
    ($world:expr, $($what:tt)*) => {
        if let Some(notes) = &mut $world.notes {
            notes.push(format!("{:>8} {}", $world.now, format_args!($($what)*)));
        }
    };
}
use note;

/// Seeds that failed once, each for a reason of its own.
const ONCE_FAILED: &[u64] = &[
    // A socket that opened and was lost before its first state left no gap.
    10,
    // The state changed between a diff and its first segment: the next diff was sent before it.
    30,
];

/// More steps than any schedule takes: past that it runs in a circle.
const MAX_STEPS: usize = 200_000;

/// How long it may take until all is well after the network has healed: 10 minutes.
const HEALING: u64 = 600_000;

/// Plays the schedules of all seeds, after those that failed once.
pub(crate) fn schedules<J: Json>(seeds: Range<u64>) {
    let mut tally = Tally::default();
    for seed in ONCE_FAILED.iter().copied().chain(seeds.clone()) {
        play::<J>(seed, false, &mut tally);
    }
    tally.check(seeds.end - seeds.start);
}

/// Plays one schedule and prints what happens.
pub(crate) fn replay<J: Json>(seed: u64) {
    play::<J>(seed, true, &mut Tally::default());
}

fn play<J: Json>(seed: u64, aloud: bool, tally: &mut Tally) {
    let _announced = Announced(seed);
    let mut world = World::<J>::new(seed, aloud);
    let mut result = world.run();
    if result.is_err() && !aloud {
        // Once more, with notes.
        world = World::new(seed, true);
        result = world.run();
    }
    tally.add(&world.tally);
    let notes = world.notes.unwrap_or_default().join("\n");
    if let Err(error) = result {
        panic!(
            "seed {seed}: {error}\n{:?}\n{notes}\n{:>8} {error}",
            world.plan, world.now
        );
    }
    if aloud {
        println!("{:?}\n{notes}", world.plan);
    }
}

/// Says which schedule was being played when something panicked.
struct Announced(u64);

impl Drop for Announced {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("while playing the schedule of seed {}", self.0);
        }
    }
}

macro_rules! tally {
    ($($counter:ident: $least:literal,)*) => {
        /// How often things happened, so that a suite that checks nothing is noticed.
        #[derive(Debug, Default)]
        struct Tally {
            $($counter: u64,)*
        }

        impl Tally {
            fn add(&mut self, more: &Self) {
                $(self.$counter += more.$counter;)*
            }

            /// Checks that everything happened often enough, where there were enough schedules to tell.
            fn check(&self, schedules: u64) {
                if schedules < 1_000 {
                    return;
                }
                $(
                    let least = $least * schedules / 1_000;
                    assert!(self.$counter >= least, "too few {}: {self:?}", stringify!($counter));
                )*
            }
        }
    };
}

// What happens at least, per thousand schedules.
tally! {
    steps: 400_000,
    attempts: 2_500,
    opened: 1_800,
    changes: 3_500,
    looks: 2_900,
    assumed: 200,
    gaps: 1_300,
    notifications: 2_000,
    done: 1_500,
    writes: 500,
    refused: 500,
    lost: 1_200,
    timed_out: 1_300,
    closed: 10,
    unsent: 4_000,
    violations: 40,
    late: 4_000,
    resumed: 200,
    forgotten: 50,
    repeated: 20,
    restarts: 300,
    unwritable: 50_000,
    full: 500,
    slept: 300,
    healed: 900,
}

/// Where the client's end of a socket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Opening,
    Open,
    Closed,
}

#[derive(Debug)]
struct Socket {
    attempt: u32,
    client: End,
    /// Whether the client was told that it takes more.
    writable: bool,
    up: Wire,
    down: Wire,
    conn: Option<Conn>,
    /// What the client asks for in the address.
    query: Option<String>,
    /// The notifications that went before it.
    before: (u64, u64),
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// The client's deadline.
    Client,
    /// A deadline of the server's end of a socket.
    Conn(usize),
    /// Something arrives at the server.
    Up(usize),
    /// Something arrives at the client.
    Down(usize),
    /// A socket can be written to again.
    Writable(usize),
    /// An answer is ready.
    Answer(usize),
    /// Changes were gathered for long enough.
    Flush,
    /// Somebody does something.
    Act,
}

struct World<J: Json> {
    random: Random,
    plan: Plan,
    now: u64,
    client: Client<J>,
    app: App<J>,
    site: Site,
    sockets: Vec<Socket>,
    /// The attempt whose socket the client has.
    current: Option<u32>,
    attempts: u32,
    /// Nothing reaches the client before.
    asleep_until: u64,
    /// Everybody is refused before.
    refusing_until: u64,
    next_act: u64,
    actions: usize,
    /// The network has healed, and all has to be well at this moment.
    healing_until: Option<u64>,
    /// All was well, and stays so until this moment.
    lingering_until: Option<(u64, u32)>,
    tally: Tally,
    notes: Option<Vec<String>>,
}

impl<J: Json> World<J> {
    fn new(seed: u64, aloud: bool) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::new(&mut random);
        let site = Site::new(&plan, &mut random);
        let client = Client::new(plan.client.clone(), Instant::default());
        Self {
            actions: plan.actions,
            app: App::new(&client),
            random,
            plan,
            now: 0,
            client,
            site,
            sockets: Vec::new(),
            current: None,
            attempts: 0,
            asleep_until: 0,
            refusing_until: 0,
            next_act: 0,
            healing_until: None,
            lingering_until: None,
            tally: Tally::default(),
            notes: aloud.then(Vec::new),
        }
    }

    const fn instant(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    fn run(&mut self) -> Check {
        self.drive()?;
        while !self.is_over()? {
            self.tally.steps += 1;
            ensure!(self.tally.steps < MAX_STEPS as u64, "it runs in a circle");
            let Some((at, next)) = self.next() else {
                ensure!(self.lingering_until.is_some(), "nothing ever happens again");
                break;
            };
            self.now = self.now.max(at);
            self.step(next)?;
            self.pump_all()?;
            if self.tell_room() {
                self.drive()?;
            }
            self.sockets.retain(|socket| {
                socket.client != End::Closed
                    || socket.conn.is_some()
                    || socket.up.len() + socket.down.len() > 0
            });
        }
        self.app.check_held()?;
        if self.plan.closes && !self.app.closed {
            self.close()?;
        }
        Ok(())
    }

    /// What is due first; of several things any.
    fn next(&mut self) -> Option<(u64, Next)> {
        let mut all: Vec<(u64, Next)> = Vec::new();
        let mut add = |at: Option<u64>, next| all.extend(at.map(|at| (at, next)));
        let awake = self.asleep_until;
        add(
            self.client.deadline().map(|at| millis(at).max(awake)),
            Next::Client,
        );
        for (index, socket) in self.sockets.iter().enumerate() {
            add(socket.down.due().map(|at| at.max(awake)), Next::Down(index));
            let Some(conn) = &socket.conn else {
                add(socket.up.due(), Next::Up(index));
                continue;
            };
            // A server reads nothing while its answers find no room.
            if conn.server.has_room() {
                add(socket.up.due(), Next::Up(index));
            }
            add(conn.server.deadline().map(millis), Next::Conn(index));
            add(
                conn.later.iter().map(|(at, ..)| *at).min(),
                Next::Answer(index),
            );
            let blocked = conn.blocked_until > self.now;
            add(blocked.then_some(conn.blocked_until), Next::Writable(index));
        }
        add(self.site.flush.deadline().map(millis), Next::Flush);
        if self.actions > 0 && !self.app.closed {
            add(Some(self.next_act), Next::Act);
        }
        let now = self.now;
        let first = all.iter().map(|(at, _)| (*at).max(now)).min()?;
        all.retain(|(at, _)| *at <= first);
        Some((first, self.random.pick(&all).1))
    }

    fn step(&mut self, next: Next) -> Check {
        match next {
            Next::Client => self.tick_client(),
            Next::Conn(index) => self.tick_conn(index),
            Next::Up(index) => self.arrive_at_server(index),
            Next::Down(index) => self.arrive_at_client(index),
            Next::Writable(_) => Ok(()),
            Next::Answer(index) => self.answer_later(index),
            Next::Flush => {
                self.publish();
                Ok(())
            }
            Next::Act => self.act(),
        }
    }
}

impl Plan {
    fn seal(&self, draft: Draft) -> Sealed<String> {
        draft.seal(self.server.max_segment_size)
    }
}

/// The first whole millisecond that is not before.
fn millis(at: Instant) -> u64 {
    at.since_origin().as_micros().div_ceil(1_000) as u64
}

fn brief(what: &impl core::fmt::Debug) -> String {
    format!("{:.200}", format!("{what:?}"))
}
