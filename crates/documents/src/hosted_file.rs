//! A hosted notebook from and to an `.ipynb` file (documents 12).
//!
//! Builds the documents of a new room from an imported file, and gathers what an export needs from
//! the documents of a room. Never stores or fetches bytes: blobs are handed over and looked up.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::comms::{CommsDoc, references};
use crate::genesis::DocKind;
use crate::ipynb::{
    ExportCell, ExportNotebook, ImportedCell, ImportedNotebook, attachment_bytes,
    attachment_payload, fill_display_name, imported_widgets, widget_state,
};
use crate::manifest::Blob;
use crate::notebook::{Cell, MetadataSnapshot, NotebookDoc, metadata_from_ipynb};
use crate::runtime_state::{Execution, RuntimeStateDoc, status};
use crate::value::DocError;

/// Why a file does not become a hosted notebook, or a notebook no file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A type that no reader knows.
    #[error("cell `{id}` has the unknown type `{cell_type}`")]
    CellType {
        /// The cell.
        id: String,
        /// Its type.
        cell_type: String,
    },
    /// An attachment that is not what it says, or whose bytes are gone.
    #[error("attachment `{name}` of cell `{id}` cannot be read")]
    Attachment {
        /// The cell.
        id: String,
        /// The attachment.
        name: String,
    },
    /// The document refused a write.
    #[error(transparent)]
    Document(#[from] DocError),
}

/// The first documents of a room and the blobs to store before them.
#[derive(Debug)]
pub struct HostedFile {
    /// Cells and metadata.
    pub notebook: NotebookDoc,
    /// Outputs, as executions that ended.
    pub runtime: RuntimeStateDoc,
    /// State of the widgets that the outputs show.
    pub comms: CommsDoc,
    /// Blobs that outputs, attachments and widgets name.
    pub blobs: Vec<Blob>,
}

/// Builds the documents of a new room. A file without cells keeps the starter cell; of cells that share an id the later
/// ones get another.
///
/// # Errors
/// Cells that have an unknown type or a broken attachment.
pub fn open(
    notebook_id: &str,
    file: ImportedNotebook,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Result<HostedFile, FileError> {
    let label = wire::actor::room_actor_label(notebook_id);
    // On top of the bootstrap that everybody can make from the id alone, so that histories agree.
    let mut notebook = NotebookDoc::hosted_bootstrap(notebook_id)?;
    notebook.set_actor(&label);
    let mut runtime = RuntimeStateDoc::from_doc(DocKind::RuntimeState.fresh(&label)?);
    let mut blobs = file.blobs;
    let mut cells = Vec::with_capacity(file.cells.len());
    let mut ids = BTreeSet::new();
    for mut cell in file.cells {
        check(&cell)?;
        if !ids.insert(cell.id.clone()) {
            // As nbformat does with the later of two that share an id.
            cell.id = new_id().to_string();
            ids.insert(cell.id.clone());
        }
        let execution_id = if cell.cell_type == "code" && cell.has_execution() {
            let id = new_id().to_string();
            let failed = cell.outputs.iter().any(|out| out["output_type"] == "error");
            runtime.import_execution(&id, cell.execution_count, !failed, &cell.outputs)?;
            Some(id)
        } else {
            None
        };
        let attachments = store_attachments(&cell, &mut blobs)?;
        cells.push(Cell {
            id: cell.id,
            cell_type: cell.cell_type,
            position: String::new(),
            source: cell.source,
            execution_count: cell
                .execution_count
                .map_or_else(|| "null".to_owned(), |count| count.to_string()),
            metadata: cell.metadata,
            resolved_assets: Value::Null,
            attachments,
            execution_id,
        });
    }
    if !cells.is_empty() {
        notebook.clear_cells()?;
        notebook.append_cells(&cells)?;
    }
    let mut comms = CommsDoc::from_doc(DocKind::Comms.fresh(&label)?);
    for widget in imported_widgets(&file.metadata, &mut blobs) {
        let (module, name) = (&widget.model_module, &widget.model_name);
        runtime.open_comm(&widget.id, "jupyter.widget", module, name)?;
        comms.replace_state(&widget.id, &widget.state)?;
    }
    if let Some(metadata) = file.metadata.as_object().and_then(hosted_metadata) {
        notebook.set_metadata(&metadata)?;
    }
    notebook.doc_mut().commit();
    runtime.doc_mut().commit();
    comms.doc_mut().commit();
    Ok(HostedFile {
        notebook,
        runtime,
        comms,
        blobs,
    })
}

/// Builds the documents of a new room that shows what another shows. Blobs keep their names: the
/// new notebook must be given those that [`blobs_named`] finds. Who may run, comments, widgets and
/// executions that no cell shows stay behind.
///
/// # Errors
/// A document refuses a write.
pub fn copy(
    notebook_id: &str,
    notebook: &NotebookDoc,
    runtime: &RuntimeStateDoc,
    new_execution_id: &mut dyn FnMut() -> Uuid,
) -> Result<(NotebookDoc, RuntimeStateDoc), FileError> {
    let label = wire::actor::room_actor_label(notebook_id);
    let mut new_notebook = NotebookDoc::hosted_bootstrap(notebook_id)?;
    new_notebook.set_actor(&label);
    let mut new_runtime = RuntimeStateDoc::from_doc(DocKind::RuntimeState.fresh(&label)?);
    let mut cells = notebook.cells();
    for cell in &mut cells {
        let execution = shown_execution(cell, runtime);
        cell.execution_id = None;
        if let Some(execution) = execution {
            let id = new_execution_id().to_string();
            let success = execution.success.unwrap_or(true);
            let count = execution.execution_count;
            new_runtime.import_execution(&id, count, success, &execution.outputs)?;
            cell.execution_id = Some(id);
        }
    }
    new_notebook.clear_cells()?;
    new_notebook.append_cells(&cells)?;
    // The way through a file's metadata drops what a copy must not inherit, such as trust.
    let metadata = notebook.metadata().map(|metadata| metadata.to_json());
    if let Some(metadata) = metadata.as_ref().and_then(metadata_from_ipynb) {
        new_notebook.set_metadata(&metadata)?;
    }
    new_notebook.doc_mut().commit();
    new_runtime.doc_mut().commit();
    Ok((new_notebook, new_runtime))
}

/// The metadata of a file; a part that does not parse is left out by itself (quirk Q2).
fn hosted_metadata(metadata: &Map<String, Value>) -> Option<MetadataSnapshot> {
    let mut metadata = metadata.clone();
    fill_display_name(&mut metadata);
    let parsed = MetadataSnapshot::of(&metadata).to_json();
    for part in MetadataSnapshot::PARTS {
        if !parsed.contains_key(part) {
            metadata.shift_remove(part);
        }
    }
    metadata_from_ipynb(&metadata)
}

fn check(cell: &ImportedCell) -> Result<(), FileError> {
    if matches!(cell.cell_type.as_str(), "code" | "markdown" | "raw") {
        return Ok(());
    }
    Err(FileError::CellType {
        id: cell.id.clone(),
        cell_type: cell.cell_type.clone(),
    })
}

/// Turns attachments of a file into references (documents 4.9).
fn store_attachments(cell: &ImportedCell, blobs: &mut Vec<Blob>) -> Result<Value, FileError> {
    let mut stored = Map::new();
    for (name, bundle) in cell
        .attachments
        .iter()
        .filter_map(Value::as_object)
        .flatten()
    {
        let broken = || FileError::Attachment {
            id: cell.id.clone(),
            name: name.clone(),
        };
        let mut references = Map::new();
        for (media_type, payload) in bundle.as_object().ok_or_else(broken)? {
            let (encoding, bytes) = attachment_bytes(media_type, payload).ok_or_else(broken)?;
            let blob = Blob::new(media_type, bytes);
            references.insert(
                media_type.clone(),
                json!({ "blob_hash": blob.sha256, "encoding": encoding }),
            );
            blobs.push(blob);
        }
        stored.insert(name.clone(), references.into());
    }
    Ok(Value::Object(stored))
}

/// Gathers a room's cells, outputs, widgets and metadata for an export. Without open widgets the metadata keeps those of
/// the file that the room began with (12.3).
///
/// # Errors
/// An attachment whose bytes are gone or do not fit their encoding.
pub fn gather(
    notebook: &NotebookDoc,
    runtime: &RuntimeStateDoc,
    comms: &CommsDoc,
    blobs: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<ExportNotebook, FileError> {
    let mut cells = Vec::new();
    for cell in notebook.cells() {
        let execution = shown_execution(&cell, runtime);
        let attachments = load_attachments(&cell, blobs)?;
        let (execution_count, outputs) = execution
            .map(|execution| (execution.execution_count, execution.outputs))
            .unwrap_or_default();
        cells.push(ExportCell {
            id: cell.id,
            cell_type: cell.cell_type,
            source: cell.source,
            execution_count,
            fallback_count: cell.execution_count,
            metadata: cell.metadata,
            attachments,
            outputs,
        });
    }
    let metadata = notebook.metadata().map(|snapshot| snapshot.to_json());
    let mut metadata = metadata.unwrap_or_default();
    if let Some(widgets) = widget_state(runtime, comms, blobs) {
        metadata.insert("widgets".to_owned(), widgets);
    }
    Ok(ExportNotebook {
        metadata: Value::Object(metadata),
        nbformat_minor: 5,
        cells,
    })
}

fn load_attachments(
    cell: &Cell,
    blobs: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Result<Option<Value>, FileError> {
    let stored = cell.attachments.as_object().filter(|map| !map.is_empty());
    let mut file = Map::new();
    for (name, bundle) in stored.into_iter().flatten() {
        let mut payloads = Map::new();
        for (media_type, reference) in bundle.as_object().into_iter().flatten() {
            let encoding = reference["encoding"].as_str().unwrap_or("base64");
            let payload = reference["blob_hash"]
                .as_str()
                .and_then(blobs)
                .and_then(|bytes| attachment_payload(encoding, media_type, &bytes))
                .ok_or_else(|| FileError::Attachment {
                    id: cell.id.clone(),
                    name: name.clone(),
                })?;
            payloads.insert(media_type.clone(), payload);
        }
        file.insert(name.clone(), payloads.into());
    }
    Ok((!file.is_empty()).then_some(Value::Object(file)))
}

/// What a file shows of a cell: its execution, or, while that waits or runs and has no output yet, the one that ended
/// before it, so that a file made in the middle of a run loses nothing (12.2).
fn shown_execution(cell: &Cell, runtime: &RuntimeStateDoc) -> Option<Execution> {
    let execution = runtime.execution(cell.execution_id.as_deref()?)?;
    if status::is_terminal(&execution.status) || !execution.outputs.is_empty() {
        return Some(execution);
    }
    let earlier = |id: &String| {
        let head = runtime.execution_head(id);
        let head = head.filter(|head| head.cell_id.as_deref() == Some(cell.id.as_str()));
        let ended =
            head.filter(|head| matches!(head.status.as_str(), status::DONE | status::ERROR));
        ended.and_then(|head| head.seq)
    };
    let ids = runtime.all_execution_ids().into_iter();
    let before =
        ids.filter_map(|id| Some((earlier(&id).filter(|seq| Some(*seq) < execution.seq)?, id)));
    let before = before.max().and_then(|(_, id)| runtime.execution(&id));
    Some(before.unwrap_or(execution))
}

/// Every blob that the shown outputs and attachments name.
pub fn blobs_named(notebook: &NotebookDoc, runtime: &RuntimeStateDoc) -> BTreeSet<String> {
    let mut hashes = BTreeSet::new();
    for cell in notebook.cells() {
        collect(&cell.attachments, &mut hashes);
        let execution = shown_execution(&cell, runtime);
        for manifest in execution.map(|it| it.outputs).unwrap_or_default() {
            collect(&manifest, &mut hashes);
        }
    }
    hashes
}

/// Every blob that the state of open widgets names.
pub fn widget_blobs(runtime: &RuntimeStateDoc, comms: &CommsDoc) -> BTreeSet<String> {
    let mut hashes = BTreeSet::new();
    for id in runtime.comm_ids() {
        let state = comms.state(&id).map(Value::Object).unwrap_or_default();
        let captured = runtime.comm_field(&id, "outputs").unwrap_or_default();
        let named = [&state, &captured].into_iter().flat_map(references);
        hashes.extend(named.map(|(hash, _)| hash.to_owned()));
    }
    hashes
}

fn collect(value: &Value, hashes: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.len() == 64 => {
            hashes.insert(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, hashes)),
        Value::Object(members) => members.values().for_each(|item| collect(item, hashes)),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
