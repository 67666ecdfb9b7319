//! The `.ipynb` file format (documents.md 12): export and import as plain structs.
//!
//! Knows nothing of blob stores; callers hand bytes in.

mod export;
mod fit;
mod import;
mod widgets;

pub use export::{
    ExportCell, ExportError, ExportNotebook, attachment_bytes, attachment_payload, export,
    export_with_bytes,
};
pub use fit::{fill_display_name, fit};
pub use import::{ImportError, ImportedCell, ImportedNotebook, import, legacy_cell_id};
pub(crate) use widgets::imported_widgets;
pub use widgets::{WIDGET_STATE_MIME, widget_state};
