//! The one writer of the document log.

use std::sync::Arc;

use sqlx::{Sqlite, Transaction};
use store::document_log::{AppendBatch, Compaction, Position};
use store::{Result, StoreError, document_log as sql};
use tokio::sync::{mpsc, oneshot};

use crate::pools::{Pools, failed};

/// The most batches in one transaction; keeps a commit short.
const GROUP: usize = 256;
/// The most bytes in one transaction, from which on no further batch joins.
const GROUP_BYTES: usize = 32 * 1024 * 1024;

/// What rooms ask of the writer.
#[derive(Debug)]
pub(super) enum Command {
    /// Make changes durable.
    Append(AppendBatch, oneshot::Sender<Result<Position>>),
    /// Fold a document's log into a snapshot.
    Compact(Compaction, oneshot::Sender<Result<()>>),
    /// Write what is in line and end.
    Close(oneshot::Sender<()>),
}

impl Command {
    fn bytes(&self) -> usize {
        match self {
            Self::Append(batch, _) => batch.changes.iter().map(|(_, bytes)| bytes.len()).sum(),
            Self::Compact(compaction, _) => compaction.snapshot.len(),
            Self::Close(_) => 0,
        }
    }
}

/// Writes until it is told to close or nobody can ask any more.
pub(super) async fn run(pools: Pools, mut commands: mpsc::Receiver<Command>) {
    while let Some(first) = commands.recv().await {
        let mut bytes = first.bytes();
        let mut group = vec![first];
        while group.len() < GROUP && bytes < GROUP_BYTES {
            let Ok(next) = commands.try_recv() else { break };
            bytes += next.bytes();
            group.push(next);
        }
        if let Some(closed) = commit(&pools, group).await {
            let _ = closed.send(());
            return;
        }
    }
}

/// Writes a group in one transaction and answers each asker after the commit.
async fn commit(pools: &Pools, group: Vec<Command>) -> Option<oneshot::Sender<()>> {
    let outcome = write(pools, &group).await;
    let mut closed = None;
    let failure = outcome
        .as_ref()
        .err()
        .map(|cause| Arc::<str>::from(said(cause)));
    let refuse = |what: &Arc<str>| StoreError::Database {
        operation: "write to the document log",
        retryable: false,
        source: what.to_string().into(),
    };
    if let Some(cause) = &failure {
        tracing::error!(%cause, "the document log could not be written");
    }
    let mut positions = outcome.unwrap_or_default().into_iter();
    for command in group {
        // An asker that is gone has nobody to tell.
        match (command, &failure) {
            (Command::Append(_, done), None) => {
                let _ = done.send(Ok(positions.next().unwrap_or_default()));
            }
            (Command::Append(_, done), Some(cause)) => {
                let _ = done.send(Err(refuse(cause)));
            }
            (Command::Compact(_, done), None) => {
                let _ = done.send(Ok(()));
            }
            (Command::Compact(_, done), Some(cause)) => {
                let _ = done.send(Err(refuse(cause)));
            }
            (Command::Close(done), _) => closed = Some(done),
        }
    }
    closed
}

/// An error with what is behind it.
fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// The new position after each append, in order.
async fn write(pools: &Pools, group: &[Command]) -> Result<Vec<Position>> {
    let mut transaction = pools.begin().await?;
    let mut positions = Vec::with_capacity(group.len());
    for command in group {
        match command {
            Command::Append(batch, _) => positions.push(append(&mut transaction, batch).await?),
            Command::Compact(compaction, _) => compact(&mut transaction, compaction).await?,
            Command::Close(_) => {}
        }
    }
    transaction
        .commit()
        .await
        .map_err(failed("make changes durable"))?;
    Ok(positions)
}

async fn append(
    transaction: &mut Transaction<'static, Sqlite>,
    batch: &AppendBatch,
) -> Result<Position> {
    let mut position = Position::default();
    for (kind, bytes) in &batch.changes {
        let done = sqlx::query(sql::CHANGE_INSERT)
            .bind(&batch.room.notebook_id)
            .bind(batch.room.epoch)
            .bind(kind.as_str())
            .bind(bytes.as_slice())
            .execute(&mut **transaction)
            .await
            .map_err(failed("append changes"))?;
        position = Position(done.last_insert_rowid());
    }
    Ok(position)
}

async fn compact(
    transaction: &mut Transaction<'static, Sqlite>,
    compaction: &Compaction,
) -> Result<()> {
    let put = sqlx::query(sql::SNAPSHOT_PUT)
        .bind(&compaction.room.notebook_id)
        .bind(compaction.room.epoch)
        .bind(compaction.kind.as_str())
        .bind(compaction.through.0)
        .bind(compaction.snapshot.as_slice())
        .execute(&mut **transaction)
        .await
        .map_err(failed("write a snapshot"))?;
    if put.rows_affected() == 0 {
        // A newer snapshot is there already; what it holds was folded with it.
        return Ok(());
    }
    sqlx::query(sql::CHANGE_FOLD)
        .bind(&compaction.room.notebook_id)
        .bind(compaction.room.epoch)
        .bind(compaction.kind.as_str())
        .bind(compaction.through.0)
        .execute(&mut **transaction)
        .await
        .map_err(failed("fold changes into a snapshot"))?;
    Ok(())
}
