//! The schema and every SQL file against a real database.

use store::{AttachJobs, Notebooks, StoreError, sql};
use store_sql::testing::{TEST_DATABASE, TestDatabase, make_notebook};
use store_sql::{SqlCatalog, SqlDocumentLog};
use wire::http::JobStatus;

#[tokio::test]
async fn every_statement_prepares_against_the_migrated_database() {
    let database = TestDatabase::new().await;
    SqlCatalog::open(&database).await.unwrap().close().await;
    for (name, statement) in sql::ALL {
        if let Err(error) = database.prepare(statement).await {
            panic!("{name}.sql does not fit the schema: {error}");
        }
    }
}

#[tokio::test]
async fn a_catalog_opens_again_with_its_data() {
    let database = TestDatabase::new().await;
    let first = SqlCatalog::open(&database).await.unwrap();
    make_notebook(&first, "01").await;
    first.close().await;
    let second = SqlCatalog::open(&database).await.unwrap();
    assert_eq!(second.notebook("01").await.unwrap().unwrap().room_epoch, 1);
    second.close().await;
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_refused_in_plain_words() {
    let database = TestDatabase::new().await;
    SqlCatalog::open(&database).await.unwrap().close().await;
    SqlDocumentLog::open(&database).await.unwrap().close().await;
    for part in ["catalog", "documents"] {
        database.pretend_version(part, 999).await;
    }
    let errors = [
        SqlCatalog::open(&database).await.unwrap_err(),
        SqlDocumentLog::open(&database).await.unwrap_err(),
    ];
    for error in errors {
        assert!(
            matches!(error, StoreError::NewerSchema { found: 999, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("Hint:"), "{error}");
    }
}

/// SQLite compares text by bytes; PostgreSQL would by the database's language.
#[tokio::test]
async fn text_compares_by_bytes() {
    let database = TestDatabase::new().await;
    if !database.is_postgres() {
        println!(
            "skipped: {TEST_DATABASE} names no PostgreSQL; `cargo xtask test` starts one and runs this there"
        );
        return;
    }
    SqlCatalog::open(&database).await.unwrap().close().await;
    SqlDocumentLog::open(&database).await.unwrap().close().await;
    let check = "DO $$ BEGIN IF EXISTS (SELECT 1 FROM information_schema.columns \
         WHERE table_schema = current_schema() AND data_type = 'text' \
         AND table_name <> 'schema_version' AND collation_name IS DISTINCT FROM 'C') \
         THEN RAISE 'a TEXT column lacks COLLATE \"C\"'; END IF; END $$";
    database.execute("catalog", check).await.unwrap();
}

/// Before the sixth step each owner of a notebook could have a job of their own (HAZ-14).
#[tokio::test]
async fn of_several_active_jobs_of_a_notebook_the_newest_stays() {
    let database = TestDatabase::new().await;
    let first = SqlCatalog::open(&database).await.unwrap();
    make_notebook(&first, "nb").await;
    first.close().await;
    let as_before = "ALTER TABLE credentials DROP COLUMN token_seen_ms;
        DROP INDEX attach_jobs_one_active;
        CREATE UNIQUE INDEX attach_jobs_one_active ON attach_jobs (notebook_id, owner_principal)
            WHERE status IN ('pending', 'accepted', 'running');
        INSERT INTO attach_jobs (id, notebook_id, owner_principal, workstation_id, status,
            requested_trigger, requested_by_actor_label, requested_ms, updated_ms) VALUES
            ('old', 'nb', 'user:dev:ada', 'ws', 'running', 'user_attach', 'x/y', 1, 9),
            ('over', 'nb', 'user:dev:ada', 'ws', 'completed', 'user_attach', 'x/y', 3, 3),
            ('new', 'nb', 'user:dev:ben', 'ws', 'accepted', 'user_attach', 'x/y', 2, 2)";
    database.execute("catalog", as_before).await.unwrap();
    database.pretend_version("catalog", 5).await;
    let catalog = SqlCatalog::open(&database).await.unwrap();
    let job = async |id| catalog.job_by_id(id).await.unwrap().unwrap();
    assert_eq!(job("old").await.status, JobStatus::Cancelled);
    assert_eq!(job("old").await.finished_ms, Some(9));
    assert_eq!(job("over").await.status, JobStatus::Completed);
    assert_eq!(catalog.active_job("nb").await.unwrap().unwrap().id, "new");
    let second = "UPDATE attach_jobs SET status = 'running' WHERE id = 'old'";
    assert!(database.execute("catalog", second).await.is_err());
    catalog.close().await;
}
