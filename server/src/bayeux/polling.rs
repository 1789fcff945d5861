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
pub(super) async fn post(service: Arc<Service>, parts: Parts, body: Body) -> Response {
    match read(&service, &parts, body).await {
        Ok(messages) => {
            let request = Exchange {
                service: &service,
                transport: Transport::LongPolling,
                content_type: JSON,
            };
            request.answer(parts, messages, |text| text).await
        }
        Err(refusal) => refusal.answer(&parts.headers),
    }
}

/// Answers a GET of callback-polling: a script that calls `callback` with the answer.
pub(super) async fn get(service: Arc<Service>, parts: Parts, callback: &str) -> Response {
    if !is_callback(callback, service.options.callback_max_length) {
        let refusal = refuse(&"the name of a function was expected as callback");
        return refusal.answer(&parts.headers);
    }
    let query = parts.uri.query().unwrap_or_default();
    let messages = batch(&service, &mut form::values(query, MESSAGE));
    match messages {
        Ok(messages) => {
            let request = Exchange {
                service: &service,
                transport: Transport::CallbackPolling,
                content_type: SCRIPT,
            };
            let wrap = |text| format!("/**/{callback}({text});");
            let mut response = request.answer(parts, messages, wrap).await;
            // Whoever has the answer loaded as something else than a script gets a file to save.
            response.headers_mut().insert(
                header::CONTENT_DISPOSITION,
                HeaderValue::from_static("attachment; filename=f.txt"),
            );
            response
        }
        Err(refusal) => refusal.answer(&parts.headers),
    }
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
) -> Result<Vec<Message<Value>>, Refusal> {
    // It knows the limit that the routes set, and which fault is whose.
    let mut request = Request::new(body);
    *request.extensions_mut() = parts.extensions.clone();
    let body = Bytes::from_request(request, &()).await;
    let body = body.map_err(|rejection| Refusal {
        status: rejection.status(),
        text: format!("{}\n", rejection.body_text()),
    })?;
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
) -> Result<Vec<Message<Value>>, Refusal> {
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

/// Why a request is refused.
struct Refusal {
    status: StatusCode,
    text: String,
}

fn refuse(what: &dyn Display) -> Refusal {
    Refusal {
        status: StatusCode::BAD_REQUEST,
        text: format!("{what}\n"),
    }
}

fn too_large(what: &dyn Display) -> Refusal {
    Refusal {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        ..refuse(what)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = [(header::CONTENT_TYPE, "text/plain;charset=utf-8")];
        (self.status, text, self.text).into_response()
    }
}

impl Refusal {
    fn answer(self, request: &HeaderMap) -> Response {
        let mut response = self.into_response();
        finish(request, response.headers_mut());
        response
    }
}

/// How messages are answered.
struct Exchange<'a> {
    service: &'a Arc<Service>,
    transport: Transport,
    content_type: HeaderValue,
}

impl Exchange<'_> {
    /// Carries messages out, and answers once there is something to answer. Where the client goes away before that, or
    /// does not take the answer, nothing is lost.
    async fn answer(
        self,
        parts: Parts,
        messages: Vec<Message<Value>>,
        wrap: impl FnOnce(String) -> String,
    ) -> Response {
        let options = &self.service.options;
        let known = options.cookie.find(&parts.headers);
        let begins = messages
            .iter()
            .any(|message| message.meta() == Some(Meta::Handshake));
        let is_new = known.is_none() && begins;
        let browser = if is_new { token() } else { known };
        let written = parts.extensions.get().cloned();
        let context = Context::new(parts, browser);
        let peer = Peer::attach(self.service, context.clone(), self.transport);
        let is_opened = peer.exchange(messages).await;
        let parcel = collect(self.service, &peer).await;
        let mut response = if parcel.close == Some(Parcel::<()>::DUPLICATE) {
            options.duplicate_meta_connect_status.into_response()
        } else {
            let text = wrap(parcel.joined());
            Response::new(Body::new(Answer::new(text, peer, written)))
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.content_type);
        if is_new
            && is_opened
            && let Some(id) = context.browser()
            && let Some(cookie) = options.cookie.header(id, context.is_secure())
        {
            headers.insert(header::SET_COOKIE, cookie);
        }
        finish(context.headers(), headers);
        response
    }
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
