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

use crate::peer::Peer;
use crate::roster::Departure;
use crate::settings::{HELD_BYTES_MAX, HOLD_MS, PARKED_MESSAGES_MAX};
use crate::{Message, Room};

/// A request that waits.
pub(crate) struct Held {
    /// When it is judged by what the room has.
    until: UnixMs,
    request: Request,
    payload: Vec<u8>,
    /// What it was seen to wait for; looked up first, since each frame of anybody asks.
    awaited: Option<Awaited>,
}

/// A change that the room lacks.
#[derive(Clone, Copy)]
enum Awaited {
    /// The request names it.
    Named(ChangeHash),
    /// Its sender has shown it.
    Shown(ChangeHash),
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
        let is_behind = |peer: &Peer| !peer.held.is_empty();
        let behind = self.peers.get(peer_id).is_some_and(is_behind);
        let awaited = if behind {
            None
        } else {
            self.awaited(peer_id, request)
        };
        let Some(peer) = self.peers.get_mut(peer_id) else {
            return false;
        };
        if !behind && awaited.is_none() {
            return false;
        }
        if peer.held.len() >= PARKED_MESSAGES_MAX {
            self.close(now, peer_id, SLOW_CONSUMER, Departure::Away);
            return true;
        }
        let bytes: usize = peer.held.iter().map(|held| held.payload.len()).sum();
        if bytes + payload.len() > HELD_BYTES_MAX {
            return self.judge_held(now, peer_id, payload);
        }
        peer.held.push_back(Held {
            until: now.plus(HOLD_MS),
            request: request.clone(),
            payload: payload.to_vec(),
            awaited,
        });
        true
    }

    /// Judges all that a peer has waiting by what the room has, since what comes next finds no place; returns whether that
    /// waits all the same, for compute.
    fn judge_held(&mut self, now: UnixMs, peer_id: &PeerId, next: &[u8]) -> bool {
        while let Some(held) = self.pop_held(peer_id) {
            self.judge_request(now, peer_id, held.request, &held.payload);
            self.park_held(peer_id);
        }
        let Some(peer) = self.peers.get_mut(peer_id) else {
            return true;
        };
        let Some(waiting) = &mut peer.waiting else {
            return false;
        };
        let next = wire::frame::encode(FrameType::Request, next);
        waiting.park(Message::Binary(next));
        true
    }

    /// Goes on with what was held back and need not wait any longer.
    pub(crate) fn release_held(&mut self, now: UnixMs) {
        let holding = self.peers.iter().filter(|(_, peer)| !peer.held.is_empty());
        let holding: Vec<PeerId> = holding.map(|(peer_id, _)| peer_id.clone()).collect();
        for peer_id in holding {
            while let Some(held) = self.next_released(now, &peer_id) {
                self.judge_request(now, &peer_id, held.request, &held.payload);
                self.park_held(&peer_id);
            }
        }
    }

    /// When the first request is judged that still waits.
    pub(crate) fn held_deadline(&self) -> Option<UnixMs> {
        let first = self.peers.values().filter_map(|peer| peer.held.front());
        first.map(|held| held.until).min()
    }

    fn next_released(&mut self, now: UnixMs, peer_id: &PeerId) -> Option<Held> {
        let mut first = self.pop_held(peer_id)?;
        if now < first.until {
            let known = first.awaited.filter(|one| self.is_awaited(peer_id, *one));
            first.awaited = known.or_else(|| self.awaited(peer_id, &first.request));
            if first.awaited.is_some() {
                self.peers.get_mut(peer_id)?.held.push_front(first);
                return None;
            }
        }
        Some(first)
    }

    fn pop_held(&mut self, peer_id: &PeerId) -> Option<Held> {
        self.peers.get_mut(peer_id)?.held.pop_front()
    }

    /// Where a request waits for compute now, those behind it wait there.
    fn park_held(&mut self, peer_id: &PeerId) {
        let Some(peer) = self.peers.get_mut(peer_id) else {
            return;
        };
        if let Some(waiting) = &mut peer.waiting {
            for held in peer.held.drain(..) {
                let behind = wire::frame::encode(FrameType::Request, &held.payload);
                waiting.park(Message::Binary(behind));
            }
        }
    }

    /// A change that may still come, and that a request which reads the notebook comes after.
    fn awaited(&mut self, peer_id: &PeerId, request: &Request) -> Option<Awaited> {
        if !(request.action.is_execution() || request.action == Action::RestartKernel) {
            return None;
        }
        if let Some(missing) = self.missing_head(request) {
            return Some(Awaited::Named(missing));
        }
        let kind = DocKind::Notebook;
        let doc = self.documents[kind.index()].doc();
        let peer = self.peers.get(peer_id)?;
        let mut shown = peer.documents[kind.index()].shown().iter();
        let missing = shown.find(|head| doc.get_change_meta_by_hash(head).is_none());
        missing.copied().map(Awaited::Shown)
    }

    /// Whether a change that was awaited still is.
    fn is_awaited(&mut self, peer_id: &PeerId, awaited: Awaited) -> bool {
        let kind = DocKind::Notebook;
        let hash = match awaited {
            Awaited::Named(hash) => hash,
            Awaited::Shown(hash) => {
                let shows = |peer: &Peer| !peer.documents[kind.index()].shown().is_empty();
                if !self.peers.get(peer_id).is_some_and(shows) {
                    return false;
                }
                hash
            }
        };
        self.doc(kind).get_change_meta_by_hash(&hash).is_none()
    }
}
