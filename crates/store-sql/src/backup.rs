//! Both SQLite databases as they were at one moment, copied while a server writes to them.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use store::Result;

use crate::database::{CATALOG, DOCUMENTS};
use crate::db::failed;

/// How long the server may keep the databases before the moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// The schemas of a copying connection, source and target.
const PAIRS: [(&str, &str); 2] = [("main", "to_catalog"), ("documents", "to_documents")];

/// Every blob that the copied catalog refers to.
const BLOBS: &str = "SELECT hash FROM to_catalog.notebook_blobs \
     UNION SELECT blob_hash FROM to_catalog.notebook_artifacts \
     UNION SELECT blob_hash FROM to_catalog.notebook_revision_blobs \
     UNION SELECT snapshot_blob FROM to_catalog.notebook_revisions \
     UNION SELECT runtime_blob FROM to_catalog.notebook_revisions \
     UNION SELECT comms_blob FROM to_catalog.notebook_revisions WHERE comms_blob IS NOT NULL";

/// Copies the catalog and the document log of a data folder into files of the same names in `into`,
/// both as they were at one moment. Writers wait for that moment only, not for the copy. Returns
/// the hashes of all blobs that the copied catalog knows.
pub async fn copy_databases(folder: &Path, into: &Path) -> Result<Vec<String>> {
    // A transaction that writes to both files, so that nobody else does.
    let mut holder = open(folder).await?;
    run(&mut holder, "BEGIN IMMEDIATE", "hold the databases still").await?;
    let mut copier = open(folder).await?;
    for ((_, schema), file) in PAIRS.into_iter().zip([CATALOG, DOCUMENTS]) {
        attach(&mut copier, &into.join(file), schema).await?;
    }
    // A reader's moment is its first look at each file.
    run(&mut copier, "BEGIN", "start a copy").await?;
    let mut objects = Vec::new();
    for (from, to) in PAIRS {
        objects.push((from, to, schema_of(&mut copier, from).await?));
    }
    run(&mut holder, "ROLLBACK", "let go of the databases").await?;
    for (from, to, objects) in objects {
        copy(&mut copier, from, to, objects).await?;
    }
    let hashes = sqlx::query_scalar(BLOBS)
        .fetch_all(&mut copier)
        .await
        .map_err(failed("list blobs"))?;
    run(&mut copier, "COMMIT", "finish a copy").await?;
    for (from, to) in PAIRS {
        let version: i64 = sqlx::query_scalar(AssertSqlSafe(format!("PRAGMA {from}.user_version")))
            .fetch_one(&mut copier)
            .await
            .map_err(failed("read a schema version"))?;
        let version = format!("PRAGMA {to}.user_version = {version}");
        run(&mut copier, &version, "write a schema version").await?;
    }
    for connection in [copier, holder] {
        connection.close().await.map_err(failed("end a copy"))?;
    }
    Ok(hashes)
}

/// What SQLite finds wrong with a file, if anything; nothing is written to it. It looks at the structure only: a changed
/// byte within a value is not found.
pub async fn check_database(file: &Path) -> Result<Option<String>> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(failed("open a file"))?;
    let said = sqlx::query_scalar::<_, String>("PRAGMA integrity_check(1)")
        .fetch_one(&mut connection)
        .await;
    connection.close().await.map_err(failed("close a file"))?;
    Ok(match said {
        Ok(said) => (said != "ok").then_some(said),
        Err(sqlx::Error::Database(cause)) => Some(cause.message().to_owned()),
        Err(cause) => return Err(failed("check a file")(cause)),
    })
}

/// A connection to both files of a folder.
async fn open(folder: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(folder.join(CATALOG))
        // An attached file is made as the first one would be.
        .create_if_missing(true)
        .foreign_keys(false)
        .busy_timeout(BUSY_TIMEOUT);
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(failed("open its files"))?;
    attach(&mut connection, &folder.join(DOCUMENTS), "documents").await?;
    Ok(connection)
}

async fn attach(connection: &mut SqliteConnection, file: &Path, schema: &str) -> Result<()> {
    let statement = format!("ATTACH DATABASE $1 AS {schema}");
    sqlx::query(AssertSqlSafe(statement))
        .bind(file.to_string_lossy().into_owned())
        .execute(connection)
        .await
        .map_err(failed("open a file for the copy"))?;
    Ok(())
}

/// Every table, index and trigger: its kind, name and the statement that made it. Tables come first, and triggers last,
/// so that none acts on the rows that are copied.
async fn schema_of(
    connection: &mut SqliteConnection,
    schema: &str,
) -> Result<Vec<(String, String, String)>> {
    let statement = format!(
        "SELECT type, name, sql FROM {schema}.sqlite_schema \
         WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 ELSE 2 END"
    );
    sqlx::query_as(AssertSqlSafe(statement))
        .fetch_all(connection)
        .await
        .map_err(failed("read a schema"))
}

async fn copy(
    connection: &mut SqliteConnection,
    from: &str,
    to: &str,
    objects: Vec<(String, String, String)>,
) -> Result<()> {
    let mut numbered = false;
    for (kind, name, made_by) in objects {
        // `CREATE TABLE name …` and `CREATE UNIQUE INDEX name …`: the schema goes before the name.
        let word = kind.to_uppercase();
        let made_by = made_by.replacen(&format!("{word} "), &format!("{word} {to}."), 1);
        run(connection, &made_by, "copy a schema").await?;
        if kind == "table" {
            numbered |= made_by.contains("AUTOINCREMENT");
            let rows = format!("INSERT INTO {to}.{name} SELECT * FROM {from}.{name}");
            run(connection, &rows, "copy rows").await?;
        }
    }
    if numbered {
        // Numbers that were given out are not given out again.
        let numbers = format!(
            "DELETE FROM {to}.sqlite_sequence; \
             INSERT INTO {to}.sqlite_sequence SELECT * FROM {from}.sqlite_sequence"
        );
        run(connection, &numbers, "copy rows").await?;
    }
    Ok(())
}

async fn run(
    connection: &mut SqliteConnection,
    statements: &str,
    doing: &'static str,
) -> Result<()> {
    sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))
        .execute(connection)
        .await
        .map_err(failed(doing))?;
    Ok(())
}
