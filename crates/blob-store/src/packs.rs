//! Packs: many small blobs in one file, so that what arrives together becomes durable by two flushes instead of two for
//! each, and takes one file.
//!
//! A pack has its name only once it is durable, and never changes. Which blobs it has is read from its table when the store
//! opens. Its age, that of the file, is the age of its blobs. A blob that is removed stays in it until the last one is: then
//! the file goes. Until then a restart brings removed ones back, as old as they were, for whoever removes the old to find.

mod format;
mod index;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use self::format::{BLOBS_LIMIT, Entry, Key, PACKED_LIMIT};
use self::index::{Index, Slot};
use crate::error::BlobError;
use crate::store::{Blob, BlobStore, RENEWED_AFTER, is_hash};
use crate::upload::Spool;

/// The folder of packs.
pub(crate) const PACKS: &str = "packs";
/// Bytes that are written at a time.
const CHUNK: usize = 64 * 1024;

/// The packs of a folder.
#[derive(Debug)]
pub(crate) struct Packs {
    folder: PathBuf,
    /// Held for a few lines, never while anything waits.
    index: Mutex<Index>,
    /// Somebody else writes packs and removes them.
    only_reads: bool,
}

/// A blob in a pack.
#[derive(Debug)]
pub(crate) struct PackedBlob {
    pack: File,
    slot: Slot,
}

impl PackedBlob {
    /// Bytes.
    pub(crate) fn size(&self) -> u64 {
        self.slot.length.into()
    }

    /// How long ago it was written.
    pub(crate) fn age(&self) -> io::Result<Duration> {
        age(&self.pack.metadata()?)
    }

    /// A part, or what of it lies within the blob.
    pub(crate) fn part(mut self, part: Range<u64>) -> io::Result<Bytes> {
        let end = part.end.min(self.size());
        let length = end.checked_sub(part.start);
        let length = length.ok_or(io::ErrorKind::InvalidInput)?;
        let start = u64::from(self.slot.offset) + part.start;
        self.pack.seek(SeekFrom::Start(start))?;
        let mut bytes = vec![0; length as usize];
        self.pack.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

impl Packs {
    /// Reads the tables of all packs.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub(crate) fn open(blobs: &Path, only_reads: bool) -> io::Result<Self> {
        let folder = blobs.join(PACKS);
        if !only_reads {
            fs::create_dir_all(&folder)?;
            File::open(blobs)?.sync_all()?;
            // What is found counts as kept, and a crash may have come between its renaming and its flush.
            File::open(&folder)?.sync_all()?;
        }
        let packs = Self {
            folder,
            index: Mutex::default(),
            only_reads,
        };
        packs.look()?;
        Ok(packs)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, key: &Key) -> Option<Slot> {
        self.index().slot(key)
    }

    /// A number that no pack has had.
    fn next(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.index().next(now.unwrap_or_default().as_nanos() as u64)
    }

    fn path(&self, pack: u64) -> PathBuf {
        self.folder.join(name(pack))
    }

    /// Finds packs that are new in the folder. What is no pack is told of, and left alone.
    fn look(&self) -> io::Result<()> {
        let files = match fs::read_dir(&self.folder) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
            files => files?,
        };
        for file in files {
            let (name, path) = file.map(|file| (file.file_name(), file.path()))?;
            if self.index().has_seen(&name) {
                continue;
            }
            match number(&name).and_then(|pack| Ok((pack, table(&path)?))) {
                Ok((pack, entries)) => {
                    let dead = self.index().add(pack, entries);
                    self.bury(&dead);
                }
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
                Err(cause) => {
                    tracing::warn!(%cause, path = %path.display(), "a file among the packs of blobs is none");
                }
            }
            self.index().saw(name);
        }
        Ok(())
    }

    /// Removes packs whose blobs are all removed or in later packs. Nothing is ever added to a pack, nor its number used
    /// again, so nobody can come to need it meanwhile; a reader who was about to open it looks for the blob once more.
    fn bury(&self, dead: &[u64]) {
        for &pack in dead.iter().filter(|_| !self.only_reads) {
            match fs::remove_file(self.path(pack)) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(%cause, pack, "a pack without blobs stays until the next start");
                }
                _ => {}
            }
        }
    }

    /// Opens a blob where it was found; its pack may be gone since, and the blob in a later one.
    fn open_blob(&self, key: &Key, mut slot: Slot) -> io::Result<Option<PackedBlob>> {
        loop {
            match File::open(self.path(slot.pack)) {
                Ok(pack) => return Ok(Some(PackedBlob { pack, slot })),
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                Err(cause) => return Err(cause),
            }
            match self.slot(key) {
                Some(now) if now.pack != slot.pack => slot = now,
                _ => return Ok(None),
            }
        }
    }

    /// How old a pack is; none when it is gone.
    fn age(&self, pack: u64) -> io::Result<Option<Duration>> {
        match fs::metadata(self.path(pack)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            found => age(&found?).map(Some),
        }
    }
}

impl BlobStore {
    /// Does something with a blob where it is packed.
    ///
    /// # Errors
    /// The folder fails, or what is done does.
    pub(crate) async fn packed<T: Send + 'static>(
        &self,
        hash: &str,
        work: impl FnOnce(PackedBlob) -> io::Result<T> + Send + 'static,
    ) -> Result<Option<T>, BlobError> {
        let (Some(packs), Some(key)) = (self.packs(), key(hash)) else {
            return Ok(None);
        };
        let Some(slot) = packs.slot(&key) else {
            return Ok(None);
        };
        let packs = Arc::clone(packs);
        let work = move || packs.open_blob(&key, slot)?.map(work).transpose();
        Ok(tokio::task::spawn_blocking(work).await??)
    }

    /// Reads whole blobs where they are packed, by one task; none where one is not.
    ///
    /// # Errors
    /// The folder fails.
    pub(crate) async fn packed_together(
        &self,
        hashes: Vec<String>,
    ) -> Result<Vec<Option<Bytes>>, BlobError> {
        let Some(packs) = self.packs().map(Arc::clone) else {
            return Ok(vec![None; hashes.len()]);
        };
        let read = move |hash: String| {
            let Some((key, slot)) = key(&hash).and_then(|key| Some((key, packs.slot(&key)?)))
            else {
                return Ok(None);
            };
            let blob = packs.open_blob(&key, slot)?;
            let whole = blob.map(|blob| blob.part(0..u64::from(slot.length)));
            whole.transpose()
        };
        let work = move || hashes.into_iter().map(read).collect::<io::Result<_>>();
        Ok(tokio::task::spawn_blocking(work).await??)
    }

    /// Finds what another program has packed since; false where there is none.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(crate) async fn look_for_packs(&self) -> Result<bool, BlobError> {
        let Some(packs) = self.packs().filter(|packs| packs.only_reads) else {
            return Ok(false);
        };
        let packs = Arc::clone(packs);
        tokio::task::spawn_blocking(move || packs.look()).await??;
        Ok(true)
    }

    /// The packed blobs whose names begin with two given digits, and whether they are so old.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(crate) async fn packed_shelf(
        &self,
        digits: &str,
        age: Duration,
    ) -> Result<Vec<(String, bool)>, BlobError> {
        let (Some(packs), Ok(first)) = (self.packs(), u8::from_str_radix(digits, 16)) else {
            return Ok(Vec::new());
        };
        let packs = Arc::clone(packs);
        let work = move || {
            let mut found = Vec::new();
            let shelf = packs.index().shelf(first);
            for (key, slot) in shelf {
                if let Some(since) = packs.age(slot.pack)? {
                    found.push((hex::encode(key), since >= age));
                }
            }
            Ok::<_, io::Error>(found)
        };
        Ok(tokio::task::spawn_blocking(work).await??)
    }

    /// Forgets a packed blob, and removes its pack if it was the last. To be called while nobody renews.
    ///
    /// # Errors
    /// The work is ended from outside.
    pub(crate) async fn remove_packed(&self, hash: &str) -> Result<(), BlobError> {
        let (Some(packs), Some(key)) = (self.packs(), key(hash)) else {
            return Ok(());
        };
        let dead = packs.index().remove(&key);
        if let Some(pack) = dead {
            let packs = Arc::clone(packs);
            tokio::task::spawn_blocking(move || packs.bury(&[pack])).await?;
        }
        Ok(())
    }

    /// Keeps what is small and not there as packs; gives back what is to be kept one by one.
    ///
    /// # Errors
    /// The folder fails; some may have been kept.
    pub(crate) async fn keep_packed(&self, blobs: Vec<Blob>) -> Result<Vec<Blob>, BlobError> {
        let Some(packs) = self.packs().map(Arc::clone) else {
            return Ok(blobs);
        };
        let (small, mut single): (Vec<_>, Vec<_>) = blobs
            .into_iter()
            .partition(|blob| blob.bytes.len() <= PACKED_LIMIT);
        if small.len() < 2 {
            single.extend(small);
            return Ok(single);
        }
        let store = self.clone();
        let work = {
            let packs = Arc::clone(&packs);
            move || store.wanting(&packs, small)
        };
        let Wanting { mut blobs, renews } = tokio::task::spawn_blocking(work).await??;
        if blobs.len() < 2 {
            single.extend(blobs.pop_first().map(|(_, blob)| blob));
            return Ok(single);
        }
        // Goes with the work, whatever becomes of who waits for it.
        let mut nobody_removes = None;
        if renews {
            nobody_removes = Some(self.renewing().read_owned().await);
        }
        let store = self.clone();
        let work = move || {
            let _nobody_removes = nobody_removes;
            let named = blobs.into_iter().map(|(key, blob)| (key, blob.bytes));
            let blobs: Vec<_> = named.collect();
            let mut each = blobs.chunks(BLOBS_LIMIT);
            each.try_for_each(|blobs| store.write_pack(&packs, blobs))
        };
        tokio::task::spawn_blocking(work).await??;
        Ok(single)
    }

    /// Of small blobs those that are not there, or old; each once.
    fn wanting(&self, packs: &Packs, blobs: Vec<Blob>) -> io::Result<Wanting> {
        let mut wanting = Wanting::default();
        let mut shelves = BTreeSet::new();
        for blob in blobs {
            let Some(key) = key(&blob.hash) else {
                continue;
            };
            let packed = match packs.slot(&key) {
                Some(slot) => packs.age(slot.pack)?,
                None => None,
            };
            let is_young = |found: Option<Duration>| found.is_some_and(|age| age < RENEWED_AFTER);
            if is_young(packed) {
                continue;
            }
            let shelf = self.folder().join(&blob.hash[..2]);
            let single = fs::metadata(shelf.join(&blob.hash)).ok();
            let single = single.filter(|single| single.len() == blob.bytes.len() as u64);
            let single = single.map(|single| age(&single)).transpose()?;
            if is_young(single) {
                // Whoever wrote it may not have come that far yet.
                shelves.insert(shelf);
                continue;
            }
            wanting.renews |= packed.or(single).is_some();
            wanting.blobs.insert(key, blob);
        }
        for shelf in shelves {
            File::open(shelf)?.sync_all()?;
        }
        Ok(wanting)
    }

    /// Writes a pack whose bytes are durable before it has its name.
    fn write_pack(&self, packs: &Packs, blobs: &[(Key, Bytes)]) -> io::Result<()> {
        let spool = Spool::new(self)?;
        let (head, entries) = format::head(blobs);
        let mut file = BufWriter::with_capacity(CHUNK, &spool.file);
        file.write_all(&head)?;
        for (_, bytes) in blobs {
            file.write_all(bytes)?;
        }
        file.flush()?;
        spool.file.sync_all()?;
        let pack = packs.next();
        fs::rename(&spool.path, packs.path(pack))?;
        File::open(&packs.folder)?.sync_all()?;
        let dead = packs.index().add(pack, entries);
        packs.bury(&dead);
        Ok(())
    }
}

/// Blobs of a batch that are to be written.
#[derive(Default)]
struct Wanting {
    blobs: BTreeMap<Key, Blob>,
    /// Some are there, and old.
    renews: bool,
}

/// How long ago a file was written; one from the future just now.
fn age(file: &Metadata) -> io::Result<Duration> {
    Ok(file.modified()?.elapsed().unwrap_or_default())
}

fn key(hash: &str) -> Option<Key> {
    if !is_hash(hash) {
        return None;
    }
    let mut key = Key::default();
    hex::decode_to_slice(hash, &mut key).ok()?;
    Some(key)
}

fn name(pack: u64) -> String {
    format!("{pack:016x}")
}

/// The number that is the name of a pack. Half of all numbers are none, so that there is always a greater one.
fn number(name: &OsStr) -> io::Result<u64> {
    let number = name
        .to_str()
        .and_then(|name| u64::from_str_radix(name, 16).ok());
    number
        .filter(|number| *number <= u64::MAX / 2 && *name == *self::name(*number))
        .ok_or_else(|| io::Error::other("its name is no pack's"))
}

fn table(path: &Path) -> io::Result<Vec<Entry>> {
    let pack = File::open(path)?;
    let size = pack.metadata()?.len();
    format::table(pack, size)
}

#[cfg(test)]
mod tests;
