//! What a room asks its edge to do.

use documents::DocKind;
use wire::close::Close;
use wire::{JobId, PeerId, UnixMs, WorkstationAttachment};

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
        document: DocKind,
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
    /// Documents have outgrown what they show, and everybody here can go on in a new epoch: the edge takes no further
    /// events, asks [`crate::Room::next_epoch`] once all effects are done, and closes every socket with
    /// [`wire::close::EPOCH_CHANGED`] if there is one.
    StartOver,
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
