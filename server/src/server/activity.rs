//! [`Activity`]: what one connection is doing, and since when.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use axum::{body::Body, response::Response};
use futures_util::task::AtomicWaker;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::Limits;

/// What one connection is doing: its socket and its requests tell, and whoever serves it asks whether it has
/// been at it for too long.
#[derive(Debug)]
pub(super) struct Activity {
    /// Whether it speaks HTTP still; a WebSocket has bounds of its own.
    http: AtomicBool,
    cut: AtomicBool,
    /// Wakes the connection's task when it is cut.
    waker: AtomicWaker,
    doing: Mutex<Doing>,
}

#[derive(Debug)]
struct Doing {
    phase: Phase,
    /// Since when the socket has taken nothing of what is to be written.
    blocked: Option<Instant>,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The rest of a request's head, since it began.
    Head(Instant),
    /// The answer.
    Answer,
    /// The next request, since the last one was answered.
    Idle(Instant),
}

impl Activity {
    /// A connection that begins now.
    pub(super) fn new() -> Self {
        Self {
            http: AtomicBool::new(true),
            cut: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            doing: Mutex::new(Doing {
                phase: Phase::Head(Instant::now()),
                blocked: None,
            }),
        }
    }

    /// Something was read.
    pub(super) fn read(&self) {
        self.change(|doing| {
            if let Phase::Idle(_) = doing.phase {
                doing.phase = Phase::Head(Instant::now());
            }
        });
    }

    /// Something was to be written, and was taken or not.
    pub(super) fn write(&self, taken: bool) {
        self.change(|doing| {
            doing.blocked = match (taken, doing.blocked) {
                (true, _) => None,
                (false, since) => since.or_else(|| Some(Instant::now())),
            };
        });
    }

    /// The head of a request is complete.
    pub(super) fn answering(&self) {
        self.change(|doing| doing.phase = Phase::Answer);
    }

    fn answered(&self) {
        self.change(|doing| doing.phase = Phase::Idle(Instant::now()));
    }

    fn change(&self, change: impl FnOnce(&mut Doing)) {
        if self.http.load(Ordering::Relaxed) {
            change(&mut self.doing.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// The connection is served by HTTP no more: it ended, or is a WebSocket now.
    pub(super) fn leave_http(&self) {
        self.http.store(false, Ordering::Relaxed);
    }

    /// When it has been at it for too long.
    fn deadline(&self, limits: &Limits) -> Option<Instant> {
        let doing = self.doing.lock().unwrap_or_else(PoisonError::into_inner);
        let phase = match doing.phase {
            Phase::Head(since) => since.checked_add(limits.header_read_timeout),
            Phase::Answer => None,
            Phase::Idle(since) => since.checked_add(limits.idle_timeout),
        };
        let blocked = doing.blocked;
        let write = blocked.and_then(|since| since.checked_add(limits.write_timeout));
        [phase, write].into_iter().flatten().min()
    }

    /// Ready once it has been at it for too long. To be polled by the task that serves the connection, after
    /// the connection.
    pub(super) fn poll_overdue(
        &self,
        limits: &Limits,
        mut timer: Pin<&mut Sleep>,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let Some(deadline) = self.deadline(limits) else {
            return Poll::Pending;
        };
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.poll(context)
    }

    /// Ends the connection: its socket breaks.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Whether it is cut.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    /// Ready once it is cut.
    pub(super) fn poll_cut(&self, context: &Context<'_>) -> Poll<()> {
        self.waker.register(context.waker());
        if self.is_cut() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// The body of an answer, which is over when it is dropped.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    activity: Arc<Activity>,
}

impl Answer {
    /// Has `activity` know when `response` is over.
    pub(super) fn track(response: Response, activity: Arc<Activity>) -> Response<Self> {
        response.map(|body| Self { body, activity })
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.activity.answered();
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Poll::Ready(ready!(Pin::new(&mut self.body).poll_frame(context)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
