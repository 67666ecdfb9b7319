//! The storage traits on SQLite: the catalog, the document log and the blob folder.
//!
//! Never holds a rule: what may be written is decided by `control-plane` and `room`.
//! Start at [`SqliteCatalog`].

mod blobs;
mod catalog;
mod document_log;
mod pools;

pub use blobs::{BlobFolder, Stored, Upload, is_hash};
pub use catalog::SqliteCatalog;
pub use document_log::SqliteDocumentLog;
pub use pools::{Durability, Pools};
