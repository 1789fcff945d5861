//! The rates of one network interface, from its counters.

use std::time::{Duration, Instant};

use super::sample::{Network, NetworkHistory};

/// What is known of one network interface: its counters, when they were read, and the rates so far.
#[derive(Clone, Debug)]
pub(crate) struct Traffic {
    at: Instant,
    network: Network,
}

impl Traffic {
    /// An interface seen for the first time: it has counters, but no rate yet.
    pub(crate) fn new(now: Instant, total_received: u64, total_sent: u64) -> Self {
        let network = Network {
            received: 0,
            sent: 0,
            total_received,
            total_sent,
            history: NetworkHistory::default(),
        };
        Self { at: now, network }
    }

    /// Takes the counters read at `now`. A counter that went back has started anew: it counts from
    /// zero.
    pub(crate) fn update(&mut self, now: Instant, total_received: u64, total_sent: u64) {
        let elapsed = now.saturating_duration_since(self.at);
        if elapsed.is_zero() {
            return;
        }
        let network = &mut self.network;
        network.received = rate(network.total_received, total_received, elapsed);
        network.sent = rate(network.total_sent, total_sent, elapsed);
        network.total_received = total_received;
        network.total_sent = total_sent;
        network.history.received.push(network.received);
        network.history.sent.push(network.sent);
        self.at = now;
    }

    /// The interface as it was at the last update.
    pub(crate) fn network(&self) -> &Network {
        &self.network
    }
}

/// Whole units per second between two readings of a counter.
fn rate(before: u64, after: u64, elapsed: Duration) -> u64 {
    let passed = after.checked_sub(before).unwrap_or(after);
    (passed as f64 / elapsed.as_secs_f64()).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divides_by_the_time_that_passed() {
        let start = Instant::now();
        let mut traffic = Traffic::new(start, 1000, 50);
        assert_eq!((traffic.network().received, traffic.network().sent), (0, 0));

        traffic.update(start + Duration::from_millis(500), 2000, 50);
        assert_eq!(
            (traffic.network().received, traffic.network().sent),
            (2000, 0)
        );
        assert_eq!(traffic.network().total_received, 2000);

        traffic.update(start + Duration::from_millis(3500), 2010, 53);
        assert_eq!((traffic.network().received, traffic.network().sent), (3, 1));

        let json = serde_json::to_value(traffic.network()).unwrap();
        assert_eq!(json["history"]["received"], serde_json::json!([2000, 3]));
        assert_eq!(json["totalSent"], 53);
    }

    #[test]
    fn survives_a_counter_that_starts_anew() {
        let start = Instant::now();
        let mut traffic = Traffic::new(start, u64::MAX, u64::MAX);
        traffic.update(start + Duration::from_secs(1), 10, 0);
        assert_eq!(
            (traffic.network().received, traffic.network().sent),
            (10, 0)
        );
    }

    #[test]
    fn needs_time_to_pass() {
        let start = Instant::now();
        let mut traffic = Traffic::new(start, 0, 0);
        traffic.update(start, 10, 10);
        assert_eq!(traffic.network().received, 0);
        traffic.update(start + Duration::from_secs(1), 10, 10);
        assert_eq!(traffic.network().received, 10);
    }
}
