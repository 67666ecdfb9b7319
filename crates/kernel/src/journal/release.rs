//! Giving back the disk space of what nobody needs any more. Positions stay what they were.

use std::fs::OpenOptions;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{JournalError, START};

/// Space is given back in whole blocks.
const BLOCK_BYTES: u64 = 4096;

/// Forgets everything before `position`, which is a record's start or end.
///
/// The mark is written first, so that a journal whose beginning is gone is still opened whole.
pub fn release(path: &Path, position: u64) -> Result<(), JournalError> {
    let from = released(path);
    if position <= from || position > path.metadata()?.len() {
        return Ok(());
    }
    note(&mark_path(path), position)?;
    punch(path, position);
    Ok(())
}

/// The first position that still holds a record.
pub fn released(path: &Path) -> u64 {
    noted(&mark_path(path))
        .filter(|position| path.metadata().is_ok_and(|meta| *position <= meta.len()))
        .unwrap_or(START)
}

/// Makes sure that the mark has its place on the disk while there is room.
pub(super) fn reserve_mark(path: &Path) -> std::io::Result<()> {
    note(&mark_path(path), released(path))
}

/// Notes a position in a file of its own, mode 0600: over the one before, so that it needs no room on a disk that a
/// journal has filled.
pub fn note(path: &Path, position: u64) -> std::io::Result<()> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)?;
    file.write_all_at(format!("{position:020}\n").as_bytes(), 0)
}

/// The position that a file notes.
pub fn noted(path: &Path) -> Option<u64> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn mark_path(path: &Path) -> PathBuf {
    path.with_extension("released")
}

/// Frees the blocks where the file system can; elsewhere the file keeps its size, nothing more.
#[cfg(target_os = "linux")]
fn punch(path: &Path, position: u64) {
    use rustix::fs::{FallocateFlags, fallocate};
    let end = position / BLOCK_BYTES * BLOCK_BYTES;
    if end <= BLOCK_BYTES {
        return;
    }
    let Ok(file) = OpenOptions::new().write(true).open(path) else {
        return;
    };
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    if let Err(error) = fallocate(&file, flags, BLOCK_BYTES, end - BLOCK_BYTES) {
        tracing::debug!(%error, "the journal's beginning cannot be freed");
    }
}

#[cfg(not(target_os = "linux"))]
fn punch(_path: &Path, _position: u64) {}
