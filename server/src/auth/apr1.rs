//! Apache's variant of crypt with MD5, `$apr1$`: what the public peers take, and `htpasswd` writes by default.

use md5::{Digest, Md5};

/// Letters of a salt; more are not looked at.
const SALT: usize = 8;
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The 22 letters that a password comes to with a salt.
pub(super) fn hash(password: &[u8], salt: &[u8]) -> String {
    let salt = &salt[..salt.len().min(SALT)];
    let inner = Md5::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize();

    let mut outer = Md5::new()
        .chain_update(password)
        .chain_update("$apr1$")
        .chain_update(salt);
    let mut left = password.len();
    while left > 0 {
        let part = left.min(inner.len());
        outer.update(&inner[..part]);
        left -= part;
    }
    let mut bits = password.len();
    while bits > 0 {
        outer.update(if bits & 1 == 1 {
            &[0]
        } else {
            // The first letter; there is one.
            &password[..1]
        });
        bits >>= 1;
    }
    let mut digest = outer.finalize();

    for round in 0..1000 {
        let mut next = Md5::new();
        let odd = round % 2 == 1;
        next.update(if odd { password } else { &digest[..] });
        if round % 3 != 0 {
            next.update(salt);
        }
        if round % 7 != 0 {
            next.update(password);
        }
        next.update(if odd { &digest[..] } else { password });
        digest = next.finalize();
    }
    encode(&digest.into())
}

fn encode(digest: &[u8; 16]) -> String {
    let mut text = String::with_capacity(22);
    let mut put = |mut bits: u32, letters: usize| {
        for _ in 0..letters {
            text.push(char::from(ALPHABET[(bits & 63) as usize]));
            bits >>= 6;
        }
    };
    for (one, two, three) in [(0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)] {
        let bits = [digest[one], digest[two], digest[three]].map(u32::from);
        put(bits[0] << 16 | bits[1] << 8 | bits[2], 4);
    }
    put(digest[11].into(), 2);
    text
}
