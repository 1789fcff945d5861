//! [`Given`]: what the command line and the environment say, and where each value comes from.

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
};

use clap::{
    Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, error::ErrorKind,
    parser::ValueSource,
};

use super::{File, SETTINGS, Settings, kind::Written, table::Setting};
use crate::ending::Ending;

/// What the command line and the environment say: those of the demo, or those of `serve`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given<const DEMO: bool> {
    /// By key.
    values: HashMap<&'static str, (Vec<String>, Source)>,
    file: Option<PathBuf>,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody said anything.
    Default,
    /// This line of a file.
    File(PathBuf, usize),
    /// This variable of the environment.
    Environment(String),
    /// This flag.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => out.write_str("default"),
            Self::File(file, line) => write!(out, "{}:{line}", file.display()),
            Self::Environment(name) => out.write_str(name),
            Self::Flag(flag) => write!(out, "--{flag}"),
        }
    }
}

impl<const DEMO: bool> Given<DEMO> {
    /// All settings, and where those come from that are not the default.
    ///
    /// # Errors
    ///
    /// The first value that cannot be used.
    pub(crate) fn settle(&self) -> Result<(Settings, HashMap<&'static str, Source>), Ending> {
        let file = match &self.file {
            Some(path) => File::read(path).map_err(Ending::failed)?,
            None => File::default(),
        };
        let mut settings = Settings::default();
        let mut sources = HashMap::new();
        for setting in SETTINGS.iter().filter(|setting| setting.is_for(DEMO)) {
            let (texts, source, folder) =
                match (self.values.get(setting.key), file.value(setting.key)) {
                    (Some((texts, source)), _) => (texts, source.clone(), None),
                    (None, Some((texts, line))) => {
                        let source = Source::File(file.path().to_owned(), line);
                        (texts, source, file.path().parent())
                    }
                    (None, None) => continue,
                };
            set(&mut settings, setting, texts, folder, &source)?;
            sources.insert(setting.key, source);
        }
        Ok((settings, sources))
    }
}

fn set(
    settings: &mut Settings,
    setting: &Setting,
    texts: &[String],
    folder: Option<&Path>,
    source: &Source,
) -> Result<(), Ending> {
    let written = Written { texts, folder };
    setting
        .kind
        .set(settings, &written)
        .map_err(|fault| match source {
            Source::File(..) => Ending::failed(format_args!("{source}: {}: {fault}", setting.key)),
            _ => Ending::usage(format_args!("{source}: {fault}; see mirrorball --help")),
        })
}

impl<const DEMO: bool> Args for Given<DEMO> {
    fn augment_args(mut command: Command) -> Command {
        if !DEMO {
            let config = Arg::new("config")
                .short('c')
                .long("config")
                .value_name("FILE.toml")
                .env("MIRRORBALL_CONFIG")
                .value_parser(clap::value_parser!(PathBuf))
                .help("Read settings from this file; `mirrorball config print` shows all that there are");
            command = command.arg(config);
        }
        for setting in SETTINGS.iter().filter(|setting| setting.is_for(DEMO)) {
            command = command.arg(argument(setting));
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn argument(setting: &Setting) -> Arg {
    let kind = setting.kind;
    let (table, _) = setting.place();
    let heading = match table {
        "http" => Some("HTTP"),
        "conn" => Some("Connections"),
        "tls" => Some("TLS"),
        "auth" => Some("Authentication"),
        "juggler" => Some("Juggler"),
        "bayeux" => Some("Bayeux"),
        _ => None,
    };
    let argument = Arg::new(setting.key)
        .long(setting.flag)
        .env(setting.variable())
        .value_name(kind.value_name())
        .help(setting.help)
        .help_heading(heading);
    if kind.is_list() {
        argument.action(ArgAction::Append).value_delimiter(',')
    } else if kind.is_switch() {
        argument
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
    } else {
        argument
    }
}

impl<const DEMO: bool> FromArgMatches for Given<DEMO> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Self::default();
        given.update_from_arg_matches(matches)?;
        Ok(given)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        if !DEMO {
            self.file = matches.get_one::<PathBuf>("config").cloned();
        }
        for setting in SETTINGS.iter().filter(|setting| setting.is_for(DEMO)) {
            let Some(texts) = matches.get_many::<String>(setting.key) else {
                continue;
            };
            let source = match matches.value_source(setting.key) {
                Some(ValueSource::CommandLine) => Source::Flag(setting.flag),
                Some(ValueSource::EnvVariable) => Source::Environment(setting.variable()),
                _ => return Err(clap::Error::new(ErrorKind::InvalidValue)),
            };
            let texts = texts.cloned().collect();
            self.values.insert(setting.key, (texts, source));
        }
        Ok(())
    }
}
