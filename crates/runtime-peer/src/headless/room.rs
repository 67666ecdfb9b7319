//! A room of one: the documents of a notebook file, in memory, and the session beside them.

use std::collections::HashMap;

use documents::hosted_file::HostedFile;
use documents::notebook::Cell;
use documents::runtime_state::NewExecution;
use documents::{CommsDoc, DocError, NotebookDoc, PeerSync, RuntimeStateDoc};
use session_core::Event;
use wire::control::SessionControl;
use wire::{FrameType, UnixMs};

/// Who writes on the room's side.
const ROOM: &str = "system:room/room:local";
/// Who the session is told that it is.
pub(super) const PRINCIPAL: &str = "user:local:owner";

pub(super) struct LocalRoom {
    pub(super) notebook: NotebookDoc,
    pub(super) state: RuntimeStateDoc,
    pub(super) comms: CommsDoc,
    pub(super) blobs: HashMap<String, Vec<u8>>,
    syncs: [PeerSync; 2],
    next_seq: u64,
}

impl LocalRoom {
    pub(super) fn new(file: HostedFile) -> Self {
        let HostedFile {
            notebook,
            runtime: mut state,
            mut comms,
            blobs,
        } = file;
        state.set_actor(ROOM);
        comms.set_actor(ROOM);
        Self {
            notebook,
            next_seq: state.next_seq(),
            state,
            comms,
            blobs: blobs
                .into_iter()
                .map(|blob| (blob.sha256, blob.bytes))
                .collect(),
            syncs: [PeerSync::new(false), PeerSync::new(false)],
        }
    }

    /// Accepts the execution of a cell; the cell shows it from now on.
    pub(super) fn submit(&mut self, cell_id: &str, source: &str) -> Result<String, DocError> {
        let id = uuid::Uuid::new_v4().to_string();
        self.state.create_execution(&NewExecution {
            id: &id,
            source,
            cell_id: Some(cell_id),
            seq: self.next_seq,
            submitted_by: None,
        })?;
        self.next_seq += 1;
        self.notebook.set_execution_id(cell_id, Some(&id))?;
        Ok(id)
    }

    /// Takes back that a cell was to run: it shows again what it showed before.
    pub(super) fn withdraw(&mut self, cell: &Cell) -> Result<(), DocError> {
        let before = cell.execution_id.as_deref();
        self.notebook.set_execution_id(&cell.id, before)?;
        Ok(())
    }

    /// What the room has to say to the session by itself.
    pub(super) fn speak(&mut self) -> Vec<Event> {
        let [state, comms] = &mut self.syncs;
        let messages = [
            (
                FrameType::RuntimeStateSync,
                state.generate(self.state.doc_mut()),
            ),
            (
                FrameType::CommsDocSync,
                comms.generate(self.comms.doc_mut()),
            ),
        ];
        messages
            .into_iter()
            .filter_map(|(kind, message)| Some(frame(kind, &message?)))
            .collect()
    }

    /// Takes a frame of the session: its changes are in the documents, and so accepted, at once.
    pub(super) fn receive(&mut self, bytes: &[u8], now: UnixMs) -> Result<Vec<Event>, DocError> {
        let Some((kind, payload)) = wire::frame::split(bytes).ok() else {
            return Ok(Vec::new());
        };
        let accepted =
            SessionControl::accepted("local".into(), "local".into(), kind, payload.len(), now);
        let accepted = frame(FrameType::SessionControl, &accepted.encode());
        let (doc, sync) = match kind {
            FrameType::RuntimeStateSync => (self.state.doc_mut(), &mut self.syncs[0]),
            FrameType::CommsDocSync => (self.comms.doc_mut(), &mut self.syncs[1]),
            // Nobody is here to hear it.
            FrameType::Broadcast => return Ok(vec![accepted]),
            _ => return Ok(Vec::new()),
        };
        sync.receive(doc, payload)?;
        let reply = sync.generate(doc).map(|reply| frame(kind, &reply));
        Ok(reply.into_iter().chain([accepted]).collect())
    }
}

fn frame(kind: FrameType, payload: &[u8]) -> Event {
    Event::Frame(wire::frame::encode(kind, payload))
}
