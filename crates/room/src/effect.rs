//! What a room asks its edge to do.

use wire::close::Close;
use wire::{FrameType, JobId, PeerId, UnixMs, WorkstationAttachment};

/// One of the four documents of a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocumentKind {
    /// Cells and notebook metadata.
    Notebook,
    /// Executions, outputs, kernel, attachment.
    RuntimeState,
    /// Widget state.
    Comms,
    /// Comment threads.
    Comments,
}

impl DocumentKind {
    /// All documents in the order of their first sync frames (room protocol 3.8).
    pub const ALL: [Self; 4] = [
        Self::Notebook,
        Self::RuntimeState,
        Self::Comms,
        Self::Comments,
    ];

    /// Returns the frame type that carries the document.
    pub const fn frame_type(self) -> FrameType {
        match self {
            Self::Notebook => FrameType::AutomergeSync,
            Self::RuntimeState => FrameType::RuntimeStateSync,
            Self::Comms => FrameType::CommsDocSync,
            Self::Comments => FrameType::CommentsDocSync,
        }
    }

    /// Returns the document a frame type carries.
    pub const fn of_frame(frame_type: FrameType) -> Option<Self> {
        match frame_type {
            FrameType::AutomergeSync => Some(Self::Notebook),
            FrameType::RuntimeStateSync => Some(Self::RuntimeState),
            FrameType::CommsDocSync => Some(Self::Comms),
            FrameType::CommentsDocSync => Some(Self::Comments),
            _ => None,
        }
    }

    /// Returns the name used in storage and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Notebook => "notebook",
            Self::RuntimeState => "runtime_state",
            Self::Comms => "comms",
            Self::Comments => "comments",
        }
    }

    /// Returns the document of a name made by [`DocumentKind::as_str`].
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// Returns the document's name in refusals.
    pub(crate) const fn type_name(self) -> &'static str {
        match self {
            Self::Notebook => "NotebookDoc",
            Self::RuntimeState => "RuntimeStateDoc",
            Self::Comms => "CommsDoc",
            Self::Comments => "CommentsDoc",
        }
    }

    /// Returns how a decode error of the document begins.
    pub(crate) const fn decode_label(self) -> &'static str {
        match self {
            Self::Notebook => "decode notebook sync",
            Self::RuntimeState => "decode runtime state sync",
            Self::Comms => "decode comms doc sync",
            Self::Comments => "decode comments doc sync",
        }
    }

    /// Returns how a failed trial of the document begins.
    pub(crate) const fn preview_label(self) -> &'static str {
        match self {
            Self::Notebook => "notebook auth preview failed",
            Self::RuntimeState => "runtime state auth preview failed",
            Self::Comms => "comms auth preview failed",
            Self::Comments => "comments auth preview failed",
        }
    }
}

/// One thing the edge does for a room; the list's order is binding.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Sends one binary message (type byte first) to a peer.
    Send {
        /// To whom.
        peer_id: PeerId,
        /// The whole message.
        bytes: Vec<u8>,
    },
    /// Sends one text message to a peer; only liveness answers are texts.
    SendText {
        /// To whom.
        peer_id: PeerId,
        /// The text.
        text: &'static str,
    },
    /// Closes a peer's socket; the room has already forgotten the peer.
    Close {
        /// Whose.
        peer_id: PeerId,
        /// Code and reason.
        close: Close,
    },
    /// Appends change chunks to a document's log. Everything after it waits until it is durable.
    Append {
        /// Which document.
        document: DocumentKind,
        /// Concatenated change chunks, as `load_incremental` reads them.
        changes: Vec<u8>,
    },
    /// Asks whether compute can be resumed; answered by [`crate::Event::ComputeResolved`].
    ///
    /// The edge checks that the owner's registered workstation is online, grants the owner's
    /// principal a `runtime_peer` row, makes an attach job with trigger `resume` and notifies the
    /// workstation (room protocol 5.4 step 3). The peer's later frames wait meanwhile.
    ResolveCompute {
        /// Names this question in its answer.
        request: u64,
        /// What was attached before.
        attachment: Box<WorkstationAttachment>,
    },
    /// Tells that a peer's request to run cells was taken; for the audit trail.
    Ran {
        /// Who asked.
        actor_label: String,
        /// How many cells.
        cells: usize,
    },
    /// Tells that the room itself ended a runtime session.
    FinishJob(FinishedJob),
    /// Asks for an [`crate::Event::Tick`] at this time; replaces earlier wishes.
    WakeAt(UnixMs),
}

/// A runtime session that the room ended: by idleness, or because its peer was away too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedJob {
    /// The attach job.
    pub job_id: JobId,
    /// Whether it ended well.
    pub failed: bool,
    /// What a person may read.
    pub reason: String,
}
