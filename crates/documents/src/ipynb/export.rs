//! Cells and outputs to file text.

use base64::Engine as _;
use serde_json::{Map, Value, json};

use crate::manifest::{self, BLOB_REF_MIME, MARKDOWN_PLAN_MIME};
use crate::mime::{self, MimeKind};

/// What other programs note about a file in memory and nbformat writes into none.
const TRANSIENT_METADATA: &[&str] = &["orig_nbformat", "orig_nbformat_minor", "signature"];
/// The same of code cells: whether a file is trusted is not the file's to say.
const TRANSIENT_CELL_METADATA: &[&str] = &["trusted"];

/// One cell as the document shows it.
#[derive(Debug, Clone, Default)]
pub struct ExportCell {
    /// The cell's id.
    pub id: String,
    /// `code`, `markdown` or `raw`.
    pub cell_type: String,
    /// The source text.
    pub source: String,
    /// The count of the shown execution.
    pub execution_count: Option<i64>,
    /// The cell's own fallback string, such as `"3"` or `"null"`.
    pub fallback_count: String,
    /// Cell metadata.
    pub metadata: Value,
    /// Attachments as they stand in the file: name to MIME to payload.
    pub attachments: Option<Value>,
    /// Manifests of the shown execution, in order.
    pub outputs: Vec<Value>,
}

/// What a file is made of.
#[derive(Debug, Clone, Default)]
pub struct ExportNotebook {
    /// The metadata snapshot as JSON, widget state included.
    pub metadata: Value,
    /// The minor format version of the file being replaced; 5 for a new one.
    pub nbformat_minor: i64,
    /// The cells in order.
    pub cells: Vec<ExportCell>,
}

/// Why a notebook is not saved; nothing is written then.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ExportError {
    /// An id that nbformat forbids.
    #[error("cell id '{0}' is not a valid nbformat CellId")]
    CellId(String),
    /// A type that nbformat does not know.
    #[error("cell '{id}' has unsupported cell_type '{cell_type}'")]
    CellType {
        /// The cell.
        id: String,
        /// Its type.
        cell_type: String,
    },
    /// Cell metadata of the wrong shape.
    #[error("metadata of cell '{id}' is not valid: {problem}")]
    CellMetadata {
        /// The cell.
        id: String,
        /// What is wrong.
        problem: String,
    },
    /// Notebook metadata of the wrong shape.
    #[error("notebook metadata is not valid: {0}")]
    Metadata(String),
}

/// Writes a notebook as file text: sorted keys, indent of one blank, a final newline.
///
/// Arrow and Parquet bytes stay in the blob store, named in the file (documents.md 12.2).
pub fn export(
    notebook: &ExportNotebook,
    blobs: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<String, ExportError> {
    Ok(pretty(&file_of(notebook, blobs)?))
}

/// Does as [`export`] for a file without a blob store beside it: the file holds all bytes.
pub fn export_with_bytes(
    notebook: &ExportNotebook,
    blobs: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<String, ExportError> {
    let mut file = file_of(notebook, blobs)?;
    for cell in file["cells"].as_array_mut().into_iter().flatten() {
        let outputs = cell.get_mut("outputs").and_then(Value::as_array_mut);
        for output in outputs.into_iter().flatten() {
            if let Some(data) = output.get_mut("data").and_then(Value::as_object_mut) {
                put_bytes_back(data, blobs);
            }
        }
    }
    Ok(pretty(&file))
}

/// Replaces a reference by the bytes that it names, if they are there.
fn put_bytes_back(data: &mut Map<String, Value>, blobs: &dyn Fn(&str) -> Option<Vec<u8>>) {
    let named = data.get(BLOB_REF_MIME).and_then(|reference| {
        let bytes = blobs(reference["hash"].as_str()?)?;
        let mime = reference["content_type"].as_str()?.to_owned();
        Some((mime, bytes))
    });
    if let Some((mime, bytes)) = named {
        data.shift_remove(BLOB_REF_MIME);
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        data.insert(mime, text.into());
        data.sort_keys();
    }
}

fn file_of(
    notebook: &ExportNotebook,
    blobs: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<Value, ExportError> {
    check_metadata(&notebook.metadata)?;
    let cells = notebook
        .cells
        .iter()
        .map(|c| cell(c, blobs))
        .collect::<Result<Vec<Value>, _>>()?;
    let metadata = without(&notebook.metadata, TRANSIENT_METADATA);
    let mut file = json!({
        "cells": cells,
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": notebook.nbformat_minor.max(5),
    });
    file.sort_all_objects();
    Ok(file)
}

/// Metadata as an object that lacks some keys.
fn without(metadata: &Value, keys: &[&str]) -> Value {
    let mut metadata = metadata.as_object().cloned().unwrap_or_default();
    metadata.retain(|key, _| !keys.contains(&key.as_str()));
    metadata.into()
}

fn pretty(value: &Value) -> String {
    use serde::Serialize as _;
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut writer = serde_json::Serializer::with_formatter(&mut out, formatter);
    value
        .serialize(&mut writer)
        .expect("JSON values serialise into memory");
    out.push(b'\n');
    String::from_utf8(out).expect("serde_json writes UTF-8")
}

fn cell(cell: &ExportCell, blobs: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Value, ExportError> {
    if !is_cell_id(&cell.id) {
        return Err(ExportError::CellId(cell.id.clone()));
    }
    check_cell_metadata(cell)?;
    let transient = if cell.cell_type == "code" {
        TRANSIENT_CELL_METADATA
    } else {
        &[]
    };
    let mut out = json!({
        "cell_type": cell.cell_type,
        "id": cell.id,
        "metadata": without(&cell.metadata, transient),
        "source": lines(&cell.source),
    });
    match cell.cell_type.as_str() {
        "code" => {
            let count = cell
                .execution_count
                .or_else(|| cell.fallback_count.parse().ok());
            out["execution_count"] = count.into();
            out["outputs"] = joined(&cell.outputs, blobs);
        }
        "markdown" | "raw" => {
            if let Some(attachments) = &cell.attachments {
                out["attachments"] = attachments.clone();
            }
        }
        other => {
            return Err(ExportError::CellType {
                id: cell.id.clone(),
                cell_type: other.to_owned(),
            });
        }
    }
    Ok(out)
}

/// Whether nbformat takes an id for a cell's.
pub(super) fn is_cell_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn check_cell_metadata(cell: &ExportCell) -> Result<(), ExportError> {
    for (key, value) in cell.metadata.as_object().into_iter().flatten() {
        if let Some(problem) = cell_metadata_problem(key, value) {
            return Err(ExportError::CellMetadata {
                id: cell.id.clone(),
                problem,
            });
        }
    }
    Ok(())
}

/// What is wrong with a key of a cell's metadata, as nbformat sees it.
pub(super) fn cell_metadata_problem(key: &str, value: &Value) -> Option<String> {
    let strings = |v: &Value| v.as_array().is_some_and(|a| a.iter().all(Value::is_string));
    let (fits, wanted) = match key {
        // Legal, though older programs know booleans only (quirk Q11).
        "scrolled" => (value.is_boolean() || value == "auto", "a boolean"),
        "collapsed" | "deletable" | "editable" => (value.is_boolean(), "a boolean"),
        "name" | "format" => (value.is_string(), "a string"),
        "tags" => (strings(value), "a list of strings"),
        "jupyter" => (value.is_object(), "an object"),
        _ => (true, ""),
    };
    (!fits && !value.is_null()).then(|| format!("`{key}` is not {wanted}"))
}

fn check_metadata(metadata: &Value) -> Result<(), ExportError> {
    let Some(metadata) = metadata.as_object() else {
        return Ok(());
    };
    for part in ["kernelspec", "language_info"] {
        if let Some(key) = misses(metadata, part) {
            return Err(ExportError::Metadata(format!("`{part}` lacks `{key}`")));
        }
    }
    Ok(())
}

/// The key that a part of the metadata must have and has not.
pub(super) fn misses(metadata: &Map<String, Value>, part: &str) -> Option<&'static str> {
    let value = metadata.get(part).filter(|value| !value.is_null())?;
    let required: &[&str] = match part {
        "kernelspec" => &["name", "display_name"],
        _ => &["name"],
    };
    required
        .iter()
        .copied()
        .find(|key| !value.get(*key).is_some_and(Value::is_string))
}

/// Splits text into nbformat lines, each with its newline.
fn lines(text: &str) -> Value {
    text.split_inclusive('\n').map(Value::from).collect()
}

/// What stands in a file for an output that cannot be written there.
pub(super) fn marker(reason: &str) -> Value {
    json!({"name": "stderr", "output_type": "stream",
        "text": [format!("[runtimed: output could not be serialized: {reason}]\n")]})
}

fn output(manifest: &Value, blobs: &dyn Fn(&str) -> Option<Vec<u8>>) -> Value {
    match manifest::resolve(manifest, blobs) {
        Ok(resolved) => file_output(&resolved).unwrap_or_else(|reason| marker(&reason)),
        Err(error) => marker(&error.to_string()),
    }
}

/// Joins streams of one name that follow each other: long text is kept in several entries (decision D10).
fn joined(manifests: &[Value], blobs: &dyn Fn(&str) -> Option<Vec<u8>>) -> Value {
    let mut out: Vec<Value> = Vec::new();
    let mut before = None;
    for manifest in manifests {
        // By the manifests, so that a marker stays an output of its own.
        let name = (manifest["output_type"] == "stream").then(|| &manifest["name"]);
        let output = output(manifest, blobs);
        match out.last_mut() {
            Some(last) if name.is_some() && name == before && output["name"] == last["name"] => {
                let text = |value: &Value| manifest::joined_text(value).unwrap_or_default();
                let both = text(&last["text"]) + &text(&output["text"]);
                last["text"] = lines(&both);
            }
            _ => out.push(output),
        }
        before = name;
    }
    Value::Array(out)
}

/// Turns a resolved output into its file form.
fn file_output(output: &Value) -> Result<Value, String> {
    let kind = output.get("output_type").and_then(Value::as_str);
    let kind = kind.ok_or("missing field `output_type`")?;
    let word = |key: &str| {
        output
            .get(key)
            .and_then(Value::as_str)
            .ok_or_else(|| format!("missing field `{key}`"))
    };
    match kind {
        "stream" => {
            let text = output.get("text").ok_or("missing field `text`")?;
            let text = manifest::joined_text(text)
                .ok_or("invalid type: map, expected string or array of strings")?;
            Ok(json!({"output_type": kind, "name": word("name")?, "text": lines(&text)}))
        }
        "error" => {
            let traceback = output.get("traceback").filter(|t| t.is_array());
            let traceback = traceback.ok_or("missing field `traceback`")?;
            Ok(
                json!({"output_type": kind, "ename": word("ename")?, "evalue": word("evalue")?,
                "traceback": traceback}),
            )
        }
        "display_data" | "execute_result" => {
            let empty = Map::new();
            let data = output
                .get("data")
                .and_then(Value::as_object)
                .unwrap_or(&empty);
            let data: Map<String, Value> = data
                .iter()
                .filter(|(mime, _)| *mime != MARKDOWN_PLAN_MIME)
                .map(|(mime, value)| (mime.clone(), file_value(mime, value)))
                .collect();
            let metadata = output.get("metadata").cloned().unwrap_or_else(|| json!({}));
            let mut out = json!({"output_type": kind, "data": data, "metadata": metadata});
            if kind == "execute_result" {
                out["execution_count"] = output
                    .get("execution_count")
                    .cloned()
                    .unwrap_or(Value::Null);
            }
            Ok(out)
        }
        other => Err(format!(
            "unknown variant `{other}`, expected one of `stream`, `display_data`, `execute_result`, `error`"
        )),
    }
}

/// Text types nbformat writes as lists of lines.
fn is_line_mime(mime: &str) -> bool {
    mime.starts_with("text/")
        || mime == "image/svg+xml"
        || (mime.starts_with("application/") && mime::kind(mime) == MimeKind::Text)
}

fn file_value(mime: &str, value: &Value) -> Value {
    match value {
        Value::String(text) if is_line_mime(mime) => lines(text),
        other => other.clone(),
    }
}

/// Decodes an attachment's payload to its bytes and the word that tells how it looked
/// (documents.md 11.7); `None` when it says base64 and is none.
pub fn attachment_bytes(media_type: &str, payload: &Value) -> Option<(&'static str, Vec<u8>)> {
    let is_json = media_type == "application/json" || media_type.ends_with("+json");
    match payload {
        _ if is_json => Some(("json", payload.to_string().into_bytes())),
        Value::String(text) if media_type.starts_with("text/") || media_type == "image/svg+xml" => {
            Some(("text", text.clone().into_bytes()))
        }
        Value::String(text) => {
            // Files break base64 into lines.
            let text: String = text.split_ascii_whitespace().collect();
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(text)
                .ok()?;
            Some(("base64", bytes))
        }
        other => Some(("json", other.to_string().into_bytes())),
    }
}

/// Encodes an attachment's bytes as the file holds them (documents.md 11.7); `None` when the
/// encoding is unknown or the bytes do not fit it.
pub fn attachment_payload(encoding: &str, media_type: &str, bytes: &[u8]) -> Option<Value> {
    let text = || std::str::from_utf8(bytes).ok();
    match encoding {
        "json" => wire::json::parse_strict(text()?).ok(),
        "text" => text().map(Value::from),
        "base64" if media_type.starts_with("text/") || media_type == "image/svg+xml" => {
            text().map(Value::from)
        }
        "base64" => Some(
            base64::engine::general_purpose::STANDARD
                .encode(bytes)
                .into(),
        ),
        _ => None,
    }
}
