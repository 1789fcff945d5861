//! The command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::{ending::Ending, remote::Remote, settings::Given};

const AFTER_HELP: &str = "\
What has a name after [env: can be given in the environment, too; lists are separated by commas. The command line \
prevails over the environment, that over the file of --config, that over the defaults. Times are in seconds.

Signals: SIGHUP has certificates and users read again, SIGTERM and SIGINT close in an orderly way.

Exit codes: 0 closed in an orderly way, 1 could not run (the port is taken, a folder is missing, the configuration \
has an unknown key, …), 2 wrong usage, 3 a server refused the request. Errors are one line on stderr.";

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
    /// Look at the settings that `serve` would have with the same flags
    #[command(subcommand)]
    Config(Config),
    /// Set a user's password in a file for --htpasswd: asked for on a terminal, else the first line of stdin
    Passwd(Passwd),
    #[command(flatten)]
    Remote(Remote),
}

/// `mirrorball serve`
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) given: Given<false>,
    #[command(flatten)]
    pub(crate) logging: Logging,
}

/// `mirrorball demo`
#[derive(Debug, Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) given: Given<true>,
    #[command(flatten)]
    pub(crate) logging: Logging,
}

/// How much both commands log.
#[derive(Debug, Args)]
pub(crate) struct Logging {
    /// Log more: -v the program's debug messages, -vv everything
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// `mirrorball config`
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Check the settings, and the files that they name
    Check(Given<false>),
    /// Print all settings, and where each comes from
    Print(Given<false>),
}

/// `mirrorball passwd`
#[derive(Debug, Args)]
pub(crate) struct Passwd {
    /// The file; it is made where there is none
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The user
    #[arg(value_name = "USER")]
    pub(crate) user: String,
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
        Self::try_parse_from(arguments).map_err(|error| Ending::from_clap(&error))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        program,
        settings::{LogFormat, Settings},
    };

    fn read(arguments: &[&str]) -> Result<Cli, Ending> {
        Cli::read(["mirrorball"].iter().chain(arguments))
    }

    /// What a command comes to.
    fn settle(arguments: &[&str]) -> Result<Settings, Ending> {
        match read(arguments)?.command {
            Command::Serve(serve) => program::settle(&serve.given),
            Command::Demo(demo) => program::settle(&demo.given),
            other => panic!("{other:?}"),
        }
    }

    fn serve(arguments: &[&str]) -> Settings {
        settle(&[&["serve"], arguments].concat()).unwrap()
    }

    fn demo(arguments: &[&str]) -> Settings {
        settle(&[&["demo"], arguments].concat()).unwrap()
    }

    /// The line that a misuse is answered with.
    fn misuse(arguments: &[&str]) -> String {
        match settle(arguments) {
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
        let settings = serve(&[]);
        assert_eq!(settings.listen, ["127.0.0.1:8080".parse().unwrap()]);
        assert!(settings.origins.is_empty() && settings.log.is_none() && settings.no_cache);
        assert!(settings.is_local() && settings.state.is_none() && !settings.allow_public);
        assert_eq!(demo(&[]).period, Duration::from_millis(500));
    }

    #[test]
    fn takes_options() {
        let settings = serve(&[
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
            "--autoflush-delay=none",
            "--ping-delay",
            "1.5",
            "--max-segment-size",
            "1KiB",
            "--no-cache=false",
            "--parallel-requests",
            "--trusted-proxy",
            "10.0.0.0/8,127.0.0.1",
        ]);
        let listen: Vec<String> = settings.listen.iter().map(ToString::to_string).collect();
        assert_eq!(listen, ["127.0.0.1:0", "[::1]:8081", "127.0.0.2:8082"]);
        assert_eq!(settings.www(), Some("pages".into()));
        let origins: Vec<String> = settings.origins.iter().map(ToString::to_string).collect();
        assert_eq!(origins, ["https://a.example", "http://b.example:3000"]);
        assert_eq!(settings.log, Some(LogFormat::Json));
        assert_eq!(settings.state, Some("s.json".into()));
        assert_eq!(settings.autoflush_delay, None);
        let ping_delay = settings.options.keepalive.ping_delay;
        assert_eq!(ping_delay, Some(Duration::from_millis(1500)));
        assert_eq!(settings.options.max_segment_size, 1024);
        assert!(settings.options.parallel_requests && !settings.no_cache);
        assert_eq!(settings.trusted_proxies.len(), 2);
        let flushed = serve(&["--autoflush-delay", "0"]).autoflush_delay;
        assert_eq!(flushed, Some(Duration::ZERO));
        let period = demo(&["--period", "250"]).period;
        assert_eq!(period, Duration::from_millis(250));
    }

    #[test]
    fn stays_local_unless_it_is_protected_or_told_otherwise() {
        for address in [
            "0.0.0.0:80",
            "[::]:80",
            "192.168.1.2:80",
            "[::ffff:10.0.0.1]:80",
        ] {
            let line = misuse(&["serve", "--listen", "127.0.0.1:1", "--listen", address]);
            assert!(line.contains("neither TLS nor authentication"), "{line}");
            assert!(line.contains("--allow-public"), "{line}");
            for told in [
                &["--allow-public"][..],
                &["--tls-self-signed"],
                &["--tls-cert", "c", "--tls-key", "k"],
                &["--htpasswd", "f"],
            ] {
                assert!(!serve(&[&["--listen", address], told].concat()).is_local());
            }
            let line = misuse(&["demo", "--listen", address]);
            assert!(line.contains("a loopback address was expected"), "{line}");
        }
        for address in ["127.8.8.8:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
            assert!(serve(&["--listen", address]).is_local());
            assert!(demo(&["--listen", address]).is_local());
        }
        misuse(&["demo", "--allow-public"]);
    }

    #[test]
    fn answers_misuse_with_one_line() {
        let cases: [(&[&str], &str); 20] = [
            (&[], "a command was expected"),
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
            (&["config"], "a command was expected"),
            (&["passwd", "file"], "<USER>"),
            (&["serve", "--no-cache=maybe"], "true or false was expected"),
            (
                &["serve", "--max-segments", "0"],
                "a whole number from 1 on",
            ),
            (&["serve", "--ping-delay", "0"], "seconds above 0"),
            (
                &["serve", "--trusted-proxy", "10.0.0.0/33"],
                "such as 10.0.0.0/8",
            ),
            (&["serve", "--tls-cert", "c"], "belong together"),
            (
                &[
                    "serve",
                    "--tls-cert",
                    "c",
                    "--tls-key",
                    "k",
                    "--tls-self-signed",
                ],
                "not both",
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
