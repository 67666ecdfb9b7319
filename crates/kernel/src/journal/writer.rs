//! Appending to the journal from a thread of its own, in batches.
//!
//! While the disk refuses (it is full, or was mounted read-only), the kernel goes on: what it says is kept in memory up
//! to the queue's limits and written once the disk takes it. Output beyond that is dropped, counted, and noted in the
//! journal before anything that follows; the kernel's states and replies are never dropped.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::record::{Encoded, encoded_len};
use super::release::{released, reserve_mark};
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
/// So often a refused write is tried again once nobody appends any more: a keeper that was told to end does end.
const LAST_TRIES: u32 = 10;
/// Places in the queue that output leaves to the rest while the disk refuses.
const RESERVED_RECORDS: usize = 4_096;

struct Entry {
    at_ms: u64,
    channel: Channel,
    parts: Vec<Bytes>,
    _permit: Option<OwnedSemaphorePermit>,
}

/// What the handles and the thread know of the disk.
#[derive(Debug, Default)]
struct Disk {
    /// It refuses at the moment.
    refuses: AtomicBool,
    /// Bytes of output that were dropped and not noted yet.
    lost: AtomicU64,
    /// The request that the first of them belongs to.
    parent: Mutex<Option<String>>,
}

impl Disk {
    fn lose(&self, bytes: usize, parts: &[Bytes]) {
        if self.lost.fetch_add(bytes as u64, Ordering::Relaxed) == 0 {
            *self.parent.lock().unwrap_or_else(PoisonError::into_inner) = request_of(parts);
        }
    }

    /// What is to be noted of what was dropped.
    fn take_loss(&self) -> Option<KeeperEvent> {
        let bytes = self.lost.swap(0, Ordering::Relaxed);
        let mut first = self.parent.lock().unwrap_or_else(PoisonError::into_inner);
        (bytes > 0).then(|| KeeperEvent::Dropped {
            channel: Channel::Iopub,
            bytes,
            parent: first.take(),
            disk_full: true,
            and_more: false,
        })
    }
}

/// A cheap handle that appends records; clones write to the same journal.
#[derive(Clone, Debug)]
pub struct JournalWriter {
    queue: mpsc::Sender<Entry>,
    budget: Arc<Semaphore>,
    queue_kib: usize,
    end: watch::Receiver<u64>,
    disk: Arc<Disk>,
    extent: Arc<Extent>,
}

/// From where to where the journal reaches, with what waits to be written.
#[derive(Debug)]
struct Extent {
    released: AtomicU64,
    appended: AtomicU64,
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
        reserve_mark(path)?;
        let (writer, thread) = Self::start(file, end, QUEUE_KIB)?;
        writer.released(released(path));
        Ok((writer, thread))
    }

    /// Starts the thread that writes to `file` from `end` on.
    pub(super) fn start<F: Write + Seek + Send + 'static>(
        file: F,
        end: u64,
        queue_kib: usize,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (queue, entries) = mpsc::channel(QUEUE_RECORDS);
        let (end_sender, end_receiver) = watch::channel(end);
        let disk = Arc::<Disk>::default();
        let writing = Arc::clone(&disk);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || write_all(file, end, entries, &end_sender, &writing))?;
        let writer = Self {
            queue,
            budget: Arc::new(Semaphore::new(queue_kib)),
            queue_kib,
            end: end_receiver,
            disk,
            extent: Arc::new(Extent {
                released: AtomicU64::new(START),
                appended: AtomicU64::new(end),
            }),
        };
        Ok((writer, thread))
    }

    /// Appends one record; waits only while the queue is full and the disk takes what is in it. False after the writer
    /// ended.
    pub async fn append(&self, channel: Channel, parts: Vec<Bytes>) -> bool {
        let bytes = encoded_len(&parts);
        let (channel, parts) = if bytes > MAX_RECORD_BYTES || parts.len() > usize::from(u16::MAX) {
            (
                Channel::Keeper,
                vec![
                    KeeperEvent::Dropped {
                        channel,
                        bytes: bytes as u64,
                        parent: request_of(&parts),
                        disk_full: false,
                        and_more: false,
                    }
                    .to_bytes(),
                ],
            )
        } else {
            (channel, parts)
        };
        let bytes = encoded_len(&parts);
        let permit = if is_output(channel, &parts) {
            let kib = (bytes / 1024 + 1).min(self.queue_kib) as u32;
            let Some(permit) = self.room(kib).await else {
                self.disk.lose(bytes, &parts);
                return true;
            };
            Some(permit)
        } else {
            None
        };
        // What is missing is noted before anything that follows, above all before the end of its execution.
        if let Some(loss) = self.disk.take_loss() {
            let note = vec![loss.to_bytes()];
            if !self.enqueue(Channel::Keeper, note, None).await {
                return false;
            }
        }
        self.enqueue(channel, parts, permit).await
    }

    async fn enqueue(
        &self,
        channel: Channel,
        parts: Vec<Bytes>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> bool {
        self.extent
            .appended
            .fetch_add(encoded_len(&parts) as u64, Ordering::Relaxed);
        let entry = Entry {
            at_ms: now_ms(),
            channel,
            parts,
            _permit: permit,
        };
        self.queue.send(entry).await.is_ok()
    }

    /// Room in the queue; none where it is full and the disk does not take what is in it.
    async fn room(&self, kib: u32) -> Option<OwnedSemaphorePermit> {
        loop {
            let refuses = self.disk.refuses.load(Ordering::Relaxed);
            if refuses && self.queue.capacity() < RESERVED_RECORDS {
                return None;
            }
            match Arc::clone(&self.budget).try_acquire_many_owned(kib) {
                Ok(permit) => return Some(permit),
                Err(_) if refuses => return None,
                Err(_) => {}
            }
            let room = Arc::clone(&self.budget).acquire_many_owned(kib);
            if let Ok(room) = tokio::time::timeout(WRITE_RETRY, room).await {
                return room.ok();
            }
        }
    }

    /// Appends one of the keeper's own events.
    pub async fn append_event(&self, event: &KeeperEvent) -> bool {
        self.append(Channel::Keeper, vec![event.to_bytes()]).await
    }

    /// Bytes that the journal holds or will hold.
    pub fn size(&self) -> u64 {
        let released = self.extent.released.load(Ordering::Relaxed);
        let appended = self.extent.appended.load(Ordering::Relaxed);
        appended.saturating_sub(released)
    }

    /// What lies before a position was given back.
    pub fn released(&self, position: u64) {
        self.extent.released.fetch_max(position, Ordering::Relaxed);
    }

    /// The end of what is written; changes when more is.
    pub fn end(&self) -> watch::Receiver<u64> {
        self.end.clone()
    }
}

/// Whether a record is output, of which the kernel can say without end.
fn is_output(channel: Channel, parts: &[Bytes]) -> bool {
    const STATUS: &[u8] = b"\"status\"";
    let header = parts.first().map_or(&[][..], |header| header);
    channel == Channel::Iopub && !header.windows(STATUS.len()).any(|part| part == STATUS)
}

/// The id of the request that a message belongs to.
pub(crate) fn request_of(parts: &[Bytes]) -> Option<String> {
    let header = wire::json::parse(parts.get(1)?).ok()?;
    header["msg_id"].as_str().map(str::to_owned)
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

fn write_all<F: Write + Seek>(
    mut file: F,
    mut end: u64,
    mut entries: mpsc::Receiver<Entry>,
    end_sender: &watch::Sender<u64>,
    disk: &Disk,
) {
    let mut batch = Encoded::default();
    while let Some(first) = entries.blocking_recv() {
        batch.push(first.at_ms, first.channel, &first.parts);
        // What is not written yet still counts against the limit.
        let mut held = vec![first];
        while batch.len() < BATCH_BYTES {
            let Ok(next) = entries.try_recv() else { break };
            batch.push(next.at_ms, next.channel, &next.parts);
            held.push(next);
        }
        if !write_batch(&mut file, end, &batch, &entries, disk) {
            return;
        }
        end += batch.len() as u64;
        batch.clear();
        if entries.is_empty()
            && let Some(loss) = disk.take_loss()
        {
            batch.push(now_ms(), Channel::Keeper, &[loss.to_bytes()]);
            if !write_batch(&mut file, end, &batch, &entries, disk) {
                return;
            }
            end += batch.len() as u64;
            batch.clear();
        }
        end_sender.send_replace(end);
    }
}

/// Writes the batch at `end`, however often the disk refuses; false when it was given up because the keeper ends.
fn write_batch<F: Write + Seek>(
    file: &mut F,
    end: u64,
    batch: &Encoded,
    entries: &mpsc::Receiver<Entry>,
    disk: &Disk,
) -> bool {
    let mut last_tries = 0;
    loop {
        let Err(error) = batch.write_to(file) else {
            if disk.refuses.swap(false, Ordering::Relaxed) {
                tracing::info!("the kernel journal can be written again");
            }
            return true;
        };
        if !disk.refuses.swap(true, Ordering::Relaxed) {
            tracing::error!(%error, "the kernel journal cannot be written; what the kernel says is kept in memory");
        }
        if entries.is_closed() {
            last_tries += 1;
            if last_tries > LAST_TRIES {
                tracing::error!(%error, bytes = batch.len(), "the end of the kernel journal is lost");
                return false;
            }
        }
        std::thread::sleep(WRITE_RETRY);
        if let Err(error) = file.seek(SeekFrom::Start(end)) {
            tracing::error!(%error, "the kernel journal cannot be rewound");
        }
    }
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
