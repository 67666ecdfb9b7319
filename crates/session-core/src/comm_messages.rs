//! Messages of widgets that are in no document: people's to the kernel, the kernel's to everybody.

use std::collections::VecDeque;

use automerge::ChangeHash;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use wire::presence::Presence;
use wire::{FrameType, UnixMs};

use crate::capture::output;
use crate::commit::OpKind;
use crate::comms::FORWARDED;
use crate::event::{Effect, JournalEntry};
use crate::journal::weight;
use crate::session::{Kernel, Session};

/// A message waits this long for the state that it comes after; then it goes without.
const HELD_MS: i64 = 2_000;
/// Messages that may wait; the oldest then goes without.
const HELD_MAX: usize = 64;
/// A buffer of up to this size is an array of numbers (room protocol 5.6), a longer one base64.
const ARRAY_BYTES: usize = 64 * 1024;
/// Ids of people's own messages to widgets begin so.
const SENT_COMM: &str = "comm-";
/// Of what a callback says, more than this is not told.
const CALLBACK_BYTES: usize = 64 * 1024;
/// Bytes of broadcasts that may be on their way: beyond, the journal is read no further.
const WINDOW_BYTES: usize = 4 * 1024 * 1024;

#[derive(Debug)]
struct Waiting {
    message: Value,
    heads: Vec<ChangeHash>,
    until: UnixMs,
}

/// People's messages, in their order.
#[derive(Debug, Default)]
pub(crate) struct Held(VecDeque<Waiting>);

impl Held {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    pub fn due(&self) -> Option<UnixMs> {
        self.0.front().map(|first| first.until)
    }
}

/// Answers that a room may refuse, before a frame that none refuses: a room ends a link after eight refusals in a row
/// (room protocol 3.5).
const DOUBTFUL_MAX: u32 = 4;

/// Whether a room takes broadcasts; one of the reference does not.
#[derive(Debug, Default, PartialEq, Eq)]
enum Carriage {
    /// The first one asks; the others wait for its answer.
    #[default]
    Unknown,
    Taken,
    Refused,
}

/// The kernel's messages that the room has not answered.
#[derive(Debug, Default)]
pub(crate) struct Broadcasts {
    sizes: VecDeque<usize>,
    bytes: usize,
    carriage: Carriage,
    /// Frames that wait for the answer to the first.
    waiting: VecDeque<Vec<u8>>,
}

impl Broadcasts {
    pub fn are_full(&self) -> bool {
        self.bytes >= WINDOW_BYTES
    }

    pub fn answered(&mut self) {
        self.bytes -= self.sizes.pop_front().unwrap_or_default();
    }

    /// A room that carries no broadcasts is asked no more: its refusals count.
    pub fn refused(&mut self) {
        self.answered();
        self.carriage = Carriage::Refused;
        for _ in std::mem::take(&mut self.waiting) {
            self.bytes -= self.sizes.pop_back().unwrap_or_default();
        }
    }

    pub fn link_up(&mut self, is_ours: bool) {
        if is_ours {
            self.carriage = Carriage::Taken;
        }
    }

    /// Takes in a frame; returns it if it may be sent now.
    fn sent(&mut self, frame: Vec<u8>) -> Option<Vec<u8>> {
        let is_first = self.sizes.is_empty();
        self.sizes.push_back(frame.len());
        self.bytes += frame.len();
        if self.carriage == Carriage::Unknown && !is_first {
            self.waiting.push_back(frame);
            return None;
        }
        Some(frame)
    }
}

impl Session {
    /// Takes a browser's comm message, which may come after a state of CommsDoc.
    pub(crate) fn comm_sent(&mut self, message: Value, heads: &[String]) {
        let heads = heads.iter().filter_map(|head| head.parse().ok()).collect();
        if self.widgets.held.0.len() >= HELD_MAX
            && let Some(oldest) = self.widgets.held.0.pop_front()
        {
            self.send_comm(&oldest.message);
        }
        self.widgets.held.0.push_back(Waiting {
            message,
            heads,
            until: self.now.plus(HELD_MS),
        });
    }

    /// Hands on, in their order, the messages whose state is here.
    pub(crate) fn release_comms(&mut self) {
        let now = self.now;
        while let Some(first) = self.widgets.held.0.front() {
            let comms = self.comms.as_mut();
            let is_here = comms.is_some_and(|comms| comms.has(&first.heads));
            if !is_here && now < first.until {
                return;
            }
            if let Some(first) = self.widgets.held.0.pop_front() {
                self.send_comm(&first.message);
            }
        }
    }

    /// Hands a browser's own comm message to the kernel (room protocol 5.6).
    fn send_comm(&mut self, sent: &Value) {
        if self.kernel != Kernel::Ready {
            return;
        }
        let kind = sent
            .pointer("/header/msg_type")
            .and_then(Value::as_str)
            .unwrap_or("comm_msg");
        if !matches!(
            kind,
            "comm_open" | "comm_msg" | "comm_close" | "comm_info_request"
        ) {
            return;
        }
        let content = sent.get("content").cloned().unwrap_or_else(|| json!({}));
        let mut message = self.message(kind, content);
        message.msg_id.insert_str(0, SENT_COMM);
        message.metadata = sent.get("metadata").cloned().unwrap_or_else(|| json!({}));
        message.buffers = sent
            .get("buffers")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(buffer_of)
            .collect();
        self.effects.push(Effect::SendToKernel(Box::new(message)));
    }

    /// What the kernel's side of a comm says goes to everybody, after the state that was written before it (WS-333).
    pub(crate) fn comm_said(&mut self, comm_id: &str, entry: &JournalEntry) {
        let buffers: Vec<Value> = entry.buffers.iter().map(|bytes| wire_of(bytes)).collect();
        let message = json!({"event": "comm", "msg_type": "comm_msg", "content": entry.content, "buffers": buffers});
        let size =
            entry.content.to_string().len() + entry.buffers.iter().map(Vec::len).sum::<usize>();
        self.push_broadcast(Some(comm_id.to_owned()), message, size);
    }

    /// Takes what a widget's callback prints, shows or raises; false if it is no callback's. It belongs to no cell
    /// (WS-308), so it goes into no document: pages tell who uses the widget.
    pub(crate) fn callback_said(&mut self, parent: &str, entry: &JournalEntry) -> bool {
        let kind = entry.msg_type.as_str();
        let is_output = matches!(kind, "stream" | "display_data" | "execute_result" | "error");
        if !is_output || !(parent.starts_with(FORWARDED) || parent.starts_with(SENT_COMM)) {
            return false;
        }
        let output = output(kind, &entry.content);
        let size = weight(&output);
        if size <= CALLBACK_BYTES {
            let message = json!({"event": "callback_output", "output": output});
            self.push_broadcast(None, message, size);
        }
        true
    }

    /// What the debugger reports goes to everybody.
    pub(crate) fn debug_event(&mut self, content: &Value) {
        let message = json!({"event": "debug", "content": content});
        self.push_broadcast(None, message, content.to_string().len());
    }

    /// The room takes broadcasts: those that waited for that follow.
    pub(crate) fn broadcast_accepted(&mut self) {
        let broadcasts = &mut self.widgets.broadcasts;
        broadcasts.answered();
        broadcasts.carriage = Carriage::Taken;
        for frame in std::mem::take(&mut broadcasts.waiting) {
            self.send_doubtful(frame);
        }
    }

    /// Sends a frame that the room may refuse; among several of them goes one that it takes for certain.
    pub(crate) fn send_doubtful(&mut self, frame: Vec<u8>) {
        self.effects.push(Effect::SendFrame(frame));
        self.doubtful_frames += u32::from(!self.is_ours);
        if self.doubtful_frames == DOUBTFUL_MAX {
            self.doubtful_frames = 0;
            // The room puts in whose it is.
            let peer_id = "self".to_owned();
            let payload = Presence::Heartbeat { peer_id }.encode();
            let frame = wire::frame::encode(FrameType::Presence, &payload);
            self.effects.push(Effect::SendFrame(frame));
        }
    }

    fn push_broadcast(&mut self, comm_id: Option<String>, message: Value, size: usize) {
        // What is read again was said before; nobody keeps it.
        let (true, Value::Object(message)) = (self.caught_up, message) else {
            return;
        };
        self.pending_bytes += size;
        let kind = OpKind::Broadcast {
            comm_id,
            message,
            size,
        };
        self.push_op(kind, Vec::new());
    }

    pub(crate) fn apply_broadcast(
        &mut self,
        comm_id: Option<&str>,
        mut message: Map<String, Value>,
        size: usize,
    ) {
        self.pending_bytes = self.pending_bytes.saturating_sub(size);
        let (Some(state), Some(comms)) = (self.state.as_ref(), self.comms.as_mut()) else {
            return;
        };
        if self.widgets.broadcasts.carriage == Carriage::Refused
            || comm_id.is_some_and(|id| !state.doc.has_comm(id))
        {
            return;
        }
        let heads: Vec<String> = comms.heads().iter().map(ToString::to_string).collect();
        message.insert("comms_heads".to_owned(), heads.into());
        let mut payload = Value::Object(message).to_string().into_bytes();
        let (bytes, limit) = (payload.len(), FrameType::Broadcast.cap());
        if bytes > limit {
            let what = comm_id.map_or("the debugger".to_owned(), |id| format!("comm {id}"));
            self.effects.push(Effect::Warn(format!(
                "a message of {what} is left out: it has {bytes} bytes, a room carries {limit}"
            )));
            // Whoever shows the widget is told in its place.
            let Some(comm_id) = comm_id else { return };
            let told = json!({"event": "comm_too_large", "comm_id": comm_id, "bytes": bytes, "limit": limit});
            payload = told.to_string().into_bytes();
        }
        let frame = wire::frame::encode(FrameType::Broadcast, &payload);
        if let Some(frame) = self.widgets.broadcasts.sent(frame) {
            self.send_doubtful(frame);
        }
    }
}

fn buffer_of(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => STANDARD.decode(text).unwrap_or_default(),
        Value::Array(bytes) => {
            let bytes = bytes.iter().filter_map(Value::as_u64);
            bytes.map(|byte| byte as u8).collect()
        }
        _ => Vec::new(),
    }
}

fn wire_of(bytes: &[u8]) -> Value {
    if bytes.len() > ARRAY_BYTES {
        return STANDARD.encode(bytes).into();
    }
    bytes.into()
}
