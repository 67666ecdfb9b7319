//! The document log on SQLite: a file of its own, one writer task, commits shared by all rooms.
//!
//! Rooms put batches in line; the writer takes what waits, writes it in one transaction, and only
//! after the commit tells each room. One disk flush so serves every room that typed meanwhile.

mod writer;

use std::path::Path;

use sqlx::Row as _;
use store::document_log::{
    AppendBatch, Compaction, DocumentKind, DocumentLog, Durable, NewEpoch, Position, RoomKey,
    StoredDocument, StoredRoom,
};
use store::{Result, StoreError, document_log as sql};
use tokio::sync::{mpsc, oneshot};

use crate::pools::{Durability, Pools, failed};
use writer::Command;

/// How many batches may wait for the writer; rooms wait when the line is full.
const LINE: usize = 1024;

/// The log of all rooms' documents in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteDocumentLog {
    pools: Pools,
    line: mpsc::Sender<Command>,
}

impl SqliteDocumentLog {
    /// Opens or makes the log and starts its writer; a file of a newer release is refused.
    pub async fn open(path: &Path) -> Result<Self> {
        let pools = Pools::open(path, Durability::Machine, sql::SQLITE_DOCUMENT_MIGRATIONS).await?;
        let (line, commands) = mpsc::channel(LINE);
        tokio::spawn(writer::run(pools.clone(), commands));
        Ok(Self { pools, line })
    }

    /// Waits for everything in line, then closes the file.
    pub async fn close(&self) {
        let (done, wait) = oneshot::channel();
        if self.line.send(Command::Close(done)).await.is_ok() {
            let _ = wait.await;
        }
        self.pools.close().await;
    }

    async fn put_in_line(&self, command: Command) -> Result<()> {
        self.line.send(command).await.map_err(|_| writer_gone())
    }
}

impl DocumentLog for SqliteDocumentLog {
    async fn load(&self, room: &RoomKey) -> Result<StoredRoom> {
        // One read transaction: a compaction between the two reads must not hide changes.
        let mut reader = self
            .pools
            .readers()
            .begin()
            .await
            .map_err(failed("read a document"))?;
        let mut stored = StoredRoom::default();
        let snapshots = sqlx::query(sql::SNAPSHOT_LIST)
            .bind(&room.notebook_id)
            .bind(room.epoch)
            .fetch_all(&mut *reader)
            .await
            .map_err(failed("read a document"))?;
        for row in snapshots {
            let kind = read_kind(&row.get::<String, _>(0))?;
            stored.position = stored.position.max(Position(row.get(1)));
            entry(&mut stored, kind).snapshot = Some(row.get(2));
        }
        let changes = sqlx::query(sql::CHANGE_LIST)
            .bind(&room.notebook_id)
            .bind(room.epoch)
            .fetch_all(&mut *reader)
            .await
            .map_err(failed("read a document"))?;
        for row in changes {
            let kind = read_kind(&row.get::<String, _>(1))?;
            stored.position = stored.position.max(Position(row.get(0)));
            entry(&mut stored, kind).changes.push(row.get(2));
        }
        let retired = sqlx::query(sql::RETIRED_LIST)
            .bind(&room.notebook_id)
            .bind(room.epoch)
            .fetch_all(&mut *reader)
            .await
            .map_err(failed("read the epochs of a document"))?;
        for row in retired {
            let kind = read_kind(&row.get::<String, _>(0))?;
            stored.retired.push((kind, row.get(1)));
        }
        Ok(stored)
    }

    async fn open(&self, room: &RoomKey) -> Result<StoredRoom> {
        let (done, wait) = oneshot::channel();
        self.put_in_line(Command::Open(room.clone(), done)).await?;
        wait.await.map_err(|_| writer_gone())?;
        self.load(room).await
    }

    async fn submit(&self, batch: AppendBatch) -> Result<Durable> {
        let (done, wait) = oneshot::channel();
        self.put_in_line(Command::Append(batch, done)).await?;
        Ok(Box::pin(async move {
            wait.await.unwrap_or_else(|_| Err(writer_gone()))
        }))
    }

    async fn compact(&self, compaction: Compaction) -> Result<()> {
        let (done, wait) = oneshot::channel();
        self.put_in_line(Command::Compact(compaction, done)).await?;
        wait.await.unwrap_or_else(|_| Err(writer_gone()))
    }

    async fn begin_epoch(&self, epoch: NewEpoch) -> Result<()> {
        let (done, wait) = oneshot::channel();
        self.put_in_line(Command::Epoch(epoch, done)).await?;
        wait.await.unwrap_or_else(|_| Err(writer_gone()))
    }

    async fn epochs(&self, notebook_id: &str) -> Result<Vec<i64>> {
        sqlx::query_scalar(sql::EPOCH_LIST)
            .bind(notebook_id)
            .fetch_all(self.pools.readers())
            .await
            .map_err(failed("list the epochs of a notebook"))
    }
}

fn entry(stored: &mut StoredRoom, kind: DocumentKind) -> &mut StoredDocument {
    let index = stored
        .documents
        .iter()
        .position(|(known, _)| *known == kind)
        .unwrap_or_else(|| {
            stored.documents.push((kind, StoredDocument::default()));
            stored.documents.len() - 1
        });
    &mut stored.documents[index].1
}

fn read_kind(text: &str) -> Result<DocumentKind> {
    DocumentKind::parse(text).ok_or_else(|| StoreError::Corrupt {
        what: "document kind",
        value: text.to_owned(),
    })
}

fn writer_gone() -> StoreError {
    StoreError::Database {
        operation: "write to the document log",
        retryable: false,
        source: "its writer has ended".into(),
    }
}

#[cfg(test)]
mod tests;
