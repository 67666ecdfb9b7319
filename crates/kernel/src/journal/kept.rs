//! Output that a document has no room for, kept beside the journal when the journal gives its space back.

use std::cell::Cell;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::release::released;
use super::{Channel, FILE_NAME, JournalError, JournalReader, MAGIC, Record, START};

/// Its folder in the job's.
const FOLDER: &str = "outputs";
/// Longest id of an execution that names a folder as it is.
const MAX_NAME: usize = 64;

/// Copies the stretch of a job's journal in which an execution spoke. What was kept first goes when all of it takes more
/// than `limit` bytes; what is kept now stays.
pub fn keep(
    job_dir: &Path,
    execution_id: &str,
    from: u64,
    to: u64,
    limit: u64,
) -> Result<(), JournalError> {
    let folder = folder_of(job_dir, execution_id);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)?;
    let mut journal = File::open(job_dir.join(FILE_NAME))?;
    journal.seek(SeekFrom::Start(from))?;
    let path = folder.join(format!("{from:020}.journal"));
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(MAGIC)?;
    std::io::copy(&mut journal.take(to.saturating_sub(from)), &mut file)?;
    std::fs::rename(&fresh, &path)?;
    make_room(&job_dir.join(FOLDER), &path, limit)?;
    Ok(())
}

/// Removes the oldest until what is left fits.
fn make_room(folder: &Path, newest: &Path, limit: u64) -> std::io::Result<()> {
    let mut kept = Vec::new();
    for execution in std::fs::read_dir(folder)?.flatten() {
        for path in stretches(&execution.path()) {
            let meta = path.metadata()?;
            kept.push((meta.modified()?, meta.len(), path));
        }
    }
    kept.sort();
    let mut total: u64 = kept.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, bytes, path) in kept {
        if total <= limit {
            break;
        }
        if path != newest {
            tracing::info!(path = %path.display(), "removing the oldest output kept, to make room");
            std::fs::remove_file(&path)?;
            total -= bytes;
        }
    }
    Ok(())
}

/// Hands over what the kernel broadcast for an execution, in order: from what was kept, else from what the journal still
/// has. Says whether there was anything.
///
/// A runtime peer may keep it and give the journal's space back meanwhile; it keeps first, and says what it gives back
/// before it does. So what was read of the journal counts if it is not given back after that; the rest is where it was
/// kept.
pub fn read_output(
    job_dir: &Path,
    execution_id: &str,
    mut take: impl FnMut(&Record) -> std::io::Result<()>,
) -> Result<bool, JournalError> {
    let path = job_dir.join(FILE_NAME);
    let folder = folder_of(job_dir, execution_id);
    let any = Cell::new(false);
    let mut take = |record: &Record| {
        let is_its_own = match record.event() {
            Some(event) => event.cut_request() == Some(execution_id),
            None => record.parent_header()["msg_id"] == execution_id,
        };
        if is_its_own && matches!(record.channel, Channel::Iopub | Channel::Keeper) {
            any.set(true);
            take(record)?;
        }
        Ok(())
    };
    loop {
        let from = released(&path);
        let kept = stretches(&folder);
        if !kept.is_empty() {
            read_kept(&kept, START, &mut take)?;
            return Ok(any.get());
        }
        if !path.exists() {
            return Ok(false);
        }
        let Some(gone) = read_while_there(&path, from, &mut take)? else {
            return Ok(any.get());
        };
        let kept = stretches(&folder);
        if kept.iter().any(|path| begin_of(path) <= gone) {
            read_kept(&kept, gone, &mut take)?;
            return Ok(any.get());
        }
        // It was of others, unless some of it was handed over.
        if any.get() {
            return Err(JournalError::NoRecordAt(gone));
        }
    }
}

/// Reads what was kept, from a position of the journal on.
fn read_kept(
    kept: &[PathBuf],
    from: u64,
    take: &mut impl FnMut(&Record) -> std::io::Result<()>,
) -> Result<(), JournalError> {
    for path in kept {
        // Each begins as a journal does, with what stood at its own beginning.
        let skipped = from.saturating_sub(begin_of(path));
        let mut reader = JournalReader::open(path, START + skipped)?;
        while let Some(record) = reader.next_record()? {
            take(&record)?;
        }
    }
    Ok(())
}

/// Reads the journal to its end, or to where its space was given back meanwhile: that position then.
fn read_while_there(
    path: &Path,
    from: u64,
    take: &mut impl FnMut(&Record) -> std::io::Result<()>,
) -> Result<Option<u64>, JournalError> {
    let mut reader = JournalReader::open(path, from)?;
    let mut checked = 0;
    loop {
        let position = reader.position();
        let next = reader.next_record();
        // What was read is whole if it was not given back by now.
        if reader.read_to() != checked || !matches!(next, Ok(Some(_))) {
            checked = reader.read_to();
            if released(path) > position {
                return Ok(Some(position));
            }
        }
        match next? {
            Some(record) => take(&record)?,
            None => return Ok(None),
        }
    }
}

/// The position of the journal at which a kept stretch begins.
fn begin_of(path: &Path) -> u64 {
    let name = path.file_stem().and_then(|stem| stem.to_str());
    name.and_then(|name| name.parse().ok()).unwrap_or(u64::MAX)
}

/// The stretches in a folder, in order.
fn stretches(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "journal"))
        .collect();
    paths.sort();
    paths
}

/// Ids come from the room: one that is no plain name gets another.
fn folder_of(job_dir: &Path, execution_id: &str) -> PathBuf {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let plain = (1..=MAX_NAME).contains(&execution_id.len()) && execution_id.bytes().all(is_plain);
    let other = || uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, execution_id.as_bytes());
    let name = if plain {
        execution_id.to_owned()
    } else {
        other().to_string()
    };
    job_dir.join(FOLDER).join(name)
}
