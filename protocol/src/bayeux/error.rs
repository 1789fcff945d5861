//! [`ErrorText`]: errors, which are texts with a code.

use alloc::vec::Vec;

/// `code:arguments:text`, or whatever else a server sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorText<'a>(&'a str);

impl<'a> ErrorText<'a> {
    /// There is no `channel`.
    pub const CHANNEL_MISSING: &'static str = "400::channel_missing";
    /// The `channel` is none, or none that can be published to.
    pub const CHANNEL_INVALID: &'static str = "405::channel_invalid";
    /// The `id` is neither a text nor a number.
    pub const ID_INVALID: &'static str = "405::message_id_invalid";
    /// The `clientId` is unknown, expired, missing, or another browser's.
    pub const SESSION_UNKNOWN: &'static str = "402::session_unknown";
    /// The policy refused the handshake.
    pub const HANDSHAKE_DENIED: &'static str = "403::handshake_denied";
    /// Something failed while the handshake was looked at.
    pub const HANDSHAKE_FAILED: &'static str = "403::handshake_failed";
    /// There is no `subscription`.
    pub const SUBSCRIPTION_MISSING: &'static str = "403::subscription_missing";
    /// The `subscription` is none.
    pub const SUBSCRIPTION_INVALID: &'static str = "403::subscription_invalid";
    /// The subscription could not be made.
    pub const SUBSCRIBE_FAILED: &'static str = "403::subscribe_failed";
    /// The subscription could not be ended.
    pub const UNSUBSCRIBE_FAILED: &'static str = "403::unsubscribe_failed";
    /// A listener on the server took the message away.
    pub const MESSAGE_DELETED: &'static str = "404::message_deleted";
    /// A remote call was not answered in time; clients say this to themselves.
    pub const TIMEOUT: &'static str = "406::timeout";

    /// The text as it is.
    #[must_use]
    pub const fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The text as it is.
    #[must_use]
    pub const fn text(&self) -> &'a str {
        self.0
    }

    /// The three digits that it begins with.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        let digits = self.0.get(..3)?;
        let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        are_digits.then(|| digits.parse().ok()).flatten()
    }

    /// What is between the first colon and the last, cut at commas; none where there is nothing between them.
    #[must_use]
    pub fn arguments(&self) -> Option<Vec<&'a str>> {
        let (_, rest) = self.0.split_once(':')?;
        let (arguments, _) = rest.rsplit_once(':')?;
        Some(if arguments.is_empty() {
            Vec::new()
        } else {
            arguments.split(',').collect()
        })
    }

    /// What is behind the last colon.
    #[must_use]
    pub fn message(&self) -> Option<&'a str> {
        self.0.rsplit_once(':').map(|(_, message)| message)
    }

    /// Whether it says that the session is gone: CometD's 402, faye's 401, Salesforce's `403::Unknown client`.
    #[must_use]
    pub fn is_session_unknown(&self) -> bool {
        match self.code() {
            Some(401 | 402) => true,
            Some(403) => self
                .message()
                .is_some_and(|message| message.eq_ignore_ascii_case("unknown client")),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_taken_apart_as_the_peers_do() {
        let parts = |text| {
            let error = ErrorText::new(text);
            (error.code(), error.arguments(), error.message())
        };
        let none = Some(Vec::new());
        assert_eq!(
            parts("402::session_unknown"),
            (Some(402), none, Some("session_unknown"))
        );
        assert_eq!(
            parts("405:c[websocket],s[x]:no_transport"),
            (
                Some(405),
                Some(vec!["c[websocket]", "s[x]"]),
                Some("no_transport")
            )
        );
        assert_eq!(
            parts("403:a:b:c"),
            (Some(403), Some(vec!["a:b"]), Some("c"))
        );
        assert_eq!(parts("403:text"), (Some(403), None, Some("text")));
        assert_eq!(parts("403"), (Some(403), None, None));
        assert_eq!(parts("40"), (None, None, None));
        assert_eq!(parts("+40::x"), (None, Some(Vec::new()), Some("x")));
        assert_eq!(parts("no code"), (None, None, None));
        assert_eq!(parts(""), (None, None, None));
        assert_eq!(parts("4é::x").0, None);
    }

    #[test]
    fn each_server_says_in_its_own_way_that_a_session_is_gone() {
        for text in [
            "402::session_unknown",
            "402::Unknown client",
            "401:abc:Unknown client",
            "403::Unknown client",
        ] {
            assert!(ErrorText::new(text).is_session_unknown(), "{text}");
        }
        for text in [
            "403::handshake_denied",
            "404::message_deleted",
            "Unknown client",
        ] {
            assert!(!ErrorText::new(text).is_session_unknown(), "{text}");
        }
    }
}
