//! The four CRDT documents of a room: genesis, readers, writers, write policy, output manifests, .ipynb mapping.

pub mod ipynb;
pub mod manifest;
pub mod mime;
pub mod runtime_writer;
pub mod terminal;
pub mod traceback;
