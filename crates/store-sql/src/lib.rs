//! The storage traits on SQLite and PostgreSQL: the catalog, the document log.
//!
//! Each statement and each method exists once and serves both databases; what differs (opening,
//! migrating, numbering rows, who may write) lies below `db`. Never holds a rule: what may be written
//! is decided by `control-plane` and `room`. Start at [`SqlCatalog`].

mod backup;
mod catalog;
mod database;
mod db;
mod document_log;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use backup::{check_database, copy_databases};
pub use catalog::SqlCatalog;
pub use database::{Database, UnknownDatabase};
pub use document_log::SqlDocumentLog;
