//! [`Cors`]: which pages of other sites read the answers.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use crate::origin::{Origins, Refusal};

/// Methods that pages of other sites may use.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
/// Headers that they may set.
const HEADERS: &str = "Accept, Authorization, Content-Type, X-Requested-With";
/// How long a browser remembers that, in seconds: as long as any does.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Lets the pages of allowed sites read answers, and those of no other. An answer names the page's site to the
/// letter, since browsers send cookies along with nothing less.
#[derive(Clone, Debug)]
pub(super) struct Cors {
    origins: Origins,
    headers: HeaderValue,
}

impl Cors {
    /// For pages of these sites, which may set these headers besides the usual ones.
    pub(super) fn new(origins: Origins, headers: &[String]) -> Self {
        let all = [&[HEADERS.to_owned()], headers].concat().join(", ");
        let headers = HeaderValue::from_str(&all).unwrap_or_else(|_| {
            tracing::error!("a header that pages may set has a name that no header has");
            HeaderValue::from_static(HEADERS)
        });
        Self { origins, headers }
    }

    /// Lets a request pass, or answers it.
    ///
    /// # Errors
    ///
    /// The answer where it comes from a page that may not connect.
    pub(super) fn check(&self, request: &Parts) -> Result<(), Refusal> {
        self.origins.check_request(request)
    }

    /// Answers the question which requests may be sent. The request has passed the [check](Self::check).
    pub(super) fn preflight(&self, request: &HeaderMap) -> Response {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        headers.insert(header::ALLOW, METHODS);
        if request.contains_key(header::ORIGIN) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
        allow(request, headers);
        response
    }
}

/// Lets the page that asked read the answer. The request has passed the [check](Cors::check).
pub(super) fn allow(request: &HeaderMap, answer: &mut HeaderMap) {
    answer.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = request.get(header::ORIGIN) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        answer.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
    }
}
