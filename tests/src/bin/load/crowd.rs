//! [`Crowd`]: many connections that mirror one state, and check what they are told.

use std::{io, net::SocketAddr, rc::Rc, time::Duration};

use tokio::{
    select,
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

use crate::{
    message::{Said, path, set},
    socket::{Message, Socket, bad},
    tally::Tally,
};

/// Connections that are being opened at once.
pub(crate) const OPENING: usize = 64;
/// The item whose leaf is changed.
const ITEM: usize = 7;

/// Connections to one server. Dropped, they are gone.
pub(crate) struct Crowd {
    tally: Rc<Tally>,
    commands: mpsc::UnboundedSender<String>,
    _members: JoinSet<()>,
}

impl Crowd {
    /// Opens `size` connections, each of which has got its first state when this returns.
    pub(crate) async fn open(server: SocketAddr, size: usize) -> io::Result<Self> {
        let tally = Rc::new(Tally::default());
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut members = JoinSet::new();
        let mut commands = Some(receiver);
        let opening = Rc::new(Semaphore::new(OPENING));
        for _ in 0..size {
            let (tally, opening, commands) = (tally.clone(), opening.clone(), commands.take());
            members.spawn_local(async move {
                if let Err(error) = take_part(server, &tally, &opening, commands).await {
                    tally.fail(error);
                }
            });
        }
        tally.all_begun(size).await?;
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
            self.tally.make(&mut pace).await;
            // It is gone only where there was a fault, which is told below.
            let _ = self.commands.send(set(value, ITEM, value));
        }
        self.tally.settle(self.tally.made(), grace).await?;
        Ok(&self.tally)
    }

    /// Waits for everyone to hold the newest state.
    pub(crate) async fn in_step(&self) -> io::Result<()> {
        self.tally.all_in_step(self.tally.made()).await
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
    let path = path(ITEM);
    let mut last = None;
    let mut take = |message: Message<'_>| take(tally, &path, &mut last, &message);
    let mut has_begun = false;
    while !has_begun {
        socket
            .receive(|message| {
                has_begun = true;
                take(message)
            })
            .await?;
    }
    drop(permit);
    loop {
        let Some(commands) = &mut commands else {
            socket.receive(&mut take).await?;
            continue;
        };
        select! {
            received = socket.receive(&mut take) => received?,
            Some(command) = commands.recv() => socket.send(&command).await?,
        }
    }
}

/// Takes what one connection is told, which held the value `last` before.
fn take(
    tally: &Tally,
    path: &str,
    last: &mut Option<u64>,
    message: &Message<'_>,
) -> io::Result<()> {
    match (last, Said::read(message.text)) {
        // The first state: a whole one, or what is left of one that came in segments.
        (last @ None, said) => {
            if message.whole && !matches!(said, Said::State { path: b"", .. }) {
                return Err(bad("something else came before the first state"));
            }
            *last = Some(0);
            tally.begin();
            Ok(())
        }
        (
            Some(last),
            Said::State {
                path: changed,
                value: Some(value),
            },
        ) if changed == path.as_bytes() => tally.take(last, value),
        (Some(_), Said::Response { success: true, .. }) => {
            tally.answer();
            Ok(())
        }
        (_, other) => Err(bad(format!("not what was asked for: {other:?}"))),
    }
}
