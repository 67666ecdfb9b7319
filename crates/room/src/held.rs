//! Requests that wait for the edits before them (room protocol 6.3, Appendix B, Q-14).
//!
//! A client flushes its edit and asks for a run at once. A change that its Bloom filter took for known comes only when the
//! room has asked for it, a round trip behind the request: until then the room would run the source of before, or find no
//! such cell. So what reads the notebook waits for heads that its sender has shown or named, and whatever that sender asks
//! for next waits behind it, since answers go by their order.

use automerge::ChangeHash;
use documents::DocKind;
use wire::close::SLOW_CONSUMER;
use wire::request::{Action, Request};
use wire::{FrameType, PeerId, UnixMs};

use crate::roster::Departure;
use crate::settings::{HOLD_MS, PARKED_MESSAGES_MAX};
use crate::{Message, Room};

/// A request that waits.
pub(crate) struct Held {
    /// When it is judged by what the room has.
    until: UnixMs,
    payload: Vec<u8>,
}

impl Room {
    /// Holds a request back if it is to wait; returns whether it does.
    pub(crate) fn hold(
        &mut self,
        now: UnixMs,
        peer_id: &PeerId,
        request: &Request,
        payload: &[u8],
    ) -> bool {
        let is_behind = |peer: &crate::peer::Peer| !peer.held.is_empty();
        let waits = self.peers.get(peer_id).is_some_and(is_behind) || self.awaits(peer_id, request);
        let Some(peer) = self.peers.get_mut(peer_id).filter(|_| waits) else {
            return false;
        };
        if peer.held.len() >= PARKED_MESSAGES_MAX {
            self.close(now, peer_id, SLOW_CONSUMER, Departure::Away);
        } else {
            peer.held.push_back(Held {
                until: now.plus(HOLD_MS),
                payload: payload.to_vec(),
            });
        }
        true
    }

    /// Goes on with what was held back and need not wait any longer.
    pub(crate) fn release_held(&mut self, now: UnixMs) {
        let holding = self.peers.iter().filter(|(_, peer)| !peer.held.is_empty());
        let holding: Vec<PeerId> = holding.map(|(peer_id, _)| peer_id.clone()).collect();
        for peer_id in holding {
            while let Some(payload) = self.next_released(now, &peer_id) {
                self.judge_request(now, &peer_id, &payload);
                self.park_held(&peer_id);
            }
        }
    }

    /// When the first request is judged that still waits.
    pub(crate) fn held_deadline(&self) -> Option<UnixMs> {
        let first = self.peers.values().filter_map(|peer| peer.held.front());
        first.map(|held| held.until).min()
    }

    fn next_released(&mut self, now: UnixMs, peer_id: &PeerId) -> Option<Vec<u8>> {
        let first = self.peers.get(peer_id)?.held.front()?;
        if now < first.until {
            let request = Request::parse(&first.payload).ok();
            if request.is_some_and(|request| self.awaits(peer_id, &request)) {
                return None;
            }
        }
        let first = self.peers.get_mut(peer_id)?.held.pop_front()?;
        Some(first.payload)
    }

    /// Where a request waits for compute now, those behind it wait there.
    fn park_held(&mut self, peer_id: &PeerId) {
        let Some(peer) = self.peers.get_mut(peer_id) else {
            return;
        };
        if let Some(waiting) = &mut peer.waiting {
            let behind = peer.held.drain(..).map(|held| {
                Message::Binary(wire::frame::encode(FrameType::Request, &held.payload))
            });
            waiting.parked.extend(behind);
        }
    }

    /// Whether a request reads the notebook, and changes that its sender has seen may still come.
    fn awaits(&mut self, peer_id: &PeerId, request: &Request) -> bool {
        if !(request.action.is_execution() || request.action == Action::RestartKernel) {
            return false;
        }
        if self.missing_head(request).is_some() {
            return true;
        }
        let kind = DocKind::Notebook;
        let Some(peer) = self.peers.get(peer_id) else {
            return false;
        };
        let shown: Vec<ChangeHash> = peer.documents[kind.index()].shown().to_vec();
        let doc = self.doc(kind);
        shown
            .iter()
            .any(|head| doc.get_change_meta_by_hash(head).is_none())
    }
}
