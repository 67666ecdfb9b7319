//! Uploading blobs: content-addressed, a few at a time, each once per process (4.15).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use cloud_client::{CloudClient, CloudError};
use sha2::{Digest as _, Sha256};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

/// Uploads at the same time: enough that the cloud makes many durable by one write to its disk.
const CONCURRENCY: usize = 16;
/// Attempts with short waits (150 ms, 300 ms), as the reference makes; then the waits grow.
const FIRST_WAIT: Duration = Duration::from_millis(150);
/// The longest wait between two attempts.
const LAST_WAIT: Duration = Duration::from_secs(30);
/// Attempts while the cloud answers but cannot take the blob (408, 429, 5xx): some minutes. While
/// it cannot be reached at all, attempts never end: an outage costs nothing but time (D3).
const ANSWERED_ATTEMPTS: u32 = 16;
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
    client: CloudClientHandle,
    notebook_id: String,
    permits: Arc<Semaphore>,
    stored: Arc<Mutex<HashSet<(String, String)>>>,
    results: mpsc::Sender<UploadResult>,
    tasks: TaskTracker,
}

struct CloudClientHandle(CloudClient);

impl std::fmt::Debug for CloudClientHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CloudClient")
    }
}

impl Uploader {
    /// An uploader for one notebook, and where its results come out.
    pub(crate) fn new(
        client: CloudClient,
        notebook_id: &str,
    ) -> (Self, mpsc::Receiver<UploadResult>) {
        let (results, receiver) = mpsc::channel(QUEUE);
        let uploader = Self {
            client: CloudClientHandle(client),
            notebook_id: notebook_id.to_owned(),
            permits: Arc::new(Semaphore::new(CONCURRENCY)),
            stored: Arc::default(),
            results,
            tasks: TaskTracker::new(),
        };
        (uploader, receiver)
    }

    /// Uploads one blob; the result comes later.
    pub(crate) fn upload(&self, hash: String, media_type: String, body: Bytes) {
        let client = self.client.0.clone();
        let notebook_id = self.notebook_id.clone();
        let permits = Arc::clone(&self.permits);
        let stored = Arc::clone(&self.stored);
        let results = self.results.clone();
        self.tasks.spawn(async move {
            let key = (hash, media_type);
            let known = stored
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .contains(&key);
            let outcome = if known {
                Outcome::Stored
            } else {
                // The semaphore is never closed.
                let _permit = permits.acquire().await;
                upload(&client, &notebook_id, &key.0, &key.1, body).await
            };
            if outcome == Outcome::Stored {
                stored
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(key.clone());
            }
            let (hash, media_type) = key;
            // The peer may have ended.
            let _ = results
                .send(UploadResult {
                    hash,
                    media_type,
                    outcome,
                })
                .await;
        });
    }
}

async fn upload(
    client: &CloudClient,
    notebook_id: &str,
    hash: &str,
    media_type: &str,
    body: Bytes,
) -> Outcome {
    debug_assert_eq!(hash, sha256_hex(&body), "a blob is named by its content");
    let mut content_type = if is_listed(media_type) {
        media_type
    } else {
        FALLBACK_TYPE
    };
    let mut wait = FIRST_WAIT;
    let mut answered = 0;
    loop {
        let put = client
            .put_blob(notebook_id, hash, content_type, body.clone())
            .await;
        let Err(error) = put else {
            return Outcome::Stored;
        };
        match class(&error) {
            Class::WrongType if content_type != FALLBACK_TYPE => {
                content_type = FALLBACK_TYPE;
                continue;
            }
            Class::WrongType | Class::Final => return Outcome::Failed(error.to_string()),
            Class::Busy => answered += 1,
            Class::Unreachable => {}
        }
        if answered >= ANSWERED_ATTEMPTS {
            return Outcome::Failed(error.to_string());
        }
        let asked = error
            .refusal()
            .and_then(|refusal| refusal.retry_after)
            .unwrap_or_default();
        sleep(wait.max(asked).min(LAST_WAIT)).await;
        wait = (wait * 2).min(LAST_WAIT);
    }
}

enum Class {
    /// No answer.
    Unreachable,
    /// An answer that may change.
    Busy,
    /// This media type is not taken.
    WrongType,
    /// No.
    Final,
}

fn class(error: &CloudError) -> Class {
    match error.status() {
        Some(415) => Class::WrongType,
        Some(408 | 429 | 500..=599) => Class::Busy,
        None => Class::Unreachable,
        Some(_) => Class::Final,
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

/// SHA-256 in lower-case hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests;
