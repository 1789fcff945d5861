//! [`Ending`]: how the program ends where it did not run to its end.

use std::{fmt, process::ExitCode};

use clap::error::ErrorKind;

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

    /// It was called wrongly.
    pub(crate) fn usage(reason: impl fmt::Display) -> Self {
        Self::Misused(reason.to_string())
    }

    /// What clap has to say.
    pub(crate) fn from_clap(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Self::Shown(text),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Self::usage(
                "a command was expected, such as serve, demo, watch or config check; see mirrorball --help",
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
