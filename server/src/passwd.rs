//! `mirrorball passwd`: sets a user's password in a file.

use std::{
    fs, io,
    io::{BufRead, IsTerminal, Read, Write},
    path::{Path, PathBuf},
};

use mirrorball_server::{Limits, auth::with_password};

use crate::{cli::Passwd, ending::Ending};

/// Bytes of a user's name.
const MAX_NAME: usize = 255;

/// Asks for a password and writes its hash.
///
/// # Errors
///
/// Where there is no password, or the file cannot be written.
pub(crate) fn run(Passwd { file, user }: &Passwd) -> Result<(), Ending> {
    if user.is_empty() || user.len() > MAX_NAME || user.contains([':', '\n', '\r', '#']) {
        return Err(Ending::usage(format_args!(
            "user {user:?}: a name of up to 255 bytes without a colon or # was expected"
        )));
    }
    let fail = |error: io::Error| Ending::failed(format_args!("{}: {error}", file.display()));
    let old = match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read.map_err(fail)?,
    };
    let password = password(user)?;
    let text = with_password(&old, user, password.as_bytes())
        .ok_or_else(|| Ending::failed("this system gives no random numbers"))?;
    replace(file, &text).map_err(fail)
}

fn password(user: &str) -> Result<String, Ending> {
    let limit = Limits::default().max_password_bytes;
    let password = if io::stdin().is_terminal() {
        let ask = |prompt| rpassword::prompt_password(prompt).map_err(Ending::failed);
        let password = ask(format!("password of {user}: "))?;
        if ask("once more: ".to_owned())? != password {
            return Err(Ending::failed(
                "the two are not the same; nothing was written",
            ));
        }
        password
    } else {
        let mut line = String::new();
        let mut input = io::stdin().lock().take(limit as u64 + 3);
        input.read_line(&mut line).map_err(Ending::failed)?;
        let line = line.strip_suffix('\n').unwrap_or(&line);
        line.strip_suffix('\r').unwrap_or(line).to_owned()
    };
    if password.is_empty() || password.len() > limit {
        return Err(Ending::failed(format_args!(
            "a password of 1 to {limit} bytes was expected; nothing was written"
        )));
    }
    Ok(password)
}

/// Replaces a file by one that is complete, so that nobody reads half of it. Who may read it stays as it was; a
/// new one is its owner's alone.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    // Through a link the file that it leads to is replaced.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = file.with_file_name(name);
    let written = write(&new, &file, text).and_then(|()| fs::rename(&new, &file));
    if written.is_err() {
        // Nothing is left of it, if it can be helped.
        let _ = fs::remove_file(&new);
    }
    written
}

fn write(new: &PathBuf, old: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(new)?;
    file.write_all(text.as_bytes())?;
    if let Ok(metadata) = fs::metadata(old) {
        file.set_permissions(metadata.permissions())?;
    }
    file.sync_all()
}
