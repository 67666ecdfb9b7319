//! Recording blobs: whatever waits is recorded by one statement, and so by one write to the disk.

use std::collections::HashSet;

use sqlx::AssertSqlSafe;
use store::{BlobRow, Result, StoreError, sql};
use tokio::sync::{mpsc, oneshot};

use crate::db::Db;

/// Blobs that may wait; further ones wait outside.
const LINE: usize = 1024;
/// The most blobs in one statement.
const GROUP: usize = 256;
/// Statements of up to this many rows are kept prepared.
const REMEMBERED_ROWS: usize = 16;

/// A blob and where to say whether it is new to its notebook.
type Item = (BlobRow, oneshot::Sender<Result<bool>>);

/// The line of blobs to be recorded; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct BlobLine(mpsc::Sender<Item>);

impl BlobLine {
    /// Starts recording; ends when every handle is dropped.
    pub(super) fn start(db: Db) -> Self {
        let (line, waiting) = mpsc::channel(LINE);
        tokio::spawn(run(db, waiting));
        Self(line)
    }

    /// Records a blob; true when its notebook did not have it.
    pub(super) async fn record(&self, blob: &BlobRow) -> Result<bool> {
        let gone = || StoreError::Database {
            operation: "record a blob",
            retryable: false,
            source: "its writer has ended".into(),
        };
        let (done, wait) = oneshot::channel();
        let item = (blob.clone(), done);
        self.0.send(item).await.map_err(|_| gone())?;
        wait.await.unwrap_or_else(|_| Err(gone()))
    }
}

async fn run(db: Db, mut waiting: mpsc::Receiver<Item>) {
    let mut group = Vec::new();
    while waiting.recv_many(&mut group, GROUP).await > 0 {
        let (blobs, askers): (Vec<_>, Vec<_>) = group.drain(..).unzip();
        match insert(&db, &blobs).await {
            Ok(mut new) => {
                for (blob, asker) in blobs.into_iter().zip(askers) {
                    // An asker that is gone has nobody to tell.
                    let _ = asker.send(Ok(new.remove(&(blob.notebook_id, blob.hash))));
                }
            }
            // One of them (of a notebook that is gone) must not spoil the others.
            Err(_) => {
                for (blob, asker) in blobs.into_iter().zip(askers) {
                    let alone = insert(&db, std::slice::from_ref(&blob)).await;
                    let new = alone.map(|new| !new.is_empty());
                    let _ = asker.send(new);
                }
            }
        }
    }
}

/// Records blobs; the ones that were new. One that was known is noted as used again, at most once
/// an hour, so that no collection takes it.
async fn insert(db: &Db, blobs: &[BlobRow]) -> Result<HashSet<(String, String)>> {
    // A statement may touch a row once only.
    let mut seen = HashSet::new();
    let blobs: Vec<&BlobRow> = blobs
        .iter()
        .filter(|blob| seen.insert((&blob.notebook_id, &blob.hash)))
        .collect();
    let statement = AssertSqlSafe(sql::blob_record(blobs.len()));
    let mut query = db
        .write(statement, "record a blob")
        .keep_prepared(blobs.len() <= REMEMBERED_ROWS);
    for blob in blobs {
        query = query
            .bind(&blob.notebook_id)
            .bind(&blob.hash)
            .bind(blob.size_bytes)
            .bind(&blob.content_type)
            .bind(blob.uploaded_ms);
    }
    let told = query
        .all(|row| Ok((row.get(0)?, row.get(1)?, row.get::<Option<i64>>(2)?)))
        .await?;
    let new = told.into_iter().filter(|(_, _, used_ms)| used_ms.is_none());
    Ok(new.map(|(notebook, hash, _)| (notebook, hash)).collect())
}
