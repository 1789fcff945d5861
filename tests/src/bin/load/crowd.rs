//! [`Crowd`]: many connections that mirror one state, and check what they are told.

use std::{
    cell::{Cell, RefCell},
    io,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{
    select,
    sync::{Notify, Semaphore, mpsc},
    task::JoinSet,
    time::timeout,
};

use crate::{
    message::{Said, path, set},
    socket::{Message, Socket, bad},
};

/// Connections that are being opened at once.
const OPENING: usize = 64;
/// How long the slowest server may take until everyone has a first state, or is in step.
const PATIENCE: Duration = Duration::from_secs(120);
/// The item whose leaf is changed.
const ITEM: usize = 7;

/// Connections to one server. Dropped, they are gone.
pub(crate) struct Crowd {
    tally: Rc<Tally>,
    commands: mpsc::UnboundedSender<String>,
    _members: JoinSet<()>,
}

/// What the connections were told, all together.
#[derive(Default)]
pub(crate) struct Tally {
    /// The path of the leaf that is changed.
    path: String,
    /// When each change was asked for: the first one sets the leaf to 1, the next one to 2.
    made: RefCell<Vec<Instant>>,
    /// Connections that hold a first state.
    begun: Cell<usize>,
    /// Connections that hold the newest state.
    in_step: Cell<usize>,
    /// Changes that were told to somebody.
    delivered: Cell<u64>,
    /// Requests that were answered.
    answered: Cell<u64>,
    /// Microseconds from the request to the change, for each that was told.
    latencies: RefCell<Vec<f64>>,
    fault: RefCell<Option<io::Error>>,
    progress: Notify,
}

impl Crowd {
    /// Opens `size` connections, each of which has got its first state when this returns.
    pub(crate) async fn open(server: SocketAddr, size: usize) -> io::Result<Self> {
        let tally = Rc::new(Tally {
            path: path(ITEM),
            ..Tally::default()
        });
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut members = JoinSet::new();
        let mut commands = Some(receiver);
        let opening = Rc::new(Semaphore::new(OPENING));
        for _ in 0..size {
            let (tally, opening, commands) = (tally.clone(), opening.clone(), commands.take());
            members.spawn_local(async move {
                if let Err(error) = take_part(server, &tally, &opening, commands).await {
                    tally.fault.replace(Some(error));
                    tally.progress.notify_one();
                }
            });
        }
        tally.wait(|tally| tally.begun.get() == size).await?;
        Ok(Self {
            tally,
            commands: sender,
            _members: members,
        })
    }

    /// Makes so many changes at that pace, and waits for everyone to hold the last one, but no longer than
    /// until `grace` is over.
    pub(crate) async fn change(
        &self,
        count: u64,
        pace: Duration,
        grace: Duration,
    ) -> io::Result<&Tally> {
        let mut pace = tokio::time::interval(pace);
        for value in 1..=count {
            pace.tick().await;
            self.tally.made.borrow_mut().push(Instant::now());
            self.tally.in_step.set(0);
            // It is gone only where there was a fault, which is told below.
            let _ = self.commands.send(set(value, ITEM, value));
        }
        match timeout(grace, self.in_step()).await {
            Ok(in_step) => in_step?,
            Err(_) => eprintln!(
                "after {grace:?} {} of {} connections hold the newest state",
                self.tally.in_step.get(),
                self.tally.begun.get()
            ),
        }
        Ok(&self.tally)
    }

    /// Waits for everyone to hold the newest state.
    pub(crate) async fn in_step(&self) -> io::Result<()> {
        let size = self.tally.begun.get();
        let asked = self.tally.made.borrow().len() as u64;
        self.tally
            .wait(|tally| tally.in_step.get() == size && tally.answered.get() == asked)
            .await
    }
}

/// One connection. The one with `commands` sends them as requests.
async fn take_part(
    server: SocketAddr,
    tally: &Tally,
    opening: &Semaphore,
    mut commands: Option<mpsc::UnboundedReceiver<String>>,
) -> io::Result<()> {
    let permit = opening.acquire().await.map_err(io::Error::other)?;
    let mut socket = Socket::open(server).await?;
    let mut last = None;
    while last.is_none() {
        socket
            .receive(|message| tally.take(&mut last, &message))
            .await?;
    }
    drop(permit);
    loop {
        let Some(commands) = &mut commands else {
            socket
                .receive(|message| tally.take(&mut last, &message))
                .await?;
            continue;
        };
        select! {
            received = socket.receive(|message| tally.take(&mut last, &message)) => received?,
            Some(command) = commands.recv() => socket.send(&command).await?,
        }
    }
}

impl Tally {
    /// Takes what one connection is told, which held the value `last` before.
    fn take(&self, last: &mut Option<u64>, message: &Message<'_>) -> io::Result<()> {
        let said = Said::read(message.text);
        let before = match (*last, said) {
            (None, Said::State { path: b"", .. }) => {
                *last = Some(0);
                self.begun.set(self.begun.get() + 1);
                self.progress.notify_one();
                return Ok(());
            }
            (None, _) if !message.whole => {
                *last = Some(0);
                self.begun.set(self.begun.get() + 1);
                self.progress.notify_one();
                return Ok(());
            }
            (None, _) => return Err(bad("something else came before the first state")),
            (Some(before), _) => before,
        };
        match said {
            Said::State {
                path,
                value: Some(value),
            } if path == self.path.as_bytes() => {
                let made = self.made.borrow();
                let Some(at) = usize::try_from(value)
                    .ok()
                    .and_then(|value| made.get(value.checked_sub(1)?))
                else {
                    return Err(bad(format!("a value that was never set: {value}")));
                };
                if value <= before {
                    return Err(bad(format!("{value} came after {before}")));
                }
                *last = Some(value);
                self.delivered.set(self.delivered.get() + 1);
                let latency = at.elapsed().as_secs_f64() * 1e6;
                self.latencies.borrow_mut().push(latency);
                if value == made.len() as u64 {
                    self.in_step.set(self.in_step.get() + 1);
                    self.progress.notify_one();
                }
                Ok(())
            }
            Said::Response { success: true, .. } => {
                self.answered.set(self.answered.get() + 1);
                self.progress.notify_one();
                Ok(())
            }
            other => Err(bad(format!("not what was asked for: {other:?}"))),
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

    /// Changes that were told to somebody.
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
