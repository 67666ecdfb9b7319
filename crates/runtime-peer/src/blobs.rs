//! Uploading blobs: content-addressed, a few at a time, each once per process (4.15). Small ones that wait together go
//! up together, where the cloud takes that.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use cloud_client::{CloudClient, CloudError};
use documents::manifest::sha256_hex;
use session_core::Event;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;
use wire::blob_batch::{BatchedBlob, MAX_BLOBS, MAX_BYTES};

use crate::tokens::Tokens;

/// Requests at the same time: enough that the cloud makes many durable by one write to its disk.
const CONCURRENCY: u32 = 16;
/// A request that may carry many counts as this many, so that more come together for the next.
const TOGETHER: u32 = 4;
/// Blobs of up to this size go up with others.
const SMALL: usize = 64 * 1024;
/// Attempts with short waits (150 ms, 300 ms), as the reference makes; then the waits grow.
const FIRST_WAIT: Duration = Duration::from_millis(150);
/// The longest wait between two attempts.
const LAST_WAIT: Duration = Duration::from_secs(30);
/// Longest wait that a cloud may ask for.
const ASKED_WAIT: Duration = Duration::from_mins(5);
/// Attempts while something answers but does not take the blob (408, 429, 5xx, a sign-in page): some minutes. While the
/// cloud cannot be reached at all, or says when to come again, or the room is not reached either, attempts never end: an
/// outage costs nothing but time (D3).
const ANSWERED_ATTEMPTS: u32 = 16;
/// Attempts while something says no (401, 403, 404, 405) in words that are not the cloud's, or refuses the credential: some
/// seconds.
const DOUBTED_ATTEMPTS: u32 = 6;
/// Blobs that may wait for a request; the session, which stops reading the journal beyond its limits of what is pending,
/// rarely has more.
const LINE: usize = 4096;
/// Results that may wait for the main loop.
const QUEUE: usize = 1024;
/// What a media type that the server does not list is sent as; the manifest keeps the real one.
const FALLBACK_TYPE: &str = "application/octet-stream";

/// How an upload went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UploadResult {
    /// SHA-256 in lower-case hex.
    pub(crate) hash: String,
    /// The media type asked for.
    pub(crate) media_type: String,
    /// What happened.
    pub(crate) outcome: Outcome,
}

impl UploadResult {
    /// What the session is told.
    pub(crate) fn into_event(self) -> Event {
        let sha256 = self.hash;
        match self.outcome {
            Outcome::Stored => Event::BlobUploaded { sha256 },
            Outcome::Failed(reason) => {
                tracing::warn!(hash = sha256, "a blob cannot be stored: {reason}");
                Event::BlobFailed { sha256, reason }
            }
        }
    }
}

/// What happened to an upload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The cloud has the blob.
    Stored,
    /// The cloud does not want it, or could not take it in any attempt.
    Failed(String),
}

/// Uploads blobs in the background.
#[derive(Debug)]
pub(crate) struct Uploader {
    waiting: mpsc::Sender<Waiting>,
    linked: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Waiting {
    hash: String,
    media_type: String,
    body: Bytes,
}

/// What the requests share.
struct Shared {
    client: CloudClient,
    tokens: Tokens,
    notebook_id: String,
    stored: Mutex<HashSet<(String, String)>>,
    /// Whether the cloud said that it takes no bodies of many blobs.
    singly: AtomicBool,
    /// Whether the room is reached.
    linked: Arc<AtomicBool>,
    results: mpsc::Sender<UploadResult>,
}

impl Uploader {
    /// An uploader for one notebook, and where its results come out. It ends when it is dropped.
    pub(crate) fn new(
        client: CloudClient,
        tokens: Tokens,
        notebook_id: &str,
    ) -> (Self, mpsc::Receiver<UploadResult>) {
        let (results, receiver) = mpsc::channel(QUEUE);
        let (waiting, line) = mpsc::channel(LINE);
        let linked = Arc::<AtomicBool>::default();
        let shared = Shared {
            client,
            tokens,
            notebook_id: notebook_id.to_owned(),
            stored: Mutex::default(),
            singly: AtomicBool::new(false),
            linked: Arc::clone(&linked),
            results,
        };
        tokio::spawn(work(Arc::new(shared), line));
        (Self { waiting, linked }, receiver)
    }

    /// Says whether the room is reached: only then does it mean anything that a blob is not taken.
    pub(crate) fn room_is_reached(&self, reached: bool) {
        self.linked.store(reached, Ordering::Relaxed);
    }

    /// Uploads one blob; the result comes later.
    pub(crate) fn upload(&self, hash: String, media_type: String, body: Bytes) {
        let blob = Waiting {
            hash,
            media_type,
            body,
        };
        if let Err(mpsc::error::TrySendError::Full(blob)) = self.waiting.try_send(blob) {
            let waiting = self.waiting.clone();
            // The line is there as long as somebody may put into it.
            tokio::spawn(async move { waiting.send(blob).await });
        }
    }
}

/// Takes from the line what one request may carry, whenever there may be one more request.
async fn work(shared: Arc<Shared>, mut line: mpsc::Receiver<Waiting>) {
    let permits = Arc::new(Semaphore::new(CONCURRENCY as usize));
    let mut first = None;
    loop {
        let next = match first.take() {
            Some(next) => next,
            None => match line.recv().await {
                Some(next) => next,
                None => return,
            },
        };
        // The semaphore is never closed. While this waits, more comes into the line.
        let singly = shared.singly.load(Ordering::Relaxed);
        let share = if singly { 1 } else { TOGETHER };
        let permit = Arc::clone(&permits).acquire_many_owned(share).await;
        let (mut group, mut bytes) = (vec![next], 0);
        while !singly && group.len() < MAX_BLOBS && group[0].body.len() <= SMALL {
            let Ok(next) = line.try_recv() else { break };
            bytes += next.body.len();
            if next.body.len() > SMALL || bytes > MAX_BYTES / 2 {
                first = Some(next);
                break;
            }
            group.push(next);
        }
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _permit = permit;
            shared.take(group).await;
        });
    }
}

impl Shared {
    async fn take(&self, mut group: Vec<Waiting>) {
        let mut known = Vec::new();
        {
            let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
            group.retain(|blob| {
                let key = (blob.hash.clone(), blob.media_type.clone());
                let is_known = stored.contains(&key);
                if is_known {
                    known.push(key);
                }
                !is_known
            });
        }
        for (hash, media_type) in known {
            self.tell(hash, media_type, Outcome::Stored).await;
        }
        if group.len() > 1 && self.upload_together(&group).await {
            for blob in group {
                self.tell(blob.hash, blob.media_type, Outcome::Stored).await;
            }
            return;
        }
        for blob in group {
            let Waiting {
                hash,
                media_type,
                body,
            } = blob;
            let outcome = self.upload(&hash, &media_type, body).await;
            self.tell(hash, media_type, outcome).await;
        }
    }

    /// Tries one request for all; if it is refused, for whatever reason, each goes by itself.
    async fn upload_together(&self, group: &[Waiting]) -> bool {
        if self.singly.load(Ordering::Relaxed) {
            return false;
        }
        let blobs: Vec<BatchedBlob> = group
            .iter()
            .map(|blob| BatchedBlob {
                hash: blob.hash.clone(),
                media_type: sent_as(&blob.media_type).to_owned(),
                bytes: blob.body.clone(),
            })
            .collect();
        let client = self.client.clone().with_auth(self.tokens.auth());
        match client.post_blobs(&self.notebook_id, &blobs).await {
            Ok(()) => true,
            Err(error) => {
                if matches!(error.status(), Some(404 | 405)) {
                    self.singly.store(true, Ordering::Relaxed);
                }
                false
            }
        }
    }

    async fn upload(&self, hash: &str, media_type: &str, body: Bytes) -> Outcome {
        debug_assert_eq!(hash, sha256_hex(&body), "a blob is named by its content");
        let mut content_type = sent_as(media_type);
        let mut wait = FIRST_WAIT;
        let mut answered = 0;
        loop {
            let client = self.client.clone().with_auth(self.tokens.auth());
            let put = client.put_blob(&self.notebook_id, hash, content_type, body.clone());
            let Err(error) = put.await else {
                return Outcome::Stored;
            };
            let attempts = match class(&error) {
                Class::WrongType if content_type != FALLBACK_TYPE => {
                    content_type = FALLBACK_TYPE;
                    continue;
                }
                Class::WrongType | Class::Final => 0,
                Class::Doubtful => DOUBTED_ATTEMPTS,
                Class::Busy => ANSWERED_ATTEMPTS,
                Class::Expired => {
                    self.tokens.expired();
                    u32::MAX
                }
                Class::Unreachable => u32::MAX,
            };
            if attempts < u32::MAX && self.linked.load(Ordering::Relaxed) {
                answered += 1;
            }
            if answered >= attempts {
                return Outcome::Failed(error.to_string());
            }
            let asked = error.refusal().and_then(|refusal| refusal.retry_after);
            sleep(wait.max(asked.unwrap_or_default().min(ASKED_WAIT))).await;
            wait = (wait * 2).min(LAST_WAIT);
        }
    }

    async fn tell(&self, hash: String, media_type: String, outcome: Outcome) {
        if outcome == Outcome::Stored {
            self.stored
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert((hash.clone(), media_type.clone()));
        }
        // The peer may have ended.
        let _ = self
            .results
            .send(UploadResult {
                hash,
                media_type,
                outcome,
            })
            .await;
    }
}

/// The media type a blob is uploaded with; the manifest keeps its own.
fn sent_as(media_type: &str) -> &str {
    if is_listed(media_type) {
        media_type
    } else {
        FALLBACK_TYPE
    }
}

/// What a failed request means for the next.
pub(crate) enum Class {
    /// No answer, or none yet.
    Unreachable,
    /// The room token is to be renewed.
    Expired,
    /// An answer that may change.
    Busy,
    /// No, but not to the blob, or perhaps not from the cloud.
    Doubtful,
    /// This media type is not taken.
    WrongType,
    /// No.
    Final,
}

pub(crate) fn class(error: &CloudError) -> Class {
    let refusal = error.refusal();
    if refusal.is_some_and(cloud_client::Refusal::is_expired_room_token) {
        return Class::Expired;
    }
    let Some(refusal) = refusal else {
        return match error {
            // A sign-in page, or what a proxy shows while the cloud is away.
            CloudError::Foreign { .. } => Class::Busy,
            _ => Class::Unreachable,
        };
    };
    match refusal.status {
        415 => Class::WrongType,
        // The cloud cannot reach its own storage, or had too much; it says when to come again.
        429 | 503 if refusal.retry_after.is_some() => Class::Unreachable,
        408 | 429 | 500..=599 => Class::Busy,
        // A refused credential is no word on the blob.
        401 => Class::Doubtful,
        403..=405 if !refusal.in_cloud_words => Class::Doubtful,
        _ => Class::Final,
    }
}

/// Whether the server takes blobs of this type (4.15); parameters and case do not matter.
fn is_listed(media_type: &str) -> bool {
    let essence = media_type
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .to_ascii_lowercase();
    if let Some(rest) = essence.strip_prefix("application/") {
        return rest.ends_with("+json")
            || [
                "octet-stream",
                "ecmascript",
                "javascript",
                "json",
                "pdf",
                "vnd.apache.arrow.stream",
                "vnd.apache.parquet",
                "wasm",
            ]
            .contains(&rest);
    }
    ["audio/", "image/", "text/", "video/"]
        .iter()
        .any(|prefix| essence.starts_with(prefix))
}

#[cfg(test)]
mod tests;
