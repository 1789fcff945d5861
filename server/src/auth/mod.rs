//! HTTP Basic authentication, of every request: pages, WebSockets and routes of others alike.
//!
//! A wrong user costs as much time as a wrong password. Passwords are hashed off the threads that serve
//! connections, a few at a time, and a client that was wrong too often waits. A pair that was right once is
//! remembered by a keyed hash, so that the next request with it costs none.

mod apr1;
mod failures;
mod hash;
mod htpasswd;

use std::{
    collections::HashSet,
    fmt, io,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::{
    hmac::{self, HMAC_SHA256},
    rand::SystemRandom,
};
use tokio::{sync::Semaphore, task::spawn_blocking};

pub use self::htpasswd::{Fault, Htpasswd, HtpasswdError, with_password};
use self::{failures::Failures, htpasswd::MAX_NAME};
use crate::{
    Limits,
    proxies::{Remote, client_key},
    watched::Watched,
};

/// Pairs of user and password that are remembered to be right; with as many, all are forgotten.
const VERIFIED: usize = 4_096;

/// Who sent a request: an extension of each request that passed authentication.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Principal(Arc<str>);

impl Principal {
    /// The user's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Lets requests of the users of a file pass.
#[derive(Debug)]
pub(crate) struct Gate {
    file: PathBuf,
    watched: Watched,
    challenge: HeaderValue,
    users: RwLock<Arc<Users>>,
    /// Known to this process only.
    secret: hmac::Key,
    /// Those that are hashed.
    hashing: Arc<Semaphore>,
    /// Those, and those that wait.
    pending: Arc<Semaphore>,
    failures: Mutex<Failures>,
    max_password_bytes: usize,
}

/// The users of one version of the file.
#[derive(Debug)]
struct Users {
    file: Htpasswd,
    verified: Mutex<HashSet<[u8; 32]>>,
}

/// Why a request does not pass.
#[derive(Debug)]
enum Denial {
    /// 401: no user's name and password.
    Unknown,
    /// 429: wrong too often.
    TooOften(Duration),
    /// 503: too many attempts wait already.
    Busy,
}

/// What a request says who it is from.
struct Credentials {
    user: String,
    password: Vec<u8>,
}

impl Gate {
    /// # Errors
    ///
    /// Where the file cannot be used, or this system gives no random numbers.
    pub(crate) fn open(file: &Path, realm: &str, limits: &Limits) -> Result<Self, HtpasswdError> {
        let watched = Watched::new(vec![file.to_owned()]);
        let users = Htpasswd::open(file)?;
        let secret = hmac::Key::generate(HMAC_SHA256, &SystemRandom::new()).map_err(|_| {
            HtpasswdError::Unreadable {
                file: file.to_owned(),
                error: io::Error::other("this system gives no random numbers"),
            }
        })?;
        let hashes = limits
            .max_concurrent_hashes
            .clamp(1, Semaphore::MAX_PERMITS / 2);
        Ok(Self {
            file: file.to_owned(),
            watched,
            challenge: challenge(realm),
            users: RwLock::new(Arc::new(Users::new(users))),
            secret,
            hashing: Arc::new(Semaphore::new(hashes)),
            pending: Arc::new(Semaphore::new(
                hashes + limits.max_pending_hashes.min(Semaphore::MAX_PERMITS / 2),
            )),
            failures: Mutex::new(Failures::new(limits.failures_per_min_per_ip)),
            max_password_bytes: limits.max_password_bytes,
        })
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    pub(crate) const fn watched(&self) -> &Watched {
        &self.watched
    }

    /// Reads the file again, for requests from now on, and returns how many users there are.
    ///
    /// # Errors
    ///
    /// Where it cannot be used; then the users stay those that they were.
    pub(crate) fn reload(&self) -> Result<usize, HtpasswdError> {
        let users = Htpasswd::open(&self.file)?;
        let count = users.len();
        *self.users.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Users::new(users));
        Ok(count)
    }

    /// Passes a request on with its [`Principal`], or answers it.
    pub(crate) async fn pass(self: Arc<Self>, mut request: Request, next: Next) -> Response {
        let client = Remote::of_request(request.extensions())
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |remote| remote.address());
        match self.admit(request.headers(), client).await {
            Ok(principal) => {
                request.extensions_mut().insert(principal);
                next.run(request).await
            }
            Err(denial) => denial.answer(&self.challenge),
        }
    }

    async fn admit(
        self: &Arc<Self>,
        headers: &HeaderMap,
        client: IpAddr,
    ) -> Result<Principal, Denial> {
        let Credentials { user, password } = Credentials::read(headers).ok_or(Denial::Unknown)?;
        let users = Arc::clone(&self.users.read().unwrap_or_else(PoisonError::into_inner));
        let principal = Principal(user.as_str().into());
        let tag = self.tag(&user, &password);
        if users.knows(&tag) {
            return Ok(principal);
        }
        let client_key = client_key(client);
        self.failures()
            .begin(client_key, Instant::now())
            .map_err(Denial::TooOften)?;
        // Whatever happens from here on has counted against this client.
        let right = if password.len() > self.max_password_bytes {
            Ok(false)
        } else {
            self.verify(users, user, password, tag).await
        };
        // An attempt that nobody looked at was not wrong.
        if !matches!(right, Ok(false)) {
            self.failures().take_back(client_key);
        }
        if !right? {
            tracing::warn!(%client, user = principal.name(), "wrong user or password");
            return Err(Denial::Unknown);
        }
        Ok(principal)
    }

    async fn verify(
        self: &Arc<Self>,
        users: Arc<Users>,
        user: String,
        password: Vec<u8>,
        tag: [u8; 32],
    ) -> Result<bool, Denial> {
        let pending = Arc::clone(&self.pending).try_acquire_owned();
        let pending = pending.map_err(|_| Denial::Busy)?;
        let hashing = Arc::clone(&self.hashing).acquire_owned().await;
        let hashing = hashing.map_err(|_| Denial::Busy)?;
        let salt = self.tag(&user, b"");
        let right = spawn_blocking(move || {
            // Held to the end, though whoever asked may be gone before it.
            let _permits = (pending, hashing);
            let [a, b, c, d, e, f, g, h, ..] = salt;
            let salt = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            let right = users.file.verify(&user, &password, salt);
            if right {
                users.remember(tag);
            }
            right
        });
        right.await.map_err(|_| Denial::Busy)
    }

    /// What a pair is remembered by.
    fn tag(&self, user: &str, password: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.secret);
        context.update(&(user.len() as u64).to_be_bytes());
        context.update(user.as_bytes());
        context.update(password);
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Users {
    fn new(file: Htpasswd) -> Self {
        Self {
            file,
            verified: Mutex::default(),
        }
    }

    fn knows(&self, tag: &[u8; 32]) -> bool {
        let verified = self.verified.lock();
        verified
            .unwrap_or_else(PoisonError::into_inner)
            .contains(tag)
    }

    fn remember(&self, tag: [u8; 32]) {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if verified.len() >= VERIFIED {
            verified.clear();
        }
        verified.insert(tag);
    }
}

impl Credentials {
    fn read(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        // Of two it would not be known whose word counts.
        let (Some(value), None) = (values.next(), values.next()) else {
            return None;
        };
        let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = BASE64_STANDARD.decode(rest.trim()).ok()?;
        let colon = pair.iter().position(|byte| *byte == b':')?;
        let user = String::from_utf8(pair[..colon].to_vec()).ok()?;
        (user.len() <= MAX_NAME).then(|| Self {
            user,
            password: pair[colon + 1..].to_vec(),
        })
    }
}

impl Denial {
    fn answer(self, challenge: &HeaderValue) -> Response {
        let nosniff = (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        match self {
            Self::Unknown => (
                StatusCode::UNAUTHORIZED,
                [(header::WWW_AUTHENTICATE, challenge.clone()), nosniff],
                "a user's name and password were expected\n",
            )
                .into_response(),
            Self::TooOften(wait) => {
                let seconds = HeaderValue::from(wait.as_secs() + 1);
                let headers = [(header::RETRY_AFTER, seconds), nosniff];
                let text = "too many wrong passwords came from this address; wait a minute\n";
                (StatusCode::TOO_MANY_REQUESTS, headers, text).into_response()
            }
            Self::Busy => {
                let headers = [
                    (header::RETRY_AFTER, HeaderValue::from_static("5")),
                    nosniff,
                ];
                let text = "too many passwords are being checked; try again\n";
                (StatusCode::SERVICE_UNAVAILABLE, headers, text).into_response()
            }
        }
    }
}

/// What a request is answered with that says nothing of who it is from.
fn challenge(realm: &str) -> HeaderValue {
    let quoted = realm.replace('\\', "\\\\").replace('"', "\\\"");
    let text = format!("Basic realm=\"{quoted}\", charset=\"UTF-8\"");
    HeaderValue::from_str(&text)
        .unwrap_or_else(|_| HeaderValue::from_static("Basic realm=\"\", charset=\"UTF-8\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_credentials() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            Credentials::read(&headers).map(|found| (found.user, found.password))
        };
        let pair =
            |user: &str, password: &str| Some((user.to_owned(), password.as_bytes().to_vec()));
        assert_eq!(read(&["Basic YTpi"]), pair("a", "b"));
        assert_eq!(read(&["bAsIc  YTpiOmM="]), pair("a", "b:c"));
        assert_eq!(read(&["Basic Og=="]), pair("", ""));
        assert_eq!(read(&["Basic w6Q6w6Q="]), pair("ä", "ä"));
        let long = format!("Basic {}", BASE64_STANDARD.encode("x".repeat(300) + ":y"));
        for wrong in [
            &[][..],
            &["Basic"],
            &["Basic YWI="],
            &["Basic YTpi!"],
            &["Basic YTpi", "Basic YTpi"],
            &["Bearer YTpi"],
            &["YTpi"],
            &["Basic 5Do="],
            &[&long],
        ] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn quotes_the_realm() {
        assert_eq!(
            challenge("a \"b\" \\c"),
            r#"Basic realm="a \"b\" \\c", charset="UTF-8""#
        );
        assert_eq!(challenge("a\nb"), r#"Basic realm="", charset="UTF-8""#);
    }
}
