//! [`Signals`]: what tells the program to end, or to read its files again.

use std::io;

/// What the program is told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// To read again what may have changed.
    Reload,
    /// To end; by the name of the signal.
    End(&'static str),
}

/// What tells the program to end, or to read its files again.
#[cfg(unix)]
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Takes them from now on.
    ///
    /// # Errors
    ///
    /// Where the system does not allow it.
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::End("interrupt"),
            _ = self.terminate.recv() => Signal::End("terminate"),
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}

/// What tells the program to end: Ctrl-C. Nothing tells it to read its files again.
#[cfg(windows)]
#[derive(Debug)]
pub(crate) struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    /// Takes it from now on.
    ///
    /// # Errors
    ///
    /// Where the system does not allow it.
    pub(crate) fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Signal {
        let _ = self.0.recv().await;
        Signal::End("interrupt")
    }
}
