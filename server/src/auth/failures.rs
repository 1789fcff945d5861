//! [`Failures`]: how often who has been wrong.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

/// What is counted together.
const WINDOW: Duration = Duration::from_secs(60);
/// Clients that are remembered; the longest known are forgotten for new ones.
const CLIENTS: usize = 10_000;

/// The attempts of each client that failed or are not decided yet, within a minute from the first.
#[derive(Debug)]
pub(super) struct Failures {
    limit: usize,
    clients: HashMap<IpAddr, (usize, Instant)>,
}

impl Failures {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            clients: HashMap::new(),
        }
    }

    /// Counts an attempt that begins; where there have been too many, says how long to wait instead.
    pub(super) fn begin(&mut self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        if self.clients.len() >= CLIENTS && !self.clients.contains_key(&client) {
            self.forget(now);
        }
        let (count, since) = self.clients.entry(client).or_insert((0, now));
        let age = now.saturating_duration_since(*since);
        if age >= WINDOW {
            (*count, *since) = (0, now);
        } else if *count >= self.limit {
            return Err(WINDOW - age);
        }
        *count += 1;
        Ok(())
    }

    /// The attempt that began was none that failed.
    pub(super) fn take_back(&mut self, client: IpAddr) {
        if let Some((count, _)) = self.clients.get_mut(&client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.clients.remove(&client);
            }
        }
    }

    /// Forgets what is long ago, and if that is nothing, the older half.
    fn forget(&mut self, now: Instant) {
        self.clients
            .retain(|_, (_, since)| now.saturating_duration_since(*since) < WINDOW);
        if self.clients.len() >= CLIENTS {
            let mut moments: Vec<_> = self.clients.values().map(|(_, since)| *since).collect();
            let (_, middle, _) = moments.select_nth_unstable(CLIENTS / 2);
            let middle = *middle;
            self.clients.retain(|_, (_, since)| *since > middle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_is_wrong_so_often_within_a_minute() {
        let mut failures = Failures::new(2);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(failures.begin(one, at(0)), Ok(()));
        assert_eq!(failures.begin(one, at(1)), Ok(()));
        assert_eq!(failures.begin(one, at(20)), Err(Duration::from_secs(40)));
        assert_eq!(failures.begin(other, at(20)), Ok(()));
        failures.take_back(one);
        assert_eq!(failures.begin(one, at(21)), Ok(()));
        assert!(failures.begin(one, at(59)).is_err());
        assert_eq!(failures.begin(one, at(60)), Ok(()));
        failures.take_back(other);
        failures.take_back(other);
        assert_eq!(failures.clients.len(), 1);
    }

    #[test]
    fn remembers_so_many() {
        let mut failures = Failures::new(1);
        let begun = Instant::now();
        for n in 0..3 * CLIENTS as u32 {
            let client = IpAddr::V4(n.into());
            let now = begun + Duration::from_millis(u64::from(n) / 1000);
            failures.begin(client, now).unwrap();
            assert!(failures.begin(client, now).is_err());
            assert!(failures.clients.len() <= CLIENTS);
        }
    }
}
