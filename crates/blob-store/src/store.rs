//! The store: naming, finding, keeping, reading and removing.

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
        let hash = hex(&Sha256::digest(&bytes));
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
    renewing: RwLock<()>,
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
        Self::for_reading(bucket, folder)
    }

    /// The same, for a program beside the server that only reads.
    ///
    /// # Errors
    /// The folder is not there.
    pub fn for_reading(bucket: Option<BucketConfig>, folder: &FilePath) -> io::Result<Self> {
        let (objects, prefix): (Arc<dyn ObjectStore>, _) = if let Some(bucket) = &bucket {
            (Arc::new(bucket.connect()?), Path::from(&*bucket.prefix))
        } else {
            let files = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
            (Arc::new(files), Path::default())
        };
        Ok(Self(Arc::new(Parts {
            objects,
            prefix,
            bucket,
            folder: folder.to_owned(),
            next: AtomicU64::default(),
            renewing: RwLock::default(),
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
            Ok(entries) => Ok(entries
                .filter_map(Result::ok)
                .any(|entry| entry.file_name() != PARTIAL)),
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
    pub(crate) fn renewing(&self) -> &RwLock<()> {
        &self.0.renewing
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

    /// Keeps many; all are durable on return.
    ///
    /// # Errors
    /// The place fails; some may have been kept.
    pub async fn keep_all(&self, blobs: Vec<Blob>) -> Result<(), BlobError> {
        if self.0.bucket.is_none() {
            return self.keep_files(blobs).await;
        }
        stream::iter(blobs)
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
        self.unless_young(&at, size, async || {
            let put = self.0.objects.put(&at, payload.clone()).await;
            put.map(drop).map_err(|cause| self.failed(&cause))
        })
        .await
    }

    /// Does nothing when the bytes are there and young, and keeps them by `put` otherwise.
    pub(crate) async fn unless_young(
        &self,
        at: &Path,
        size: u64,
        put: impl AsyncFnOnce() -> Result<(), BlobError>,
    ) -> Result<Stored, BlobError> {
        let found = self.find(at).await?.filter(|found| found.size == size);
        let Some(found) = found else {
            put().await?;
            return Ok(Stored::New);
        };
        if age(&found) >= RENEWED_AFTER {
            let _nobody_removes = self.0.renewing.read().await;
            put().await?;
        }
        Ok(Stored::Known)
    }

    async fn find(&self, at: &Path) -> Result<Option<ObjectMeta>, BlobError> {
        match self.0.objects.head(at).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(cause) => Err(self.failed(&cause)),
        }
    }

    /// The size of a blob, from where it lies.
    ///
    /// # Errors
    /// It is not there, or the place fails.
    pub async fn size(&self, hash: &str) -> Result<u64, BlobError> {
        if !is_hash(hash) {
            return Err(BlobError::Absent);
        }
        let found = self.find(&self.place(hash)).await?;
        found.map(|found| found.size).ok_or(BlobError::Absent)
    }

    /// Reads a part of a blob, which must lie within it, at once.
    ///
    /// # Errors
    /// It is not there, or the place fails.
    pub async fn part(&self, hash: &str, part: Range<u64>) -> Result<Bytes, BlobError> {
        if part.is_empty() {
            return self.size(hash).await.map(|_| Bytes::new());
        }
        if !is_hash(hash) {
            return Err(BlobError::Absent);
        }
        let read = self.0.objects.get_range(&self.place(hash), part).await;
        read.map_err(|cause| self.failed(&cause))
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
        if !is_hash(hash) {
            return Err(BlobError::Absent);
        }
        let options = GetOptions {
            range: Some(GetRange::Bounded(part.clone())),
            ..GetOptions::default()
        };
        let found = self.0.objects.get_opts(&self.place(hash), options).await;
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
        if !is_hash(hash) {
            return Err(BlobError::Absent);
        }
        let read = async { self.0.objects.get(&self.place(hash)).await?.bytes().await };
        read.await.map_err(|cause| self.failed(&cause))
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
        self.0
            .objects
            .list(Some(&shelf))
            .try_filter_map(|found| async move {
                let name = found.location.filename().unwrap_or_default();
                let old = is_hash(name) && self::age(&found) >= age;
                Ok(old.then(|| name.to_owned()))
            })
            .try_collect()
            .await
            .map_err(|cause| self.failed(&cause))
    }

    /// Removes a blob that nobody uploaded for so long; says whether it is gone.
    ///
    /// # Errors
    /// The place fails.
    pub async fn remove_if_older(&self, hash: &str, age: Duration) -> Result<bool, BlobError> {
        if !is_hash(hash) {
            return Ok(false);
        }
        let at = self.place(hash);
        let _nobody_renews = self.0.renewing.write().await;
        let found = self.find(&at).await?;
        let old = found.is_some_and(|found| self::age(&found) >= age);
        if old {
            let gone = self.0.objects.delete(&at).await;
            gone.map_err(|cause| self.failed(&cause))?;
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

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
