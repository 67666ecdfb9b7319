//! Kernel messages, as the journal holds them, into writes.

use documents::manifest::{self, BuildOptions, ERROR_INLINE_THRESHOLD, INLINE_THRESHOLD};
use documents::traceback;
use serde_json::{Value, json};

use crate::commit::OpKind;
use crate::event::{Channel, Effect, JournalEntry};
use crate::lane::{Arrival, Lane, Written, output_id};
use crate::session::Session;

/// Executions whose late outputs are told apart from the first without a scan.
const LANES: usize = 16;

impl Session {
    pub(crate) fn journal(&mut self, entries: Vec<JournalEntry>) {
        let Some(end) = entries.last().map(|entry| entry.end) else {
            return;
        };
        for entry in entries {
            self.restore_captured(entry.position);
            self.entry(entry);
        }
        self.write_captured();
        self.read_to = Some(end);
        // A second reading ends no stream at the border of a batch: the first had other batches,
        // and a stream cut elsewhere would be shown twice.
        if self.caught_up {
            self.settle_journal();
        }
    }

    /// Ends what can be ended and says how far a restart need not read again.
    pub(crate) fn settle_journal(&mut self) {
        let Some(end) = self.read_to else { return };
        // While an execution runs, a restart reads all of it again: its terminal is in memory only.
        if self.current.as_ref().is_none_or(|current| current.ending) && self.gate.is_none() {
            let ids: Vec<String> = self.lanes.keys().cloned().collect();
            for id in ids {
                self.flush_streams(&id);
            }
            self.keep_spilled(end);
            self.push_op(OpKind::Position(end), Vec::new());
        }
    }

    /// What has no room in the document is kept before a restart would not find it any more (decision D10).
    fn keep_spilled(&mut self, to: u64) {
        for (id, lane) in &mut self.lanes {
            if std::mem::take(&mut lane.spilled) {
                self.effects.push(Effect::KeepOutput {
                    execution_id: id.clone(),
                    // What follows is a stretch of its own.
                    from: lane.from.replace(to).unwrap_or(to),
                    to,
                });
            }
        }
    }

    fn entry(&mut self, mut entry: JournalEntry) {
        let parent = &*entry.parent_msg_id.take().unwrap_or_default();
        self.adopt_sent(parent);
        self.heard_after_reply(parent, &entry);
        if let Some(current) = self.current.as_mut().filter(|current| current.id == parent) {
            current.confirmed = true;
        }
        if entry.channel == Channel::Iopub
            && (self.captured(parent, &entry) || self.callback_said(parent, &entry))
        {
            return;
        }
        let is_output = matches!(
            &*entry.msg_type,
            "display_data" | "execute_result" | "error"
        );
        if entry.channel == Channel::Iopub && is_output {
            // It may be large, and nobody else needs it.
            let content = std::mem::take(&mut entry.content);
            return self.output(parent, &entry, &entry.msg_type, 0, content);
        }
        self.other_entry(parent, &entry);
    }

    fn other_entry(&mut self, parent: &str, entry: &JournalEntry) {
        match (entry.channel, entry.msg_type.as_str()) {
            (Channel::Cut, _) => self.output_cut(parent, entry),
            (Channel::Iopub, "status") => self.kernel_status(parent, &entry.content),
            (Channel::Iopub, "execute_input") => self.execution_counted(parent, &entry.content),
            (Channel::Iopub, "stream") => self.stream(parent, entry),
            (Channel::Iopub, "update_display_data") => self.update_display(entry),
            (Channel::Iopub, "clear_output") => self.clear_output(parent, entry),
            (Channel::Iopub, "comm_open") => self.comm_open(entry),
            (Channel::Iopub, "comm_msg") => self.comm_message(parent, entry),
            (Channel::Iopub, "debug_event") => self.debug_event(&entry.content),
            (Channel::Iopub, "comm_close") => self.comm_close(&entry.content),
            (Channel::Shell, "execute_reply") => self.execute_reply(parent, entry),
            (Channel::Shell | Channel::Control, _) => self.query_reply(parent, &entry.content),
            (Channel::Stdin, "input_request") => self.input_request(parent, entry),
            (Channel::Sent, "input_reply") => self.input_answered(),
            (Channel::Sent, "execute_request") if !self.caught_up => {
                self.unfinished = Some(parent.to_owned());
            }
            _ => {}
        }
    }

    /// Whether a message belongs to an execution of this room (WS-308).
    pub(crate) fn owns(&self, parent: &str) -> bool {
        !parent.is_empty()
            && (self.lanes.contains_key(parent)
                || self.taken.contains(parent)
                || self
                    .state
                    .as_ref()
                    .is_some_and(|state| state.doc.has_execution(parent)))
    }

    fn lane(&mut self, execution_id: &str) -> &mut Lane {
        if !self.lanes.contains_key(execution_id) {
            self.lane_order.push_back(execution_id.to_owned());
            if self.lane_order.len() > LANES
                && let Some(old) = self.lane_order.pop_front()
            {
                self.flush_streams(&old);
                if let Some(to) = self.read_to {
                    self.keep_spilled(to);
                }
                self.lanes.remove(&old);
            }
        }
        self.lanes.entry(execution_id.to_owned()).or_default()
    }

    fn kernel_status(&mut self, parent: &str, content: &Value) {
        if content.get("execution_state").and_then(Value::as_str) == Some("idle") {
            self.kernel_idle(parent);
        }
    }

    /// The kernel has said all that it has to say to a request.
    pub(crate) fn kernel_is_done(&mut self, parent: &str) {
        self.half_ended.take_if(|half| half.execution_id == parent);
        self.comm_processed(parent);
        self.unfinished.take_if(|id| id == parent);
        if self
            .gate
            .as_ref()
            .is_some_and(|gate| gate.execution_id == parent)
        {
            self.gate = None;
            self.flush_streams(parent);
        }
        if let Some(current) = self.current.as_ref()
            && current.id == parent
            && !current.ending
        {
            let success = !current.failed;
            self.show_replied_error(parent);
            self.write_captured();
            self.finish(parent, success, Vec::new());
        }
    }

    fn stream(&mut self, parent: &str, entry: &JournalEntry) {
        let text = entry
            .content
            .get("text")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if text.is_empty() || !self.owns(parent) {
            return;
        }
        self.clear_if_pending(parent, entry.position);
        let cap = self.settings.output_cap_bytes;
        let shown = beginning(text, cap.saturating_sub(self.lane(parent).bytes));
        if !shown.is_empty() {
            self.stream_text(parent, entry, shown);
        }
        self.fits(parent, entry, text.len());
    }

    fn stream_text(&mut self, parent: &str, entry: &JournalEntry, text: &str) {
        let name = entry
            .content
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or("stdout");
        if name == "stderr"
            && let Some(current) = self.current.as_mut().filter(|current| current.id == parent)
        {
            current.has_stderr = true;
        }
        let (now, settings) = (self.now, self.settings.clone());
        if !self.caught_up && self.began_an_entry(parent, entry.position) {
            self.flush_streams(parent);
        }
        let arrival = match self.caught_up {
            true if self.is_late(parent) => Arrival::Late,
            true => Arrival::Live,
            false => Arrival::Again,
        };
        let lane = self.lane(parent);
        let position = entry.position;
        let written = lane.chunk(parent, position, name, text, now, &settings, arrival);
        for written in written {
            self.write_entry(parent, written);
        }
    }

    /// Whether the first reading of the journal began a stream entry with this message: an interrupt had ended the one
    /// before, of which the journal says nothing.
    fn began_an_entry(&self, execution_id: &str, position: u64) -> bool {
        let id = output_id(execution_id, position, 0);
        self.state
            .as_ref()
            .is_some_and(|state| state.doc.output(execution_id, &id).is_some())
    }

    fn write_entry(&mut self, execution_id: &str, written: Written) {
        let kind = OpKind::Output {
            execution_id: execution_id.to_owned(),
            output_id: written.output_id,
            manifest: written.manifest,
            text: Some(written.text),
        };
        self.push_op(kind, written.blobs);
    }

    /// Writes the rest of an execution's stream text and forgets its terminal.
    pub(crate) fn flush_streams(&mut self, execution_id: &str) {
        let written = self
            .lanes
            .get_mut(execution_id)
            .and_then(|lane| lane.end_stream(execution_id));
        if let Some(written) = written {
            self.write_entry(execution_id, written);
        }
    }

    /// Writes stream text whose time has come (DOC-161).
    pub(crate) fn flush_due_streams(&mut self) {
        if !self.caught_up {
            return;
        }
        let now = self.now;
        let lanes = self.lanes.iter();
        let due: Vec<String> = lanes
            .filter(|(_, lane)| lane.due(&self.settings).is_some_and(|at| at <= now))
            .map(|(id, _)| id.clone())
            .collect();
        for id in due {
            if self.is_late(&id) {
                self.flush_streams(&id);
            } else if let Some(written) = self
                .lanes
                .get_mut(&id)
                .and_then(|lane| lane.flush(&id, now))
            {
                self.write_entry(&id, written);
            }
        }
    }

    /// Counts output against the cap of an execution; gives the notice once (decision D10).
    pub(crate) fn fits(&mut self, parent: &str, entry: &JournalEntry, bytes: usize) -> bool {
        let cap = self.settings.output_cap_bytes;
        let lane = self.lane(parent);
        lane.from.get_or_insert(entry.position);
        lane.bytes += bytes as u64;
        if lane.bytes <= cap {
            return true;
        }
        lane.spilled = true;
        if !std::mem::replace(&mut lane.capped, true) {
            let text = format!(
                "[the output of this cell reached {} MiB; the workstation keeps all of it]\n\
                 Hint: run `runt workstation output {parent} > output.txt` there\n",
                cap >> 20
            );
            self.put_notice(parent, entry, &text);
        }
        false
    }

    /// Says that output is missing that nobody has any more.
    fn output_cut(&mut self, parent: &str, entry: &JournalEntry) {
        if !self.owns(parent) {
            return;
        }
        let text = "[the workstation has no more room for what this cell prints: from here on it is lost]\n\
             Hint: print less, or give it more room with `runt workstation config set journal_mib MIB`\n";
        self.put_notice(parent, entry, text);
    }

    fn put_notice(&mut self, parent: &str, entry: &JournalEntry, text: &str) {
        self.flush_streams(parent);
        let content = json!({"name": "stderr", "text": text});
        self.put_built(parent, entry, "stream", u32::MAX, content);
    }

    pub(crate) fn output(
        &mut self,
        parent: &str,
        entry: &JournalEntry,
        kind: &str,
        part: u32,
        content: Value,
    ) {
        if !self.owns(parent) {
            return;
        }
        let is_error = self.put_output_message(parent, entry, kind, part, content);
        if is_error {
            if let Some(current) = self.current.as_mut().filter(|current| current.id == parent) {
                current.replied_error = None;
            }
            self.execution_failed(parent);
        }
    }

    /// An error of what runs cancels what waits (WS-305).
    pub(crate) fn execution_failed(&mut self, id: &str) {
        let Some(current) = self.current.as_mut().filter(|current| current.id == id) else {
            return;
        };
        current.failed = true;
        if !current.ending {
            let cancel = self.drain_waiting();
            self.cancel(cancel);
        }
    }

    fn put_output_message(
        &mut self,
        parent: &str,
        entry: &JournalEntry,
        kind: &str,
        part: u32,
        content: Value,
    ) -> bool {
        let bytes = content
            .get("data")
            .or(content.get("traceback"))
            .map_or(0, weight);
        let buffers: usize = entry.buffers.iter().map(Vec::len).sum();
        self.clear_if_pending(parent, entry.position);
        if kind != "error" && !self.fits(parent, entry, bytes + buffers) {
            return false;
        }
        self.flush_streams(parent);
        self.put_built(parent, entry, kind, part, content)
    }

    /// Builds the manifest of an output and puts it at the end; returns whether it is an error.
    pub(crate) fn put_built(
        &mut self,
        parent: &str,
        entry: &JournalEntry,
        kind: &str,
        part: u32,
        content: Value,
    ) -> bool {
        let mut output = content;
        if !output.is_object() {
            output = json!({});
        }
        output["output_type"] = kind.into();
        let id = output_id(parent, entry.position, part);
        let error = kind == "error"
            || output
                .pointer("/data")
                .is_some_and(|d| d.get(traceback::MIME).is_some());
        let uploaded = &self.uploaded;
        let options = BuildOptions {
            threshold: if error {
                ERROR_INLINE_THRESHOLD
            } else {
                INLINE_THRESHOLD
            },
            output_id: &id,
            buffers: &entry.buffers,
            has_blob: &|sha| uploaded.contains(sha),
        };
        let (manifest, blobs, is_error) = match manifest::build(&output, &options) {
            Ok(built) => (built.manifest, built.blobs, built.is_error),
            // That a cell failed does not depend on whether its error can be shown.
            Err(_) => (
                manifest::raw_fallback(&output, &id),
                Vec::new(),
                kind == "error",
            ),
        };
        let execution_id = parent.to_owned();
        self.push_op(
            OpKind::Output {
                execution_id,
                output_id: id,
                manifest,
                text: None,
            },
            blobs,
        );
        is_error
    }

    fn update_display(&mut self, entry: &JournalEntry) {
        let Some(display_id) = entry.content.pointer("/transient/display_id") else {
            return;
        };
        let Some(display_id) = display_id.as_str().map(str::to_owned) else {
            return;
        };
        let mut output = entry.content.clone();
        output["output_type"] = "display_data".into();
        let uploaded = &self.uploaded;
        let options = BuildOptions {
            threshold: INLINE_THRESHOLD,
            output_id: "update",
            buffers: &entry.buffers,
            has_blob: &|sha| uploaded.contains(sha),
        };
        let Ok(built) = manifest::build(&output, &options) else {
            return;
        };
        let data = built
            .manifest
            .get("data")
            .cloned()
            .unwrap_or_else(|| json!({}));
        let metadata = built.manifest.get("metadata").cloned();
        self.push_op(
            OpKind::Update {
                display_id,
                data,
                metadata,
            },
            built.blobs,
        );
    }

    /// Removes the running execution's outputs, now or with the next one (decision D10).
    fn clear_output(&mut self, parent: &str, entry: &JournalEntry) {
        let runs = |id: &str| id == parent;
        if !self
            .current
            .as_ref()
            .is_some_and(|current| runs(&current.id))
            && !self
                .gate
                .as_ref()
                .is_some_and(|gate| runs(&gate.execution_id))
        {
            return;
        }
        let wait = entry
            .content
            .get("wait")
            .and_then(Value::as_bool)
            .unwrap_or(false);
        self.lane(parent).clear_pending = true;
        if !wait {
            self.clear_if_pending(parent, entry.position);
        }
    }

    /// Clears at a position of the journal: nothing of the execution's output before it is needed any more.
    fn clear_if_pending(&mut self, parent: &str, position: u64) {
        let lane = self.lane(parent);
        if !lane.clear_pending {
            return;
        }
        lane.clear();
        lane.from = Some(position);
        if self.is_late(parent) {
            return self.forget_unwritten(parent);
        }
        self.push_op(
            OpKind::Clear {
                execution_id: parent.to_owned(),
            },
            Vec::new(),
        );
        let all_is_written =
            self.lanes.values().all(Lane::is_written) && self.output_widgets.is_empty();
        let fails = self.current.as_ref().is_some_and(|current| current.failed);
        if self.caught_up && self.gate.is_none() && all_is_written && !fails {
            self.keep_spilled(position);
            self.push_op(OpKind::Position(position), Vec::new());
        }
    }
}

/// As much of a text as fits: whole lines if there are any.
fn beginning(text: &str, bytes: u64) -> &str {
    if text.len() as u64 <= bytes {
        return text;
    }
    let fits = (0..=bytes as usize).rev();
    let end = fits.into_iter().find(|at| text.is_char_boundary(*at));
    let text = &text[..end.unwrap_or(0)];
    text.rfind('\n').map_or(text, |at| &text[..=at])
}

/// Roughly the bytes of a JSON value.
pub(crate) fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| key.len() + weight(value))
            .sum(),
        _ => 8,
    }
}
