//! [`Poster`]: requests of HTTP to one address.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tower::Service;

use crate::{
    Address, ConnectionError,
    socket::{Connector, Wire},
};

/// What is sent.
const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=UTF-8");

/// Sends requests to one address, over connections that are kept for the next ones. A request whose future is dropped is
/// aborted.
#[derive(Debug)]
pub(crate) struct Poster {
    connector: Arc<Connector>,
    address: Address,
    client: Client<Dial, Full<Bytes>>,
}

/// What a server answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Poster {
    /// Keeps as many as `idle` connections for the next requests.
    pub(crate) fn new(connector: Arc<Connector>, address: Address, idle: usize) -> Self {
        let dial = Dial {
            connector: Arc::clone(&connector),
            address: address.clone(),
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(idle)
            .build(dial);
        Self {
            connector,
            address,
            client,
        }
    }

    /// Posts JSON, to the address with `more` behind its path. A body of more than the connector's
    /// [`max_message`](Connector::max_message) bytes is not taken.
    pub(crate) async fn post(
        &self,
        more: &str,
        headers: HeaderMap,
        body: String,
    ) -> Result<Answer, ConnectionError> {
        let mut request = Request::post(self.address.http_uri(more)?)
            .body(Full::from(body))
            .map_err(|error| ConnectionError::from_http(&error))?;
        let all = request.headers_mut();
        all.insert(header::CONTENT_TYPE, JSON);
        all.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        self.connector.authorize(&self.address, all);
        all.extend(headers);
        let response = self.client.request(request).await;
        let response = response.map_err(|error| ConnectionError::from_http(&error))?;
        let (parts, body) = response.into_parts();
        match parts.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED => return Err(ConnectionError::Unauthorized),
            status => return Err(ConnectionError::Status(status.as_u16())),
        }
        let body = Limited::new(body, self.connector.max_message)
            .collect()
            .await;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                ConnectionError::Protocol("the answer is too big".to_owned())
            } else {
                ConnectionError::from_http(&*error)
            }
        })?;
        let text = String::from_utf8(body.to_bytes().into())
            .map_err(|_| ConnectionError::Protocol("the answer is not UTF-8".to_owned()))?;
        Ok(Answer {
            headers: parts.headers,
            text,
        })
    }
}

/// What connects.
#[derive(Clone, Debug)]
struct Dial {
    connector: Arc<Connector>,
    address: Address,
}

impl Service<Uri> for Dial {
    type Response = TokioIo<Box<dyn Wire>>;
    type Error = ConnectionError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { connector, address } = self.clone();
        Box::pin(async move { Ok(TokioIo::new(connector.connect(&address).await?)) })
    }
}

impl Connection for Box<dyn Wire> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}
