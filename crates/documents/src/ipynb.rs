//! The `.ipynb` file format (documents.md 12): export and import as plain structs.
//!
//! Knows nothing of documents or blob stores; callers resolve outputs and hand bytes in.

mod export;
mod import;

pub use export::{
    ExportCell, ExportError, ExportNotebook, attachment_bytes, attachment_payload, export,
};
pub use import::{ImportError, ImportedCell, ImportedNotebook, import, legacy_cell_id};
