//! [`Polling`]: a client's requests over one connection that is kept, with the cookies that it was given.

use std::{future::poll_fn, io, net::SocketAddr};

use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::socket::{bad, connect, find, read};

/// The most bytes of a response.
const MAX_RESPONSE: usize = 16 << 20;

/// A connection for one request after another.
pub(crate) struct Polling {
    stream: TcpStream,
    /// The head of each request, up to its length.
    head: String,
    has_cookie: bool,
}

/// A whole response.
#[derive(Debug, PartialEq, Eq)]
struct Response {
    body: Vec<u8>,
    cookies: Vec<String>,
}

impl Polling {
    pub(crate) async fn open(server: SocketAddr, path: &str) -> io::Result<Self> {
        Ok(Self {
            stream: connect(server).await?,
            head: format!(
                "POST {path} HTTP/1.1\r\nHost: {server}\r\nContent-Type: application/json;charset=UTF-8\r\n"
            ),
            has_cookie: false,
        })
    }

    /// Sends a request, and waits for the response's body.
    pub(crate) async fn post(&mut self, body: &str) -> io::Result<Vec<u8>> {
        let length = body.len();
        let request = format!("{}Content-Length: {length}\r\n\r\n{body}", self.head);
        self.stream.write_all(request.as_bytes()).await?;
        let mut arrived = Vec::new();
        let response = loop {
            poll_fn(|context| read(&mut self.stream, context, |bytes| arrived.extend(bytes)))
                .await?;
            if let Some(response) = Response::read(&arrived)? {
                break response;
            }
            if arrived.len() > MAX_RESPONSE {
                return Err(bad("the server's response has no end"));
            }
        };
        if !self.has_cookie && !response.cookies.is_empty() {
            let cookies = response.cookies.join("; ");
            self.head.push_str(&format!("Cookie: {cookies}\r\n"));
            self.has_cookie = true;
        }
        Ok(response.body)
    }
}

impl Response {
    /// Reads a response, once it is there as a whole.
    fn read(bytes: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = find(bytes, b"\r\n\r\n") else {
            return Ok(None);
        };
        let (head, rest) = bytes.split_at(end);
        let rest = rest.get(4..).unwrap_or_default();
        let head =
            std::str::from_utf8(head).map_err(|_| bad("the head of a response is no text"))?;
        if !head.starts_with("HTTP/1.1 200 ") {
            return Err(bad(format!("the server refuses a request: {head}")));
        }
        let values = |name: &'static str| {
            head.lines()
                .filter_map(|line| line.split_once(':'))
                .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim())
        };
        let length = values("content-length").next();
        let body = match length.and_then(|length| length.parse::<usize>().ok()) {
            Some(length) if rest.len() > length => {
                return Err(bad("something came behind a response"));
            }
            Some(length) => rest.get(..length).map(<[u8]>::to_vec),
            None => dechunked(rest)?,
        };
        // The value, without what it is bound by: all of it is for this server.
        let cookies = values("set-cookie").filter_map(|value| value.split(';').next());
        Ok(body.map(|body| Self {
            body,
            cookies: cookies.map(str::to_owned).collect(),
        }))
    }
}

/// A body in chunks, once its end is there.
fn dechunked(mut bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let wrong = || bad("a body that is neither of a length nor in chunks");
    let mut body = Vec::new();
    loop {
        let Some(end) = find(bytes, b"\r\n") else {
            return Ok(None);
        };
        let size = bytes.get(..end).and_then(|it| std::str::from_utf8(it).ok());
        let size = size.and_then(|it| usize::from_str_radix(it, 16).ok());
        let size = size.ok_or_else(wrong)?;
        let Some(chunk) = bytes.get(end + 2..end + 2 + size + 2) else {
            return Ok(None);
        };
        let chunk = chunk.strip_suffix(b"\r\n").ok_or_else(wrong)?;
        if chunk.is_empty() {
            return Ok(Some(body));
        }
        body.extend(chunk);
        bytes = bytes.get(end + 2 + size + 2..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_read_once_they_are_whole() {
        for whole in [
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nset-cookie: a=b; Path=/\r\n\r\n[{},]",
            "HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nTransfer-Encoding: chunked\r\n\r\n\
             3\r\n[{}\r\n2\r\n,]\r\n0\r\n\r\n",
        ] {
            for end in 0..whole.len() {
                assert_eq!(Response::read(&whole.as_bytes()[..end]).unwrap(), None);
            }
            let expected = Response {
                body: b"[{},]".to_vec(),
                cookies: vec!["a=b".to_owned()],
            };
            assert_eq!(Response::read(whole.as_bytes()).unwrap(), Some(expected));
        }
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for wrong in [
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nhello\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n[]",
        ] {
            assert!(Response::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
