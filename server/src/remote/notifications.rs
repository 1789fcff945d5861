//! `mirrorball notifications`

use std::time::Duration;

use clap::Args;
use mirrorball_client::{juggler::Notification, to_value};
use mirrorball_server::Value;
use serde_json::json;

use super::{line, peer::Peer, print};
use crate::ending::Ending;

/// `mirrorball notifications`
///
/// Each is a line, {"name": …, "data": …}; where some are missing, there is a line {"gap": …}.
#[derive(Debug, Args)]
pub(crate) struct Notifications {
    #[command(flatten)]
    peer: Peer,
}

impl Notifications {
    pub(super) async fn run(&self) -> Result<(), Ending> {
        // It does not matter what the state is.
        let mut builder = self.peer.client()?.sync_timeout(Duration::ZERO);
        let mut notifications = builder.notifications();
        let client = builder
            .connect()
            .await
            .map_err(|error| self.peer.failed(&error))?;
        while let Some(notification) = notifications.next().await {
            let text = line(&show(notification)?);
            if !print(&format!("{text}\n"))? {
                return Ok(());
            }
        }
        match client.closed().await {
            Some(error) => Err(self.peer.failed(&error)),
            None => Ok(()),
        }
    }
}

fn show(notification: Notification) -> Result<Value, Ending> {
    let shown = match notification {
        Notification::Message { name, data } => json!({ "name": *name, "data": data }),
        Notification::Reconnected => json!({ "gap": "reconnected" }),
        Notification::Missed(count) => json!({ "gap": "missed", "count": count }),
    };
    to_value(&shown).map_err(Ending::failed)
}
