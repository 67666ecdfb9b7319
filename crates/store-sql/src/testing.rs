//! A database of its own for each test: SQLite files in a folder, or, where `TEST_DATABASE` names a
//! PostgreSQL, a fresh schema there. `cargo xtask test` runs the suites on both.

use std::ops::Deref;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::database::{Database, Kind};

/// Names the PostgreSQL to test on; SQLite when absent.
pub const TEST_DATABASE: &str = "TEST_DATABASE";

/// An empty database, gone (or left to a server that is thrown away) with the test.
#[derive(Debug)]
pub struct TestDatabase {
    database: Database,
    folder: TempDir,
}

impl TestDatabase {
    /// Makes one.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for a test");
        let database = match std::env::var(TEST_DATABASE) {
            Ok(url) => Self::schema(&url).await,
            Err(_) => Database::in_folder(folder.path()),
        };
        Self { database, folder }
    }

    async fn schema(url: &str) -> Database {
        let options: PgConnectOptions = url.parse().expect("TEST_DATABASE is an address");
        let mut connection = PgConnection::connect_with(&options)
            .await
            .expect("the PostgreSQL of TEST_DATABASE answers");
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        connection
            .execute(AssertSqlSafe(format!("CREATE SCHEMA {name}")))
            .await
            .expect("a schema for a test");
        connection.close().await.expect("a clean end");
        Database(Kind::Postgres(Box::new(
            options.options([("search_path", name)]),
        )))
    }

    /// Whether it is PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        matches!(self.database.0, Kind::Postgres(_))
    }

    /// A folder of the test's own; SQLite's files are here.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Runs statements past the traits, on a part's own connection: `catalog` or `documents`.
    ///
    /// # Errors
    /// The database's words.
    pub async fn execute(&self, part: &str, statements: &str) -> Result<(), String> {
        let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
        let done = match &self.database.0 {
            Kind::Folder(folder) => {
                let mut file = sqlite(folder, part).await;
                statements.execute(&mut file).await.map(drop)
            }
            Kind::Postgres(options) => {
                let mut connection = PgConnection::connect_with(options).await.expect("it runs");
                statements.execute(&mut connection).await.map(drop)
            }
        };
        done.map_err(|cause| cause.to_string())
    }

    /// Whether a statement fits the schema of the catalog.
    ///
    /// # Errors
    /// The database's words.
    pub async fn prepare(&self, statement: &'static str) -> Result<(), String> {
        use sqlx::SqlSafeStr as _;
        let done = match &self.database.0 {
            Kind::Folder(folder) => {
                let mut file = sqlite(folder, "catalog").await;
                file.prepare(statement.into_sql_str()).await.map(drop)
            }
            Kind::Postgres(options) => {
                let mut connection = PgConnection::connect_with(options).await.expect("it runs");
                connection.prepare(statement.into_sql_str()).await.map(drop)
            }
        };
        done.map_err(|cause| cause.to_string())
    }

    /// Lets a part look as if a later release had written it.
    pub async fn pretend_version(&self, part: &str, version: i64) {
        let statement = if self.is_postgres() {
            format!("UPDATE schema_version SET version = {version} WHERE part = '{part}'")
        } else {
            format!("PRAGMA user_version = {version}")
        };
        self.execute(part, &statement).await.expect("a version");
    }
}

async fn sqlite(folder: &std::path::Path, part: &str) -> SqliteConnection {
    let file = folder.join(format!("{part}.sqlite"));
    let options = SqliteConnectOptions::new().filename(file);
    SqliteConnection::connect_with(&options)
        .await
        .expect("the file is there")
}

impl Deref for TestDatabase {
    type Target = Database;

    fn deref(&self) -> &Database {
        &self.database
    }
}
