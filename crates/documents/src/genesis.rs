//! The frozen first changes of the four documents (documents 3); they never change.

use automerge::{ActorId, AutoCommit, ChangeHash};

use crate::value::DocError;

/// Names one of the four documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocKind {
    /// Cells and notebook metadata.
    Notebook,
    /// Kernel, queue, executions, outputs.
    RuntimeState,
    /// Widget state.
    Comms,
    /// Comment threads.
    Comments,
}

/// The NotebookDoc seed.
pub const NOTEBOOK_SEED: &[u8] = include_bytes!("../seeds/notebook_genesis_v5.am");
/// The RuntimeStateDoc seed.
pub const RUNTIME_STATE_SEED: &[u8] = include_bytes!("../seeds/runtime_state_genesis_v2.am");
/// The CommsDoc seed.
pub const COMMS_SEED: &[u8] = include_bytes!("../seeds/comms_doc_genesis_v1.am");
/// The CommentsDoc seed.
pub const COMMENTS_SEED: &[u8] = include_bytes!("../seeds/comments_doc_genesis_v1.am");
/// The actor of the NotebookDoc seed.
pub const NOTEBOOK_SEED_ACTOR: &str = "nteract:notebook-schema:v5";

impl DocKind {
    /// All documents in the order a room first sends them.
    pub const ALL: [Self; 4] = [
        Self::Notebook,
        Self::RuntimeState,
        Self::Comms,
        Self::Comments,
    ];

    /// Returns its place in [`DocKind::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns the frozen bytes.
    pub const fn seed(self) -> &'static [u8] {
        match self {
            Self::Notebook => NOTEBOOK_SEED,
            Self::RuntimeState => RUNTIME_STATE_SEED,
            Self::Comms => COMMS_SEED,
            Self::Comments => COMMENTS_SEED,
        }
    }

    /// Returns the head of the frozen bytes in hex.
    pub const fn seed_head(self) -> &'static str {
        match self {
            Self::Notebook => "5cb837a3e10c24a4107f4bf04260c35621ad8f003ec7fbcbe63407028a22f33b",
            Self::RuntimeState => {
                "4aa226b3047f50f85b5b74ab8f395220bacea6cec9d8a1ed9a5649f15edc2649"
            }
            Self::Comms => "59e6107683328412635b4c868124e9c4014704de086aef822a58c07d85153a57",
            Self::Comments => "4bd008133860dda10c7f06c8bfac8c1ac87b0dc30fee44fcbe3087bf4ffe2bd1",
        }
    }

    /// Returns the document's name in refusals.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Notebook => "NotebookDoc",
            Self::RuntimeState => "RuntimeStateDoc",
            Self::Comms => "CommsDoc",
            Self::Comments => "CommentsDoc",
        }
    }

    /// Returns the frame type that carries its sync messages.
    pub const fn frame_type(self) -> wire::FrameType {
        match self {
            Self::Notebook => wire::FrameType::AutomergeSync,
            Self::RuntimeState => wire::FrameType::RuntimeStateSync,
            Self::Comms => wire::FrameType::CommsDocSync,
            Self::Comments => wire::FrameType::CommentsDocSync,
        }
    }

    /// Returns the document a frame type carries.
    pub fn of_frame(frame_type: wire::FrameType) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.frame_type() == frame_type)
    }

    /// Loads the seed and switches to an actor.
    pub fn fresh(self, actor: &str) -> Result<AutoCommit, DocError> {
        load(self.seed(), actor)
    }
}

/// Loads a stored document and switches to an actor.
pub fn load(bytes: &[u8], actor: &str) -> Result<AutoCommit, DocError> {
    let mut doc = AutoCommit::load(bytes)?;
    doc.set_actor(actor_id(actor));
    Ok(doc)
}

/// Returns the actor id of a label: its UTF-8 bytes.
pub fn actor_id(label: &str) -> ActorId {
    ActorId::from(label.as_bytes())
}

/// Returns heads in hex, as requests and checkpoints carry them.
pub fn heads_hex(heads: &[ChangeHash]) -> Vec<String> {
    heads.iter().map(ToString::to_string).collect()
}

/// Implements what the four document types have in common.
macro_rules! document {
    ($name:ident, $kind:expr) => {
        impl AsMut<automerge::AutoCommit> for $name {
            fn as_mut(&mut self) -> &mut automerge::AutoCommit {
                &mut self.doc
            }
        }

        impl $name {
            /// Loads the frozen seed under an actor label.
            pub fn from_seed(actor: &str) -> Result<Self, $crate::value::DocError> {
                Ok(Self {
                    doc: $kind.fresh(actor)?,
                })
            }

            /// Loads stored bytes under an actor label.
            pub fn load(bytes: &[u8], actor: &str) -> Result<Self, $crate::value::DocError> {
                Ok(Self {
                    doc: $crate::genesis::load(bytes, actor)?,
                })
            }

            /// Wraps a document.
            pub const fn from_doc(doc: automerge::AutoCommit) -> Self {
                Self { doc }
            }

            /// Returns the document.
            pub const fn doc(&self) -> &automerge::AutoCommit {
                &self.doc
            }

            /// Returns the document for syncing and for writes this type does not have.
            pub const fn doc_mut(&mut self) -> &mut automerge::AutoCommit {
                &mut self.doc
            }

            /// Takes the document out.
            pub fn into_doc(self) -> automerge::AutoCommit {
                self.doc
            }

            /// Switches the author of later changes.
            pub fn set_actor(&mut self, actor: &str) {
                self.doc.set_actor($crate::genesis::actor_id(actor));
            }

            /// Closes the open transaction and returns the heads.
            pub fn heads(&mut self) -> Vec<automerge::ChangeHash> {
                self.doc.get_heads()
            }

            /// Returns the bytes to store.
            pub fn save(&mut self) -> Vec<u8> {
                self.doc.save()
            }

            pub(crate) const fn reader(&self) -> $crate::value::Reader<'_, automerge::AutoCommit> {
                $crate::value::Reader::now(&self.doc)
            }
        }
    };
}
pub(crate) use document;

#[cfg(test)]
mod tests;
