//! File text to plain cells.

use serde_json::Value;
use uuid::Uuid;

use crate::manifest::{self, Blob, BuildOptions, INLINE_THRESHOLD, joined_text};

/// Why a file is not loaded; it is then protected from being overwritten.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The text is not JSON.
    #[error("the file is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The JSON is not an nbformat 4 notebook.
    #[error("the file has no list of cells")]
    NoCells,
    /// The file is of a format with other places for the cells.
    #[error(
        "the file is of notebook format {0}, which is older than format 4\nHint: convert it with `jupyter nbconvert --to notebook --nbformat 4 FILE`"
    )]
    Older(i64),
    /// The file is of a format that nobody knows yet.
    #[error("the file is of notebook format {0}, which is newer than format 4")]
    Newer(i64),
}

/// A cell read from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedCell {
    /// Its id, made from its place when the file has none.
    pub id: String,
    /// `code` when the file does not say.
    pub cell_type: String,
    /// The source text.
    pub source: String,
    /// The execution count.
    pub execution_count: Option<i64>,
    /// Cell metadata, an object.
    pub metadata: Value,
    /// Attachments as the file holds them.
    pub attachments: Option<Value>,
    /// Manifests in order, each with an `output_id`.
    pub outputs: Vec<Value>,
}

impl ImportedCell {
    /// Whether the cell needs an execution record to carry outputs or count.
    pub fn has_execution(&self) -> bool {
        !self.outputs.is_empty() || self.execution_count.is_some()
    }
}

/// A notebook read from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedNotebook {
    /// The whole metadata object.
    pub metadata: Value,
    /// The file's minor format version.
    pub nbformat_minor: i64,
    /// The cells in order.
    pub cells: Vec<ImportedCell>,
    /// Blobs the manifests name; store them before the manifests.
    pub blobs: Vec<Blob>,
}

/// The id of a cell without one: UUIDv5 of its index in the namespace of the room.
pub fn legacy_cell_id(room: Uuid, index: usize) -> String {
    let name = format!("nteract:legacy-nbformat-cell:{index}");
    Uuid::new_v5(&room, name.as_bytes()).to_string()
}

/// Reads a file; `new_output_id` gives the ids of outputs that have none.
pub fn import(
    text: &str,
    room: Uuid,
    has_blob: &dyn Fn(&str) -> bool,
    new_output_id: &mut dyn FnMut() -> String,
) -> Result<ImportedNotebook, ImportError> {
    let file = wire::json::parse(text.as_bytes())?;
    // A file that does not say is of format 4.
    let major = file.get("nbformat").and_then(Value::as_i64).unwrap_or(4);
    if major > 4 {
        return Err(ImportError::Newer(major));
    }
    let cells = file.get("cells").and_then(Value::as_array);
    let cells = cells.ok_or(match major {
        4 => ImportError::NoCells,
        older => ImportError::Older(older),
    })?;
    let mut notebook = ImportedNotebook {
        metadata: file.get("metadata").cloned().unwrap_or(Value::Null),
        nbformat_minor: file
            .get("nbformat_minor")
            .and_then(Value::as_i64)
            .unwrap_or(5),
        cells: Vec::with_capacity(cells.len()),
        blobs: Vec::new(),
    };
    for (index, cell) in cells.iter().enumerate().filter(|(_, c)| c.is_object()) {
        let word = |key: &str| cell.get(key).and_then(Value::as_str).map(str::to_owned);
        let outputs = cell
            .get("outputs")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let outputs = outputs
            .iter()
            .map(|output| load_output(output, has_blob, &new_output_id(), &mut notebook.blobs))
            .collect();
        notebook.cells.push(ImportedCell {
            id: word("id").unwrap_or_else(|| legacy_cell_id(room, index)),
            cell_type: word("cell_type").unwrap_or_else(|| "code".to_owned()),
            source: cell.get("source").and_then(joined_text).unwrap_or_default(),
            execution_count: cell.get("execution_count").and_then(Value::as_i64),
            metadata: cell
                .get("metadata")
                .filter(|m| m.is_object())
                .cloned()
                .unwrap_or_else(|| Value::Object(serde_json::Map::new())),
            attachments: cell.get("attachments").filter(|a| a.is_object()).cloned(),
            outputs,
        });
    }
    Ok(notebook)
}

fn load_output(
    output: &Value,
    has_blob: &dyn Fn(&str) -> bool,
    output_id: &str,
    blobs: &mut Vec<Blob>,
) -> Value {
    let options = BuildOptions {
        threshold: INLINE_THRESHOLD,
        output_id,
        buffers: &[],
        has_blob,
    };
    let mut output = output.clone();
    load_arrow_manifest(&mut output, has_blob);
    match manifest::build(&output, &options) {
        Ok(built) => {
            blobs.extend(built.blobs);
            built.manifest
        }
        Err(_) => manifest::raw_fallback(&output, output_id),
    }
}

/// Turns the file form of an Arrow manifest back; a manifest with a missing chunk is dropped
/// (documents.md 11.6).
fn load_arrow_manifest(output: &mut Value, has_blob: &dyn Fn(&str) -> bool) {
    let Some(data) = output.get_mut("data").and_then(Value::as_object_mut) else {
        return;
    };
    let Some(manifest) = data.get_mut(manifest::ARROW_MANIFEST_MIME) else {
        return;
    };
    let mut complete = true;
    let mut restore = |entry: &mut Value| {
        let Some(map) = entry.as_object_mut() else {
            return;
        };
        if let Some(hash) = map.shift_remove("blob") {
            complete &=
                hash.as_str().is_some_and(has_blob) && map.get("size").is_some_and(Value::is_u64);
            map.insert("hash".into(), hash);
        }
    };
    if let Some(chunks) = manifest.get_mut("chunks").and_then(Value::as_array_mut) {
        chunks.iter_mut().for_each(&mut restore);
    }
    if let Some(coalesced) = manifest.get_mut("coalesced") {
        restore(coalesced);
        if let Some(segments) = coalesced.get_mut("segments").and_then(Value::as_array_mut) {
            segments.iter_mut().for_each(&mut restore);
        }
    }
    if !complete {
        data.shift_remove(manifest::ARROW_MANIFEST_MIME);
    }
}
