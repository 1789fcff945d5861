//! Why there is no connection.

use std::{error::Error, io, sync::Arc};

use mirrorball_protocol::{bayeux, json::Value, juggler::client::Fault, reason::Reason};
use serde::de::DeserializeOwned;

use crate::{AddressError, driver::BROKEN, tls::Unpinned};

/// Why there is no connection, or why there is none any more.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The address is none, or there is no address. The application is at fault.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The network: the name is unknown, nobody listens, the connection broke.
    #[error("{0}")]
    Network(Arc<io::Error>),
    /// No TLS: the server's certificate is not trusted, the client's is not accepted, or the server speaks no TLS.
    #[error("no TLS connection: {0}")]
    Tls(String),
    /// The server wants a user and a password, or others than these (HTTP 401).
    #[error("the server wants a valid user and password (HTTP 401)")]
    Unauthorized,
    /// The server does not take a WebSocket there.
    #[error(
        "the server refuses a WebSocket at this address (HTTP {0}): check the path, and who may connect"
    )]
    Refused(u16),
    /// A request of long-polling was answered with another status than 200.
    #[error("the server answers with HTTP {0}: check the path, and who may connect")]
    Status(u16),
    /// What answers there does not speak WebSocket.
    #[error("what answers at this address does not speak WebSocket: {0}")]
    Handshake(String),
    /// The connection did not open within the connect timeout.
    #[error("the connection did not open in time")]
    TimedOut,
    /// The server, or the network, closed the connection.
    #[error("the connection was closed (close code {code}{}{reason})", if reason.is_empty() { "" } else { ": " })]
    Closed {
        /// The close code; 1006 where there was none.
        code: u16,
        /// What the server said.
        reason: String,
    },
    /// Nothing came from the server for the ping delay, and nothing after a ping for the ping timeout.
    #[error("the server went silent")]
    Silent,
    /// The server broke the protocol, or passed a limit of this client.
    #[error("the server broke the protocol: {0}")]
    Protocol(String),
    /// What the application adds to a connection failed: its headers, its codec, its transport. This is what it says.
    #[error("{0}")]
    Application(String),
    /// The application left the connection.
    #[error("the connection was left by the application")]
    Left,
}

impl ConnectionError {
    /// What a machine is told: a close code, or the status of HTTP.
    pub(crate) const fn code(&self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::Refused(status) | Self::Status(status) => *status,
            Self::Closed { code, .. } => *code,
            _ => BROKEN,
        }
    }

    pub(crate) fn from_io(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(error) => Self::from_tls(error),
            None => Self::Network(Arc::new(error)),
        }
    }

    /// What HTTP failed for, which is somewhere behind `error`.
    pub(crate) fn from_http(error: &(dyn Error + 'static)) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<Self>() {
                return error.clone();
            }
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return Self::from_io(io::Error::new(error.kind(), error.to_string()));
            }
            cause = error.source();
        }
        Self::Network(Arc::new(io::Error::other(error.to_string())))
    }

    fn from_tls(error: &rustls::Error) -> Self {
        use rustls::{AlertDescription, CertificateError, Error};
        let advice = match error {
            Error::InvalidCertificate(CertificateError::Other(other)) => {
                return Self::Tls(match other.0.downcast_ref::<Unpinned>() {
                    Some(unpinned) => unpinned.to_string(),
                    None => format!(
                        "the server's certificate is not trusted ({}): pin its fingerprint, where it is the right one",
                        other.0
                    ),
                });
            }
            Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => ": name its authority, or pin the certificate's fingerprint",
            Error::AlertReceived(
                AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure,
            ) => ": the server may want a certificate of the client",
            Error::InvalidMessage(_) => ": the server may speak no TLS at this port",
            _ => "",
        };
        Self::Tls(format!("{error}{advice}"))
    }
}

impl From<Fault> for ConnectionError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Lost(code) => Self::Closed {
                code,
                reason: String::new(),
            },
            Fault::Closed(reason) => reason.into(),
            Fault::Patch(error) => Self::Protocol(error.text().to_owned()),
        }
    }
}

impl From<bayeux::client::Fault> for ConnectionError {
    fn from(fault: bayeux::client::Fault) -> Self {
        use bayeux::client::Fault;
        match fault {
            Fault::Lost(code) => Self::Closed {
                code,
                reason: String::new(),
            },
            Fault::Closed(reason) => reason.into(),
        }
    }
}

/// Why this end closed a connection.
impl From<Reason> for ConnectionError {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::CONNECT_TIMEOUT => Self::TimedOut,
            Reason::SILENT => Self::Silent,
            Reason::CUT | Reason::NORMAL => Self::Left,
            reason => Self::Protocol(reason.text.to_owned()),
        }
    }
}

/// Equal where they say the same.
impl PartialEq for ConnectionError {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

/// The I/O error behind `error`, where there is one.
pub(crate) fn is_io(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<io::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// A value is not of the type that was asked for, or data has no JSON form. The text says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Mismatch(String);

impl Mismatch {
    pub(crate) fn new(error: &serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// A value as a Rust type.
pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Mismatch> {
    serde_json::from_str(&value.to_text()).map_err(|error| Mismatch::new(&error))
}
