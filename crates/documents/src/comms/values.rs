//! Values of widgets that are too large for the document, or no JSON (documents 9).

use serde_json::{Map, Value};

use crate::manifest::Blob;

/// Values of this many bytes or fewer lie in the document.
const INLINE_VALUE_BYTES: usize = 1024;

/// Replaces large values by references, but for those whose keys are to be left.
pub fn fold_large(state: &mut Map<String, Value>, leave: impl Fn(&str) -> bool) -> Vec<Blob> {
    let mut blobs = Vec::new();
    for (key, value) in state {
        if leave(key) {
            continue;
        }
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

/// Stores bytes as a blob; the reference that stands for them.
pub fn reference(media_type: &str, bytes: Vec<u8>, blobs: &mut Vec<Blob>) -> Value {
    let blob = Blob::new(media_type, bytes);
    let mut reference = blob.content_ref();
    reference["media_type"] = media_type.into();
    blobs.push(blob);
    reference
}

/// Puts a value at a path of keys and indexes; a path that leads nowhere is left.
pub fn put_at(state: &mut Map<String, Value>, path: &[Value], value: Value) {
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
