//! Runs what the command line asks for: from the first log line to the orderly end.

use std::{
    env, fs,
    io::{IsTerminal, Write, stderr, stdout},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use mirrorball_protocol::json::Limits as JsonLimits;
use mirrorball_server::{
    Bayeux, Files, Juggler, State, Tls, Value, auth::Htpasswd, bayeux::Pattern, server::ServerError,
};
use tokio::runtime;
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    cli::{Cli, Command, Config, Logging},
    config,
    demo::Demo,
    ending::Ending,
    passwd,
    settings::{Given, LogFormat, Settings},
    signals::{Signal, Signals},
};

/// Where clients of the demo may subscribe and publish.
const DEMO_CHANNELS: &str = "/chat/**";
/// How long work on other threads, such as reading a file, may hold up the end.
const WORK_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs the program until it is told to end.
///
/// # Errors
///
/// Where it could not start, and where it was to show something only.
pub(crate) fn run(cli: &Cli) -> Result<(), Ending> {
    match &cli.command {
        Command::Serve(command) => serve(&settle(&command.given)?, &command.logging, false),
        Command::Demo(command) => serve(&settle(&command.given)?, &command.logging, true),
        Command::Config(Config::Check(given)) => config::check(given),
        Command::Config(Config::Print(given)) => config::print(given),
        Command::Passwd(command) => passwd::run(command),
        Command::Remote(command) => command.run(),
    }
}

/// The settings of a server that may run with them.
///
/// # Errors
///
/// Where one of them cannot be used, or they do not go together.
pub(crate) fn settle<const DEMO: bool>(given: &Given<DEMO>) -> Result<Settings, Ending> {
    let (settings, _) = given.settle()?;
    if DEMO && let Some(address) = settings.public() {
        return Err(Ending::usage(format_args!(
            "--listen {address}: the demo shows this host's processes, so a loopback address was expected, such \
             as 127.0.0.1:8080"
        )));
    }
    settings.fault().map_or(Ok(settings), |fault| {
        Err(Ending::usage(format_args!(
            "{fault}; see mirrorball --help"
        )))
    })
}

fn serve(settings: &Settings, logging: &Logging, demo: bool) -> Result<(), Ending> {
    start_log(settings, logging);
    let runtime = runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(Ending::failed)?;
    let ended = runtime.block_on(run_server(settings, demo));
    runtime.shutdown_timeout(WORK_TIMEOUT);
    ended
}

async fn run_server(settings: &Settings, demo: bool) -> Result<(), Ending> {
    let mut signals = Signals::new().map_err(Ending::failed)?;
    let Parts { files, state, tls } = Parts::open(settings)?;
    if settings.public().is_some() && settings.htpasswd.is_some() && tls.is_none() {
        tracing::warn!(
            "passwords cross the network as they are: add --tls-cert and --tls-key, or a proxy that has TLS"
        );
    }
    let (juggler, demo) = if demo {
        let demo = Demo::start(settings.period, settings.origins()).map_err(Ending::failed)?;
        (demo.juggler().clone(), Some(demo))
    } else {
        (settings.juggler(State::new(state)).build(), None)
    };
    let bayeux = if demo.is_some() {
        let chat = Pattern::parse(DEMO_CHANNELS).map_err(Ending::failed)?;
        settings.bayeux(&[chat])
    } else {
        settings.bayeux(&settings.bayeux.channels)
    };
    let bayeux = bayeux.build();
    let greeting = Greeting {
        juggler: juggler.clone(),
        bayeux: bayeux.clone(),
        has_files: files.is_some(),
        tls: tls.clone(),
        is_demo: demo.is_some(),
    };
    let mut server = settings.server().juggler(juggler.clone()).bayeux(bayeux);
    if let Some(files) = files {
        server = server.files(files);
    }
    if let Some(tls) = tls {
        server = server.tls(tls);
    }
    let server = server
        .bind(&settings.listen[..])
        .await
        .map_err(|error| refused(&error))?
        .serve();
    greeting.print(server.addresses());

    let signal = loop {
        match signals.next().await {
            Signal::Reload => {
                tracing::info!("certificates and users are read again");
                server.reload().await;
            }
            Signal::End(name) => break name,
        }
    };
    tracing::info!(signal, connections = juggler.connections(), "closing");
    let orderly = tokio::select! {
        orderly = server.close() => orderly,
        name = ended(&mut signals) => {
            tracing::info!(signal = name, connections = juggler.connections(), "closing at once");
            server.close_now().await
        }
    };
    drop(demo);
    if !orderly {
        tracing::warn!("some connections did not end in time and are cut");
    }
    Ok(())
}

/// Waits to be told to end, and returns the signal's name. Files are not read again any more.
async fn ended(signals: &mut Signals) -> &'static str {
    loop {
        if let Signal::End(name) = signals.next().await {
            return name;
        }
    }
}

fn refused(error: &ServerError) -> Ending {
    let hint = match error {
        ServerError::Listen { .. } => "; --listen names the address",
        ServerError::Path { .. } => "; --ws-path, --bayeux-path and --index-path name them",
        ServerError::Htpasswd(_) => "; --htpasswd names the file",
        _ => "",
    };
    Ending::failed(format_args!("{error}{hint}"))
}

/// What settings name, once it is open.
#[derive(Debug)]
pub(crate) struct Parts {
    files: Option<Files>,
    state: Value,
    tls: Option<Arc<Tls>>,
}

impl Parts {
    /// Opens the files that settings name, but for that of the users, which the server reads itself.
    ///
    /// # Errors
    ///
    /// The first that cannot be used.
    pub(crate) fn open(settings: &Settings) -> Result<Self, Ending> {
        let files = settings.www().map(Files::open).transpose();
        let files = files
            .map_err(|error| Ending::failed(format_args!("{error}; name another with --www")))?
            .map(|files| files.follow_symlinks(settings.follow_symlinks));
        let state = settings
            .state
            .as_deref()
            .map_or(Ok(Value::Null), read_state)?;
        let tls = tls(settings).transpose().map_err(Ending::failed)?;
        Ok(Self {
            files,
            state,
            tls: tls.map(Arc::new),
        })
    }

    /// Checks the rest that settings name.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn check(&self, settings: &Settings) -> Result<(), Ending> {
        if let Some(file) = &settings.htpasswd {
            Htpasswd::open(file).map_err(|error| refused(&error.into()))?;
        }
        Ok(())
    }
}

fn tls(settings: &Settings) -> Option<Result<Tls, mirrorball_server::tls::TlsError>> {
    if settings.tls_self_signed {
        let mut names = ["localhost", "127.0.0.1", "::1"]
            .map(str::to_owned)
            .to_vec();
        let listened = settings.listen.iter().map(SocketAddr::ip);
        names.extend(
            listened
                .filter(|ip| !ip.is_unspecified())
                .map(|ip| ip.to_string()),
        );
        names.sort();
        names.dedup();
        return Some(Tls::self_signed(names));
    }
    let (cert, key) = (settings.tls_cert.as_ref()?, settings.tls_key.as_ref()?);
    Some(match &settings.tls_client_ca {
        Some(authorities) => Tls::with_client_authorities(cert, key, authorities),
        None => Tls::from_files(cert, key),
    })
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

/// What to say when the server runs.
struct Greeting {
    juggler: Juggler,
    bayeux: Bayeux,
    has_files: bool,
    tls: Option<Arc<Tls>>,
    is_demo: bool,
}

impl Greeting {
    /// Says what to open and what to try.
    fn print(&self, addresses: &[SocketAddr]) {
        let mut text = String::new();
        let secure = if self.tls.is_some() { "s" } else { "" };
        let (path, base) = (self.juggler.ws_path(), self.bayeux.path());
        for address in addresses {
            let address = reachable(*address);
            if self.has_files {
                text.push_str(&format!("open http{secure}://{address}/\n"));
            }
            text.push_str(&format!("mirror ws{secure}://{address}{path}\n"));
            text.push_str(&format!("subscribe ws{secure}://{address}{base}\n"));
        }
        if let Some(fingerprint) = self.tls.as_ref().and_then(|tls| tls.fingerprint()) {
            text.push_str(&format!("certificate SHA-256 {fingerprint}\n"));
        }
        if !self.has_files {
            text.push_str("no pages are served: name their folder with --www\n");
        }
        text.push_str(match (self.is_demo, self.has_files) {
            (true, true) => "try to sort the processes, and to cut the connection; Ctrl-C ends\n",
            (true, false) => {
                "try the request \"set-period\" {\"milliseconds\": 250}; Ctrl-C ends\n"
            }
            (false, _) => "try a second browser beside the first; Ctrl-C ends\n",
        });
        // Where nobody reads it, nobody needs it.
        let _ = stdout().write_all(text.as_bytes());
    }
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
fn start_log(settings: &Settings, logging: &Logging) {
    let (own, others) = match logging.verbose {
        0 => (Level::INFO, LevelFilter::WARN),
        1 => (Level::DEBUG, LevelFilter::INFO),
        _ => (Level::TRACE, LevelFilter::TRACE),
    };
    // The names of the crates all begin with this.
    let filter = Targets::new()
        .with_target("mirrorball", own)
        .with_default(others);
    let terminal = stderr().is_terminal();
    let format = settings.log.unwrap_or(if terminal {
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
