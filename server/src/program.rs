//! Runs what the command line asks for: from the first log line to the orderly end.

use std::{
    env, fs,
    io::{IsTerminal, Write, stderr, stdout},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::Request,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use mirrorball_protocol::json::Limits as JsonLimits;
use mirrorball_server::{Files, Juggler, State, Value, origin::Origins};
use tokio::runtime;
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    cli::{Cli, Command, Common, Ending, LogFormat},
    demo::Demo,
    listen::{Limits, Listeners},
};

/// How long work on other threads, such as reading a file, may hold up the end.
const WORK_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs the program until it is told to end.
///
/// # Errors
///
/// Where it could not start.
pub(crate) fn run(cli: &Cli) -> Result<(), Ending> {
    let common = match &cli.command {
        Command::Serve(serve) => &serve.common,
        Command::Demo(demo) => &demo.common,
        Command::Remote(remote) => return remote.run(),
    };
    start_log(common);
    let runtime = runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(Ending::failed)?;
    let ended = runtime.block_on(serve(cli, common));
    runtime.shutdown_timeout(WORK_TIMEOUT);
    ended
}

async fn serve(cli: &Cli, common: &Common) -> Result<(), Ending> {
    let mut end = Signals::new().map_err(Ending::failed)?;
    let origins = origins(common);
    let files = common
        .www()
        .map(Files::open)
        .transpose()
        .map_err(|error| Ending::failed(format_args!("{error}; name another with --www")))?;
    let listeners = Listeners::bind(&common.listen, Limits::default());
    let listeners = listeners.await.map_err(Ending::failed)?;

    let (juggler, demo) = match &cli.command {
        Command::Serve(serve) => {
            let state = serve.state.as_deref().map_or(Ok(Value::Null), read_state)?;
            (
                Juggler::builder(State::new(state))
                    .origins(origins.clone())
                    .build(),
                None,
            )
        }
        Command::Demo(demo) => {
            let demo = Demo::start(demo.period, origins.clone()).map_err(Ending::failed)?;
            (demo.juggler().clone(), Some(demo))
        }
        // It runs elsewhere, and serves nothing.
        Command::Remote(_) => return Ok(()),
    };

    let has_files = files.is_some();
    let mut router = juggler.clone().into_router();
    if let Some(files) = files {
        router = router.merge(files.into_router());
    }
    if common.is_local() {
        let origins = Arc::new(origins);
        let guard = move |request, next| refuse_strange_hosts(Arc::clone(&origins), request, next);
        router = router.layer(middleware::from_fn(guard));
    }
    let addresses = listeners.addresses();
    let serving = listeners.serve(&router);
    announce(&addresses, has_files, demo.is_some());

    let signal = end.next().await;
    tracing::info!(signal, connections = juggler.connections(), "closing");
    let stopping = serving.stop().await;
    juggler.close().await;
    drop(demo);
    if !stopping.ended().await {
        tracing::warn!("some connections did not end in time and are cut");
    }
    Ok(())
}

/// The sites whose pages may connect.
fn origins(common: &Common) -> Origins {
    let mut origins = Origins::default();
    for origin in &common.origin {
        origins.add(origin.clone());
    }
    origins
}

/// See [`Origins::allows_host`].
async fn refuse_strange_hosts(origins: Arc<Origins>, request: Request, next: Next) -> Response {
    match origins.check_host(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            tracing::warn!(%refusal, "refused");
            refusal.into_response()
        }
    }
}

/// Reads the state to begin with.
fn read_state(path: &Path) -> Result<Value, Ending> {
    let limits = JsonLimits::default();
    let fail = |what: &dyn std::fmt::Display| {
        Ending::failed(format_args!(
            "the state cannot be read from {}: {what}",
            path.display()
        ))
    };
    let metadata = fs::metadata(path).map_err(|error| fail(&error))?;
    if !metadata.is_file() {
        return Err(fail(&"a file was expected"));
    }
    if metadata.len() > limits.bytes as u64 {
        return Err(fail(&format_args!(
            "at most {} MiB were expected",
            limits.bytes >> 20
        )));
    }
    let text = fs::read_to_string(path).map_err(|error| fail(&error))?;
    Value::parse(&text, &limits)
        .map_err(|error| fail(&format_args!("{error}; one JSON value was expected")))
}

/// Says what to open and what to try.
fn announce(addresses: &[SocketAddr], has_files: bool, is_demo: bool) {
    let mut text = String::new();
    for address in addresses {
        let address = reachable(*address);
        if has_files {
            text.push_str(&format!("open http://{address}/\n"));
        }
        text.push_str(&format!("mirror ws://{address}/ws\n"));
    }
    if !has_files {
        text.push_str("no pages are served: name their folder with --www\n");
    }
    text.push_str(match (is_demo, has_files) {
        (true, true) => "try to sort the processes, and to cut the connection; Ctrl-C ends\n",
        (true, false) => "try the request \"set-period\" {\"milliseconds\": 250}; Ctrl-C ends\n",
        (false, _) => "try a second browser beside the first; Ctrl-C ends\n",
    });
    // Where nobody reads it, nobody needs it.
    let _ = stdout().write_all(text.as_bytes());
}

/// The address to connect to where `address` is listened on.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Logs to stderr from now on.
fn start_log(common: &Common) {
    let (own, others) = match common.verbose {
        0 => (Level::INFO, LevelFilter::WARN),
        1 => (Level::DEBUG, LevelFilter::INFO),
        _ => (Level::TRACE, LevelFilter::TRACE),
    };
    // The names of the crates all begin with this.
    let filter = Targets::new()
        .with_target("mirrorball", own)
        .with_default(others);
    let terminal = stderr().is_terminal();
    let format = common.log.unwrap_or(if terminal {
        LogFormat::Text
    } else {
        LogFormat::Json
    });
    let colour = terminal && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = tracing_subscriber::fmt::layer().with_writer(stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(colour).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .init();
}

/// What tells the program to end.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    /// Waits for the next one, and returns its name.
    async fn next(&mut self) -> &'static str {
        #[cfg(unix)]
        let terminate = self.terminate.recv();
        #[cfg(not(unix))]
        let terminate = std::future::pending();
        tokio::select! {
            _ = tokio::signal::ctrl_c() => "interrupt",
            _ = terminate => "terminate",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announces_an_address_that_can_be_connected_to() {
        let check = |listened: &str, expect: &str| {
            assert_eq!(reachable(listened.parse().unwrap()).to_string(), expect);
        };
        check("0.0.0.0:80", "127.0.0.1:80");
        check("[::]:80", "[::1]:80");
        check("192.0.2.1:80", "192.0.2.1:80");
    }

    #[test]
    fn reads_a_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        fs::write(&path, " {\"b\": [1, 2.5], \"a\": null} ").unwrap();
        assert_eq!(
            read_state(&path).unwrap().to_text(),
            "{\"a\":null,\"b\":[1,2.5]}"
        );

        let refused = |text: &str| {
            fs::write(&path, text).unwrap();
            match read_state(&path) {
                Err(Ending::Failed(line)) => line,
                other => panic!("{other:?}"),
            }
        };
        for text in ["", "{} {}", "nul", "\u{feff}{}", &"[".repeat(101)] {
            let line = refused(text);
            assert!(line.ends_with("one JSON value was expected"), "{line}");
        }
    }
}
