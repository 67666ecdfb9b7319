//! Appending to the journal from a thread of its own, in batches.

use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::record::{encode, encoded_len};
use super::release::released;
use super::{Channel, JournalError, JournalReader, MAGIC, MAX_RECORD_BYTES, START};
use crate::protocol::KeeperEvent;

/// Messages that may wait for the writer.
const QUEUE_RECORDS: usize = 65_536;
/// Bytes that may wait for the writer, in KiB; a single larger message takes all of them.
const QUEUE_KIB: usize = 256 * 1024;
/// A batch is written when it has this many bytes, or when nothing more waits.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Pause before a refused write (a full disk) is tried again.
const WRITE_RETRY: Duration = Duration::from_secs(1);

struct Entry {
    at_ms: u64,
    channel: Channel,
    parts: Vec<Bytes>,
    _permit: OwnedSemaphorePermit,
}

/// A cheap handle that appends records; clones write to the same journal.
#[derive(Clone, Debug)]
pub struct JournalWriter {
    queue: mpsc::Sender<Entry>,
    budget: Arc<Semaphore>,
    end: watch::Receiver<u64>,
}

impl JournalWriter {
    /// Opens or creates the journal (mode 0600), cuts off a torn last record, starts the thread.
    ///
    /// The thread ends when every handle is dropped; join it to know that all is written.
    pub fn open(path: &Path) -> Result<(Self, JoinHandle<()>), JournalError> {
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path)?;
        let end = if file.metadata()?.len() < START {
            file.set_len(0)?;
            file.write_all(MAGIC)?;
            START
        } else {
            last_whole_record_end(path)?
        };
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        let (queue, entries) = mpsc::channel(QUEUE_RECORDS);
        let (end_sender, end_receiver) = watch::channel(end);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write_all(file, end, entries, &end_sender))?;
        let budget = Arc::new(Semaphore::new(QUEUE_KIB));
        Ok((
            Self {
                queue,
                budget,
                end: end_receiver,
            },
            thread,
        ))
    }

    /// Appends one record; waits only while the queue is full. False after the writer ended.
    pub async fn append(&self, channel: Channel, parts: Vec<Bytes>) -> bool {
        let bytes = encoded_len(&parts);
        let (channel, parts) = if bytes > MAX_RECORD_BYTES || parts.len() > usize::from(u16::MAX) {
            (
                Channel::Keeper,
                vec![
                    KeeperEvent::Dropped {
                        channel,
                        bytes: bytes as u64,
                    }
                    .to_bytes(),
                ],
            )
        } else {
            (channel, parts)
        };
        let kib = (bytes / 1024 + 1).min(QUEUE_KIB);
        let Ok(permit) = Arc::clone(&self.budget)
            .acquire_many_owned(kib as u32)
            .await
        else {
            return false;
        };
        let entry = Entry {
            at_ms: now_ms(),
            channel,
            parts,
            _permit: permit,
        };
        self.queue.send(entry).await.is_ok()
    }

    /// Appends one of the keeper's own events.
    pub async fn append_event(&self, event: &KeeperEvent) -> bool {
        self.append(Channel::Keeper, vec![event.to_bytes()]).await
    }

    /// The end of what is written; changes when more is.
    pub fn end(&self) -> watch::Receiver<u64> {
        self.end.clone()
    }
}

/// Where reading a journal from its start stops making sense.
fn last_whole_record_end(path: &Path) -> Result<u64, JournalError> {
    let mut reader = JournalReader::open(path, released(path))?;
    loop {
        match reader.next_record() {
            Ok(Some(_)) => {}
            Ok(None) | Err(JournalError::NoRecordAt(_)) => return Ok(reader.position()),
            Err(error) => return Err(error),
        }
    }
}

fn write_all(
    mut file: File,
    mut end: u64,
    mut entries: mpsc::Receiver<Entry>,
    end_sender: &watch::Sender<u64>,
) {
    let mut batch = Vec::new();
    while let Some(first) = entries.blocking_recv() {
        batch.clear();
        encode(&mut batch, first.at_ms, first.channel, &first.parts);
        drop(first);
        while batch.len() < BATCH_BYTES {
            let Ok(next) = entries.try_recv() else { break };
            encode(&mut batch, next.at_ms, next.channel, &next.parts);
        }
        write_batch(&mut file, end, &batch);
        end += batch.len() as u64;
        end_sender.send_replace(end);
    }
}

/// Writes the batch at `end`, however often the disk refuses.
fn write_batch(file: &mut File, end: u64, batch: &[u8]) {
    loop {
        match file.write_all(batch) {
            Ok(()) => return,
            Err(error) => {
                tracing::error!(%error, "the kernel journal cannot be written; trying again");
                std::thread::sleep(WRITE_RETRY);
                if let Err(error) = file.seek(SeekFrom::Start(end)) {
                    tracing::error!(%error, "the kernel journal cannot be rewound");
                }
            }
        }
    }
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
