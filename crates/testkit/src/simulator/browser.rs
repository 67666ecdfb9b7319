//! A scripted browser: replicas of all documents, edits, and the run button.

use std::collections::{BTreeMap, VecDeque};

use automerge::sync::{Message, State, SyncDoc};
use automerge::{AutoCommit, Change, ChangeHash};
use documents::{DocKind, NotebookDoc};
use room::Join;
use serde_json::json;
use wire::control::SessionControl;
use wire::{FrameType, Scope};

use super::network::join;

pub(super) struct Browser {
    join: Join,
    pub(super) is_ready: bool,
    pub(super) docs: BTreeMap<u8, (AutoCommit, State)>,
    /// The room's epoch that the documents are of.
    epoch: Option<i64>,
    /// Whether the notebook, taken afresh, is not whole yet.
    pub(super) is_partial: bool,
    /// What was written here and is not known to be in the room; with the change, once it is one.
    unsaved: Vec<(Edit, Option<ChangeHash>)>,
    /// What is sent and not yet acknowledged, in order, by frame type.
    unanswered: BTreeMap<u8, VecDeque<Sent>>,
    outbox: Vec<Vec<u8>>,
    pub(super) acknowledged_edits: Vec<Edit>,
    pub(super) acknowledged_runs: Vec<String>,
}

#[derive(Clone)]
pub(super) struct Run {
    pub(super) cell: String,
    pub(super) execution: String,
}

/// A line at the end of the first cell, where there is one, and a cell of its own.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    pub(super) line: String,
    pub(super) cell: String,
    pub(super) source: String,
}

#[derive(Default)]
struct Sent {
    changes: Vec<ChangeHash>,
    run: Option<Run>,
}

impl Browser {
    pub(super) fn owner() -> Self {
        Self::new(join("user:oidc:alice/browser:0", Scope::Owner))
    }

    pub(super) fn editor() -> Self {
        Self::new(join("user:oidc:bob/browser:0", Scope::Editor))
    }

    fn new(join: Join) -> Self {
        let actor = join.actor.to_string();
        let fresh = |kind: DocKind| kind.fresh(&actor).expect("the seeds load");
        let docs = DocKind::ALL.map(|kind| (kind.frame_type().byte(), (fresh(kind), State::new())));
        Self {
            join,
            is_ready: false,
            docs: docs.into(),
            epoch: None,
            is_partial: false,
            unsaved: Vec::new(),
            unanswered: BTreeMap::new(),
            outbox: Vec::new(),
            acknowledged_edits: Vec::new(),
            acknowledged_runs: Vec::new(),
        }
    }

    pub(super) fn join(&self) -> Join {
        self.join.clone()
    }

    pub(super) fn scope(&self) -> Scope {
        self.join.scope
    }

    pub(super) fn link_down(&mut self) {
        self.is_ready = false;
        self.unanswered.clear();
        self.outbox.clear();
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<(), String> {
        let Ok((frame_type, payload)) = wire::frame::split(bytes) else {
            return Err("the room sent no frame".into());
        };
        if frame_type == FrameType::SessionControl {
            return self.control(payload);
        }
        let Some((doc, state)) = self.docs.get_mut(&frame_type.byte()) else {
            return Ok(());
        };
        let message = Message::decode(payload).map_err(|error| error.to_string())?;
        let heads = message.heads.clone();
        doc.sync()
            .receive_sync_message(state, message)
            .map_err(|error| error.to_string())?;
        let is_whole = |head| doc.get_change_meta_by_hash(head).is_some();
        if frame_type == FrameType::AutomergeSync && self.is_partial && heads.iter().all(is_whole) {
            self.is_partial = false;
            self.write();
        }
        Ok(())
    }

    /// The room started over: its documents are taken afresh, and what it may not hold is written again.
    fn renew(&mut self, actor: &str) {
        for kind in [DocKind::Notebook, DocKind::RuntimeState, DocKind::Comms] {
            let fresh = kind.fresh(actor).expect("the seeds load");
            let byte = kind.frame_type().byte();
            self.docs.insert(byte, (fresh, State::new()));
        }
        self.is_partial = true;
        for (_, change) in &mut self.unsaved {
            *change = None;
        }
    }

    fn control(&mut self, payload: &[u8]) -> Result<(), String> {
        match SessionControl::decode(payload).map_err(|error| error.to_string())? {
            SessionControl::RoomReady(ready) => {
                self.is_ready = true;
                if self.epoch.is_some() && self.epoch != ready.room_epoch {
                    self.renew(&ready.actor_label);
                }
                self.epoch = ready.room_epoch;
                for (doc, state) in self.docs.values_mut() {
                    *state = State::new();
                    doc.set_actor(ready.actor_label.as_bytes().into());
                }
            }
            SessionControl::FrameAccepted { frame_type, .. } => {
                let sent = self
                    .unanswered
                    .get_mut(&frame_type)
                    .and_then(VecDeque::pop_front);
                let sent = sent.ok_or("an acknowledgement without a frame")?;
                let is_saved = |(_, change): &mut (Edit, Option<ChangeHash>)| {
                    change.is_some_and(|change| sent.changes.contains(&change))
                };
                let saved = self.unsaved.extract_if(.., is_saved).map(|(edit, _)| edit);
                self.acknowledged_edits.extend(saved);
                self.acknowledged_runs
                    .extend(sent.run.map(|run| run.execution));
            }
            SessionControl::FrameRejected {
                frame_type, reason, ..
            } => {
                let sent = frame_type.and_then(|byte| self.unanswered.get_mut(&byte)?.pop_front());
                // A Bloom filter may hide a change for a round; the room says so and the browser
                // asks again (Appendix B, Q-14).
                match sent.and_then(|sent| sent.run) {
                    Some(run) if reason.contains("has not reached the room") => self.run(run),
                    // There is no compute to ask: nothing was promised.
                    _ if reason.starts_with("no runtime peer is attached") => {}
                    _ => return Err(format!("{} was refused: {reason}", self.join.actor)),
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Returns the frames that are to be sent now.
    pub(super) fn flush(&mut self) -> Vec<Vec<u8>> {
        if !self.is_ready {
            return Vec::new();
        }
        let mut frames = Vec::new();
        for (byte, (doc, state)) in &mut self.docs {
            let Some(message) = doc.sync().generate_sync_message(state) else {
                continue;
            };
            let sent = Sent {
                changes: changes_of(doc, &message),
                run: None,
            };
            self.unanswered.entry(*byte).or_default().push_back(sent);
            let mut bytes = vec![*byte];
            bytes.extend(message.encode());
            frames.push(bytes);
        }
        frames.append(&mut self.outbox);
        frames
    }

    pub(super) fn edit(&mut self, edit: Edit) {
        self.unsaved.push((edit, None));
        if !self.is_partial {
            self.write();
        }
    }

    /// Writes into the notebook what is not in it yet.
    fn write(&mut self) {
        let byte = FrameType::AutomergeSync.byte();
        let Some((doc, _)) = self.docs.get_mut(&byte) else {
            return;
        };
        for (edit, change) in self
            .unsaved
            .iter_mut()
            .filter(|(_, change)| change.is_none())
        {
            let mut notebook = NotebookDoc::from_doc(std::mem::take(doc));
            match notebook.cell_ids().first() {
                Some(first) => {
                    let _ = notebook.append_source(first, &edit.line);
                }
                None => edit.line.clear(),
            }
            // The room may have taken it without a word that reached us.
            if notebook.source(&edit.cell).is_none() {
                let _ = notebook.add_cell(&edit.cell, "code", None);
                let _ = notebook.replace_source(&edit.cell, &edit.source);
            }
            *doc = notebook.into_doc();
            *change = doc.commit();
        }
    }

    pub(super) fn run(&mut self, run: Run) {
        let request = json!({
            "id": run.execution, "action": "execute_cell", "cell_id": run.cell,
            "execution_id": run.execution, "required_heads": self.heads(),
        });
        self.unanswered
            .entry(FrameType::Request.byte())
            .or_default()
            .push_back(Sent {
                changes: Vec::new(),
                run: Some(run),
            });
        self.request(&request);
    }

    /// Asks for something that concerns the kernel alone.
    pub(super) fn ask(&mut self, id: &str, action: &str) {
        self.unanswered
            .entry(FrameType::Request.byte())
            .or_default()
            .push_back(Sent::default());
        self.request(&json!({"id": id, "action": action}));
    }

    fn request(&mut self, request: &serde_json::Value) {
        let payload = request.to_string();
        self.outbox
            .push(wire::frame::encode(FrameType::Request, payload.as_bytes()));
    }

    pub(super) fn heads(&mut self) -> Vec<String> {
        let notebook = self.docs.get_mut(&FrameType::AutomergeSync.byte());
        notebook.map_or_else(Vec::new, |(doc, _)| {
            doc.get_heads().iter().map(ToString::to_string).collect()
        })
    }
}

/// Returns the changes a sync message carries; a compressed whole carries all of the sender's.
fn changes_of(doc: &mut AutoCommit, message: &Message) -> Vec<ChangeHash> {
    let mut hashes = Vec::new();
    for chunk in message.changes.iter() {
        match Change::from_bytes(chunk.to_vec()) {
            Ok(change) => hashes.push(change.hash()),
            Err(_) => hashes.extend(doc.get_changes(&[]).iter().map(Change::hash)),
        }
    }
    hashes
}
