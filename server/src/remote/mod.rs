//! The commands that are clients: they look at a server, ask it, listen to it.

mod notifications;
mod peer;
mod publish;
mod request;
mod subscribe;
mod tree;
mod watch;

use std::io::{self, ErrorKind, Write, stdout};

use clap::Subcommand;
use mirrorball_server::Value;
use tokio::runtime;

use self::{
    notifications::Notifications, publish::Publish, request::Request, subscribe::Subscribe,
    watch::Watch,
};
use crate::ending::Ending;

const AFTER_HELP: &str = "\
URL is ws://, wss://, http:// or https://, or a host and a port alone; without a path it is /ws, and /cometd for sub \
and pub. \
A password is read from the environment, MIRRORBALL_PASSWORD, or from stdin by --password-stdin.

Exit codes: 0 done, or ended by Ctrl-C or by whoever read the output; 1 no connection, or it was lost; \
2 wrong usage; 3 the server refused the request: what it says is on stderr, as JSON. Other errors are one line \
on stderr.";

/// The commands that are clients.
#[derive(Debug, Subcommand)]
pub(crate) enum Remote {
    /// Show a server's state as it changes: as a tree on a terminal, as lines of JSON otherwise
    #[command(after_help = AFTER_HELP)]
    Watch(Watch),
    /// Send a request to a server, and print its answer
    #[command(after_help = AFTER_HELP)]
    Request(Request),
    /// Print a server's notifications as they come, as lines of JSON
    #[command(after_help = AFTER_HELP)]
    Notifications(Notifications),
    /// Subscribe to channels of a Bayeux server, and print what is published there, as lines of JSON
    #[command(name = "sub", after_help = AFTER_HELP)]
    Subscribe(Subscribe),
    /// Publish on a channel of a Bayeux server
    #[command(name = "pub", after_help = AFTER_HELP)]
    Publish(Publish),
}

impl Remote {
    /// Runs the command to its end.
    ///
    /// # Errors
    ///
    /// Where there is no connection, or the server refuses.
    pub(crate) fn run(&self) -> Result<(), Ending> {
        // One thread writes, and may be held up by whoever reads; another keeps the connection.
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(Ending::failed)?;
        runtime.block_on(async {
            tokio::select! {
                ended = self.carry_out() => ended,
                _ = tokio::signal::ctrl_c() => Ok(()),
            }
        })
    }

    async fn carry_out(&self) -> Result<(), Ending> {
        match self {
            Self::Watch(watch) => watch.run().await,
            Self::Request(request) => request.run().await,
            Self::Notifications(notifications) => notifications.run().await,
            Self::Subscribe(subscribe) => subscribe.run().await,
            Self::Publish(publish) => publish.run().await,
        }
    }
}

/// A value as one line of JSON, without characters that a terminal would obey.
fn line(value: &Value) -> String {
    escape(&value.to_text())
}

/// A JSON text in which control characters are escaped. Those below U+0020 are already.
fn escape(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            line.push(character);
        }
    }
    line
}

/// Prints at once. Returns whether anybody still reads.
fn print(text: &str) -> Result<bool, Ending> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Ending::failed(format_args!("cannot print: {error}"))),
    }
}

/// Tells whoever started the program, beside its output.
fn tell(text: &str) {
    // Where nobody listens there is nobody to tell.
    let _ = writeln!(io::stderr(), "mirrorball: {text}");
}
