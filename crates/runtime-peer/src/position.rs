//! How far the room has accepted the journal: a small file that a next peer begins from.

use std::path::{Path, PathBuf};

/// Its name in the job's folder.
const FILE_NAME: &str = "journal.position";
/// Space is given back when this much more is not needed.
const RELEASE_STEP: u64 = 64 * 1024 * 1024;

/// The position on disk.
#[derive(Debug)]
pub(crate) struct Position {
    path: PathBuf,
    released: u64,
}

impl Position {
    /// The position of a job, and what it is now.
    pub(crate) fn open(job_dir: &Path) -> (Self, u64) {
        let path = job_dir.join(FILE_NAME);
        let at = std::fs::read_to_string(&path)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        (Self { path, released: at }, at)
    }

    /// Notes a position. Some when it is worth giving space back before it.
    pub(crate) fn persist(&mut self, position: u64) -> Option<u64> {
        let fresh = self.path.with_extension("position.new");
        let written = std::fs::write(&fresh, position.to_string())
            .and_then(|()| std::fs::rename(&fresh, &self.path));
        if let Err(error) = written {
            tracing::warn!(%error, "the journal's position cannot be noted");
            return None;
        }
        if position < self.released.saturating_add(RELEASE_STEP) {
            return None;
        }
        self.released = position;
        Some(position)
    }
}
