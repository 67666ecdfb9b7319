//! Presence: who looks where, rewritten so that it names its sender truly (room protocol 8.4).

use wire::presence::{Presence, Sender};
use wire::{FrameType, PeerId, UnixMs};

use crate::Room;

impl Room {
    pub(crate) fn presence(&mut self, now: UnixMs, peer_id: &PeerId, payload: &[u8]) {
        let Some(peer) = self.peers.get(peer_id) else {
            return;
        };
        let sender = Sender {
            peer_id: peer_id.as_str(),
            display_name: peer.join.display_name.as_deref(),
            email: peer.join.email.as_deref(),
            principal: &peer.actor().principal,
            operator: &peer.actor().operator,
        };
        let rewritten = Presence::decode(payload).and_then(|presence| presence.rewritten(sender));
        let Ok(rewritten) = rewritten else {
            // Silent: no control message, but it counts.
            self.count_rejection(now, peer_id);
            return;
        };
        let bytes = rewritten.encode();
        if !peer.is_anonymous() {
            for other in self.others(peer_id) {
                self.send(&other, FrameType::Presence, &bytes);
            }
        }
        self.accept(now, peer_id, FrameType::Presence, bytes.len());
    }
}
