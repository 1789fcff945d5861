//! Nothing breaks any more: everybody gets what is his, and goes.

use mirrorball_protocol::{
    bayeux::broker::{SessionId, Transport},
    json::Value,
};

use super::bench::{Bench, Writing};

/// How often a session connects until it has everything.
const CONNECTS: usize = 4;
/// How often time may have to go by until nothing waits any more.
const PATIENCE: usize = 200;

impl Bench {
    pub(super) fn end(&mut self) {
        for at in 0..self.peers.len() {
            self.finish(at);
        }
        while let Some(session) = self.batches.pop() {
            self.broker.end_batch(session, self.now);
            self.settle();
        }
        self.deliver_all();
        let sessions: Vec<_> = self.broker.sessions().collect();
        for session in sessions {
            self.catch_up(session);
        }
        self.sockets_are_answered();
        self.requests_are_answered();
        self.clean_up();
        self.check();
    }

    /// Whoever was woken gets what there is.
    fn deliver_all(&mut self) {
        let mut left = PATIENCE * (self.peers.len() + 1);
        let mut at = 0;
        while at < self.peers.len() {
            left -= 1;
            assert!(left > 0, "there is no end to it");
            let before = self.peers.len();
            if self.delivered(at).is_some() || self.collect(at) {
                // What is over is gone, and others may have been woken.
                at = if self.peers.len() < before { 0 } else { at };
            } else {
                at += 1;
            }
        }
    }

    /// A session connects until it has everything.
    fn catch_up(&mut self, session: SessionId) {
        if self.sessions[&session].is_local {
            return;
        }
        let mut ack = None;
        for _ in 0..CONNECTS {
            let Some(client_id) = self.broker.client_id(session).cloned() else {
                return;
            };
            let caller = self.broker.caller(session).cloned();
            let at = self.attach(Transport::LongPolling, caller.unwrap_or_default());
            let ext = ack.map_or_else(String::new, |ack| format!(r#","ext":{{"ack":{ack}}}"#));
            let writing = self.ask(
                at,
                &format!(
                    r#"[{{"channel":"/meta/connect","clientId":"{client_id}","advice":{{"timeout":0}}{ext}}}]"#
                ),
            );
            let reply = writing.replies.iter().find(|reply| {
                reply.get("channel").and_then(Value::as_str) == Some("/meta/connect")
            });
            let reply = reply.expect("a connect is answered");
            let is_there = self.broker.client_id(session).is_some();
            let is_done = reply.get("successful").and_then(Value::as_bool);
            assert!(!is_there || is_done == Some(true), "{reply}");
            let batch = reply.get("ext").and_then(|ext| ext.get("ack"));
            ack = batch.and_then(Value::as_u64);
        }
        if self.broker.client_id(session).is_some() {
            assert_eq!(self.broker.queued(session), 0, "something is left");
            let heard = &self.sessions[&session].heard;
            assert!(
                heard.acknowledges || heard.has_holes || heard.is_whole(),
                "{:?} are lost",
                heard.expected
            );
        }
    }

    /// A payload that has to be answered at once.
    fn ask(&mut self, at: usize, payload: &str) -> Writing {
        self.begin(at, 0, payload, false);
        self.finish(at);
        assert!(self.collect(at), "nobody is answered");
        self.delivered(at).expect("it was collected")
    }

    /// Every socket is answered, and whatever was asked there before was.
    fn sockets_are_answered(&mut self) {
        self.deliver_all();
        for at in 0..self.peers.len() {
            if self.peers[at].transport.is_polling() {
                continue;
            }
            let handle = self.peers[at].handle;
            let mut asked = self.asked.iter();
            let left = asked.find(|(_, (asker, may_wait))| *asker == handle && !may_wait);
            assert!(left.is_none(), "{left:?} is not answered");
            let writing = self.ask(at, r#"{"channel":"/meta/connect","clientId":"nobody"}"#);
            let error = writing.replies.last().and_then(|reply| reply.get("error"));
            assert_eq!(error.and_then(Value::as_str), Some("402::session_unknown"));
        }
    }

    /// Every request that came is answered in time.
    fn requests_are_answered(&mut self) {
        let is_waiting = |bench: &Self| {
            let mut peers = bench.peers.iter();
            peers.any(|peer| peer.transport.is_polling() && peer.is_used)
        };
        let mut left = PATIENCE;
        self.deliver_all();
        while is_waiting(self) {
            left -= 1;
            assert!(left > 0, "a request is never answered");
            self.wait();
            self.deliver_all();
        }
    }

    fn wait(&mut self) {
        let due = self.broker.deadline().expect("it waits for nothing");
        self.now = self.now.max(due);
        self.tick();
    }

    /// Nobody is there any more: nothing is left.
    fn clean_up(&mut self) {
        while !self.peers.is_empty() {
            self.detach(0);
        }
        let mut left = PATIENCE;
        while self.broker.sessions().next().is_some() {
            left -= 1;
            assert!(left > 0, "a session is never over");
            self.wait();
        }
        let patterns: Vec<_> = self.broker.channels().cloned().collect();
        for pattern in patterns {
            assert!(self.broker.remove_channel(&pattern));
        }
        self.settle();
        while self.broker.deadline().is_some() {
            left -= 1;
            assert!(left > 0, "there is no end to it");
            self.wait();
        }
        assert_eq!(self.broker.channels().count(), 0);
    }
}
