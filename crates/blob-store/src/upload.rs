//! Uploads whose size is not known: held while small, on disk when large, and kept when they are what their name says.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, WriteMultipart};
use sha2::{Digest as _, Sha256};

use crate::error::BlobError;
use crate::store::{BlobStore, SMALL, Stored};

/// The size of a part of a large upload to a bucket; ten thousand parts are the most that S3 takes.
const PART: usize = 8 * 1024 * 1024;
/// Parts of one upload on their way at a time.
const PARTS: usize = 2;

/// What became of an upload.
#[derive(Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is durable under its name.
    Stored {
        /// Bytes.
        size: u64,
        /// Whether they are new.
        stored: Stored,
    },
    /// It is not what its name says, and nothing is kept.
    Other {
        /// What its name would be.
        actual: String,
    },
}

/// An upload that has not ended; dropped, it leaves nothing.
#[derive(Debug)]
pub struct Upload {
    store: BlobStore,
    body: Body,
    size: u64,
}

/// What has come so far.
#[derive(Debug, Default)]
struct Body {
    held: Vec<Bytes>,
    held_bytes: u64,
    hash: Sha256,
    spool: Option<Spool>,
}

/// A file of an upload that has not ended; gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Spool {
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    at: Path,
}

impl Spool {
    pub(crate) fn new(store: &BlobStore) -> io::Result<Self> {
        let (path, at) = store.spool();
        let file = File::options()
            .create_new(true)
            .read(true)
            .write(true)
            .open(&path)?;
        Ok(Self { file, path, at })
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // Gone already when it became the blob.
        let _ = fs::remove_file(&self.path);
    }
}

impl Upload {
    pub(crate) fn new(store: BlobStore) -> Self {
        Self {
            store,
            body: Body::default(),
            size: 0,
        }
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds bytes, which are written off the threads that answer requests.
    ///
    /// # Errors
    /// The disk fails.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.size += bytes.len() as u64;
        self.body.held_bytes += bytes.len() as u64;
        self.body.held.push(bytes);
        if self.body.held_bytes > SMALL {
            let (mut body, store) = (std::mem::take(&mut self.body), self.store.clone());
            let spilled = tokio::task::spawn_blocking(move || body.spill(&store).map(|()| body));
            self.body = spilled.await??;
        }
        Ok(())
    }

    /// Keeps the bytes under a name that must be their own; durable on return.
    ///
    /// # Errors
    /// The disk or the place fails.
    pub async fn keep_as(self, wanted: &str) -> Result<Kept, BlobError> {
        let Self { store, body, size } = self;
        let spooled = store.clone();
        let (actual, body) = tokio::task::spawn_blocking(move || body.end(&spooled)).await??;
        if actual != wanted {
            return Ok(Kept::Other { actual });
        }
        let stored = match body.spool {
            None => store.put(wanted, body.held).await?,
            Some(spool) => store.put_file(wanted, spool, size).await?,
        };
        Ok(Kept::Stored { size, stored })
    }
}

impl Body {
    /// Writes what is held to a file.
    fn spill(&mut self, store: &BlobStore) -> io::Result<()> {
        let spool = match &mut self.spool {
            Some(spool) => spool,
            none => none.insert(Spool::new(store)?),
        };
        for bytes in self.held.drain(..) {
            self.hash.update(&bytes);
            spool.file.write_all(&bytes)?;
        }
        self.held_bytes = 0;
        Ok(())
    }

    /// The name of all that came.
    fn end(mut self, store: &BlobStore) -> io::Result<(String, Self)> {
        if self.spool.is_some() {
            self.spill(store)?;
        }
        let mut hash = self.hash.clone();
        for bytes in &self.held {
            hash.update(bytes);
        }
        Ok((hex::encode(hash.finalize()), self))
    }
}

impl BlobStore {
    async fn put_file(&self, hash: &str, spool: Spool, size: u64) -> Result<Stored, BlobError> {
        let at = self.place(hash);
        self.unless_young(hash, size, async || {
            if self.0.bucket.is_some() {
                self.send(&at, spool, size).await
            } else {
                self.rename(&at, spool).await
            }
        })
        .await
    }

    /// In the folder the file becomes the blob.
    async fn rename(&self, at: &Path, spool: Spool) -> Result<(), BlobError> {
        let spool = tokio::task::spawn_blocking(move || spool.file.sync_all().map(|()| spool));
        let spool = spool.await??;
        let renamed = self.0.objects.rename(&spool.at, at).await;
        renamed.map_err(|cause| self.failed(&cause))
    }

    /// To a bucket it goes in parts, and appears there when all have come.
    async fn send(&self, at: &Path, mut spool: Spool, size: u64) -> Result<(), BlobError> {
        // Never closed.
        let _place = self.0.uploads.acquire().await;
        spool.file.seek(SeekFrom::Start(0))?;
        let failed = |cause| self.failed(&cause);
        if size <= PART as u64 {
            let (_, bytes) = part(spool).await?;
            let put = self.0.objects.put(at, bytes.into()).await;
            return put.map(drop).map_err(failed);
        }
        let begun = self.0.objects.put_multipart(at).await.map_err(failed)?;
        let mut upload = WriteMultipart::new_with_chunk_size(begun, PART);
        loop {
            let ready = upload.wait_for_capacity(PARTS).await.map_err(failed);
            let read = match ready {
                Ok(()) => part(spool).await,
                Err(cause) => Err(cause),
            };
            match read {
                Ok((_, bytes)) if bytes.is_empty() => break,
                Ok((rest, bytes)) => {
                    spool = rest;
                    upload.put(bytes);
                }
                Err(cause) => {
                    // What cannot be told now is the bucket's lifecycle rule to clear.
                    let _ = upload.abort().await;
                    return Err(cause);
                }
            }
        }
        upload.finish().await.map(drop).map_err(failed)
    }
}

/// The next bytes of a file.
async fn part(spool: Spool) -> Result<(Spool, Bytes), BlobError> {
    let work = move || {
        let mut bytes = Vec::with_capacity(PART);
        (&spool.file).take(PART as u64).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>((spool, Bytes::from(bytes)))
    };
    Ok(tokio::task::spawn_blocking(work).await??)
}
