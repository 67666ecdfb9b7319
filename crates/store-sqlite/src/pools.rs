//! One writing connection and a few reading ones on one database file, with its schema
//! brought up to date.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Connection as _, Sqlite, Transaction};
use store::{Result, StoreError};

/// How long a statement waits for a lock held by another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// Reading connections per database.
const READERS: u32 = 4;

/// What a commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A crash of the program, not always a power cut (`synchronous=NORMAL`).
    Process,
    /// A power cut (`synchronous=FULL`).
    Machine,
}

/// Connections to one SQLite file: a single writer, several readers.
#[derive(Debug, Clone)]
pub struct Pools {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Pools {
    /// Opens or makes the file and applies the migrations it lacks.
    pub async fn open(
        path: &Path,
        durability: Durability,
        migrations: &'static [(i64, &'static str)],
    ) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(match durability {
                Durability::Process => SqliteSynchronous::Normal,
                Durability::Machine => SqliteSynchronous::Full,
            })
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            // A connection to a file does not break; asking it first would double the way.
            .test_before_acquire(false)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            // A full disk ends a transaction behind the driver's back, which then believes in it
            // for ever; such a connection is replaced.
            .before_acquire(|connection, _| {
                let clean = !connection.is_in_transaction();
                Box::pin(async move { Ok(clean) })
            })
            .connect_with(options.clone())
            .await
            .map_err(failed("open its file"))?;
        migrate(&writer, migrations).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .idle_timeout(None)
            .max_lifetime(None)
            // A connection to a file does not break; asking it first would double the way.
            .test_before_acquire(false)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await
            .map_err(failed("open its file for reading"))?;
        Ok(Self { writer, readers })
    }

    /// The single writing connection.
    pub fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    /// The reading connections.
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Starts a transaction that may write from its first statement on.
    pub async fn begin(&self) -> Result<Transaction<'static, Sqlite>> {
        self.writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed("start a transaction"))
    }

    /// Closes every connection; writes the log back into the file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Applies the migrations newer than the file's `user_version`, each in its own transaction.
async fn migrate(writer: &SqlitePool, migrations: &'static [(i64, &'static str)]) -> Result<()> {
    let known = migrations.last().map_or(0, |(version, _)| *version);
    let found: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(writer)
        .await
        .map_err(failed("read its schema version"))?;
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    for (version, script) in migrations.iter().filter(|(version, _)| *version > found) {
        let mut transaction = writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed("start a migration"))?;
        sqlx::raw_sql(*script)
            .execute(&mut *transaction)
            .await
            .map_err(failed("apply a migration"))?;
        // A pragma takes no parameters; the version is a number of ours.
        sqlx::raw_sql(AssertSqlSafe(format!("PRAGMA user_version = {version}")))
            .execute(&mut *transaction)
            .await
            .map_err(failed("record a migration"))?;
        transaction
            .commit()
            .await
            .map_err(failed("commit a migration"))?;
    }
    Ok(())
}

/// Turns a driver's error into storage's, naming what was being done.
pub(crate) fn failed(operation: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |source| {
        let retryable = match &source {
            sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) => true,
            // SQLITE_BUSY and SQLITE_LOCKED, plain or extended.
            sqlx::Error::Database(error) => error
                .code()
                .and_then(|code| code.parse::<i64>().ok())
                .is_some_and(|code| matches!(code & 0xff, 5 | 6)),
            _ => false,
        };
        StoreError::Database {
            operation,
            retryable,
            source: Box::new(source),
        }
    }
}
