//! [`Frame`]: what is sent, encoded once.

use std::sync::{Arc, OnceLock};

use mirrorball_protocol::reason::Reason;

use super::deflate::deflate;

/// The last, or only, frame of a message.
const FIN: u8 = 0x80;
/// Its message is compressed.
const COMPRESSED: u8 = 0x40;

/// What a frame is. Messages are text; the rest is the protocol's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

impl Opcode {
    pub(super) const fn new(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            _ => return None,
        })
    }

    pub(super) const fn is_control(self) -> bool {
        self as u8 >= 8
    }
}

/// A whole frame as it goes over the wire. A handle: every connection that sends it shares the bytes, and
/// whichever of them is the first to want it compressed compresses it for all.
#[derive(Clone, Debug)]
pub(crate) struct Frame(Arc<Encoded>);

#[derive(Debug)]
struct Encoded {
    opcode: Opcode,
    /// Header and payload.
    plain: Vec<u8>,
    /// Bytes of the header.
    head: usize,
    /// The same compressed, where that is shorter.
    deflated: OnceLock<Option<Vec<u8>>>,
}

impl Frame {
    pub(super) fn new(opcode: Opcode, mut payload: Vec<u8>) -> Self {
        let (header, head) = header(FIN | opcode as u8, payload.len());
        payload.splice(0..0, header.into_iter().take(head));
        Self(Arc::new(Encoded {
            opcode,
            plain: payload,
            head,
            deflated: OnceLock::new(),
        }))
    }

    /// Says goodbye. A code that may not be sent becomes 1000, a reason that is too long is cut.
    pub(super) fn close(reason: Reason) -> Self {
        /// Bytes of a control frame's payload, without the code.
        const MOST: usize = 123;
        let text = reason.text;
        let end = (0..=text.len().min(MOST))
            .rev()
            .find(|end| text.is_char_boundary(*end));
        let text = text.get(..end.unwrap_or_default()).unwrap_or_default();
        let code = if is_code(reason.code) {
            reason.code
        } else {
            1000
        };
        Self::new(
            Opcode::Close,
            [&code.to_be_bytes(), text.as_bytes()].concat(),
        )
    }

    /// The answer to a goodbye without a code.
    pub(super) fn close_without_code() -> Self {
        Self::new(Opcode::Close, Vec::new())
    }

    /// What is sent: compressed where the payload has `from` bytes and shrinks.
    pub(super) fn bytes(&self, from: Option<usize>) -> &[u8] {
        let Encoded {
            opcode,
            plain,
            head,
            deflated,
        } = &*self.0;
        let payload = plain.get(*head..).unwrap_or_default();
        if opcode.is_control() || from.is_none_or(|from| payload.len() < from) {
            return plain;
        }
        let deflated = deflated.get_or_init(|| {
            let short = deflate(payload)?;
            let (header, head) = header(FIN | COMPRESSED | *opcode as u8, short.len());
            let mut frame = Vec::with_capacity(head + short.len());
            frame.extend(header.into_iter().take(head));
            frame.extend(short);
            Some(frame)
        });
        deflated.as_deref().unwrap_or(plain)
    }
}

impl From<String> for Frame {
    fn from(text: String) -> Self {
        Self::new(Opcode::Text, text.into_bytes())
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        self.0.plain.get(self.0.head..).unwrap_or_default()
    }
}

/// A server's frame header, and how long it is.
fn header(first: u8, length: usize) -> ([u8; 10], usize) {
    let mut header = [0; 10];
    let [a, b, rest @ ..] = &mut header;
    *a = first;
    let head = if let Ok(length @ ..=125) = u8::try_from(length) {
        *b = length;
        2
    } else if let Ok(length) = u16::try_from(length) {
        *b = 126;
        rest[..2].copy_from_slice(&length.to_be_bytes());
        4
    } else {
        *b = 127;
        rest.copy_from_slice(&(length as u64).to_be_bytes());
        10
    };
    (header, head)
}

/// Whether a goodbye may have this code.
pub(super) const fn is_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
