//! The names of this host's users.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use sysinfo::{Uid, Users};

use super::pace::Pace;

/// How often the list of users is read, at most: a container's users often have no name here.
const INTERVAL: Duration = Duration::from_secs(60);

/// The names of this host's users, read anew where a user is met who has none.
#[derive(Debug)]
pub(crate) struct Accounts {
    users: Users,
    names: HashMap<Uid, String>,
    pace: Pace,
}

impl Accounts {
    /// Knows no names yet.
    ///
    /// # Errors
    ///
    /// Where this operating system is not supported.
    pub(crate) fn new() -> Result<Self, sysinfo::Error> {
        Ok(Self {
            users: Users::new()?,
            names: HashMap::new(),
            pace: Pace::new(INTERVAL),
        })
    }

    /// The name of a user, or else the id.
    pub(crate) fn name(&mut self, id: &Uid, now: Instant) -> String {
        if !self.names.contains_key(id) {
            self.pace.run(now, || {
                self.users.refresh();
                let users = self.users.iter();
                self.names = users
                    .map(|user| (user.id().clone(), user.name().into()))
                    .collect();
            });
        }
        self.names
            .get(id)
            .cloned()
            .unwrap_or_else(|| id.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_root_and_falls_back_to_the_id() {
        let mut accounts = Accounts::new().unwrap();
        let now = Instant::now();
        assert_eq!(accounts.name(&"0".parse().unwrap(), now), "root");
        assert_eq!(accounts.name(&"3999999".parse().unwrap(), now), "3999999");
    }
}
