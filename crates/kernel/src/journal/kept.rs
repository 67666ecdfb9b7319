//! Output that a document has no room for, kept beside the journal when the journal gives its space back.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::release::released;
use super::{Channel, FILE_NAME, JournalError, JournalReader, MAGIC, Record};

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
pub fn read_output(
    job_dir: &Path,
    execution_id: &str,
    mut take: impl FnMut(&Record) -> std::io::Result<()>,
) -> Result<bool, JournalError> {
    let mut readers = Vec::new();
    for path in stretches(&folder_of(job_dir, execution_id)) {
        readers.push(JournalReader::open(&path, 0)?);
    }
    if readers.is_empty() {
        let path = job_dir.join(FILE_NAME);
        if !path.exists() {
            return Ok(false);
        }
        readers.push(JournalReader::open(&path, released(&path))?);
    }
    let mut any = false;
    for mut reader in readers {
        while let Some(record) = reader.next_record()? {
            let is_of = |record: &Record| match record.event() {
                Some(event) => event.cut_request() == Some(execution_id),
                None => record.parent_header()["msg_id"] == execution_id,
            };
            if matches!(record.channel, Channel::Iopub | Channel::Keeper) && is_of(&record) {
                any = true;
                take(&record)?;
            }
        }
    }
    Ok(any)
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
