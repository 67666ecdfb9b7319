//! Short previews of text that went to a blob (documents.md 6.2).

use serde_json::{Value, json};

const MAX_LINES: usize = 200;
const MAX_BYTES: usize = 8192;

/// The preview of stream text: disjoint head and tail, sizes.
pub fn stream_preview(text: &str) -> Value {
    let head_end = head_end(text);
    let rest = &text[head_end..];
    let tail = &rest[tail_start(rest)..];
    let mut preview = json!({"head": &text[..head_end]});
    if !tail.is_empty() {
        preview["tail"] = tail.into();
    }
    preview["total_bytes"] = text.len().into();
    preview["total_lines"] = text.lines().count().into();
    preview
}

/// The preview of an error whose traceback went to a blob.
pub fn error_preview(traceback: &[String], total_bytes: usize) -> Value {
    let last = traceback
        .iter()
        .rev()
        .map(|entry| crate::traceback::strip_ansi(entry))
        .find(|entry| !entry.trim().is_empty())
        .unwrap_or_default();
    let cut = ceil_boundary(&last, MAX_BYTES);
    json!({"last_frame": &last[..cut], "total_bytes": total_bytes, "frames": traceback.len()})
}

fn ceil_boundary(text: &str, at: usize) -> usize {
    (at.min(text.len())..=text.len())
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(text.len())
}

fn head_end(text: &str) -> usize {
    let mut end = 0;
    for line in text.split_inclusive('\n').take(MAX_LINES) {
        if end + line.len() > MAX_BYTES {
            return ceil_boundary(text, MAX_BYTES);
        }
        end += line.len();
    }
    end
}

fn tail_start(text: &str) -> usize {
    let mut start = text.len();
    for line in text.split_inclusive('\n').rev().take(MAX_LINES) {
        if text.len() - start + line.len() > MAX_BYTES {
            let cut = text.len() - MAX_BYTES.min(text.len());
            return (0..=cut)
                .rev()
                .find(|i| text.is_char_boundary(*i))
                .unwrap_or(0);
        }
        start -= line.len();
    }
    start
}
