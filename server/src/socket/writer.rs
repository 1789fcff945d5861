//! [`Writer`]: frames to bytes.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;

use super::frame::Frame;

/// Frames that one call writes at most.
const FRAMES: usize = 16;
/// Bytes that are gathered before they are written, where more is to be written at once.
const BYTES: usize = 64 << 10;

/// Frames on their way into the socket, in order. It is drained before more is gathered than one call
/// writes, so that it holds little.
#[derive(Debug)]
pub(super) struct Writer {
    compress_from: Option<usize>,
    queue: VecDeque<Frame>,
    /// Bytes of the first frame that are written.
    written: usize,
    /// Bytes that are still to be written.
    left: usize,
    /// Whether what was written may be held by the stream.
    unflushed: bool,
}

impl Writer {
    pub(super) const fn new(compress_from: Option<usize>) -> Self {
        Self {
            compress_from,
            queue: VecDeque::new(),
            written: 0,
            left: 0,
            unflushed: false,
        }
    }

    pub(super) fn push(&mut self, frame: Frame) {
        self.left += frame.bytes(self.compress_from).len();
        self.queue.push_back(frame);
    }

    /// Whether there is as much as one call writes.
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= FRAMES || self.left >= BYTES
    }

    /// Forgets the frames of which nothing is written.
    pub(super) fn drop_rest(&mut self) {
        self.queue.truncate(usize::from(self.written > 0));
        self.left = self.queue.front().map_or(0, |frame| {
            frame.bytes(self.compress_from).len() - self.written
        });
    }

    /// Writes everything; ready once the stream has taken all of it.
    pub(super) fn poll_drain<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); FRAMES];
            let mut count = 0;
            for (slice, frame) in slices.iter_mut().zip(&self.queue) {
                let bytes = frame.bytes(self.compress_from);
                let begin = if count == 0 { self.written } else { 0 };
                *slice = IoSlice::new(bytes.get(begin..).unwrap_or_default());
                count += 1;
            }
            // The kernel takes longer over a list, even over one of a single piece.
            let stream = Pin::new(&mut *stream);
            let taken = ready!(match slices.get(..count).unwrap_or_default() {
                [one] => stream.poll_write(context, one),
                many => stream.poll_write_vectored(context, many),
            })?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.take(taken);
        }
        if self.unflushed {
            ready!(Pin::new(stream).poll_flush(context))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// So many bytes are written.
    fn take(&mut self, bytes: usize) {
        self.left -= bytes;
        self.written += bytes;
        while let Some(first) = self.queue.front() {
            let length = first.bytes(self.compress_from).len();
            if self.written < length {
                break;
            }
            self.written -= length;
            self.queue.pop_front();
        }
        if self.queue.is_empty() && self.queue.capacity() > FRAMES {
            self.queue = VecDeque::new();
        }
    }
}
