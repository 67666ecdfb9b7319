//! A document, its sync with the room, and whether it has all the room has.

use std::collections::BTreeSet;

use automerge::{AutoCommit, ChangeHash, PatchAction, PatchLog, Prop};
use documents::sync::holds;
use documents::{DocError, PeerSync};

pub(crate) struct Replica<D> {
    pub doc: D,
    sync: PeerSync,
    in_sync: bool,
}

impl<D: AsMut<AutoCommit>> Replica<D> {
    pub fn new(doc: D) -> Self {
        Self {
            doc,
            sync: PeerSync::new(false),
            in_sync: false,
        }
    }

    /// Starts the sync anew, as on a new link.
    pub fn reset(&mut self) {
        self.sync.reset();
        self.in_sync = false;
    }

    /// Whether, on this link, the document once had everything the room had.
    pub fn in_sync(&self) -> bool {
        self.in_sync
    }

    /// Applies a message; returns the paths it changed: the first three keys of each.
    pub fn receive(&mut self, payload: &[u8]) -> Result<BTreeSet<Vec<String>>, DocError> {
        let mut log = PatchLog::active();
        let doc = self.doc.as_mut();
        self.sync.receive_logged(doc, payload, &mut log)?;
        if !self.in_sync {
            let theirs = self.sync.state_mut().their_heads.clone();
            self.in_sync = theirs.is_some_and(|heads| holds(doc, &heads));
        }
        let mut changed = BTreeSet::new();
        for patch in doc.make_patches(&mut log) {
            let mut keys: Vec<String> = patch
                .path
                .iter()
                .map_while(|(_, prop)| match prop {
                    Prop::Map(key) => Some(key.clone()),
                    Prop::Seq(_) => None,
                })
                .collect();
            if keys.len() == patch.path.len()
                && let PatchAction::PutMap { key, .. } | PatchAction::DeleteMap { key } =
                    &patch.action
            {
                keys.push(key.clone());
            }
            keys.truncate(3);
            changed.insert(keys);
        }
        Ok(changed)
    }

    /// Whether it holds all of these changes.
    pub fn has(&mut self, heads: &[ChangeHash]) -> bool {
        holds(self.doc.as_mut(), heads)
    }

    /// The document's heads.
    pub fn heads(&mut self) -> Vec<ChangeHash> {
        self.doc.as_mut().get_heads()
    }

    /// Whether the room was sent all that was written.
    pub fn all_sent(&mut self) -> bool {
        self.doc.as_mut().get_heads() == self.sync.state_mut().last_sent_heads
    }

    /// The next message for the room, which closes the change being written.
    pub fn generate(&mut self) -> Option<Vec<u8>> {
        self.sync.generate(self.doc.as_mut())
    }
}
