//! Connections to a PostgreSQL server, with the schema of ours brought up to date.
//!
//! Everything of ours lies in the first schema of the connection's search path, so that one
//! database can serve several clouds.

use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, Postgres, Transaction};
use store::{Migration, Result, StoreError};

use super::failed;

/// How long a call waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections of the catalog or of the log's readers.
const CONNECTIONS: u32 = 10;
/// A connection that was not used for so long is asked whether it still works.
const DOUBTFUL_AFTER: Duration = Duration::from_secs(5);

/// One writing transaction of the catalog at a time, as on SQLite: what it read holds when it
/// writes. The lock ends with the transaction. In one message, so that it costs no way of its own.
const BEGIN_ALONE: &str = "BEGIN; \
    SELECT pg_advisory_xact_lock(hashtextextended('notebook-cloud write ' || current_schema(), 0))";
/// One moment of the database for several statements.
const BEGIN_READING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Two programs that start at once do not migrate at once.
const BEGIN_MIGRATION: &str = "BEGIN; \
    SELECT pg_advisory_xact_lock(hashtextextended('notebook-cloud schema ' || current_schema(), 0))";

/// How long a new writer waits for one that ended without a word to be forgotten by the database.
const TAKE_PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks.
const TAKE_PAUSE: Duration = Duration::from_millis(50);
/// What the writer's connection asks of the database: a commit is on disk when it is answered,
/// and a writer whose machine is gone loses the lock within half a minute.
const WRITER_SESSION: &str = "SET synchronous_commit = on; SET tcp_keepalives_idle = 10; \
    SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4";
const WRITER_LOCK: &str = "SELECT pg_try_advisory_lock(\
    hashtextextended('notebook-cloud documents ' || current_schema(), 0))";

/// Connects, and applies the migrations that the part (`catalog`, `documents`) lacks.
pub(crate) async fn open(
    options: &PgConnectOptions,
    part: &'static str,
    migrations: &'static [Migration],
) -> Result<PgPool> {
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > DOUBTFUL_AFTER {
                    sqlx::Connection::ping(connection).await?;
                }
                Ok(true)
            })
        })
        .connect_with(options.clone())
        .await
        .map_err(failed("be reached"))?;
    migrate(&pool, part, migrations).await?;
    Ok(pool)
}

/// Starts a transaction that runs alone among those started here.
pub(crate) async fn begin_alone(pool: &PgPool) -> Result<Transaction<'static, Postgres>> {
    begin(pool, BEGIN_ALONE).await
}

/// Starts a transaction that reads one moment.
pub(crate) async fn begin_reading(pool: &PgPool) -> Result<Transaction<'static, Postgres>> {
    begin(pool, BEGIN_READING).await
}

/// In a task of its own, which ends also when the caller is dropped meanwhile: a connection that went back to the pool
/// between `BEGIN` and its answer would keep the transaction open, and with it the lock, for as long as nobody uses it.
async fn begin(pool: &PgPool, statement: &'static str) -> Result<Transaction<'static, Postgres>> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin_with(statement).await });
    let begun = begun.await.unwrap_or_else(|stopped| {
        // The runtime ends; a panic goes on.
        match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(sqlx::Error::WorkerCrashed),
        }
    });
    begun.map_err(failed("start a transaction"))
}

/// Applies the migrations newer than the part's recorded version, all or none.
async fn migrate(pool: &PgPool, part: &str, migrations: &'static [Migration]) -> Result<()> {
    let mut transaction = pool
        .begin_with(BEGIN_MIGRATION)
        .await
        .map_err(failed("start a migration"))?;
    let connection: &mut PgConnection = &mut transaction;
    let found = recorded_version(connection, part)
        .await
        .map_err(failed("read its schema version"))?;
    let known = migrations.last().map_or(0, |migration| migration.version);
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    for migration in migrations
        .iter()
        .filter(|migration| migration.version > found)
    {
        sqlx::raw_sql(migration.postgres)
            .execute(&mut *connection)
            .await
            .map_err(failed("apply a migration"))?;
    }
    sqlx::query(
        "INSERT INTO schema_version (part, version) VALUES ($1, $2) \
         ON CONFLICT (part) DO UPDATE SET version = excluded.version",
    )
    .bind(part)
    .bind(known)
    .execute(&mut *connection)
    .await
    .map_err(failed("record a migration"))?;
    transaction
        .commit()
        .await
        .map_err(failed("commit a migration"))
}

/// The version a part was brought to; 0 for a new one.
async fn recorded_version(connection: &mut PgConnection, part: &str) -> sqlx::Result<i64> {
    sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS schema_version (part TEXT PRIMARY KEY, version BIGINT NOT NULL)",
    )
    .execute(&mut *connection)
    .await?;
    let version = sqlx::query_scalar("SELECT version FROM schema_version WHERE part = $1")
        .bind(part)
        .fetch_optional(connection)
        .await?;
    Ok(version.unwrap_or(0))
}

/// The connection of the document log's writer. While it lives it holds a lock, so that a second
/// server cannot write beside it. When it is lost and made again, `generation` tells whether
/// somebody else wrote meanwhile: then this server's rooms are not the truth any more.
pub(crate) struct HeldConnection {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
    generation: i64,
}

impl HeldConnection {
    /// Takes the document log; fails when another server has it.
    pub(crate) async fn take(options: &PgConnectOptions) -> Result<Self> {
        let mut connection = connect_and_lock(options).await?;
        let fsync: String = sqlx::query_scalar("SHOW fsync")
            .fetch_one(&mut connection)
            .await
            .map_err(failed("say whether it writes to the disk"))?;
        if fsync != "on" {
            tracing::warn!("the database runs with fsync={fsync}: a power cut may lose notebooks");
        }
        let generation = sqlx::query_scalar(
            "UPDATE document_writer SET generation = generation + 1 RETURNING generation",
        )
        .fetch_one(&mut connection)
        .await
        .map_err(failed("take the document log"))?;
        Ok(Self {
            options: options.clone(),
            connection: Some(connection),
            generation,
        })
    }

    /// The connection, made again when it was lost.
    pub(crate) async fn ready(&mut self) -> Result<&mut PgConnection> {
        let connection = if let Some(connection) = self.connection.take() {
            connection
        } else {
            let mut connection = connect_and_lock(&self.options).await?;
            let generation: i64 = sqlx::query_scalar("SELECT generation FROM document_writer")
                .fetch_one(&mut connection)
                .await
                .map_err(failed("take the document log again"))?;
            if generation != self.generation {
                return Err(StoreError::InUse);
            }
            connection
        };
        Ok(self.connection.insert(connection))
    }

    /// Ends a connection that may be broken, and the lock with it.
    pub(crate) fn drop_connection(&mut self) {
        self.connection = None;
    }

    /// Ends the connection in order, so that the next server need not wait.
    pub(crate) async fn close(self) {
        if let Some(connection) = self.connection
            && let Err(cause) = connection.close().await
        {
            tracing::debug!(%cause, "the log's connection ended without an answer");
        }
    }
}

async fn connect_and_lock(options: &PgConnectOptions) -> Result<PgConnection> {
    let mut connection = PgConnection::connect_with(options)
        .await
        .map_err(failed("be reached"))?;
    sqlx::raw_sql(WRITER_SESSION)
        .execute(&mut connection)
        .await
        .map_err(failed("set up a connection"))?;
    let deadline = Instant::now() + TAKE_PATIENCE;
    loop {
        let locked: bool = sqlx::query_scalar(WRITER_LOCK)
            .fetch_one(&mut connection)
            .await
            .map_err(failed("lock the document log"))?;
        if locked {
            return Ok(connection);
        }
        if Instant::now() >= deadline {
            return Err(StoreError::InUse);
        }
        tokio::time::sleep(TAKE_PAUSE).await;
    }
}

/// Lost connections, a server that starts or stops, serialization failures and deadlocks.
pub(crate) fn is_retryable(code: &str) -> bool {
    code.starts_with("08")
        || matches!(
            code,
            "40001" | "40P01" | "53300" | "55P03" | "57P01" | "57P02" | "57P03"
        )
}

/// `disk_full`.
pub(crate) fn is_full(code: &str) -> bool {
    code == "53100"
}
