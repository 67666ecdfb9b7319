//! The sync protocol of one document with one peer (room protocol 4.3, 4.4, 4.7).

use automerge::sync::{Message, State, SyncDoc};
use automerge::{AutoCommit, Change};

use crate::value::DocError;

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

    /// Returns the state, for [`crate::policy::receive`].
    pub const fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// Returns the next message for the peer, if there is anything to say.
    pub fn generate(&mut self, doc: &mut AutoCommit) -> Option<Vec<u8>> {
        doc.sync()
            .generate_sync_message(&mut self.state)
            .map(Message::encode)
    }

    /// Receives a message from a trusted side (a room) and returns the new changes.
    pub fn receive(
        &mut self,
        doc: &mut AutoCommit,
        payload: &[u8],
    ) -> Result<Vec<Change>, DocError> {
        let message =
            Message::decode(payload).map_err(|error| DocError::Unusable(error.to_string()))?;
        let before = doc.get_heads();
        doc.sync().receive_sync_message(&mut self.state, message)?;
        Ok(if doc.get_heads() == before {
            Vec::new()
        } else {
            doc.get_changes(&before)
        })
    }
}

/// Returns whether a payload carries changes; `None` if it is no sync message.
pub fn carries_changes(payload: &[u8]) -> Option<bool> {
    Message::decode(payload)
        .ok()
        .map(|message| !message.changes.is_empty())
}

#[cfg(test)]
mod tests;
