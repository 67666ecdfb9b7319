//! Rights that change: sockets that are open, and cells that wait to run (decisions D7, D14; Appendix B, Q-16).

use std::collections::BTreeSet;

use automerge::AutomergeError;
use documents::DocKind;
use wire::close::{ACCESS_REVOKED, PUBLIC_LINK_REVOKED};
use wire::{ActorLabel, PeerId, Principal, Scope, UnixMs};

use crate::peer::Peer;
use crate::roster::Departure;
use crate::runtime_doc;
use crate::runtime_index::Status;
use crate::{AccessChange, Revocation, Room};

impl Room {
    /// Closes the sockets whose scope the principal no longer holds; a client then dials again and
    /// gets what is left. What somebody who may not run asked for, and nobody has started, is cancelled.
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
        if !change.may_run && !change.allowed.contains(&Scope::Owner) {
            self.cancel_queued_of(now, &change.principal);
        }
    }

    /// Whose cells wait to run.
    pub fn waiting(&mut self) -> BTreeSet<Principal> {
        let queued = self.queued();
        queued.into_iter().map(|(_, principal)| principal).collect()
    }

    /// The executions that nobody has started, and who asked for each.
    fn queued(&mut self) -> Vec<(String, Principal)> {
        let active = self.index.active();
        let doc = self.doc(DocKind::RuntimeState);
        let queued = active
            .into_iter()
            .filter(|(_, status)| *status == Status::Queued);
        queued
            .filter_map(|(id, _)| {
                let label = runtime_doc::submitted_by(doc, &id)?;
                Some((id, ActorLabel::parse(&label).ok()?.principal))
            })
            .collect()
    }

    fn cancel_queued_of(&mut self, now: UnixMs, principal: &Principal) {
        let queued = self.queued().into_iter();
        let ended: Vec<String> = queued
            .filter(|(_, submitter)| submitter == principal)
            .map(|(id, _)| id)
            .collect();
        if ended.is_empty() {
            return;
        }
        let written: Result<bool, AutomergeError> = self.author(DocKind::RuntimeState, |doc| {
            let mut queue = runtime_doc::queue(doc);
            queue.queued.retain(|id| !ended.contains(id));
            runtime_doc::write_queue(doc, &queue)?;
            ended
                .iter()
                .try_for_each(|id| runtime_doc::end_execution(doc, id, Status::Queued))
        });
        if let Err(error) = written {
            tracing::error!(%error, "what somebody may not run any more cannot be cancelled");
            return;
        }
        self.refresh_index(ended.iter().map(String::as_str));
        self.relay(DocKind::RuntimeState, None);
        self.watch_idleness(now);
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
