//! permessage-deflate (RFC 7692) without context: each message is compressed by itself, so that one
//! compression serves everybody, and an idle connection keeps no window.

use std::cell::RefCell;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use mirrorball_protocol::reason::Reason;

/// What ends the compressed part of each message, and is not sent.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// Bytes that are inflated at first, and by which the room grows at least.
const PIECE: usize = 4 << 10;

const CORRUPT: Reason = Reason::new(1007, "a compressed message does not inflate");

thread_local! {
    static COMPRESS: RefCell<Compress> = RefCell::new(Compress::new(Compression::fast(), false));
}

/// The answer to a handshake's extensions: the first offer that can be met.
///
/// An offer that asks for a smaller window of this end is passed over: the compressor has one size.
pub(super) fn negotiate<'a>(offers: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    let mut offers = offers.flat_map(|header| header.split(','));
    offers
        .find(|offer| is_met(offer))
        .map(|_| "permessage-deflate; server_no_context_takeover; client_no_context_takeover")
}

fn is_met(offer: &str) -> bool {
    let mut parts = offer.split(';').map(str::trim);
    if parts.next() != Some("permessage-deflate") {
        return false;
    }
    let mut seen = Vec::new();
    parts.all(|parameter| {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (parameter, None),
        };
        let new = !seen.contains(&name);
        seen.push(name);
        let fine = match (name, value) {
            // The peer's window may have any size: this end inflates with the largest.
            (
                "server_no_context_takeover"
                | "client_no_context_takeover"
                | "client_max_window_bits",
                None,
            )
            | ("server_max_window_bits", Some("15")) => true,
            ("client_max_window_bits", Some(bits)) => is_window(bits),
            _ => false,
        };
        new && fine
    })
}

fn is_window(bits: &str) -> bool {
    matches!(bits, "8" | "9" | "10" | "11" | "12" | "13" | "14" | "15")
}

/// `payload` compressed, where that is shorter.
pub(super) fn deflate(payload: &[u8]) -> Option<Vec<u8>> {
    COMPRESS.with_borrow_mut(|compress| {
        compress.reset();
        // What does not fit is not shorter.
        let mut out = Vec::with_capacity(payload.len() + TAIL.len());
        let status = compress.compress_vec(payload, &mut out, FlushCompress::Sync);
        let whole = matches!(status, Ok(Status::Ok)) && compress.total_in() == payload.len() as u64;
        if !whole || !out.ends_with(&TAIL) {
            return None;
        }
        out.truncate(out.len() - TAIL.len());
        (out.len() < payload.len()).then_some(out)
    })
}

/// `compressed` inflated, to at most `most` bytes.
pub(super) fn inflate(compressed: &[u8], most: usize) -> Result<Vec<u8>, Reason> {
    let mut inflate = Decompress::new(false);
    let mut out = Vec::new();
    for input in [compressed, &TAIL] {
        let mut rest = input;
        loop {
            if out.len() == out.capacity() {
                let more = out.len().max(PIECE).min(most + 1 - out.len());
                out.reserve_exact(more);
            }
            let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
            let status = inflate
                .decompress_vec(rest, &mut out, FlushDecompress::Sync)
                .map_err(|_| CORRUPT)?;
            if out.len() > most {
                return Err(Reason::TOO_BIG);
            }
            let taken = (inflate.total_in() - before_in) as usize;
            rest = rest.get(taken..).unwrap_or_default();
            if status == Status::StreamEnd {
                // A message may end in a final block. What follows it is the tail.
                return Ok(out);
            }
            let stuck = taken == 0 && inflate.total_out() == before_out;
            if rest.is_empty() && out.len() < out.capacity() {
                break;
            }
            if stuck && out.len() < out.capacity() {
                return Err(CORRUPT);
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_met_or_passed_over() {
        for (offers, met) in [
            (&["permessage-deflate"][..], true),
            (&["permessage-deflate; client_max_window_bits"], true),
            (
                &["permessage-deflate; client_max_window_bits=9; server_no_context_takeover"],
                true,
            ),
            (&["permessage-deflate;server_max_window_bits=\"15\""], true),
            (&["permessage-deflate; server_max_window_bits=10"], false),
            (
                &["permessage-deflate; server_max_window_bits=10, permessage-deflate"],
                true,
            ),
            (
                &["x-webkit-deflate-frame", "foo; bar, permessage-deflate"],
                true,
            ),
            (&["permessage-deflate; client_max_window_bits=7"], false),
            (&["permessage-deflate; client_no_context_takeover=1"], false),
            (
                &["permessage-deflate; client_no_context_takeover; client_no_context_takeover"],
                false,
            ),
            (&["permessage-deflate; unknown"], false),
            (&["permessage-bzip2"], false),
            (&[""], false),
            (&[], false),
        ] {
            let answer = negotiate(offers.iter().copied());
            assert_eq!(answer.is_some(), met, "{offers:?}");
        }
    }

    #[test]
    fn what_is_deflated_inflates() {
        let mut text = String::new();
        for n in 0..6_000 {
            text.push_str(&format!("{{\"n\":{n}}},"));
            if n % 997 == 0 || n < 50 {
                let Some(short) = deflate(text.as_bytes()) else {
                    assert!(text.len() < 100);
                    continue;
                };
                assert!(short.len() < text.len());
                assert_eq!(inflate(&short, text.len()).unwrap(), text.as_bytes());
                assert_eq!(inflate(&short, text.len() - 1), Err(Reason::TOO_BIG));
                let half = inflate(&short[..short.len() / 2], 1 << 20);
                assert_ne!(half.as_deref(), Ok(text.as_bytes()));
            }
        }
        assert_eq!(inflate(&[], 10).unwrap(), b"");
        assert_eq!(deflate(b""), None);
        // Noise does not shrink.
        let mut state = 1_u64;
        let noise: Vec<u8> = (0..10_000)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        assert_eq!(deflate(&noise), None);
        assert!(matches!(
            inflate(&noise, 1 << 20),
            Err(Reason { code: 1007, .. })
        ));
    }

    #[test]
    fn a_bomb_is_let_go_off_at_the_limit() {
        let bomb = deflate(&vec![0; 64 << 20]).unwrap();
        assert!(bomb.len() < 1 << 20);
        assert_eq!(inflate(&bomb, 1 << 20), Err(Reason::TOO_BIG));
    }
}
