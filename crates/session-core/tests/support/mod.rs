//! A tiny room in memory and a session beside it, driven by hand.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::{HashMap, HashSet, VecDeque};

use automerge::sync::{Message, State, SyncDoc as _};
use automerge::transaction::Transactable as _;
use automerge::{AutoCommit, ObjType, PatchLog};
use documents::policy::{Touched, Trial, judge};
use documents::runtime_state::{DISCONNECTED_PREFIX, Lifecycle, Queue, status};
use documents::value::Reader;
use documents::{CommsDoc, DocKind, RuntimeStateDoc};
use serde_json::{Value, json};
use session_core::{
    Channel, Effect, Event, Handover, JournalEntry, KernelInfo, KernelMessage, LaunchMode, Outcome,
    Session, Settings,
};
use wire::{FrameType, Principal, Scope, UnixMs};

pub struct Sim {
    settings: Settings,
    pub session: Session,
    pub state: RuntimeStateDoc,
    pub comms: CommsDoc,
    syncs: [State; 2],
    pub linked: bool,
    pub is_ours: bool,
    /// Whether the room may have to refuse something; otherwise that fails the test.
    pub refuses: bool,
    /// Whether the room's disk is full: it takes nothing, and says so.
    pub is_full: bool,
    /// Whether the room acknowledges changes of widgets.
    pub takes_comms: bool,
    pub upload: bool,
    pub launch: bool,
    pub now: UnixMs,
    pub position: u64,
    pub to_kernel: Vec<KernelMessage>,
    pub uploads: Vec<(String, String, Vec<u8>)>,
    pub blobs: HashMap<String, Vec<u8>>,
    pub log: Vec<Effect>,
    pub persisted: Option<u64>,
    pub wake: Option<UnixMs>,
    pub frames: usize,
    pub bytes: usize,
    principal: Principal,
    pub exit: Option<Outcome>,
    seq: u64,
    /// Whether the room says nothing of the state of widgets yet.
    pub late_comms: bool,
    /// What the kernel has replied to.
    replied: HashSet<String>,
}

const ROOM: &str = "system:room/room:test";

/// The JSON at a key under a root map.
pub fn json_at(doc: &AutoCommit, root: &str, key: &str) -> Option<Value> {
    let reader = Reader::now(doc);
    reader.json(&reader.root_map(root)?, key)
}

impl Sim {
    /// Ends what is open as a room of the reference does whose runtime peer was away for long.
    pub fn reference_ends_the_work(&mut self, reason: &str) {
        let state = &mut self.state;
        for id in state.all_with_status(status::RUNNING) {
            state.finish(&id, false).unwrap();
        }
        for id in state.all_with_status(status::QUEUED) {
            state.cancel(&id).unwrap();
        }
        state.set_queue(&Queue::default()).unwrap();
        assert!(state.kernel().lifecycle.is_live());
        let details = format!("{DISCONNECTED_PREFIX} {reason}");
        state
            .set_lifecycle_with_error(&Lifecycle::new("Error"), None, Some(&details))
            .unwrap();
    }

    pub fn new(settings: Settings) -> Self {
        Self {
            settings: settings.clone(),
            session: Session::new(settings),
            state: RuntimeStateDoc::from_seed(ROOM).unwrap(),
            comms: CommsDoc::from_seed(ROOM).unwrap(),
            syncs: [State::new(), State::new()],
            linked: false,
            is_ours: true,
            refuses: false,
            is_full: false,
            takes_comms: true,
            upload: true,
            launch: true,
            now: UnixMs(1_000_000),
            position: 8,
            to_kernel: Vec::new(),
            uploads: Vec::new(),
            blobs: HashMap::new(),
            log: Vec::new(),
            persisted: None,
            wake: None,
            frames: 0,
            principal: "user:local:owner".parse().unwrap(),
            bytes: 0,
            exit: None,
            seq: 0,
            late_comms: false,
            replied: HashSet::new(),
        }
    }

    /// A room with a session attached and a kernel ready.
    pub fn ready() -> Self {
        let mut sim = Self::new(settings());
        sim.link();
        sim
    }

    /// A second session in the place of the first, as after a crash of the peer.
    pub fn replace_session(&mut self, adopted: bool) {
        self.replace_session_with(adopted, Handover::default());
    }

    /// After a crash another peer finds the kernel at work and reads the journal again.
    pub fn crash(&mut self, journal: Vec<JournalEntry>) {
        self.replace_session(true);
        self.event(Event::KernelReady(info()));
        self.link();
        if !journal.is_empty() {
            self.event(Event::Journal(journal));
        }
        self.event(Event::JournalCaughtUp);
    }

    /// The same inside one process, which hands over what the documents do not say.
    pub fn replace_session_with(&mut self, adopted: bool, before: Handover) {
        self.linked = false;
        self.exit = None;
        self.to_kernel.clear();
        self.session = Session::new(Settings {
            adopted,
            nonce: "bbbbbbbb".into(),
            ..self.settings.clone()
        })
        .taking_over(before);
    }

    pub fn link(&mut self) {
        self.linked = true;
        self.syncs = [State::new(), State::new()];
        self.event(Event::LinkUp {
            principal: "user:local:owner".into(),
            is_ours: self.is_ours,
        });
    }

    pub fn unlink(&mut self, reason: &str) {
        self.linked = false;
        self.event(Event::LinkDown {
            reason: reason.into(),
        });
    }

    pub fn event(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            self.wake = None;
            let effects = self.session.handle(self.now, event);
            for effect in effects {
                self.log.push(effect.clone());
                self.perform(effect, &mut events);
            }
            if events.is_empty() && self.wake.is_some_and(|at| at <= self.now) {
                events.push_back(Event::Tick);
            }
        }
    }

    fn perform(&mut self, effect: Effect, events: &mut VecDeque<Event>) {
        match effect {
            Effect::SendFrame(bytes) if self.linked => {
                self.frames += 1;
                self.bytes += bytes.len();
                self.room_receives(&bytes, events);
            }
            Effect::LaunchKernel | Effect::RestartKernel if self.launch => {
                events.push_back(Event::KernelReady(info()));
            }
            Effect::UploadBlob(blob) => {
                assert_eq!(blob.sha256, documents::manifest::sha256_hex(&blob.bytes));
                self.uploads
                    .push((blob.sha256.clone(), blob.media_type, blob.bytes.clone()));
                if self.upload {
                    self.blobs.insert(blob.sha256.clone(), blob.bytes);
                    events.push_back(Event::BlobUploaded {
                        sha256: blob.sha256,
                    });
                }
            }
            Effect::FetchBlob { sha256 } if self.upload => {
                let bytes = self.blobs.get(&sha256).cloned();
                events.push_back(Event::BlobFetched { sha256, bytes });
            }
            Effect::SendToKernel(message) => self.to_kernel.push(*message),
            Effect::PersistPosition(position) => self.persisted = Some(position),
            Effect::WakeAt(at) => self.wake = Some(at),
            Effect::Exit(outcome) => self.exit = Some(outcome),
            _ => {}
        }
    }

    /// Finishes the uploads that were held back.
    pub fn finish_uploads(&mut self) {
        for (sha256, _, bytes) in self.uploads.clone() {
            if self.blobs.insert(sha256.clone(), bytes).is_none() {
                self.event(Event::BlobUploaded { sha256 });
            }
        }
    }

    fn room_receives(&mut self, bytes: &[u8], events: &mut VecDeque<Event>) {
        let (frame_type, payload) = wire::frame::split(bytes).unwrap();
        if frame_type == FrameType::CommsDocSync && self.late_comms {
            return;
        }
        let (kind, doc, sync) = match frame_type {
            FrameType::RuntimeStateSync => (
                DocKind::RuntimeState,
                self.state.doc_mut(),
                &mut self.syncs[0],
            ),
            FrameType::CommsDocSync => (DocKind::Comms, self.comms.doc_mut(), &mut self.syncs[1]),
            _ => return,
        };
        if self.is_full {
            let control = json!({"type": "cloud_room_degraded", "notebook_id": "n", "peer_id": "p",
                "reason": "database or disk is full", "timestamp": "2026-11-20T00:00:00.000Z"});
            let control = serde_json::to_vec(&control).unwrap();
            let frame = wire::frame::encode(FrameType::SessionControl, &control);
            events.push_back(Event::Frame(frame));
            return;
        }
        // The room's own write policy.
        let (old, before) = (doc.fork(), doc.get_heads());
        let mut log = PatchLog::active();
        let message = Message::decode(payload).unwrap();
        let received = doc
            .sync()
            .receive_sync_message_log_patches(sync, message, &mut log);
        received.unwrap();
        let trial = Trial {
            old: &old,
            before: &before,
            changes: &doc.get_changes(&before),
            touched: &Touched::from_patches(&doc.make_patches(&mut log)),
            new: doc,
        };
        let verdict = judge(kind, Scope::RuntimePeer, &self.principal, &trial);
        if let Err(refusal) = verdict {
            assert!(self.refuses, "{refusal}");
            *doc = old;
            let control = json!({"type": "cloud_frame_rejected", "notebook_id": "n", "peer_id": "p",
                "frame_type": frame_type.byte(), "reason": refusal.to_string(), "timestamp": "2026-11-20T00:00:00.000Z"});
            let control = serde_json::to_vec(&control).unwrap();
            events.push_back(Event::Frame(wire::frame::encode(
                FrameType::SessionControl,
                &control,
            )));
            return;
        }
        if let Some(reply) = doc.sync().generate_sync_message(sync) {
            events.push_back(Event::Frame(wire::frame::encode(
                frame_type,
                &reply.encode(),
            )));
        }
        if frame_type == FrameType::CommsDocSync && !self.takes_comms {
            return;
        }
        let control = json!({"type": "cloud_frame_accepted", "notebook_id": "n", "peer_id": "p",
            "frame_type": frame_type.byte(), "byte_length": payload.len(),
            "timestamp": "2026-11-20T00:00:00.000Z"});
        let control = serde_json::to_vec(&control).unwrap();
        events.push_back(Event::Frame(wire::frame::encode(
            FrameType::SessionControl,
            &control,
        )));
    }

    /// Lets the room say what it has to say.
    pub fn room_speaks(&mut self) {
        for (at, frame_type) in [
            (0, FrameType::RuntimeStateSync),
            (1, FrameType::CommsDocSync),
        ] {
            let doc = if at == 0 {
                self.state.doc_mut()
            } else {
                self.comms.doc_mut()
            };
            let message = doc.sync().generate_sync_message(&mut self.syncs[at]);
            if let Some(message) = message.filter(|_| self.linked) {
                self.event(Event::Frame(wire::frame::encode(
                    frame_type,
                    &message.encode(),
                )));
            }
        }
    }

    /// The room accepts executions, and a moment passes: that one runs waits for what it says.
    pub fn queue(&mut self, ids: &[&str]) {
        self.queue_at_once(ids);
        self.pass(settings().start_wait_ms);
    }

    /// The room accepts executions.
    pub fn queue_at_once(&mut self, ids: &[&str]) {
        let state = self.state.doc_mut();
        let map = Reader::now(state).root_map("executions").unwrap();
        for id in ids {
            let e = state.put_object(&map, *id, ObjType::Map).unwrap();
            state.put(&e, "status", "queued").unwrap();
            state.put(&e, "execution_count", ()).unwrap();
            state.put(&e, "success", ()).unwrap();
            state.put_object(&e, "outputs", ObjType::Map).unwrap();
            state.put(&e, "source", format!("run {id}")).unwrap();
            state.put(&e, "seq", self.seq).unwrap();
            self.seq += 1;
        }
        self.room_speaks();
    }

    /// The room refuses a frame.
    pub fn rejects(&mut self, frame_type: u8, reason: &str) {
        self.answers(
            &json!({"type": "cloud_frame_rejected", "notebook_id": "n", "peer_id": "p",
            "frame_type": frame_type, "reason": reason, "timestamp": "2026-11-20T00:00:00.000Z"}),
        );
    }

    /// The room takes a frame.
    pub fn accepts(&mut self, frame_type: u8) {
        self.answers(
            &json!({"type": "cloud_frame_accepted", "notebook_id": "n", "peer_id": "p",
            "frame_type": frame_type, "byte_length": 1, "timestamp": "2026-11-20T00:00:00.000Z"}),
        );
    }

    fn answers(&mut self, control: &Value) {
        let payload = serde_json::to_vec(control).unwrap();
        self.event(Event::Frame(wire::frame::encode(
            FrameType::SessionControl,
            &payload,
        )));
    }

    /// The room ends an execution by itself.
    pub fn room_ends(&mut self, id: &str) {
        assert!(self.state.finish(id, false).unwrap());
    }

    pub fn request(&mut self, request: &Value) {
        let payload = serde_json::to_vec(request).unwrap();
        self.event(Event::Frame(wire::frame::encode(
            FrameType::Request,
            &payload,
        )));
    }

    pub fn entry(&mut self, parent: &str, msg_type: &str, content: Value) -> JournalEntry {
        let position = self.position;
        self.position += 100;
        JournalEntry {
            position,
            end: self.position,
            channel: match msg_type {
                "execute_reply" | "complete_reply" => Channel::Shell,
                "input_request" => Channel::Stdin,
                "execute_request" | "input_reply" => Channel::Sent,
                _ => Channel::Iopub,
            },
            msg_type: msg_type.into(),
            parent_msg_id: Some(parent.into()),
            header: json!({"msg_id": format!("k{position}")}),
            content,
            buffers: Vec::new(),
        }
    }

    pub fn kernel(&mut self, parent: &str, msg_type: &str, content: Value) {
        if msg_type == "execute_reply" {
            self.replied.insert(parent.to_owned());
        }
        let entry = self.entry(parent, msg_type, content);
        self.event(Event::Journal(vec![entry]));
    }

    pub fn print(&mut self, parent: &str, text: &str) {
        self.kernel(parent, "stream", json!({"name": "stdout", "text": text}));
    }

    /// The kernel replies, unless it has, and is idle.
    pub fn idle(&mut self, parent: &str) {
        if !self.replied.contains(parent) {
            self.kernel(parent, "execute_reply", json!({"status": "ok"}));
        }
        self.kernel(parent, "status", json!({"execution_state": "idle"}));
    }

    /// Lets time pass, with the ticks that were asked for.
    pub fn pass(&mut self, ms: i64) {
        let end = self.now.plus(ms);
        while let Some(at) = self.wake.filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.event(Event::Tick);
        }
        self.now = end;
        self.event(Event::Tick);
    }

    pub fn status(&self, id: &str) -> String {
        self.state.status(id).unwrap()
    }

    pub fn record(&self, id: &str) -> Value {
        json_at(self.state.doc(), "executions", id).unwrap()
    }

    /// The manifests of an execution in reading order.
    pub fn outputs(&self, id: &str) -> Vec<Value> {
        let record = self.record(id);
        let mut outputs: Vec<(u64, String, Value)> = record["outputs"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(id, o)| {
                (
                    o["seq"].as_u64().unwrap(),
                    id.clone(),
                    o["manifest"].clone(),
                )
            })
            .collect();
        outputs.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        outputs
            .into_iter()
            .map(|(_, _, manifest)| manifest)
            .collect()
    }

    /// The joined stream text of an execution.
    pub fn text(&self, id: &str) -> String {
        self.outputs(id)
            .iter()
            .filter(|m| m["output_type"] == "stream")
            .map(|m| {
                let resolved =
                    documents::manifest::resolve(m, &|sha| self.blobs.get(sha).cloned()).unwrap();
                resolved["text"].as_str().unwrap().to_owned()
            })
            .collect()
    }

    pub fn sent(&self, msg_type: &str) -> Vec<&KernelMessage> {
        self.to_kernel
            .iter()
            .filter(|m| m.msg_type == msg_type)
            .collect()
    }

    pub fn kernel_field(&self, key: &str) -> String {
        let reader = Reader::now(self.state.doc());
        let kernel = reader.root_map("kernel").unwrap();
        reader.str(&kernel, key).unwrap_or_default()
    }
}

pub fn settings() -> Settings {
    Settings::new("aaaaaaaa", LaunchMode::Attach)
}

pub fn info() -> KernelInfo {
    KernelInfo {
        name: "python3".into(),
        language: "python".into(),
        env_source: "system".into(),
    }
}
