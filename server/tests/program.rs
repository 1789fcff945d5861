//! The program from outside: what it prints, how it ends, what it serves.
#![cfg(unix)]

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStdout, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(10);

fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_mirrorball"));
    program.args(arguments).env_clear().stdin(Stdio::null());
    program
}

/// A running program, which is killed when a test is over.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// Its address, as it was announced.
    address: String,
}

impl Running {
    fn start(arguments: &[&str]) -> io::Result<Self> {
        let mut child = program(&[arguments, &["--listen", "127.0.0.1:0"]].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let address = line
            .split("://")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        let address = address
            .ok_or_else(|| io::Error::other(line.clone()))?
            .to_owned();
        Ok(Self {
            child,
            stdout,
            address,
        })
    }

    fn request(&self, head: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "{head}\r\nConnection: close\r\n\r\n")?;
        io::read_to_string(stream)
    }

    /// Sends a signal, and returns the exit code and the rest of what was printed.
    fn end(mut self, signal: &str) -> io::Result<(Option<i32>, String, String)> {
        Command::new("kill")
            .args(["-s", signal, &self.child.id().to_string()])
            .status()?;
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > PATIENCE {
                return Err(io::ErrorKind::TimedOut.into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let (mut printed, mut logged) = (String::new(), String::new());
        self.stdout.read_to_string(&mut printed)?;
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut logged)?;
        }
        Ok((self.child.wait()?.code(), printed, logged))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asserts that the program ends with this code, and says why in one line.
fn check_refusal(command: &mut Command, code: i32, expect: &str) -> io::Result<()> {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output()?;
    let stderr = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(code), "{command:?}: {stderr}");
    assert!(stdout.is_empty(), "{command:?}");
    assert!(stderr.starts_with("mirrorball: "), "{command:?}: {stderr}");
    assert!(stderr.contains(expect), "{command:?}: {stderr}");
    assert_eq!(stderr.matches('\n').count(), 1, "{command:?}: {stderr}");
    Ok(())
}

#[test]
fn refuses_in_one_line() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let broken = folder.path().join("broken.json");
    std::fs::write(&broken, "{\"a\": }")?;
    let broken = broken.to_string_lossy();
    let running = Running::start(&["serve"])?;
    let taken = running.address.as_str();

    check_refusal(&mut program(&[]), 2, "a command was expected")?;
    check_refusal(
        &mut program(&["serve", "--port", "1"]),
        2,
        "unexpected argument '--port'",
    )?;
    check_refusal(
        &mut program(&["serve", "--listen", "x"]),
        2,
        "127.0.0.1:8080",
    )?;
    check_refusal(
        &mut program(&["demo", "--listen", "0.0.0.0:1"]),
        2,
        "a loopback address",
    )?;
    check_refusal(
        program(&["serve"]).env("MIRRORBALL_LISTEN", "1.2.3.4:1"),
        2,
        "neither TLS",
    )?;
    check_refusal(
        &mut program(&["serve", "--listen", taken]),
        1,
        "the port is taken",
    )?;
    check_refusal(
        &mut program(&["demo", "--listen", taken]),
        1,
        "the port is taken",
    )?;
    check_refusal(&mut program(&["serve", "--www", "/nowhere"]), 1, "/nowhere")?;
    let state = ["serve", "--listen", "127.0.0.1:0", "--state"];
    check_refusal(program(&state).arg("/nowhere"), 1, "/nowhere")?;
    check_refusal(
        program(&state).arg(&*broken),
        1,
        "one JSON value was expected",
    )?;
    check_refusal(program(&state).arg(folder.path()), 1, "a file was expected")
}

#[test]
fn serves_and_ends_in_an_orderly_way() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("index.html"), "hello")?;
    std::fs::write(folder.path().join(".htpasswd"), "canary")?;
    let state = folder.path().join("state.json");
    std::fs::write(&state, "{\"a\": [1, 2]}")?;
    let www = folder.path().to_string_lossy();
    let running = Running::start(&["serve", "--www", &www, "--state", &state.to_string_lossy()])?;

    let answer = running.request("GET /index.html HTTP/1.1\r\nHost: localhost")?;
    assert!(
        answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nhello"),
        "{answer}"
    );
    let answer = running.request("GET /.htpasswd HTTP/1.1\r\nHost: localhost")?;
    assert!(
        answer.starts_with("HTTP/1.1 404 ") && !answer.contains("canary"),
        "{answer}"
    );
    // The name of another site, which resolves to this machine.
    let answer = running.request("GET /index.html HTTP/1.1\r\nHost: evil.test")?;
    assert!(
        answer.starts_with("HTTP/1.1 421 ") && !answer.contains("hello"),
        "{answer}"
    );
    let upgrade = "GET /ws HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.test\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
    let answer = running.request(upgrade)?;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");

    let (code, printed, logged) = running.end("TERM")?;
    assert_eq!(code, Some(0), "{logged}");
    assert!(
        printed.contains("/ws\n") && printed.contains("try "),
        "{printed}"
    );
    let last = logged.lines().last().unwrap_or_default();
    assert!(
        last.starts_with('{') && last.contains("\"signal\":\"terminate\""),
        "{logged}"
    );
    Ok(())
}

#[test]
fn ends_while_a_client_is_silent() -> io::Result<()> {
    let running = Running::start(&["demo", "--log", "text"])?;
    let mut silent = TcpStream::connect(&running.address)?;
    silent.set_read_timeout(Some(PATIENCE))?;
    let head = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        running.address,
    );
    silent.write_all(head.as_bytes())?;
    let mut status = [0; 12];
    silent.read_exact(&mut status)?;
    assert_eq!(&status, b"HTTP/1.1 101");

    let (code, _, logged) = running.end("INT")?;
    assert_eq!(code, Some(0), "{logged}");
    assert!(
        logged.contains("INFO mirrorball::program: closing signal=\"interrupt\""),
        "{logged}"
    );
    Ok(())
}
