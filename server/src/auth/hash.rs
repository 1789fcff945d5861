//! [`Hash`]: a password as a file holds it.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};
use sha_crypt::{Sha256Params, Sha512Params, sha256_crypt_b64, sha512_crypt_b64};
use subtle::ConstantTimeEq;

use super::{Fault, apr1};

/// What one attempt may cost: with more, each would keep a processor for seconds.
const MAX_BCRYPT_COST: u32 = 14;
const MAX_ROUNDS: usize = 1_000_000;
/// KiB.
const MAX_ARGON2_MEMORY: u32 = 256 << 10;
const MAX_ARGON2_WORK: u32 = 1 << 20;

/// What a hash of ours costs: 19 MiB, two passes (OWASP's advice).
const OWN_PARAMS: (u32, u32, u32) = (19 << 10, 2, 1);
const OWN_SALT: usize = 16;
const OWN_LENGTH: usize = 32;

#[cfg(test)]
thread_local! {
    /// Where the hashes stand that passwords were compared with.
    pub(super) static VERIFIED: std::cell::RefCell<Vec<usize>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// A password as a file holds it.
#[derive(Debug)]
pub(super) enum Hash {
    Apr1 { salt: Vec<u8>, hash: String },
    Bcrypt(String),
    Sha256(Rounds<Sha256Params>),
    Sha512(Rounds<Sha512Params>),
    Argon2(Box<Argon2Hash>),
}

#[derive(Debug)]
pub(super) struct Rounds<P> {
    params: P,
    salt: Vec<u8>,
    hash: String,
}

#[derive(Debug)]
pub(super) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Hash {
    /// Reads what stands behind a user's name.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let Some((scheme, rest)) = text.strip_prefix('$').and_then(|rest| rest.split_once('$'))
        else {
            let sha1 = text.to_ascii_lowercase().starts_with("{sha}");
            return Err(if sha1 { Fault::Sha1 } else { Fault::Plain });
        };
        match scheme {
            "apr1" => {
                let (salt, hash) = salted(rest, 22)?;
                Ok(Self::Apr1 { salt, hash })
            }
            "2y" | "2b" | "2a" => bcrypt(text, rest),
            "5" => {
                let (rounds, rest) = rounds(rest)?;
                let params = Sha256Params::new(rounds).map_err(|_| Fault::Malformed)?;
                let (salt, hash) = salted(rest, 43)?;
                Ok(Self::Sha256(Rounds { params, salt, hash }))
            }
            "6" => {
                let (rounds, rest) = rounds(rest)?;
                let params = Sha512Params::new(rounds).map_err(|_| Fault::Malformed)?;
                let (salt, hash) = salted(rest, 86)?;
                Ok(Self::Sha512(Rounds { params, salt, hash }))
            }
            "argon2id" | "argon2i" | "argon2d" => argon2(scheme, rest),
            _ => Err(Fault::Scheme),
        }
    }

    /// A new hash of a password, as a file holds it.
    pub(super) fn make(password: &[u8]) -> Option<String> {
        let (memory, passes, lanes) = OWN_PARAMS;
        let mut salt = [0; OWN_SALT];
        SystemRandom::new().fill(&mut salt).ok()?;
        let made = Argon2Hash {
            algorithm: Algorithm::Argon2id,
            version: Version::V0x13,
            params: Params::new(memory, passes, lanes, Some(OWN_LENGTH)).ok()?,
            salt: salt.to_vec(),
            hash: vec![0; OWN_LENGTH],
        };
        let hash = BASE64_STANDARD_NO_PAD.encode(made.of(password)?);
        let salt = BASE64_STANDARD_NO_PAD.encode(salt);
        Some(format!(
            "$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}"
        ))
    }

    /// Whether this is the password. Takes the same time whether it is or not.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        #[cfg(test)]
        VERIFIED.with_borrow_mut(|verified| verified.push(std::ptr::from_ref(self) as usize));
        let same = |hash: &str, found: &str| bool::from(hash.as_bytes().ct_eq(found.as_bytes()));
        match self {
            Self::Apr1 { salt, hash } => same(hash, &apr1::hash(password, salt)),
            // What is not a hash was refused when it was read.
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
            Self::Sha256(Rounds { params, salt, hash }) => {
                sha256_crypt_b64(password, salt, params).is_ok_and(|found| same(hash, &found))
            }
            Self::Sha512(Rounds { params, salt, hash }) => {
                sha512_crypt_b64(password, salt, params).is_ok_and(|found| same(hash, &found))
            }
            Self::Argon2(argon2) => argon2
                .of(password)
                .is_some_and(|found| argon2.hash.ct_eq(&found).into()),
        }
    }
}

impl Argon2Hash {
    fn of(&self, password: &[u8]) -> Option<Vec<u8>> {
        let argon2 = Argon2::new(self.algorithm, self.version, self.params.clone());
        let mut memory = vec![Block::default(); self.params.block_count()];
        let mut hash = vec![0; self.hash.len()];
        let made =
            argon2.hash_password_into_with_memory(password, &self.salt, &mut hash, &mut memory);
        made.ok().map(|()| hash)
    }
}

/// `salt$hash`, the hash of this many letters.
fn salted(text: &str, letters: usize) -> Result<(Vec<u8>, String), Fault> {
    let (salt, hash) = text.split_once('$').ok_or(Fault::Malformed)?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    if hash.len() != letters || !hash.bytes().all(legal) || salt.len() > 16 {
        return Err(Fault::Malformed);
    }
    Ok((salt.as_bytes().to_vec(), hash.to_owned()))
}

/// `rounds=…$`, or the default.
fn rounds(text: &str) -> Result<(usize, &str), Fault> {
    const DEFAULT: usize = 5_000;
    let Some(text) = text.strip_prefix("rounds=") else {
        return Ok((DEFAULT, text));
    };
    let (rounds, rest) = text.split_once('$').ok_or(Fault::Malformed)?;
    let rounds = rounds.parse().map_err(|_| Fault::Malformed)?;
    if rounds > MAX_ROUNDS {
        return Err(Fault::Costly);
    }
    Ok((rounds, rest))
}

/// `cost$`, then 22 letters of salt and 31 of hash.
fn bcrypt(text: &str, rest: &str) -> Result<Hash, Fault> {
    let (cost, letters) = rest.split_once('$').ok_or(Fault::Malformed)?;
    let cost: u32 = cost.parse().map_err(|_| Fault::Malformed)?;
    if letters.len() != 53
        || text.len() != 60
        || cost < 4
        || text.parse::<bcrypt::HashParts>().is_err()
    {
        return Err(Fault::Malformed);
    }
    if cost > MAX_BCRYPT_COST {
        return Err(Fault::Costly);
    }
    Ok(Hash::Bcrypt(text.to_owned()))
}

/// `v=19$m=…,t=…,p=…$salt$hash`, where older ones have no version.
fn argon2(algorithm: &str, rest: &str) -> Result<Hash, Fault> {
    let parse = || {
        let algorithm = Algorithm::new(algorithm).ok()?;
        let mut parts: Vec<&str> = rest.split('$').collect();
        let version = match parts.first()?.strip_prefix("v=") {
            Some(version) => {
                parts.remove(0);
                Version::try_from(version.parse::<u32>().ok()?).ok()?
            }
            None => Version::V0x10,
        };
        let [params, salt, hash] = parts[..] else {
            return None;
        };
        let params: Vec<u32> = params
            .split(',')
            .zip(["m=", "t=", "p="])
            .map(|(text, name)| text.strip_prefix(name)?.parse().ok())
            .collect::<Option<_>>()?;
        let [memory, passes, lanes] = params[..] else {
            return None;
        };
        let salt = BASE64_STANDARD_NO_PAD.decode(salt).ok()?;
        let hash = BASE64_STANDARD_NO_PAD.decode(hash).ok()?;
        if salt.len() < argon2::MIN_SALT_LEN {
            return None;
        }
        let params = Params::new(memory, passes, lanes, Some(hash.len())).ok()?;
        Some(Argon2Hash {
            algorithm,
            version,
            params,
            salt,
            hash,
        })
    };
    let hash = parse().ok_or(Fault::Malformed)?;
    let (memory, passes) = (hash.params.m_cost(), hash.params.t_cost());
    if memory > MAX_ARGON2_MEMORY || memory.saturating_mul(passes) > MAX_ARGON2_WORK {
        return Err(Fault::Costly);
    }
    Ok(Hash::Argon2(Box::new(hash)))
}
