//! [`Limits`]: what bounds the connections of a [`Server`](crate::Server) and their requests.

use std::time::Duration;

/// Files that are not connections: the log, static files on their way, and so on.
const OTHER_FILES: usize = 256;

/// What bounds the connections of a [`Server`](crate::Server), and their requests.
///
/// ```
/// use std::time::Duration;
///
/// use mirrorball_server::Limits;
///
/// let mut limits = Limits::default();
/// limits.header_read_timeout = Duration::from_secs(5);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections, WebSockets included; one more is answered with 503. Default: 10,000, or 256 fewer than the
    /// files that the process may open.
    pub max_total: usize,
    /// Connections of one client: an IPv4 address, or the first 64 bits of an IPv6 address; one more is
    /// answered with 503. Those of trusted proxies are not counted. Default 256.
    pub max_per_ip: usize,
    /// How long a TLS handshake may take; default 10 s.
    pub handshake_timeout: Duration,
    /// How long the head of a request may take, from its first byte; the first one of a connection from the
    /// connection's start. Default 10 s.
    pub header_read_timeout: Duration,
    /// Bytes of a request's head; one that is longer is answered with 431. At least 8 KiB; default 32 KiB.
    pub max_header_bytes: usize,
    /// How long the body of a request may take as a whole; default 30 s.
    pub body_deadline: Duration,
    /// Bytes of a request's body; one that is longer is answered with 413. Default 1 MiB.
    pub max_body_bytes: usize,
    /// How long a connection may be silent between two requests; default 75 s.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of an answer that waits for it; default 30 s. WebSockets have
    /// bounds of their own.
    pub write_timeout: Duration,
    /// Bytes that the system keeps for a client that does not take them, for each connection, as far as it lets
    /// itself be told. Default 256 KiB; left to itself, Linux keeps up to 4 MiB.
    pub send_buffer: usize,
    /// Passwords that are hashed at once; default 2.
    pub max_concurrent_hashes: usize,
    /// Attempts that wait to be hashed; one more is answered with 503. Default 128.
    pub max_pending_hashes: usize,
    /// Wrong passwords from one client within a minute; one more attempt is answered with 429. What counts as
    /// one client is said at [`max_per_ip`](Self::max_per_ip). Default 30.
    pub failures_per_min_per_ip: usize,
    /// Bytes of a password; one that is longer is wrong. Default 1 KiB.
    pub max_password_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let files = sysinfo::System::open_files_limit().unwrap_or(usize::MAX);
        Self {
            max_total: files.saturating_sub(OTHER_FILES).clamp(1, 10_000),
            max_per_ip: 256,
            handshake_timeout: Duration::from_secs(10),
            header_read_timeout: Duration::from_secs(10),
            max_header_bytes: 32 << 10,
            body_deadline: Duration::from_secs(30),
            max_body_bytes: 1 << 20,
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            send_buffer: 256 << 10,
            max_concurrent_hashes: 2,
            max_pending_hashes: 128,
            failures_per_min_per_ip: 30,
            max_password_bytes: 1 << 10,
        }
    }
}
