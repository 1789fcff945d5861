//! [`Reloaded`]: files that a server reads again when they change.

use std::{
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use crate::{Tls, auth::Gate};

/// What a server reads from files while it runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Reloaded {
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) gate: Option<Arc<Gate>>,
}

/// By what a file that was written again is told from what it was.
type Stamp = Vec<Option<(SystemTime, u64)>>;

impl Reloaded {
    /// Reads everything again, and logs what came of it. Returns whether all of it could be used.
    pub(super) async fn reload(&self) -> bool {
        let all = self.clone();
        let reload = move || {
            let tls = all.tls.as_deref().is_none_or(reload_tls);
            let users = all.gate.as_deref().is_none_or(reload_users);
            tls && users
        };
        spawn_blocking(reload).await.unwrap_or(false)
    }

    /// Looks for changes this often, for ever.
    pub(super) async fn watch(self, period: Duration) {
        let (mut tls, mut users) = self.stamps().await;
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (new_tls, new_users) = self.stamps().await;
            let changed = Self {
                tls: self.tls.clone().filter(|_| new_tls != tls),
                gate: self.gate.clone().filter(|_| new_users != users),
            };
            (tls, users) = (new_tls, new_users);
            if changed.tls.is_some() || changed.gate.is_some() {
                changed.reload().await;
            }
        }
    }

    async fn stamps(&self) -> (Stamp, Stamp) {
        let all = self.clone();
        let read = move || {
            let tls = all.tls.map_or_else(Vec::new, |tls| {
                tls.paths().iter().map(|path| stamp(path)).collect()
            });
            let users = all.gate.iter().map(|gate| stamp(gate.file())).collect();
            (tls, users)
        };
        spawn_blocking(read).await.unwrap_or_default()
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn reload_tls(tls: &Tls) -> bool {
    match tls.reload() {
        Ok(true) => {
            let fingerprint = tls.fingerprint().unwrap_or_default();
            tracing::info!(fingerprint, "another certificate is in use");
            true
        }
        Ok(false) => true,
        Err(error) => {
            tracing::error!(%error, "the old certificate stays in use");
            false
        }
    }
}

fn reload_users(gate: &Gate) -> bool {
    match gate.reload() {
        Ok(users) => {
            tracing::info!(users, file = %gate.file().display(), "the users were read again");
            true
        }
        Err(error) => {
            tracing::error!(%error, "the users stay those that they were");
            false
        }
    }
}
