//! What a publish costs a broker, by how many patterns there are.

use std::{error::Error, hint::black_box};

use mirrorball_protocol::{
    bayeux::{
        Channel, Pattern,
        broker::{Broker, BrokerOptions, Caller, Output, PeerId, SessionId, Transport, Welcome},
    },
    json::Value,
};
use serde_json::json;

use crate::{NOW, OURS, Work, compare};

const SUITE: &str = "Bayeux, a publish among patterns";
/// Patterns that are subscribed to.
const FEW: usize = 100;
const MANY: usize = 10_000;
/// Publishes whose outcome is looked at.
const CHECKED: usize = 200_000;
/// Patterns of one session.
const PATTERNS: usize = 100;
/// What many may cost where few cost 1: a lookup goes down a tree, and misses the cache on its way. One by one they would
/// cost 100.
const MOST: f64 = 5.0;

/// Measures a publish that nobody hears, and one that one session hears, among few patterns and among many.
pub(crate) fn measure() -> Result<(), Box<dyn Error>> {
    for is_heard in [false, true] {
        let mut medians = Vec::new();
        let what = if is_heard { "one session" } else { "nobody" };
        for count in [FEW, MANY] {
            let case = format!("heard by {what}, {count} patterns");
            let work = Exchange::open(count)?.work(is_heard)?;
            medians.extend(compare(SUITE, &case, vec![(OURS, work)]));
        }
        if let [few, many] = medians[..] {
            let case = format!("a publish heard by {what}: {MANY} patterns beside {FEW}");
            let line = json!({
                "suite": "what is expected", "case": case, "subject": "measured",
                "value": many / few, "unit": "×", "most": MOST,
            });
            println!("{line}");
        }
    }
    Ok(())
}

/// A broker with local sessions.
struct Exchange {
    /// It knows a connection by its place in `peers`.
    broker: Broker<usize, ()>,
    patterns: usize,
    peers: Vec<PeerId>,
}

impl Exchange {
    /// One with so many patterns: a third each are channels, `*` and `**`, at places of two to four segments.
    fn open(patterns: usize) -> Result<Self, Box<dyn Error>> {
        let mut exchange = Self {
            broker: Broker::new(BrokerOptions::default()),
            patterns,
            peers: Vec::new(),
        };
        let mut session = None;
        for index in 0..patterns {
            if index % PATTERNS == 0 {
                session = exchange.session(index);
            }
            let session = session.ok_or("there is no room for a session")?;
            let ending = ["", "/*", "/**"][index % 3];
            let pattern = Pattern::parse(&format!("{}{ending}", place(index)))?;
            if !exchange.broker.subscribe(session, &pattern, NOW) {
                return Err("there is no room for a pattern".into());
            }
        }
        Ok(exchange)
    }

    fn session(&mut self, name: usize) -> Option<SessionId> {
        let peer = self
            .broker
            .attach(self.peers.len(), Transport::Local, Caller::default());
        self.peers.push(peer);
        let welcome = Welcome::new(format!("s{name}"));
        self.broker.open_local(peer, &welcome, NOW)
    }

    /// Publishes all over the tree, and delivers.
    fn work(mut self, is_heard: bool) -> Result<Work<'static>, Box<dyn Error>> {
        // A third of the places have exactly one channel that is subscribed to.
        let places = (0..self.patterns).step_by(3).map(|index| {
            let ending = if is_heard { "" } else { "/x/nobody" };
            Channel::parse(&format!("{}{ending}", place(index)))
        });
        let channels = places.collect::<Result<Vec<_>, _>>()?;
        let expected = usize::from(is_heard);
        // More than a queue holds: whatever is not delivered shows.
        for channel in channels.iter().cycle().take(CHECKED) {
            if self.publish(channel) != expected {
                return Err(format!("{channel:?} is not heard by {expected}").into());
            }
        }
        Ok(Box::new(move |index| {
            // With no pattern that a cache would like.
            let channel = &channels[index.wrapping_mul(7_919) % channels.len()];
            self.publish(channel);
        }))
    }

    fn publish(&mut self, channel: &Channel) -> usize {
        let count = self.broker.publish(None, channel, &Value::from(7), NOW);
        while let Some(output) = self.broker.poll() {
            if let Output::Wake(peer) = output {
                while let Some(parcel) = self.broker.collect(self.peers[peer], NOW) {
                    drop(black_box(parcel));
                    self.broker.delivered(self.peers[peer], NOW);
                }
            }
        }
        count
    }
}

/// The place of a pattern: two to four segments.
fn place(index: usize) -> String {
    let rest = ["", "/x", "/x/y"][index / 3 % 3];
    format!("/load/{index}{rest}")
}
