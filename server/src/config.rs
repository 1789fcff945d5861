//! `mirrorball config`: looks at the settings that `serve` would have.

use std::{collections::HashMap, fmt::Write};

use crate::{
    ending::Ending,
    program::{self, Parts},
    settings::{Given, SETTINGS, Settings, Source},
};

/// Prints all settings as a file of them, and where each comes from.
///
/// # Errors
///
/// Where one of them cannot be used.
pub(crate) fn print(given: &Given<false>) -> Result<(), Ending> {
    let (settings, sources) = given.settle()?;
    Err(Ending::Shown(text(&settings, &sources)))
}

/// Checks the settings, and whether the files that they name can be used.
///
/// # Errors
///
/// The first of them that cannot be used.
pub(crate) fn check(given: &Given<false>) -> Result<(), Ending> {
    let settings = program::settle(given)?;
    Parts::open(&settings)?.check(&settings)?;
    Err(Ending::Shown("the configuration can be used\n".to_owned()))
}

fn text(settings: &Settings, sources: &HashMap<&'static str, Source>) -> String {
    let mut text = String::new();
    let mut written = "";
    for setting in SETTINGS.iter().filter(|setting| setting.is_for(false)) {
        let (table, name) = setting.place();
        if table != written {
            text.push_str(&format!("\n[{table}]\n"));
            written = table;
        }
        let source = sources.get(setting.key).unwrap_or(&Source::Default);
        // Writing to a text does not fail.
        let _ = match setting.kind.show(settings) {
            Some(value) => writeln!(text, "{name} = {value}  # {source}"),
            None => writeln!(text, "# {name} = …  # not set"),
        };
    }
    text
}
