//! What one schedule is like.

use core::time::Duration;

use mirrorball_protocol::juggler::{
    Flush, client::ClientOptions, keepalive::KeepaliveOptions, server::ServerOptions,
};

use super::wire::Pace;
use crate::suite::random::Random;

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) client: ClientOptions,
    pub(super) server: ServerOptions,
    /// States that the server remembers for a client that comes back; without any it does not count them.
    pub(super) history: usize,
    /// How long the server gathers changes.
    pub(super) flush: Option<Duration>,
    pub(super) pace: Pace,
    /// Messages on their way that make a socket unwritable, at either end.
    pub(super) window: usize,
    /// Events of a socket still come after the client has closed it.
    pub(super) late: bool,
    /// The server breaks the protocol now and then.
    pub(super) hostile: bool,
    /// Both ends have a keep-alive; without it the network always tells when it fails.
    pub(super) keepalive: bool,
    /// Of a hundred changes, how many the application looks at.
    pub(super) reads: u64,
    /// Of a hundred attempts, how many are refused, and how many meet silence.
    pub(super) refused: u64,
    pub(super) unanswered: u64,
    /// Things that happen before the network heals.
    pub(super) actions: usize,
    /// The connection is watched for a while after all is settled.
    pub(super) lingers: bool,
    /// The application closes the client in the end.
    pub(super) closes: bool,
}

const SEGMENT_SIZES: [usize; 10] = [1, 2, 3, 5, 17, 64, 200, 1_000, 65_536, 65_536];

impl Plan {
    pub(super) fn new(random: &mut Random) -> Self {
        let keepalive = random.chance(85);
        let mut client = ClientOptions::default();
        client.addresses = 1 + random.below(3);
        client.max_segment_size = *random.pick(&SEGMENT_SIZES);
        client.keepalive = keepalive_options(random, keepalive);
        client.connect_timeout = millis(random, 1_500, 10_000);
        client.sync_timeout = millis(random, 100, 5_000);
        client.request_timeout = Some(millis(random, 200, 30_000));
        client.max_pending = *random.pick(&[1, 3, 1_024]);
        client.min_retry_delay = millis(random, 1, 500);
        client.max_retry_delay = millis(random, 500, 20_000);
        client.max_violations = u32::MAX;
        client.seed = random.next();
        let mut server = ServerOptions::default();
        server.max_segment_size = *random.pick(&SEGMENT_SIZES);
        server.keepalive = keepalive_options(random, keepalive);
        server.parallel_requests = random.chance(50);
        server.max_pending_requests = *random.pick(&[1, 3, 64]);
        server.send_queue_size = *random.pick(&[1, 2, 9, 1_024]);
        let flush = match random.below(6) {
            0 => None,
            1 | 2 => Some(Duration::ZERO),
            3 => Some(millis(random, 1, 2_000)),
            _ => Some(Flush::DELAY),
        };
        // A narrow window is a slow network already.
        let narrow = random.chance(40);
        let pace = if narrow {
            Pace {
                delay: random.between(0, 1),
                jitter: random.between(0, 2),
            }
        } else {
            Pace {
                delay: *random.pick(&[0, 0, 1, 20, 150]),
                jitter: *random.pick(&[0, 5, 50, 400]),
            }
        };
        Self {
            client,
            server,
            history: *random.pick(&[0, 1, 3, 1_024]),
            flush,
            pace,
            window: if narrow {
                1 + random.below(10)
            } else {
                usize::MAX
            },
            late: random.chance(60),
            hostile: random.chance(20),
            keepalive,
            reads: *random.pick(&[0, 10, 50, 100]),
            refused: *random.pick(&[0, 10, 40]),
            unanswered: *random.pick(&[0, 0, 10]),
            actions: 5 + random.below(60),
            lingers: random.chance(25),
            closes: random.chance(20),
        }
    }
}

fn millis(random: &mut Random, from: u64, to: u64) -> Duration {
    Duration::from_millis(random.between(from, to))
}

fn keepalive_options(random: &mut Random, on: bool) -> KeepaliveOptions {
    KeepaliveOptions {
        ping_delay: on.then(|| millis(random, 1_000, 30_000)),
        ping_timeout: millis(random, 2_000, 30_000),
    }
}
