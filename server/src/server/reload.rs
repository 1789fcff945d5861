//! [`Reloaded`]: what a server reads from files while it runs.

use std::{sync::Arc, time::Duration};

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

impl Reloaded {
    /// Reads everything again, and logs what came of it. Returns whether all of it could be used.
    pub(super) async fn reload(&self) -> bool {
        self.off_reactor(Self::read).await
    }

    /// Reads what has changed, which is looked for this often, for ever.
    pub(super) async fn watch(self, period: Duration) {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let changed = |all: Self| {
                let changed = Self {
                    tls: all.tls.filter(|tls| tls.watched().have_changed()),
                    gate: all.gate.filter(|gate| gate.watched().have_changed()),
                };
                changed.read()
            };
            self.off_reactor(changed).await;
        }
    }

    async fn off_reactor(&self, work: impl FnOnce(Self) -> bool + Send + 'static) -> bool {
        let all = self.clone();
        // It does not run only where the runtime ends.
        spawn_blocking(|| work(all)).await.unwrap_or(false)
    }

    fn read(self) -> bool {
        let tls = self.tls.as_deref().is_none_or(read_certificates);
        let users = self.gate.as_deref().is_none_or(read_users);
        tls && users
    }
}

fn read_certificates(tls: &Tls) -> bool {
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

fn read_users(gate: &Gate) -> bool {
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
