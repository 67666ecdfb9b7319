//! The store: naming, finding, keeping, reading and removing.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, SeekFrom};
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt as _,
    PutMode, PutPayload,
};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::{RwLock, Semaphore};
use tokio_util::io::ReaderStream;

use crate::bucket::BucketConfig;
use crate::error::{BlobError, Trouble};
use crate::packs::{PACKS, PackedBlob, Packs};
use crate::upload::Upload;

/// Up to this size a blob is held in memory on its way.
pub const SMALL: u64 = 256 * 1024;
/// A stream from the disk comes in pieces of this size.
const CHUNK: usize = 256 * 1024;
/// Bytes that are there already are kept again when they are older than this: whoever relies on them must not meet
/// somebody who removes them for their age, which is far greater.
pub(crate) const RENEWED_AFTER: Duration = Duration::from_secs(3600);
/// Blobs that one caller keeps in a bucket at a time.
const TOGETHER: usize = 8;
/// Large uploads to a bucket at a time; each holds a few parts in memory. Further ones wait on disk.
const UPLOADS: usize = 8;
/// The folder of uploads that have not ended.
const PARTIAL: &str = "partial";

/// Bytes of a blob as they come.
pub type BlobStream = BoxStream<'static, io::Result<Bytes>>;

/// Whether bytes are new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// The bytes are new.
    New,
    /// The bytes were there already.
    Known,
}

/// Bytes and their name.
#[derive(Debug, Clone)]
pub struct Blob {
    pub(crate) hash: String,
    pub(crate) bytes: Bytes,
}

impl Blob {
    /// Names bytes.
    pub fn of(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let hash = hex::encode(Sha256::digest(&bytes));
        Self { hash, bytes }
    }

    /// The lower-case hex SHA-256 of the bytes.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

/// All blobs of a cloud; cheap to clone.
#[derive(Debug, Clone)]
pub struct BlobStore(pub(crate) Arc<Parts>);

#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) prefix: Path,
    pub(crate) bucket: Option<BucketConfig>,
    folder: PathBuf,
    next: AtomicU64,
    /// Held to remove, shared to keep bytes again that are there and old.
    // Async, since it is held while the place answers: nothing is renewed between a look at its age and its removal.
    renewing: Arc<RwLock<()>>,
    /// Of the folder; a bucket has none.
    packs: Option<Arc<Packs>>,
    pub(crate) uploads: Semaphore,
}

impl BlobStore {
    /// Opens the bucket, or without one the folder; removes what broken uploads left in the folder. Asks the bucket
    /// nothing yet.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn open(bucket: Option<BucketConfig>, folder: &FilePath) -> io::Result<Self> {
        let partial = folder.join(PARTIAL);
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir_all(&partial)?;
        Self::new(bucket, folder, false)
    }

    /// The same, for a program beside the server that only reads.
    ///
    /// # Errors
    /// The folder is not there.
    pub fn for_reading(bucket: Option<BucketConfig>, folder: &FilePath) -> io::Result<Self> {
        Self::new(bucket, folder, true)
    }

    fn new(bucket: Option<BucketConfig>, folder: &FilePath, only_reads: bool) -> io::Result<Self> {
        let (objects, prefix): (Arc<dyn ObjectStore>, _) = if let Some(bucket) = &bucket {
            (Arc::new(bucket.connect()?), Path::from(&*bucket.prefix))
        } else {
            let files = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
            (Arc::new(files), Path::default())
        };
        let packs = match &bucket {
            Some(_) => None,
            None => Some(Arc::new(Packs::open(folder, only_reads)?)),
        };
        Ok(Self(Arc::new(Parts {
            objects,
            prefix,
            bucket,
            folder: folder.to_owned(),
            next: AtomicU64::default(),
            renewing: Arc::default(),
            packs,
            uploads: Semaphore::new(UPLOADS),
        })))
    }

    /// Whether the folder holds blobs itself.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn is_filled(folder: &FilePath) -> io::Result<bool> {
        match fs::read_dir(folder) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(cause) => Err(cause),
            Ok(entries) => {
                let mut entries = entries.filter_map(Result::ok);
                Ok(entries.any(|entry| match entry.file_name().to_str() {
                    Some(PARTIAL) => false,
                    Some(PACKS) => fs::read_dir(entry.path()).is_ok_and(|packs| packs.count() > 0),
                    _ => true,
                }))
            }
        }
    }

    /// Begins an upload whose size is not known.
    pub fn begin(&self) -> Upload {
        Upload::new(self.clone())
    }

    /// Where blobs are, or uploads that have not ended.
    pub(crate) fn folder(&self) -> &FilePath {
        &self.0.folder
    }

    /// Held by whoever keeps again what is there and old.
    pub(crate) fn renewing(&self) -> Arc<RwLock<()>> {
        Arc::clone(&self.0.renewing)
    }

    pub(crate) fn packs(&self) -> Option<&Arc<Packs>> {
        self.0.packs.as_ref()
    }

    /// A new name in the folder of uploads that have not ended, as a path and as the store sees it.
    pub(crate) fn spool(&self) -> (PathBuf, Path) {
        let name = self.0.next.fetch_add(1, Ordering::Relaxed).to_string();
        let path = self.0.folder.join(PARTIAL).join(&name);
        (path, Path::from_iter([PARTIAL, &name]))
    }

    /// Keeps bytes; durable on return.
    ///
    /// # Errors
    /// The place fails.
    pub async fn keep(&self, blob: Blob) -> Result<Stored, BlobError> {
        self.put(&blob.hash, vec![blob.bytes]).await
    }

    /// Keeps many; all are durable on return. In the folder the small ones that are new become one file.
    ///
    /// # Errors
    /// The place fails; some may have been kept.
    pub async fn keep_all(&self, blobs: Vec<Blob>) -> Result<(), BlobError> {
        let rest = self.keep_packed(blobs).await?;
        stream::iter(rest)
            .map(|blob| self.keep(blob))
            .buffer_unordered(TOGETHER)
            .try_for_each(|_| async { Ok(()) })
            .await
    }

    /// Keeps bytes under their name. To a bucket they go at once, on condition that nothing is there; a store that does
    /// not know the condition writes the same bytes over them, or says so.
    pub(crate) async fn put(&self, hash: &str, held: Vec<Bytes>) -> Result<Stored, BlobError> {
        let at = self.place(hash);
        let payload = PutPayload::from_iter(held);
        if self.0.bucket.is_some() {
            let put = self
                .0
                .objects
                .put_opts(&at, payload.clone(), PutMode::Create.into());
            match put.await {
                Ok(_) => return Ok(Stored::New),
                Err(Error::AlreadyExists { .. } | Error::NotImplemented { .. }) => {}
                Err(cause) if cause.to_string().contains("501 Not Implemented") => {}
                Err(cause) => return Err(self.failed(&cause)),
            }
        }
        let size = payload.content_length() as u64;
        self.unless_young(hash, size, async || {
            let put = self.0.objects.put(&at, payload.clone()).await;
            put.map(drop).map_err(|cause| self.failed(&cause))
        })
        .await
    }

    /// Does nothing when the bytes are there and young, and keeps them by `put` otherwise.
    pub(crate) async fn unless_young(
        &self,
        hash: &str,
        size: u64,
        put: impl AsyncFnOnce() -> Result<(), BlobError>,
    ) -> Result<Stored, BlobError> {
        let Some(age) = self.age(hash, Some(size)).await? else {
            put().await?;
            return Ok(Stored::New);
        };
        if age >= RENEWED_AFTER {
            let _nobody_removes = self.0.renewing.read().await;
            put().await?;
        }
        Ok(Stored::Known)
    }

    /// How long ago a blob was written, of this size if one is given; the last time where it lies twice.
    async fn age(&self, hash: &str, size: Option<u64>) -> Result<Option<Duration>, BlobError> {
        let packed = |blob: PackedBlob| Ok((blob.size(), blob.age()?));
        let packed = self.packed(hash, packed).await?;
        let single = self.find(&self.place(hash)).await?;
        let single = single.map(|found| (found.size, age(&found)));
        let found = [packed, single].into_iter().flatten();
        let of_size = found.filter(|(found, _)| size.is_none_or(|size| size == *found));
        Ok(of_size.map(|(_, age)| age).min())
    }

    async fn find(&self, at: &Path) -> Result<Option<ObjectMeta>, BlobError> {
        match self.0.objects.head(at).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(cause) => Err(self.failed(&cause)),
        }
    }

    /// Asks the packs, then the place of the blob alone; a program that only reads then asks for packs that came since.
    async fn wherever<T: Send + 'static>(
        &self,
        hash: &str,
        packed: impl Fn(PackedBlob) -> io::Result<T> + Clone + Send + 'static,
        single: impl AsyncFnOnce(&Path) -> Result<T, BlobError>,
    ) -> Result<T, BlobError> {
        if !is_hash(hash) {
            return Err(BlobError::Absent);
        }
        if let Some(found) = self.packed(hash, packed.clone()).await? {
            return Ok(found);
        }
        match single(&self.place(hash)).await {
            Err(BlobError::Absent) if self.look_for_packs().await? => {
                let found = self.packed(hash, packed).await?;
                found.ok_or(BlobError::Absent)
            }
            found => found,
        }
    }

    /// The size of a blob, from where it lies.
    ///
    /// # Errors
    /// It is not there, or the place fails.
    pub async fn size(&self, hash: &str) -> Result<u64, BlobError> {
        let packed = |blob: PackedBlob| Ok(blob.size());
        self.wherever(hash, packed, async |at| {
            let found = self.find(at).await?;
            found.map(|found| found.size).ok_or(BlobError::Absent)
        })
        .await
    }

    /// Reads a part of a blob, which must lie within it, at once.
    ///
    /// # Errors
    /// It is not there, or the place fails.
    pub async fn part(&self, hash: &str, part: Range<u64>) -> Result<Bytes, BlobError> {
        if part.is_empty() {
            return self.size(hash).await.map(|_| Bytes::new());
        }
        let within = part.clone();
        let packed = move |blob: PackedBlob| blob.part(within.clone());
        self.wherever(hash, packed, async |at| {
            let read = self.0.objects.get_range(at, part).await;
            read.map_err(|cause| self.failed(&cause))
        })
        .await
    }

    /// Reads a part of a blob, which must lie within it, as it is taken.
    ///
    /// # Errors
    /// It is not there, or the place fails.
    pub async fn read(&self, hash: &str, part: Range<u64>) -> Result<BlobStream, BlobError> {
        if part.is_empty() {
            self.size(hash).await?;
            return Ok(stream::empty().boxed());
        }
        let within = part.clone();
        let packed = move |blob: PackedBlob| {
            let bytes = blob.part(within.clone())?;
            Ok(stream::once(async { Ok(bytes) }).boxed())
        };
        self.wherever(hash, packed, async |at| self.streamed(at, part).await)
            .await
    }

    async fn streamed(&self, at: &Path, part: Range<u64>) -> Result<BlobStream, BlobError> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(part.clone())),
            ..GetOptions::default()
        };
        let found = self.0.objects.get_opts(at, options).await;
        let found = found.map_err(|cause| self.failed(&cause))?;
        let file = match found.payload {
            GetResultPayload::Stream(bytes) => return Ok(bytes.map_err(io::Error::from).boxed()),
            GetResultPayload::File(file, _) => file,
        };
        let mut file = tokio::fs::File::from_std(file);
        file.seek(SeekFrom::Start(part.start)).await?;
        let file = file.take(part.end - part.start);
        Ok(ReaderStream::with_capacity(file, CHUNK).boxed())
    }

    /// Reads a whole blob into memory.
    ///
    /// # Errors
    /// It is not there, or the place fails.
    pub async fn bytes(&self, hash: &str) -> Result<Bytes, BlobError> {
        let packed = |blob: PackedBlob| {
            let whole = 0..blob.size();
            blob.part(whole)
        };
        self.wherever(hash, packed, async |at| {
            let read = async { self.0.objects.get(at).await?.bytes().await };
            read.await.map_err(|cause| self.failed(&cause))
        })
        .await
    }

    /// The blobs whose names begin with two given digits and that nobody uploaded for so long.
    ///
    /// # Errors
    /// The place fails.
    pub async fn older_than(&self, digits: &str, age: Duration) -> Result<Vec<String>, BlobError> {
        let shelf = self.0.prefix.clone().join(digits);
        if self.0.bucket.is_none() {
            sweep(&self.0.folder.join(digits), age).await?;
        }
        let listed = self.0.objects.list(Some(&shelf));
        let named = listed.try_filter_map(|found| async move {
            let name = found.location.filename().unwrap_or_default();
            let named = (name.to_owned(), self::age(&found) >= age);
            Ok(is_hash(name).then_some(named))
        });
        let named: Result<BTreeMap<_, _>, _> = named.try_collect().await;
        let mut named = named.map_err(|cause| self.failed(&cause))?;
        for (name, old) in self.packed_shelf(digits, age).await? {
            *named.entry(name).or_insert(true) &= old;
        }
        let old = named.into_iter().filter(|(_, old)| *old);
        Ok(old.map(|(name, _)| name).collect())
    }

    /// Removes a blob that nobody uploaded for so long; says whether it is gone.
    ///
    /// # Errors
    /// The place fails.
    pub async fn remove_if_older(&self, hash: &str, age: Duration) -> Result<bool, BlobError> {
        if !is_hash(hash) {
            return Ok(false);
        }
        let _nobody_renews = self.0.renewing.write().await;
        let found = self.age(hash, None).await?;
        let old = found.is_some_and(|found| found >= age);
        if old {
            match self.0.objects.delete(&self.place(hash)).await {
                Ok(()) | Err(Error::NotFound { .. }) => {}
                Err(cause) => return Err(self.failed(&cause)),
            }
            self.remove_packed(hash).await?;
        }
        Ok(old)
    }

    /// Asks whether blobs could be kept now, at little cost.
    ///
    /// # Errors
    /// The place fails.
    pub async fn ready(&self) -> Result<(), BlobError> {
        if self.0.bucket.is_none() {
            let (path, _) = self.spool();
            tokio::fs::File::create_new(&path).await?;
            return Ok(tokio::fs::remove_file(&path).await?);
        }
        let nothing = self.0.prefix.clone().join("probe");
        let asked = self.0.objects.list_with_delimiter(Some(&nothing)).await;
        asked.map(drop).map_err(|cause| self.failed(&cause))
    }

    /// Tries everything that is done with a bucket, on an object that is gone afterwards.
    ///
    /// # Errors
    /// What does not work.
    pub async fn probe(&self) -> Result<(), BlobError> {
        self.ready().await?;
        let name = format!("{}-{}", std::process::id(), Utc::now().timestamp_micros());
        let at = self.0.prefix.clone().join("probe").join(name);
        let objects = &self.0.objects;
        let tried = async {
            objects.put(&at, PutPayload::from_static(b"probe")).await?;
            let read = objects.get_range(&at, 1..4).await;
            objects.delete(&at).await?;
            read
        };
        let read = tried.await.map_err(|cause| self.failed(&cause))?;
        if read == "rob" {
            return Ok(());
        }
        Err(self.failed(&Error::Generic {
            store: "S3",
            source: "status code: other bytes than were written: probe".into(),
        }))
    }

    pub(crate) fn place(&self, hash: &str) -> Path {
        let shelf = hash.get(..2).unwrap_or_default();
        self.0.prefix.clone().join(shelf).join(hash)
    }

    pub(crate) fn failed(&self, cause: &Error) -> BlobError {
        let trouble = self
            .0
            .bucket
            .as_ref()
            .map(|bucket| Trouble::of(bucket, cause));
        match (cause, trouble) {
            (_, Some(trouble @ Trouble::NoBucket { .. })) => BlobError::Away(trouble),
            (Error::NotFound { .. }, _) => BlobError::Absent,
            (_, Some(trouble)) => BlobError::Away(trouble),
            (cause, None) => BlobError::Folder(cause.to_string()),
        }
    }
}

/// Removes what a crash left beside the blobs of a shelf: files that had not got their names yet.
async fn sweep(shelf: &FilePath, age: Duration) -> io::Result<()> {
    let shelf = shelf.to_owned();
    let work = move || {
        let Ok(entries) = fs::read_dir(shelf) else {
            return Ok(());
        };
        for entry in entries {
            let entry = entry?;
            let old = entry.metadata()?.modified()?.elapsed().unwrap_or_default() >= age;
            if old && entry.file_name().to_string_lossy().contains('#') {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    };
    tokio::task::spawn_blocking(work).await?
}

/// How long ago an object was written; one from the future just now.
fn age(found: &ObjectMeta) -> Duration {
    let since = Utc::now().signed_duration_since(found.last_modified);
    since.to_std().unwrap_or_default()
}

/// Whether a text is 64 lower-case hex digits.
pub fn is_hash(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests;
