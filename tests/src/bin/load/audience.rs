//! [`Audience`]: many sessions that subscribed, and check what they hear of what one publishes.

use std::{io, net::SocketAddr, rc::Rc, time::Duration};

use tokio::{
    select,
    sync::{Semaphore, mpsc},
    task::JoinSet,
};

use crate::{
    batch::Heard,
    crowd::OPENING,
    session::{Session, Transport},
    socket::bad,
    tally::Tally,
};

/// Sessions at one server, and one more that publishes. Dropped, they are gone.
pub(crate) struct Audience {
    tally: Rc<Tally>,
    channels: Rc<[String]>,
    /// What to publish in each channel.
    values: mpsc::UnboundedSender<u64>,
    _members: JoinSet<()>,
}

impl Audience {
    /// Opens `size` sessions, each of which subscribed to one of so many channels when this returns.
    pub(crate) async fn open(
        server: SocketAddr,
        transport: Transport,
        size: usize,
        channels: usize,
    ) -> io::Result<Self> {
        let tally = Rc::new(Tally::default());
        let mut members = JoinSet::new();
        let opening = Rc::new(Semaphore::new(OPENING));
        let channels: Rc<[String]> = (0..channels).map(|it| format!("/load/{it}")).collect();
        for index in 0..size {
            let (tally, opening, channels) = (tally.clone(), opening.clone(), channels.clone());
            members.spawn_local(async move {
                let channel = &channels[index % channels.len()];
                let listening = listen(server, transport, channel, &tally, &opening);
                if let Err(error) = listening.await {
                    tally.fail(error);
                }
            });
        }
        tally.all_begun(size).await?;
        let speaker = Session::open(server, transport).await?;
        let (values, receiver) = mpsc::unbounded_channel();
        members.spawn_local({
            let (tally, channels) = (tally.clone(), channels.clone());
            async move {
                if let Err(error) = speak(speaker, &channels, receiver, &tally).await {
                    tally.fail(error);
                }
            }
        });
        Ok(Self {
            tally,
            channels,
            values,
            _members: members,
        })
    }

    /// Publishes so often in each channel at that pace, and waits for everyone to hear the last one, but no longer
    /// than until `grace` is over.
    pub(crate) async fn publish(
        &self,
        count: u64,
        pace: Duration,
        grace: Duration,
    ) -> io::Result<&Tally> {
        let mut pace = tokio::time::interval(pace);
        for value in 1..=count {
            self.tally.make(&mut pace).await;
            // It is gone only where there was a fault, which is told below.
            let _ = self.values.send(value);
        }
        let requests = self.tally.made() * self.channels.len() as u64;
        self.tally.settle(requests, grace).await?;
        Ok(&self.tally)
    }
}

/// One session that subscribed.
async fn listen(
    server: SocketAddr,
    transport: Transport,
    channel: &str,
    tally: &Tally,
    opening: &Semaphore,
) -> io::Result<()> {
    let permit = opening.acquire().await.map_err(io::Error::other)?;
    let mut session = Session::open(server, transport).await?;
    session.subscribe(channel).await?;
    drop(permit);
    tally.begin();
    let mut last = 0;
    loop {
        session
            .listen(|heard| match heard {
                Heard::Event {
                    channel: of, value, ..
                } if of == channel.as_bytes() => tally.take(&mut last, value),
                other => Err(bad(format!("not what was subscribed to: {other:?}"))),
            })
            .await?;
    }
}

/// The session that publishes.
async fn speak(
    mut session: Session,
    channels: &[String],
    mut values: mpsc::UnboundedReceiver<u64>,
    tally: &Tally,
) -> io::Result<()> {
    let answered = |heard: Heard<'_>| match heard {
        Heard::Reply {
            successful: true, ..
        } => {
            tally.answer();
            Ok(())
        }
        other => Err(bad(format!("not what was asked for: {other:?}"))),
    };
    loop {
        select! {
            heard = session.hear(answered) => heard?,
            Some(value) = values.recv() => {
                for channel in channels {
                    session.publish(channel, value, answered).await?;
                }
            }
        }
    }
}
