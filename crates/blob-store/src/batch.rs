//! Keeping many small blobs in the folder: a few tasks that write one file after the other, instead of several tasks for
//! each file, which cost more than the writing.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use futures_util::future::try_join_all;

use crate::error::BlobError;
use crate::store::{Blob, BlobStore, RENEWED_AFTER};
use crate::upload::Spool;

/// Tasks of one batch; each waits for the disk, which makes durable together what waits together.
const TASKS: usize = 4;

impl BlobStore {
    /// Keeps blobs as files; all are durable on return.
    ///
    /// # Errors
    /// The folder fails; some may have been kept.
    pub(crate) async fn keep_files(&self, blobs: Vec<Blob>) -> Result<(), BlobError> {
        let share = blobs.len().div_ceil(TASKS).max(1);
        let tasks = blobs.chunks(share).map(|share| {
            let (store, share) = (self.clone(), share.to_vec());
            tokio::task::spawn_blocking(move || store.write_files(&share))
        });
        for written in try_join_all(tasks).await? {
            written.map_err(|cause| BlobError::Folder(cause.to_string()))?;
        }
        Ok(())
    }

    fn write_files(&self, blobs: &[Blob]) -> io::Result<()> {
        let folder = self.folder();
        let mut shelves = BTreeSet::new();
        for blob in blobs {
            let shelf = folder.join(&blob.hash[..2]);
            self.write_file(&shelf.join(&blob.hash), blob)?;
            // Also of one that was there: whoever wrote it may not have come that far yet.
            shelves.insert(shelf);
        }
        for shelf in shelves {
            File::open(shelf)?.sync_all()?;
        }
        Ok(())
    }

    /// Writes a file whose bytes are durable before it has its name; one that is there and young stays.
    fn write_file(&self, at: &Path, blob: &Blob) -> io::Result<()> {
        let found = fs::metadata(at).ok();
        let found = found.filter(|found| found.len() == blob.bytes.len() as u64);
        if let Some(found) = &found
            && found.modified()?.elapsed().unwrap_or_default() < RENEWED_AFTER
        {
            return Ok(());
        }
        let _nobody_removes = found.map(|_| self.renewing().blocking_read());
        let mut spool = Spool::new(self)?;
        spool.file.write_all(&blob.bytes)?;
        spool.file.sync_all()?;
        match fs::rename(&spool.path, at) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                if let Some(shelf) = at.parent() {
                    fs::create_dir_all(shelf)?;
                }
                File::open(self.folder())?.sync_all()?;
                fs::rename(&spool.path, at)
            }
            renamed => renamed,
        }
    }
}
