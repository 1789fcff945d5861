//! [`Answer`]: the body of an answer, which knows whether it was written.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::peer::Peer;
use crate::written::{Receipt, Written};

/// The body of an answer. Where it, or what takes it, is dropped before all of it is written, its messages go back to
/// their session.
pub(super) struct Answer {
    rest: Option<(Bytes, Lent)>,
    written: Option<Written>,
}

/// A parcel that was collected, and may not have been written.
struct Lent(Peer);

impl Receipt for Lent {
    fn written(self: Box<Self>) {
        self.0.delivered();
    }
}

impl Answer {
    /// The answer on what was collected for `peer` last, and who knows whether it is written.
    pub(super) fn new(text: String, peer: Peer, written: Option<Written>) -> Self {
        Self {
            rest: Some((text.into(), Lent(peer))),
            written,
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some((text, lent)) = self.rest.take() else {
            return Poll::Ready(None);
        };
        match &self.written {
            Some(written) => written.expect(Box::new(lent)),
            // An app of somebody else's does not say more than that it took it.
            None => Box::new(lent).written(),
        }
        Poll::Ready(Some(Ok(Frame::data(text))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.rest.as_ref().map_or(0, |(text, _)| text.len());
        SizeHint::with_exact(length as u64)
    }
}
