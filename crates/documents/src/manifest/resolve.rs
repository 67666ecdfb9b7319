//! Manifest back to an nbformat output.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{
    ARROW_MANIFEST_MIME, ARROW_STREAM_MIME, BLOB_REF_MIME, MARKDOWN_PLAN_MIME, PARQUET_MIME,
};
use crate::mime::{self, MimeKind};

/// Why a manifest cannot be resolved.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ResolveError {
    /// A blob that is not there.
    #[error("blob {0} is missing")]
    MissingBlob(String),
    /// A blob that should hold text and does not.
    #[error("blob {0} is not UTF-8 text")]
    NotText(String),
}

type Lookup<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// The hash that a content reference names.
pub(crate) fn blob_of(value: &Value) -> Option<&str> {
    value
        .as_object()
        .filter(|m| m.len() <= 3)
        .and_then(|m| m.get("blob"))
        .and_then(Value::as_str)
}

fn inline_of(value: &Value) -> Option<&str> {
    value
        .as_object()
        .filter(|m| m.len() == 1)
        .and_then(|m| m.get("inline"))
        .and_then(Value::as_str)
}

fn bytes_of(hash: &str, blobs: Lookup<'_>) -> Result<Vec<u8>, ResolveError> {
    blobs(hash).ok_or_else(|| ResolveError::MissingBlob(hash.to_owned()))
}

/// The text behind a content reference; `None` for a plain value.
fn text_of(value: &Value, blobs: Lookup<'_>) -> Result<Option<String>, ResolveError> {
    if let Some(text) = inline_of(value) {
        return Ok(Some(text.to_owned()));
    }
    let Some(hash) = blob_of(value) else {
        return Ok(None);
    };
    String::from_utf8(bytes_of(hash, blobs)?)
        .map(Some)
        .map_err(|_| ResolveError::NotText(hash.to_owned()))
}

/// Resolves a manifest to an nbformat output that still carries `output_id` and `transient`.
///
/// Fields that are plain JSON are left as they are (documents.md 6.2, raw fallback).
pub fn resolve(manifest: &Value, blobs: Lookup<'_>) -> Result<Value, ResolveError> {
    let Some(map) = manifest.as_object() else {
        return Ok(manifest.clone());
    };
    let mut out = map.clone();
    out.shift_remove("llm_preview");
    out.shift_remove("rich");
    match map.get("output_type").and_then(Value::as_str) {
        Some("stream") => {
            if let Some(text) = map
                .get("text")
                .map(|t| text_of(t, blobs))
                .transpose()?
                .flatten()
            {
                out.insert("text".into(), text.into());
            }
        }
        Some("error") => {
            let text = map
                .get("traceback")
                .map(|t| text_of(t, blobs))
                .transpose()?
                .flatten();
            if let Some(text) = text {
                let lines = serde_json::from_str(&text).unwrap_or_else(|_| json!([text]));
                out.insert("traceback".into(), lines);
            }
        }
        Some("display_data" | "execute_result") => {
            if let Some(data) = map.get("data").and_then(Value::as_object) {
                out.insert("data".into(), resolve_data(data, blobs)?.into());
            }
            out.entry("metadata").or_insert_with(|| json!({}));
        }
        _ => {}
    }
    Ok(out.into())
}

fn resolve_data(
    data: &Map<String, Value>,
    blobs: Lookup<'_>,
) -> Result<Map<String, Value>, ResolveError> {
    let mut out = Map::new();
    let by_reference = [ARROW_STREAM_MIME, PARQUET_MIME]
        .into_iter()
        .find(|mime| data.get(*mime).and_then(blob_of).is_some());
    for (mime, value) in data {
        if mime == MARKDOWN_PLAN_MIME {
            continue;
        }
        if Some(mime.as_str()) == by_reference {
            let hash = blob_of(value).unwrap_or_default();
            bytes_of(hash, blobs)?;
            let size = value.get("size").cloned().unwrap_or(json!(0));
            let entry = json!({"content_type": mime, "hash": hash, "size": size});
            out.insert(BLOB_REF_MIME.into(), entry);
            continue;
        }
        out.insert(mime.clone(), resolve_value(mime, value, blobs)?);
    }
    Ok(out)
}

fn resolve_value(mime: &str, value: &Value, blobs: Lookup<'_>) -> Result<Value, ResolveError> {
    match mime::kind(mime) {
        MimeKind::Binary => match blob_of(value) {
            Some(hash) => Ok(STANDARD.encode(bytes_of(hash, blobs)?).into()),
            None => Ok(inline_of(value).map_or_else(|| value.clone(), Value::from)),
        },
        MimeKind::Text => Ok(text_of(value, blobs)?.map_or_else(|| value.clone(), Value::from)),
        MimeKind::Json => {
            let Some(text) = text_of(value, blobs)? else {
                return Ok(value.clone());
            };
            let parsed = wire::json::parse_strict(&text).unwrap_or(Value::String(text));
            if mime == ARROW_MANIFEST_MIME {
                arrow_manifest(parsed, blobs)
            } else {
                Ok(parsed)
            }
        }
    }
}

/// Rewrites the chunk references of an Arrow manifest for a file (documents.md 11.6).
fn arrow_manifest(mut manifest: Value, blobs: Lookup<'_>) -> Result<Value, ResolveError> {
    if let Some(chunks) = manifest.get_mut("chunks").and_then(Value::as_array_mut) {
        for chunk in chunks {
            arrow_entry(chunk, blobs)?;
        }
    }
    if let Some(coalesced) = manifest.get_mut("coalesced") {
        arrow_entry(coalesced, blobs)?;
        if let Some(segments) = coalesced.get_mut("segments").and_then(Value::as_array_mut) {
            for segment in segments {
                arrow_entry(segment, blobs)?;
            }
        }
    }
    Ok(manifest)
}

fn arrow_entry(entry: &mut Value, blobs: Lookup<'_>) -> Result<(), ResolveError> {
    let Some(map) = entry.as_object_mut() else {
        return Ok(());
    };
    let Some(Value::String(hash)) = map.shift_remove("hash") else {
        return Ok(());
    };
    let bytes = bytes_of(&hash, blobs)?;
    if !map.get("size").is_some_and(Value::is_u64) {
        map.insert("size".into(), bytes.len().into());
    }
    map.insert("blob".into(), hash.into());
    map.insert("content_type".into(), ARROW_STREAM_MIME.into());
    Ok(())
}
