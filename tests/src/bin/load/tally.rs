//! [`Tally`]: what many connections were told, all together.

use std::{
    cell::{Cell, RefCell},
    io,
    time::{Duration, Instant},
};

use tokio::{
    sync::Notify,
    time::{Interval, timeout},
};

use crate::socket::bad;

/// How long the slowest server may take until everyone has begun, or is in step.
const PATIENCE: Duration = Duration::from_secs(120);

/// What many connections were told, all together: values that rise by one, of which each was asked for at a moment.
#[derive(Default)]
pub(crate) struct Tally {
    /// When each value was asked for: the first one is 1, the next one 2.
    made: RefCell<Vec<Instant>>,
    /// Connections that have begun.
    begun: Cell<usize>,
    /// Connections that were told the newest value.
    in_step: Cell<usize>,
    /// Values that were told to somebody.
    delivered: Cell<u64>,
    /// Requests that were answered.
    answered: Cell<u64>,
    /// Microseconds from the request to each value that was told.
    latencies: RefCell<Vec<f64>>,
    fault: RefCell<Option<io::Error>>,
    progress: Notify,
}

impl Tally {
    /// A connection has begun.
    pub(crate) fn begin(&self) {
        self.begun.set(self.begun.get() + 1);
        self.progress.notify_one();
    }

    /// Waits for the next value's time, and notes that it is asked for.
    pub(crate) async fn make(&self, pace: &mut Interval) {
        pace.tick().await;
        self.made.borrow_mut().push(Instant::now());
        self.in_step.set(0);
    }

    /// A request was answered.
    pub(crate) fn answer(&self) {
        self.answered.set(self.answered.get() + 1);
        self.progress.notify_one();
    }

    /// A connection that was told `last` before is told a value.
    pub(crate) fn take(&self, last: &mut u64, value: u64) -> io::Result<()> {
        let made = self.made.borrow();
        let at = usize::try_from(value)
            .ok()
            .and_then(|value| made.get(value.checked_sub(1)?))
            .ok_or_else(|| bad(format!("a value that was never set: {value}")))?;
        if value <= *last {
            return Err(bad(format!("{value} came after {last}")));
        }
        *last = value;
        self.delivered.set(self.delivered.get() + 1);
        let latency = at.elapsed().as_secs_f64() * 1e6;
        self.latencies.borrow_mut().push(latency);
        if value == made.len() as u64 {
            self.in_step.set(self.in_step.get() + 1);
            self.progress.notify_one();
        }
        Ok(())
    }

    /// Something went wrong: whoever waits is told.
    pub(crate) fn fail(&self, error: io::Error) {
        self.fault.replace(Some(error));
        self.progress.notify_one();
    }

    /// Waits for so many connections to have begun.
    pub(crate) async fn all_begun(&self, size: usize) -> io::Result<()> {
        self.wait(|tally| tally.begun.get() == size).await
    }

    /// Waits for everyone to be told the newest value, and for so many requests to be answered.
    pub(crate) async fn all_in_step(&self, requests: u64) -> io::Result<()> {
        let size = self.begun.get();
        self.wait(|tally| tally.in_step.get() == size && tally.answered.get() == requests)
            .await
    }

    /// The same, but no longer than until `grace` is over.
    pub(crate) async fn settle(&self, requests: u64, grace: Duration) -> io::Result<()> {
        match timeout(grace, self.all_in_step(requests)).await {
            Ok(in_step) => in_step,
            Err(_) => {
                eprintln!(
                    "after {grace:?} {} of {} connections were told the newest",
                    self.in_step.get(),
                    self.begun.get()
                );
                Ok(())
            }
        }
    }

    async fn wait(&self, reached: impl Fn(&Self) -> bool) -> io::Result<()> {
        let waiting = async {
            loop {
                if let Some(error) = self.fault.take() {
                    return Err(error);
                }
                if reached(self) {
                    return Ok(());
                }
                self.progress.notified().await;
            }
        };
        timeout(PATIENCE, waiting).await.map_err(|_| {
            bad(format!(
                "after {PATIENCE:?} {} connections had begun and {} were in step",
                self.begun.get(),
                self.in_step.get()
            ))
        })?
    }

    /// Connections that have begun.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.get() as u64
    }

    /// Values that were asked for.
    pub(crate) fn made(&self) -> u64 {
        self.made.borrow().len() as u64
    }

    /// Values that were told to somebody.
    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.get()
    }

    /// The microseconds within which this share of what was told came.
    pub(crate) fn latency(&self, share: f64) -> f64 {
        percentile(&mut self.latencies.borrow_mut(), share)
    }
}

/// The value below which this share of them lies.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length is an index"
    )]
    let index = (values.len() as f64 * share) as usize;
    let last = values.len().saturating_sub(1);
    values.get(index.min(last)).copied().unwrap_or_default()
}
