//! What others ask of a room's task.

use room::{
    AttachmentUpdate, Event, Join, Message, RepairOutcome, RepairRefused, StoredDocuments,
    WorkstationHeaders,
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use wire::PeerId;
use wire::attachment::FenceError;

use super::outbox::Outbox;

/// One request to a room; an answer that never comes means that the room ended.
#[derive(Debug)]
pub enum Command {
    /// May a runtime peer come in? (CP 2.25)
    Admit(
        Box<WorkstationHeaders>,
        oneshot::Sender<Result<(), FenceError>>,
    ),
    /// A socket opened.
    Join(Box<Join>, Outbox, oneshot::Sender<()>),
    /// A socket sent something; the permit is the room it takes in the line of its socket.
    Message(PeerId, Message, OwnedSemaphorePermit),
    /// A socket ended.
    Leave(PeerId),
    /// The control plane publishes an attachment.
    Publish(Box<AttachmentUpdate>, oneshot::Sender<()>),
    /// The owner, or the end of a job, asks for a repair.
    Repair(
        Repair,
        oneshot::Sender<Result<RepairOutcome, RepairRefused>>,
    ),
    /// Documents were published; the answer says whether the room shows them.
    Published(Box<StoredDocuments>, oneshot::Sender<bool>),
    /// Anything else that happens to the room.
    Event(Box<Event>, oneshot::Sender<()>),
    /// A fault of the room's own, for tests.
    #[cfg(test)]
    Panic,
}

/// What a repair is to do (CP 2.24).
#[derive(Debug)]
pub struct Repair {
    /// What to say about it.
    pub reason: String,
    /// Also while a runtime peer is connected.
    pub force: bool,
    /// Skip unless this session is selected.
    pub expected_session: Option<String>,
}
