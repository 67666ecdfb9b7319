//! Coming and going: ready, joined, left (room protocol 3.1, 3.2, 7.4).

use documents::DocKind;
use wire::close::{Close, REPLACED_BY_NEWER};
use wire::control::{PeerChange, RoomReady, SessionControl};
use wire::{FrameType, PeerId, UnixMs};

use crate::peer::Peer;
use crate::{Effect, Join, Room};

/// Whether the going of the last runtime peer marks the attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// The peer is away and may come back: decision D1.
    Away,
    /// The room itself ended or replaced the session.
    Ended,
}

impl Room {
    pub(crate) fn join(&mut self, now: UnixMs, join: Join) {
        let peer_id = join.peer_id.clone();
        if join.scope == wire::Scope::RuntimePeer {
            self.replace_older(now, &join);
            self.note_kernelspec();
        }
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        let peer = Peer::new(join, arrival);
        let is_runtime = peer.is_runtime();
        self.peers.insert(peer_id.clone(), peer);
        self.send_ready(&peer_id);
        self.announce_joined(&peer_id);
        for kind in DocKind::ALL {
            self.send_sync(&peer_id, kind);
        }
        if is_runtime {
            self.runtime_peer_joined(now, &peer_id);
        }
        self.watch_idleness(now);
    }

    pub(crate) fn leave(&mut self, now: UnixMs, peer_id: &PeerId) {
        self.remove(now, peer_id, Departure::Away);
    }

    /// Closes a peer's socket and forgets the peer at once: later frames of it do not count.
    pub(crate) fn close(
        &mut self,
        now: UnixMs,
        peer_id: &PeerId,
        close: Close,
        departure: Departure,
    ) {
        if self.peers.contains_key(peer_id) {
            for kind in DocKind::ALL {
                self.write_syncs(kind);
            }
            self.work.push(Effect::Close {
                peer_id: peer_id.clone(),
                close,
            });
            self.remove(now, peer_id, departure);
        }
    }

    pub(crate) fn close_runtime_peers(&mut self, now: UnixMs, close: Close) {
        for peer_id in self.runtime_peer_ids() {
            self.close(now, &peer_id, close, Departure::Ended);
        }
    }

    pub(crate) fn runtime_peer_ids(&self) -> Vec<PeerId> {
        let runtime = self.peers.iter().filter(|(_, peer)| peer.is_runtime());
        runtime.map(|(peer_id, _)| peer_id.clone()).collect()
    }

    fn remove(&mut self, now: UnixMs, peer_id: &PeerId, departure: Departure) {
        let Some(peer) = self.peers.remove(peer_id) else {
            return;
        };
        let control = SessionControl::PeerLeft(self.peer_change(&peer, None, now));
        self.broadcast_control(&control);
        self.queries_of_departed(&peer);
        if peer.is_runtime() && departure == Departure::Away && self.runtime_peer_count() == 0 {
            self.runtime_peer_away(now);
        }
    }

    fn replace_older(&mut self, now: UnixMs, join: &Join) {
        // The newcomer is not in the room yet, so it cannot close itself.
        let newcomer = Peer::new(join.clone(), 0);
        let same: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|(_, peer)| {
                peer.is_runtime() && peer.workstation_id() == newcomer.workstation_id()
            })
            .map(|(peer_id, _)| peer_id.clone())
            .collect();
        for peer_id in same {
            self.close(now, &peer_id, REPLACED_BY_NEWER, Departure::Ended);
        }
    }

    fn send_ready(&mut self, peer_id: &PeerId) {
        let Some(peer) = self.peers.get(peer_id) else {
            return;
        };
        let join = &peer.join;
        let ready = RoomReady {
            protocol: RoomReady::protocol(),
            notebook_id: self.notebook_id.clone(),
            comments_doc_id: Some(RoomReady::comments_doc_id(&self.notebook_id)),
            peer_id: join.peer_id.clone(),
            actor_label: peer.actor_label.clone(),
            connection_scope: join.scope,
            identity_provider: join.identity_provider.clone(),
            principal_namespace: join.principal_namespace.clone(),
            display_name: join.display_name.clone(),
            email: join.email.clone(),
            room_peer_count: self.peers.len() as u64,
            runtime_peer_count: self.runtime_peer_count() as u64,
            peers: self.roster(),
            room_epoch: join.rejoins.then_some(self.epoch),
            timestamp: join.connected_at,
        };
        self.send_control(peer_id, &SessionControl::RoomReady(Box::new(ready)));
    }

    fn roster(&self) -> Vec<wire::control::RosterEntry> {
        let mut peers: Vec<&Peer> = self.peers.values().collect();
        peers.sort_by_key(|peer| peer.arrival);
        peers.into_iter().map(Peer::roster_entry).collect()
    }

    fn announce_joined(&mut self, peer_id: &PeerId) {
        let Some(peer) = self.peers.get(peer_id) else {
            return;
        };
        let name = peer.join.display_name.clone();
        let change = self.peer_change(peer, name, peer.join.connected_at);
        let payload = SessionControl::PeerJoined(change).encode();
        for other in self.others(peer_id) {
            self.send(&other, FrameType::SessionControl, &payload);
        }
    }

    fn broadcast_control(&mut self, control: &SessionControl) {
        let payload = control.encode();
        let everyone: Vec<PeerId> = self.peers.keys().cloned().collect();
        for peer_id in everyone {
            self.send(&peer_id, FrameType::SessionControl, &payload);
        }
    }

    fn peer_change(&self, peer: &Peer, display_name: Option<String>, now: UnixMs) -> PeerChange {
        PeerChange {
            notebook_id: self.notebook_id.clone(),
            peer_id: peer.join.peer_id.clone(),
            actor_label: peer.actor_label.clone(),
            connection_scope: peer.scope(),
            participant_key: peer.participant_key(),
            display_name,
            room_peer_count: self.peers.len() as u64,
            runtime_peer_count: self.runtime_peer_count() as u64,
            timestamp: now,
        }
    }
}
