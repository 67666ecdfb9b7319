//! Queries that wait for a runtime peer's answer, such as `complete` (room protocol 5.5).

use std::collections::VecDeque;

use wire::request::Response;
use wire::{FrameType, PeerId, UnixMs};

use crate::Room;
use crate::ingress::Counted;
use crate::peer::Peer;
use crate::settings::{PENDING_QUERIES_MAX, PENDING_QUERY_MAX_AGE_MS};

/// The table of waiting queries, oldest first.
#[derive(Default)]
pub(crate) struct Queries {
    pending: VecDeque<Pending>,
    /// Queries whose requester left: their late answers are swallowed (Appendix B, Q-02).
    abandoned: VecDeque<(PeerId, String)>,
}

struct Pending {
    id: String,
    action: String,
    requester: PeerId,
    runtime_peer: PeerId,
    asked_at: UnixMs,
}

impl Queries {
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub(crate) fn is_pending(&self, id: &str) -> bool {
        self.pending.iter().any(|pending| pending.id == id)
    }

    fn abandon(&mut self, runtime_peer: PeerId, id: String) {
        if self.abandoned.len() == PENDING_QUERIES_MAX {
            self.abandoned.pop_front();
        }
        self.abandoned.push_back((runtime_peer, id));
    }
}

impl Room {
    /// Forwards a query to the runtime peer and remembers who waits for its answer.
    pub(crate) fn query(
        &mut self,
        now: UnixMs,
        peer_id: &PeerId,
        action: &str,
        id: Option<String>,
        payload: &[u8],
    ) {
        let refuse = |room: &mut Self, reason: String| {
            room.reject(now, peer_id, Some(FrameType::Request), reason, Counted::No);
        };
        let Some(id) = id else {
            return refuse(
                self,
                format!("hosted runtime query {action} is missing a request id"),
            );
        };
        self.expire_queries(now);
        if self.queries.is_pending(&id) {
            let reason = format!("hosted runtime query {action} request id is already pending");
            return refuse(self, reason);
        }
        let Some(runtime_peer) = self.active_runtime_peer(peer_id) else {
            return refuse(self, format!("no runtime peer is attached for {action}"));
        };
        if self.queries.pending.len() >= PENDING_QUERIES_MAX {
            let oldest = self.queries.pending.pop_front();
            self.give_up(oldest, |action| {
                format!(
                    "runtime peer query {action} was evicted because too many queries are pending"
                )
            });
        }
        self.send(&runtime_peer, FrameType::Request, payload);
        self.queries.pending.push_back(Pending {
            id,
            action: action.to_owned(),
            requester: peer_id.clone(),
            runtime_peer,
            asked_at: now,
        });
        self.accept(now, peer_id, FrameType::Request, payload.len());
    }

    /// Routes an answer to its requester, or refuses it.
    pub(crate) fn response(&mut self, now: UnixMs, peer_id: &PeerId, payload: &[u8]) {
        let id = Response::parse(payload)
            .ok()
            .and_then(|response| response.id);
        let found = id.as_deref().and_then(|id| {
            let pending = &self.queries.pending;
            pending
                .iter()
                .position(|query| query.id == id && query.runtime_peer == *peer_id)
        });
        if let Some(query) = found.and_then(|at| self.queries.pending.remove(at)) {
            if let Some(peer) = self.peers.get_mut(peer_id) {
                peer.streak = 0;
            }
            self.send(&query.requester, FrameType::Response, payload);
            return;
        }
        let abandoned = &mut self.queries.abandoned;
        let late = abandoned.iter().position(|(runtime_peer, abandoned_id)| {
            runtime_peer == peer_id && Some(abandoned_id) == id.as_ref()
        });
        if late.and_then(|at| abandoned.remove(at)).is_some() {
            return;
        }
        // Refused but not counted: a late answer must not end a compute session (decision D13).
        let reason = "runtime peer response does not match an in-flight hosted request";
        self.reject(
            now,
            peer_id,
            Some(FrameType::Response),
            reason.to_owned(),
            Counted::No,
        );
    }

    pub(crate) fn queries_of_departed(&mut self, peer: &Peer) {
        let peer_id = &peer.join.peer_id;
        let (gone, kept): (Vec<Pending>, Vec<Pending>) = std::mem::take(&mut self.queries.pending)
            .into_iter()
            .partition(|query| query.requester == *peer_id || query.runtime_peer == *peer_id);
        self.queries.pending = kept.into();
        self.queries
            .abandoned
            .retain(|(runtime_peer, _)| runtime_peer != peer_id);
        for query in gone {
            if query.requester == *peer_id {
                self.queries.abandon(query.runtime_peer, query.id);
            } else {
                self.give_up(Some(query), |action| match action {
                    "complete" => "runtime_peer disconnected before runtime query completed".into(),
                    action => {
                        format!("runtime_peer disconnected before runtime query {action} completed")
                    }
                });
            }
        }
    }

    fn expire_queries(&mut self, now: UnixMs) {
        while self
            .queries
            .pending
            .front()
            .is_some_and(|query| now.since(query.asked_at) > PENDING_QUERY_MAX_AGE_MS)
        {
            let oldest = self.queries.pending.pop_front();
            self.give_up(oldest, |action| {
                format!("runtime peer query {action} expired before the runtime peer responded")
            });
        }
    }

    fn give_up(&mut self, query: Option<Pending>, text: impl FnOnce(&str) -> String) {
        let Some(query) = query else { return };
        let response = Response::error(query.id.clone(), text(&query.action));
        self.send(&query.requester, FrameType::Response, &response.encode());
        self.queries.abandon(query.runtime_peer, query.id);
    }
}
