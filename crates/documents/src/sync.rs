//! The sync protocol of one document with one peer (room protocol 4.3, 4.4, 4.7).
//!
//! Receiving a message costs what the message brings: [`apply`] and [`Applied::settle`] do what the
//! library's own `receive_sync_message` does, except that it walks the whole history each time to
//! forget hashes the peer is known to have. [`next_message`] never takes a change for one the peer has,
//! which the library does once in a hundred times.

use std::collections::BTreeSet;

use automerge::sync::{
    BloomFilter, ChunkList, Have, Message, MessageFlags, MessageVersion, State, SyncDoc,
};
use automerge::{AutoCommit, AutomergeError, Change, ChangeHash, PatchLog};

use crate::value::DocError;

/// A message whose changes are in the document, but not yet in the books about the peer.
#[derive(Debug)]
pub struct Applied {
    message: Message,
    before: Vec<ChangeHash>,
    carried: bool,
}

/// Applies the changes of a message and logs their patches; a read-only state takes none.
fn apply(
    doc: &mut AutoCommit,
    state: &State,
    mut message: Message,
    log: &mut PatchLog,
) -> Result<Applied, AutomergeError> {
    let before = doc.get_heads();
    let carried = !message.changes.is_empty();
    let changes = std::mem::replace(&mut message.changes, ChunkList::empty());
    if carried && !state.read_only {
        load(doc, changes, log)?;
    }
    Ok(Applied {
        message,
        before,
        carried,
    })
}

/// Loads the changes of a message and logs their patches; those that lack others wait inside the document for them.
pub fn load(
    doc: &mut AutoCommit,
    changes: ChunkList,
    log: &mut PatchLog,
) -> Result<(), AutomergeError> {
    // With nothing else in it, it changes no books.
    let alone = Message {
        heads: Vec::new(),
        need: Vec::new(),
        have: Vec::new(),
        changes,
        flags: None,
        version: MessageVersion::V1,
    };
    doc.sync()
        .receive_sync_message_log_patches(&mut State::new(), alone, log)
}

impl Applied {
    /// A message whose changes are in the document already, whose heads were `before` without them.
    pub fn already(message: Message, before: Vec<ChangeHash>) -> Self {
        Self::of(message, before, true)
    }

    /// A message whose changes, if it has any, are left out.
    pub fn nothing(message: Message, before: Vec<ChangeHash>) -> Self {
        Self::of(message, before, false)
    }

    fn of(mut message: Message, before: Vec<ChangeHash>, carried: bool) -> Self {
        message.changes = ChunkList::empty();
        Self {
            message,
            before,
            carried,
        }
    }

    /// Returns the document's heads before the changes.
    pub fn before(&self) -> &[ChangeHash] {
        &self.before
    }

    /// Keeps the books about the peer.
    pub fn settle(self, doc: &mut AutoCommit, state: &mut State) -> Result<(), AutomergeError> {
        let mut message = self.message;
        // Without heads and changes the library notes the rest and has nothing to walk.
        let heads = std::mem::take(&mut message.heads);
        let mut sent = std::mem::take(&mut state.sent_hashes);
        let mut shared = std::mem::take(&mut state.shared_heads);
        let mut last_sent = std::mem::take(&mut state.last_sent_heads);
        let reset = message
            .flags
            .is_some_and(|flags| flags.contains(MessageFlags::SYNC_RESET));
        doc.sync().receive_sync_message(state, message)?;
        if heads.is_empty() {
            // The peer lost all it had: the library cleared the books.
            return Ok(());
        }
        if reset {
            sent.clear();
        }
        let now = doc.get_heads();
        if self.carried && !state.read_only {
            shared.retain(|head| now.contains(head));
            shared.extend(now.iter().filter(|head| !self.before.contains(head)));
        }
        if !self.carried && heads == self.before {
            last_sent.clone_from(&heads);
        }
        let mut known = heads.clone();
        known.retain(|head| doc.get_change_meta_by_hash(head).is_some());
        if known.len() == heads.len() {
            shared.clone_from(&heads);
        } else {
            shared.extend(&known);
            shared.sort_unstable();
            shared.dedup();
        }
        if !sent.is_empty() && !known.is_empty() {
            let lacking = doc.get_changes_meta(&known).into_iter();
            let lacking: BTreeSet<ChangeHash> = lacking.map(|change| change.hash).collect();
            sent.retain(|hash| lacking.contains(hash));
        }
        state.sent_hashes = sent;
        state.shared_heads = shared;
        state.last_sent_heads = last_sent;
        state.their_heads = Some(heads);
        Ok(())
    }
}

/// Returns whether a document holds all of these changes.
pub fn holds<'a>(doc: &mut AutoCommit, hashes: impl IntoIterator<Item = &'a ChangeHash>) -> bool {
    let mut hashes = hashes.into_iter();
    hashes.all(|hash| doc.get_change_meta_by_hash(hash).is_some())
}

/// Returns the next message for a peer, if there is anything to say, with every change that the peer lacks and was not
/// sent. A peer says what it has by a filter that holds one change in a hundred for another one. What its heads cover
/// is known without it, so that nothing that is sent after a message overtakes a change that belongs in it.
pub fn next_message(doc: &mut AutoCommit, state: &mut State) -> Option<Message> {
    if let (Some(heads), Some(have)) = (&state.their_heads, &mut state.their_have)
        && holds(doc, heads)
        // Who refers to a conversation that is not this one is answered by the library.
        && holds(doc, have.iter().flat_map(|have| &have.last_sync))
    {
        *have = vec![Have {
            last_sync: heads.clone(),
            bloom: BloomFilter::default(),
        }];
    }
    doc.sync().generate_sync_message(state)
}

/// The sync state of one document and one peer.
#[derive(Debug)]
pub struct PeerSync {
    state: State,
    read_only: bool,
}

impl PeerSync {
    /// Starts a session; a peer without write right gets a read-only one.
    pub fn new(read_only: bool) -> Self {
        let state = if read_only {
            State::new_read_only()
        } else {
            State::new()
        };
        Self { state, read_only }
    }

    /// Forgets everything, as after a reconnect or a recoverable failure.
    pub fn reset(&mut self) {
        *self = Self::new(self.read_only);
    }

    /// Returns the state.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Returns the state, for a room's own books.
    pub const fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// Returns the next message for the peer, if there is anything to say.
    pub fn generate(&mut self, doc: &mut AutoCommit) -> Option<Vec<u8>> {
        next_message(doc, &mut self.state).map(Message::encode)
    }

    /// Receives a message from a trusted side (a room) and returns the new changes.
    pub fn receive(
        &mut self,
        doc: &mut AutoCommit,
        payload: &[u8],
    ) -> Result<Vec<Change>, DocError> {
        let before = self.receive_logged(doc, payload, &mut PatchLog::inactive())?;
        Ok(if doc.get_heads() == before {
            Vec::new()
        } else {
            doc.get_changes(&before)
        })
    }

    /// Receives as [`Self::receive`] does and logs the patches; returns the heads before.
    pub fn receive_logged(
        &mut self,
        doc: &mut AutoCommit,
        payload: &[u8],
        log: &mut PatchLog,
    ) -> Result<Vec<ChangeHash>, DocError> {
        let message =
            Message::decode(payload).map_err(|error| DocError::Unusable(error.to_string()))?;
        let applied = apply(doc, &self.state, message, log)?;
        let before = applied.before().to_vec();
        applied.settle(doc, &mut self.state)?;
        Ok(before)
    }
}

#[cfg(test)]
mod tests;
