//! The folder of environments: keys, notes, clean-up.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::sleep;

use super::{BUILD_LIMIT, NotebookEnvironment, lock};

/// An environment that was not used for so long is removed.
const MAX_AGE: Duration = Duration::from_hours(30 * 24);
/// All environments together may have this size; the ones longest unused go first.
const MAX_BYTES: u64 = 20 * 1024 * 1024 * 1024;
/// One that was used so shortly ago stays: its kernel may be about to start.
const SPARED: Duration = Duration::from_hours(1);
/// How often a lock is looked at that another maker holds.
const LOCK_POLL: Duration = Duration::from_millis(200);

/// Where environments are kept.
pub fn cache_dir(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| {
        let path = PathBuf::from(variable(name)?);
        path.is_absolute().then_some(path)
    };
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(cache.join("runt/environments"))
}

/// Sixteen hex digits for what makes one environment different from another.
pub(super) fn key(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    let first = hash.iter().take(8);
    let number = first.fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{number:016x}")
}

/// Says which folder is whole.
#[derive(Serialize, Deserialize)]
struct Note {
    folder: String,
    bytes: u64,
}

/// One environment's place.
pub(super) struct Entry {
    cache: PathBuf,
    key: String,
}

impl Entry {
    pub(super) fn at(cache: &Path, key: &str) -> io::Result<Self> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(cache)?;
        Ok(Self {
            cache: cache.canonicalize()?,
            key: key.to_owned(),
        })
    }

    fn file(&self, end: &str) -> PathBuf {
        self.cache.join(format!("{}.{end}", self.key))
    }

    /// The environment, if it is whole; it counts as used now.
    pub(super) fn find(&self) -> Option<NotebookEnvironment> {
        let note: Note = read_note(&self.file("json"))?;
        let python = self.cache.join(note.folder).join(".venv/bin/python");
        // Its base interpreter may have been uninstalled.
        if !python.is_file() {
            return None;
        }
        let touched = File::options()
            .append(true)
            .open(self.file("json"))
            .and_then(|file| file.set_modified(SystemTime::now()));
        if let Err(error) = touched {
            tracing::warn!(%error, "the use of an environment cannot be noted");
        }
        Some(NotebookEnvironment {
            python,
            in_use: self.file("lock"),
        })
    }

    /// Waits until nobody else makes it; none when it was made meanwhile.
    pub(super) async fn lock(&self, progress: &watch::Sender<String>) -> io::Result<Option<File>> {
        loop {
            if self.find().is_some() {
                return Ok(None);
            }
            if let Some(lock) = lock::try_exclusive(&self.file("lock"))? {
                return Ok(Some(lock));
            }
            let waiting = "waiting for another notebook that prepares the same environment";
            progress.send_if_modified(|text| {
                let is_new = text != waiting;
                waiting.clone_into(text);
                is_new
            });
            sleep(LOCK_POLL).await;
        }
    }

    /// A folder of its own with the project's file in it.
    pub(super) fn begin(&self, project: &str) -> io::Result<PathBuf> {
        let random = uuid::Uuid::new_v4().simple().to_string();
        let folder = self.cache.join(format!("{}-{}", self.key, &random[..8]));
        DirBuilder::new().mode(0o700).create(&folder)?;
        fs::write(folder.join("pyproject.toml"), project)?;
        Ok(folder)
    }

    /// Notes that the folder is whole, then makes room.
    pub(super) async fn finish(&self, folder: &Path) -> io::Result<NotebookEnvironment> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let measured = folder.to_owned();
        let bytes = tokio::task::spawn_blocking(move || size(&measured)).await;
        let note = Note {
            folder: name.into_owned(),
            bytes: bytes.unwrap_or(0),
        };
        // A file of a new name: notebook code may have put a link in the place of any other.
        let mut fresh = tempfile::NamedTempFile::new_in(&self.cache)?;
        fresh.write_all(&serde_json::to_vec(&note).map_err(io::Error::other)?)?;
        fresh.persist(self.file("json"))?;
        let cache = self.cache.clone();
        // It goes on by itself; the kernel need not wait for it.
        drop(tokio::task::spawn_blocking(move || {
            clean(&cache, SystemTime::now(), MAX_BYTES);
        }));
        self.find()
            .ok_or_else(|| io::Error::other("uv made no interpreter in the environment"))
    }
}

/// Reads a note. Notebook code may have written it: it counts if its folder is one that we would have made.
fn read_note(path: &Path) -> Option<Note> {
    let note: Note = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let key = path.file_stem()?.to_str()?;
    (key_of(&note.folder)? == key).then_some(note)
}

/// The key in a folder's name; `None` when it is no name of ours.
fn key_of(folder: &str) -> Option<&str> {
    let (key, random) = folder.split_once('-')?;
    let is_random = random.len() == 8 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_random && !key.contains('/')).then_some(key)
}

/// Removes a folder on another thread.
pub(super) async fn remove(folder: PathBuf) {
    let removed = tokio::task::spawn_blocking(move || fs::remove_dir_all(folder)).await;
    if let Ok(Err(error)) = removed {
        tracing::warn!(%error, "a broken environment cannot be removed");
    }
}

/// What a folder takes on the disk. Files that uv shares with its own cache count, too: they are kept by either.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.path().symlink_metadata() {
            Ok(meta) if meta.is_dir() => size(&entry.path()),
            Ok(meta) => meta.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

/// Removes what is old, what is too much, and what makers left that were killed.
pub(super) fn clean(cache: &Path, now: SystemTime, most: u64) {
    let age = |path: &Path| {
        let modified = path.metadata().and_then(|meta| meta.modified());
        modified.map_or(Duration::ZERO, |at| {
            now.duration_since(at).unwrap_or_default()
        })
    };
    let mut kept = Vec::new();
    let mut folders = Vec::new();
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            folders.push(path);
        } else if path.extension().is_some_and(|end| end == "json")
            && let Some(note) = read_note(&path)
        {
            kept.push((age(&path), path, note));
        }
    }
    // A folder that no note names is being made, or was left.
    for folder in folders {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let is_named = kept.iter().any(|(_, _, note)| *note.folder == *name);
        // Where notebook code has led the cache elsewhere, what is there is not ours.
        if key_of(&name).is_some() && !is_named && age(&folder) > BUILD_LIMIT * 2 {
            discard(&folder);
        }
    }
    kept.sort_by_key(|(age, ..)| *age);
    let mut total = 0;
    for (age, path, note) in kept {
        total += note.bytes;
        if (age > MAX_AGE || total > most) && age > SPARED && forget(cache, &path, &note) {
            total -= note.bytes;
        }
    }
}

/// Removes one environment unless a kernel runs in it.
fn forget(cache: &Path, note_path: &Path, note: &Note) -> bool {
    let lock_path = note_path.with_extension("lock");
    let Ok(Some(_lock)) = lock::try_exclusive(&lock_path) else {
        return false;
    };
    // Without its note nobody finds it any more.
    if fs::remove_file(note_path).is_err() {
        return false;
    }
    discard(&cache.join(&note.folder));
    // Whoever waits for this file's lock sees that it is gone and begins anew.
    let _ = fs::remove_file(lock_path);
    true
}

fn discard(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        tracing::warn!(%error, folder = %folder.display(), "an old environment cannot be removed");
    }
}
