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
        Self::spawn(program(&[arguments, &["--listen", "127.0.0.1:0"]].concat()))
    }

    fn spawn(mut program: Command) -> io::Result<Self> {
        let mut child = program
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

    /// Opens a WebSocket, on which nothing is said.
    fn websocket(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let head = format!(
            "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.address,
        );
        stream.write_all(head.as_bytes())?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        assert_eq!(&status, b"HTTP/1.1 101");
        Ok(stream)
    }

    /// Sends a signal.
    fn signal(&self, signal: &str) -> io::Result<()> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status()?;
        assert!(sent.success());
        Ok(())
    }

    /// Sends a signal, and returns the exit code and the rest of what was printed.
    fn end(mut self, signal: &str) -> io::Result<(Option<i32>, String, String)> {
        self.signal(signal)?;
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

/// What the program prints where it only shows something.
fn shown(command: &mut Command) -> io::Result<String> {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output()?;
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(
        status.success() && stderr.is_empty(),
        "{command:?}: {stderr}"
    );
    String::from_utf8(stdout).map_err(io::Error::other)
}

/// Waits for a condition to hold.
fn until(mut condition: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let begun = Instant::now();
    while !condition()? {
        if begun.elapsed() > PATIENCE {
            return Err(io::ErrorKind::TimedOut.into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
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
    check_refusal(&mut program(&["serve", "-c", "/nowhere"]), 1, "/nowhere")?;
    check_refusal(
        &mut program(&["serve", "--htpasswd", "/nowhere"]),
        1,
        "/nowhere",
    )?;
    check_refusal(
        &mut program(&["serve", "--tls-cert", "/nowhere", "--tls-key", "/nowhere"]),
        1,
        "TLS: /nowhere",
    )?;
    check_refusal(
        &mut program(&["serve", "--ws-path", "ws"]),
        1,
        "the WebSocket path `ws`",
    )?;
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
    let _silent = running.websocket()?;
    let (code, _, logged) = running.end("INT")?;
    assert_eq!(code, Some(0), "{logged}");
    assert!(
        logged.contains("INFO mirrorball::program: closing signal=\"interrupt\""),
        "{logged}"
    );
    Ok(())
}

/// Told to end a second time it does not wait for the clients' turns any more.
#[test]
fn a_second_signal_ends_at_once() -> io::Result<()> {
    let drain = [
        "serve",
        "--log",
        "text",
        "--drain",
        "3600",
        "--drain-step",
        "3600",
    ];
    let mut running = Running::start(&drain)?;
    let clients = [running.websocket()?, running.websocket()?];
    running.signal("TERM")?;
    // It listens no more, and has not ended.
    until(|| Ok(TcpStream::connect(&running.address).is_err()))?;
    assert!(running.child.try_wait()?.is_none());
    let (code, _, logged) = running.end("INT")?;
    assert_eq!(code, Some(0), "{logged}");
    assert!(logged.contains("closing at once"), "{logged}");
    drop(clients);
    Ok(())
}

/// Flags prevail over the environment, that over the file, that over the defaults; and what came from where is
/// shown.
#[test]
fn settings_have_an_order() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("mirrorball.toml");
    std::fs::create_dir(folder.path().join("pages"))?;
    std::fs::write(
        &file,
        "www = \"pages\"\nlisten = [\"127.0.0.1:1\", \"[::1]:2\"]\n\n[juggler]\nping_delay = 1.5 # seconds\n\
         ping_timeout = 2\nmax_segment_size = \"1KiB\"\nautoflush_delay = \"none\"\n\n[http]\nno_cache = false\n",
    )?;
    let file = file.to_string_lossy();
    let print = ["config", "print", "-c", &file, "--ping-delay", "7"];
    let printed = shown(
        program(&print)
            .env("MIRRORBALL_PING_DELAY", "6")
            .env("MIRRORBALL_PING_TIMEOUT", "5"),
    )?;
    let www = folder.path().join("pages");
    for line in [
        format!("www = \"{}\"  # {file}:1", www.display()),
        format!("listen = [\"127.0.0.1:1\", \"[::1]:2\"]  # {file}:2"),
        "ping_delay = 7  # --ping-delay".to_owned(),
        "ping_timeout = 5  # MIRRORBALL_PING_TIMEOUT".to_owned(),
        format!("max_segment_size = 1024  # {file}:7"),
        format!("autoflush_delay = \"none\"  # {file}:8"),
        format!("no_cache = false  # {file}:11"),
        "send_queue_size = 1024  # default".to_owned(),
        "idle_timeout = 75  # default".to_owned(),
        "# state = …  # not set".to_owned(),
        "[tls]".to_owned(),
    ] {
        assert!(
            printed.lines().any(|found| found == line),
            "{line}: {printed}"
        );
    }

    // What is printed is a file of the same settings.
    let again = folder.path().join("again.toml");
    std::fs::write(&again, &printed)?;
    let again = shown(&mut program(&[
        "config",
        "print",
        "-c",
        &again.to_string_lossy(),
    ]))?;
    let values = |text: &str| -> Vec<String> {
        let values = text.lines().map(|line| line.split("  # ").next());
        values.flatten().map(str::to_owned).collect()
    };
    assert_eq!(values(&again), values(&printed));
    let fine = shown(&mut program(&["config", "check", "-c", &file]))?;
    assert_eq!(fine, "the configuration can be used\n");
    Ok(())
}

/// What a file has that cannot be used is named with its line.
#[test]
fn a_configuration_is_checked() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("mirrorball.toml");
    std::fs::write(folder.path().join("users"), "# users\nalice:secret\n")?;
    for (text, expect) in [
        (
            "\n[juggler]\nping = 3\n",
            "mirrorball.toml:3: unknown key `juggler.ping`; ",
        ),
        (
            "htpasswd = \"x\"\n",
            "mirrorball.toml:1: unknown key `htpasswd`; did you mean `auth.htpasswd`?",
        ),
        (
            "[jugler]\nping_delay = 3\n",
            "mirrorball.toml:1: unknown key `jugler`",
        ),
        ("period = 250\n", "mirrorball.toml:1: unknown key `period`"),
        (
            "juggler = 3\n",
            "mirrorball.toml:1: juggler: a table [juggler] was expected",
        ),
        (
            "[http]\n\nidle_timeout = \"soon\"\n",
            "mirrorball.toml:3: http.idle_timeout: invalid value 'soon': ",
        ),
        (
            "[http]\nidle_timeout = [1]\n",
            "mirrorball.toml:2: http.idle_timeout: one value was expected",
        ),
        (
            "listen = [\"x\"]\n",
            "mirrorball.toml:1: listen: invalid value 'x': an IP address",
        ),
        (
            "listen = \"0.0.0.0:80\"\n",
            "neither TLS nor authentication",
        ),
        ("listen = [\n", "mirrorball.toml:"),
        (
            "[auth]\nhtpasswd = \"users\"\n",
            "users, line 2: the password is not hashed",
        ),
        (
            "[tls]\ncert = \"users\"\nkey = \"users\"\n",
            "users: it holds no certificate",
        ),
        ("[tls]\ncert = \"users\"\n", "belong together"),
        (
            "www = \"missing\"\n",
            "missing of static files cannot be opened",
        ),
    ] {
        std::fs::write(&file, text)?;
        for command in [&["config", "check"][..], &["serve"]] {
            let mut program = program(command);
            program.args(["-c", &file.to_string_lossy()]);
            let code = if expect.starts_with("neither") || expect.starts_with("belong") {
                2
            } else {
                1
            };
            check_refusal(&mut program, code, expect)?;
        }
    }
    Ok(())
}

const ASK: &str = "GET /page HTTP/1.1\r\nHost: localhost";
/// `alice:secret`
const ALICE: &str = "\r\nAuthorization: Basic YWxpY2U6c2VjcmV0";

fn passwd(file: &str, user: &str, password: &str) -> io::Result<Output> {
    let mut child = program(&["passwd", file, user])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // Whoever was called wrongly does not listen.
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(password.as_bytes());
    }
    child.wait_with_output()
}

/// Users are written by the program, and read by it when they change, when it is told to, and not otherwise.
#[test]
fn users_are_made_and_read_again() -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("page"), "a page")?;
    let www = folder.path().to_string_lossy();
    let file = folder.path().join("users");
    let users = file.to_string_lossy();
    for (user, password, code) in [
        ("alice", "secret\n", 0),
        ("bob", "no line end", 0),
        ("eve", "\n", 1),
        ("eve", "", 1),
        ("a:b", "secret\n", 2),
    ] {
        let output = passwd(&users, user, password)?;
        assert_eq!(output.status.code(), Some(code), "{user} {output:?}");
    }
    let long = "x".repeat(1025);
    assert_eq!(passwd(&users, "eve", &long)?.status.code(), Some(1));
    let text = std::fs::read_to_string(&file)?;
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.starts_with("alice:$argon2id$") && !text.contains("secret"),
        "{text}"
    );
    assert_eq!(file.metadata()?.permissions().mode() & 0o777, 0o600);

    let never = [
        "--reload-interval",
        "none",
        "--htpasswd",
        &users,
        "--www",
        &www,
    ];
    let running = Running::start(&[&["serve", "--listen", "127.0.0.1:0"][..], &never].concat())?;
    assert!(running.request(ASK)?.starts_with("HTTP/1.1 401 "));
    let alice = format!("{ASK}{ALICE}");
    assert!(running.request(&alice)?.ends_with("a page"));
    assert!(passwd(&users, "alice", "another\n")?.status.success());
    assert!(running.request(&alice)?.ends_with("a page"));
    running.signal("HUP")?;
    until(|| Ok(running.request(&alice)?.starts_with("HTTP/1.1 401 ")))?;
    let (code, _, logged) = running.end("TERM")?;
    assert_eq!(code, Some(0), "{logged}");
    assert!(logged.contains("the users were read again"), "{logged}");
    assert!(!logged.contains("secret"), "{logged}");
    Ok(())
}

/// With a certificate of its own making the program tells its fingerprint.
#[test]
fn makes_a_certificate_for_itself() -> io::Result<()> {
    let running = Running::start(&["serve", "--tls-self-signed"])?;
    let plain = running.request(ASK);
    assert!(!plain.is_ok_and(|answer| answer.starts_with("HTTP")));
    let (answer, certificate) = request_over_tls(&running.address)?;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let digest = ring::digest::digest(&ring::digest::SHA256, &certificate);
    let bytes: Vec<_> = digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();

    let (code, printed, logged) = running.end("TERM")?;
    assert_eq!(code, Some(0), "{logged}");
    let line = format!("certificate SHA-256 {}", bytes.join(":"));
    assert!(printed.lines().any(|found| found == line), "{printed}");
    Ok(())
}

/// The answer to a request over TLS, and the certificate that was shown, whatever it is.
fn request_over_tls(address: &str) -> io::Result<(String, Vec<u8>)> {
    use rustls::{
        ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme, StreamOwned,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::ring::default_provider,
        pki_types::{CertificateDer, ServerName, UnixTime},
    };

    #[derive(Debug)]
    struct Anyone;

    impl ServerCertVerifier for Anyone {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Ok(HandshakeSignatureValid::assertion())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            let provider = default_provider();
            provider
                .signature_verification_algorithms
                .supported_schemes()
        }
    }

    let config = ClientConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(std::sync::Arc::new(Anyone))
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let session = ClientConnection::new(config.into(), name).map_err(io::Error::other)?;
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut stream = StreamOwned::new(session, stream);
    write!(stream, "{ASK}\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 13];
    stream.read_exact(&mut answer)?;
    let certificate = stream.conn.peer_certificates().and_then(<[_]>::first);
    let certificate = certificate.map(|certificate| certificate.to_vec());
    Ok((
        String::from_utf8_lossy(&answer).into_owned(),
        certificate.unwrap_or_default(),
    ))
}

/// The program, where it may open so many files.
fn with_files(most: u32, arguments: &str) -> io::Result<Running> {
    let program = env!("CARGO_BIN_EXE_mirrorball");
    let shell = format!("ulimit -n {most}; exec {program} {arguments}");
    let mut command = Command::new("sh");
    command
        .args(["-c", &shell])
        .env_clear()
        .stdin(Stdio::null());
    Running::spawn(command)
}

/// Where the system gives no more files, the program waits and goes on when there are some again.
#[test]
fn outlives_a_want_of_files() -> io::Result<()> {
    let running = with_files(
        64,
        "serve --listen 127.0.0.1:0 --max-connections 1000 --max-connections-per-ip 1000",
    )?;
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(TcpStream::connect(&running.address)?);
    }
    let status = || -> io::Result<bool> {
        let mut stream = TcpStream::connect(&running.address)?;
        stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        write!(stream, "{ASK}\r\nConnection: close\r\n\r\n")?;
        let mut answer = [0; 12];
        Ok(stream.read_exact(&mut answer).is_ok() && answer == *b"HTTP/1.1 404")
    };
    // It is full: nobody else is answered.
    assert!(!status()?);
    drop(crowd);
    until(status)?;
    let (code, _, logged) = running.end("TERM")?;
    assert_eq!(code, Some(0), "{logged}");
    let complaints = logged.matches("cannot accept connections").count();
    assert!((1..100).contains(&complaints), "{logged}");
    Ok(())
}

/// With few files there are few places, by default: whoever comes then is told so, and nothing fails.
#[test]
fn keeps_files_for_itself() -> io::Result<()> {
    let running = with_files(300, "serve --listen 127.0.0.1:0")?;
    let mut crowd = Vec::new();
    for _ in 0..1_000 {
        crowd.push(TcpStream::connect(&running.address)?);
    }
    // 300 less 256.
    let answer = running.request(ASK);
    assert!(
        answer.as_deref().is_ok_and(|answer| answer.starts_with("HTTP/1.1 503 "))
            // There are so many that it cannot tell each.
            || answer.as_deref().map_or(true, str::is_empty),
        "{answer:?}"
    );
    drop(crowd);
    until(|| {
        let answer = running.request(ASK);
        Ok(answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 404 ")))
    })?;
    let (code, _, logged) = running.end("TERM")?;
    assert_eq!(code, Some(0), "{logged}");
    assert!(logged.contains("no more connections are taken"), "{logged}");
    assert!(!logged.contains("cannot accept connections"), "{logged}");
    Ok(())
}

/// Shakes hands over long-polling, and returns what comes of subscribing and publishing there.
fn uses(running: &Running, channel: &str) -> io::Result<[bool; 2]> {
    let post = |body: &str, cookie: &str| {
        let length = body.len();
        running.request(&format!(
            "POST /cometd HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\nCookie: {cookie}\r\n\
             Connection: close\r\n\r\n{body}"
        ))
    };
    let answer = post(r#"[{"channel":"/meta/handshake","version":"1.0"}]"#, "")?;
    let between = |from: &str, to: &str| {
        let rest = answer.split_once(from).map(|(_, rest)| rest);
        rest.and_then(|rest| rest.split(to).next())
            .unwrap_or_default()
    };
    let (id, cookie) = (
        between("\"clientId\":\"", "\""),
        between("set-cookie: ", ";"),
    );
    assert!(!id.is_empty() && !cookie.is_empty(), "{answer}");
    let may = |message: &str| -> io::Result<bool> {
        Ok(post(message, cookie)?.contains("\"successful\":true"))
    };
    Ok([
        may(&format!(
            r#"[{{"channel":"/meta/subscribe","clientId":"{id}","subscription":"{channel}"}}]"#
        ))?,
        may(&format!(
            r#"[{{"channel":"{channel}","clientId":"{id}","data":1}}]"#
        ))?,
    ])
}

#[test]
fn bayeux_has_the_channels_that_it_is_told() -> io::Result<()> {
    let closed = Running::start(&["serve"])?;
    assert_eq!(uses(&closed, "/chat/a")?, [false; 2]);
    let open = Running::start(&["serve", "--channel", "/chat/*", "--channel", "/news"])?;
    assert_eq!(uses(&open, "/chat/a")?, [true; 2]);
    assert_eq!(uses(&open, "/news")?, [true; 2]);
    assert_eq!(uses(&open, "/chat/a/b")?, [false; 2]);
    let demo = Running::start(&["demo"])?;
    assert_eq!(uses(&demo, "/chat/a/b")?, [true; 2]);
    assert_eq!(uses(&demo, "/other")?, [false; 2]);
    Ok(())
}
