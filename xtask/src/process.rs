//! Child processes: each is printed as it could be typed, and its output is passed on in full.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What a task comes to: a value, or a message that says what went wrong and what to do.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// How often a child that has a time limit is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Prints `command` and runs it; its output goes straight to the terminal.
pub(crate) fn run(command: &mut Command) -> Outcome {
    announce(command);
    // Stdout carries results only, so what a child says goes beside our own progress.
    command.stdout(std::io::stderr());
    let status = command
        .status()
        .map_err(|error| cannot_start(command, &error))?;
    expect_success(command, status)
}

/// Prints `command`, runs it and shows each line of its standard output to `line` as it comes.
///
/// # Errors
///
/// Where the program cannot be started or read. How it ended is in the value.
pub(crate) fn run_lines(command: &mut Command, mut line: impl FnMut(&str)) -> Outcome<ExitStatus> {
    announce(command);
    command.stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut bytes = Vec::new();
        // Bytes, since a child may print what is not UTF-8.
        while reader
            .read_until(b'\n', &mut bytes)
            .map_err(|error| cannot_read(command, &error))?
            > 0
        {
            line(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']));
            bytes.clear();
        }
    }
    child.wait().map_err(|error| cannot_read(command, &error))
}

/// Prints `command` and runs it for at most `limit`: `None` where it had to be stopped.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Outcome<Option<ExitStatus>> {
    announce(command);
    command.stdout(std::io::stderr());
    let mut child = command
        .spawn()
        .map_err(|error| cannot_start(command, &error))?;
    let started = Instant::now();
    loop {
        if let Some(status) = child
            .try_wait()
            .map_err(|error| cannot_read(command, &error))?
        {
            return Ok(Some(status));
        }
        if started.elapsed() > limit {
            // It may have ended by itself just now: either way it is gone afterwards.
            let _ = child.kill();
            child.wait().map_err(|error| cannot_read(command, &error))?;
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

/// Runs a question such as `node --version` without printing it: `None` where the program is
/// missing or refuses.
pub(crate) fn ask(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Prints `command` as one could type it at the workspace's root.
pub(crate) fn announce(command: &Command) {
    eprintln!("$ {}", describe(command));
}

/// An error for a command that ended badly.
pub(crate) fn expect_success(command: &Command, status: ExitStatus) -> Outcome {
    if status.success() {
        return Ok(());
    }
    let how = match status.code() {
        Some(code) => format!("failed with exit code {code}"),
        None => "was ended by a signal".to_owned(),
    };
    Err(format!("{how}: {}", words(command).join(" ")))
}

fn cannot_start(command: &Command, error: &std::io::Error) -> String {
    format!("cannot run `{}`: {error}", command.get_program().display())
}

fn cannot_read(command: &Command, error: &std::io::Error) -> String {
    format!(
        "lost contact with `{}`: {error}",
        command.get_program().display()
    )
}

fn describe(command: &Command) -> String {
    let mut parts = Vec::new();
    if let Some(directory) = command.get_current_dir() {
        parts.push(format!("cd {} &&", quote(short(directory).as_os_str())));
    }
    for (name, value) in command.get_envs() {
        // `PATH` is long, and the tools it leads to are named in the documentation of `tools`.
        if let Some(value) = value.filter(|_| name != "PATH") {
            parts.push(format!("{}={}", name.display(), quote(value)));
        }
    }
    parts.extend(words(command));
    parts.join(" ")
}

fn words(command: &Command) -> Vec<String> {
    let program = short(Path::new(command.get_program())).as_os_str();
    std::iter::once(program)
        .chain(command.get_args())
        .map(quote)
        .collect()
}

/// `path` as seen from the working directory, where it lies below it.
fn short(path: &Path) -> &Path {
    std::env::current_dir()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok())
        .filter(|rest| !rest.as_os_str().is_empty())
        .unwrap_or(path)
}

fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_described_as_it_could_be_typed() {
        let mut command = Command::new("npm");
        command
            .args(["run", "a b", "it's", ""])
            .env("KEY", "v")
            .env("PATH", "/x");
        command.current_dir("/js");
        assert_eq!(
            describe(&command),
            r"cd /js && KEY=v npm run 'a b' 'it'\''s' ''"
        );
    }

    #[test]
    fn lines_arrive_one_by_one_and_the_status_is_kept() {
        let mut lines = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", r"printf 'one\r\ntwo\n\377'; exit 3"]);
        let status = run_lines(&mut command, |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines, ["one", "two", "\u{fffd}"]);
        let error = expect_success(&command, status).unwrap_err();
        assert!(
            error.starts_with("failed with exit code 3: sh -c"),
            "{error}"
        );
    }

    #[test]
    fn a_child_over_its_limit_is_stopped() {
        let mut command = Command::new("sleep");
        assert!(
            run_within(command.arg("60"), Duration::from_millis(100))
                .unwrap()
                .is_none()
        );
        assert!(
            run_within(&mut Command::new("true"), Duration::from_secs(10))
                .unwrap()
                .is_some()
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("no-such-program")).unwrap_err();
        assert!(error.starts_with("cannot run `no-such-program`"), "{error}");
        assert!(ask(&mut Command::new("no-such-program")).is_none());
    }
}
