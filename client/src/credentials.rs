//! Who a client is.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::HeaderValue;

/// A user and a password, for HTTP Basic authentication. They are not shown, by `Debug` neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    header: HeaderValue,
}

/// A user that Basic authentication cannot name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a user may have no `:` in it, and neither user nor password a control character")]
pub struct CredentialsError;

impl Credentials {
    /// A user and a password.
    ///
    /// # Errors
    ///
    /// Where the user has a `:` in it, or either has a control character: Basic authentication has no place for
    /// that.
    pub fn new(user: &str, password: &str) -> Result<Self, CredentialsError> {
        if user.contains(':') || user.chars().chain(password.chars()).any(char::is_control) {
            return Err(CredentialsError);
        }
        let encoded = BASE64_STANDARD.encode(format!("{user}:{password}"));
        let mut header =
            HeaderValue::try_from(format!("Basic {encoded}")).map_err(|_| CredentialsError)?;
        header.set_sensitive(true);
        Ok(Self { header })
    }

    /// What the `Authorization` header says.
    pub(crate) fn header(&self) -> HeaderValue {
        self.header.clone()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Credentials(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_that_of_rfc_7617() {
        let ann = Credentials::new("test", "123\u{a3}").unwrap();
        assert_eq!(ann.header(), "Basic dGVzdDoxMjPCow==");
        assert!(ann.header().is_sensitive());
        assert_eq!(format!("{ann:?}"), "Credentials(..)");
        assert_eq!(Credentials::new("a:b", ""), Err(CredentialsError));
        assert_eq!(Credentials::new("a", "b\n"), Err(CredentialsError));
    }
}
