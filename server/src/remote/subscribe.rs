//! `mirrorball sub`

use clap::Args;
use mirrorball_client::{
    bayeux::{self, Error, Event},
    to_value,
};
use serde_json::json;

use super::{line, peer::Peer, print, tell};
use crate::ending::Ending;

/// Where servers are, where an address does not say.
const PATH: &str = "/cometd";

/// `mirrorball sub`
///
/// Each message is a line, {"channel": …, "data": …}; where some may be missing, there is a line {"gap": …}.
#[derive(Debug, Args)]
pub(crate) struct Subscribe {
    #[command(flatten)]
    peer: Peer,

    /// What to subscribe to: /chat/a, all right below /chat/*, or all below /chat/**
    #[arg(required = true)]
    channels: Vec<String>,
}

impl Subscribe {
    pub(super) async fn run(&self) -> Result<(), Ending> {
        let client = self.peer.bus().await?;
        let mut events = client.events();
        for channel in &self.channels {
            // Dropped at once: all messages are received in one order.
            let subscribed = client.subscribe(channel).await;
            subscribed.map_err(|error| self.peer.refused(error))?;
        }
        let mut messages = client.messages();
        loop {
            let shown = tokio::select! {
                message = messages.next() => match message {
                    None => return Ok(()),
                    Some(Ok(message)) => json!({ "channel": message.channel(), "data": message.data() }),
                    Some(Err(Error::Missed(count))) => json!({ "gap": "missed", "count": count }),
                    Some(Err(error @ (Error::Lost | Error::Server(_)))) if !client.is_closed() => {
                        tell(&error.to_string());
                        continue;
                    }
                    Some(Err(error)) => return Err(self.peer.refused(error)),
                },
                Some(event) = events.next() => match gap(event) {
                    Some(gap) => gap,
                    None => continue,
                },
            };
            let shown = to_value(&shown).map_err(Ending::failed)?;
            if !print(&format!("{}\n", line(&shown)))? {
                client.close().await;
                return Ok(());
            }
        }
    }
}

/// What is shown of an event, where it says that something may be missing.
fn gap(event: Event) -> Option<serde_json::Value> {
    match event {
        Event::Gap => Some(json!({ "gap": "reconnected" })),
        Event::SessionLost => Some(json!({ "gap": "session-lost" })),
        Event::SubscriptionLost { channel, error } => {
            tell(&format!("{channel}: {error}"));
            None
        }
        _ => None,
    }
}

impl Peer {
    /// A client of this server, for channels.
    pub(super) async fn bus(&self) -> Result<bayeux::Client, Ending> {
        let opened = self.bus_builder()?.open().await;
        opened.map_err(|error| self.refused(error))
    }

    /// Why something was not done: the server says so, or there is no connection.
    pub(super) fn refused(&self, error: Error) -> Ending {
        match error {
            Error::Server(error) => match error.response() {
                Some(reply) => Ending::Refused(line(reply.value())),
                None => Ending::failed(error),
            },
            Error::Connection(error) => self.failed_at(PATH, &error),
            Error::Invalid(error) => super::peer::misused(error),
            error => Ending::failed(error),
        }
    }
}
