//! Widgets: topology into RuntimeStateDoc, values into CommsDoc.

use documents::comms::{BINARY, fold_large, put_at, reference};
use documents::manifest::Blob;
use serde_json::{Map, Value};

use crate::commit::OpKind;
use crate::event::JournalEntry;
use crate::session::Session;

/// Comms of this prefix are never stored.
const PRIVATE_TARGET: &str = "nteract.dx.";
/// Ids of messages that bring the kernel what CommsDoc holds begin so; what it echoes of these is known.
pub(crate) const FORWARDED: &str = "comms-";

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
        self.output_widget_opened(&comm_id, entry);
        // What was written when it opened may be older than what is there by now.
        if !self.caught_up && self.knows_comm(&comm_id) {
            return;
        }
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

    /// Whether the documents have a comm's entry and its state.
    fn knows_comm(&self, comm_id: &str) -> bool {
        let (state, comms) = (self.state.as_ref(), self.comms.as_ref());
        state.is_some_and(|state| state.doc.has_comm(comm_id))
            && comms.is_some_and(|comms| comms.doc.state(comm_id).is_some())
    }

    pub(crate) fn comm_message(&mut self, parent: &str, entry: &JournalEntry) {
        let Some(comm_id) = entry.content.get("comm_id").and_then(Value::as_str) else {
            return;
        };
        let method = entry
            .content
            .pointer("/data/method")
            .and_then(Value::as_str);
        if !matches!(method, Some("update" | "echo_update")) {
            return self.comm_said(comm_id, entry);
        }
        let is_echo = method == Some("echo_update");
        let captures = self.output_widget_told(comm_id, entry);
        let (mut state, blobs) = stored_state(entry);
        if is_echo && parent.starts_with(FORWARDED) {
            // The document had it before the kernel.
            return self.widgets.forget(comm_id, &state);
        }
        if captures {
            // What it shows is written by what captures; an echo of that may be older than what was captured since.
            state.shift_remove("outputs");
        }
        self.widgets
            .on_their_way
            .drop_overtaken(comm_id, parent, &mut state);
        if state.is_empty() {
            return;
        }
        if self.caught_up {
            let comm_id = comm_id.to_owned();
            self.push_op(OpKind::CommState { comm_id, state }, blobs);
        } else if !self.is_known_to_the_room(entry.position) {
            self.widgets.remember(comm_id, state, blobs);
        }
    }

    /// Writes what a second reading of the journal found: of each trait the last word, once.
    pub(crate) fn write_comms_again(&mut self) {
        for (comm_id, (state, blobs)) in self.widgets.take_remembered() {
            self.push_op(OpKind::CommState { comm_id, state }, blobs);
        }
    }

    /// Writes what the kernel said of an open comm. A write fails only for objects that are gone.
    pub(crate) fn write_comm_state(&mut self, comm_id: &str, said: &Map<String, Value>) {
        self.said_again(comm_id, said);
        if let (Some(state), Some(comms)) = (self.state.as_ref(), self.comms.as_mut())
            && state.doc.has_comm(comm_id)
        {
            let _ = comms.doc.merge_state(comm_id, said);
        }
    }

    pub(crate) fn comm_close(&mut self, content: &Value) {
        if let Some(comm_id) = content.get("comm_id").and_then(Value::as_str) {
            self.output_widgets
                .retain(|widget| widget.comm_id != comm_id);
            self.widgets.closed(comm_id);
            if self.settings.for_file {
                return;
            }
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
        self.captured_before = None;
        self.comms_before = None;
        self.widgets.all_closed();
        self.push_op(OpKind::CommsGone, Vec::new());
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
    let paths = data
        .and_then(|data| data.get("buffer_paths"))
        .and_then(Value::as_array);
    let has_buffer = |key: &str| paths.into_iter().flatten().any(|path| path[0] == key);
    // A value with a buffer in it stays in the document, where the buffer's blob can be seen.
    let mut blobs = fold_large(&mut state, has_buffer);
    for (path, buffer) in paths.into_iter().flatten().zip(&entry.buffers) {
        if let Some(path) = path.as_array() {
            let value = reference(BINARY, buffer.clone(), &mut blobs);
            put_at(&mut state, path, value);
        }
    }
    (state, blobs)
}
