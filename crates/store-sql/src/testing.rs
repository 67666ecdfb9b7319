//! A database of its own for each test: SQLite files in a folder, or, where `TEST_DATABASE` names a
//! PostgreSQL, a fresh schema there. `cargo xtask test` runs the suites on both.

use std::ops::Deref;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use tempfile::TempDir;

use store::{NewAttachJob, NewNotebook, NewPairing, Notebooks as _};
use wire::http::JobTrigger;

use crate::SqlCatalog;
use crate::database::{Database, Kind};

/// Names the PostgreSQL to test on; SQLite when absent.
pub const TEST_DATABASE: &str = "TEST_DATABASE";

/// Who owns what tests make.
pub const OWNER: &str = "user:dev:ada";

/// Makes a notebook of [`OWNER`], whose id is not taken.
pub async fn make_notebook(catalog: &SqlCatalog, id: &str) {
    let notebook = NewNotebook {
        id: id.to_owned(),
        owner_principal: OWNER.to_owned(),
        title: None,
        created_ms: 1,
        actor_label: format!("{OWNER}/browser:tab"),
    };
    let made = catalog.create_notebook(&notebook).await;
    assert!(made.expect("the catalog answers"), "{id} is taken");
}

/// An empty catalog, and its database.
pub async fn open_catalog() -> (SqlCatalog, TestDatabase) {
    let database = TestDatabase::new().await;
    let catalog = SqlCatalog::open(&database).await;
    (catalog.expect("the catalog opens"), database)
}

/// A request of [`OWNER`] to attach a workstation to the notebook `nb`.
pub fn new_job(id: &str, workstation: &str) -> NewAttachJob {
    NewAttachJob {
        id: id.to_owned(),
        notebook_id: "nb".to_owned(),
        owner_principal: OWNER.to_owned(),
        workstation_id: workstation.to_owned(),
        trigger: JobTrigger::UserAttach,
        actor_label: format!("{OWNER}/browser:tab"),
        now_ms: 10,
    }
}

/// A pairing code of [`OWNER`], made at 0.
pub fn new_pairing(id: &str, code_hash: &str) -> NewPairing {
    NewPairing {
        id: id.to_owned(),
        code_hash: code_hash.to_owned(),
        owner_principal: OWNER.to_owned(),
        principal_namespace: "user:dev".to_owned(),
        actor_label: format!("{OWNER}/browser:tab"),
        created_ms: 0,
        expires_ms: 600_000,
        expected_name: None,
    }
}

/// A database of a test's own; a schema is left to a PostgreSQL that is thrown away itself.
#[derive(Debug)]
pub struct TestDatabase {
    database: Database,
    url: Option<String>,
    folder: PathBuf,
    temporary: Option<TempDir>,
}

impl TestDatabase {
    /// An empty one.
    pub async fn new() -> Self {
        let temporary = tempfile::tempdir().expect("a folder for a test");
        let mut made = Self::of(temporary.path()).await;
        made.temporary = Some(temporary);
        made
    }

    /// The one that belongs to a server's data folder, now and after a restart.
    pub async fn of(folder: &Path) -> Self {
        let url = match std::env::var(TEST_DATABASE) {
            Ok(server) => Some(schema(&server, folder).await),
            Err(_) => None,
        };
        let database = url.as_ref().map_or_else(
            || Database::in_folder(folder),
            |url| Database::at(url, None).expect("TEST_DATABASE is an address"),
        );
        Self {
            database,
            url,
            folder: folder.to_owned(),
            temporary: None,
        }
    }

    /// The address for a server's settings; none means SQLite in the data folder.
    pub fn url(&self) -> Option<String> {
        self.url.clone()
    }

    /// A folder of the test's own; SQLite's files are here.
    pub fn folder(&self) -> &Path {
        &self.folder
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

/// Makes the schema that belongs to a folder, unless it is there; the address of a database that uses it.
async fn schema(server: &str, folder: &Path) -> String {
    let mut connection = PgConnection::connect(server)
        .await
        .expect("the PostgreSQL of TEST_DATABASE answers");
    let name = uuid::Uuid::new_v5(
        &uuid::Uuid::NAMESPACE_OID,
        folder.as_os_str().as_encoded_bytes(),
    );
    let name = format!("test_{}", name.simple());
    connection
        .execute(AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {name}")))
        .await
        .expect("a schema for a test");
    connection.close().await.expect("a clean end");
    let mark = if server.contains('?') { '&' } else { '?' };
    format!("{server}{mark}options[search_path]={name}")
}

async fn sqlite(folder: &Path, part: &str) -> SqliteConnection {
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
