//! [`Htpasswd`]: the users of a file, and what their passwords come to.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::hash::Hash;

/// Bytes of a file.
const MAX_FILE: u64 = 4 << 20;
/// Bytes of a user's name.
pub(super) const MAX_NAME: usize = 255;

/// The users of an htpasswd file.
///
/// Each line is `user:hash`; lines that are empty or begin with `#` are passed over. Hashes are `$apr1$`, bcrypt
/// (`$2y$`, `$2b$`, `$2a$`), SHA-crypt (`$5$`, `$6$`) and `$argon2id$` (`$argon2i$`, `$argon2d$`).
#[derive(Debug)]
pub struct Htpasswd {
    users: HashMap<String, usize>,
    hashes: Vec<Hash>,
}

/// A file of users cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HtpasswdError {
    /// It cannot be read.
    #[error("the users cannot be read from {}: {error}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// One of its lines cannot be used.
    #[error("{}, line {line}: {fault}", .file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1 on.
        line: usize,
        /// What is wrong with it.
        fault: Fault,
    },
    /// There is no user in it.
    #[error("{} names no users: a line user:hash was expected, as `mirrorball passwd` writes it", .0.display())]
    Empty(PathBuf),
}

/// What is wrong with a line of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// There is no name.
    #[error("no user: user:hash was expected")]
    Name,
    /// There are two of the same name.
    #[error("this user stands on an earlier line, too: one of the two was expected")]
    Twice,
    /// The password stands there as it is, or as an old hash that says nothing of itself.
    #[error("the password is not hashed as was expected; write it again with `mirrorball passwd`")]
    Plain,
    /// SHA-1 without salt.
    #[error(
        "{{SHA}} is no protection: another hash was expected; write it again with `mirrorball passwd`"
    )]
    Sha1,
    /// Another scheme.
    #[error(
        "this kind of hash is not known: $apr1$, $2y$, $2b$, $5$, $6$ or $argon2id$ was expected"
    )]
    Scheme,
    /// It is no hash of its scheme.
    #[error("the hash is damaged; write it again with `mirrorball passwd`")]
    Malformed,
    /// Each attempt would keep a processor for seconds.
    #[error(
        "the hash is too costly: bcrypt up to 14, 1,000,000 rounds, or 256 MiB and 4 passes of argon2 were expected"
    )]
    Costly,
}

impl Htpasswd {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, has a line that cannot be used, or has no users.
    pub fn open(file: impl AsRef<Path>) -> Result<Self, HtpasswdError> {
        let path = file.as_ref();
        let fail = |error| HtpasswdError::Unreadable {
            file: path.to_owned(),
            error,
        };
        let metadata = fs::metadata(path).map_err(fail)?;
        if !metadata.is_file() || metadata.len() > MAX_FILE {
            let expected = "a file of at most 4 MiB was expected";
            return Err(fail(io::Error::other(expected)));
        }
        let text = fs::read_to_string(path).map_err(fail)?;
        let users = Self::parse(&text).map_err(|(line, fault)| HtpasswdError::Line {
            file: path.to_owned(),
            line,
            fault,
        })?;
        if users.is_empty() {
            return Err(HtpasswdError::Empty(path.to_owned()));
        }
        Ok(users)
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// The number of the first line that cannot be used, from 1 on, and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, (usize, Fault)> {
        let mut users = HashMap::new();
        let mut hashes = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim_end();
            if line.trim_start().is_empty() || line.starts_with('#') {
                continue;
            }
            let fail = |fault| (index + 1, fault);
            let (name, hash) = line.split_once(':').ok_or_else(|| fail(Fault::Name))?;
            if name.is_empty() || name.len() > MAX_NAME {
                return Err(fail(Fault::Name));
            }
            if users.insert(name.to_owned(), hashes.len()).is_some() {
                return Err(fail(Fault::Twice));
            }
            hashes.push(Hash::parse(hash).map_err(fail)?);
        }
        Ok(Self { users, hashes })
    }

    /// How many users there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether this is a user, and the user's password. Slow on purpose.
    ///
    /// For whoever is no user, the password is hashed as that of some user would be: `salt` says which one's,
    /// so that it is always the same for the same name.
    pub(super) fn verify(&self, user: &str, password: &[u8], salt: u64) -> bool {
        let known = self.users.get(user);
        let decoy = || usize::try_from(salt % self.hashes.len().max(1) as u64).unwrap_or(0);
        let index = known.copied().unwrap_or_else(decoy);
        let matches = self
            .hashes
            .get(index)
            .is_some_and(|hash| hash.verify(password));
        matches & known.is_some()
    }
}

/// The text of a file of users in which `user` has this password: on the user's line, or on a new one.
#[must_use]
pub fn with_password(text: &str, user: &str, password: &[u8]) -> Option<String> {
    let line = format!("{user}:{}", Hash::make(password)?);
    let mut replaced = false;
    let mut lines = Vec::new();
    for old in text.lines() {
        if old.split_once(':').is_some_and(|(name, _)| name == user) {
            if !replaced {
                lines.push(line.as_str());
            }
            replaced = true;
        } else {
            lines.push(old);
        }
    }
    if !replaced {
        lines.push(&line);
    }
    Some(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::{super::hash::VERIFIED, *};

    const LONG: &str = "p@ss wörd: long long long long long long";

    /// Hashes that others made: openssl, the C library, and the reference implementation of argon2.
    const FOREIGN: [(&str, &str); 13] = [
        ("secret", "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/"),
        (LONG, "$apr1$abcdefgh$ugPJ6gmV5iQXbx6rZNVOa1"),
        (
            "secret",
            "$5$abcdefgh$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.",
        ),
        (
            LONG,
            "$5$abcdefgh$Jb9FY2bxp/akqCfZG5Hpw0IWsrJQJOgu3hVJCi8/zz9",
        ),
        (
            "secret",
            "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.",
        ),
        (
            LONG,
            "$6$abcdefgh$wz4LRikA4jqK2az.MXf3IpE2AuDrJ.MZXTaECD6gY4LWCdL1gW52zxv7q45xPoTC70xkOdbou95Fgi7qCGez71",
        ),
        (
            "secret",
            "$6$rounds=1234$saltsalt$DSBPDUZo0nCMWUbkNmW7RMcfxGS7cBvIvCXqeuthKtjYB6G18g/1OQ8smAgXrYCNdMBsO.kPjvs8iRopadGpI/",
        ),
        (
            "secret",
            "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
        ),
        (
            "secret",
            "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
        ),
        (
            "secret",
            "$2a$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
        ),
        ("secret", ARGON[0]),
        ("secret", ARGON[1]),
        ("secret", ARGON[2]),
    ];

    const ARGON: [&str; 3] = [
        "$argon2id$v=19$m=1024,t=2,p=2$c29tZXNhbHQ$zh7Wnv7JCpAGLQz9ZrfxMp4acgi/bGM/",
        "$argon2i$v=19$m=256,t=1,p=1$c29tZXNhbHQ$N87SoMI0FxXov3xAzP+7hJ9LQd0P/2boIqxTc+2Sa7o",
        "$argon2id$m=256,t=1,p=1$c29tZXNhbHQ$HGYI6FDf809VTCtm1ho4b5z9e4qXytd0xEEN4HDsS9Q",
    ];

    #[test]
    fn takes_what_others_hashed() {
        for (password, hash) in FOREIGN {
            let users = Htpasswd::parse(&format!("alice:{hash}\n")).unwrap();
            assert!(users.verify("alice", password.as_bytes(), 0), "{hash}");
            for wrong in ["", "secre", "secret ", "Secret"] {
                assert!(!users.verify("alice", wrong.as_bytes(), 0), "{hash}");
            }
            assert!(!users.verify("bob", password.as_bytes(), 0), "{hash}");
        }
    }

    /// Whoever measures how long an answer takes learns nothing of who is a user: for each name and password one password is
    /// hashed, for the same name always in the same way.
    #[test]
    fn a_wrong_user_costs_what_a_wrong_password_costs() {
        let lines: Vec<String> = [0, 1, 2, 5]
            .into_iter()
            .map(|index| format!("user{index}:{}", FOREIGN[index].1))
            .collect();
        let users = Htpasswd::parse(&lines.join("\n")).unwrap();
        let costs = |user: &str, password: &[u8], salt: u64| {
            VERIFIED.take();
            users.verify(user, password, salt);
            VERIFIED.take()
        };
        let all: Vec<usize> = (0..4)
            .flat_map(|index| costs(&format!("user{}", [0, 1, 2, 5][index]), b"wrong", 99))
            .collect();
        assert_eq!(all.len(), 4);
        for salt in 0..100 {
            for password in [&b"secret"[..], b"wrong", b""] {
                let cost = costs("stranger", password, salt);
                assert_eq!(cost, [all[(salt % 4) as usize]], "{salt}");
            }
        }
        assert_eq!(costs("user0", b"secret", 0), costs("user0", b"wrong", 1));
    }

    #[test]
    fn takes_what_it_hashed_itself() {
        let text = "# users\nalice:old\nbob:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\nalice:older\n";
        let text = with_password(text, "alice", LONG.as_bytes()).unwrap();
        let text = with_password(&text, "eve", b"").unwrap();
        assert_eq!(text.lines().count(), 4, "{text}");
        let users = Htpasswd::parse(&text).unwrap();
        assert_eq!(users.len(), 3);
        assert!(users.verify("alice", LONG.as_bytes(), 0));
        assert!(users.verify("bob", b"secret", 0));
        assert!(users.verify("eve", b"", 0));
        assert!(!users.verify("eve", LONG.as_bytes(), 0));
    }

    #[test]
    fn refuses_what_protects_nobody_and_names_the_line() {
        let line = |hash: &str| Htpasswd::parse(&format!("# users\n\nalice:{hash}")).unwrap_err();
        for (hash, fault) in [
            ("secret", Fault::Plain),
            ("", Fault::Plain),
            ("rl.3StKT.4T8M", Fault::Plain),
            ("$secret", Fault::Plain),
            ("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", Fault::Sha1),
            ("{sha}x", Fault::Sha1),
            ("{SSHA}x", Fault::Plain),
            ("$1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/", Fault::Scheme),
            (
                "$2x$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
                Fault::Scheme,
            ),
            ("$7$x$y", Fault::Scheme),
            ("$$", Fault::Scheme),
            ("$apr1$", Fault::Malformed),
            ("$apr1$abcdefgh$short", Fault::Malformed),
            ("$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ:", Fault::Malformed),
            (
                "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hj",
                Fault::Malformed,
            ),
            (
                "$2y$15$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
                Fault::Costly,
            ),
            (
                "$5$rounds=1$a$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.",
                Fault::Malformed,
            ),
            (
                "$5$rounds=9999999$a$gruCpC7VkOTspMQTTSAR8mtlO9Upms.fwqE5y16JVM.",
                Fault::Costly,
            ),
            (
                "$argon2id$v=19$m=65536,t=3$c29tZXNhbHQ$eA",
                Fault::Malformed,
            ),
            (
                "$argon2id$v=19$m=4194304,t=3,p=1$c29tZXNhbHQ$c29tZXNhbHQ",
                Fault::Costly,
            ),
            (
                "$argon2id$v=18$m=65536,t=3,p=1$c29tZXNhbHQ$c29tZXNhbHQ",
                Fault::Malformed,
            ),
        ] {
            assert_eq!(line(hash), (3, fault), "{hash}");
        }
        let twice = "a:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\n".repeat(2);
        assert_eq!(Htpasswd::parse(&twice).unwrap_err(), (2, Fault::Twice));
        assert_eq!(Htpasswd::parse("alice").unwrap_err(), (1, Fault::Name));
        assert_eq!(Htpasswd::parse(":$apr1$x$y").unwrap_err(), (1, Fault::Name));
        assert!(Htpasswd::parse("# nobody\n").unwrap().is_empty());
    }
}
