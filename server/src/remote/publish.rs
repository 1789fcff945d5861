//! `mirrorball pub`

use clap::Args;

use super::{line, peer::Peer, print, request::read_json};
use crate::ending::Ending;

/// `mirrorball pub`
#[derive(Debug, Args)]
pub(crate) struct Publish {
    #[command(flatten)]
    peer: Peer,

    /// What to publish on, such as /chat/a
    channel: String,

    /// What to publish; without it, or where it is `-`, it is read from stdin
    #[arg(
        value_name = "JSON",
        default_value = "-",
        hide_default_value = true,
        allow_negative_numbers = true
    )]
    data: String,

    /// Print the server's reply
    #[arg(long)]
    reply: bool,
}

impl Publish {
    pub(super) async fn run(&self) -> Result<(), Ending> {
        let data = read_json(&self.data, &self.peer)?;
        let client = self.peer.bus().await?;
        let replied = client.publish(&self.channel, &data).await;
        client.close().await;
        let reply = replied.map_err(|error| self.peer.refused(error))?;
        if self.reply {
            print(&format!("{}\n", line(reply.value())))?;
        }
        Ok(())
    }
}
