//! Widgets: topology into RuntimeStateDoc, values into CommsDoc, foreign changes to the kernel.

use std::collections::{BTreeMap, BTreeSet};

use documents::manifest::Blob;
use serde_json::{Map, Value, json};

use crate::commit::OpKind;
use crate::event::{Effect, JournalEntry};
use crate::session::{Kernel, Session};

/// Values of this many bytes or fewer lie in the document (documents.md 9).
const INLINE_VALUE_BYTES: usize = 1024;
/// Comms of this prefix are never stored.
const PRIVATE_TARGET: &str = "nteract.dx.";
/// Traits that never go back to the kernel.
const CANVAS_KEY: &str = "_nteract_mpl_canvas";

impl Session {
    pub(crate) fn comm_open(&mut self, entry: &JournalEntry) {
        let word = |key: &str| {
            entry
                .content
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (comm_id, target) = (word("comm_id").to_owned(), word("target_name").to_owned());
        if comm_id.is_empty() || target.starts_with(PRIVATE_TARGET) {
            return;
        }
        self.output_widget_opened(&comm_id, &entry.content);
        let (state, blobs) = stored_state(entry);
        self.push_op(
            OpKind::CommOpen {
                comm_id,
                target,
                state,
            },
            blobs,
        );
    }

    pub(crate) fn comm_message(&mut self, entry: &JournalEntry) {
        let method = entry
            .content
            .pointer("/data/method")
            .and_then(Value::as_str);
        let Some(comm_id) = entry.content.get("comm_id").and_then(Value::as_str) else {
            return;
        };
        if !matches!(method, Some("update" | "echo_update")) {
            return;
        }
        let own = self.output_widget_told(comm_id, &entry.content);
        let (mut state, blobs) = stored_state(entry);
        if own && method == Some("echo_update") {
            // The echo of what was captured may be older than what was captured since.
            state.shift_remove("outputs");
        }
        if !state.is_empty() {
            self.push_op(
                OpKind::CommState {
                    comm_id: comm_id.to_owned(),
                    state,
                },
                blobs,
            );
        }
    }

    pub(crate) fn comm_close(&mut self, content: &Value) {
        if let Some(comm_id) = content.get("comm_id").and_then(Value::as_str) {
            self.output_widgets
                .retain(|widget| widget.comm_id != comm_id);
            self.push_op(
                OpKind::CommClose {
                    comm_id: comm_id.to_owned(),
                },
                Vec::new(),
            );
        }
    }

    pub(crate) fn drop_comms(&mut self) {
        self.output_widgets.clear();
        self.push_op(OpKind::CommsGone, Vec::new());
    }

    /// Sends to the kernel what others changed: only those traits, only open comms (WS-330).
    pub(crate) fn forward_comm_changes(&mut self, changed: &BTreeSet<Vec<String>>) {
        let (Some(state), Some(comms)) = (self.state.as_ref(), self.comms.as_ref()) else {
            return;
        };
        if self.kernel != Kernel::Ready {
            return;
        }
        let mut updates: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
        for keys in changed {
            let [first, comm_id, key] = keys.as_slice() else {
                continue;
            };
            if first != "comms" || key == CANVAS_KEY || !state.doc.has_comm(comm_id) {
                continue;
            }
            match comms.doc.value(comm_id, key) {
                // A value in a blob would have to be fetched first; the kernel keeps its own.
                Some(value) if value.get("blob").is_none() => {
                    updates
                        .entry(comm_id.clone())
                        .or_default()
                        .insert(key.clone(), value);
                }
                _ => {}
            }
        }
        for (comm_id, state) in updates {
            let data = json!({"method": "update", "state": state, "buffer_paths": []});
            let message = self.message("comm_msg", json!({"comm_id": comm_id, "data": data}));
            self.effects.push(Effect::SendToKernel(Box::new(message)));
        }
    }

    /// Hands a browser's own comm message to the kernel (room protocol 5.6).
    pub(crate) fn send_comm(&mut self, sent: &Value) {
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
        message.metadata = sent.get("metadata").cloned().unwrap_or_else(|| json!({}));
        message.buffers = sent
            .get("buffers")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_array)
            .map(|bytes| {
                bytes
                    .iter()
                    .filter_map(Value::as_u64)
                    .map(|b| b as u8)
                    .collect()
            })
            .collect();
        self.effects.push(Effect::SendToKernel(Box::new(message)));
    }
}

/// The state of a comm message with large values and buffers as blob references.
fn stored_state(entry: &JournalEntry) -> (Map<String, Value>, Vec<Blob>) {
    let data = entry.content.get("data");
    let mut state = data
        .and_then(|data| data.get("state"))
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let mut blobs = fold_large(&mut state);
    let paths = data
        .and_then(|data| data.get("buffer_paths"))
        .and_then(Value::as_array);
    for (path, buffer) in paths.into_iter().flatten().zip(&entry.buffers) {
        if let Some(path) = path.as_array() {
            let value = reference("application/octet-stream", buffer.clone(), &mut blobs);
            put_at(&mut state, path, value);
        }
    }
    (state, blobs)
}

/// Replaces large values by references.
pub(crate) fn fold_large(state: &mut Map<String, Value>) -> Vec<Blob> {
    let mut blobs = Vec::new();
    for (key, value) in state {
        let text = match &*value {
            Value::String(text) => text.clone(),
            Value::Array(_) | Value::Object(_) => value.to_string(),
            _ => continue,
        };
        if text.len() > INLINE_VALUE_BYTES {
            let media_type = match (key.as_str(), &*value) {
                ("_esm", _) => "text/javascript",
                ("_css", _) => "text/css",
                (_, Value::String(_)) => "text/plain",
                _ => "application/json",
            };
            *value = reference(media_type, text.into_bytes(), &mut blobs);
        }
    }
    blobs
}

fn reference(media_type: &str, bytes: Vec<u8>, blobs: &mut Vec<Blob>) -> Value {
    let blob = Blob::new(media_type, bytes);
    let mut reference = blob.content_ref();
    reference["media_type"] = media_type.into();
    blobs.push(blob);
    reference
}

/// Puts a value at a path of keys and indexes; a path that leads nowhere is left.
fn put_at(state: &mut Map<String, Value>, path: &[Value], value: Value) {
    let Some((Value::String(first), rest)) = path.split_first() else {
        return;
    };
    let mut slot = state.entry(first.clone()).or_insert(Value::Null);
    for step in rest {
        let next = match (step, slot) {
            (Value::String(key), Value::Object(map)) => {
                Some(map.entry(key.clone()).or_insert(Value::Null))
            }
            (Value::Number(at), Value::Array(items)) => {
                at.as_u64().and_then(|at| items.get_mut(at as usize))
            }
            _ => None,
        };
        let Some(next) = next else { return };
        slot = next;
    }
    *slot = value;
}
