//! Document frames: judge, apply, keep, reply, relay, acknowledge (room protocol 4.4, 4.5, 3.8).

use documents::DocKind;
use documents::policy::{Refusal, judge, may_write};
use wire::close::EPOCH_CHANGED;
use wire::{PeerId, UnixMs};

use crate::document::Denied;
use crate::roster::Departure;
use crate::{Effect, Room};

impl Room {
    pub(crate) fn sync_frame(
        &mut self,
        now: UnixMs,
        peer_id: &PeerId,
        kind: DocKind,
        payload: &[u8],
    ) {
        let frame_type = kind.frame_type();
        match self.receive(peer_id, kind, payload) {
            Ok(moved) => {
                if moved {
                    self.repair_comments_identity(kind);
                }
                self.send_sync(peer_id, kind);
                if moved {
                    for other in self.others(peer_id) {
                        self.send_sync(&other, kind);
                    }
                }
                match kind {
                    DocKind::RuntimeState if moved => self.watch_idleness(now),
                    DocKind::Comms if moved => self.widgets_moved = Some(now),
                    _ => {}
                }
                self.accept(now, peer_id, frame_type, payload.len());
                self.release_held(now);
            }
            Err(Denied::Because(text)) => {
                self.reject_host(now, peer_id, frame_type, &text);
                self.release_held(now);
            }
            Err(Denied::OldEpoch) => {
                // Who knows what the close means needs no words.
                if self
                    .peers
                    .get(peer_id)
                    .is_some_and(|peer| !peer.join.rejoins)
                {
                    let text =
                        "the document is of an earlier epoch of this room; drop it, dial again";
                    self.reject_host(now, peer_id, frame_type, text);
                }
                self.close(now, peer_id, EPOCH_CHANGED, Departure::Away);
            }
        }
    }

    fn receive(&mut self, peer_id: &PeerId, kind: DocKind, payload: &[u8]) -> Result<bool, Denied> {
        let Some(peer) = self.peers.get_mut(peer_id) else {
            return Ok(false);
        };
        let document = &mut self.documents[kind.index()];
        let message = document.decode(payload)?;
        let scope = peer.join.scope;
        if !message.changes.is_empty() && !may_write(kind, scope) {
            return Err(Refusal::Scope(kind).to_string().into());
        }
        let principal = &peer.join.actor.principal;
        let state = &mut peer.documents[kind.index()];
        let outcome = document.receive(state, message, |trial| {
            judge(kind, scope, principal, &trial).map_err(|refusal| refusal.to_string())
        })?;
        if !outcome.appended.is_empty() {
            self.work.push(Effect::Append {
                document: kind,
                changes: outcome.appended,
            });
        }
        if kind == DocKind::RuntimeState && outcome.moved {
            let doc = self.documents[kind.index()].doc();
            match outcome.touched.under("executions") {
                Some(ids) => ids.iter().for_each(|id| self.index.refresh(doc, id)),
                None => self.index.rebuild(doc),
            }
        }
        Ok(outcome.moved)
    }

    /// Sends the next sync message of a document to a peer, if there is something to say.
    pub(crate) fn send_sync(&mut self, peer_id: &PeerId, kind: DocKind) {
        self.work.sync(peer_id.clone(), kind);
    }

    /// Sends a document's news to everybody, to one peer first if one is named.
    pub(crate) fn relay(&mut self, kind: DocKind, first: Option<&PeerId>) {
        if let Some(peer_id) = first {
            self.send_sync(peer_id, kind);
        }
        let everyone: Vec<PeerId> = self.peers.keys().cloned().collect();
        for peer_id in everyone.iter().filter(|peer_id| Some(*peer_id) != first) {
            self.send_sync(peer_id, kind);
        }
    }

    /// Writes into a document as the room and keeps what was written; the caller relays it.
    pub(crate) fn author<E>(
        &mut self,
        kind: DocKind,
        write: impl FnOnce(&mut automerge::AutoCommit) -> Result<(), E>,
    ) -> Result<bool, E> {
        self.write_syncs(kind);
        let Some(changes) = self.documents[kind.index()].author(write)? else {
            return Ok(false);
        };
        self.work.push(Effect::Append {
            document: kind,
            changes,
        });
        Ok(true)
    }

    /// Puts back the identity of the comments document, should a peer have changed it (4.10).
    fn repair_comments_identity(&mut self, kind: DocKind) {
        if kind != DocKind::Comments {
            return;
        }
        let notebook_id = self.notebook_id.clone();
        let repaired = self.author(kind, |doc| {
            crate::bootstrap::comments_identity(doc, &notebook_id)
        });
        if let Err(error) = repaired {
            tracing::warn!(%error, "the identity of a comments document cannot be repaired");
        }
    }

    pub(crate) fn doc(&mut self, kind: DocKind) -> &mut automerge::AutoCommit {
        self.documents[kind.index()].doc()
    }

    pub(crate) fn rebuild_index(&mut self) {
        let doc = self.documents[DocKind::RuntimeState.index()].doc();
        self.index.rebuild(doc);
        self.attachment = crate::runtime_doc::attachment(doc);
    }
}
