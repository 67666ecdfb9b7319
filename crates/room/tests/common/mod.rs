//! A room with scripted peers: automerge replicas that speak the socket's frames without a socket.
#![allow(dead_code, clippy::unwrap_used, clippy::needless_pass_by_value)]

use std::collections::{BTreeMap, VecDeque};

use automerge::sync::{Message as SyncMessage, State, SyncDoc as _};
use automerge::transaction::Transactable;
use automerge::{AutoCommit, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value};
use documents::genesis::DocKind;
use room::{
    Effect, Event, IdSource, Join, Message, Room, Settings, StoredDocuments, WorkstationHeaders,
};
use uuid::Uuid;
use wire::close::Close;
use wire::control::SessionControl;
use wire::{ActorLabel, FrameType, NotebookId, PeerId, Scope, UnixMs};

pub const NOTEBOOK: &str = "nb1";
pub const START: UnixMs = UnixMs(1_767_323_045_678);

struct Counter(u128);

impl IdSource for Counter {
    fn uuid(&mut self) -> Uuid {
        self.0 += 1;
        uuid::Builder::from_random_bytes((self.0 * 0x9e37_79b9_7f4a_7c15).to_be_bytes()).into_uuid()
    }
}

pub struct Harness {
    pub room: Room,
    pub now: UnixMs,
    pub stored: StoredDocuments,
    pub inboxes: BTreeMap<PeerId, VecDeque<Received>>,
    pub other: Vec<Effect>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    Frame(FrameType, Vec<u8>),
    Text(String),
    Closed(Close),
}

impl Received {
    pub fn control(&self) -> Option<SessionControl> {
        match self {
            Self::Frame(FrameType::SessionControl, payload) => SessionControl::decode(payload).ok(),
            _ => None,
        }
    }

    pub fn frame_type(&self) -> Option<FrameType> {
        match self {
            Self::Frame(frame_type, _) => Some(*frame_type),
            _ => None,
        }
    }
}

/// A control message as JSON.
pub fn raw_control(received: &Received) -> serde_json::Value {
    match received {
        Received::Frame(FrameType::SessionControl, payload) => {
            serde_json::from_slice(payload).unwrap()
        }
        other => panic!("not a control message: {other:?}"),
    }
}

impl Harness {
    pub fn new() -> Self {
        Self::load(StoredDocuments::default(), START)
    }

    pub fn load(stored: StoredDocuments, now: UnixMs) -> Self {
        Self::load_with(stored, now, Settings::default())
    }

    pub fn load_with(mut stored: StoredDocuments, now: UnixMs, settings: Settings) -> Self {
        let ids = Box::new(Counter(now.0 as u128));
        let (room, effects) =
            Room::open(NotebookId::from(NOTEBOOK), &stored, settings, now, ids).unwrap();
        for effect in &effects {
            if let Effect::Append { document, changes } = effect {
                stored.append(*document, changes);
            }
        }
        Self {
            room,
            now,
            stored,
            inboxes: BTreeMap::new(),
            other: Vec::new(),
        }
    }

    pub fn restart(self) -> Self {
        Self::load(self.stored, self.now)
    }

    pub fn event(&mut self, event: Event) {
        let effects = self.room.handle(self.now, event);
        self.absorb(effects);
    }

    pub fn absorb(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { peer_id, bytes } => {
                    let frame = wire::Frame::decode(&bytes).unwrap();
                    let received = Received::Frame(frame.frame_type, frame.payload);
                    self.inboxes.entry(peer_id).or_default().push_back(received);
                }
                Effect::SendText { peer_id, text } => {
                    let received = Received::Text(text.to_owned());
                    self.inboxes.entry(peer_id).or_default().push_back(received);
                }
                Effect::Close { peer_id, close } => {
                    self.inboxes
                        .entry(peer_id)
                        .or_default()
                        .push_back(Received::Closed(close));
                }
                Effect::Append {
                    document,
                    ref changes,
                } => {
                    self.stored.append(document, changes);
                    self.other.push(effect);
                }
                other => self.other.push(other),
            }
        }
    }

    pub fn advance(&mut self, ms: i64) {
        self.now = self.now.plus(ms);
        self.event(Event::Tick);
    }

    pub fn take(&mut self, peer: &str) -> Vec<Received> {
        self.inboxes
            .remove(&PeerId::from(peer))
            .unwrap_or_default()
            .into()
    }

    pub fn controls(&mut self, peer: &str) -> Vec<SessionControl> {
        self.take(peer)
            .iter()
            .filter_map(Received::control)
            .collect()
    }

    pub fn join(&mut self, join: Join) {
        self.event(Event::Join(Box::new(join)));
    }

    pub fn leave(&mut self, peer: &str) {
        self.event(Event::Leave {
            peer_id: PeerId::from(peer),
        });
    }

    pub fn binary(&mut self, peer: &str, frame_type: FrameType, payload: &[u8]) {
        self.raw(peer, wire::frame::encode(frame_type, payload));
    }

    pub fn raw(&mut self, peer: &str, bytes: Vec<u8>) {
        self.event(Event::Message {
            peer_id: PeerId::from(peer),
            message: Message::Binary(bytes),
        });
    }

    pub fn text(&mut self, peer: &str, text: &str) {
        let message = Message::Text(text.to_owned());
        self.event(Event::Message {
            peer_id: PeerId::from(peer),
            message,
        });
    }

    pub fn request(&mut self, peer: &str, json: serde_json::Value) {
        self.binary(peer, FrameType::Request, json.to_string().as_bytes());
    }

    /// Sends a request and returns the rejection's reason, or nothing when it was accepted.
    pub fn ask(&mut self, peer: &str, json: serde_json::Value) -> Option<String> {
        self.take_controls(peer);
        self.request(peer, json);
        self.verdict(peer)
    }

    pub fn verdict(&mut self, peer: &str) -> Option<String> {
        let controls = self.take_controls(peer);
        controls
            .into_iter()
            .find_map(|control| match control {
                SessionControl::FrameAccepted { .. } => Some(None),
                SessionControl::FrameRejected { reason, .. } => Some(Some(reason)),
                _ => None,
            })
            .expect("the frame was neither accepted nor rejected")
    }

    /// Takes control messages and leaves the frames of the sync conversation where they are.
    fn take_controls(&mut self, peer: &str) -> Vec<SessionControl> {
        let (controls, rest): (Vec<Received>, Vec<Received>) = self
            .take(peer)
            .into_iter()
            .partition(|one| one.control().is_some());
        self.inboxes.insert(PeerId::from(peer), rest.into());
        controls.iter().filter_map(Received::control).collect()
    }

    /// Lets clients and room talk until nobody has anything to say.
    pub fn settle(&mut self, clients: &mut [&mut Client]) {
        for _ in 0..50 {
            let mut quiet = true;
            for client in &mut *clients {
                let peer = client.peer.clone();
                for received in self.take(&peer) {
                    client.receive(&received);
                }
                for (frame_type, payload) in client.flush() {
                    quiet = false;
                    self.binary(&peer, frame_type, &payload);
                }
            }
            let unread = |client: &&mut Client| {
                self.inboxes
                    .get(client.peer.as_str())
                    .is_some_and(|inbox| !inbox.is_empty())
            };
            if quiet && !clients.iter().any(unread) {
                return;
            }
        }
        panic!("room and clients do not fall silent");
    }

    pub fn runtime_state(&mut self) -> AutoCommit {
        AutoCommit::load(&self.room.snapshot(DocKind::RuntimeState)).unwrap()
    }

    pub fn execution(&mut self, id: &str, field: &str) -> Option<String> {
        let doc = self.runtime_state();
        let executions = doc.get(ROOT, "executions").unwrap()?.1;
        let record = doc.get(&executions, id).unwrap()?.1;
        doc.get(&record, field)
            .unwrap()
            .map(|(value, _)| show(&value))
    }

    pub fn execution_ids(&mut self) -> Vec<String> {
        let doc = self.runtime_state();
        let executions = doc.get(ROOT, "executions").unwrap().unwrap().1;
        doc.keys(&executions).collect()
    }

    pub fn kernel(&mut self, field: &str) -> Option<String> {
        let doc = self.runtime_state();
        let kernel = doc.get(ROOT, "kernel").unwrap()?.1;
        doc.get(&kernel, field)
            .unwrap()
            .map(|(value, _)| show(&value))
    }

    pub fn queued(&mut self) -> Vec<String> {
        let doc = self.runtime_state();
        let queue = doc.get(ROOT, "queue").unwrap().unwrap().1;
        let list = doc.get(&queue, "queued_execution_ids").unwrap().unwrap().1;
        (0..doc.length(&list))
            .map(|at| show(&doc.get(&list, at).unwrap().unwrap().0))
            .collect()
    }

    pub fn status(&self) -> String {
        self.room.attachment().unwrap().status.clone()
    }
}

pub fn show(value: &Value<'_>) -> String {
    match value {
        Value::Scalar(scalar) => match scalar.as_ref() {
            ScalarValue::Str(text) => text.to_string(),
            other => other.to_string(),
        },
        Value::Object(kind) => format!("{kind:?}"),
    }
}

pub fn join(peer: &str, actor: &str, scope: Scope) -> Join {
    Join {
        peer_id: PeerId::from(peer),
        actor: ActorLabel::parse(actor).unwrap(),
        scope,
        may_run: false,
        identity_provider: Some("oidc".into()),
        principal_namespace: Some("user:oidc".into()),
        display_name: None,
        email: None,
        credential_id: None,
        workstation: None,
        rejoins: false,
        connected_at: START,
    }
}

pub fn owner() -> Join {
    join("owner", "user:oidc:alice/browser:a", Scope::Owner)
}

pub fn editor() -> Join {
    join("editor", "user:oidc:bob/browser:b", Scope::Editor)
}

pub fn viewer() -> Join {
    join("viewer", "user:oidc:eve/browser:e", Scope::Viewer)
}

pub fn anonymous(peer: &str) -> Join {
    let actor = format!("anonymous:{peer}/browser:{peer}");
    Join {
        identity_provider: Some("anonymous".into()),
        ..join(peer, &actor, Scope::Viewer)
    }
}

pub fn headers(workstation: Option<&str>, session: Option<&str>) -> WorkstationHeaders {
    WorkstationHeaders {
        workstation_id: workstation.map(Into::into),
        runtime_session_id: session.map(Into::into),
        ..WorkstationHeaders::default()
    }
}

pub fn runtime(peer: &str, workstation: &str, session: Option<&str>) -> Join {
    Join {
        workstation: Some(headers(Some(workstation), session)),
        identity_provider: Some("workstation-credential".into()),
        ..join(
            peer,
            "user:oidc:alice/workstation:agent",
            Scope::RuntimePeer,
        )
    }
}

/// A client's replicas and their conversations.
pub struct Client {
    pub peer: String,
    pub docs: BTreeMap<u8, (AutoCommit, State)>,
    pub controls: Vec<SessionControl>,
    pub received: Vec<Received>,
}

impl Client {
    pub fn new(peer: &str, actor: &str, kinds: &[DocKind]) -> Self {
        let docs = kinds.iter().map(|kind| {
            let seed = match kind {
                DocKind::Notebook => DocKind::Notebook,
                DocKind::RuntimeState => DocKind::RuntimeState,
                DocKind::Comms => DocKind::Comms,
                DocKind::Comments => DocKind::Comments,
            };
            (
                kind.frame_type().byte(),
                (seed.fresh(actor).unwrap(), State::new()),
            )
        });
        Self {
            peer: peer.into(),
            docs: docs.collect(),
            controls: vec![],
            received: vec![],
        }
    }

    pub fn of(join: &Join) -> Self {
        Self::new(
            join.peer_id.as_str(),
            &join.actor.to_string(),
            &DocKind::ALL,
        )
    }

    pub fn runtime(join: &Join) -> Self {
        let kinds = [DocKind::RuntimeState, DocKind::Comms];
        Self::new(join.peer_id.as_str(), &join.actor.to_string(), &kinds)
    }

    pub fn doc(&mut self, kind: DocKind) -> &mut AutoCommit {
        &mut self.docs.get_mut(&kind.frame_type().byte()).unwrap().0
    }

    pub fn set_actor(&mut self, kind: DocKind, actor: &str) {
        self.doc(kind).set_actor(actor.as_bytes().into());
    }

    pub fn receive(&mut self, received: &Received) {
        self.received.push(received.clone());
        if let Some(control) = received.control() {
            self.controls.push(control);
        }
        let Received::Frame(frame_type, payload) = received else {
            return;
        };
        if let Some((doc, state)) = self.docs.get_mut(&frame_type.byte()) {
            let message = SyncMessage::decode(payload).unwrap();
            doc.sync().receive_sync_message(state, message).unwrap();
        }
    }

    pub fn flush(&mut self) -> Vec<(FrameType, Vec<u8>)> {
        let frames = self.docs.iter_mut().filter_map(|(byte, (doc, state))| {
            let message = doc.sync().generate_sync_message(state)?;
            Some((FrameType::from_byte(*byte).unwrap(), message.encode()))
        });
        frames.collect()
    }

    pub fn reset(&mut self) {
        for (_, state) in self.docs.values_mut() {
            *state = State::new();
        }
    }

    pub fn rejections(&self) -> Vec<String> {
        let reasons = self.controls.iter().filter_map(|control| match control {
            SessionControl::FrameRejected { reason, .. } => Some(reason.clone()),
            _ => None,
        });
        reasons.collect()
    }

    pub fn add_cell(&mut self, id: &str, kind: &str, position: &str, source: &str) {
        let doc = self.doc(DocKind::Notebook);
        let cells = doc.get(ROOT, "cells").unwrap().unwrap().1;
        let cell = doc.put_object(&cells, id, ObjType::Map).unwrap();
        doc.put(&cell, "id", id).unwrap();
        doc.put(&cell, "cell_type", kind).unwrap();
        doc.put(&cell, "position", position).unwrap();
        let text = doc.put_object(&cell, "source", ObjType::Text).unwrap();
        doc.splice_text(&text, 0, 0, source).unwrap();
    }

    pub fn record(&mut self, id: &str) -> ObjId {
        let doc = self.doc(DocKind::RuntimeState);
        let executions = doc.get(ROOT, "executions").unwrap().unwrap().1;
        doc.get(&executions, id).unwrap().unwrap().1
    }

    pub fn put(&mut self, id: &str, field: &str, value: impl Into<ScalarValue>) {
        let record = self.record(id);
        self.doc(DocKind::RuntimeState)
            .put(&record, field, value)
            .unwrap();
    }
}

/// A room with an owner and a runtime peer of `ws-1`/`job-1`, both in sync.
pub fn attached() -> (Harness, Client, Client) {
    attached_to(Harness::new())
}

/// The same in a room that is there already.
pub fn attached_to(mut harness: Harness) -> (Harness, Client, Client) {
    let (alice, peer) = (owner(), runtime("rt", "ws-1", Some("job-1")));
    let (mut browser, mut machine) = (Client::of(&alice), Client::runtime(&peer));
    harness.join(alice);
    harness.join(peer);
    harness.settle(&mut [&mut browser, &mut machine]);
    (harness, browser, machine)
}

pub fn starter_cell() -> String {
    format!("cell-room-{}", wire::actor::room_key(NOTEBOOK))
}

pub fn uuid(n: u32) -> String {
    format!("5b0e8e9e-6b6a-4c62-9b55-{n:012x}")
}
