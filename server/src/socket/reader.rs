//! [`Reader`]: bytes to messages.

use std::str;

use mirrorball_protocol::{juggler::budget::Share, reason::Reason};

use super::{
    deflate::inflate,
    frame::{Opcode, is_code},
};

/// Bytes of a control frame's payload.
const MAX_CONTROL: usize = 125;
/// Bytes that a message's buffer begins with at most: a frame's length is what its sender says.
const FIRST_BUFFER: usize = 16 << 10;
/// Bytes of a client's frame header.
const MAX_HEAD: usize = 14;

const NOT_UTF8: Reason = Reason::new(1007, "a text that is not UTF-8");
const CROWDED: Reason = Reason::new(1009, "too many messages are unfinished at once");

/// What a peer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Received {
    Text(String),
    Binary(Vec<u8>),
    /// To be answered with the same payload.
    Ping(Vec<u8>),
    Pong,
    /// The last that it says, with its code where it gave one.
    Close(Option<u16>),
}

/// Puts frames together to messages, whatever the pieces in which their bytes come. It holds what has come of
/// the message that is not whole yet, and nothing in between.
#[derive(Debug)]
pub(super) struct Reader {
    max_message_bytes: usize,
    compresses: bool,
    share: Share,
    /// What has come of a frame's header.
    head: [u8; MAX_HEAD],
    head_bytes: usize,
    /// The frame whose payload is to come.
    frame: Option<Frame>,
    message: Option<Message>,
    /// What has come of a control frame's payload.
    control: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    opcode: Opcode,
    is_last: bool,
    /// Bytes of the payload that are still to come.
    left: usize,
    /// Turned so that it begins with the byte for the next of them.
    mask: [u8; 4],
}

#[derive(Debug, Default)]
struct Message {
    is_text: bool,
    is_compressed: bool,
    bytes: Vec<u8>,
    /// Bytes of text that were checked.
    checked: usize,
}

impl Reader {
    pub(super) const fn new(max_message_bytes: usize, compresses: bool, share: Share) -> Self {
        Self {
            max_message_bytes,
            compresses,
            share,
            head: [0; MAX_HEAD],
            head_bytes: 0,
            frame: None,
            message: None,
            control: Vec::new(),
        }
    }

    /// Takes bytes off `input`, up to the end of the next message; `None` where there is none before the end
    /// of `input`.
    ///
    /// # Errors
    ///
    /// The reason to close the connection. Nothing is to be read afterwards.
    pub(super) fn read(&mut self, input: &mut &[u8]) -> Result<Option<Received>, Reason> {
        loop {
            let Some(frame) = self.frame.take() else {
                if !self.read_head(input)? {
                    return Ok(None);
                }
                continue;
            };
            let (piece, rest) = input.split_at(frame.left.min(input.len()));
            *input = rest;
            let buffer = match &mut self.message {
                Some(message) if !frame.opcode.is_control() => &mut message.bytes,
                _ => &mut self.control,
            };
            let begin = buffer.len();
            buffer.extend_from_slice(piece);
            let mask = unmask(buffer.get_mut(begin..).unwrap_or_default(), frame.mask);
            let left = frame.left - piece.len();
            if left == 0 && frame.opcode.is_control() {
                return self.end_control(frame.opcode).map(Some);
            }
            if left == 0 && frame.is_last {
                return self.end_message().map(Some);
            }
            self.hold()?;
            if left > 0 {
                self.frame = Some(Frame {
                    left,
                    mask,
                    ..frame
                });
                return Ok(None);
            }
        }
    }

    /// Takes bytes of a frame's header; returns whether it is whole, and the payload comes next.
    fn read_head(&mut self, input: &mut &[u8]) -> Result<bool, Reason> {
        loop {
            let wanted = match self.head.get(1) {
                Some(second) if self.head_bytes >= 2 => head_length(*second),
                _ => 2,
            };
            if self.head_bytes == wanted && wanted > 2 {
                break;
            }
            let (piece, rest) = input.split_at((wanted - self.head_bytes).min(input.len()));
            *input = rest;
            let place = self.head.get_mut(self.head_bytes..);
            for (to, from) in place.unwrap_or_default().iter_mut().zip(piece) {
                *to = *from;
            }
            self.head_bytes += piece.len();
            if self.head_bytes < wanted {
                return Ok(false);
            }
            if wanted == 2 {
                self.check_head()?;
            }
        }
        self.begin()?;
        self.head_bytes = 0;
        Ok(true)
    }

    /// Refuses what its first two bytes say cannot be.
    fn check_head(&self) -> Result<(), Reason> {
        let [first, second, ..] = self.head;
        let opcode =
            Opcode::new(first & 0x0f).ok_or(Reason::protocol("a frame of no known kind"))?;
        let is_compressed = first & 0x40 != 0;
        if first & 0x30 != 0 || (is_compressed && !self.compresses) {
            return Err(Reason::protocol(
                "a frame uses an extension that was not agreed on",
            ));
        }
        if second & 0x80 == 0 {
            return Err(Reason::protocol("a client has to mask its frames"));
        }
        if opcode.is_control() {
            if first & 0x80 == 0 || usize::from(second & 0x7f) > MAX_CONTROL || is_compressed {
                return Err(Reason::protocol(
                    "a control frame is short, whole and not compressed",
                ));
            }
            return Ok(());
        }
        let continues = opcode == Opcode::Continuation;
        if continues != self.message.is_some() {
            return Err(Reason::protocol(
                "a frame continues nothing, or something else",
            ));
        }
        if continues && is_compressed {
            return Err(Reason::protocol(
                "only a message's first frame says that it is compressed",
            ));
        }
        Ok(())
    }

    /// The payload of the frame whose header is whole comes next.
    fn begin(&mut self) -> Result<(), Reason> {
        let [first, second, rest @ ..] = self.head;
        let (length, mask) = match second & 0x7f {
            126 => {
                let [a, b, mask @ ..] = rest;
                (u64::from(u16::from_be_bytes([a, b])), first_four(&mask))
            }
            127 => {
                let [a, b, c, d, e, f, g, h, mask @ ..] = rest;
                (
                    u64::from_be_bytes([a, b, c, d, e, f, g, h]),
                    first_four(&mask),
                )
            }
            length => (u64::from(length), first_four(&rest)),
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let opcode = Opcode::new(first & 0x0f).unwrap_or(Opcode::Continuation);
        if !opcode.is_control() {
            let before = self
                .message
                .as_ref()
                .map_or(0, |message| message.bytes.len());
            if length > self.max_message_bytes.saturating_sub(before) {
                return Err(Reason::TOO_BIG);
            }
            let message = self.message.get_or_insert_with(|| Message {
                is_text: opcode == Opcode::Text,
                is_compressed: first & 0x40 != 0,
                ..Message::default()
            });
            if message.bytes.is_empty() {
                message.bytes.reserve_exact(length.min(FIRST_BUFFER));
            }
        }
        self.frame = Some(Frame {
            opcode,
            is_last: first & 0x80 != 0,
            left: length,
            mask,
        });
        Ok(())
    }

    /// What has come of a message is held until the rest comes.
    fn hold(&mut self) -> Result<(), Reason> {
        let Some(message) = &mut self.message else {
            return Ok(());
        };
        if !self.share.hold(message.bytes.capacity()) {
            return Err(CROWDED);
        }
        message.check()
    }

    fn end_message(&mut self) -> Result<Received, Reason> {
        self.share.clear();
        let mut message = self.message.take().unwrap_or_default();
        if message.is_compressed {
            message.bytes = inflate(&message.bytes, self.max_message_bytes)?;
        }
        if !message.is_text {
            return Ok(Received::Binary(message.bytes));
        }
        let text = String::from_utf8(message.bytes).map_err(|_| NOT_UTF8)?;
        Ok(Received::Text(text))
    }

    fn end_control(&mut self, opcode: Opcode) -> Result<Received, Reason> {
        let payload = std::mem::take(&mut self.control);
        match opcode {
            Opcode::Ping => Ok(Received::Ping(payload)),
            Opcode::Pong => Ok(Received::Pong),
            _ => goodbye(&payload).map(Received::Close),
        }
    }
}

impl Message {
    /// Checks what has come of a text, so that one that is wrong is refused at once. Its last character may be
    /// cut.
    fn check(&mut self) -> Result<(), Reason> {
        if !self.is_text || self.is_compressed {
            return Ok(());
        }
        match str::from_utf8(self.bytes.get(self.checked..).unwrap_or_default()) {
            Ok(text) => self.checked += text.len(),
            Err(error) if error.error_len().is_some() => return Err(NOT_UTF8),
            Err(error) => self.checked += error.valid_up_to(),
        }
        Ok(())
    }
}

/// The code of a goodbye.
fn goodbye(payload: &[u8]) -> Result<Option<u16>, Reason> {
    let [a, b, text @ ..] = payload else {
        return if payload.is_empty() {
            Ok(None)
        } else {
            Err(Reason::protocol("half a close code"))
        };
    };
    let code = u16::from_be_bytes([*a, *b]);
    if !is_code(code) {
        return Err(Reason::protocol("a close code that may not be sent"));
    }
    str::from_utf8(text).map_err(|_| NOT_UTF8)?;
    Ok(Some(code))
}

/// Bytes of a client's frame header, from its second byte.
const fn head_length(second: u8) -> usize {
    match second & 0x7f {
        126 => 8,
        127 => MAX_HEAD,
        _ => 6,
    }
}

fn first_four(bytes: &[u8]) -> [u8; 4] {
    bytes.first_chunk().copied().unwrap_or_default()
}

/// Takes the mask off; returns the one for the byte that follows.
fn unmask(bytes: &mut [u8], mask: [u8; 4]) -> [u8; 4] {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
    let mut next = mask;
    next.rotate_left(rest.len() % 4);
    next
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mirrorball_protocol::juggler::budget::Budget;

    use super::*;

    fn reader(max: usize) -> Reader {
        Reader::new(max, true, Share::default())
    }

    /// A client's frame.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 250];
        let mut frame = vec![first];
        match payload.len() {
            length @ ..=125 => frame.push(0x80 | length as u8),
            length @ ..=65_535 => {
                frame.push(0x80 | 126);
                frame.extend((length as u16).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend(mask);
        frame.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        frame
    }

    fn read_all(reader: &mut Reader, bytes: &[u8], piece: usize) -> Result<Vec<Received>, Reason> {
        let mut all = Vec::new();
        for mut input in bytes.chunks(piece) {
            while let Some(received) = reader.read(&mut input)? {
                all.push(received);
            }
            assert!(input.is_empty());
        }
        Ok(all)
    }

    #[test]
    fn messages_come_whole_whatever_the_pieces() {
        let long = "ü€😀x".repeat(20_000);
        let middle = "é".repeat(100);
        let (one, two) = middle.as_bytes().split_at(77);
        let bytes = [
            frame(0x81, b"hello"),
            frame(0x81, b""),
            frame(0x01, one),
            frame(0x89, b"ping"),
            frame(0x00, b""),
            frame(0x80, two),
            frame(0x82, &[0xff, 0]),
            frame(0x8a, b"pong"),
            frame(0x81, long.as_bytes()),
            frame(0x88, &[0x03, 0xe8, b'o', b'k']),
        ]
        .concat();
        let expected = [
            Received::Text("hello".to_owned()),
            Received::Text(String::new()),
            Received::Ping(b"ping".to_vec()),
            Received::Text(middle.clone()),
            Received::Binary(vec![0xff, 0]),
            Received::Pong,
            Received::Text(long.clone()),
            Received::Close(Some(1000)),
        ];
        for piece in [1, 2, 3, 5, 7, 13, 1_000, 65_536, bytes.len()] {
            let all = read_all(&mut reader(1 << 20), &bytes, piece).unwrap();
            assert_eq!(all, expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_code() {
        let code = |bytes: &[u8]| {
            let in_one = read_all(&mut reader(100), bytes, bytes.len()).err();
            let bytewise = read_all(&mut reader(100), bytes, 1).err();
            assert_eq!(in_one, bytewise);
            in_one.map(|reason| reason.code)
        };
        let announced = |second: u8, length: &[u8]| [&[0x81, second][..], length, &[0; 4]].concat();
        for (case, bytes, expected) in [
            ("the largest", frame(0x81, &[b'x'; 100]), None),
            ("one byte more", frame(0x81, &[b'x'; 101]), Some(1009)),
            (
                "more in two",
                [frame(0x01, &[b'x'; 60]), frame(0x80, &[b'x'; 41])].concat(),
                Some(1009),
            ),
            (
                "2^63",
                announced(0xff, &[0x80, 0, 0, 0, 0, 0, 0, 0]),
                Some(1009),
            ),
            ("2^64 - 1", announced(0xff, &[0xff; 8]), Some(1009)),
            ("no mask", vec![0x81, 0x01, b'x'], Some(1002)),
            ("opcode 3", frame(0x83, b""), Some(1002)),
            ("opcode 11", frame(0x8b, b""), Some(1002)),
            ("RSV2", frame(0xa1, b""), Some(1002)),
            ("RSV3", frame(0x91, b""), Some(1002)),
            ("a ping in parts", frame(0x09, b""), Some(1002)),
            ("a long ping", frame(0x89, &[0; 126]), Some(1002)),
            ("a compressed ping", frame(0xc9, b""), Some(1002)),
            ("nothing continues", frame(0x80, b""), Some(1002)),
            (
                "another begins",
                [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
                Some(1002),
            ),
            (
                "compressed midway",
                [frame(0x01, b"a"), frame(0xc0, b"b")].concat(),
                Some(1002),
            ),
            ("no UTF-8", frame(0x81, &[0xff]), Some(1007)),
            ("half a character", frame(0x81, &[0xc3]), Some(1007)),
            (
                "no UTF-8, so far",
                frame(0x01, &[b'x', 0xed, 0xa0]),
                Some(1007),
            ),
            ("half a code", frame(0x88, &[3]), Some(1002)),
            ("a code that is none", frame(0x88, &[3, 0xed]), Some(1002)),
            (
                "a reason that is no text",
                frame(0x88, &[3, 0xe8, 0xff]),
                Some(1007),
            ),
            (
                "compressed nonsense",
                frame(0xc1, &[0xff, 0xff]),
                Some(1007),
            ),
        ] {
            assert_eq!(code(&bytes), expected, "{case}");
        }
        let mut plain = Reader::new(100, false, Share::default());
        assert_eq!(
            read_all(&mut plain, &frame(0xc1, b"x"), 99).map_err(|it| it.code),
            Err(1002)
        );
    }

    #[test]
    fn nothing_is_allocated_for_what_is_announced() {
        let budget = Arc::new(Budget::new(20_000));
        let mut reader = Reader::new(1 << 40, false, Share::new(Arc::clone(&budget)));
        let head = [&[0x81, 0xff][..], &(1_u64 << 39).to_be_bytes(), &[0; 4]].concat();
        assert_eq!(reader.read(&mut &*head), Ok(None));
        let message = reader.message.as_ref().unwrap();
        assert!(message.bytes.capacity() <= FIRST_BUFFER);
        // And what comes is taken off the budget.
        assert_eq!(reader.read(&mut &[b'x'; 20_000][..]), Err(CROWDED));
        drop(reader);
        assert_eq!(budget.left(), 20_000);
    }
}
