//! The commands that are clients, from outside: what they print, and how they end.
#![cfg(unix)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test a panic is the report"
)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::SocketAddr,
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Output, Stdio},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::Request,
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use mirrorball_client::Fingerprint;
use mirrorball_server::{Bayeux, Juggler, RequestError, State, Value, bayeux::Pattern};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{PrivateKeyDer, pem::PemObject},
};
use serde_json::json;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};
use tokio_rustls::TlsAcceptor;

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server in this process.
struct Site {
    runtime: Runtime,
    address: SocketAddr,
    juggler: Juggler,
}

impl Site {
    fn start(state: impl Into<Value>) -> Self {
        Self::with(state, |app| app)
    }

    fn with(state: impl Into<Value>, wrap: impl FnOnce(Router) -> Router) -> Self {
        let runtime = Runtime::new().unwrap();
        let entered = runtime.enter();
        let juggler = Juggler::builder(State::new(state))
            .autoflush_delay(Some(Duration::ZERO))
            .on_request(|_, name, data| async move {
                match name.as_str() {
                    "double" => Ok((2 * data.as_i64().unwrap_or_default()).into()),
                    "never" => std::future::pending().await,
                    other => Err(RequestError::unknown(other)),
                }
            })
            .build();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let app = wrap(juggler.clone().into_router());
        runtime.spawn(async move { axum::serve(listener, app).await });
        drop(entered);
        Self {
            runtime,
            address,
            juggler,
        }
    }

    fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    fn set(&self, path: &str, value: impl Into<Value>) {
        self.juggler.state().unwrap().set(path, value).unwrap();
    }

    /// Puts TLS before it. Returns the port, the certificate in PEM and its fingerprint.
    fn wrap_in_tls(&self) -> (u16, String, String) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::from_pem_slice(signing_key.serialize_pem().as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = self
            .runtime
            .block_on(TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = self.address;
        self.runtime.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // Whoever does not trust it leaves here.
                    if let Ok(mut outer) = acceptor.accept(stream).await {
                        let mut inner = TcpStream::connect(address).await.unwrap();
                        let _ = copy_bidirectional(&mut outer, &mut inner).await;
                    }
                });
            }
        });
        (port, cert.pem(), Fingerprint::of(cert.der()).to_string())
    }
}

fn program(arguments: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_mirrorball"));
    program.args(arguments).env_clear().stdin(Stdio::null());
    program
}

/// A running program, killed when a test is over.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
    complaints: mpsc::Receiver<String>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child = program(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = read_lines(BufReader::<ChildStdout>::new(child.stdout.take().unwrap()));
        let complaints = read_lines(BufReader::<ChildStderr>::new(child.stderr.take().unwrap()));
        Self {
            child,
            lines,
            complaints,
        }
    }

    #[track_caller]
    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("no line")
    }

    #[track_caller]
    fn complaint(&self) -> String {
        self.complaints
            .recv_timeout(PATIENCE)
            .expect("no complaint")
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    fn ended(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(reader: impl BufRead + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in reader.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn wait(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Runs a program to its end: exit code, standard output, standard error.
fn run(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    (
        status.code().unwrap(),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

fn run_with_input(command: &mut Command, input: &str) -> (i32, String, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let status = wait(&mut child);
    let (mut printed, mut complaints) = (String::new(), String::new());
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut printed)
        .unwrap();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut complaints)
        .unwrap();
    (status.code().unwrap(), printed, complaints)
}

#[test]
fn a_request_prints_its_answer() {
    let site = Site::start(Value::Null);
    let url = site.url();
    let ok = |text: &str| (0, text.to_owned(), String::new());
    assert_eq!(
        run(&mut program(&["request", &url, "double", "21"])),
        ok("42\n")
    );
    assert_eq!(run(&mut program(&["request", &url, ""])), ok("null\n"));
    assert_eq!(
        run(&mut program(&["request", &url, "double", "-4"])),
        ok("-8\n")
    );
    let nasty = r#"{"é😀":["\u009b1m",1.50]}"#;
    let shown = "{\"é😀\":[\"\\u009b1m\",1.5]}\n";
    assert_eq!(run(&mut program(&["request", &url, "", nasty])), ok(shown));
    let mut from_stdin = program(&["request", &url, "double", "-"]);
    assert_eq!(run_with_input(&mut from_stdin, " 4\n"), ok("8\n"));
    // Host and port alone, and the whole address.
    let address = site.address.to_string();
    assert_eq!(
        run(&mut program(&["request", &address, "", "1"])),
        ok("1\n")
    );
    let whole = format!("http://{address}/ws");
    assert_eq!(run(&mut program(&["request", &whole, "", "1"])), ok("1\n"));
}

#[test]
fn a_request_that_fails_says_why() {
    let site = Site::start(1);
    let url = site.url();
    let (code, printed, complaints) = run(&mut program(&["request", &url, "no-such"]));
    assert_eq!((code, printed.as_str()), (3, ""));
    let data: serde_json::Value = serde_json::from_str(&complaints).unwrap();
    assert_eq!(data["code"], "unknown-request");

    let fails = |arguments: &[&str], expected: i32, why: &str| {
        let (code, printed, complaints) = run(&mut program(arguments));
        assert_eq!((code, printed.as_str()), (expected, ""), "{complaints}");
        assert!(complaints.starts_with("mirrorball: "), "{complaints}");
        assert!(complaints.contains(why), "{complaints}");
        assert_eq!(complaints.matches('\n').count(), 1, "{complaints}");
    };
    fails(
        &["request", &url, "never", "--timeout", "0.1"],
        1,
        "no answer in time",
    );
    fails(
        &["request", &url, "double", "{"],
        2,
        "one JSON value was expected",
    );
    fails(&["request", &url], 2, "<NAME>");
    fails(
        &["request", "nowhere at all", "x"],
        2,
        "an address was expected",
    );
    fails(
        &["request", &format!("{url}/elsewhere"), "x"],
        1,
        "HTTP 404",
    );
    fails(&["watch", &url, "a7"], 2, "`a7`");
    fails(&["watch", &url, "--timeout", "0"], 2, "more than 0");
    fails(&["watch", &url, "--cert", "x"], 2, "--key");
    fails(&["watch", &url, "--ca", "/nowhere"], 1, "/nowhere");
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("ws://ann:secret@{gone}");
    for arguments in [
        &["watch", &url][..],
        &["notifications", &url],
        &["request", &url, "x"],
    ] {
        let (code, _, complaints) = run(&mut program(arguments));
        assert_eq!(code, 1, "{complaints}");
        assert!(
            complaints.contains("refused") && complaints.contains(&gone.to_string()),
            "{complaints}"
        );
        assert!(!complaints.contains("secret"), "{complaints}");
    }
    let (code, _, complaints) = run(&mut program(&["watch", "ftp://ann:secret@host"]));
    assert!(code == 2 && !complaints.contains("secret"), "{complaints}");
}

#[test]
fn states_are_lines() {
    let site = Site::start(Value::from(json!({ "a": { "b": 1 }, "c": [1, 2] })));
    let all = Running::start(&["watch", &site.url()]);
    let part = Running::start(&["watch", &site.url(), "/a/b", "--json"]);
    let patches = Running::start(&["watch", &site.url(), "--patches"]);
    assert_eq!(all.line(), r#"{"a":{"b":1},"c":[1,2]}"#);
    assert_eq!(part.line(), "1");
    assert_eq!(
        patches.line(),
        r#"[{"op":"replace","path":"","value":{"a":{"b":1},"c":[1,2]}}]"#
    );
    site.set("/a/b", "\u{9b}é😀");
    assert_eq!(all.line(), "{\"a\":{\"b\":\"\\u009bé😀\"},\"c\":[1,2]}");
    assert_eq!(part.line(), "\"\\u009bé😀\"");
    assert_eq!(
        patches.line(),
        r#"[{"op":"replace","path":"/a/b","value":"\u009bé😀"}]"#
    );
    site.juggler.state().unwrap().remove("/a/b").unwrap();
    assert_eq!(part.line(), "null");
    assert_eq!(patches.line(), r#"[{"op":"remove","path":"/a/b"}]"#);
    site.set("/c/-", 3);
    assert_eq!(patches.line(), r#"[{"op":"add","path":"/c/2","value":3}]"#);
}

#[test]
fn a_loss_is_told() {
    let mut site = Site::start(1);
    let watch = Running::start(&["watch", &site.url()]);
    let notifications = Running::start(&["notifications", &site.url()]);
    assert_eq!(watch.line(), "1");
    // Whoever hears a notification is connected.
    let begun = Instant::now();
    while notifications
        .lines
        .recv_timeout(Duration::from_millis(50))
        .is_err()
    {
        assert!(begun.elapsed() < PATIENCE, "no notification");
        site.juggler.notify("first", &1.into());
    }
    let address = site.address;
    site.runtime.shutdown_timeout(PATIENCE);
    assert!(
        watch
            .complaint()
            .contains("connection lost, this is what the state was")
    );
    site.runtime = Runtime::new().unwrap();
    let juggler = {
        let _entered = site.runtime.enter();
        Juggler::builder(State::new(2)).build()
    };
    let app = juggler.clone().into_router();
    let listener = site.runtime.block_on(TcpListener::bind(address)).unwrap();
    site.runtime
        .spawn(async move { axum::serve(listener, app).await });
    assert!(watch.complaint().contains("connected"));
    assert_eq!(watch.line(), "2");
    let mut line = notifications.line();
    while line.contains("first") {
        line = notifications.line();
    }
    assert_eq!(line, r#"{"gap":"reconnected"}"#);
    // The client knows that it is connected before the server does.
    let begun = Instant::now();
    let line = loop {
        juggler.notify("again", &"é".into());
        match notifications.lines.recv_timeout(Duration::from_millis(50)) {
            Ok(line) => break line,
            Err(_) => assert!(begun.elapsed() < PATIENCE, "no notification"),
        }
    };
    assert_eq!(line, r#"{"data":"é","name":"again"}"#);
}

#[test]
fn whoever_stops_reading_ends_it() {
    let site = Site::start(0);
    for command in ["watch", "notifications"] {
        let mut child = program(&[command, &site.url()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let connected = Instant::now();
        while site.juggler.connections() == 0 {
            assert!(connected.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(child.stdout.take());
        let mut count = 0;
        while child.try_wait().unwrap().is_none() {
            assert!(connected.elapsed() < PATIENCE, "{command} does not end");
            count += 1;
            site.set("", count);
            site.juggler.notify("n", &count.into());
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(child.wait().unwrap().code(), Some(0), "{command}");
        let mut complaints = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut complaints)
            .unwrap();
        assert_eq!(complaints, "", "{command}");
        while site.juggler.connections() > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn an_interrupt_ends_it() {
    let site = Site::start(0);
    let mut watch = Running::start(&["watch", &site.url()]);
    assert_eq!(watch.line(), "0");
    watch.signal("INT");
    assert_eq!(watch.ended().code(), Some(0));
}

#[test]
fn passwords_come_from_the_environment_or_stdin() {
    async fn guard(request: Request, next: Next) -> Response {
        // ann:secret
        let given = request.headers().get(header::AUTHORIZATION);
        if given.is_some_and(|it| it == "Basic YW5uOnNlY3JldA==") {
            next.run(request).await
        } else {
            StatusCode::UNAUTHORIZED.into_response()
        }
    }
    let site = Site::with(1, |app| app.layer(middleware::from_fn(guard)));
    let arguments = ["request", &site.url(), "", "1"];
    let ok = (0, "1\n".to_owned(), String::new());
    let mut named = program(&arguments);
    named
        .args(["--user", "ann"])
        .env("MIRRORBALL_PASSWORD", "secret");
    assert_eq!(run(&mut named), ok);
    let mut piped = program(&arguments);
    piped.args(["--user", "ann", "--password-stdin"]);
    assert_eq!(run_with_input(&mut piped, "secret\n"), ok);
    let (code, _, complaints) = run_with_input(&mut piped, "wrong\n");
    assert!(
        code == 1 && complaints.contains("valid user and password"),
        "{complaints}"
    );
    let (code, _, complaints) = run(&mut program(&arguments));
    assert!(code == 1 && complaints.contains("401"), "{complaints}");
    let (code, _, complaints) = run(program(&arguments).args(["--user", "ann"]));
    assert!(
        code == 2 && complaints.contains("MIRRORBALL_PASSWORD"),
        "{complaints}"
    );
    let both = [
        "request",
        &site.url(),
        "",
        "-",
        "--user",
        "ann",
        "--password-stdin",
    ];
    let (code, _, complaints) = run_with_input(&mut program(&both), "secret\n");
    assert!(code == 2 && complaints.contains("not both"), "{complaints}");
}

#[test]
fn a_server_with_tls_is_trusted_as_wanted() {
    let site = Site::start(1);
    let (port, pem, fingerprint) = site.wrap_in_tls();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, pem).unwrap();
    let ca = ca.to_string_lossy();
    let url = format!("https://localhost:{port}");
    let request = |options: &[&str]| {
        let (code, _, complaints) = run(program(&["request", &url, "", "1"]).args(options));
        (code, complaints)
    };
    let ok = (0, String::new());
    assert_eq!(request(&["--ca", &ca]), ok);
    assert_eq!(request(&["--fingerprint", &fingerprint]), ok);
    assert_eq!(request(&["--danger-accept-any-certificate"]), ok);
    let other = fingerprint.replace(|c: char| c.is_ascii_digit(), "A");
    let (code, complaints) = request(&["--fingerprint", &other]);
    assert!(
        code == 1 && complaints.contains(&fingerprint),
        "{complaints}"
    );
    let (code, complaints) = request(&[]);
    assert!(
        code == 1 && complaints.contains("no TLS connection"),
        "{complaints}"
    );
    let (code, complaints) = request(&["--fingerprint", "12"]);
    assert!(
        code == 2 && complaints.contains("64 hexadecimal digits"),
        "{complaints}"
    );
}

/// On a terminal there is a tree, in which changes are marked.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_shows_a_tree() {
    let site = Site::start(Value::from(
        json!({ "plant": { "power": 1, "name": "é😀" } }),
    ));
    // In place of the shell, which Ctrl-C would reach as well.
    let command = format!(
        "exec {} watch {}",
        env!("CARGO_BIN_EXE_mirrorball"),
        site.url()
    );
    // It gives the program a terminal.
    let mut child = Command::new("script")
        .args([
            "--quiet",
            "--flush",
            "--return",
            "--command",
            &command,
            "/dev/null",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = child.stdout.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 4_096];
        while let Ok(read @ 1..) = shown.read(&mut buffer) {
            if sender.send(buffer[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut screen = Vec::new();
    let mut until = |text: &str| {
        while !String::from_utf8_lossy(&screen).contains(text) {
            screen.extend(
                receiver
                    .recv_timeout(PATIENCE)
                    .unwrap_or_else(|_| panic!("no {text}")),
            );
        }
        screen.clear();
    };
    until("    power: 1\u{1b}[K");
    site.set("/plant/power", 2);
    until("\u{1b}[1;33m*   power: 2\u{1b}[0m");
    // Ctrl-C, as a terminal has it.
    child.stdin.take().unwrap().write_all(b"\x03").unwrap();
    assert_eq!(wait(&mut child).code(), Some(0));
}

/// A Bayeux server in this process.
struct Bus {
    runtime: Runtime,
    address: SocketAddr,
    bayeux: Bayeux,
}

impl Bus {
    fn start(address: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let entered = runtime.enter();
        let bayeux = Bayeux::builder().build();
        let listener = runtime.block_on(TcpListener::bind(address)).unwrap();
        let address = listener.local_addr().unwrap();
        let app: Router = bayeux.clone().into_router();
        runtime.spawn(async move { axum::serve(listener, app).await });
        drop(entered);
        Self {
            runtime,
            address,
            bayeux,
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until somebody subscribed to this.
    fn wait_for(&self, pattern: &str) {
        let pattern = Pattern::parse(pattern).unwrap();
        let begun = Instant::now();
        while self.bayeux.subscribers(&pattern).is_empty() {
            assert!(begun.elapsed() < PATIENCE, "nobody subscribes");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn what_is_published_is_a_line_where_it_is_subscribed_to() {
    let bus = Bus::start("127.0.0.1:0");
    let url = bus.url();
    let mut subscriber = Running::start(&["sub", &url, "/chat/*", "/news/**"]);
    bus.wait_for("/chat/*");
    bus.wait_for("/news/**");
    let ok = (0, String::new(), String::new());
    let nasty = r#"{"é😀":["\u009b1m",1.50]}"#;
    assert_eq!(run(&mut program(&["pub", &url, "/chat/a", nasty])), ok);
    let expected = "{\"channel\":\"/chat/a\",\"data\":{\"é😀\":[\"\\u009b1m\",1.5]}}";
    assert_eq!(subscriber.line(), expected);
    let mut from_stdin = program(&["pub", &url, "/news/a/b"]);
    assert_eq!(run_with_input(&mut from_stdin, " 4\n"), ok);
    assert_eq!(subscriber.line(), r#"{"channel":"/news/a/b","data":4}"#);
    let (code, printed, _) = run(&mut program(&["pub", &url, "/news/a", "-4", "--reply"]));
    let reply: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((code, &reply["channel"]), (0, &json!("/news/a")));
    assert_eq!(reply["successful"], true);
    assert_eq!(subscriber.line(), r#"{"channel":"/news/a","data":-4}"#);
    subscriber.signal("INT");
    assert!(subscriber.ended().success());
}

#[test]
fn a_publish_or_subscription_that_fails_says_why() {
    let bus = Bus::start("127.0.0.1:0");
    let url = bus.url();
    for arguments in [&["pub", &url, "/a/*", "1"][..], &["sub", &url, "/*/a"]] {
        let (code, printed, complaints) = run(&mut program(arguments));
        assert_eq!((code, printed.as_str()), (3, ""), "{complaints}");
        let reply: serde_json::Value = serde_json::from_str(&complaints).unwrap();
        assert_eq!(reply["successful"], false);
    }
    for (arguments, expected, why) in [
        (&["pub", &url, "a", "1"][..], 2, "begins with a slash"),
        (&["pub", &url, "/meta/connect", "1"], 2, "/meta"),
        (&["pub", &url, "/a", "{"], 2, "one JSON value was expected"),
        (&["sub", &url], 2, "<CHANNELS>"),
        (
            &["sub", "nowhere at all", "/a"],
            2,
            "an address was expected",
        ),
        (&["sub", &format!("{url}/elsewhere"), "/a"], 1, "HTTP 404"),
    ] {
        let (code, printed, complaints) = run(&mut program(arguments));
        assert_eq!((code, printed.as_str()), (expected, ""), "{complaints}");
        assert!(complaints.contains(why), "{complaints}");
    }
    drop(bus);
    let gone = url.replace("http://", "http://ann:secret@");
    let (code, _, complaints) = run(&mut program(&["pub", &gone, "/a", "1"]));
    assert_eq!(code, 1, "{complaints}");
    assert!(
        complaints.contains("/cometd") && !complaints.contains("secret"),
        "{complaints}"
    );
}

#[test]
fn a_session_that_is_lost_is_a_gap() {
    let bus = Bus::start("127.0.0.1:0");
    let subscriber = Running::start(&["sub", &bus.url(), "/a"]);
    bus.wait_for("/a");
    let address = bus.address.to_string();
    bus.runtime.shutdown_timeout(PATIENCE);
    let bus = Bus::start(&address);
    bus.wait_for("/a");
    assert_eq!(subscriber.line(), r#"{"gap":"session-lost"}"#);
    bus.bayeux.publish("/a", &1.into()).unwrap();
    assert_eq!(subscriber.line(), r#"{"channel":"/a","data":1}"#);
}
