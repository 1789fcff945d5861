//! Long-polling and callback-polling: one payload, one answer.

use std::{fmt::Display, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use mirrorball_protocol::{
    bayeux::{
        BatchError, Message, Meta,
        broker::{Parcel, Transport},
        messages,
    },
    json::Value,
};

use super::{Context, Service, answer::Answer, cors, form, hub::Slot, peer::Peer, token::token};

const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=utf-8");
const SCRIPT: HeaderValue = HeaderValue::from_static("text/javascript;charset=utf-8");
/// The field of a form that has messages.
const MESSAGE: &str = "message";

/// Answers a POST.
pub(super) async fn post(service: Arc<Service>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = match read(&service, &parts, body).await {
        Ok(messages) => exchange(&service, &parts, Transport::LongPolling, messages, |it| it).await,
        Err(refusal) => refusal,
    };
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_TYPE).or_insert(JSON);
    finish(&parts.headers, headers);
    response
}

/// Answers a GET of callback-polling: a script that calls `callback` with the answer.
pub(super) async fn get(service: Arc<Service>, parts: &Parts, callback: &str) -> Response {
    if !is_callback(callback, service.options.callback_max_length) {
        return (
            StatusCode::BAD_REQUEST,
            "the name of a function was expected as callback",
        )
            .into_response();
    }
    let query = parts.uri.query().unwrap_or_default();
    let mut response = match batch(&service, &mut form::values(query, MESSAGE)) {
        Ok(messages) => {
            let wrap = |text| format!("/**/{callback}({text});");
            exchange(&service, parts, Transport::CallbackPolling, messages, wrap).await
        }
        Err(refusal) => refusal,
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, SCRIPT);
    // Whoever has the answer loaded as something else than a script gets a file to save.
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=f.txt"),
    );
    finish(&parts.headers, headers);
    response
}

/// What every answer says.
fn finish(request: &HeaderMap, answer: &mut HeaderMap) {
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    cors::allow(request, answer);
}

/// The messages of a POST.
async fn read(
    service: &Service,
    parts: &Parts,
    body: Body,
) -> Result<Vec<Message<Value>>, Response> {
    // It knows the limit that the routes set, and which fault is whose.
    let mut request = Request::new(body);
    *request.extensions_mut() = parts.extensions.clone();
    let body = Bytes::from_request(request, &())
        .await
        .map_err(IntoResponse::into_response)?;
    let text = std::str::from_utf8(&body).map_err(|_| refuse(&"the body is not UTF-8"))?;
    if is_form(&parts.headers) {
        batch(service, &mut form::values(text, MESSAGE))
    } else {
        batch(service, &mut std::iter::once(Some(text.to_owned())))
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    let essence = content_type
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| {
        essence
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
    })
}

/// The messages of one or more batches.
fn batch(
    service: &Service,
    texts: &mut dyn Iterator<Item = Option<String>>,
) -> Result<Vec<Message<Value>>, Response> {
    let options = &service.options;
    let mut all = Vec::new();
    for text in texts {
        let text = text.ok_or_else(|| refuse(&"a message is not UTF-8"))?;
        let value = Value::parse(&text, &options.json)
            .map_err(|error| refuse(&format_args!("{error}; an array of messages was expected")))?;
        let left = options.max_batch - all.len();
        let more = messages(value, left).map_err(|error| match error {
            BatchError::Long => too_large(&error),
            _ => refuse(&error),
        })?;
        // Of a single message it is not asked.
        if more.len() > left {
            return Err(too_large(&BatchError::Long));
        }
        all.extend(more);
    }
    if all.is_empty() {
        return Err(refuse(&"an array of messages was expected"));
    }
    Ok(all)
}

fn refuse(what: &dyn Display) -> Response {
    answer(StatusCode::BAD_REQUEST, what)
}

fn too_large(what: &dyn Display) -> Response {
    answer(StatusCode::PAYLOAD_TOO_LARGE, what)
}

fn answer(status: StatusCode, what: &dyn Display) -> Response {
    let text = [(header::CONTENT_TYPE, "text/plain;charset=utf-8")];
    (status, text, format!("{what}\n")).into_response()
}

/// Carries messages out, and answers once there is something to answer. Where the client goes away before that, or
/// does not take the answer, nothing is lost.
async fn exchange(
    service: &Arc<Service>,
    parts: &Parts,
    transport: Transport,
    messages: Vec<Message<Value>>,
    wrap: impl FnOnce(String) -> String,
) -> Response {
    let cookie = &service.options.cookie;
    let known = cookie.find(&parts.headers);
    let begins = messages
        .iter()
        .any(|message| message.meta() == Some(Meta::Handshake));
    let is_new = known.is_none() && begins;
    let browser = if is_new { token() } else { known };
    let context = Context::new(parts, browser.clone());
    let is_secure = context.is_secure();
    let peer = Peer::attach(service, context, transport);
    let is_opened = peer.exchange(messages).await;
    let parcel = collect(service, &peer).await;
    if parcel.close == Some(Parcel::<()>::DUPLICATE) {
        return service
            .options
            .duplicate_meta_connect_status
            .into_response();
    }
    let text = wrap(parcel.joined());
    let answer = Answer::new(text, peer, &parts.extensions);
    let mut response = Response::new(Body::new(answer));
    if is_new
        && is_opened
        && let Some(cookie) = browser.and_then(|id| cookie.header(&id, is_secure))
    {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Waits for the answer.
async fn collect(service: &Service, peer: &Peer) -> Parcel<Slot> {
    let mut turn = std::pin::pin!(service.closing.turn().fuse());
    loop {
        if let Some(parcel) = peer.collect() {
            return parcel;
        }
        tokio::select! {
            () = peer.wire.notified() => {}
            () = &mut turn => peer.release(),
        }
    }
}

/// Whether a script may call this: names with dots between them, and nothing that could be anything else.
fn is_callback(text: &str, max_length: usize) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
    let name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(legal)
            && !name.starts_with(|first: char| first.is_ascii_digit())
    };
    text.len() <= max_length && text.split('.').all(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_are_names() {
        for good in ["f", "jQuery123_4", "a.b.c", "$", "_cometd._cb1"] {
            assert!(is_callback(good, 64), "{good}");
        }
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "1a",
            "a-b",
            "a(b",
            "alert(1)//",
            "a b",
            "é",
            "a\n",
        ] {
            assert!(!is_callback(bad, 64), "{bad}");
        }
        assert!(is_callback(&"a".repeat(64), 64));
        assert!(!is_callback(&"a".repeat(65), 64));
    }
}
