//! The four CRDT documents of a room: genesis, readers, writers, write policy, output manifests, .ipynb mapping.
//!
//! Nothing here opens a socket or speaks SQL. Start reading at [`genesis`], then [`notebook`] and
//! [`runtime_state`]; [`policy`] decides who may write what, [`sync`] speaks the sync protocol.

pub mod chunks;
pub mod comments;
pub mod comms;
pub mod environment;
pub mod fractional_index;
pub mod genesis;
pub mod hosted_file;
pub mod inflation;
pub mod ipynb;
pub mod manifest;
pub mod mime;
pub mod notebook;
pub mod policy;
pub mod references;
pub mod runtime_state;
pub mod summary;
pub mod sync;
pub mod terminal;
pub mod traceback;
pub mod value;

pub use comments::CommentsDoc;
pub use comms::CommsDoc;
pub use environment::DeclaredEnvironment;
pub use genesis::DocKind;
pub use notebook::NotebookDoc;
pub use runtime_state::{RuntimeStateDoc, WantedKernelspec};
pub use sync::PeerSync;
pub use value::DocError;

/// Returns the filter of a program's log: what was asked for (`RUST_LOG`), else `otherwise`, without
/// automerge's spans whatever it says: those of level info write out the history of the document
/// they work on, so that each change would cost what all changes before it cost together.
pub fn log_filter(asked: Option<&str>, otherwise: &str) -> String {
    let asked = asked.filter(|asked| !asked.trim().is_empty());
    format!("{},automerge=warn", asked.unwrap_or(otherwise))
}
