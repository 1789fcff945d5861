//! The handshake.

use std::future::Future;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, Method, Response, StatusCode, header, request::Parts},
    response::IntoResponse,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use hyper::upgrade::OnUpgrade;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use super::{Limits, Socket, deflate::negotiate};

/// What RFC 6455 has a server append to the key.
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of a key.
const KEY: usize = 16;

/// Answers a request for a WebSocket, and has `serve` called with it once it is open.
pub(crate) fn accept<F>(
    request: &mut Parts,
    limits: &Limits,
    serve: impl FnOnce(Socket) -> F + Send + 'static,
) -> axum::response::Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let key = match check(request) {
        Ok(key) => key,
        Err(what) => return refusal(what),
    };
    let Some(upgrade) = request.extensions.remove::<OnUpgrade>() else {
        return refusal("this connection cannot become a WebSocket: use HTTP/1.1");
    };
    let offers = request.headers.get_all(header::SEC_WEBSOCKET_EXTENSIONS);
    let extensions = limits
        .compress_from
        .and_then(|_| negotiate(offers.iter().filter_map(|offer| offer.to_str().ok())));
    let limits = limits.clone();
    tokio::spawn(async move {
        match upgrade.await {
            Ok(stream) => serve(Socket::new(stream, &limits, extensions.is_some())).await,
            Err(error) => tracing::debug!(%error, "a WebSocket did not open"),
        }
    });
    let mut response = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, key);
    if let Some(extensions) = extensions {
        response = response.header(header::SEC_WEBSOCKET_EXTENSIONS, extensions);
    }
    response
        .body(Body::empty())
        .unwrap_or_else(|error| refusal(&error.to_string()))
}

/// What to answer the key with, or what is wrong with the request.
fn check(request: &Parts) -> Result<String, &'static str> {
    let headers = &request.headers;
    if request.method != Method::GET {
        return Err("a WebSocket is asked for with GET");
    }
    if !has_token(headers, header::CONNECTION, "upgrade")
        || !has_token(headers, header::UPGRADE, "websocket")
    {
        return Err("a WebSocket is expected here: `Connection: upgrade`, `Upgrade: websocket`");
    }
    if !has_token(headers, header::SEC_WEBSOCKET_VERSION, "13") {
        return Err("WebSocket version 13 is expected");
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        return Err("one Sec-WebSocket-Key is expected");
    };
    if !BASE64_STANDARD
        .decode(key.as_bytes())
        .is_ok_and(|key| key.len() == KEY)
    {
        return Err("the Sec-WebSocket-Key has to be 16 bytes in base64");
    }
    let mut digest = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    digest.update(key.as_bytes());
    digest.update(MAGIC);
    Ok(BASE64_STANDARD.encode(digest.finish()))
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|value| value.trim().eq_ignore_ascii_case(token))
}

/// RFC 6455 has a server say which version it speaks, whatever was wrong.
fn refusal(what: &str) -> axum::response::Response {
    let headers = [
        (header::SEC_WEBSOCKET_VERSION, "13"),
        (header::UPGRADE, "websocket"),
        (header::CONNECTION, "upgrade"),
    ];
    (StatusCode::UPGRADE_REQUIRED, headers, what.to_owned()).into_response()
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    #[test]
    fn the_key_is_answered_and_what_is_no_handshake_is_told_why() {
        let base = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let check = |method: &str, changed: usize, value: Option<&str>| {
            let mut request = Request::builder().method(method);
            for (index, (name, usual)) in base.into_iter().enumerate() {
                let value = if index == changed { value } else { Some(usual) };
                if let Some(value) = value {
                    request = request.header(name, value);
                }
            }
            super::check(&request.body(()).unwrap().into_parts().0)
        };
        let answer = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned();
        assert_eq!(check("GET", 9, None), Ok(answer));
        assert!(check("POST", 9, None).is_err());
        for index in 0..base.len() {
            for value in [None, Some("nonsense"), Some("12")] {
                assert!(check("GET", index, value).is_err(), "{value:?} for {index}");
            }
        }
    }
}
