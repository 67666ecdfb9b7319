//! Outputs of which the cloud does not take a blob: what it does not take is left out, with a word on that; the rest stays
//! (WS-323).

use serde_json::{Value, json};

use crate::commit::{Op, OpKind};
use crate::lane::{StreamText, Written, continuation_id};
use crate::session::Session;

/// What is kept of a text's beginning, and as much of its end: together they need no blob.
const END_BYTES: usize = 300;
/// A write of nothing.
const NOTHING: OpKind = OpKind::Cancel(Vec::new());
/// What is shown of the reason.
const REASON_BYTES: usize = 200;

impl Session {
    pub(crate) fn blob_failed(&mut self, sha256: &str, reason: &str) {
        if let Some(size) = self.uploading.remove(sha256) {
            self.pending_bytes = self.pending_bytes.saturating_sub(size);
        }
        let mut at = 0;
        while let Some(op) = self.ops.get_mut(at) {
            at += 1;
            if !op.waits.iter().any(|wanted| wanted == sha256) {
                continue;
            }
            op.waits.retain(|wanted| wanted != sha256);
            if let Some(note) = leave_out(&mut op.kind, sha256, reason) {
                self.ops.insert(at, note);
                at += 1;
            }
        }
        self.captured_blob_failed(sha256, reason);
    }
}

/// Takes a blob out of a write; returns a write that says so beside what is left.
fn leave_out(kind: &mut OpKind, sha256: &str, reason: &str) -> Option<Op> {
    match kind {
        OpKind::Output {
            execution_id,
            output_id,
            manifest,
            text,
        } => {
            if let Some(text) = text {
                let shown = StreamText {
                    position: text.position,
                    part: text.part,
                    text: ends_of(&text.text, reason),
                };
                let name = manifest["name"].as_str().unwrap_or("stdout").to_owned();
                text.text.clone_from(&shown.text);
                *manifest = Written::new(output_id.clone(), &name, shown).manifest;
                return None;
            }
            if manifest["output_type"] == "stream" {
                let bytes = manifest["text"]["size"].as_u64().unwrap_or_default();
                let text = unstored(&format!("{bytes} bytes of text"), reason) + "\n";
                manifest["text"] = json!({"inline": text});
                return None;
            }
            if manifest["output_type"] == "error" {
                if manifest["traceback"]["blob"] == sha256 {
                    let traceback = json!([unstored("the traceback", reason)]).to_string();
                    manifest["traceback"] = json!({"inline": traceback});
                } else if let Some(manifest) = manifest.as_object_mut() {
                    manifest.shift_remove("rich");
                }
                return None;
            }
            let left_out = without(&mut manifest["data"], sha256);
            if left_out.is_empty() || is_empty(&manifest["data"]) {
                let traceback = json!([reason]).to_string();
                *manifest = json!({
                    "output_type": "error", "output_id": output_id,
                    "ename": "OutputBlobPublishError", "evalue": reason,
                    "traceback": {"inline": traceback},
                });
                return None;
            }
            let text = unstored(&left_out.join(", "), reason) + "\n";
            let note = StreamText {
                position: 0,
                part: 0,
                text,
            };
            let id = continuation_id(&format!("{output_id}:{sha256}"), 0);
            let written = Written::new(id, "stderr", note);
            Some(Op {
                kind: OpKind::Output {
                    execution_id: execution_id.clone(),
                    output_id: written.output_id,
                    manifest: written.manifest,
                    text: None,
                },
                waits: Vec::new(),
            })
        }
        OpKind::Update { data, .. } => {
            let left_out = without(data, sha256);
            if left_out.is_empty() || is_empty(data) {
                *kind = NOTHING;
            }
            None
        }
        // The trait is left out where it is too large for its blob; the outputs themselves are there.
        OpKind::Captured { state, .. } if state["outputs"]["blob"] == sha256 => {
            state.clear();
            None
        }
        // A widget value that names no stored blob is dropped.
        _ => {
            *kind = NOTHING;
            None
        }
    }
}

/// Takes the entries out of an output's data that are in a blob; returns their media types.
fn without(data: &mut Value, sha256: &str) -> Vec<String> {
    let mut left_out = Vec::new();
    if let Some(data) = data.as_object_mut() {
        data.retain(|media_type, entry| {
            let is_stored = entry["blob"] != sha256;
            if !is_stored {
                left_out.push(media_type.clone());
            }
            is_stored
        });
    }
    left_out
}

fn is_empty(data: &Value) -> bool {
    data.as_object().is_none_or(serde_json::Map::is_empty)
}

pub(crate) fn unstored(what: &str, reason: &str) -> String {
    let reason = reason.lines().next().unwrap_or_default();
    let reason = &reason[..reason.floor_char_boundary(REASON_BYTES)];
    format!("[{what} could not be stored in the cloud: {reason}]")
}

/// The beginning and the end of a text, with a word on what is not there.
fn ends_of(text: &str, reason: &str) -> String {
    let head = text.floor_char_boundary(END_BYTES);
    let tail = text
        .ceil_char_boundary(text.len().saturating_sub(END_BYTES))
        .max(head);
    let bytes = tail - head;
    let note = unstored(&format!("{bytes} bytes in between"), reason);
    format!("{}\n{note}\n{}", &text[..head], &text[tail..])
}
