//! Connections to a PostgreSQL server, with the schema of ours brought up to date.
//!
//! Everything of ours lies in the first schema of the connection's search path, so that one
//! database can serve several clouds.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{PgConnection, Postgres, Transaction};
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
    pool.begin_with(BEGIN_ALONE)
        .await
        .map_err(failed("start a transaction"))
}

/// Starts a transaction that reads one moment.
pub(crate) async fn begin_reading(pool: &PgPool) -> Result<Transaction<'static, Postgres>> {
    pool.begin_with(BEGIN_READING)
        .await
        .map_err(failed("start a transaction"))
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

/// Lost connections, a server that starts or stops, serialization failures and deadlocks.
pub(crate) fn is_retryable(code: &str) -> bool {
    code.starts_with("08")
        || matches!(
            code,
            "40001" | "40P01" | "53300" | "55P03" | "57P01" | "57P02" | "57P03"
        )
}
