//! What requests are answered by.

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::any,
};
use mirrorball_protocol::bayeux::broker::Transport;

use super::{Context, Service, cors, form, peer::Peer, polling, websocket};
use crate::socket::accept;

/// The routes of a service: its path, and whatever is below it, since clients append what a message is.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(service: &Arc<Service>) -> Router<S> {
    let path = service.options.path.trim_end_matches('/');
    let answer = || {
        let service = Arc::clone(service);
        any(move |request: Request| answer(Arc::clone(&service), request))
    };
    let mut router = Router::new()
        .route(&format!("{path}/"), answer())
        .route(&format!("{path}/{{*rest}}"), answer());
    if !path.is_empty() {
        router = router.route(path, answer());
    }
    router.layer(DefaultBodyLimit::max(service.options.max_message_bytes))
}

async fn answer(service: Arc<Service>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let options = &service.options;
    if let Err(refusal) = service.cors.check(&parts) {
        tracing::warn!(origin = ?parts.headers.get("origin"), "a foreign page tried to connect");
        return refusal.into_response();
    }
    let mut refusal = match parts.method {
        Method::OPTIONS => return service.cors.preflight(&parts.headers),
        _ if service.closing.is_begun() => closing(),
        Method::POST if options.speaks(Transport::LongPolling) => {
            return polling::post(service, parts, body).await;
        }
        Method::GET => match callback(&service, &parts) {
            Some(callback) => return polling::get(service, parts, &callback).await,
            None if options.speaks(Transport::WebSocket) => return open(service, parts),
            None => wrong_method(),
        },
        _ => wrong_method(),
    };
    cors::allow(&parts.headers, refusal.headers_mut());
    refusal
}

fn closing() -> Response {
    let headers = [(header::RETRY_AFTER, "1")];
    (
        StatusCode::SERVICE_UNAVAILABLE,
        headers,
        "this server is closing\n",
    )
        .into_response()
}

fn wrong_method() -> Response {
    let headers = [(header::ALLOW, "POST, OPTIONS")];
    (
        StatusCode::METHOD_NOT_ALLOWED,
        headers,
        "messages are sent with POST\n",
    )
        .into_response()
}

/// The function that a request of callback-polling names, where that is spoken.
fn callback(service: &Service, parts: &Parts) -> Option<String> {
    let options = &service.options;
    if !options.speaks(Transport::CallbackPolling) {
        return None;
    }
    let query = parts.uri.query()?;
    let mut named = form::values(query, &options.callback_parameter);
    // One that is not text is none that there could be.
    named.next().map(Option::unwrap_or_default)
}

/// Answers a request for a WebSocket.
fn open(service: Arc<Service>, mut parts: Parts) -> Response {
    let protocol = match &service.options.protocol {
        Some(protocol) if offers(&parts.headers, protocol) => {
            // It came as a header.
            HeaderValue::from_str(protocol).ok()
        }
        Some(protocol) => {
            let what = format!("the subprotocol `{protocol}` was expected\n");
            return (StatusCode::BAD_REQUEST, what).into_response();
        }
        None => None,
    };
    let browser = service.options.cookie.find(&parts.headers);
    let context = Context::new(parts.clone(), browser);
    let limits = service.sockets.clone();
    let mut response = accept(&mut parts, &limits, move |socket| {
        let peer = Peer::attach(&service, context, Transport::WebSocket);
        websocket::serve(peer, socket)
    });
    if response.status() == StatusCode::SWITCHING_PROTOCOLS
        && let Some(protocol) = protocol
    {
        let headers = response.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    response
}

fn offers(headers: &HeaderMap, protocol: &str) -> bool {
    let all = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter();
    all.filter_map(|offers| offers.to_str().ok())
        .flat_map(|offers| offers.split(','))
        .any(|offer| offer.trim() == protocol)
}
