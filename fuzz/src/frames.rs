//! The server's reader of WebSocket frames. It is no part of the library's interface, so its source is read here, too.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "the server uses what this does not"
)]

#[path = "../../server/src/socket/deflate.rs"]
mod deflate;
#[path = "../../server/src/socket/frame.rs"]
mod frame;
#[path = "../../server/src/socket/reader.rs"]
mod reader;

use std::sync::Arc;

use mirrorball_protocol::{
    juggler::budget::{Budget, Share},
    reason::Reason,
};

use self::reader::{Reader, Received};

/// Bytes of the largest message.
const MOST: usize = 2_000;
/// Bytes of unfinished messages.
const BUDGET: usize = 100_000;

/// Reads bytes as the frames of a client: whatever the pieces in which they come, the messages are the same, none is
/// too large, and whoever leaves gives back what it held. The first byte says whether there is compression, and how
/// large the pieces are.
pub fn frames(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else {
        return;
    };
    let (compresses, piece) = (first & 0x80 != 0, usize::from(first & 0x7f).max(1));
    let whole = read(bytes, compresses, bytes.len().max(1));
    let pieces = read(bytes, compresses, piece);
    assert_eq!(whole.0, pieces.0, "in pieces of {piece}");
    // What is wrong is found sooner in smaller pieces, but nothing is that was not wrong before.
    assert_eq!(
        whole.1.is_some(),
        pieces.1.is_some(),
        "in pieces of {piece}"
    );
}

/// The messages in `bytes`, and why the connection is closed, where it is.
fn read(bytes: &[u8], compresses: bool, piece: usize) -> (Vec<Received>, Option<Reason>) {
    let budget = Arc::new(Budget::new(BUDGET));
    let mut reader = Reader::new(MOST, compresses, Share::new(Arc::clone(&budget)));
    let mut received = Vec::new();
    let mut fault = None;
    'reading: for mut input in bytes.chunks(piece) {
        loop {
            match reader.read(&mut input) {
                Ok(Some(Received::Close(code))) => {
                    received.push(Received::Close(code));
                    break 'reading;
                }
                Ok(Some(message)) => received.push(message),
                Ok(None) => break,
                Err(reason) => {
                    fault = Some(reason);
                    break 'reading;
                }
            }
        }
        assert!(input.is_empty(), "it stopped amid what there was");
    }
    for message in &received {
        let length = match message {
            Received::Text(text) => text.len(),
            Received::Binary(bytes) => bytes.len(),
            Received::Ping(payload) => {
                assert!(payload.len() <= 125);
                0
            }
            Received::Pong | Received::Close(_) => 0,
        };
        assert!(length <= MOST, "it is too large");
    }
    drop(reader);
    assert_eq!(budget.left(), BUDGET, "something is still held");
    (received, fault)
}
