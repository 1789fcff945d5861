//! A client and a broker over a network that does what it likes, under a virtual clock.
//!
//! A seed decides everything: how both ends are configured, how slow the network is, what both applications do, what breaks
//! and when. Sockets are refused, cut, silently dead, slow to take what is written; requests fail on their way there and back,
//! or are given up half-way by the server; the server restarts, forgets sessions, ends them; the client sleeps, is suspended,
//! closes and opens again. Time jumps from one event to the next.
//!
//! After every step: each request ends once, and what it is told agrees with what the broker did; nothing is carried out
//! twice; no message comes twice, over sockets all come in order, and with acknowledgements what a session hears is always the beginning of what it is to
//! hear. When the network has healed, the client is connected, what was lost was told, every request has ended, and what
//! is published comes.

mod act;
mod app;
mod network;
mod plan;
mod site;

use std::collections::BTreeMap;

use core::ops::Range;

use mirrorball_protocol::{
    Machine,
    bayeux::{
        Client,
        broker::Call,
        client::{ConnectionType, State},
    },
    json::Json,
    machine::Input,
    time::Instant,
};

use self::{app::App, network::Link, plan::Plan, site::Site};
use crate::suite::random::Random;

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
    // A parcel that answered two connects had each message twice.
    20_720,
];

/// More steps than any schedule takes: past that it runs in a circle.
const MAX_STEPS: usize = 100_000;

/// How long it may take until all is well after the network has healed: a minute and a half.
const HEALING: u64 = 90_000;
/// How long one thing may take while all is well: 10 seconds.
const SOON: u64 = 10_000;

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
    steps: 120_000,
    attempts: 2_500,
    refused_sockets: 100,
    cuts: 800,
    silences: 280,
    aborted: 250,
    taken_back: 20,
    restarts: 330,
    ended: 150,
    slept: 350,
    unwritable: 350,
    heard: 1_300,
    unasked: 60,
    gaps: 350,
    sessions_lost: 300,
    restored: 220,
    changed: 30,
    done: 3_500,
    refused: 800,
    unknown: 800,
    timed_out: 200,
    unsent: 1_000,
    answers: 220,
    late_answers: 25,
    duplicates: 30,
    reopened: 80,
    healed: 1_000,
}

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
    let mut world = World::<J>::new(seed, aloud);
    let mut result = world.run();
    if result.is_err() && !aloud {
        // Once more, with notes.
        world = World::new(seed, true);
        result = world.run();
    }
    tally.add(&world.tally);
    let notes = world.notes.take().unwrap_or_default().join("\n");
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

/// What happens at some moment.
#[derive(Debug)]
enum Event {
    /// Something reaches the client; of an attempt, where the link still stands.
    Client(Input<String>),
    /// A socket knocks at the server.
    Knock(u32),
    /// A payload reaches the server over a socket.
    Up(u64, String),
    /// A request reaches the server.
    Post(u32, u64, String),
    /// A response reaches the client.
    Response(u32, u64, u16, String),
    /// The server sees that a socket or request is gone.
    Gone(u64),
    /// The server has written what it was writing.
    Written(u64),
    /// The server's application answers a call.
    Answer(u64, Call, bool),
    /// Somebody does something.
    Act,
}

struct World<J: Json> {
    random: Random,
    plan: Plan,
    now: u64,
    client: Client<J>,
    app: App,
    site: Site,
    links: BTreeMap<u32, Link>,
    events: BTreeMap<(u64, u64), Event>,
    next_event: u64,
    next_number: u64,
    next_post: u64,
    /// How often the server was started.
    life: u64,
    actions: usize,
    batches: u32,
    /// Nothing reaches the client before.
    asleep_until: u64,
    /// Sockets are refused before.
    refusing_until: u64,
    is_healed: bool,
    /// The client was closed, and not opened again.
    is_leaving: bool,
    tally: Tally,
    notes: Option<Vec<String>>,
}

impl<J: Json> World<J> {
    fn new(seed: u64, aloud: bool) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::new(&mut random);
        Self {
            now: 0,
            client: Client::new(plan.client.clone()),
            app: App {
                is_ordered: plan.client.connection_types == [ConnectionType::WebSocket],
                ..App::default()
            },
            site: Site::new(&plan),
            links: BTreeMap::new(),
            events: BTreeMap::new(),
            next_event: 0,
            next_number: 0,
            next_post: 0,
            life: 0,
            actions: plan.actions,
            batches: 0,
            asleep_until: 0,
            refusing_until: 0,
            is_healed: false,
            is_leaving: false,
            tally: Tally::default(),
            notes: aloud.then(Vec::new),
            random,
            plan,
        }
    }

    fn instant(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    fn at(&mut self, at: u64, event: Event) {
        self.events
            .insert((at.max(self.now), self.next_event), event);
        self.next_event += 1;
    }

    fn run(&mut self) -> Check {
        let now = self.instant();
        self.client
            .set_wall_clock(core::time::Duration::from_secs(1_700_000_000), now);
        self.client.open(now).map_err(|error| error.to_string())?;
        self.drain(None)?;
        self.at(0, Event::Act);
        self.play_until(None)?;
        self.heal()?;
        self.check_health()
    }

    /// Plays until this moment, or until nobody does anything more.
    fn play_until(&mut self, end: Option<u64>) -> Check {
        for _ in 0..MAX_STEPS {
            if end.is_none() && self.actions == 0 {
                return Ok(());
            }
            let event = self.events.keys().next().map(|(at, _)| *at);
            let client = self
                .client
                .deadline()
                .map(millis)
                .map(|at| at.max(self.asleep_until));
            let broker = self.site.broker.deadline().map(millis);
            let next = [event, client, broker].into_iter().flatten().min();
            let Some(next) = next.filter(|next| end.is_none_or(|end| *next <= end)) else {
                self.now = end.unwrap_or(self.now);
                return Ok(());
            };
            self.now = self.now.max(next);
            self.tally.steps += 1;
            if event == Some(next) {
                let Some((_, event)) = self.events.pop_first() else {
                    continue;
                };
                self.step(event)?;
            } else if client == Some(next) {
                self.feed(Input::Tick)?;
            } else {
                let now = self.instant();
                self.site.broker.tick(now);
                self.serve()?;
            }
            self.check()?;
        }
        Err("it runs in a circle".into())
    }

    fn check(&self) -> Check {
        let status = self.client.status();
        let options = &self.plan.client;
        let most = options.max_pending + self.client.subscriptions().count();
        ensure!(
            status.in_flight + status.queued <= most,
            "too many requests: {status:?}"
        );
        if self.now > self.asleep_until
            && let Some(deadline) = self.client.deadline()
        {
            let late = self.now.saturating_sub(millis(deadline));
            ensure!(late == 0, "something of the client is overdue by {late} ms");
        }
        for session in self.site.broker.sessions() {
            let queued = self.site.broker.queued(session);
            ensure!(
                queued <= self.plan.broker.max_queue,
                "{queued} messages wait for a session"
            );
        }
        Ok(())
    }

    /// The network is well again, and nobody does anything any more.
    fn heal(&mut self) -> Check {
        note!(self, "all heals");
        self.is_healed = true;
        self.asleep_until = self.now;
        self.refusing_until = self.now;
        self.plan.aborted = 0;
        let now = self.instant();
        for _ in 0..core::mem::take(&mut self.batches) {
            self.client.end_batch(now);
        }
        self.client.suspend(false, now);
        let session = self.session();
        self.drain(session.as_deref())?;
        self.break_links(true)?;
        // Requests that nobody limits, and sessions that are forgotten, come to their ends.
        let until = self.now + HEALING;
        self.play_until(Some(until))?;
        if matches!(
            self.client.status().state,
            State::Disconnected | State::Ended
        ) {
            self.is_leaving = false;
            let now = self.instant();
            self.client.open(now).map_err(|error| error.to_string())?;
            self.drain(None)?;
        }
        self.ask("/final", app::Ask::Subscribe)?;
        self.play_until(Some(self.now + SOON))?;
        let number = self.number();
        self.ask("/final", app::Ask::Publish(number))?;
        self.play_until(Some(self.now + SOON))?;
        ensure!(
            self.app.heard.contains(&number),
            "the last message did not come"
        );
        Ok(())
    }

    fn check_health(&mut self) -> Check {
        let status = self.client.status();
        ensure!(
            status.state == State::Connected,
            "it does not connect: {status:?}"
        );
        ensure!(
            self.app.asked.is_empty(),
            "without an end: {:?}",
            self.app.asked
        );
        let session = self.session();
        self.app.check(session.as_deref(), &self.site)?;
        let known = session.as_ref().and_then(|it| self.site.subscribed.get(it));
        for channel in self.client.subscriptions() {
            let is_known = known.is_some_and(|known| known.contains(&**channel));
            ensure!(is_known, "the server knows nothing of {channel}");
        }
        let sessions = self.site.broker.sessions().count();
        ensure!(sessions == 1, "{sessions} sessions are left");
        self.tally.healed += 1;
        Ok(())
    }

    fn session(&self) -> Option<String> {
        self.client.client_id().map(String::from)
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

/// The first whole millisecond that is not before.
fn millis(at: Instant) -> u64 {
    at.since_origin().as_micros().div_ceil(1_000) as u64
}
