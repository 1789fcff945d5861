//! The program under a stream of garbage: segments, envelopes of JSON, requests of HTTP and frames that nobody would send.
//!
//! `MIRRORBALL_INPUTS=1000000 cargo test -p mirrorball-server --test garbage` throws more of it, `MIRRORBALL_SEED` another.
#![cfg(target_os = "linux")]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test a panic is the report"
)]

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Inputs, where nothing else is said.
const INPUTS: u64 = 4_000;
/// Inputs before memory is measured: what is made once is made before.
const FIRST: u64 = 1_000;
/// Inputs between two looks at a client that does nothing wrong.
const ROUND: u64 = 500;
/// How far memory may rise meanwhile, in KiB.
const GROWTH: usize = 32 << 10;
/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(30);

/// Well-formed to begin with; most of what is sent is one of them with something done to it.
const ENVELOPES: [&str; 8] = [
    r#"{"type":"request","id":1,"name":"","data":[1,2.5e3,"ü😀\n",null,true,{"a":{}}]}"#,
    r#"{"type":"request","id":-9007199254740992,"name":"n","data":{"__proto__":{"x":1}}}"#,
    r#"{"type":"request","id":2,"name":"\ud83d\ude00","data":"\ud800"}"#,
    r#"{"type":"response","id":1,"success":true,"data":null}"#,
    r#"{"type":"state","diff":[{"op":"replace","path":"/a~1","value":1}]}"#,
    r#"{"type":"notify","name":"n","data":[[[[[[[[]]]]]]]]}"#,
    r#"{"type":"request","id":1e0,"name":"","data":-0.0,"more":[1e308,1e-308,123456789012345678901234567890]}"#,
    "[]",
];
const HEADS: [&str; 6] = [
    "GET /index.html HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-1,3-\r\n\r\n",
    "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://localhost\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9\r\n\r\n",
    "POST /%2e%2e/%00 HTTP/1.1\r\nHost: localhost:1\r\nContent-Length: 18446744073709551615\r\n\r\nx",
    "GET http://localhost/../.htpasswd?x=/ HTTP/1.0\r\nIf-None-Match: W/\"\", *\r\nIf-Modified-Since: x\r\n\r\n",
    "PUT * HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\nFFFFFFFFFFFFFFFF;x\r\n",
    "GET /link/../index.html HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic Og==\r\nForwarded: for=\"[::1]:x\";proto=\r\nX-Forwarded-For: ,,\r\n\r\n",
];
/// What is put in between.
const PIECES: [&str; 20] = [
    "{", "}", "[", "]", "\"", "\\u", "\\ud800", "é", "😀", "\u{0}", "1e999", "-", ",", ":", "..",
    "%2f", "\r\n", "null", "0", "\t",
];

/// The same numbers for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most))
            .map(|_| self.next().to_le_bytes()[3])
            .collect()
    }

    /// A text with something done to it, up to four times.
    fn spoil(&mut self, text: &str) -> String {
        let mut letters: Vec<char> = text.chars().collect();
        for _ in 0..self.below(5) {
            let (at, end) = (self.below(letters.len()), self.below(letters.len()));
            match self.below(5) {
                0 => drop(letters.drain(at.min(end)..at.max(end))),
                1 => {
                    let again: Vec<char> = letters[at.min(end)..at.max(end)].to_vec();
                    letters.splice(at..at, again);
                }
                2 => {
                    let times = [1, 1, 1, 200][self.below(4)];
                    let piece = self.of(&PIECES).repeat(times);
                    letters.splice(at..at, piece.chars());
                }
                3 => letters.truncate(end),
                _ => {
                    let other = char::from_u32(u32::try_from(self.below(0x3000)).unwrap());
                    if let (Some(letter), Some(other)) = (letters.get_mut(at), other) {
                        *letter = other;
                    }
                }
            }
            letters.truncate(10_000);
        }
        letters.into_iter().collect()
    }
}

struct Program {
    child: Child,
    address: String,
    logged: JoinHandle<String>,
    _folder: tempfile::TempDir,
}

impl Program {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("www")).unwrap();
        fs::write(path("www/index.html"), "hello").unwrap();
        fs::write(path("state"), r#"{"a":[1,2,3],"b":"text"}"#).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_mirrorball"))
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--max-inbound-rate",
                "none",
                "--www",
            ])
            .arg(path("www"))
            .arg("--state")
            .arg(path("state"))
            .env_clear()
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .split("://")
            .nth(1)
            .and_then(|rest| rest.split('/').next());
        let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
        let mut stderr = child.stderr.take().unwrap();
        // Read as it comes, so that nobody waits for room.
        let logged = thread::spawn(move || {
            let mut logged = Vec::new();
            stderr.read_to_end(&mut logged).unwrap();
            String::from_utf8_lossy(&logged).into_owned()
        });
        Self {
            child,
            address,
            logged,
            _folder: folder,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn upgrade(&self) -> Socket {
        let mut stream = self.connect();
        let head = HEADS[1].replace("client_max_window_bits=9", "client_no_context_takeover");
        stream
            .write_all(head.replace("Origin: http://localhost\r\n", "").as_bytes())
            .unwrap();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 101 "), "{line}");
        while !line.trim().is_empty() {
            line.clear();
            stream.read_line(&mut line).unwrap();
        }
        Socket(stream)
    }

    /// What it ever had in memory, in KiB.
    fn peak(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.unwrap()
            .trim()
            .strip_suffix(" kB")
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Ends it as a service manager does; what it logged.
    fn end(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", "TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        let status = self.child.wait().unwrap();
        let logged = self.logged.join().unwrap();
        assert!(status.success(), "{status}: {logged}");
        logged
    }
}

/// A WebSocket, by hand.
struct Socket(BufReader<TcpStream>);

impl Socket {
    fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.get_mut().write_all(bytes).is_ok()
    }

    /// The next frame; nothing where the connection is over.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).ok()?;
        let mut wide = [0; 8];
        let length = match head[1] {
            126 => {
                self.0.read_exact(&mut wide[6..]).ok()?;
                u64::from_be_bytes(wide)
            }
            127 => {
                self.0.read_exact(&mut wide).ok()?;
                u64::from_be_bytes(wide)
            }
            length => length.into(),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).ok()?;
        Some((head[0], payload))
    }

    /// Sends a text, and waits until it has been dealt with; returns whether the connection goes on.
    fn survives(&mut self, text: &str, number: u64) -> bool {
        let marker = number.to_be_bytes();
        if !self.send(&frame(0x81, text.as_bytes())) || !self.send(&frame(0x89, &marker)) {
            return false;
        }
        loop {
            match self.frame() {
                Some((0x8a, payload)) if payload == marker => return true,
                Some((0x88, _)) | None => return false,
                Some(_) => {}
            }
        }
    }

    /// Asks for an echo, which has to come.
    fn is_served(&mut self, number: u64) {
        let request = format!(r#"0{{"type":"request","id":{number},"name":"","data":"here"}}"#);
        let expected =
            format!(r#"0{{"type":"response","id":{number},"success":true,"data":"here"}}"#);
        assert!(self.send(&frame(0x81, request.as_bytes())));
        loop {
            let (_, payload) = self
                .frame()
                .expect("a client that did nothing wrong was left");
            match payload.first() {
                Some(b'2') => assert!(self.send(&frame(0x81, b"3"))),
                _ if payload == expected.as_bytes() => return,
                _ => {}
            }
        }
    }
}

/// A client's frame.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ ..=125 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length @ ..=65_535 => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    // A mask of zeros leaves everything as it is.
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// Frames with anything in them, and what is none.
fn frames(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..=random.below(4) {
        let first = random.next().to_le_bytes()[0];
        // Mostly what has a meaning.
        let first = if random.below(4) > 0 {
            first & 0xcf & !0x04
        } else {
            first
        };
        let payload = random.bytes(300);
        let mut frame = frame(first, &payload);
        if random.below(4) == 0 {
            let at = random.below(frame.len().min(14));
            frame[at] = random.next().to_le_bytes()[0];
        }
        bytes.extend(frame);
    }
    bytes.truncate(random.below(2 * bytes.len()));
    bytes
}

/// Sends what it likes, says no more, and listens to the end, which comes.
fn spill(mut stream: TcpStream, bytes: &[u8]) {
    // It may be over before all of it is sent.
    let _ = stream
        .write_all(bytes)
        .and_then(|()| stream.shutdown(Shutdown::Write));
    match io::copy(&mut stream, &mut io::sink()) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            panic!("it never ends: {bytes:?}")
        }
        _ => {}
    }
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn garbage_disturbs_nobody() {
    let seed = number("MIRRORBALL_SEED", 1);
    let inputs = number("MIRRORBALL_INPUTS", INPUTS).max(FIRST);
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let program = Program::start();
    let mut healthy = program.upgrade();
    let mut socket = program.upgrade();
    let mut before = 0;
    let (mut left, mut kept) = (0, 0);
    for number in 0..inputs {
        if number == FIRST {
            before = program.peak();
        }
        if number % ROUND == 0 {
            healthy.is_served(number);
        }
        let text = match random.below(4) {
            0 => {
                let header = random.of(&["0", "1", "2", "3", "4", "", "é", "\u{0}"]);
                let payload = random
                    .of(&["", "{", "null", "\"", "x"])
                    .repeat(random.below(300));
                format!("{header}{payload}")
            }
            1 => format!("0{}", random.of(&ENVELOPES)),
            2 => {
                let head = random.of(&HEADS);
                let mut bytes = random.spoil(head).into_bytes();
                if random.below(4) == 0 {
                    let at = random.below(bytes.len());
                    bytes.splice(at..at, random.bytes(50));
                }
                spill(program.connect(), &bytes);
                continue;
            }
            _ => {
                let mut socket = program.upgrade();
                let bytes = frames(&mut random);
                assert!(socket.0.buffer().len() < 1 << 20);
                spill(socket.0.get_ref().try_clone().unwrap(), &bytes);
                let _ = socket.0.get_mut().shutdown(Shutdown::Both);
                continue;
            }
        };
        if socket.survives(&random.spoil(&text), number) {
            kept += 1;
        } else {
            left += 1;
            socket = program.upgrade();
        }
    }
    healthy.is_served(inputs);
    program.upgrade().is_served(inputs + 1);
    let growth = program.peak() - before;
    let logged = program.end();
    assert!(!logged.contains("panicked"), "seed {seed}: {logged}");
    assert!(growth <= GROWTH, "seed {seed}: {growth} KiB more");
    // Otherwise it would show nothing.
    assert!(
        left > inputs / 10 && kept > inputs / 10,
        "{left} left, {kept} kept"
    );
}
