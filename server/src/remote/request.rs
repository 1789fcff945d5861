//! `mirrorball request`

use std::{io::Read, time::Duration};

use clap::Args;
use mirrorball_client::{Limits, juggler::RequestError};
use mirrorball_server::Value;

use super::{
    line,
    peer::{Peer, misused},
    print,
};
use crate::ending::Ending;

/// `mirrorball request`
#[derive(Debug, Args)]
pub(crate) struct Request {
    #[command(flatten)]
    peer: Peer,

    /// What to ask for; the empty name asks for an echo
    name: String,

    /// What to send along; `-` reads it from stdin
    #[arg(
        value_name = "JSON",
        default_value = "null",
        allow_negative_numbers = true
    )]
    data: String,
}

impl Request {
    pub(super) async fn run(&self) -> Result<(), Ending> {
        let data = read_json(&self.data, &self.peer)?;
        // It does not matter what the state is.
        let builder = self.peer.client()?.sync_timeout(Duration::ZERO);
        let client = builder
            .connect()
            .await
            .map_err(|error| self.peer.failed(&error))?;
        let timeout = Some(self.peer.timeout);
        let answer = client.request_within(timeout, &self.name, &data).await;
        client.close().await;
        match answer {
            Ok(answer) => print(&format!("{}\n", line(&answer))).map(|_| ()),
            Err(RequestError::Remote(data)) => Err(Ending::Refused(line(&data))),
            Err(error) => Err(Ending::failed(error)),
        }
    }
}

/// One JSON value: `text`, or, where that is `-`, what is on stdin.
pub(super) fn read_json(text: &str, peer: &Peer) -> Result<Value, Ending> {
    let mut text = text.to_owned();
    if text == "-" {
        if peer.password_stdin {
            return Err(misused(
                "stdin holds either the password or the JSON, not both",
            ));
        }
        text.clear();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| Ending::failed(format_args!("no JSON on stdin: {error}")))?;
    }
    Value::parse(&text, &Limits::default())
        .map_err(|error| misused(format_args!("{error}; one JSON value was expected")))
}
