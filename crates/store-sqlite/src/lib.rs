//! The storage traits on SQLite: the catalog, the document log and the blob folder.
//!
//! Never holds a rule: what may be written is decided by `control-plane` and `room`.
//! Start at [`SqliteCatalog`].

mod catalog;
mod pools;

pub use catalog::SqliteCatalog;
pub use pools::{Durability, Pools};
