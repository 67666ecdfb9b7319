//! Values of widgets that are too large for the document, or no JSON (documents 9).

use serde_json::{Map, Value};

use crate::manifest::Blob;

/// Values of this many bytes or fewer lie in the document.
const INLINE_VALUE_BYTES: usize = 1024;
/// What buffers are stored as.
pub const BINARY: &str = "application/octet-stream";

/// Buffers of a value, each with the path of keys and indexes that it belongs at.
pub type Buffers = Vec<(Vec<Value>, Vec<u8>)>;

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

/// Puts text and structures back where references to them stand, and moves binary ones to the buffers, at `path` and
/// below; `None` stands for one that moved or is gone.
pub fn unfold(
    value: Value,
    path: &mut Vec<Value>,
    blobs: &dyn Fn(&str) -> Option<Vec<u8>>,
    buffers: &mut Buffers,
) -> Option<Value> {
    match value {
        Value::Object(map) => {
            if let Some((hash, media_type)) = named(&map) {
                let bytes = blobs(hash)?;
                if media_type == BINARY {
                    buffers.push((path.clone(), bytes));
                    return None;
                }
                let text = String::from_utf8(bytes).ok()?;
                return if media_type == "application/json" {
                    let value = wire::json::parse_strict(&text).ok()?;
                    unfold(value, path, blobs, buffers)
                } else {
                    Some(text.into())
                };
            }
            let mut out = Map::new();
            for (key, value) in map {
                path.push(key.as_str().into());
                if let Some(value) = unfold(value, path, blobs, buffers) {
                    out.insert(key, value);
                }
                path.pop();
            }
            Some(out.into())
        }
        Value::Array(items) => {
            let mut out = Vec::with_capacity(items.len());
            for (at, item) in items.into_iter().enumerate() {
                path.push(at.into());
                // The places of the others stay.
                out.push(unfold(item, path, blobs, buffers).unwrap_or(Value::Null));
                path.pop();
            }
            Some(out.into())
        }
        other => Some(other),
    }
}

/// The blobs that a value names, at any depth: addresses and sizes in bytes.
pub fn references(value: &Value) -> Vec<(&str, u64)> {
    match value {
        Value::Object(map) => match named(map) {
            Some((hash, _)) => vec![(hash, map["size"].as_u64().unwrap_or(0))],
            None => map.values().flat_map(references).collect(),
        },
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// Address and media type, if this is a reference (documents 13): binary where it does not say.
fn named(map: &Map<String, Value>) -> Option<(&str, &str)> {
    let media_type = match (map.len(), map.get("media_type")) {
        (2, None) => BINARY,
        (3, Some(media_type)) => media_type.as_str()?,
        _ => return None,
    };
    let is_sized = map.get("size").is_some_and(Value::is_u64);
    Some((map.get("blob")?.as_str().filter(|_| is_sized)?, media_type))
}
