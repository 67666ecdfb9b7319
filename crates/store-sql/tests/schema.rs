//! The schema and every SQL file against a real database.

use store::{NewNotebook, Notebooks, StoreError, sql};
use store_sql::testing::{TEST_DATABASE, TestDatabase};
use store_sql::{SqlCatalog, SqlDocumentLog};

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
    let notebook = NewNotebook {
        id: "01".to_owned(),
        owner_principal: "user:dev:ada".to_owned(),
        title: None,
        created_ms: 1,
        actor_label: "user:dev:ada/browser:tab".to_owned(),
    };
    assert!(first.create_notebook(&notebook).await.unwrap());
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
