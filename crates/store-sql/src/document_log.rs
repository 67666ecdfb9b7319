//! The document log: apart from the catalog, one writer task, commits shared by all rooms.
//!
//! Rooms put batches in line; the writer takes what waits, writes it in one transaction, and only
//! after the commit tells each room. One disk flush so serves every room that typed meanwhile.

mod writer;

use store::document_log::{
    AppendBatch, Compaction, DocumentKind, DocumentLog, Durable, NewEpoch, Position, RoomKey,
    StoredDocument, StoredRoom,
};
use store::{Result, StoreError, document_log as sql};
use tokio::sync::{mpsc, oneshot};

use crate::database::Database;
use crate::db::Db;
use writer::Command;

/// How many batches may wait for the writer; rooms wait when the line is full.
const LINE: usize = 1024;

/// The log of all rooms' documents in one database.
#[derive(Debug, Clone)]
pub struct SqlDocumentLog {
    db: Db,
    line: mpsc::Sender<Command>,
}

impl SqlDocumentLog {
    /// Opens or makes the log and starts its writer; a log of a newer release is refused, and so
    /// is one that another server writes.
    pub async fn open(database: &Database) -> Result<Self> {
        let (db, pen) = database.open_documents().await?;
        let (line, commands) = mpsc::channel(LINE);
        tokio::spawn(writer::run(pen, commands));
        Ok(Self { db, line })
    }

    /// Opens the log for a program beside the server that only reads: whatever it writes fails.
    pub async fn open_for_reading(database: &Database) -> Result<Self> {
        let db = database.read_documents().await?;
        Ok(Self {
            db,
            line: mpsc::channel(1).0,
        })
    }

    /// Waits for everything in line, then closes the database.
    pub async fn close(&self) {
        let (done, wait) = oneshot::channel();
        if self.line.send(Command::Close(done)).await.is_ok() {
            let _ = wait.await;
        }
        self.db.close().await;
    }

    async fn put_in_line(&self, command: Command) -> Result<()> {
        self.line.send(command).await.map_err(|_| writer_gone())
    }
}

impl DocumentLog for SqlDocumentLog {
    async fn load(&self, room: &RoomKey) -> Result<StoredRoom> {
        // One read transaction: a compaction between the reads must not hide changes.
        let mut reader = self.db.begin_reading("read a document").await?;
        let mut stored = StoredRoom::default();
        let snapshots = reader
            .run(sql::SNAPSHOT_LIST)
            .bind(&room.notebook_id)
            .bind(room.epoch)
            .all(|row| Ok((read_kind(row.get(0)?)?, row.get(1)?, row.get(2)?)))
            .await?;
        for (kind, through, bytes) in snapshots {
            stored.position = stored.position.max(Position(through));
            entry(&mut stored, kind).snapshot = Some(bytes);
        }
        let changes = reader
            .run(sql::CHANGE_LIST)
            .bind(&room.notebook_id)
            .bind(room.epoch)
            .all(|row| Ok((row.get(0)?, read_kind(row.get(1)?)?, row.get(2)?)))
            .await?;
        for (seq, kind, bytes) in changes {
            stored.position = stored.position.max(Position(seq));
            entry(&mut stored, kind).changes.push(bytes);
        }
        stored.retired = reader
            .run(sql::RETIRED_LIST)
            .bind(&room.notebook_id)
            .bind(room.epoch)
            .all(|row| Ok((read_kind(row.get(0)?)?, row.get(1)?)))
            .await?;
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

    async fn forget(&self, notebook_id: &str) -> Result<()> {
        let (done, wait) = oneshot::channel();
        self.put_in_line(Command::Forget(notebook_id.to_owned(), done))
            .await?;
        wait.await.unwrap_or_else(|_| Err(writer_gone()))
    }

    async fn notebooks(&self) -> Result<Vec<String>> {
        self.db
            .read(sql::NOTEBOOK_LIST, "list the notebooks of the document log")
            .all(|row| row.get(0))
            .await
    }

    async fn epochs(&self, notebook_id: &str) -> Result<Vec<i64>> {
        self.db
            .read(sql::EPOCH_LIST, "list the epochs of a notebook")
            .bind(notebook_id)
            .all(|row| row.get(0))
            .await
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

fn read_kind(text: String) -> Result<DocumentKind> {
    DocumentKind::parse(&text).ok_or(StoreError::Corrupt {
        what: "document kind",
        value: text,
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
