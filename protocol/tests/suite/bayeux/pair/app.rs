//! The client's application, which checks whatever it is told.

use std::collections::{BTreeMap, BTreeSet};

use mirrorball_protocol::{
    bayeux::{
        Message,
        client::{ClientEvent, Outcome, RequestId},
    },
    json::{Json, Key},
};

use super::{
    Check, Tally, ensure,
    site::{Site, number},
};

/// What a request was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Publish(u64),
    Call(u64),
    Subscribe,
    Unsubscribe,
}

/// The client's application.
#[derive(Debug, Default)]
pub(super) struct App {
    pub(super) asked: BTreeMap<RequestId, Ask>,
    /// Publications that were certainly not carried out.
    pub(super) refused: BTreeSet<u64>,
    /// What came, in order.
    pub(super) heard: BTreeSet<u64>,
    /// What came, by session.
    pub(super) by_session: BTreeMap<String, Vec<u64>>,
    /// Whether what comes has to be in order without acknowledgements, too: it goes over sockets only.
    pub(super) is_ordered: bool,
    /// How much of what each session was to hear may be lost, as it was told.
    pub(super) excused: BTreeMap<String, usize>,
    pub(super) has_ended: bool,
    pub(super) wants_credentials: bool,
}

impl App {
    /// `session` is the one that there was when it happened.
    pub(super) fn take<J: Json>(
        &mut self,
        event: ClientEvent<J>,
        session: Option<&str>,
        acks: bool,
        site: &Site,
        tally: &mut Tally,
    ) -> Check {
        match event {
            ClientEvent::Message {
                message,
                subscriptions,
            } => self.hear(&message, subscriptions.len(), session, acks, site, tally)?,
            ClientEvent::Reply { id, outcome } => self.end(id, &outcome, site, tally)?,
            ClientEvent::Gap => {
                tally.gaps += 1;
                ensure!(!acks, "a gap, although all is acknowledged");
                self.excuse(session, site)?;
            }
            ClientEvent::SessionLost => {
                tally.sessions_lost += 1;
                if !acks {
                    self.excuse(session, site)?;
                }
            }
            ClientEvent::Restored(_) => tally.restored += 1,
            ClientEvent::TransportChanged { .. } => tally.changed += 1,
            ClientEvent::Ended(_) => self.has_ended = true,
            ClientEvent::Violation(fault) => return Err(format!("a violation: {fault}")),
            ClientEvent::Dropped { channel, .. } => {
                return Err(format!("{channel} is subscribed to no more"));
            }
            ClientEvent::Authenticate => return Err("nobody can authenticate".into()),
            ClientEvent::Status | ClientEvent::Refused { .. } => {}
        }
        Ok(())
    }

    /// What was sent so far may be lost, as the application was told.
    fn excuse(&mut self, session: Option<&str>, site: &Site) -> Check {
        let session = session.ok_or("it has no session")?;
        let told = site.expected.get(session).map_or(0, Vec::len);
        self.excused.insert(session.into(), told);
        Ok(())
    }

    fn hear<J: Json>(
        &mut self,
        message: &Message<J>,
        subscriptions: usize,
        session: Option<&str>,
        acks: bool,
        site: &Site,
        tally: &mut Tally,
    ) -> Check {
        let channel = message.channel().map(|it| it.to_str().into_owned());
        if channel
            .as_deref()
            .is_some_and(|it| it.starts_with("/service"))
        {
            // The answer to a call that ended before.
            tally.late_answers += 1;
            return Ok(());
        }
        let number = number(message);
        tally.heard += 1;
        tally.unasked += u64::from(subscriptions == 0);
        ensure!(self.heard.insert(number), "{number} came twice");
        let Some(session) = session else {
            ensure!(!acks, "{number} came in no session");
            return Ok(());
        };
        let heard = self.by_session.entry(session.into()).or_default();
        let last = heard.last().copied();
        heard.push(number);
        let expected = site.expected.get(session).map_or(&[][..], |it| it);
        if self.is_ordered {
            let place = |number| expected.iter().position(|it| *it == number);
            let is_later = last.is_none_or(|last| place(last) < place(number));
            ensure!(is_later, "{session} heard {number} after {last:?}");
        }
        if acks {
            ensure!(
                expected.starts_with(heard),
                "{session} heard {heard:?} and was to hear {expected:?}"
            );
        }
        Ok(())
    }

    fn end<J: Json>(
        &mut self,
        id: RequestId,
        outcome: &Outcome<J>,
        site: &Site,
        tally: &mut Tally,
    ) -> Check {
        let ask = self.asked.remove(&id);
        let ask = ask.ok_or_else(|| format!("{id:?} ended twice, or was never asked"))?;
        let (is_done, is_certain) = match outcome {
            Outcome::Done(_) => (true, true),
            Outcome::Refused(_) => (false, true),
            Outcome::Unsent => (false, true),
            Outcome::Unknown | Outcome::TimedOut => (false, false),
        };
        match outcome {
            Outcome::Done(_) => tally.done += 1,
            Outcome::Refused(_) => tally.refused += 1,
            Outcome::Unknown => tally.unknown += 1,
            Outcome::TimedOut => tally.timed_out += 1,
            Outcome::Unsent => tally.unsent += 1,
        }
        let accepted = |number: u64| site.accepted.get(&number).copied().unwrap_or_default();
        match ask {
            Ask::Publish(number) if is_certain => {
                let accepted = accepted(number);
                ensure!(
                    accepted == u64::from(is_done),
                    "{number} was carried out {accepted} times, and the client says {outcome:?}"
                );
                if !is_done {
                    self.refused.insert(number);
                }
            }
            Ask::Call(number) => {
                let data = match outcome {
                    Outcome::Done(reply) => reply.data(),
                    Outcome::Refused(reply) => reply.data(),
                    _ => None,
                };
                if let Some(data) = data {
                    tally.answers += 1;
                    ensure!(accepted(number) == 1, "{number} was answered and not asked");
                    let answer = data.as_integer().and_then(|it| u64::try_from(it).ok());
                    ensure!(answer == Some(number), "{number} was answered {answer:?}");
                } else if matches!(outcome, Outcome::Done(_)) {
                    return Err(format!("{number} is done without an answer"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Nothing that was certainly not carried out is, nothing is carried out twice, and nothing is lost untold.
    pub(super) fn check(&self, session: Option<&str>, site: &Site) -> Check {
        for (number, times) in &site.accepted {
            ensure!(*times == 1, "{number} was carried out {times} times");
            ensure!(
                !self.refused.contains(number),
                "{number} was carried out after all"
            );
        }
        let Some(session) = session else {
            return Ok(());
        };
        let excused = self.excused.get(session).copied().unwrap_or_default();
        let expected = site.expected.get(session).map_or(&[][..], |it| it);
        let lost: Vec<_> = expected
            .iter()
            .skip(excused)
            .filter(|it| !self.heard.contains(it))
            .collect();
        ensure!(lost.is_empty(), "{session} lost {lost:?} and was not told");
        Ok(())
    }
}
