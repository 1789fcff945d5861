//! [`File`]: settings as a file has them.

use std::{
    collections::HashMap,
    fmt, fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use thiserror::Error;
use toml::de::{DeTable, DeValue};

use super::SETTINGS;

/// Bytes of a file.
const MAX_FILE: u64 = 1 << 20;

/// Settings as a file has them: texts, for there is one way to read them, wherever they stand.
#[derive(Debug, Default)]
pub(crate) struct File {
    path: PathBuf,
    /// By key, with their lines.
    values: HashMap<&'static str, (Vec<String>, usize)>,
}

/// A file of settings cannot be used.
#[derive(Debug, Error)]
pub(crate) enum FileError {
    #[error("the configuration cannot be read from {}: {error}", .file.display())]
    Unreadable {
        file: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error("{}:{line}: {fault}", .file.display())]
    Line {
        file: PathBuf,
        line: usize,
        fault: String,
    },
}

/// Something in a text that is wrong.
struct Fault {
    at: usize,
    what: String,
}

impl Fault {
    fn new(span: &Range<usize>, what: impl fmt::Display) -> Self {
        Self {
            at: span.start,
            what: what.to_string(),
        }
    }
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, is no TOML, or has a key that is none.
    pub(crate) fn read(path: &Path) -> Result<Self, FileError> {
        let fail = |error| FileError::Unreadable {
            file: path.to_owned(),
            error,
        };
        let metadata = fs::metadata(path).map_err(fail)?;
        if !metadata.is_file() || metadata.len() > MAX_FILE {
            return Err(fail(io::Error::other(
                "a file of at most 1 MiB was expected",
            )));
        }
        let text = fs::read_to_string(path).map_err(fail)?;
        let values = parse(&text).map_err(|Fault { at, what }| FileError::Line {
            file: path.to_owned(),
            line: line(&text, at),
            fault: what,
        })?;
        Ok(Self {
            path: path.to_owned(),
            values,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What stands there, and on which line.
    pub(crate) fn value(&self, key: &str) -> Option<(&Vec<String>, usize)> {
        self.values.get(key).map(|(texts, line)| (texts, *line))
    }
}

fn line(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    1 + before.filter(|byte| **byte == b'\n').count()
}

fn parse(text: &str) -> Result<HashMap<&'static str, (Vec<String>, usize)>, Fault> {
    let root = DeTable::parse(text).map_err(|error| {
        let message = error.message().replace('\n', ", ");
        Fault::new(&error.span().unwrap_or_default(), message)
    })?;
    let mut values = HashMap::new();
    for (key, value) in root.get_ref() {
        let name: &str = key.get_ref();
        let is_table = SETTINGS.iter().any(|setting| setting.place().0 == name);
        match value.get_ref() {
            DeValue::Table(table) if is_table => {
                for (inner, value) in table {
                    let full = format!("{name}.{}", inner.get_ref());
                    let found = entry(&full, &inner.span(), &value.span(), value.get_ref())?;
                    values.insert(found.0, (found.1, line(text, inner.span().start)));
                }
            }
            _ if is_table => {
                return Err(Fault::new(
                    &key.span(),
                    format_args!("{name}: a table [{name}] was expected"),
                ));
            }
            other => {
                let found = entry(name, &key.span(), &value.span(), other)?;
                values.insert(found.0, (found.1, line(text, key.span().start)));
            }
        }
    }
    Ok(values)
}

fn entry(
    key: &str,
    span: &Range<usize>,
    value_span: &Range<usize>,
    value: &DeValue<'_>,
) -> Result<(&'static str, Vec<String>), Fault> {
    let known = SETTINGS.iter().filter(|setting| setting.is_for(false));
    let Some(setting) = known.clone().find(|setting| setting.key == key) else {
        let name = |key: &str| key.rsplit('.').next().unwrap_or_default().replace('-', "_");
        let meant = known
            .clone()
            .find(|setting| name(setting.key) == name(key) || name(setting.flag) == name(key));
        let hint = meant.map_or_else(
            || "`mirrorball config print` shows all that there are".to_owned(),
            |setting| format!("did you mean `{}`?", setting.key),
        );
        return Err(Fault::new(
            span,
            format_args!("unknown key `{key}`; {hint}"),
        ));
    };
    let wrong =
        |expected: &str| Fault::new(value_span, format_args!("{key}: {expected} was expected"));
    let texts = match value {
        DeValue::Array(items) if setting.kind.is_list() => items
            .iter()
            .map(|item| scalar(item.get_ref()).ok_or_else(|| wrong("a list of texts")))
            .collect::<Result<_, _>>()?,
        value => vec![scalar(value).ok_or_else(|| wrong("one value"))?],
    };
    Ok((setting.key, texts))
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(value) => Some(value.to_string()),
        _ => None,
    }
}
