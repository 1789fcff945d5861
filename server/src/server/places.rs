//! [`Places`]: how many connections there are, of whom, and which.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::activity::Activity;
use crate::{Limits, proxies::client_key};

/// The connections of a server: each has a place until it ends, also when it becomes a WebSocket.
#[derive(Debug)]
pub(super) struct Places {
    max_total: usize,
    max_per_ip: usize,
    taken: Mutex<Taken>,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    last_id: u64,
    connections: HashMap<u64, Arc<Activity>>,
    clients: HashMap<IpAddr, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// There are as many connections as there may be.
    Total,
    /// This client has as many as one may have.
    Client,
}

/// The place of one connection. It is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    id: u64,
    client: Option<IpAddr>,
    activity: Arc<Activity>,
}

impl Places {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            max_total: limits.max_total,
            max_per_ip: limits.max_per_ip,
            taken: Mutex::default(),
            emptied: Notify::new(),
        }
    }

    /// Takes a place for a connection. `client` is its address where the connections of one are counted.
    pub(super) fn take(self: &Arc<Self>, client: Option<IpAddr>) -> Result<Place, Full> {
        let mut taken = self.lock();
        if taken.connections.len() >= self.max_total {
            return Err(Full::Total);
        }
        let client = client.map(client_key);
        if let Some(client) = client {
            let count = taken.clients.entry(client).or_default();
            if *count >= self.max_per_ip {
                return Err(Full::Client);
            }
            *count += 1;
            if *count == self.max_per_ip {
                tracing::warn!(
                    %client,
                    limit = self.max_per_ip,
                    "no more connections of this client are taken; if it is a proxy, add it to the trusted ones"
                );
            }
        }
        if taken.connections.len() + 1 == self.max_total {
            tracing::warn!(limit = self.max_total, "no more connections are taken");
        }
        taken.last_id += 1;
        let id = taken.last_id;
        let activity = Arc::new(Activity::new());
        taken.connections.insert(id, Arc::clone(&activity));
        Ok(Place {
            places: Arc::clone(self),
            id,
            client,
            activity,
        })
    }

    /// How many connections there are.
    pub(super) fn count(&self) -> usize {
        self.lock().connections.len()
    }

    /// Waits until there are none.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.count() == 0 {
                return;
            }
            emptied.await;
        }
    }

    /// Cuts all connections that there are.
    pub(super) fn cut(&self) {
        let connections: Vec<_> = self.lock().connections.values().cloned().collect();
        for connection in connections {
            connection.cut();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// What the connection is doing.
    pub(super) const fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.connections.remove(&self.id);
        if let Some(client) = self.client
            && let Some(count) = taken.clients.get_mut(&client)
        {
            *count -= 1;
            if *count == 0 {
                taken.clients.remove(&client);
            }
        }
        if taken.connections.is_empty() {
            self.places.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_and_given_back() {
        let mut limits = Limits::default();
        (limits.max_total, limits.max_per_ip) = (3, 2);
        let places = Arc::new(Places::new(&limits));
        let take = |text: &str| places.take(Some(text.parse().unwrap()));
        let first = take("192.0.2.1").unwrap();
        let second = take("::ffff:192.0.2.1").unwrap();
        assert_eq!(take("192.0.2.1").unwrap_err(), Full::Client);
        let other = take("2001:db8::1").unwrap();
        assert_eq!(take("192.0.2.2").unwrap_err(), Full::Total);
        assert_eq!(places.take(None).unwrap_err(), Full::Total);
        drop((other, second));
        let again = take("192.0.2.1").unwrap();
        assert_eq!(take("192.0.2.1").unwrap_err(), Full::Client);
        let uncounted = places.take(None).unwrap();
        drop((first, again, uncounted));
        assert_eq!(places.count(), 0);
        assert!(places.lock().clients.is_empty());
    }
}
