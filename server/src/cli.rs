//! The command line.

use std::{ffi::OsString, fmt, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, error::ErrorKind};
use mirrorball_server::origin::Origin;

use crate::remote::Remote;

/// The milliseconds that may lie between two samples.
pub(crate) const PERIODS: std::ops::RangeInclusive<u64> = 100..=10_000;

/// The folder that is served without being told, where there is one of this name.
const DEFAULT_WWW: &str = "www";

const AFTER_HELP: &str = "\
What has a name after [env: can be given in the environment, too; lists are separated by commas. \
The command line prevails.

Exit codes: 0 closed in an orderly way, 1 could not run (the port is taken, a folder is missing, \
the state is not JSON, …), 2 wrong usage. Errors are one line on stderr.";

/// Live server state in every browser.
#[derive(Debug, Parser)]
#[command(name = "mirrorball", version, after_help = AFTER_HELP, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Mirror a state to every browser, and serve the pages that show it
    #[command(after_help = AFTER_HELP)]
    Serve(Serve),
    /// Mirror this host's metrics; on loopback only
    #[command(after_help = AFTER_HELP)]
    Demo(Demo),
    #[command(flatten)]
    Remote(Remote),
}

/// `mirrorball serve`
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) common: Common,

    /// The state to mirror, as JSON; without it the state is null
    #[arg(long, env = "MIRRORBALL_STATE", value_name = "FILE.json")]
    pub(crate) state: Option<PathBuf>,

    /// Allow --listen on an address that other machines can reach, though there is neither TLS nor
    /// authentication yet
    #[arg(long, env = "MIRRORBALL_ALLOW_PUBLIC")]
    pub(crate) allow_public: bool,
}

/// `mirrorball demo`
#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) common: Common,

    /// Milliseconds between samples, 100 to 10000
    #[arg(
        long,
        env = "MIRRORBALL_PERIOD",
        value_name = "MS",
        default_value = "500",
        value_parser = period
    )]
    pub(crate) period: Duration,
}

/// What both commands take.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// Listen on this address and port; may be repeated
    #[arg(
        long,
        env = "MIRRORBALL_LISTEN",
        value_name = "ADDR",
        default_value = "127.0.0.1:8080",
        value_delimiter = ',',
        value_parser = address
    )]
    pub(crate) listen: Vec<SocketAddr>,

    /// Serve the files of this folder [default: www, if there is such a folder]
    #[arg(long, env = "MIRRORBALL_WWW", value_name = "DIR")]
    www: Option<PathBuf>,

    /// Let pages of this site connect, too; may be repeated. The server's own pages always may
    #[arg(
        long,
        env = "MIRRORBALL_ORIGIN",
        value_name = "URL",
        value_delimiter = ','
    )]
    pub(crate) origin: Vec<Origin>,

    /// How to log, on stderr [default: text on a terminal, json otherwise]
    #[arg(long, env = "MIRRORBALL_LOG", value_name = "FORMAT")]
    pub(crate) log: Option<LogFormat>,

    /// Log more: -v the program's debug messages, -vv everything
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// How to write the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// For machines: one JSON object per line
    Json,
}

impl Cli {
    /// Reads the command line and the environment.
    ///
    /// # Errors
    ///
    /// What to print, and how to end, where the program is not to run.
    pub(crate) fn read(
        arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, Ending> {
        let cli = Self::try_parse_from(arguments).map_err(|error| Ending::from_clap(&error))?;
        cli.check_addresses()?;
        Ok(cli)
    }

    /// What both commands take that serve.
    pub(crate) fn common(&self) -> Option<&Common> {
        match &self.command {
            Command::Serve(serve) => Some(&serve.common),
            Command::Demo(demo) => Some(&demo.common),
            Command::Remote(_) => None,
        }
    }

    fn check_addresses(&self) -> Result<(), Ending> {
        let listen = self.common().map_or(&[][..], |common| &common.listen);
        let Some(address) = listen.iter().find(|address| !is_loopback(address)) else {
            return Ok(());
        };
        match &self.command {
            Command::Remote(_) => Ok(()),
            Command::Serve(serve) if serve.allow_public => Ok(()),
            Command::Serve(_) => Err(Ending::usage(format_args!(
                "--listen {address}: other machines can reach this address, and there is neither \
                 TLS nor authentication yet: listen on 127.0.0.1, behind a proxy that has both, or \
                 add --allow-public if anyone may connect"
            ))),
            Command::Demo(_) => Err(Ending::usage(format_args!(
                "--listen {address}: the demo shows this host's processes, so a loopback address \
                 was expected, such as 127.0.0.1:8080"
            ))),
        }
    }
}

impl Common {
    /// The folder to serve, if any.
    pub(crate) fn www(&self) -> Option<PathBuf> {
        let default = || Some(PathBuf::from(DEFAULT_WWW)).filter(|folder| folder.is_dir());
        self.www.clone().or_else(default)
    }

    /// Whether only this machine can reach the server.
    pub(crate) fn is_local(&self) -> bool {
        self.listen.iter().all(is_loopback)
    }
}

fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse()
        .map_err(|_| "an IP address and a port were expected, such as 127.0.0.1:8080 or [::1]:8080")
}

fn period(text: &str) -> Result<Duration, &'static str> {
    let period = text.parse().ok().filter(|period| PERIODS.contains(period));
    period
        .map(Duration::from_millis)
        .ok_or("milliseconds from 100 to 10000 were expected")
}

/// How the program ends where it did not run to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// 0: it was asked for this text only.
    Shown(String),
    /// 1: it could not run.
    Failed(String),
    /// 2: it was called wrongly.
    Misused(String),
    /// 3: a server refused a request; this is what it says, as JSON.
    Refused(String),
}

impl Ending {
    /// It could not run.
    pub(crate) fn failed(reason: impl fmt::Display) -> Self {
        Self::Failed(reason.to_string())
    }

    fn usage(reason: impl fmt::Display) -> Self {
        Self::Misused(reason.to_string())
    }

    fn from_clap(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Self::Shown(text),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Self::usage(
                "a command was expected: serve, demo, watch, request or notifications; see mirrorball --help",
            ),
            _ => Self::usage(one_line(&text)),
        }
    }

    /// Prints what there is to say, and returns the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        use std::io::{Write, stderr, stdout};
        // Where nobody listens there is nobody to tell.
        let _ = match self {
            Self::Shown(text) => stdout().write_all(text.as_bytes()),
            Self::Failed(reason) | Self::Misused(reason) => {
                writeln!(stderr(), "mirrorball: {reason}")
            }
            Self::Refused(data) => writeln!(stderr(), "{data}"),
        };
        match self {
            Self::Shown(_) => ExitCode::SUCCESS,
            Self::Failed(_) => ExitCode::from(1),
            Self::Misused(_) => ExitCode::from(2),
            Self::Refused(_) => ExitCode::from(3),
        }
    }
}

/// Clap's message of several paragraphs as one line: what is wrong, then the hints.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let lines = lines.take_while(|line| {
        !line.starts_with("Usage:") && !line.starts_with("For more information")
    });
    let message = lines.collect::<Vec<_>>().join("; ").replace(":; ", ": ");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    format!("{message}; see mirrorball --help")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Cli, Ending> {
        Cli::read(["mirrorball"].iter().chain(arguments))
    }

    fn serve(arguments: &[&str]) -> Serve {
        match read(&[&["serve"], arguments].concat()).unwrap().command {
            Command::Serve(serve) => serve,
            _ => panic!("serve was expected"),
        }
    }

    fn demo(arguments: &[&str]) -> Demo {
        match read(&[&["demo"], arguments].concat()).unwrap().command {
            Command::Demo(demo) => demo,
            _ => panic!("demo was expected"),
        }
    }

    /// The line that a misuse is answered with.
    fn misuse(arguments: &[&str]) -> String {
        match read(arguments) {
            Err(Ending::Misused(line)) => line,
            other => panic!("{arguments:?}: {other:?}"),
        }
    }

    #[test]
    fn is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn has_defaults() {
        let Serve {
            common,
            state,
            allow_public,
        } = serve(&[]);
        assert_eq!(common.listen, ["127.0.0.1:8080".parse().unwrap()]);
        assert!(common.origin.is_empty() && common.log.is_none() && common.verbose == 0);
        assert!(common.is_local() && state.is_none() && !allow_public);
        assert_eq!(demo(&[]).period, Duration::from_millis(500));
    }

    #[test]
    fn takes_every_option() {
        let Serve { common, state, .. } = serve(&[
            "--listen",
            "127.0.0.1:0",
            "--listen",
            "[::1]:8081,127.0.0.2:8082",
            "--www",
            "pages",
            "--origin",
            "https://a.example",
            "--origin=http://b.example:3000",
            "--state",
            "s.json",
            "--log",
            "json",
            "-vv",
        ]);
        let listen: Vec<String> = common.listen.iter().map(ToString::to_string).collect();
        assert_eq!(listen, ["127.0.0.1:0", "[::1]:8081", "127.0.0.2:8082"]);
        assert_eq!(common.www(), Some("pages".into()));
        let origins: Vec<String> = common.origin.iter().map(ToString::to_string).collect();
        assert_eq!(origins, ["https://a.example", "http://b.example:3000"]);
        assert_eq!(common.log, Some(LogFormat::Json));
        assert_eq!((common.verbose, state), (2, Some("s.json".into())));
        assert_eq!(
            demo(&["--period", "250"]).period,
            Duration::from_millis(250)
        );
    }

    #[test]
    fn stays_local_unless_told_otherwise() {
        for address in [
            "0.0.0.0:80",
            "[::]:80",
            "192.168.1.2:80",
            "[::ffff:10.0.0.1]:80",
        ] {
            let line = misuse(&["serve", "--listen", "127.0.0.1:1", "--listen", address]);
            assert!(line.contains("neither TLS nor authentication"), "{line}");
            assert!(line.contains("--allow-public"), "{line}");
            assert!(
                !serve(&["--listen", address, "--allow-public"])
                    .common
                    .is_local()
            );
            let line = misuse(&["demo", "--listen", address]);
            assert!(line.contains("a loopback address was expected"), "{line}");
        }
        for address in ["127.8.8.8:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
            assert!(serve(&["--listen", address]).common.is_local());
            assert!(demo(&["--listen", address]).common.is_local());
        }
        misuse(&["demo", "--allow-public"]);
    }

    #[test]
    fn answers_misuse_with_one_line() {
        let cases: [(&[&str], &str); 12] = [
            (&[], "a command was expected: serve, demo, watch"),
            (&["sevre"], "unrecognized subcommand 'sevre'"),
            (
                &["serve", "--lisen", "x"],
                "unexpected argument '--lisen' found; tip: ",
            ),
            (
                &["serve", "--period", "1"],
                "unexpected argument '--period' found",
            ),
            (&["serve", "extra"], "unexpected argument 'extra' found"),
            (
                &["serve", "--listen"],
                "a value is required for '--listen <ADDR>'",
            ),
            (
                &["serve", "--listen", "8080"],
                "an IP address and a port were expected, such as",
            ),
            (
                &["serve", "--listen", "localhost:80"],
                "such as 127.0.0.1:8080 or [::1]:8080",
            ),
            (
                &["serve", "--origin", "example.com"],
                "such as https://example.com",
            ),
            (&["serve", "--log", "xml"], "[possible values: text, json]"),
            (
                &["demo", "--period", "99"],
                "milliseconds from 100 to 10000 were expected",
            ),
            (
                &["demo", "--state", "s.json"],
                "unexpected argument '--state' found",
            ),
        ];
        for (arguments, expect) in cases {
            let line = misuse(arguments);
            assert!(line.contains(expect), "{line}");
            assert!(!line.contains('\n') && line.len() < 250, "{line}");
            assert!(line.ends_with("see mirrorball --help"), "{line}");
        }
    }

    #[test]
    fn shows_help_and_version() {
        for arguments in [
            &["--help"][..],
            &["serve", "--help"],
            &["demo", "-h"],
            &["--version"],
        ] {
            let Err(Ending::Shown(text)) = read(arguments) else {
                panic!("{arguments:?}");
            };
            assert!(text.contains("mirrorball"), "{text}");
        }
    }
}
