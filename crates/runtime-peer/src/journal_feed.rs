//! The journal as a stream of batches, from a position, in a task of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kernel::journal::{FILE_NAME, JournalError, JournalReader, Record, START};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Records and bytes in one batch, at most.
const BATCH_RECORDS: usize = 512;
const BATCH_BYTES: u64 = 4 * 1024 * 1024;
/// Batches that may wait: what the main loop does not take stays on disk.
const QUEUE: usize = 2;
/// So much was written just now and comes from the page cache sooner than another thread wakes up.
const SMALL: u64 = 64 * 1024;
/// The file is looked at this often even if nobody says that it grew.
const POLL: Duration = Duration::from_millis(500);

/// A running feed; dropping it ends it.
#[derive(Debug)]
pub(crate) struct JournalFeed {
    /// Batches in order. An empty one says: this was everything for now.
    pub(crate) batches: mpsc::Receiver<Result<Vec<Record>, JournalError>>,
    task: JoinHandle<()>,
}

impl Drop for JournalFeed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl JournalFeed {
    /// Reads from a position on; `grown` wakes it.
    pub(crate) fn start(job_dir: &Path, from: u64, grown: Arc<Notify>) -> Self {
        let (sender, batches) = mpsc::channel(QUEUE);
        let path = job_dir.join(FILE_NAME);
        let task = tokio::spawn(async move {
            let Some(reader) = open(path, from.max(START), &grown, &sender).await else {
                return;
            };
            feed(reader, &grown, &sender).await;
        });
        Self { batches, task }
    }
}

type Sender = mpsc::Sender<Result<Vec<Record>, JournalError>>;

/// Waits for the keeper to make the file.
async fn open(path: PathBuf, from: u64, grown: &Notify, to: &Sender) -> Option<JournalReader> {
    loop {
        // A file that is shorter than its first bytes is being made.
        if std::fs::metadata(&path).is_ok_and(|meta| meta.len() >= START) {
            return match JournalReader::open(&path, from) {
                Ok(reader) => Some(reader),
                Err(error) => {
                    // Nobody listens when the peer ends.
                    let _ = to.send(Err(error)).await;
                    None
                }
            };
        }
        // Either way the file is looked at again.
        let _ = timeout(POLL, grown.notified()).await;
    }
}

async fn feed(mut reader: JournalReader, grown: &Notify, to: &Sender) {
    let mut say_caught_up = true;
    loop {
        let batch = if reader.available() <= SMALL {
            read_batch(&mut reader)
        } else {
            let read = tokio::task::spawn_blocking(move || {
                let batch = read_batch(&mut reader);
                (reader, batch)
            });
            let Ok((back, batch)) = read.await else {
                return;
            };
            reader = back;
            batch
        };
        match batch {
            Ok(batch) if batch.is_empty() => {
                if std::mem::take(&mut say_caught_up) && to.send(Ok(batch)).await.is_err() {
                    return;
                }
                // Who wakes us wants to hear that there is nothing more.
                say_caught_up = timeout(POLL, grown.notified()).await.is_ok();
            }
            batch => {
                say_caught_up = true;
                let broken = batch.is_err();
                if to.send(batch).await.is_err() || broken {
                    return;
                }
            }
        }
    }
}

fn read_batch(reader: &mut JournalReader) -> Result<Vec<Record>, JournalError> {
    let mut batch = Vec::new();
    let from = reader.position();
    while batch.len() < BATCH_RECORDS && reader.position() - from < BATCH_BYTES {
        match reader.next_record()? {
            Some(record) => batch.push(record),
            None => break,
        }
    }
    Ok(batch)
}
