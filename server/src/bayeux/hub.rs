//! [`Hub`]: the broker behind its lock, its clock, and who has to be woken.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mirrorball_protocol::{
    bayeux::broker::{Broker, BrokerEvent, BrokerOptions, Output},
    time::Instant,
};
use tokio::{
    sync::{Notify, broadcast},
    time::{interval, sleep_until},
};

use super::Service;
use crate::socket::{Clock, Frame};

/// How often the broker is told what the wall clock shows.
const CLOCK_PERIOD: Duration = Duration::from_secs(60);

/// A connection as the broker knows it: whom to wake.
pub(super) type Wire = Arc<Notify>;
/// What a delivery has besides: its WebSocket frame, made by the first who sends it.
pub(super) type Slot = OnceLock<Frame>;
/// The broker with what this shell keeps in it.
pub(super) type Core = Broker<Wire, Slot>;

/// The broker behind its lock. Nobody waits for anything while it is held.
pub(super) struct Hub {
    state: Mutex<State>,
    clock: Clock,
    events: broadcast::Sender<BrokerEvent>,
    /// Tells the timer that something is due earlier than it thinks.
    alarm: Arc<Notify>,
}

struct State {
    broker: Core,
    /// When the timer goes off.
    due: Option<Instant>,
}

impl Hub {
    pub(super) fn new(options: BrokerOptions, events: usize) -> Self {
        let state = State {
            broker: Broker::new(options),
            due: None,
        };
        let hub = Self {
            state: Mutex::new(state),
            clock: Clock::new(),
            events: broadcast::Sender::new(events.max(1)),
            alarm: Arc::default(),
        };
        hub.tell_time();
        hub
    }

    /// Has the broker do something, and sees to what it wants done. To be called while nothing else is waited for or
    /// locked.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut Core, Instant) -> R) -> R {
        let mut woken = Vec::new();
        let mut state = self.lock();
        let State { broker, due } = &mut *state;
        let result = act(broker, self.clock.now());
        while let Some(output) = broker.poll() {
            match output {
                Output::Wake(wire) => woken.push(wire),
                // Under the lock, so that events are told in their order. An error says that nobody listens.
                Output::Event(event) => _ = self.events.send(event),
            }
        }
        let next = broker.deadline();
        let is_earlier = next.is_some_and(|next| due.is_none_or(|due| next < due));
        if is_earlier {
            *due = next;
        }
        drop(state);
        // Whoever wakes takes the lock.
        for wire in woken {
            wire.notify_one();
        }
        if is_earlier {
            self.alarm.notify_one();
        }
        result
    }

    /// What happens from now on.
    pub(super) fn listen(&self) -> broadcast::Receiver<BrokerEvent> {
        self.events.subscribe()
    }

    /// Ends the timer, once the service is gone.
    pub(super) fn end(&self) {
        self.alarm.notify_one();
    }

    pub(super) const fn clock(&self) -> Clock {
        self.clock
    }

    fn tell_time(&self) {
        // A clock that shows a time before 1970 is as good as none.
        let time = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = time.unwrap_or_default().as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        self.with(|broker, now| broker.set_clock(millis, now));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has a service's broker know that time goes by, for as long as there is the service.
pub(super) fn start_timer(service: &Arc<Service>) {
    let alarm = Arc::clone(&service.hub.alarm);
    let clock = service.hub.clock;
    let service = Arc::downgrade(service);
    tokio::spawn(async move {
        let mut clocks = interval(CLOCK_PERIOD);
        loop {
            let Some(here) = service.upgrade() else {
                return;
            };
            let due = {
                let mut state = here.hub.lock();
                state.due = state.broker.deadline();
                state.due.and_then(|due| clock.at(due))
            };
            drop(here);
            let wait = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            let is_due = tokio::select! {
                () = wait => true,
                () = alarm.notified() => false,
                _ = clocks.tick() => {
                    if let Some(here) = service.upgrade() {
                        here.hub.tell_time();
                    }
                    false
                }
            };
            if is_due && let Some(here) = service.upgrade() {
                here.hub.with(Core::tick);
            }
        }
    });
}
