//! [`Handlers`]: who answers which request.

use std::{collections::BTreeMap, future::Future, pin::Pin};

use mirrorball_protocol::json::{Value, to_value};
use serde::{Serialize, de::DeserializeOwned};

use super::{Connection, Disconnected, RequestError};

type Handling = Pin<Box<dyn Future<Output = Result<Value, RequestError>> + Send>>;
type Handler = Box<dyn Fn(Connection, String, Value) -> Handling + Send + Sync>;

impl From<Disconnected> for RequestError {
    fn from(error: Disconnected) -> Self {
        Self::new(error)
    }
}

/// Who answers which request.
#[derive(Default)]
pub(super) struct Handlers {
    /// By the request's name.
    named: BTreeMap<String, Handler>,
    /// Whatever has no handler of its own.
    other: Option<Handler>,
}

impl Handlers {
    pub(super) fn add<H, T, O, R, E>(&mut self, name: String, handler: H)
    where
        H: Fn(Connection, T) -> O + Send + Sync + 'static,
        T: DeserializeOwned + 'static,
        O: Future<Output = Result<R, E>> + Send + 'static,
        R: Serialize + 'static,
        E: Into<RequestError> + 'static,
    {
        let handler: Handler = Box::new(move |connection, name, data| {
            // By way of the text: it is what serde's formats all read, and was bounded when it came.
            match serde_json::from_str(&data.to_text()) {
                Ok(data) => {
                    let handling = handler(connection, data);
                    Box::pin(async move {
                        let answer = handling.await.map_err(Into::into)?;
                        to_value(&answer).map_err(RequestError::new)
                    })
                }
                Err(error) => {
                    let error = RequestError::unsuitable(&name, &error);
                    Box::pin(std::future::ready(Err(error)))
                }
            }
        });
        self.named.insert(name, handler);
    }

    pub(super) fn set_other<H, O>(&mut self, handler: H)
    where
        H: Fn(Connection, String, Value) -> O + Send + Sync + 'static,
        O: Future<Output = Result<Value, RequestError>> + Send + 'static,
    {
        self.other = Some(Box::new(move |connection, name, data| {
            Box::pin(handler(connection, name, data))
        }));
    }

    /// Handles a request.
    ///
    /// # Errors
    ///
    /// What its handler returns, and where it has none.
    pub(super) async fn handle(
        &self,
        connection: Connection,
        name: String,
        data: Value,
    ) -> Result<Value, RequestError> {
        match self.named.get(&name).or(self.other.as_ref()) {
            Some(handler) => handler(connection, name, data).await,
            None if self.named.is_empty() => {
                Err(RequestError::new("this server handles no requests"))
            }
            None => Err(RequestError::unknown(&name)),
        }
    }
}
