//! Starting a room's documents over when their history has outgrown what they show (decision D11).
//!
//! A new epoch begins at genesis and holds, in one change of the room, what is still shown. It
//! begins while nobody is in the room and no compute session can come back, so that nobody
//! holds work that the room has not heard of. What a runtime peer writes outgrows its epoch within
//! an hour, though, with everybody there: it starts over between two runs if each peer said that it
//! takes up fresh documents, and the notebook with it, where every run leaves a change as well. A runtime peer then
//! reads its journal again from where the room had confirmed it, and a page writes anew what the room had not taken.
//! Whoever comes later with a document of the old
//! epoch must throw it away: documents that grew from one seed would merge, and the old history
//! would be back. Such a document cannot come in without the first changes of its epoch; those are
//! remembered as *retired*, and a peer that shows one of them is sent away with
//! [`wire::close::EPOCH_CHANGED`].
//!
//! Comments go over whole, with their history: they are few, and it says who wrote what.

mod mirror;

use documents::DocKind;
use std::collections::{BTreeSet, HashSet};

use automerge::{ActorId, AutoCommit, ChangeHash, ReadDoc as _};
use wire::UnixMs;
use wire::attachment::status;

use crate::departure::is_away;
use crate::settings::{LIVE_EPOCH_SPAN, QUIET_MS, SHOWN_PER_CHANGE, UNSHOWN_KEPT, WIDGET_CHANGES};
use crate::{Effect, Room, RoomError, bootstrap, notebook_doc, runtime_doc};

/// What a room starts its next epoch with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextEpoch {
    /// All four documents, whole.
    pub documents: Vec<(DocKind, Vec<u8>)>,
    /// Hashes of the changes that must not come back, joined; for each document that starts over.
    pub retired: Vec<(DocKind, Vec<u8>)>,
}

impl Room {
    /// Makes the next epoch, if a document has outgrown its limits and nobody can be hurt by it. Peers that are here
    /// must then be closed with [`wire::close::EPOCH_CHANGED`].
    ///
    /// `stored_bytes` is what storage holds of a document; it spares looking at small ones. The
    /// room itself stays in its epoch: whoever keeps the result opens it anew.
    pub fn next_epoch(
        &mut self,
        stored_bytes: impl Fn(DocKind) -> usize,
    ) -> Result<Option<NextEpoch>, RoomError> {
        self.starting_over = false;
        let live = !self.peers.is_empty();
        if !(self.may_start_over() || self.may_start_over_live()) {
            return Ok(None);
        }
        if live {
            // A document that cannot start over is not tried again at each event.
            self.live_limit = 2 * self.outgrowth();
        }
        let mut next = NextEpoch {
            documents: Vec::new(),
            retired: Vec::new(),
        };
        for kind in DocKind::ALL {
            let limit = if live {
                self.outgrown_live(kind)
            } else {
                self.outgrown(kind, stored_bytes(kind))
            };
            let fresh = match limit {
                Some(limit) => self
                    .start_over(kind)?
                    .filter(|fresh| limit.helps(&fresh.saved)),
                None => None,
            };
            if let Some(Fresh { saved, retired }) = fresh {
                next.documents.push((kind, saved));
                next.retired.push((kind, retired));
            } else {
                let saved = self.documents[kind.index()].save();
                next.documents.push((kind, saved));
            }
        }
        Ok((!next.retired.is_empty()).then_some(next))
    }

    /// Whether nobody is here and no compute session is open or may return.
    fn may_start_over(&self) -> bool {
        self.peers.is_empty() && !self.has_session()
    }

    /// Whether a compute session is open or may return, or something runs or waits.
    pub(crate) fn has_session(&self) -> bool {
        let live = [status::CONNECTING, status::READY, status::BUSY];
        let session_open = self.attachment.as_ref().is_some_and(|attachment| {
            live.contains(&attachment.status.as_str()) || is_away(attachment)
        });
        self.return_by.is_some() || self.index.has_work() || session_open
    }

    /// Whether everybody here goes on in a new epoch, and nothing is under way that it would break off.
    fn may_start_over_live(&mut self) -> bool {
        let attached = self.attachment.as_ref().is_some_and(|attachment| {
            [status::READY, status::BUSY].contains(&attachment.status.as_str())
        });
        attached
            && self.runtime_peer_count() > 0
            && !self.index.has_work()
            && self.queries.is_empty()
            && self
                .peers
                .values()
                .all(|peer| peer.join.rejoins && peer.waiting.is_none() && peer.held.is_empty())
            && runtime_doc::is_running(self.doc(DocKind::RuntimeState))
    }

    /// When a document that has outgrown its epoch with people there starts over, if nothing runs until then.
    pub(crate) fn start_over_at(&mut self) -> Option<UnixMs> {
        let idle = self.idle_since.filter(|_| !self.starting_over)?;
        let (most, limit) = (self.outgrowth(), self.live_limit);
        if most <= limit || !self.may_start_over_live() {
            return None;
        }
        if most > limit + limit / 2 {
            return Some(idle);
        }
        let still = self.widgets_moved.map_or(idle, |moved| moved.max(idle));
        Some(still.plus(QUIET_MS))
    }

    /// Asks the edge to start over when it is time to.
    pub(crate) fn ask_to_start_over(&mut self, now: UnixMs) {
        if self.start_over_at().is_some_and(|at| now >= at) {
            self.starting_over = true;
            self.work.push(Effect::StartOver);
        }
    }

    /// The changes that a room which shows as much as this one takes in before it starts over with people there.
    pub(crate) fn live_epoch_changes(&mut self) -> u64 {
        let shown: u64 = DocKind::ALL
            .map(|kind| self.doc(kind).stats().num_ops)
            .iter()
            .sum();
        let least = self.settings.live_epoch_changes;
        (shown / SHOWN_PER_CHANGE).clamp(least, LIVE_EPOCH_SPAN * least)
    }

    /// The changes of the document that has most, of those that a runtime peer writes.
    fn outgrowth(&mut self) -> u64 {
        let widgets = self.changes(DocKind::Comms) / WIDGET_CHANGES;
        self.changes(DocKind::RuntimeState).max(widgets)
    }

    fn changes(&mut self, kind: DocKind) -> u64 {
        self.documents[kind.index()].doc().stats().num_changes
    }

    fn outgrown_live(&mut self, kind: DocKind) -> Option<Limit> {
        (kind != DocKind::Comments && self.changes(kind) > self.settings.live_epoch_changes)
            .then_some(Limit::Changes)
    }

    fn outgrown(&mut self, kind: DocKind, stored_bytes: usize) -> Option<Limit> {
        if kind == DocKind::Comments {
            return None;
        }
        let document = &mut self.documents[kind.index()];
        if document.doc().stats().num_changes > self.settings.epoch_changes {
            return Some(Limit::Changes);
        }
        if stored_bytes <= self.settings.epoch_bytes {
            return None;
        }
        let saved = document.save().len();
        (saved > self.settings.epoch_bytes).then_some(Limit::Bytes { saved })
    }

    /// Makes a document from genesis that shows the same; none when it would not.
    fn start_over(&mut self, kind: DocKind) -> Result<Option<Fresh>, RoomError> {
        let label = wire::actor::room_actor_label(self.notebook_id.as_str());
        let genesis_actor = ActorId::from(label.as_bytes());
        let mut new = bootstrap::fresh(&self.notebook_id, kind, &genesis_actor)
            .map_err(|cause| broken(self, cause))?;
        let ground: HashSet<ChangeHash> = new
            .get_changes(&[])
            .iter()
            .map(automerge::Change::hash)
            .collect();
        let author = bootstrap::fresh_author(&self.notebook_id, self.ids.as_mut());
        new.set_actor(ActorId::from(author.into_bytes()));
        let mut old = self.documents[kind.index()].doc().fork();
        if kind == DocKind::RuntimeState {
            self.forget_unshown(&mut old)
                .map_err(|error| broken(self, error.to_string()))?;
        }
        mirror::copy(&old, &mut new).map_err(|error| broken(self, error.to_string()))?;
        new.commit();
        if !mirror::same(&old, &new) {
            tracing::error!(
                notebook_id = self.notebook_id.as_str(),
                document = kind.name(),
                "a document would not show the same in a new epoch; it stays in its own"
            );
            return Ok(None);
        }
        let retired = retired(self.documents[kind.index()].doc(), &ground);
        let saved = new.save();
        Ok(Some(Fresh { saved, retired }))
    }

    /// Removes the ended executions that no cell shows, but the newest, whose number goes on, and with people there
    /// those that an undo shows again.
    fn forget_unshown(&mut self, doc: &mut AutoCommit) -> Result<(), automerge::AutomergeError> {
        let shown = notebook_doc::shown_executions(self.doc(DocKind::Notebook));
        let newest = self.index.newest().map(str::to_owned);
        let ended: Vec<String> = self.index.oldest_ended().map(str::to_owned).collect();
        let back = if self.peers.is_empty() {
            HashSet::new()
        } else {
            shown_before(doc, &shown, &ended)
        };
        let is_old = |id: &&String| {
            !shown.contains(*id) && newest.as_ref() != Some(*id) && !back.contains(id.as_str())
        };
        for id in ended.iter().filter(is_old) {
            runtime_doc::remove_execution(doc, id)?;
        }
        doc.commit();
        Ok(())
    }
}

/// The last execution of each cell that shows none, of the newest such: whoever deleted the cell or cleared its outputs
/// may undo that.
fn shown_before<'a>(
    doc: &AutoCommit,
    shown: &BTreeSet<String>,
    ended: &'a [String],
) -> HashSet<&'a str> {
    let cell = |id: &str| runtime_doc::cell_id(doc, id);
    let mut cells: HashSet<String> = shown.iter().filter_map(|id| cell(id)).collect();
    let last_of_its_cell = |id: &&str| cell(id).is_some_and(|cell| cells.insert(cell));
    let newest = ended.iter().rev().map(String::as_str);
    newest.filter(last_of_its_cell).take(UNSHOWN_KEPT).collect()
}

pub(crate) fn broken(room: &Room, cause: String) -> RoomError {
    RoomError::Bootstrap {
        notebook_id: room.notebook_id.clone(),
        cause,
    }
}

/// A document that started over.
struct Fresh {
    saved: Vec<u8>,
    retired: Vec<u8>,
}

/// Why a document starts over.
enum Limit {
    Changes,
    Bytes { saved: usize },
}

impl Limit {
    /// Whether starting over is worth it: what is large because it shows much stays as it is.
    fn helps(&self, new: &[u8]) -> bool {
        match self {
            Self::Changes => true,
            Self::Bytes { saved } => new.len() <= saved / 2,
        }
    }
}

/// The changes without which nothing of a document's history can come in: the first ones above the
/// common ground; and its heads, by which a replica of it is known at once.
pub(crate) fn retired(old: &mut AutoCommit, ground: &HashSet<ChangeHash>) -> Vec<u8> {
    let changes = old.get_changes(&[]);
    let first = changes.iter().filter(|change| {
        !ground.contains(&change.hash()) && change.deps().iter().all(|dep| ground.contains(dep))
    });
    let mut hashes: Vec<ChangeHash> = first.map(automerge::Change::hash).collect();
    hashes.extend(
        old.get_heads()
            .into_iter()
            .filter(|head| !ground.contains(head)),
    );
    hashes.sort_unstable();
    hashes.dedup();
    hashes.iter().flat_map(|hash| hash.0).collect()
}
