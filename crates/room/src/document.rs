//! One document of a room, and the copy of it that meets foreign bytes first.
//!
//! A peer's changes are applied to a copy and judged there; if they pass, the copy becomes the document. Both share what
//! the changes leave alone, so that making one costs little: some 20 µs for a thousand changes, 0.6 ms for twenty
//! thousand.

use documents::DocKind;
use std::borrow::Cow;
use std::collections::HashSet;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::sync::{ChunkList, Message, State};
use automerge::{ActorId, AutoCommit, Change, ChangeHash, PatchLog};
use documents::inflation::{Budget, FRAME_INFLATED_MAX, TooLarge};
use documents::policy::{Refusal, Touched, Trial};
use documents::sync::Applied;

use crate::settings::ORPHAN_BYTES_MAX;

/// The library broke instead of refusing.
const INTERNAL_FAILURE: &str = "internal failure";

/// What a room remembers about one peer and one document.
#[derive(Debug)]
pub(crate) struct PeerDocument {
    state: State,
    /// Changes that wait for changes they depend on (Appendix B, Q-15).
    orphans: Vec<ChunkList>,
    missing: Vec<ChangeHash>,
    /// Whether a change of this peer was refused: what builds on it will never fit.
    refused: bool,
    /// Whether the peer may not write, so that it can know no change that the room does not.
    read_only: bool,
}

impl PeerDocument {
    pub(crate) fn new(read_only: bool) -> Self {
        let state = if read_only {
            State::new_read_only()
        } else {
            State::new()
        };
        Self {
            state,
            orphans: Vec::new(),
            missing: Vec::new(),
            refused: false,
            read_only,
        }
    }

    /// The heads that the peer has shown last; none once a change of it was refused, since its heads never come then.
    pub(crate) fn shown(&self) -> &[ChangeHash] {
        let heads = self.state.their_heads.as_deref();
        heads.filter(|_| !self.refused).unwrap_or_default()
    }
}

/// A document of a room.
pub(crate) struct Document {
    kind: DocKind,
    doc: Box<AutoCommit>,
    /// Changes of earlier epochs (decision D11).
    retired: HashSet<ChangeHash>,
}

/// Why a frame is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// For a reason in words.
    Because(String),
    /// The peer's document is of an earlier epoch of the room.
    OldEpoch,
}

impl From<String> for Denied {
    fn from(reason: String) -> Self {
        Self::Because(reason)
    }
}

/// What an accepted frame did.
#[derive(Default)]
pub(crate) struct Outcome {
    /// The new change chunks, for the log.
    pub(crate) appended: Vec<u8>,
    /// What they touched.
    pub(crate) touched: Touched,
    /// Whether the heads moved.
    pub(crate) moved: bool,
}

impl Document {
    /// Loads stored bytes; `retired` are hashes of changes of earlier epochs, joined.
    pub(crate) fn load(
        kind: DocKind,
        bytes: &[u8],
        retired: &[u8],
        actor: ActorId,
    ) -> Result<Self, String> {
        let mut doc = Box::new(AutoCommit::load(bytes).map_err(|error| error.to_string())?);
        doc.set_actor(actor);
        let hash = |bytes: &[u8]| ChangeHash::try_from(bytes).ok();
        Ok(Self {
            kind,
            doc,
            retired: retired.chunks_exact(32).filter_map(hash).collect(),
        })
    }

    pub(crate) fn from_doc(kind: DocKind, mut doc: Box<AutoCommit>, actor: ActorId) -> Self {
        doc.set_actor(actor);
        Self {
            kind,
            doc,
            retired: HashSet::new(),
        }
    }

    /// Returns the real document for reading; writing goes through [`Document::author`].
    pub(crate) fn doc(&mut self) -> &mut AutoCommit {
        &mut self.doc
    }

    /// Whether one of these changes is of an earlier epoch.
    pub(crate) fn has_retired(&self, changes: &HashSet<ChangeHash>) -> bool {
        !self.retired.is_disjoint(changes)
    }

    pub(crate) fn save(&mut self) -> Vec<u8> {
        self.doc.save()
    }

    /// Writes as the room and returns the change chunks; none when nothing was written.
    pub(crate) fn author<E>(
        &mut self,
        write: impl FnOnce(&mut AutoCommit) -> Result<(), E>,
    ) -> Result<Option<Vec<u8>>, E> {
        let before = self.doc.get_heads();
        if let Err(error) = write(&mut self.doc) {
            self.doc.rollback();
            return Err(error);
        }
        self.doc.commit();
        let changes = self.doc.get_changes(&before);
        if changes.is_empty() {
            return Ok(None);
        }
        Ok(Some(concat(&changes)))
    }

    /// Returns the next sync message for a peer, if there is something to say.
    pub(crate) fn generate(&mut self, peer: &mut PeerDocument) -> Option<Vec<u8>> {
        let mut message = documents::sync::next_message(&mut self.doc, &mut peer.state)?;
        for hash in &peer.missing {
            if !message.need.contains(hash) {
                message.need.push(*hash);
            }
        }
        message.need.sort_unstable();
        Some(message.encode())
    }

    /// Reads a sync message of this document.
    pub(crate) fn decode(&self, payload: &[u8]) -> Result<Message, String> {
        Message::decode(payload).map_err(|error| undecoded(self.kind, &error.to_string()))
    }

    /// Takes a decoded message: tries its changes, lets `judge` decide, then applies it.
    pub(crate) fn receive(
        &mut self,
        peer: &mut PeerDocument,
        mut message: Message,
        judge: impl FnOnce(Trial<'_>) -> Result<(), String>,
    ) -> Result<Outcome, Denied> {
        if self.is_of_old_epoch(peer, &message) {
            return Err(Denied::OldEpoch);
        }
        if message.changes.is_empty() && peer.orphans.is_empty() {
            let before = self.doc.get_heads();
            self.settle(peer, Applied::nothing(message, before))?;
            return Ok(Outcome::default());
        }
        let before = self.doc.get_heads();
        let mut changes = peer.orphans.clone();
        if !message.changes.is_empty() {
            changes.push(mem::replace(&mut message.changes, ChunkList::empty()));
        }
        match self.judge(&changes, &before, judge) {
            Ok(Verdict::Fits(outcome)) => {
                peer.orphans.clear();
                peer.missing.clear();
                self.settle(peer, Applied::already(message, before))?;
                Ok(outcome)
            }
            Ok(Verdict::Orphans(missing)) => {
                if missing.iter().any(|hash| self.retired.contains(hash)) {
                    return Err(Denied::OldEpoch);
                }
                if peer.refused || size(&changes) > ORPHAN_BYTES_MAX {
                    peer.orphans.clear();
                    peer.missing.clear();
                    let error = "changes depend on changes the room lacks";
                    return Err(untried(self.kind, error));
                }
                peer.orphans = changes;
                peer.missing = missing;
                self.settle(peer, Applied::nothing(message, before))?;
                Ok(Outcome::default())
            }
            Err(reason) => {
                peer.orphans.clear();
                peer.missing.clear();
                peer.refused = true;
                Err(reason)
            }
        }
    }

    /// Whether a peer shows a document of an earlier epoch: by a head that ended with it, or, if it
    /// cannot have written anything itself, by any head that the room does not know.
    fn is_of_old_epoch(&mut self, peer: &PeerDocument, message: &Message) -> bool {
        if self.retired.is_empty() {
            return false;
        }
        let doc = &mut self.doc;
        message.heads.iter().any(|head| {
            let is_foreign = |doc: &mut AutoCommit| doc.get_change_meta_by_hash(head).is_none();
            self.retired.contains(head) || (peer.read_only && is_foreign(doc))
        })
    }

    fn settle(&mut self, peer: &mut PeerDocument, applied: Applied) -> Result<(), String> {
        let doc = &mut self.doc;
        let state = &mut peer.state;
        catch_unwind(AssertUnwindSafe(|| applied.settle(doc, state)))
            .map_err(|_| undecoded(self.kind, INTERNAL_FAILURE))?
            .map_err(|error| undecoded(self.kind, &error.to_string()))
    }

    fn judge(
        &mut self,
        chunks: &[ChunkList],
        before: &[ChangeHash],
        judge: impl FnOnce(Trial<'_>) -> Result<(), String>,
    ) -> Result<Verdict, Denied> {
        let kind = self.kind;
        inflatable(chunks).map_err(|error| untried(kind, &error.to_string()))?;
        if let Some(at) = chunks.iter().find_map(broken_at) {
            // The library would leave it out, with all that follows it (RP-110).
            let error = format!("the changes cannot be read from byte {at} on");
            return Err(undecoded(kind, &error).into());
        }
        let mut trial = self.doc.clone();
        let mut log = PatchLog::active();
        // Foreign bytes may hit a bug of the library; the copy that met it is thrown away.
        let load = || {
            let mut chunks = chunks.iter().cloned();
            chunks.try_for_each(|chunks| documents::sync::load(&mut trial, chunks, &mut log))
        };
        catch_unwind(AssertUnwindSafe(load))
            .map_err(|_| untried(kind, INTERNAL_FAILURE))?
            .map_err(|error| match error {
                // An author's number of before an epoch met the same number of after it.
                automerge::AutomergeError::DuplicateSeqNumber(..) if !self.retired.is_empty() => {
                    Denied::OldEpoch
                }
                error => untried(kind, &error.to_string()),
            })?;
        let missing = trial.get_missing_deps(&[]);
        if !missing.is_empty() {
            return Ok(Verdict::Orphans(missing));
        }
        let changes = trial.get_changes(before);
        let is_retired = |change: &Change| self.retired.contains(&change.hash());
        if changes.iter().any(is_retired) {
            return Err(Denied::OldEpoch);
        }
        let touched = Touched::from_patches(&trial.make_patches(&mut log));
        judge(Trial {
            old: &self.doc,
            before,
            new: &trial,
            changes: &changes,
            touched: &touched,
        })?;
        let outcome = Outcome {
            appended: concat(&changes),
            touched,
            moved: !changes.is_empty(),
        };
        self.doc = trial;
        Ok(Verdict::Fits(outcome))
    }
}

enum Verdict {
    Fits(Outcome),
    Orphans(Vec<ChangeHash>),
}

/// Refuses changes that the library would inflate to too much, before anybody knows whose they are.
fn inflatable(chunks: &[ChunkList]) -> Result<(), TooLarge> {
    let mut budget = Budget::new(FRAME_INFLATED_MAX);
    let mut chunks = chunks.iter();
    chunks.try_for_each(|chunks| budget.take(&joined(chunks)))
}

fn broken_at(chunks: &ChunkList) -> Option<usize> {
    documents::chunks::broken_at(&joined(chunks))
}

/// A chunk may begin in one piece of the list and end in the next, to the library as well.
fn joined(chunks: &ChunkList) -> Cow<'_, [u8]> {
    let pieces: Vec<&[u8]> = chunks.iter().collect();
    match pieces[..] {
        [alone] => alone.into(),
        _ => pieces.concat().into(),
    }
}

fn undecoded(kind: DocKind, error: &str) -> String {
    let error = error.to_owned();
    Refusal::Decode { kind, error }.to_string()
}

fn untried(kind: DocKind, error: &str) -> Denied {
    let error = error.to_owned();
    Denied::Because(Refusal::Preview { kind, error }.to_string())
}

fn size(changes: &[ChunkList]) -> usize {
    changes
        .iter()
        .flat_map(ChunkList::iter)
        .map(<[u8]>::len)
        .sum()
}

fn concat(changes: &[Change]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for change in changes {
        bytes.extend_from_slice(change.raw_bytes());
    }
    bytes
}
