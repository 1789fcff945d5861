//! [`Mirror`]: what a client holds of the server's state, and which of its states that is.

use alloc::string::String;

use crate::{
    json::{Applied, Document, Field, Json, Key, Limits, PatchError, write_integer},
    reason::Reason,
};

/// The most characters of an epoch that is asked for.
const EPOCH_LENGTH: usize = 32;

const STRANGE: Reason =
    Reason::protocol("the state goes on from one that this client does not hold");

/// The mirrored state. Where a connection ends it stays, for the next one to go on from.
#[derive(Debug)]
pub(super) struct Mirror<J: Json> {
    document: Document<J>,
    limits: Limits,
    /// Which of the server's states the document is, where the server counts them.
    mark: Option<Mark<J::Key>>,
    /// Whether the server's state is taken to be `null`, for it said nothing of one on this connection.
    is_hidden: bool,
    /// Containers that older documents copied.
    copies: u64,
}

/// One of a server's states.
#[derive(Clone, Debug, PartialEq)]
struct Mark<K> {
    /// The server's life.
    epoch: K,
    /// The state's number in it.
    version: i64,
}

impl<J: Json> Mirror<J> {
    /// `null`
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            document: Document::new(limits.clone()),
            limits,
            mark: None,
            is_hidden: false,
            copies: 0,
        }
    }

    /// The state as it is now, never to change again.
    pub(super) fn share(&mut self) -> J {
        if self.is_hidden {
            return J::null();
        }
        self.document.share()
    }

    /// Containers copied so far in order not to change what was shared.
    pub(super) fn copies(&self) -> u64 {
        self.copies + self.document.copies()
    }

    /// Before the first state of a connection is applied: it goes on where the last connection ended, or begins with
    /// `null`.
    pub(super) fn begin(&mut self, message: &J) -> Result<(), Reason> {
        self.is_hidden = false;
        let epoch = message.field(Field::Epoch).and_then(J::into_key);
        let next = epoch.map(|epoch| Mark { epoch, version: 0 });
        match message.integer(Field::Since) {
            None => self.clear(),
            Some(since) => {
                let from = next.clone().map(|mark| mark.at(since));
                if from.is_none() || from != self.mark {
                    return Err(STRANGE);
                }
            }
        }
        self.mark = next;
        Ok(())
    }

    /// Applies a patch that leads to the state of this number.
    pub(super) fn apply(
        &mut self,
        diff: &J,
        text: &J::Text,
        version: Option<i64>,
    ) -> Result<Applied, PatchError> {
        let applied = self.document.apply(diff, text)?;
        self.mark = self.mark.take().zip(version).map(|(mark, to)| mark.at(to));
        Ok(applied)
    }

    /// The state is `null`, as far as one can tell. A diff that comes late may go on from what there was.
    pub(super) fn hide(&mut self) {
        self.is_hidden = true;
    }

    fn clear(&mut self) {
        self.copies += self.document.copies();
        self.document = Document::new(self.limits.clone());
        self.mark = None;
    }

    /// The next connection begins with `null`.
    pub(super) fn forget(&mut self) {
        self.mark = None;
    }

    /// The server's life, where the state is one that it counts.
    pub(super) fn epoch(&self) -> Option<String> {
        if self.is_hidden {
            None
        } else {
            self.last_epoch()
        }
    }

    /// The life of the server that the last state was counted in, where an address can say it.
    fn last_epoch(&self) -> Option<String> {
        let epoch = self.mark.as_ref()?.epoch.to_str();
        let is_plain = epoch.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_plain && (1..=EPOCH_LENGTH).contains(&epoch.len())).then(|| epoch.into_owned())
    }

    /// Asks, as part of an address, to go on from here; `None` where there is nothing to go on from.
    pub(super) fn query(&self) -> Option<String> {
        let mut query = String::from("resume=");
        query.push_str(&self.last_epoch()?);
        query.push('.');
        write_integer(self.mark.as_ref()?.version, &mut query);
        Some(query)
    }
}

impl<K> Mark<K> {
    /// The mark of another state in the same epoch.
    fn at(self, version: i64) -> Self {
        Self { version, ..self }
    }
}
