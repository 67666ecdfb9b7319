//! Sockets whose rights change while they are open (decision D7; Appendix B, Q-16).

use wire::close::{ACCESS_REVOKED, PUBLIC_LINK_REVOKED};
use wire::{PeerId, UnixMs};

use crate::peer::Peer;
use crate::roster::Departure;
use crate::{AccessChange, Revocation, Room};

impl Room {
    /// Closes the sockets whose scope the principal no longer holds; a client then dials again and
    /// gets what is left.
    pub(crate) fn access_changed(&mut self, now: UnixMs, change: &AccessChange) {
        for peer in self.peers.values_mut() {
            if peer.join.actor.principal == change.principal {
                peer.join.may_run = change.may_run;
            }
        }
        let lost = self.peers_where(|peer| {
            peer.actor().principal == change.principal && !change.allowed.contains(&peer.scope())
        });
        for peer_id in lost {
            self.close(now, &peer_id, ACCESS_REVOKED, Departure::Away);
        }
    }

    pub(crate) fn public_link_revoked(&mut self, now: UnixMs) {
        for peer_id in self.peers_where(Peer::is_anonymous) {
            self.close(now, &peer_id, PUBLIC_LINK_REVOKED, Departure::Away);
        }
    }

    pub(crate) fn revoked(&mut self, now: UnixMs, revocation: &Revocation) {
        let gone = self.peers_where(|peer| {
            let by_credential = revocation.credential_id.is_some()
                && peer.join.credential_id == revocation.credential_id;
            let by_principal = revocation
                .principal
                .as_ref()
                .is_some_and(|(principal, scope)| {
                    peer.actor().principal == *principal && peer.scope() == *scope
                });
            by_credential || by_principal
        });
        for peer_id in gone {
            self.close(now, &peer_id, ACCESS_REVOKED, Departure::Away);
        }
    }

    fn peers_where(&self, matches: impl Fn(&Peer) -> bool) -> Vec<PeerId> {
        let found = self.peers.iter().filter(|(_, peer)| matches(peer));
        found.map(|(peer_id, _)| peer_id.clone()).collect()
    }
}
