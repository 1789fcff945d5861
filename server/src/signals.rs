//! [`Signals`]: what tells the program to end, or to read its files again.

/// What the program is told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// To read again what may have changed.
    Reload,
    /// To end; by the name of the signal.
    End(&'static str),
}

/// What tells the program to end, or to read its files again.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    /// Takes them from now on.
    ///
    /// # Errors
    ///
    /// Where the system does not allow it.
    pub(crate) fn new() -> std::io::Result<Self> {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
            #[cfg(unix)]
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Signal {
        #[cfg(unix)]
        let (terminate, hangup) = (self.terminate.recv(), self.hangup.recv());
        #[cfg(not(unix))]
        let (terminate, hangup) = (
            std::future::pending::<Option<()>>(),
            std::future::pending::<Option<()>>(),
        );
        tokio::select! {
            _ = tokio::signal::ctrl_c() => Signal::End("interrupt"),
            _ = terminate => Signal::End("terminate"),
            _ = hangup => Signal::Reload,
        }
    }
}
