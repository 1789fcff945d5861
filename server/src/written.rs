//! [`Written`]: who is told once the operating system has what was to be sent.

use std::sync::{Arc, Mutex, PoisonError};

/// Whom to tell. Where it is dropped instead, it was not written.
pub(crate) trait Receipt: Send {
    /// All of it is written.
    fn written(self: Box<Self>);
}

/// What waits for the socket of a connection to take all that was handed to it: an extension of each request that a
/// [`Server`](crate::Server) passes on.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<Box<dyn Receipt>>>>);

impl Written {
    /// Tells `receipt` once all that was handed over so far is written; it is the next flush that says so.
    pub(crate) fn expect(&self, receipt: Box<dyn Receipt>) {
        self.waiting().push(receipt);
    }

    /// All of it is written.
    pub(crate) fn flushed(&self) {
        for receipt in self.take() {
            receipt.written();
        }
    }

    /// The socket is gone, and whatever waits was not written.
    pub(crate) fn lost(&self) {
        drop(self.take());
    }

    fn take(&self) -> Vec<Box<dyn Receipt>> {
        // Whoever is told may expect more.
        std::mem::take(&mut *self.waiting())
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Box<dyn Receipt>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Written {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Written").finish_non_exhaustive()
    }
}
