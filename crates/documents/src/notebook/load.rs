//! What to do with a stored NotebookDoc of any version (documents 4.10).

use automerge::transaction::Transactable;
use automerge::{ROOT, ReadDoc, ScalarValue};

use super::NotebookDoc;
use crate::value::{DocError, Reader};

/// The version this code writes.
const CURRENT: u64 = 5;

/// The outcome of loading stored bytes.
#[derive(Debug)]
pub enum Loaded {
    /// The document is usable, perhaps after a migration in place.
    Accepted(Box<NotebookDoc>),
    /// The bytes must be set aside and a fresh document made.
    Quarantine(String),
}

/// Loads stored bytes for a notebook, migrating what can be migrated.
pub fn load_stored(bytes: &[u8], actor: &str, notebook_id: &str) -> Result<Loaded, DocError> {
    let Ok(mut notebook) = NotebookDoc::load(bytes, actor) else {
        return Ok(Loaded::Quarantine(
            "the stored bytes are no document".to_owned(),
        ));
    };
    let reader = notebook.reader();
    let present = reader.get(&ROOT, "schema_version").is_some();
    let skeleton = reader.root_map("cells").is_some() && reader.root_map("metadata").is_some();
    match schema_version(reader) {
        None if present => {
            return Ok(Loaded::Quarantine(
                "its version is not a whole number".to_owned(),
            ));
        }
        None if !skeleton => {
            return Ok(Loaded::Quarantine(
                "it has neither version nor skeleton".to_owned(),
            ));
        }
        Some(version) if version < 3 => {
            return Ok(Loaded::Quarantine(format!(
                "its version {version} is too old"
            )));
        }
        Some(version) if version < CURRENT => {
            fill_identity(&mut notebook, notebook_id)?;
            notebook.doc.put(ROOT, "schema_version", CURRENT)?;
        }
        _ => fill_identity(&mut notebook, notebook_id)?,
    }
    notebook.doc.commit();
    Ok(Loaded::Accepted(Box::new(notebook)))
}

fn fill_identity(notebook: &mut NotebookDoc, notebook_id: &str) -> Result<(), DocError> {
    for (key, prefix) in [
        ("runtime_state_doc_id", "runtime:"),
        ("comms_doc_id", "comms:"),
    ] {
        if notebook.root_text(key).is_none() {
            notebook
                .doc
                .put(ROOT, key, format!("{prefix}{notebook_id}"))?;
        }
    }
    Ok(())
}

/// Returns the largest concurrent non-negative version.
pub(super) fn schema_version<D: ReadDoc>(reader: Reader<'_, D>) -> Option<u64> {
    let versions = reader.get_all(&ROOT, "schema_version").into_iter();
    versions
        .filter_map(|(value, _)| match value.into_scalar().ok()? {
            ScalarValue::Uint(version) => Some(version),
            ScalarValue::Int(version) => u64::try_from(version).ok(),
            _ => None,
        })
        .max()
}
