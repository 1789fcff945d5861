//! [`Authorizers`]: who is asked besides the policy, by channel.

use std::fmt;

use mirrorball_protocol::bayeux::{Pattern, Reach, channel::patterns};

use super::{Denial, Request};

/// What a client wants to do with a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Have it made, by being the first to subscribe to it.
    Create,
    /// Hear of its messages.
    Subscribe,
    /// Send a message to it.
    Publish,
}

/// What an authorizer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// The client may, unless another authorizer denies it.
    Grant,
    /// The client may not, whatever others say. The client is told the reason.
    Deny(String),
    /// Others decide. Where all ignore it, the client may not.
    Ignore,
}

type Authorizer = Box<dyn Fn(Operation, &Request) -> Authorization + Send + Sync>;

/// Why a client may not where nobody said no.
const NOBODY_GRANTS: Denial = Denial::of("denied_by_not_granting");

/// Authorizers by the pattern that each of them stands at.
#[derive(Default)]
pub(super) struct Authorizers {
    all: Vec<(Pattern, Authorizer)>,
    /// Whether somebody has to grant, also where nobody stands.
    is_closed: bool,
}

impl Authorizers {
    pub(super) fn add(
        &mut self,
        pattern: Pattern,
        authorizer: impl Fn(Operation, &Request) -> Authorization + Send + Sync + 'static,
    ) {
        self.all.push((pattern, Box::new(authorizer)));
    }

    /// Has somebody have to grant, whatever the channel.
    pub(super) const fn close(&mut self) {
        self.is_closed = true;
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.all.is_empty() && !self.is_closed
    }

    /// Whether a client may: those at the channel and at the patterns that match it are asked, from the widest on.
    /// The first who denies decides; else one of them has to grant it. Where there are none, the client may, which
    /// is `Ok(false)`.
    ///
    /// A pattern is subscribed to where each channel with authorizers that it matches could be.
    pub(super) fn judge(&self, operation: Operation, request: &Request) -> Result<bool, Denial> {
        if self.is_empty() {
            return Ok(false);
        }
        let asked = request.channel();
        let mut is_granted = self.judge_at(asked, operation, request)?;
        if let Ok(pattern) = Pattern::parse(asked)
            && pattern.reach() != Reach::Here
        {
            for (narrower, _) in &self.all {
                if is_wider(&pattern, narrower) {
                    is_granted |= self.judge_at(narrower.text(), operation, request)?;
                }
            }
        }
        Ok(is_granted)
    }

    fn judge_at(
        &self,
        place: &str,
        operation: Operation,
        request: &Request,
    ) -> Result<bool, Denial> {
        let mut wider: Vec<_> = around(place).collect();
        wider.reverse();
        let (mut asked, mut granted) = (self.is_closed, false);
        for (place, reach) in wider {
            let here = |pattern: &Pattern| pattern.place() == place && pattern.reach() == reach;
            for (_, authorizer) in self.all.iter().filter(|(pattern, _)| here(pattern)) {
                asked = true;
                match authorizer(operation, request) {
                    Authorization::Grant => granted = true,
                    Authorization::Deny(reason) => return Err(Denial::new(reason)),
                    Authorization::Ignore => {}
                }
            }
        }
        if asked && !granted {
            return Err(NOBODY_GRANTS);
        }
        Ok(granted)
    }
}

/// The places and reaches of the patterns that match all that a channel or a pattern stands for, itself included,
/// from the closest on.
fn around(text: &str) -> Box<dyn Iterator<Item = (&str, Reach)> + '_> {
    let (place, reach) = if let Some(place) = text.strip_suffix("/**") {
        (place, Reach::Descendants)
    } else if let Some(place) = text.strip_suffix("/*") {
        (place, Reach::Children)
    } else {
        return Box::new(patterns(text));
    };
    let own = (reach == Reach::Children).then_some((place, Reach::Children));
    let deep = std::iter::once((place, Reach::Descendants));
    let above = patterns(place).filter(|(_, reach)| *reach == Reach::Descendants);
    Box::new(own.into_iter().chain(deep).chain(above))
}

/// Whether all that `narrow` stands for is matched by `wide`, and `narrow` is another.
fn is_wider(wide: &Pattern, narrow: &Pattern) -> bool {
    wide != narrow && around(narrow.text()).any(|it| it == (wide.place(), wide.reach()))
}

impl fmt::Debug for Authorizers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list()
            .entries(self.all.iter().map(|(pattern, _)| pattern))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorizers(all: &[(&str, Authorization)]) -> Authorizers {
        let mut authorizers = Authorizers::default();
        for (pattern, says) in all {
            let says = says.clone();
            authorizers.add(Pattern::parse(pattern).unwrap(), move |_, _| says.clone());
        }
        authorizers
    }

    fn judge(authorizers: &Authorizers, channel: &str) -> Result<bool, String> {
        let request = Request::of_test(channel);
        let judged = authorizers.judge(Operation::Subscribe, &request);
        judged.map_err(|denial| denial.reason().to_owned())
    }

    #[test]
    fn one_denial_decides_and_somebody_has_to_grant() {
        use Authorization::{Deny, Grant, Ignore};
        let no = |reason: &str| Err(reason.to_owned());
        assert_eq!(judge(&authorizers(&[]), "/a"), Ok(false));
        let closed = authorizers(&[("/**", Ignore)]);
        for channel in ["/a", "/a/b", "/a/*", "/a/b/**", "/*", "/**"] {
            assert_eq!(
                judge(&closed, channel),
                no("denied_by_not_granting"),
                "{channel}"
            );
        }
        let open = authorizers(&[("/**", Ignore), ("/chat/*", Grant)]);
        assert_eq!(judge(&open, "/chat/a"), Ok(true));
        assert_eq!(judge(&open, "/chat/*"), Ok(true));
        for channel in ["/chat", "/chat/a/b", "/chat/**", "/**"] {
            assert_eq!(
                judge(&open, channel),
                no("denied_by_not_granting"),
                "{channel}"
            );
        }
        let mut shut = authorizers(&[("/chat/*", Grant)]);
        shut.close();
        assert_eq!(judge(&shut, "/chat/a"), Ok(true));
        assert_eq!(judge(&shut, "/other"), no("denied_by_not_granting"));
        let denied = authorizers(&[("/**", Grant), ("/chat/eve", Deny("gone".to_owned()))]);
        assert_eq!(judge(&denied, "/chat/bob"), Ok(true));
        assert_eq!(judge(&denied, "/chat/eve"), no("gone"));
        // A wildcard does not lead around them.
        for pattern in ["/chat/*", "/chat/**", "/**"] {
            assert_eq!(judge(&denied, pattern), no("gone"), "{pattern}");
        }
        assert_eq!(judge(&denied, "/*"), Ok(true));
        // Nobody stands at other places.
        let one = authorizers(&[("/a", Deny("no".to_owned()))]);
        assert_eq!(judge(&one, "/b"), Ok(false));
    }

    #[test]
    fn the_widest_is_asked_first() {
        let denials = ["/a/b", "/a/*", "/a/**", "/**"];
        let all: Vec<_> = denials
            .iter()
            .map(|pattern| (*pattern, Authorization::Deny((*pattern).to_owned())))
            .collect();
        for count in 1..=denials.len() {
            let some = authorizers(&all[..count]);
            let widest = denials[count - 1].to_owned();
            assert_eq!(judge(&some, "/a/b"), Err(widest));
        }
    }
}
