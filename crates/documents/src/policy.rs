//! Who may write what (documents 2.6, 4.11, 5.12; room protocol 4.5, 4.6).

use automerge::ChangeHash;

use crate::genesis::DocKind;

/// Returns the hash of the canonical NotebookDoc seed change.
pub fn notebook_seed_hash() -> ChangeHash {
    DocKind::Notebook
        .seed_head()
        .parse()
        .unwrap_or(ChangeHash([0; 32]))
}
