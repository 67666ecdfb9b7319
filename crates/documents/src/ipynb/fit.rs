//! What a download changes so that a notebook fits its file.
//!
//! Saving in place refuses what nbformat forbids, since it would overwrite a file (documents.md 12.1). A download
//! overwrites nothing: whatever people and clients put into a document, its owner gets a file of it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::manifest::blob_of;

use super::export::{ExportCell, ExportNotebook, cell_metadata_problem, is_cell_id, misses};

/// Makes a notebook fit: an id that is no cell id is replaced, metadata of the wrong shape and parts of outputs whose
/// blobs are gone are left out.
pub fn fit(notebook: &mut ExportNotebook, has_blob: &dyn Fn(&str) -> bool) {
    if let Some(metadata) = notebook.metadata.as_object_mut() {
        fill_display_name(metadata);
        for part in ["kernelspec", "language_info"] {
            if misses(metadata, part).is_some() {
                metadata.shift_remove(part);
            }
        }
    }
    let mut ids: BTreeSet<String> = notebook.cells.iter().map(|cell| cell.id.clone()).collect();
    for cell in &mut notebook.cells {
        if !is_cell_id(&cell.id) {
            cell.id = derived_id(&cell.id, &ids);
            ids.insert(cell.id.clone());
        }
        fit_cell(cell, has_blob);
    }
}

/// A kernelspec of a file may name its kernel and nothing else: what people read is the name then.
pub fn fill_display_name(metadata: &mut Map<String, Value>) {
    if let Some(kernelspec) = metadata
        .get_mut("kernelspec")
        .and_then(Value::as_object_mut)
        && !kernelspec.get("display_name").is_some_and(Value::is_string)
        && let Some(name) = kernelspec.get("name").filter(|name| name.is_string())
    {
        let name = name.clone();
        kernelspec.insert("display_name".to_owned(), name);
    }
}

fn fit_cell(cell: &mut ExportCell, has_blob: &dyn Fn(&str) -> bool) {
    if !matches!(cell.cell_type.as_str(), "code" | "markdown" | "raw") {
        "raw".clone_into(&mut cell.cell_type);
    }
    if let Some(metadata) = cell.metadata.as_object_mut() {
        metadata.retain(|key, value| cell_metadata_problem(key, value).is_none());
    }
    for output in &mut cell.outputs {
        drop_missing(output, has_blob);
    }
}

/// Of a display whose bytes are gone in one form, the others stay.
fn drop_missing(output: &mut Value, has_blob: &dyn Fn(&str) -> bool) {
    let Some(data) = output.get_mut("data").and_then(Value::as_object_mut) else {
        return;
    };
    let is_there = |value: &Value| blob_of(value).is_none_or(has_blob);
    if data.values().any(is_there) {
        data.retain(|_, value| is_there(value));
    }
}

/// The same each time, so that two downloads agree.
fn derived_id(id: &str, taken: &BTreeSet<String>) -> String {
    let digest = hex::encode(Sha256::digest(id.as_bytes()));
    let ids = (0..).map(|turn| format!("cell-{}-{turn}", &digest[..16]));
    ids.into_iter()
        .find(|id| !taken.contains(id))
        .unwrap_or(digest)
}
