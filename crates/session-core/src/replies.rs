//! What the kernel answers to an execution: how it went, its count, and what it wants done besides (payloads).

use serde_json::{Value, json};

use crate::commit::OpKind;
use crate::event::JournalEntry;
use crate::session::Session;

/// The additive key of an execution whose kernel proposes the next input, as `%load` does (decision D12).
const NEXT_INPUT: &str = "next_input";
/// A proposed input beyond this size is not worth a place in the document.
const MAX_NEXT_INPUT_BYTES: usize = 256 * 1024;
/// The part of an entry's output ids that an error told in the reply gets; payloads count from 1.
const ERROR_PART: u32 = u32::MAX - 1;

impl Session {
    /// Takes in the count that the kernel gives an execution, when it begins or with its reply.
    pub(crate) fn execution_counted(&mut self, parent: &str, content: &Value) {
        let Some(count) = content.get("execution_count").and_then(Value::as_i64) else {
            return;
        };
        if !self.owns(parent) {
            return;
        }
        if let Some(current) = self.current.as_mut().filter(|current| current.id == parent) {
            current.is_counted = true;
        }
        let execution_id = parent.to_owned();
        self.push_op(
            OpKind::Count {
                execution_id,
                count,
            },
            Vec::new(),
        );
    }

    pub(crate) fn execute_reply(&mut self, parent: &str, entry: &JournalEntry) {
        if let Some(current) = self.current.as_mut().filter(|current| current.id == parent) {
            let (failed, is_counted) = (current.failed, current.is_counted);
            match entry.content["status"].as_str() {
                // The kernel took it out of its queue because of one before it: it never ran.
                Some("aborted") => current.failed = true,
                Some("error") if !failed => self.error_in_reply(parent, entry),
                _ => {}
            }
            if !is_counted {
                self.execution_counted(parent, &entry.content);
            }
        }
        let payloads = entry.content.get("payload").and_then(Value::as_array);
        for (at, payload) in payloads.into_iter().flatten().enumerate() {
            match payload.get("source").and_then(Value::as_str) {
                Some("page") if !self.settings.for_file => {
                    let data = payload.get("data").cloned().unwrap_or_else(|| json!({}));
                    let content = json!({"data": data, "metadata": {}});
                    self.output(parent, entry, "display_data", at as u32 + 1, content);
                }
                Some("set_next_input") => self.next_input(parent, entry, at as u32 + 1, payload),
                _ => {}
            }
        }
        self.kernel_replied(parent);
    }

    /// Some kernels tell of an error in the reply only. Whether this is one is known when all outputs are there: the reply
    /// overtakes them.
    fn error_in_reply(&mut self, parent: &str, entry: &JournalEntry) {
        let word = |key: &str| entry.content[key].as_str().unwrap_or_default().to_owned();
        let ename = Some(word("ename")).filter(|name| !name.is_empty());
        let traceback = entry.content["traceback"].as_array().cloned();
        let content = json!({
            "ename": ename.unwrap_or_else(|| "Error".to_owned()),
            "evalue": word("evalue"),
            "traceback": traceback.unwrap_or_default(),
        });
        self.execution_failed(parent);
        if let Some(current) = self.current.as_mut() {
            current.replied_error = Some(Box::new(JournalEntry {
                content,
                buffers: Vec::new(),
                ..entry.clone()
            }));
        }
    }

    /// Shows the error of the reply, unless an output or, as when IPython knows no such magic, stderr has told of it.
    pub(crate) fn show_replied_error(&mut self, parent: &str) {
        let current = self.current.as_mut().filter(|current| current.id == parent);
        let Some(current) = current else { return };
        if let Some(mut entry) = current.replied_error.take().filter(|_| !current.has_stderr) {
            let content = std::mem::take(&mut entry.content);
            self.output(parent, &entry, "error", ERROR_PART, content);
        }
    }

    /// Shows what the kernel proposes as the next input: whoever ran the cell puts it into the notebook.
    fn next_input(&mut self, parent: &str, entry: &JournalEntry, part: u32, payload: &Value) {
        let text = payload["text"].as_str().unwrap_or_default();
        if text.is_empty() || !self.owns(parent) {
            return;
        }
        if text.len() > MAX_NEXT_INPUT_BYTES {
            let kib = text.len() / 1024;
            let text =
                format!("[the kernel proposes an input of {kib} KiB: too much for a cell]\n");
            let content = json!({"name": "stderr", "text": text});
            self.output(parent, entry, "stream", part, content);
            return;
        }
        self.push_op(
            OpKind::Extra {
                execution_id: parent.to_owned(),
                key: NEXT_INPUT,
                value: json!({"text": text, "replace": payload["replace"] == true}),
            },
            Vec::new(),
        );
    }
}
