//! The edges of a runtime peer: room link, blob upload, kernel journal, around session-core.
//!
//! One process serves one attach job. [`run`] is its main loop: it hands what happens to the
//! session and does what the session says. Nothing here decides what is written into a document.
//! The kernel belongs to the keeper (crate `kernel`), which outlives a peer that crashes; the next
//! peer of the job adopts it and reads the journal from where the room had accepted it.
//! [`run_notebook`] does the same work for a file, beside a room in memory.

mod backoff;
mod blob_reader;
mod blobs;
mod clock;
mod config;
mod conflicts;
mod dials;
mod end;
mod headless;
mod journal_feed;
mod keeper_control;
mod kernel_watch;
mod launch_choice;
mod launcher;
mod link;
mod peer;
mod position;
mod tokens;
mod translate;

pub use config::{PeerAuth, PeerConfig};
pub use end::{End, NOTE_NAME};
pub use headless::{RunConfig, RunFailure, RunResult, run_notebook};
pub use peer::run;
pub use position::is_delivered;
pub use session_core::{DEFAULT_OUTPUT_LIMIT_BYTES, LaunchMode};
