//! A published revision that takes the place of a room's documents (room protocol 4.10).
//!
//! A client that knows of no room publishes documents of its own, and who opens the notebook expects to see these. They
//! become the room's next epoch as they are, with their history, so that their author can go on in them. A room that has
//! what the publication lacks keeps its documents: nobody's work is lost for it.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{AutoCommit, Change, ChangeHash};
use documents::DocKind;
use documents::notebook::{Loaded, load_stored};
use wire::{UnixMs, WorkstationAttachment};

use crate::epoch::{broken, retired};
use crate::{IdSource, NextEpoch, Room, RoomError, StoredDocuments, bootstrap, runtime_doc};

/// Why work that a published document still shows has ended.
const ELSEWHERE: &str = "its kernel belongs to the place it was published from";

/// What becomes of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publication {
    /// The room has all of it already.
    Shown,
    /// The room keeps its own documents.
    Kept,
    /// The room starts over with it.
    Taken(NextEpoch),
}

impl Room {
    /// Says what becomes of published documents; those that were not published stay as they are. The room itself stays in
    /// its epoch: whoever keeps a [`Publication::Taken`] closes the peers and opens the room anew.
    pub fn published(
        &mut self,
        now: UnixMs,
        published: &StoredDocuments,
        ids: Box<dyn IdSource>,
    ) -> Result<Publication, RoomError> {
        // What the room asked for at the same time is not done; it asks again.
        self.starting_over = false;
        // Foreign bytes may hit a bug of the library; nothing was taken of them yet.
        let judge = AssertUnwindSafe(|| self.judge_publication(now, published, ids));
        catch_unwind(judge).unwrap_or_else(|_| {
            tracing::error!(
                notebook_id = self.notebook_id.as_str(),
                "a publication broke the library of documents; it is left aside"
            );
            Ok(Publication::Kept)
        })
    }

    fn judge_publication(
        &mut self,
        now: UnixMs,
        published: &StoredDocuments,
        ids: Box<dyn IdSource>,
    ) -> Result<Publication, RoomError> {
        let (mut is_shown, mut is_covered) = (true, true);
        let mut grounds = Vec::new();
        for kind in DocKind::ALL {
            if published.bytes(kind).is_empty() {
                continue;
            }
            let ground = self.ground(kind, published.bytes(kind))?;
            is_covered &= self.is_covered(kind, &ground);
            let doc = self.documents[kind.index()].doc();
            is_shown &= ground
                .heads
                .iter()
                .all(|head| doc.get_change_by_hash(head).is_some());
            grounds.push((kind, ground.known));
        }
        if is_shown {
            return Ok(Publication::Shown);
        }
        if !is_covered || self.is_in_use() {
            return Ok(Publication::Kept);
        }
        let Some(stored) = self.stored_as_of_now(published)? else {
            return Ok(Publication::Kept);
        };
        // As it will be loaded: it must be a room's, and what ran where it comes from does not run here.
        let (mut next, _) = Self::open(self.notebook_id.clone(), &stored, self.settings, now, ids)?;
        next.select_as(self.attachment.clone())?;
        next.end_session(ELSEWHERE, false);
        let retired = grounds
            .into_iter()
            .map(|(kind, ground)| (kind, retired(self.documents[kind.index()].doc(), &ground)))
            .filter(|(_, hashes)| !hashes.is_empty());
        Ok(Publication::Taken(NextEpoch {
            retired: retired.collect(),
            documents: DocKind::ALL
                .into_iter()
                .map(|kind| (kind, next.snapshot(kind)))
                .collect(),
        }))
    }

    /// What the next epoch begins with: what was published, a notebook of an older version brought up to date (documents
    /// 4.10), and the room's own documents for the rest. None if the notebook is of a version that cannot be read.
    fn stored_as_of_now(
        &mut self,
        published: &StoredDocuments,
    ) -> Result<Option<StoredDocuments>, RoomError> {
        let mut stored = StoredDocuments::of_epoch(self.epoch + 1);
        for kind in DocKind::ALL {
            let bytes = published.bytes(kind);
            if bytes.is_empty() {
                stored.append(kind, &self.snapshot(kind));
                continue;
            }
            if kind != DocKind::Notebook {
                stored.append(kind, bytes);
                continue;
            }
            let author = bootstrap::fresh_author(&self.notebook_id, self.ids.as_mut());
            let loaded = load_stored(bytes, &author, self.notebook_id.as_str());
            match loaded.map_err(|error| broken(self, error.to_string()))? {
                Loaded::Accepted(mut notebook) => stored.append(kind, &notebook.save()),
                Loaded::Quarantine(cause) => {
                    tracing::warn!(
                        notebook_id = self.notebook_id.as_str(),
                        cause,
                        "a publication cannot be shown here; the room keeps its own documents"
                    );
                    return Ok(None);
                }
            }
        }
        Ok(Some(stored))
    }

    /// Whether somebody here would lose their place: a machine, or a client that takes up no fresh documents.
    fn is_in_use(&self) -> bool {
        self.has_session() || self.peers.values().any(|peer| !peer.join.rejoins)
    }

    /// Whether a published document has all that the room's has, and nothing that the room has retired.
    fn is_covered(&mut self, kind: DocKind, ground: &Ground) -> bool {
        let document = &mut self.documents[kind.index()];
        if document.has_retired(&ground.known) {
            return false;
        }
        let doc = document.doc();
        if kind != DocKind::RuntimeState {
            let heads = doc.get_heads();
            return heads.iter().all(|head| ground.known.contains(head));
        }
        // Of what runs, the room writes itself that it stopped, and the records of the runs; what they came to is for
        // others to write.
        let label = wire::actor::room_actor_label(self.notebook_id.as_str());
        let is_known = |change: &Change| {
            change.actor_id().to_bytes().starts_with(label.as_bytes())
                || ground.known.contains(&change.hash())
        };
        let runs = runtime_doc::execution_ids(doc);
        runs.iter().all(|id| ground.executions.contains(id))
            && doc.get_changes(&[]).iter().all(is_known)
    }

    /// Shows the compute that the room has selected, or none, whatever a publication says: a run looks for the machine that
    /// the attachment names.
    fn select_as(&mut self, attachment: Option<WorkstationAttachment>) -> Result<(), RoomError> {
        let written = self.author(DocKind::RuntimeState, |doc| {
            runtime_doc::clear_attachment(doc)?;
            match &attachment {
                Some(attachment) => runtime_doc::write_attachment(doc, attachment),
                None => Ok(()),
            }
        });
        self.attachment = attachment;
        written.map(drop).map_err(|error| RoomError::Bootstrap {
            notebook_id: self.notebook_id.clone(),
            cause: error.to_string(),
        })
    }

    fn ground(&self, kind: DocKind, bytes: &[u8]) -> Result<Ground, RoomError> {
        let load = |bytes: &[u8]| {
            AutoCommit::load(bytes).map_err(|cause| RoomError::Load {
                notebook_id: self.notebook_id.clone(),
                document: kind,
                cause: cause.to_string(),
            })
        };
        let mut new = load(bytes)?;
        let label = wire::actor::room_actor_label(self.notebook_id.as_str());
        let actor = automerge::ActorId::from(label.as_bytes());
        let mut untouched = bootstrap::fresh(&self.notebook_id, kind, &actor).map_err(|cause| {
            RoomError::Bootstrap {
                notebook_id: self.notebook_id.clone(),
                cause,
            }
        })?;
        let hashes = |doc: &mut AutoCommit| {
            let changes = doc.get_changes(&[]);
            changes.iter().map(Change::hash).collect::<Vec<_>>()
        };
        let mut known: HashSet<ChangeHash> = hashes(&mut new).into_iter().collect();
        known.extend(hashes(&mut untouched));
        Ok(Ground {
            executions: runtime_doc::execution_ids(&new).into_iter().collect(),
            heads: new.get_heads(),
            known,
        })
    }
}

/// A published document, by its changes.
struct Ground {
    heads: Vec<ChangeHash>,
    /// The runs that it shows.
    executions: HashSet<String>,
    /// Its changes, and those that every new room begins with: nobody wrote these.
    known: HashSet<ChangeHash>,
}
