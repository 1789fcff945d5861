//! What a client of Bayeux says, and how it recognises what it is told: as bytes, as with [`Said`](crate::message::Said).

use std::io;

use crate::{
    message::{member, number, string},
    socket::bad,
};

/// One message of a batch that a server sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// What somebody published.
    Event { channel: &'a [u8], value: u64 },
    /// The reply to a request on a channel.
    Reply {
        channel: &'a [u8],
        successful: bool,
        client_id: Option<&'a [u8]>,
    },
}

/// Shows each message of a batch to `take`.
pub(crate) fn read<'a>(
    batch: &'a [u8],
    mut take: impl FnMut(Heard<'a>) -> io::Result<()>,
) -> io::Result<()> {
    let wrong = || bad(format!("no batch: {}", String::from_utf8_lossy(batch)));
    let mut rest = batch.strip_prefix(b"[").ok_or_else(wrong)?;
    while rest != b"]" {
        let length = object(rest).ok_or_else(wrong)?;
        let (message, behind) = rest.split_at(length);
        take(Heard::read(message).ok_or_else(wrong)?)?;
        rest = behind.strip_prefix(b",").unwrap_or(behind);
    }
    Ok(())
}

impl<'a> Heard<'a> {
    fn read(message: &'a [u8]) -> Option<Self> {
        let channel = member(message, b"\"channel\":").and_then(string)?;
        let Some(successful) = member(message, b"\"successful\":") else {
            let value = member(message, b"\"n\":").and_then(number)?;
            return Some(Self::Event { channel, value });
        };
        Some(Self::Reply {
            channel,
            successful: successful.starts_with(b"true"),
            client_id: member(message, b"\"clientId\":").and_then(string),
        })
    }
}

/// How long the object is that a text begins with.
fn object(text: &[u8]) -> Option<usize> {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for (index, byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            b'{' if !is_text => depth += 1,
            b'}' if !is_text => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(index + 1);
                }
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

pub(crate) fn handshake(connection_type: &str) -> String {
    format!(
        r#"[{{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["{connection_type}"],"id":"1"}}]"#
    )
}

/// The first connect of a session is answered at once.
pub(crate) fn first_connect(client_id: &str, connection_type: &str) -> String {
    format!(
        r#"[{{"channel":"/meta/connect","connectionType":"{connection_type}","advice":{{"timeout":0}},"id":"2","clientId":"{client_id}"}}]"#
    )
}

/// A connect that is held.
pub(crate) fn connect(client_id: &str, connection_type: &str) -> String {
    format!(
        r#"[{{"channel":"/meta/connect","connectionType":"{connection_type}","id":"3","clientId":"{client_id}"}}]"#
    )
}

pub(crate) fn subscribe(client_id: &str, channel: &str) -> String {
    format!(
        r#"[{{"channel":"/meta/subscribe","subscription":"{channel}","id":"4","clientId":"{client_id}"}}]"#
    )
}

pub(crate) fn publish(client_id: &str, channel: &str, value: u64) -> String {
    format!(
        r#"[{{"channel":"{channel}","data":{{"n":{value},"unit":"kW","good":true}},"id":"{value}","clientId":"{client_id}"}}]"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(batch: &str) -> io::Result<Vec<Heard<'_>>> {
        let mut all = Vec::new();
        read(batch.as_bytes(), |heard| {
            all.push(heard);
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn each_message_of_a_batch_is_heard() {
        let batch = r#"[{"channel":"/a","data":{"n":7,"t":"}\"{"},"id":"1"},{"successful":true,"clientId":"x","channel":"/meta/connect"}]"#;
        let event = Heard::Event {
            channel: b"/a",
            value: 7,
        };
        let reply = Heard::Reply {
            channel: b"/meta/connect",
            successful: true,
            client_id: Some(b"x"),
        };
        assert_eq!(heard(batch).unwrap(), [event, reply]);
        assert_eq!(heard("[]").unwrap(), []);
    }

    #[test]
    fn what_is_no_batch_is_an_error() {
        for wrong in [
            "",
            "{}",
            "[",
            "[7]",
            "[{}]",
            r#"[{"channel":"/a"}]"#,
            r#"[{"channel":"/a","data":{"n":1}}"#,
        ] {
            assert!(heard(wrong).is_err(), "{wrong}");
        }
    }
}
