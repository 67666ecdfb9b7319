//! The one writer of the document log.

use std::collections::HashSet;
use std::sync::Arc;

use sqlx::AssertSqlSafe;
use store::document_log::{AppendBatch, Compaction, NewEpoch, Position, RoomKey};
use store::{Result, StoreError, document_log as sql};
use tokio::sync::{mpsc, oneshot};

use crate::db::{SoleWriter, Transaction};

/// The most batches in one transaction; keeps a commit short.
const GROUP: usize = 256;
/// The most bytes in one transaction, from which on no further batch joins.
const GROUP_BYTES: usize = 32 * 1024 * 1024;

/// Statements of up to this many rows are kept prepared.
const REMEMBERED_ROWS: usize = 8;

/// What rooms ask of the writer.
#[derive(Debug)]
pub(super) enum Command {
    /// Make changes durable.
    Append(AppendBatch, oneshot::Sender<Result<Position>>),
    /// Fold a document's log into a snapshot.
    Compact(Compaction, oneshot::Sender<Result<()>>),
    /// Start an epoch.
    Epoch(NewEpoch, oneshot::Sender<Result<()>>),
    /// Drop everything of a notebook.
    Forget(String, oneshot::Sender<Result<()>>),
    /// Say that everything before is written or refused, and take the room's batches again.
    Open(RoomKey, oneshot::Sender<()>),
    /// Write what is in line and end.
    Close(oneshot::Sender<()>),
}

impl Command {
    fn bytes(&self) -> usize {
        match self {
            Self::Append(batch, _) => batch.changes.iter().map(|(_, bytes)| bytes.len()).sum(),
            Self::Compact(compaction, _) => compaction.snapshot.len(),
            Self::Epoch(epoch, _) => epoch.documents.iter().map(|(_, bytes)| bytes.len()).sum(),
            Self::Forget(..) | Self::Open(..) | Self::Close(_) => 0,
        }
    }

    fn writes(&self) -> bool {
        !matches!(self, Self::Open(..) | Self::Close(_))
    }
}

/// Rooms with a lost batch: nothing that may build on it is written until they are opened again.
type Broken = HashSet<RoomKey>;

/// Writes until it is told to close or nobody can ask any more.
pub(super) async fn run(mut pen: SoleWriter, mut commands: mpsc::Receiver<Command>) {
    let mut broken = Broken::new();
    while let Some(first) = commands.recv().await {
        let mut bytes = first.bytes();
        let mut group = vec![first];
        while group.len() < GROUP && bytes < GROUP_BYTES {
            let Ok(next) = commands.try_recv() else { break };
            bytes += next.bytes();
            group.push(next);
        }
        if let Some(closed) = commit(&mut pen, &mut broken, group).await {
            pen.close().await;
            let _ = closed.send(());
            return;
        }
    }
    pen.close().await;
}

/// Writes a group in one transaction and answers each asker after the commit.
async fn commit(
    pen: &mut SoleWriter,
    broken: &mut Broken,
    group: Vec<Command>,
) -> Option<oneshot::Sender<()>> {
    let written = write(pen, broken, &group).await;
    if let Err(cause) = &written {
        pen.distrust();
        tracing::error!(cause = said(cause), "the document log could not be written");
    }
    let (mut positions, failure) = match written {
        Ok(positions) => (positions.into_iter(), None),
        Err(cause) => (Vec::new().into_iter(), Some(Arc::<str>::from(said(&cause)))),
    };
    let verdict = |what: Option<&str>| what.map_or(Ok(()), |what| Err(refused(what)));
    let mut closed = None;
    for command in group {
        // An asker that is gone has nobody to tell.
        match command {
            Command::Append(batch, done) => {
                let position = match (&failure, positions.next().flatten()) {
                    (None, Some(position)) => Ok(position),
                    (None, None) => Err(refused("an earlier change of the room was lost")),
                    (Some(cause), _) => Err(refused(cause)),
                };
                if position.is_err() {
                    broken.insert(batch.room);
                }
                let _ = done.send(position);
            }
            Command::Compact(_, done) | Command::Epoch(_, done) | Command::Forget(_, done) => {
                let _ = done.send(verdict(failure.as_deref()));
            }
            Command::Open(room, done) => {
                broken.remove(&room);
                let _ = done.send(());
            }
            Command::Close(done) => closed = Some(done),
        }
    }
    closed
}

fn refused(cause: &str) -> StoreError {
    StoreError::Database {
        operation: "write to the document log",
        retryable: false,
        source: cause.to_owned().into(),
    }
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

/// The new position after each append, in order; none where the room is broken.
async fn write(
    pen: &mut SoleWriter,
    broken: &Broken,
    group: &[Command],
) -> Result<Vec<Option<Position>>> {
    if let Some(batches) = only_appends(broken, group) {
        return append_all(pen, &batches).await;
    }
    let mut positions = Vec::with_capacity(group.len());
    if !group.iter().any(Command::writes) {
        return Ok(positions);
    }
    let mut transaction = pen.begin("make changes durable").await?;
    for command in group {
        match command {
            Command::Append(batch, _) if broken.contains(&batch.room) => positions.push(None),
            Command::Append(batch, _) => {
                positions.push(Some(append(&mut transaction, batch).await?));
            }
            Command::Compact(compaction, _) => compact(&mut transaction, compaction).await?,
            Command::Epoch(epoch, _) => begin_epoch(&mut transaction, epoch).await?,
            Command::Forget(notebook_id, _) => clear(&mut transaction, notebook_id, 0).await?,
            Command::Open(..) | Command::Close(_) => {}
        }
    }
    transaction.commit().await?;
    Ok(positions)
}

/// The batches of a group that only appends, to rooms that are not broken.
fn only_appends<'a>(broken: &Broken, group: &'a [Command]) -> Option<Vec<&'a AppendBatch>> {
    group
        .iter()
        .filter(|command| command.writes())
        .map(|command| match command {
            Command::Append(batch, _) if !broken.contains(&batch.room) => Some(batch),
            _ => None,
        })
        .collect()
}

/// Appends everything by one statement, which is a transaction by itself: the connection's thread is
/// woken once, not once for the beginning, for each row and for the end.
async fn append_all(
    pen: &mut SoleWriter,
    batches: &[&AppendBatch],
) -> Result<Vec<Option<Position>>> {
    let rows: usize = batches.iter().map(|batch| batch.changes.len()).sum();
    if rows == 0 {
        return Ok(vec![Some(Position::default()); batches.len()]);
    }
    let statement = AssertSqlSafe(sql::change_insert(rows, pen.is_postgres()));
    let mut query = pen
        .write(statement, "make changes durable")
        .await?
        .keep_prepared(rows <= REMEMBERED_ROWS);
    for batch in batches {
        for (kind, bytes) in &batch.changes {
            query = query
                .bind(&batch.room.notebook_id)
                .bind(batch.room.epoch)
                .bind(kind.as_str())
                .bind(bytes.as_slice());
        }
    }
    let mut numbers = query.numbers(rows).await?.into_iter();
    let last = |batch: &&AppendBatch| {
        let last = numbers.by_ref().take(batch.changes.len()).last();
        Some(Position(last.unwrap_or_default()))
    };
    Ok(batches.iter().map(last).collect())
}

async fn append(transaction: &mut Transaction<'_>, batch: &AppendBatch) -> Result<Position> {
    let mut position = Position::default();
    for (kind, bytes) in &batch.changes {
        let statement = AssertSqlSafe(sql::change_insert(1, transaction.is_postgres()));
        let number = transaction
            .run(statement)
            .bind(&batch.room.notebook_id)
            .bind(batch.room.epoch)
            .bind(kind.as_str())
            .bind(bytes.as_slice())
            .numbers(1)
            .await?;
        position = Position(number.last().copied().unwrap_or_default());
    }
    Ok(position)
}

async fn compact(transaction: &mut Transaction<'_>, compaction: &Compaction) -> Result<()> {
    let put = transaction
        .run(sql::SNAPSHOT_PUT)
        .bind(&compaction.room.notebook_id)
        .bind(compaction.room.epoch)
        .bind(compaction.kind.as_str())
        .bind(compaction.through.0)
        .bind(compaction.snapshot.as_slice())
        .execute()
        .await?;
    if put == 0 {
        // A newer snapshot is there already; what it holds was folded with it.
        return Ok(());
    }
    transaction
        .run(sql::CHANGE_FOLD)
        .bind(&compaction.room.notebook_id)
        .bind(compaction.room.epoch)
        .bind(compaction.kind.as_str())
        .bind(compaction.through.0)
        .execute()
        .await?;
    Ok(())
}

async fn begin_epoch(transaction: &mut Transaction<'_>, epoch: &NewEpoch) -> Result<()> {
    let room = &epoch.room;
    clear(transaction, &room.notebook_id, room.epoch).await?;
    for (kind, bytes) in &epoch.documents {
        transaction
            .run(sql::SNAPSHOT_PUT)
            .bind(&room.notebook_id)
            .bind(room.epoch)
            .bind(kind.as_str())
            .bind(0_i64)
            .bind(bytes.as_slice())
            .execute()
            .await?;
    }
    for (kind, hashes) in &epoch.retired {
        transaction
            .run(sql::RETIRED_INSERT)
            .bind(&room.notebook_id)
            .bind(room.epoch)
            .bind(kind.as_str())
            .bind(hashes.as_slice())
            .execute()
            .await?;
    }
    Ok(())
}

/// Drops a notebook's documents from an epoch on.
async fn clear(
    transaction: &mut Transaction<'_>,
    notebook_id: &str,
    from_epoch: i64,
) -> Result<()> {
    for clear in sql::EPOCH_CLEAR {
        transaction
            .run(*clear)
            .bind(notebook_id)
            .bind(from_epoch)
            .execute()
            .await?;
    }
    Ok(())
}
