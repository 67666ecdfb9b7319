//! Recording blobs: whatever waits is recorded by one statement, and so by one write to the disk.

use std::collections::HashSet;

use sqlx::{AssertSqlSafe, Row as _};
use store::{BlobRow, Result, StoreError, sql};
use tokio::sync::{mpsc, oneshot};

use crate::pools::{Pools, failed};

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
    pub(super) fn start(pools: Pools) -> Self {
        let (line, waiting) = mpsc::channel(LINE);
        tokio::spawn(run(pools, waiting));
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

async fn run(pools: Pools, mut waiting: mpsc::Receiver<Item>) {
    let mut group = Vec::new();
    while waiting.recv_many(&mut group, GROUP).await > 0 {
        let (blobs, askers): (Vec<_>, Vec<_>) = group.drain(..).unzip();
        match insert(&pools, &blobs).await {
            Ok(mut new) => {
                for (blob, asker) in blobs.into_iter().zip(askers) {
                    // An asker that is gone has nobody to tell.
                    let _ = asker.send(Ok(new.remove(&(blob.notebook_id, blob.hash))));
                }
            }
            // One of them (of a notebook that is gone) must not spoil the others.
            Err(_) => {
                for (blob, asker) in blobs.into_iter().zip(askers) {
                    let alone = insert(&pools, std::slice::from_ref(&blob)).await;
                    let new = alone.map(|new| !new.is_empty());
                    let _ = asker.send(new.map_err(failed("record a blob")));
                }
            }
        }
    }
}

/// Records blobs; the ones that were new.
async fn insert(
    pools: &Pools,
    blobs: &[BlobRow],
) -> std::result::Result<HashSet<(String, String)>, sqlx::Error> {
    let statement = AssertSqlSafe(sql::blob_record(blobs.len()));
    let mut query = sqlx::query(statement).persistent(blobs.len() <= REMEMBERED_ROWS);
    for blob in blobs {
        query = query
            .bind(&blob.notebook_id)
            .bind(&blob.hash)
            .bind(blob.size_bytes)
            .bind(&blob.content_type)
            .bind(blob.uploaded_ms);
    }
    let rows = query.fetch_all(pools.writer()).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
