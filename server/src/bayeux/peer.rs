//! [`Peer`]: one connection, and the payloads that come over it.

use std::{sync::Arc, time::Duration};

use mirrorball_protocol::{
    bayeux::{
        Message,
        broker::{Effect, Parcel, PeerId, Transport, Turn, Verdict},
    },
    json::Value,
};

use super::{
    Context, Service,
    hub::{Hub, Slot, Wire},
};

/// One connection, as long as it lasts. Once it is dropped, what it was given and did not deliver goes back to its
/// session.
pub(super) struct Peer {
    pub(super) service: Arc<Service>,
    pub(super) context: Context,
    pub(super) wire: Wire,
    id: PeerId,
}

impl Peer {
    pub(super) fn attach(service: &Arc<Service>, context: Context, transport: Transport) -> Self {
        let wire = Wire::default();
        let caller = context.caller();
        let id = service
            .hub
            .with(|broker, _| broker.attach(Arc::clone(&wire), transport, caller));
        Self {
            service: Arc::clone(service),
            context,
            wire,
            id,
        }
    }

    /// Carries out a payload, one message after another; returns whether a session began. What it came to is to be
    /// [collected](Self::collect) then.
    pub(super) async fn exchange(&self, messages: Vec<Message<Value>>) -> bool {
        let hub = &self.service.hub;
        let open = Open::begin(hub, self.id, messages.len());
        let mut is_opened = false;
        for message in messages {
            let Some(turn) = &open.turn else { break };
            let examined = hub.with(|broker, now| {
                let request = broker.examine(turn, message, now);
                // Most messages need nobody's leave, and the lock only once.
                if self.service.has_to_ask(&request) {
                    return Err(Box::new(request));
                }
                Ok(broker.carry_out(turn, request, Verdict::Granted, now))
            });
            let effect = match examined {
                Ok(effect) => effect,
                Err(mut request) => {
                    let verdict = self.service.judge(&self.context, &mut request).await;
                    hub.with(|broker, now| broker.carry_out(turn, *request, verdict, now))
                }
            };
            match effect {
                Effect::Done => {}
                Effect::Opened(_) => is_opened = true,
                Effect::Service(call) => self.service.serve(&self.context, call).await,
            }
        }
        is_opened
    }

    /// What is to be sent next. The parcel before it is written.
    pub(super) fn collect(&self) -> Option<Parcel<Slot>> {
        self.service
            .hub
            .with(|broker, now| broker.collect(self.id, now))
    }

    /// The last parcel is written; what is to be sent next?
    pub(super) fn collect_after(&self) -> Option<Parcel<Slot>> {
        self.service.hub.with(|broker, now| {
            broker.delivered(self.id, now);
            broker.collect(self.id, now)
        })
    }

    /// The last parcel is written.
    pub(super) fn delivered(&self) {
        self.service
            .hub
            .with(|broker, now| broker.delivered(self.id, now));
    }

    /// Answers the connect that is held here: its client is to come back.
    pub(super) fn release(&self) {
        self.service
            .hub
            .with(|broker, now| broker.release_at(self.id, Duration::ZERO, now));
    }

    pub(super) const fn id(&self) -> PeerId {
        self.id
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.service
            .hub
            .with(|broker, now| broker.detach(self.id, now));
    }
}

/// A payload that is being carried out. However that ends, it is finished: nothing that waits for it waits for ever.
struct Open<'a> {
    hub: &'a Hub,
    turn: Option<Turn>,
}

impl<'a> Open<'a> {
    fn begin(hub: &'a Hub, peer: PeerId, count: usize) -> Self {
        let turn = hub.with(|broker, now| broker.begin(peer, count, now));
        Self {
            hub,
            turn: Some(turn),
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(turn) = self.turn.take() {
            self.hub.with(|broker, now| broker.finish(turn, now));
        }
    }
}
