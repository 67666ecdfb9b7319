//! The room itself: its state, its entry point, and how it comes to be.

use documents::DocKind;
use std::collections::BTreeMap;

use automerge::ActorId;
use uuid::Uuid;
use wire::control::SessionControl;
use wire::{FrameType, NotebookId, PeerId, UnixMs, WorkstationAttachment};

use crate::document::Document;
use crate::peer::Peer;
use crate::queries::Queries;
use crate::runtime_index::RuntimeIndex;
use crate::work::Work;
use crate::{Effect, Event, Settings, StoredDocuments};

/// Where a room gets its random ids from.
pub trait IdSource: Send {
    /// Returns a fresh UUID v4.
    fn uuid(&mut self) -> Uuid;
}

impl<F: FnMut() -> Uuid + Send> IdSource for F {
    fn uuid(&mut self) -> Uuid {
        self()
    }
}

/// Why a room cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    /// A stored document does not load.
    #[error("the stored {} of notebook `{notebook_id}` does not load: {cause}", document.name())]
    Load {
        /// The notebook.
        notebook_id: NotebookId,
        /// Which document.
        document: DocKind,
        /// What the library says.
        cause: String,
    },
    /// A new room could not write its first content.
    #[error("the first content of notebook `{notebook_id}` cannot be written: {cause}")]
    Bootstrap {
        /// The notebook.
        notebook_id: NotebookId,
        /// What the library says.
        cause: String,
    },
}

/// One live notebook: documents, peers, and the rules between them.
pub struct Room {
    pub(crate) notebook_id: NotebookId,
    pub(crate) epoch: i64,
    pub(crate) settings: Settings,
    pub(crate) ids: Box<dyn IdSource>,
    pub(crate) documents: [Document; 4],
    pub(crate) peers: BTreeMap<PeerId, Peer>,
    pub(crate) index: RuntimeIndex,
    pub(crate) attachment: Option<WorkstationAttachment>,
    pub(crate) queries: Queries,
    pub(crate) next_arrival: u64,
    pub(crate) next_request: u64,
    pub(crate) trim_at: usize,
    pub(crate) idle_since: Option<UnixMs>,
    /// When the state of a widget changed last.
    pub(crate) widgets_moved: Option<UnixMs>,
    /// The owner's word for this notebook: minutes, 0 is never.
    pub(crate) idle_minutes: Option<u64>,
    /// After a load: until when a runtime peer that was here is expected back.
    pub(crate) return_by: Option<UnixMs>,
    pub(crate) planned_wake: Option<UnixMs>,
    /// Changes from which on it starts over with people there; doubled by each attempt that leads nowhere.
    pub(crate) live_limit: u64,
    /// Whether the edge was asked to start over and has not done so.
    pub(crate) starting_over: bool,
    pub(crate) work: Work,
}

impl Room {
    /// Opens a room from its stored documents; an empty store makes a new room.
    ///
    /// The effects keep what a new room wrote.
    pub fn open(
        notebook_id: NotebookId,
        stored: &StoredDocuments,
        settings: Settings,
        now: UnixMs,
        mut ids: Box<dyn IdSource>,
    ) -> Result<(Self, Vec<Effect>), RoomError> {
        let author = crate::bootstrap::fresh_author(&notebook_id, ids.as_mut());
        let actor = ActorId::from(author.into_bytes());
        let (documents, effects) = crate::bootstrap::documents(&notebook_id, stored, &actor)?;
        let mut room = Self {
            notebook_id,
            epoch: stored.epoch(),
            settings,
            ids,
            documents,
            peers: BTreeMap::new(),
            index: RuntimeIndex::default(),
            attachment: None,
            queries: Queries::default(),
            next_arrival: 0,
            next_request: 0,
            trim_at: 0,
            idle_since: None,
            widgets_moved: None,
            idle_minutes: None,
            return_by: None,
            planned_wake: None,
            live_limit: 0,
            starting_over: false,
            work: Work::with(effects),
        };
        room.rebuild_index();
        room.live_limit = room.live_epoch_changes();
        room.expect_return(now);
        room.plan_wake();
        let effects = room.effects();
        Ok((room, effects))
    }

    /// Handles one event and returns what is to be done, in order: appends first.
    pub fn handle(&mut self, now: UnixMs, event: Event) -> Vec<Effect> {
        let mut effects = self.begin(now, event);
        effects.extend(self.rest());
        effects
    }

    /// Handles one event and returns its appends, which can be on their way to the disk while [`Room::rest`] writes the
    /// messages that wait for them. What was not asked for of the event before is dropped: its append failed.
    pub fn begin(&mut self, now: UnixMs, event: Event) -> Vec<Effect> {
        self.work = Work::default();
        match event {
            Event::Join(join) => self.join(now, *join),
            Event::Leave { peer_id } => self.leave(now, &peer_id),
            Event::Message { peer_id, message } => self.message(now, &peer_id, message),
            Event::Degraded { peer_id, reason } => self.degraded(now, &peer_id, reason),
            Event::AttachmentPublished(update) => self.attachment_published(now, *update),
            Event::AccessChanged(change) => self.access_changed(now, &change),
            Event::PublicLinkRevoked => self.public_link_revoked(now),
            Event::Revoked(revocation) => self.revoked(now, &revocation),
            Event::ComputeResolved { request, outcome } => {
                self.compute_resolved(now, request, outcome);
            }
            Event::JobEnded(end) => self.job_ended(now, &end),
            Event::IdleMinutes(minutes) => self.set_idle_minutes(now, minutes),
            Event::Tick => self.tick(now),
        }
        self.ask_to_start_over(now);
        self.plan_wake();
        self.work.take_appends()
    }

    /// Returns the notebook.
    pub fn notebook_id(&self) -> &NotebookId {
        &self.notebook_id
    }

    /// Returns the number of sockets.
    pub fn peer_count(&self) -> usize {
        self.peers.len()
    }

    /// Returns the number of sockets with scope `runtime_peer`.
    pub fn runtime_peer_count(&self) -> usize {
        self.peers.values().filter(|peer| peer.is_runtime()).count()
    }

    /// Returns whether a peer is in the room.
    pub fn has_peer(&self, peer_id: &PeerId) -> bool {
        self.peers.contains_key(peer_id)
    }

    /// Returns the published attachment.
    pub fn attachment(&self) -> Option<&WorkstationAttachment> {
        self.attachment.as_ref()
    }

    /// Returns whether an execution is running or queued.
    pub fn has_work(&self) -> bool {
        self.index.has_work()
    }

    /// Returns a document's whole bytes, for a compacted snapshot or an export.
    pub fn snapshot(&mut self, document: DocKind) -> Vec<u8> {
        self.documents[document.index()].save()
    }

    /// Returns a document's heads as hex, sorted.
    pub fn heads(&mut self, document: DocKind) -> Vec<String> {
        let heads = self.documents[document.index()].doc().get_heads();
        let mut heads: Vec<String> = heads.iter().map(ToString::to_string).collect();
        heads.sort();
        heads
    }

    pub(crate) fn send(&mut self, peer_id: &PeerId, frame_type: FrameType, payload: &[u8]) {
        let bytes = wire::frame::encode(frame_type, payload);
        self.work.push(Effect::Send {
            peer_id: peer_id.clone(),
            bytes,
        });
    }

    pub(crate) fn send_control(&mut self, peer_id: &PeerId, control: &SessionControl) {
        self.send(peer_id, FrameType::SessionControl, &control.encode());
    }

    pub(crate) fn others(&self, peer_id: &PeerId) -> Vec<PeerId> {
        self.peers
            .keys()
            .filter(|other| *other != peer_id)
            .cloned()
            .collect()
    }

    fn degraded(&mut self, now: UnixMs, peer_id: &PeerId, reason: String) {
        if self.peers.contains_key(peer_id) {
            let control = SessionControl::RoomDegraded {
                notebook_id: self.notebook_id.clone(),
                peer_id: peer_id.clone(),
                reason,
                timestamp: now,
            };
            self.send_control(peer_id, &control);
        }
    }
}
