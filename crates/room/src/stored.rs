//! The stored form of a room's documents.

use documents::DocKind;

/// The bytes of the four documents: a snapshot followed by appended change chunks, or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredDocuments {
    documents: [Vec<u8>; 4],
    retired: [Vec<u8>; 4],
    epoch: i64,
}

impl StoredDocuments {
    /// Nothing yet, of an epoch of the room.
    pub fn of_epoch(epoch: i64) -> Self {
        Self {
            epoch,
            ..Self::default()
        }
    }

    /// Returns the epoch of the room that this is of; 0 is the first.
    pub fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Adds bytes at the end of a document; call it in log order.
    pub fn append(&mut self, document: DocKind, bytes: &[u8]) {
        self.documents[document.index()].extend_from_slice(bytes);
    }

    /// Adds hashes of changes of an earlier epoch, joined, that must not come back.
    pub fn retire(&mut self, document: DocKind, hashes: &[u8]) {
        self.retired[document.index()].extend_from_slice(hashes);
    }

    /// Returns the hashes of changes that must not come back.
    pub fn retired(&self, document: DocKind) -> &[u8] {
        &self.retired[document.index()]
    }

    /// Returns the bytes of a document.
    pub fn bytes(&self, document: DocKind) -> &[u8] {
        &self.documents[document.index()]
    }

    /// Returns whether nothing was stored: the room is new.
    pub fn is_empty(&self) -> bool {
        self.documents.iter().all(Vec::is_empty)
    }
}
