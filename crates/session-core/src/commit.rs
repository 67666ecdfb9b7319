//! Ordered writes into the documents: each waits for its blobs, none overtakes another.

use std::collections::VecDeque;

use documents::manifest::Blob;
use documents::mime;
use documents::runtime_state::{Queue, Upsert, display_id};
use serde_json::{Map, Value};

use crate::event::{BlobUpload, Effect};
use crate::input::PENDING_INPUT;
use crate::lane::StreamText;
use crate::session::{Kernel, Session};

/// Writes looked at, from the newest, for one that a newer write of the same entry replaces.
const COALESCE_WINDOW: usize = 64;
/// Addresses of stored blobs remembered; beyond it they are asked for again, harmlessly.
const UPLOADED_MEMORY: usize = 100_000;

#[derive(Debug)]
pub(crate) enum OpKind {
    Output {
        execution_id: String,
        output_id: String,
        manifest: Value,
        /// Of a stream entry its text, should its execution have ended before all of it was shown.
        text: Option<StreamText>,
    },
    Update {
        display_id: String,
        data: Value,
        metadata: Option<Value>,
    },
    Clear {
        execution_id: String,
    },
    Count {
        execution_id: String,
        count: i64,
    },
    /// An additive key of an execution (decision D12).
    Extra {
        execution_id: String,
        key: &'static str,
        value: Value,
    },
    Finish {
        execution_id: String,
        success: bool,
        cancel: Vec<String>,
    },
    Start(String),
    Cancel(Vec<String>),
    CommOpen {
        comm_id: String,
        target: String,
        state: Map<String, Value>,
    },
    CommState {
        comm_id: String,
        state: Map<String, Value>,
    },
    CommClose {
        comm_id: String,
    },
    /// What an Output widget shows, as manifests; and the same as its trait (documents 9).
    Captured {
        comm_id: String,
        outputs: Value,
        state: Map<String, Value>,
    },
    /// The request whose outputs an Output widget takes.
    Captures {
        comm_id: String,
        msg_id: String,
    },
    CommsGone,
    Broadcast {
        comm_id: Option<String>,
        message: Map<String, Value>,
        size: usize,
    },
    Position(u64),
}

/// A write and the blobs it waits for.
#[derive(Debug)]
pub(crate) struct Op {
    pub(crate) kind: OpKind,
    pub(crate) waits: Vec<String>,
}

/// Which sent frames the room accepted, and the journal positions that hang on them.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    sent: u64,
    accepted: u64,
    marks: VecDeque<(u64, u64)>,
}

impl Acks {
    pub fn sent(&mut self) {
        self.sent += 1;
    }

    fn mark(&mut self, position: u64, unsent: bool) {
        // What is unsent goes by up to two frames, one of each document.
        self.marks
            .push_back((self.sent + 2 * u64::from(unsent), position));
    }

    pub fn accepted(&mut self) -> Option<u64> {
        self.accepted += 1;
        self.due()
    }

    /// Everything written is sent: positions wait for no frame beyond the last.
    pub fn settled(&mut self) -> Option<u64> {
        for (tag, _) in &mut self.marks {
            *tag = (*tag).min(self.sent);
        }
        self.due()
    }

    fn due(&mut self) -> Option<u64> {
        let mut last = None;
        while let Some((_, position)) = self.marks.pop_front_if(|(tag, _)| *tag <= self.accepted) {
            last = Some(position);
        }
        last
    }

    pub fn all_accepted(&self) -> bool {
        self.accepted >= self.sent
    }

    /// A new link counts anew; returns the position that was not accepted.
    pub fn reset(&mut self) -> Option<u64> {
        let last = self.marks.back().map(|(_, position)| *position);
        *self = Self::default();
        last
    }
}

impl Session {
    /// Puts a write at the end; its blobs go up at once, each only once.
    pub(crate) fn push_op(&mut self, kind: OpKind, blobs: Vec<Blob>) {
        self.push_op_after(kind, blobs, Vec::new());
    }

    /// The same for a write that also names blobs that went up before.
    pub(crate) fn push_op_after(&mut self, kind: OpKind, blobs: Vec<Blob>, named: Vec<String>) {
        let mut waits = self.upload(blobs);
        let on_their_way = |sha: &String| self.uploading.contains_key(sha);
        waits.extend(named.into_iter().filter(on_their_way));
        let op = Op { kind, waits };
        // The first stays as it is: made newer each time before its blob is stored, it would never be written.
        let older = self.ops.iter_mut().skip(1).rev().take(COALESCE_WINDOW);
        for before in older {
            if replaces(&op.kind, &before.kind) {
                *before = op;
                return;
            }
            if stands_between(&op.kind, &before.kind) {
                break;
            }
        }
        self.ops.push_back(op);
    }

    /// Puts a write before all others, in place of the one that is being applied.
    pub(crate) fn push_op_first(&mut self, kind: OpKind, blobs: Vec<Blob>) {
        let waits = self.upload(blobs);
        self.ops.push_front(Op { kind, waits });
    }

    /// Lets blobs go up that are not stored; returns those.
    fn upload(&mut self, blobs: Vec<Blob>) -> Vec<String> {
        let mut waits = Vec::new();
        for blob in blobs {
            if self.uploaded.contains(&blob.sha256) {
                continue;
            }
            waits.push(blob.sha256.clone());
            if !self.uploading.contains_key(&blob.sha256) {
                self.pending_bytes += blob.bytes.len();
                self.uploading.insert(blob.sha256.clone(), blob.bytes.len());
                self.effects.push(Effect::UploadBlob(BlobUpload {
                    media_type: mime::upload_media_type(&blob.media_type).to_owned(),
                    sha256: blob.sha256,
                    bytes: blob.bytes,
                }));
            }
        }
        waits
    }

    /// What an ended execution shows stays; what waits to be written is not written.
    pub(crate) fn forget_unwritten(&mut self, execution_id: &str) {
        let mut is_first = true;
        self.ops.retain(|op| {
            std::mem::take(&mut is_first)
                || !matches!(&op.kind, OpKind::Output { execution_id: id, .. } if id == execution_id)
        });
    }

    pub(crate) fn blob_uploaded(&mut self, sha256: &str) {
        if let Some(size) = self.uploading.remove(sha256) {
            self.pending_bytes = self.pending_bytes.saturating_sub(size);
        }
        if self.uploaded.len() >= UPLOADED_MEMORY {
            let ops = &self.ops;
            self.uploaded
                .retain(|sha| ops.iter().any(|op| op.waits.contains(sha)));
        }
        self.uploaded.insert(sha256.to_owned());
    }

    /// Applies writes from the front as far as their blobs are stored.
    pub(crate) fn apply_ops(&mut self) {
        if !self.in_sync() {
            return;
        }
        self.start_due = None;
        while let Some(op) = self.ops.front() {
            if !op.waits.iter().all(|sha| self.uploaded.contains(sha)) {
                break;
            }
            if matches!(op.kind, OpKind::Broadcast { .. }) && self.widgets.broadcasts.are_full() {
                break;
            }
            if let Some(op) = self.ops.pop_front() {
                self.apply(op.kind);
            }
        }
        if !self.dirty
            && let Some(position) = self.acks.settled()
        {
            self.effects.push(Effect::PersistPosition(position));
        }
    }

    /// Applies one write. Writes fail only for objects that are gone; then there is nothing left
    /// to write to. Outputs in a row are written to the same place.
    fn apply(&mut self, kind: OpKind) {
        if let OpKind::Position(position) = kind {
            return self.acks.mark(position, self.dirty);
        }
        if !matches!(kind, OpKind::Output { .. }) {
            self.output_place = None;
        }
        if let OpKind::Broadcast {
            comm_id,
            message,
            size,
        } = kind
        {
            return self.apply_broadcast(comm_id.as_deref(), message, size);
        }
        // Neither is worth a frame of its own while an output may be right behind it.
        if matches!(kind, OpKind::Start(_) | OpKind::Count { .. }) {
            self.dirty_soon();
        } else {
            self.waits_until = None;
            self.dirty = true;
        }
        let (Some(state), Some(comms)) = (self.state.as_mut(), self.comms.as_mut()) else {
            return;
        };
        let doc = &mut state.doc;
        match kind {
            OpKind::Output {
                execution_id,
                output_id,
                manifest,
                text,
            } => {
                self.apply_output(&execution_id, &output_id, &manifest, text.as_ref());
                self.pace.wrote_output();
            }
            OpKind::Update {
                display_id,
                data,
                metadata,
            } => {
                let _ = doc.update_display(&display_id, &data, metadata.as_ref(), self.is_ours);
            }
            OpKind::Clear { execution_id } => {
                if doc.is_open(&execution_id) {
                    let _ = doc.clear_outputs(&execution_id);
                }
            }
            OpKind::Count {
                execution_id,
                count,
            } => {
                if doc.is_open(&execution_id) {
                    let _ = doc.set_execution_count(&execution_id, count);
                }
            }
            OpKind::Extra {
                execution_id,
                key,
                value,
            } => {
                let _ = doc.set_execution_extra(&execution_id, key, &value);
                self.urgent = true;
            }
            OpKind::Finish {
                execution_id,
                success,
                cancel,
            } => {
                self.apply_finish(&execution_id, success, &cancel);
            }
            OpKind::Start(id) => {
                let _ = doc.set_running(&id);
                self.write_queue();
            }
            OpKind::Cancel(ids) => self.apply_finish("", false, &ids),
            OpKind::CommOpen {
                comm_id,
                target,
                state,
            } => {
                let _ = comms.doc.merge_state(&comm_id, &state);
                if !doc.has_comm(&comm_id) {
                    let word = |key: &str| state.get(key).and_then(Value::as_str).unwrap_or("");
                    let (module, name) = (word("_model_module"), word("_model_name"));
                    let _ = doc.open_comm(&comm_id, &target, module, name);
                }
            }
            OpKind::CommState { comm_id, state } => self.write_comm_state(&comm_id, &state),
            kind @ (OpKind::Captured { .. } | OpKind::Captures { .. }) => self.apply_capture(kind),
            OpKind::CommClose { comm_id } => {
                let _ = comms.doc.remove(&comm_id);
                let _ = doc.close_comm(&comm_id);
            }
            OpKind::CommsGone => {
                // A put into the document fails only for an object that is gone.
                let _ = doc.close_all_comms();
                self.widgets.all_gone = true;
            }
            OpKind::Position(_) | OpKind::Broadcast { .. } => {}
        }
    }

    /// What was just written need not be sent before what follows, unless that takes long.
    pub(crate) fn dirty_soon(&mut self) {
        if !self.dirty {
            self.waits_until = Some(self.now.plus(self.settings.start_wait_ms));
        }
        self.dirty = true;
    }

    /// An output of an ended execution is appended, or left as it is; more text of a stream follows it (decision D3).
    fn apply_output(
        &mut self,
        execution_id: &str,
        output_id: &str,
        manifest: &Value,
        text: Option<&StreamText>,
    ) {
        let Some(state) = self.state.as_mut() else {
            return;
        };
        let doc = &mut state.doc;
        let known = self.output_place.take();
        let known = known.filter(|place| place.execution() == execution_id);
        let Some(place) = known.or_else(|| doc.output_place(execution_id)) else {
            return;
        };
        let place = self.output_place.insert(place);
        let is_over = place.is_over;
        if is_over && text.is_none() && doc.has_output(place, output_id) {
            return;
        }
        if is_over
            && let Some(text) = text
            && !self.late_text(execution_id, output_id, &manifest["name"], text)
        {
            return;
        }
        let (Some(state), Some(place)) = (self.state.as_mut(), self.output_place.as_ref()) else {
            return;
        };
        let doc = &mut state.doc;
        let known = self.lanes.get(execution_id).and_then(|lane| lane.next_seq);
        let seq = known.unwrap_or_else(|| doc.next_output_seq(execution_id));
        let written = doc.upsert_output_in(place, manifest, seq);
        if let Some(lane) = self.lanes.get_mut(execution_id) {
            lane.next_seq = Some(seq + u64::from(matches!(written, Ok(Upsert::Appended))));
        }
    }

    fn apply_finish(&mut self, execution_id: &str, success: bool, cancel: &[String]) {
        let Some(state) = self.state.as_mut() else {
            return;
        };
        let doc = &mut state.doc;
        for id in cancel {
            let _ = doc.cancel(id);
        }
        if !execution_id.is_empty() {
            let _ = doc.set_execution_extra(execution_id, PENDING_INPUT, &Value::Null);
            let _ = doc.finish(execution_id, success);
            if self
                .current
                .as_ref()
                .is_some_and(|current| current.id == execution_id)
            {
                self.current = None;
            }
        }
        self.write_queue();
        self.urgent = true;
    }

    /// Writes what runs, what waits, and whether the kernel is busy.
    pub(crate) fn write_queue(&mut self) {
        let Some(state) = self.state.as_mut() else {
            return;
        };
        let doc = &mut state.doc;
        let executing = self.current.as_ref().map(|current| current.id.as_str());
        let executing = executing.filter(|id| doc.is_open(id));
        let activity = if executing.is_some() { "Busy" } else { "Idle" };
        let _ = doc.set_queue(&Queue {
            executing: executing.map(str::to_owned),
            queued: self.waiting.keys().map(|(_, id)| id.clone()).collect(),
        });
        if self.kernel == Kernel::Ready {
            let _ = doc.set_activity(activity);
        }
    }
}

/// Whether a write must not take the place of one that is older than another.
fn stands_between(new: &OpKind, between: &OpKind) -> bool {
    match (new, between) {
        (_, OpKind::Clear { .. }) => true,
        (OpKind::Update { display_id: id, .. }, OpKind::Output { manifest, .. }) => {
            display_id(manifest) == Some(id)
        }
        _ => false,
    }
}

/// Whether a write makes an older one needless; it then takes the older one's place.
fn replaces(new: &OpKind, old: &OpKind) -> bool {
    match (new, old) {
        (
            OpKind::Output {
                execution_id: e1,
                output_id: o1,
                ..
            },
            OpKind::Output {
                execution_id: e2,
                output_id: o2,
                ..
            },
        ) => e1 == e2 && o1 == o2,
        (OpKind::Update { display_id: a, .. }, OpKind::Update { display_id: b, .. })
        | (OpKind::Captured { comm_id: a, .. }, OpKind::Captured { comm_id: b, .. })
        | (OpKind::Captures { comm_id: a, .. }, OpKind::Captures { comm_id: b, .. }) => a == b,
        _ => false,
    }
}
