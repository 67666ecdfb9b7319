//! One writing connection and a few reading ones on one database file, with its schema
//! brought up to date.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, Connection as _, Sqlite, Transaction};
use store::{Migration, Result, StoreError};

use super::failed;

/// How long a statement waits for a lock held by another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// Reading connections per database.
const READERS: u32 = 4;

/// Connections to one SQLite file: a single writer, several readers.
#[derive(Debug, Clone)]
pub(crate) struct Pools {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Pools {
    /// Opens or makes the file and applies the migrations it lacks.
    pub(crate) async fn open(path: &Path, migrations: &'static [Migration]) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit survives a power cut.
            .synchronous(SqliteSynchronous::Full)
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
    pub(crate) fn writer(&self) -> &SqlitePool {
        &self.writer
    }

    /// The reading connections.
    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// Starts a transaction that may write from its first statement on.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>> {
        self.writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed("start a transaction"))
    }

    /// Closes every connection; writes the log back into the file.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Applies the migrations newer than the file's `user_version`, each in its own transaction.
async fn migrate(writer: &SqlitePool, migrations: &'static [Migration]) -> Result<()> {
    let known = migrations.last().map_or(0, |migration| migration.version);
    let found: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(writer)
        .await
        .map_err(failed("read its schema version"))?;
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    for migration in migrations
        .iter()
        .filter(|migration| migration.version > found)
    {
        let mut transaction = writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed("start a migration"))?;
        sqlx::raw_sql(migration.sqlite)
            .execute(&mut *transaction)
            .await
            .map_err(failed("apply a migration"))?;
        // A pragma takes no parameters; the version is a number of ours.
        sqlx::raw_sql(AssertSqlSafe(format!(
            "PRAGMA user_version = {}",
            migration.version
        )))
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

/// SQLITE_BUSY and SQLITE_LOCKED, plain or extended.
pub(crate) fn is_retryable(code: &str) -> bool {
    code.parse::<i64>()
        .is_ok_and(|code| matches!(code & 0xff, 5 | 6))
}

/// SQLITE_FULL: the disk, or as many pages as the file may have.
pub(crate) fn is_full(code: &str) -> bool {
    code.parse::<i64>().is_ok_and(|code| code & 0xff == 13)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[tokio::test]
    async fn a_full_disk_is_told_from_other_failures() {
        let folder = tempfile::tempdir().unwrap();
        let pools = Pools::open(&folder.path().join("db.sqlite"), &[])
            .await
            .unwrap();
        let mut transaction = pools.begin().await.unwrap();
        let mut run = async |statement: &str| {
            sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
                .execute(&mut *transaction)
                .await
                .map_err(failed("write"))
        };
        run("CREATE TABLE t (x)").await.unwrap();
        let other = run("INSERT INTO nowhere VALUES (1)").await.unwrap_err();
        assert!(matches!(other, StoreError::Database { .. }), "{other}");
        // As many pages as it has.
        run("PRAGMA max_page_count = 1").await.unwrap();
        let full = run("INSERT INTO t VALUES (zeroblob(100000))")
            .await
            .unwrap_err();
        assert!(
            matches!(full, StoreError::Full { .. }) && full.is_retryable(),
            "{full}"
        );
        let source = full.source().unwrap().to_string();
        assert!(source.contains("database or disk is full"), "{source}");
    }
}
