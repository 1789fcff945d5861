//! What a schedule is made of: how both ends are configured, and how slow the network is.

use core::time::Duration;

use mirrorball_protocol::bayeux::{
    broker::BrokerOptions,
    client::{ClientOptions, ConnectionType},
};

use crate::suite::random::Random;

/// What a schedule is made of.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) client: ClientOptions,
    pub(super) broker: BrokerOptions,
    /// Milliseconds that everything takes at least.
    pub(super) delay: u64,
    /// Milliseconds that it may take besides.
    pub(super) jitter: u64,
    /// Things that somebody does.
    pub(super) actions: usize,
    /// Milliseconds between them, at most.
    pub(super) pause: u64,
    /// Whether the client's requests have a cookie.
    pub(super) has_cookie: bool,
    /// Of a hundred writes of the server, so many take their time.
    pub(super) slow_writes: u64,
    /// Of a hundred payloads, so many are given up half-way.
    pub(super) aborted: u64,
}

impl Plan {
    pub(super) fn new(random: &mut Random) -> Self {
        let mut client = ClientOptions::default();
        client.connection_types = match random.below(4) {
            0 => vec![ConnectionType::WebSocket],
            1 => vec![ConnectionType::LongPolling],
            _ => vec![ConnectionType::WebSocket, ConnectionType::LongPolling],
        };
        client.seed = random.next();
        client.max_retry_delay = millis(8_000);
        client.ack = random.chance(50);
        client.sticky = random.chance(70);
        client.auto_batch = random.chance(80);
        client.timesync = random.chance(20);
        client.max_network_delay = millis(random.between(4_000, 10_000));
        client.request_timeout = random
            .chance(80)
            .then(|| millis(random.between(1_000, 40_000)));
        client.max_batch = *random.pick(&[1, 2, 64]);
        client.max_pending = *random.pick(&[4, 1_024]);
        client.max_payload_size = *random.pick(&[100, 65_536]);
        let mut broker = BrokerOptions::default();
        broker.timeout = millis(*random.pick(&[0, 2_000, 15_000]));
        broker.interval = millis(*random.pick(&[0, 0, 0, 500]));
        broker.max_interval = millis(random.between(4_000, 20_000));
        broker.handshake_reconnect = random.chance(50);
        broker.max_queue = *random.pick(&[8, 1_000]);
        // A server that holds no connect must not be asked all the time.
        if broker.timeout.is_zero() {
            broker.interval = millis(1_000);
        }
        Self {
            client,
            broker,
            delay: random.between(0, 200),
            jitter: *random.pick(&[0, 20, 500]),
            actions: random.below(60) + 5,
            pause: *random.pick(&[50, 1_000, 10_000]),
            has_cookie: random.chance(30),
            slow_writes: *random.pick(&[0, 30]),
            aborted: *random.pick(&[0, 5]),
        }
    }
}

const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
